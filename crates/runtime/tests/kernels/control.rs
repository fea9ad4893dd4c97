//! Control flow: bodies are built as graphs of their own.

use super::support::{Case, b, case, case_opt, f, i};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, CoreGraph, DType, Op, TensorType};

/// A graph of one input that adds `by` to it.
fn adding(by: f64) -> Box<CoreGraph> {
    let mut g = Builder::new("branch");
    let x = g.input("x", TensorType::known(DType::F32, &[2]));
    let y = g.binary_scalar(BinaryOp::Add, x, by).unwrap();
    g.output("y", y);
    Box::new(g.finish())
}

/// `sum += step; go on while sum < 10; scan sum`.
fn counting() -> Box<CoreGraph> {
    let mut g = Builder::new("body");
    g.input("i", TensorType::known(DType::I64, &[]));
    g.input("cond", TensorType::known(DType::Bool, &[]));
    let sum = g.input("sum", TensorType::known(DType::F32, &[]));
    let step = g.input("step", TensorType::known(DType::F32, &[]));
    let next = g.binary(BinaryOp::Add, sum, step).unwrap();
    let go_on = g.binary_scalar(BinaryOp::Less, next, 10.).unwrap();
    g.output("go_on", go_on);
    g.output("next", next);
    g.output("scan", next);
    Box::new(g.finish())
}

pub(crate) fn cases() -> Vec<Case> {
    let choose = || Op::If { then_branch: adding(1.), else_branch: adding(-1.) };
    let repeat = || Op::Loop { carried: 1, body: counting() };
    let scalar = |v: f32| f(&[], &[v]);
    vec![
        case(choose(), &[b(&[], &[1]), f(&[2], &[1., 2.])], &[f(&[2], &[2., 3.])]),
        case(choose(), &[b(&[], &[0]), f(&[2], &[1., 2.])], &[f(&[2], &[0., 1.])]),
        case(repeat(), &[i(&[], &[2]), b(&[], &[1]), scalar(1.), scalar(4.)], &[scalar(9.), f(&[2], &[5., 9.])]),
        case_opt(
            repeat(),
            vec![None, None, Some(scalar(1.)), Some(scalar(4.))],
            &[scalar(13.), f(&[3], &[5., 9., 13.])],
        ),
        case(repeat(), &[i(&[], &[2]), b(&[], &[0]), scalar(1.), scalar(4.)], &[scalar(1.), f(&[0], &[])]),
    ]
}
