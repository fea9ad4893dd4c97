//! Every recorded file of Keras 3, which needs no shim, lowers to a core graph that holds its invariants; what cannot be
//! lowered is said all at once. Numbers are compared in the whole-path tests.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, CoreGraph, CustomLayers, Op, SourceGraph, SourceOp, ValueId};
use modelport_keras::{OpenOptions, converts, lower, open};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn source(path: &str, arch: Option<&str>) -> SourceGraph {
    let options = OpenOptions { arch: arch.map(|a| root().join(a)), ..OpenOptions::default() };
    let file = open(&root().join(path), &options).unwrap_or_else(|d| panic!("{path}: {d}"));
    file.graph.unwrap_or_else(|| panic!("{path} holds no graph"))
}

/// The user's layer of the `custom_*` fixtures: `x·w + b`.
fn custom_layer(b: &mut Builder, op: &SourceOp, inputs: &[ValueId]) -> modelport_diag::Result<Vec<ValueId>> {
    let lacks = || Diagnostic::error(Code::CUSTOM_DECLARATION, "CustomLayer takes one input and two weights");
    let (Some(&x), [(_, w), (_, bias)]) = (inputs.first(), op.weights.as_slice()) else { return Err(lacks()) };
    let w = b.constant("w", w.clone());
    let bias = b.constant("b", bias.clone());
    let product = b.one(Op::MatMul, &[x, w])?;
    Ok(vec![b.binary(BinaryOp::Add, product, bias)?])
}

#[test]
fn all_keras_3_fixtures_lower() {
    let cases = std::fs::read_to_string(root().join("fixtures/CASES.tsv")).unwrap();
    let mut custom = CustomLayers::default();
    custom.register("CustomLayer", custom_layer);
    let mut failed = Vec::new();
    let mut lowered = 0;
    for line in cases.lines().skip(1).filter(|l| l.split('\t').next().is_some_and(|id| id.contains("/keras/"))) {
        let fields: Vec<&str> = line.split('\t').collect();
        let arch = fields.get(3).and_then(|a| a.strip_prefix("--arch "));
        let graph = source(fields[1], arch);
        if !graph.provenance.version.as_deref().is_some_and(|v| v.starts_with("3.")) {
            continue;
        }
        match lower(&graph, &custom) {
            Ok(core) => check(&graph, &core, fields[0], &mut failed),
            Err(d) => failed.push(format!("{}: {d}", fields[0])),
        }
        lowered += 1;
    }
    assert!(failed.is_empty(), "{} of {lowered} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(lowered > 300, "only {lowered} cases are files of Keras 3");
}

fn check(graph: &SourceGraph, core: &CoreGraph, case: &str, failed: &mut Vec<String>) {
    if let Err(d) = modelport_ir::verify(core) {
        failed.push(format!("{case}: {d:?}"));
    }
    let outputs = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
    let (before, after) = (graph.outputs(), core.outputs());
    if outputs(before.iter().map(|o| &o.name).collect()) != outputs(after.iter().map(|o| &o.name).collect()) {
        failed.push(format!("{case}: other outputs {after:?}"));
    }
}

fn refused(path: &str) -> Diagnostics {
    lower(&source(path, None), &CustomLayers::default()).expect_err("has no lowering")
}

#[test]
fn unknown_layers_are_named_at_once() {
    for path in ["fixtures/bad/unknown_layers_h5/model.h5", "fixtures/bad/unknown_layers_keras/model.keras"] {
        let graph = source(path, None);
        let strangers: Vec<&SourceOp> = graph.nodes().iter().map(|n| &n.op).filter(|op| !converts(op)).collect();
        assert!(strangers.len() > 1, "{path} should have several unknown layers");
        let problems = refused(path);
        let [one] = problems.0.as_slice() else { panic!("{path}: not one diagnostic: {problems}") };
        assert_eq!(one.code, Code::KERAS_UNKNOWN_LAYER);
        let found = one.found.as_deref().unwrap_or_default();
        for op in strangers {
            assert!(one.message.contains(&op.name) && found.contains(&op.name), "{path}: {} is not named", op.name);
            for (name, tensor) in &op.weights {
                assert!(found.contains(&format!("{name}: {}", tensor.ty())), "{path}: no weight {name} in {found}");
            }
            assert!(one.help.iter().any(|h| h.contains(&format!("layer {}(", op.name))), "{path}: no template");
        }
    }
}

#[test]
fn lambdas_are_never_run() {
    for path in ["fixtures/bad/lambda_layer_h5/model.h5", "fixtures/bad/lambda_layer_keras/model.keras"] {
        let problems = refused(path);
        let lambda = problems.0.iter().find(|d| d.code == Code::KERAS_LAMBDA).expect("a Lambda is named");
        assert!(lambda.location.node.is_some());
        assert!(lambda.found.as_deref().unwrap_or_default().contains("f32["), "{path}: no shapes: {lambda}");
    }
}

#[test]
fn custom_ops_are_written_where_allowed() {
    let mut custom = CustomLayers::default();
    custom.allow_custom_ops = true;
    let core = lower(&source("fixtures/models/keras/custom_k3_keras/model.keras", None), &custom).unwrap();
    let node = core.nodes().iter().find(|n| matches!(n.op, Op::Custom { .. })).expect("a custom op");
    let Op::Custom { domain, op_type, attributes, .. } = &node.op else { unreachable!() };
    assert_eq!((domain.as_str(), op_type.as_str()), ("modelport.keras", "CustomLayer"));
    assert!(attributes.contains_key("units"));
    assert_eq!(node.inputs.len(), 3, "the input and two weights");
}
