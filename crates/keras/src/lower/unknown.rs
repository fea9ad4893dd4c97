//! Layers without a lowering: user code and `Lambda`. They are named all at once, with all that a declaration needs;
//! or written as custom ops where the user asks for that.

use super::call::Operand;
use super::config::show;
use super::find;
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::core::CustomResult;
use modelport_ir::{Attr, Builder, CustomLayer, CustomLayers, DType, Dim, Op, SourceOp, TensorType, text};
use std::collections::BTreeMap;

/// A layer of a class that has no lowering.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    layer: String,
    op: SourceOp,
    /// The types of its inputs, where what comes before it could be lowered.
    inputs: Option<Vec<TensorType>>,
}

/// Where Keras's own classes come from, by the first part of their module.
const OWN_MODULES: &[&str] = &["keras", "tf_keras", "tensorflow", "builtins"];

/// Classes that `keras.applications` registers as a user would, without a package of their own (keras 2.15
/// `applications/inception_resnet_v2.py`).
const OF_APPLICATIONS: &[&str] = &["CustomScaleLayer", "LayerScale", "StochasticDepth"];

/// Whether the layer is user code that only shares its class name with one of Keras's.
pub(crate) fn is_foreign(op: &SourceOp) -> bool {
    let text = |key: &str| op.attr(key).and_then(Attr::as_str);
    let foreign_module = text("@module").is_some_and(|m| {
        let first = m.split('.').next().unwrap_or(m);
        !OWN_MODULES.contains(&first)
    });
    let package = text("@registered_name").and_then(|r| r.split_once('>')).map(|(package, _)| package);
    if package == Some("Custom") && OF_APPLICATIONS.contains(&op.name.as_str()) {
        return false;
    }
    foreign_module || package.is_some_and(|p| !OWN_MODULES.contains(&p.to_lowercase().as_str()))
}

/// The body that the user gave for the layer. `Lambda` layers share a class, so those are found by layer name first.
pub(crate) fn declared<'c>(op: &SourceOp, custom: &'c CustomLayers) -> Option<&'c dyn CustomLayer> {
    let by_layer = || custom.get(op.attr("name")?.as_str()?);
    let found = if op.name == "Lambda" { by_layer() } else { None };
    found.or_else(|| custom.get(&op.name))
}

/// Records an unknown layer, or one inside a wrapper, whose inputs could not be computed.
pub(crate) fn check(op: &SourceOp, layer: &str, custom: &CustomLayers, unknown: &mut Vec<Unknown>) {
    if custom.allow_custom_ops && op.name != "Lambda" || declared(op, custom).is_some() {
        return;
    }
    if find(op).is_none() || is_foreign(op) {
        unknown.push(Unknown { layer: layer.to_owned(), op: op.clone(), inputs: None });
        return;
    }
    for (name, attr) in &op.attrs {
        if let Attr::Op(inner) = attr {
            check(inner, &format!("{layer}/{name}"), custom, unknown);
        }
    }
}

/// Lowers a layer without a row: a custom op where that is allowed, else it is recorded and fails.
pub(crate) fn lower(
    b: &mut Builder,
    custom: &CustomLayers,
    unknown: &mut Vec<Unknown>,
    op: &SourceOp,
    operands: &[Operand],
) -> Result<Vec<Operand>> {
    if custom.allow_custom_ops && op.name != "Lambda" {
        return custom_op(b, op, operands);
    }
    let inputs = operands.iter().map(|o| b.ty(o.value).clone()).collect();
    unknown.push(Unknown { layer: b.scope(), op: op.clone(), inputs: Some(inputs) });
    Err(Diagnostic::error(Code::KERAS_UNKNOWN_LAYER, "unknown layer"))
}

/// The domain of custom ops.
const DOMAIN: &str = "modelport.keras";

/// Config as attributes, weights as inputs after the layer's own. The result's type is a guess: dtype and rank of the
/// first input, dimensions unknown but for the batch.
fn custom_op(b: &mut Builder, op: &SourceOp, operands: &[Operand]) -> Result<Vec<Operand>> {
    let like = operands.first().map(|o| b.ty(o.value).clone());
    let shape = like.iter().flat_map(|t| t.shape.iter().enumerate());
    let result = CustomResult {
        dtype: like.as_ref().map_or(DType::F32, |t| t.dtype),
        shape: shape.map(|(i, d)| if i == 0 { d.clone() } else { Dim::Unknown }).collect(),
    };
    let mut inputs: Vec<_> = operands.iter().map(|o| Some(o.value)).collect();
    for (name, tensor) in &op.weights {
        inputs.push(Some(b.constant(format!("{}/{name}", b.scope()), tensor.clone())));
    }
    let op_type = op.name.clone();
    let custom = Op::Custom { domain: DOMAIN.to_owned(), op_type, attributes: config(op), results: vec![result] };
    Ok(b.add(custom, &inputs)?.into_iter().map(Operand::from).collect())
}

/// The config without what the reader added and without what every layer has.
fn config(op: &SourceOp) -> BTreeMap<String, Attr> {
    let own = |k: &str| !k.starts_with('@') && !matches!(k, "name" | "trainable" | "dtype" | "batch_input_shape");
    let plain = |a: &Attr| !matches!(a, Attr::None | Attr::Op(_) | Attr::Graph(_));
    op.attrs.iter().filter(|(k, a)| own(k) && plain(a)).map(|(k, a)| (k.clone(), a.clone())).collect()
}

/// One KR0005 for all unknown classes, one KR0006 for each `Lambda`.
pub(crate) fn diagnose(unknown: &[Unknown], problems: &mut Diagnostics) {
    let (lambdas, layers): (Vec<&Unknown>, Vec<&Unknown>) = unknown.iter().partition(|u| u.op.name == "Lambda");
    if let Some(first) = layers.first() {
        problems.push(unknown_layers(&layers, first));
    }
    for u in lambdas {
        problems.push(lambda(u));
    }
}

/// Layers that are listed in full; the rest are counted.
const LISTED: usize = 50;

fn unknown_layers(layers: &[&Unknown], first: &Unknown) -> Box<Diagnostic> {
    let mut classes: Vec<&str> = Vec::new();
    for u in layers {
        if !classes.contains(&u.op.name.as_str()) && classes.len() < LISTED {
            classes.push(&u.op.name);
        }
    }
    let names: Vec<_> = classes.iter().map(|c| format!("`{c}`")).collect();
    let message = match classes.len() {
        1 => format!("layer class {} is neither built in nor declared", names.join(", ")),
        _ => format!("layer classes {} are neither built in nor declared", names.join(", ")),
    };
    let d = Diagnostic::error(Code::KERAS_UNKNOWN_LAYER, message).at_node(first.layer.clone());
    let mut found: Vec<String> = layers.iter().take(LISTED).map(|u| describe(u)).collect();
    if layers.len() > LISTED {
        found.push(format!("and {} more layers", layers.len() - LISTED));
    }
    let templates: Vec<String> =
        classes.iter().filter_map(|c| layers.iter().find(|u| u.op.name == *c)).map(|u| template(u)).collect();
    let templates = templates.join("\n");
    d.found(found.join("\n"))
        .help(format!("declare what they compute in a text file, given with `--custom FILE`:\n{templates}"))
        .help("or save the model where its classes are as a SavedModel (`model.export(DIR)`; in Keras 2 `model.save(DIR)`), which holds what they compute")
        .help("or write such layers as ops of the domain `modelport.keras` with `--allow-custom-ops`")
}

fn lambda(u: &Unknown) -> Box<Diagnostic> {
    let short = u.layer.rsplit('/').next().unwrap_or(&u.layer);
    Diagnostic::error(Code::KERAS_LAMBDA, "a `Lambda` layer holds Python bytecode, which is never executed")
        .at_node(u.layer.clone())
        .found(describe(u))
        .help(format!(
            "declare what it computes in a text file, under its layer name `{short}`, given with `--custom FILE`:\n{}",
            template(u)
        ))
}

/// A declaration to be edited.
fn template(u: &Unknown) -> String {
    let types: Vec<Option<TensorType>> = u.inputs.iter().flatten().cloned().map(Some).collect();
    text::print_declaration_template(&u.op, &types).trim_end().to_owned()
}

/// `layer: Class(config), weights w[10,5], inputs f32[N,10]`
fn describe(u: &Unknown) -> String {
    let code = |k: &str| u.op.name == "Lambda" && matches!(k, "function" | "module" | "output_shape_module");
    let config: Vec<_> =
        config(&u.op).iter().filter(|(k, _)| !code(k)).map(|(k, a)| format!("{k}={}", show(a))).collect();
    let weights: Vec<_> = u.op.weights.iter().map(|(n, t)| format!("{n}: {}", t.ty())).collect();
    let mut out = format!("layer `{}`: {}({})", u.layer, u.op.name, config.join(", "));
    out.push_str(&if weights.is_empty() {
        ", no weights".to_owned()
    } else {
        format!(", weights {}", weights.join(", "))
    });
    match &u.inputs {
        Some(inputs) => {
            let inputs: Vec<_> = inputs.iter().map(TensorType::to_string).collect();
            out.push_str(&format!(", inputs {}", inputs.join(", ")));
        }
        None => out.push_str(", inputs not known (they depend on another unknown layer)"),
    }
    out
}
