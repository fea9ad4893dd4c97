//! What cannot be computed is a diagnostic, before memory is taken and without a panic.

use super::support::{b, count, f, i, run_op};
use modelport_diag::Code;
use modelport_ir::core::{BinaryOp, CustomResult, PadMode, ResizeMode};
use modelport_ir::{Builder, DType, Op, TensorType};
use modelport_runtime::{Array, Options, run, run_observed};
use std::collections::BTreeMap;

/// The code of the diagnostic that running gives; operands are not constant, so nothing is known beforehand.
fn refused(op: Op, inputs: &[Array]) -> modelport_diag::Diagnostic {
    let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
    let d = *run_op(&op, &inputs, false, &Options::default()).expect_err("must fail");
    assert_eq!(d.code, Code::RUN_FAILED, "{d}");
    assert_eq!(d.location.node.as_deref(), Some(op.name()), "{d}");
    d
}

#[test]
fn absurd_sizes_are_refused_before_allocation() {
    let big = 1i64 << 40;
    refused(Op::Expand, &[count(&[1]), i(&[2], &[big, big])]);
    refused(Op::Expand, &[f(&[0, 1, 1], &[]), i(&[3], &[1, big, big])]);
    refused(Op::Reshape { allow_zero: true }, &[f(&[0], &[]), i(&[3], &[0, big, big])]);
    refused(Op::Tile, &[count(&[2]), i(&[1], &[big])]);
    refused(Op::Range, &[f(&[], &[0.]), f(&[], &[1e30]), f(&[], &[1e-30])]);
    refused(Op::Range, &[i(&[], &[0]), i(&[], &[i64::MAX]), i(&[], &[1])]);
    refused(Op::OneHot { axis: 0 }, &[i(&[1], &[0]), i(&[], &[big]), f(&[2], &[0., 1.])]);
    refused(Op::Pad { mode: PadMode::Edge }, &[count(&[2]), i(&[2], &[big, 0])]);
    let resize = Op::Resize {
        mode: ResizeMode::Linear,
        coordinates: modelport_ir::core::CoordinateMode::HalfPixel,
        nearest: modelport_ir::core::NearestMode::Floor,
        cubic_a: -0.75,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.,
        axes: vec![],
    };
    refused(resize, &[count(&[2]), f(&[1], &[1e18])]);
}

#[test]
fn values_that_do_not_fit_are_refused() {
    refused(Op::Gather { axis: 0 }, &[count(&[3]), i(&[1], &[3])]);
    refused(Op::Gather { axis: 0 }, &[count(&[3]), i(&[1], &[i64::MIN])]);
    refused(Op::GatherNd { batch_dims: 0 }, &[count(&[2, 2]), i(&[1, 2], &[0, 2])]);
    refused(Op::Binary(BinaryOp::Div), &[i(&[1], &[1]), i(&[1], &[0])]);
    refused(Op::Reshape { allow_zero: false }, &[count(&[6]), i(&[1], &[5])]);
    refused(Op::Compress { axis: Some(0) }, &[count(&[1]), b(&[2], &[0, 1])]);
    refused(Op::ReverseSequence { batch_axis: 0, time_axis: 1 }, &[count(&[1, 2]), i(&[1], &[3])]);
    refused(Op::TopK { axis: 0, largest: true, sorted: true }, &[count(&[3]), i(&[1], &[4])]);
    refused(Op::TopK { axis: 0, largest: true, sorted: true }, &[count(&[3]), i(&[1], &[-1])]);
}

#[test]
fn a_limit_can_be_lowered() {
    let options = Options { value_bytes: 100, ..Options::default() };
    let inputs = [Some(count(&[1])), Some(i(&[1], &[26]))];
    let d = run_op(&Op::Expand, &inputs, false, &options).expect_err("104 bytes");
    assert_eq!(d.expected.as_deref(), Some("at most 100 bytes"));
    let inputs = [Some(count(&[1])), Some(i(&[1], &[25]))];
    assert_eq!(run_op(&Op::Expand, &inputs, false, &options).unwrap()[0].shape(), [25]);
}

#[test]
fn a_loop_that_never_ends_is_stopped() {
    let mut g = Builder::new("body");
    g.input("i", TensorType::known(DType::I64, &[]));
    let cond = g.input("cond", TensorType::known(DType::Bool, &[]));
    g.output("go_on", cond);
    let op = Op::Loop { carried: 0, body: Box::new(g.finish()) };
    let options = Options { iterations: 1000, ..Options::default() };
    let d = run_op(&op, &[None, None], false, &options).expect_err("endless");
    assert!(d.message.contains("1000 iterations"), "{d}");
}

#[test]
fn a_custom_op_is_a_diagnostic() {
    let results = vec![CustomResult { dtype: DType::F32, shape: vec![] }];
    let op = Op::Custom { domain: "my".into(), op_type: "Thing".into(), attributes: BTreeMap::new(), results };
    assert!(refused(op, &[count(&[1])]).message.contains("my:Thing"));
}

#[test]
fn inputs_must_have_the_types_of_the_graph() {
    use modelport_ir::Dim;
    let mut g = Builder::new("g");
    let n = || vec![Dim::symbol("N"), Dim::Known(2)];
    let x = g.input("x", TensorType::new(DType::F32, n()));
    let y = g.input("y", TensorType::new(DType::F32, n()));
    let z = g.binary(BinaryOp::Add, x, y).unwrap();
    g.output("z", z);
    let graph = g.finish();
    assert_eq!(run(&graph, vec![count(&[3, 2]), count(&[3, 2])]).unwrap()[0].shape(), [3, 2]);
    for wrong in [vec![count(&[3, 2])], vec![count(&[3, 2]), count(&[3, 3])], vec![count(&[3, 2]), count(&[1, 2])]] {
        assert_eq!(run(&graph, wrong).expect_err("wrong").code, Code::RUN_FAILED);
    }
    assert!(run(&graph, vec![count(&[3, 2]), i(&[3, 2], &[0; 6])]).is_err());
}

#[test]
fn an_observer_sees_every_node_and_outputs_may_repeat() {
    let mut g = Builder::new("g");
    let x = g.input("x", TensorType::known(DType::F32, &[2]));
    let y = g.binary(BinaryOp::Add, x, x).unwrap();
    let z = g.binary(BinaryOp::Mul, y, x).unwrap();
    for (name, v) in [("z", z), ("again", z), ("x", x)] {
        g.output(name, v);
    }
    let mut seen = Vec::new();
    let observer = &mut |node: &modelport_ir::Node<modelport_ir::Core>, values: &[Array]| {
        seen.push((node.op.name(), values[0].clone()));
    };
    let out = run_observed(&g.finish(), vec![f(&[2], &[1., 3.])], observer).unwrap();
    assert_eq!(seen, [("Add", f(&[2], &[2., 6.])), ("Mul", f(&[2], &[2., 18.]))]);
    assert_eq!(out, [f(&[2], &[2., 18.]), f(&[2], &[2., 18.]), f(&[2], &[1., 3.])]);
}
