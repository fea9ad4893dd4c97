//! Modules that stand in a graph as ops, because no row knows their class: a user's own code, which is not in the file. A
//! declaration says what they compute, and may call the modules that they hold.
//!
//! Owns: lowering such an op, and naming all that nobody declared at once. Must never know: what a known class computes.

use super::call::Operand;
use super::driver::Walk;
use crate::model;
use crate::modules::{self, Module};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_ir::core::CustomResult;
use modelport_ir::{Attr, Builder, CustomLayer, CustomLayers, DType, Dim, Op, SourceOp, TensorType, ValueId, text};
use std::collections::BTreeMap;

/// Whether an op is a module.
pub(crate) fn is_module(op: &SourceOp) -> bool {
    op.attrs.contains_key(modules::CHILDREN)
}

/// A module whose class nobody knows.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    path: String,
    op: SourceOp,
    /// Types of what it is called with, where what comes before it could be lowered.
    inputs: Option<Vec<TensorType>>,
}

fn short(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

fn path(op: &SourceOp) -> &str {
    op.attr("@module").and_then(Attr::as_str).unwrap_or_default()
}

/// By the full path of the class, or by its name.
fn declared<'c>(op: &SourceOp, custom: &'c CustomLayers) -> Option<&'c dyn CustomLayer> {
    custom.get(&op.name).or_else(|| custom.get(short(&op.name)))
}

/// Lowers a module applied to values.
///
/// # Errors
/// `TO0203` when nobody knows its class, which is recorded; those of its body else.
pub(crate) fn lower(walk: &mut Walk<'_>, b: &mut Builder, op: &SourceOp, operands: &[Operand]) -> Result<Vec<Operand>> {
    let inputs: Vec<ValueId> = operands.iter().map(|o| o.real("an operand of a module")).collect::<Result<_>>()?;
    Ok(apply(walk, b, op, &inputs)?.into_iter().map(Operand::from).collect())
}

fn apply(walk: &mut Walk<'_>, b: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    Limits::default().check_depth(walk.depth, "modules inside of declared ones")?;
    let custom = walk.custom;
    let Some(layer) = declared(op, custom) else {
        let module = Module::from_op(op);
        if modules::find(&module)?.is_some() {
            return known(walk, b, &module, path(op), inputs);
        }
        if custom.allow_custom_ops {
            return kept(b, op, inputs);
        }
        record(walk, op, Some(inputs.iter().map(|&i| b.ty(i).clone()).collect()));
        return Err(Diagnostic::error(Code::TORCH_UNKNOWN_MODULE, "unknown module"));
    };
    let parent = path(op).to_owned();
    layer.lower_with(b, op, inputs, &mut |b, name, inputs| {
        let Some(child) = Module::child_op(op, name) else { return Err(no_child(op, name)) };
        let mut child = child.clone();
        child.attrs.insert("@module".to_owned(), Attr::Str(modules::join(&parent, name)));
        b.push_scope(name.replace('.', "/"));
        let result = apply(walk, b, &child, inputs);
        b.pop_scope();
        result
    })
}

fn no_child(op: &SourceOp, name: &str) -> Box<Diagnostic> {
    let names: Vec<String> = Module::from_op(op).children.into_iter().map(|(n, _)| n).collect();
    Diagnostic::error(Code::CUSTOM_DECLARATION, format!("a `{}` holds no module `{name}`", short(&op.name)))
        .found(names.join(", "))
}

/// A module that a row knows: its calls, lowered in place.
fn known(walk: &mut Walk<'_>, b: &mut Builder, m: &Module, at: &str, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let types = inputs.iter().map(|&i| b.ty(i).clone()).collect();
    let graph = model::part(m, at, types)?;
    let given: Vec<_> = inputs.iter().map(|&i| Some(Operand::from(i))).collect();
    let before = walk.state.problems.0.len();
    let mut inner = Walk::new(walk.custom, walk.state, walk.depth + 1);
    inner.graph(b, &graph, &given);
    let outputs = inner.outputs(b, &graph).into_iter().collect::<Option<Vec<_>>>();
    match outputs {
        Some(values) => values.into_iter().map(|o| o.real("a result of a module")).collect(),
        // What failed inside is recorded there.
        None if walk.state.problems.0.len() > before => match walk.state.problems.0.pop() {
            Some(d) => Err(d),
            None => Err(Diagnostic::error(Code::TORCH_UNKNOWN_MODULE, "unknown module")),
        },
        None => Err(Diagnostic::error(Code::TORCH_UNKNOWN_MODULE, "unknown module")),
    }
}

/// A node in a domain of its own: plain attributes, and all tensors as operands after the module's own.
fn kept(b: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let like = inputs.first().map(|&i| b.ty(i).clone());
    let result = CustomResult {
        dtype: like.as_ref().map_or(DType::F32, |t| t.dtype),
        shape: like.iter().flat_map(|t| t.shape.iter().map(|_| Dim::Unknown)).collect(),
    };
    let mut operands: Vec<_> = inputs.iter().copied().map(Some).collect();
    for (name, tensor) in &op.weights {
        operands.push(Some(b.constant(modules::join(path(op), name), tensor.clone())));
    }
    let op_type = short(&op.name).to_owned();
    let custom =
        Op::Custom { domain: "modelport.torch".to_owned(), op_type, attributes: plain(op), results: vec![result] };
    b.add(custom, &operands)
}

/// Attributes that are the user's own plain data.
fn plain(op: &SourceOp) -> BTreeMap<String, Attr> {
    let own = |k: &str| !k.starts_with('@') && k != "training";
    let data = |a: &Attr| matches!(a, Attr::Int(_) | Attr::Float(_) | Attr::Str(_) | Attr::Bool(_));
    op.attrs.iter().filter(|(k, a)| own(k) && data(a)).map(|(k, a)| (k.clone(), a.clone())).collect()
}

/// Remembers a module that nobody knows, and those of unknown classes inside of it.
pub(crate) fn record(walk: &mut Walk<'_>, op: &SourceOp, inputs: Option<Vec<TensorType>>) {
    const MOST: usize = 2000;
    if walk.state.modules.len() >= MOST {
        return;
    }
    let module = Module::from_op(op);
    let unknown = modules::find(&module).is_ok_and(|f| f.is_none()) && declared(op, walk.custom).is_none();
    if unknown {
        walk.state.modules.push(Unknown { path: path(op).to_owned(), op: op.clone(), inputs });
    }
    for (name, child) in &module.children {
        let mut child = child.to_op();
        child.attrs.insert("@module".to_owned(), Attr::Str(modules::join(path(op), name)));
        record(walk, &child, None);
    }
}

/// One finding for all unknown classes, with a declaration of each to be edited.
pub(crate) fn diagnose(unknown: &[Unknown], problems: &mut Diagnostics) {
    const LISTED: usize = 30;
    // Of a class, the use that knows most stands for it.
    let mut classes: Vec<&Unknown> = Vec::new();
    for u in unknown {
        match classes.iter_mut().find(|c| c.op.name == u.op.name) {
            Some(c) if c.inputs.is_none() && u.inputs.is_some() => *c = u,
            Some(_) => {}
            None => classes.push(u),
        }
    }
    let Some(first) = classes.first() else { return };
    let names: Vec<String> = classes.iter().take(LISTED).map(|u| format!("`{}`", u.op.name)).collect();
    let count = if classes.len() > LISTED { format!(" and {} more", classes.len() - LISTED) } else { String::new() };
    let what = if classes.len() == 1 { "module class" } else { "module classes" };
    let mut d = Diagnostic::error(
        Code::TORCH_UNKNOWN_MODULE,
        format!("{what} {}{count}: the code is not in the file and not declared", names.join(", ")),
    )
    .at_node(if first.path.is_empty() { short(&first.op.name) } else { &first.path });
    if let Some(like) = first.op.attr("@like").and_then(Attr::as_str) {
        d = d.help(format!("the weights are those of torchvision's {like}: --arch {like} converts them as that"));
    }
    let templates = classes.iter().take(LISTED).map(|u| {
        let types: Vec<_> = u.inputs.iter().flatten().cloned().map(Some).collect();
        text::print_declaration_template(&u.op, &types).trim_end().to_owned()
    });
    let templates: Vec<String> = templates.collect();
    problems.push(
        d.help(format!(
            "declare what they compute in a text file, given with `--custom FILE`:\n{}",
            templates.join("\n")
        ))
        .help("or export the model where its code is: torch.export.save writes a .pt2 that needs no declaration"),
    );
}
