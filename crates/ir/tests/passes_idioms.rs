//! Formulas that are one op become it, in whatever way they are spelled; what only looks like one stays. Numbers are
//! compared in `crates/runtime/tests/passes.rs`.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

#[path = "passes_random_graph/formulas.rs"]
mod formulas;
#[path = "passes_small_graphs/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod small_graphs;

use formulas::Choose;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::passes::optimize;
use modelport_ir::{Builder, Op, Tensor, ValueId};
use small_graphs::{done, image, input, ops, weights};

/// The ops that are left of a formula, for many spellings.
fn left(build: &dyn Fn(&mut Builder, ValueId, Choose<'_>) -> Option<ValueId>) -> Vec<Vec<&'static str>> {
    let mut all = Vec::new();
    for spelling in 0..400_usize {
        let mut b = Builder::new("g");
        let x = input(&mut b, &[5, 8]);
        let mut seed = spelling * 7919 + 1;
        let mut choose = |n: usize| {
            seed = (seed * 1_664_525 + 1_013_904_223) % (1 << 31);
            (seed >> 12) % n
        };
        let y = build(&mut b, x, &mut choose).unwrap();
        let found = ops(&optimize(&done(b, y)));
        if !all.contains(&found) {
            all.push(found);
        }
    }
    all
}

#[test]
fn gelu_in_every_spelling() {
    assert_eq!(left(&|b, x, choose| formulas::gelu(b, x, false, choose)), [["Gelu"]]);
    assert_eq!(left(&|b, x, choose| formulas::gelu(b, x, true, choose)), [["Gelu"]]);
}

#[test]
fn hard_sigmoid_and_hard_swish_in_every_spelling() {
    assert_eq!(left(&formulas::hard_sigmoid), [["HardSigmoid"]]);
    assert_eq!(left(&formulas::hard_swish), [["HardSwish"]]);
}

#[test]
fn layer_norm_in_every_spelling() {
    assert_eq!(left(&|b, x, choose| formulas::layer_norm(b, x, 1, choose)), [["LayerNorm"]]);
    assert_eq!(left(&|b, x, choose| formulas::layer_norm(b, x, 2, choose)), [["LayerNorm"]]);
}

#[test]
fn other_numbers_are_other_formulas() {
    // Half of erf without the root, a clip that does not end at 6, a mean over other axes.
    let mut b = Builder::new("g");
    let x = input(&mut b, &[5, 8]);
    let curve = b.unary(UnaryOp::Erf, x).unwrap();
    let gate = b.binary_scalar(BinaryOp::Add, curve, 1.0).unwrap();
    let half = b.binary_scalar(BinaryOp::Mul, x, 0.5).unwrap();
    let y = b.binary(BinaryOp::Mul, half, gate).unwrap();
    assert!(!ops(&optimize(&done(b, y))).contains(&"Gelu"));

    let mut b = Builder::new("g");
    let x = input(&mut b, &[5, 8]);
    let line = b.binary_scalar(BinaryOp::Add, x, 3.0).unwrap();
    let (low, high) = (b.scalar_like(x, 0.0), b.scalar_like(x, 5.0));
    let clipped = b.one(Op::Clip, &[line, low, high]).unwrap();
    let y = b.binary_scalar(BinaryOp::Div, clipped, 6.0).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Add", "Clip", "Div"]);

    let mut b = Builder::new("g");
    let x = input(&mut b, &[5, 8]);
    let mean = b.reduce(ReduceKind::Mean, x, &[1], true).unwrap();
    let apart = b.binary(BinaryOp::Sub, x, mean).unwrap();
    let squares = b.binary(BinaryOp::Mul, apart, apart).unwrap();
    let variance = b.reduce(ReduceKind::Mean, squares, &[1], true).unwrap();
    let sum = b.binary_scalar(BinaryOp::Add, variance, 1e-3).unwrap();
    let root = b.unary(UnaryOp::Sqrt, sum).unwrap();
    let y = b.binary(BinaryOp::Div, apart, root).unwrap();
    assert!(!ops(&optimize(&done(b, y))).contains(&"LayerNorm"));
}

#[test]
fn a_hard_sigmoid_is_seen_before_its_term_goes_into_the_convolution() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = small_graphs::conv(&mut b, "conv", x, 4, 3, 1);
    let y = formulas::hard_sigmoid(&mut b, y, &mut |_| 0).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Conv", "HardSigmoid"]);
}

#[test]
fn a_product_by_way_of_a_matrix() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 4, 3);
    let w = weights(&mut b, "w", &[3, 7]);
    let y = formulas::tensordot(&mut b, x, w).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["MatMul"]);
}

/// Keras 2 normalises layers by the batch normalisation of an image of one line, with scales that are all one.
#[test]
fn the_layer_norm_that_is_a_batch_norm() {
    let mut b = Builder::new("g");
    let x = input(&mut b, &[5, 8]);
    let image = b.reshape(x, &[1, -1, 8, 1]).unwrap();
    let rows = b.dim(image, 1).unwrap();
    let mean = b.reduce(ReduceKind::Mean, image, &[0, 2, 3], true).unwrap();
    let apart = b.binary(BinaryOp::Sub, image, mean).unwrap();
    let squares = b.binary(BinaryOp::Mul, apart, apart).unwrap();
    let variance = b.reduce(ReduceKind::Mean, squares, &[0, 2, 3], true).unwrap();
    let sum = b.binary_scalar(BinaryOp::Add, variance, 1e-3).unwrap();
    let root = b.unary(UnaryOp::Sqrt, sum).unwrap();
    let mut y = b.binary(BinaryOp::Div, apart, root).unwrap();
    for (op, number) in [(BinaryOp::Mul, 1.0), (BinaryOp::Add, 0.0)] {
        let value = b.constant("", Tensor::scalar(b.dtype(x), number));
        let all = b.one(Op::Expand, &[value, rows]).unwrap();
        let all = b.unsqueeze(all, &[1, 2]).unwrap();
        y = b.binary(op, y, all).unwrap();
    }
    let y = b.reshape(y, &[-1, 5, 8]).unwrap();
    let gamma = weights(&mut b, "gamma", &[8]);
    let y = b.binary(BinaryOp::Mul, y, gamma).unwrap();
    let beta = weights(&mut b, "beta", &[8]);
    let y = b.binary(BinaryOp::Add, y, beta).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["LayerNorm"]);
}
