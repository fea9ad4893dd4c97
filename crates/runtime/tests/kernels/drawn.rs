//! Random numbers: no values to compare with, but bounds, moments, and which draws are equal.

use super::support::{Case, case, case_opt, count, d, f, i, run_op};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, DType, Op, TensorType};
use modelport_runtime::{Array, Options, run};

fn uniform(low: f64, high: f64, dtype: DType) -> Op {
    Op::RandomUniform { low, high, dtype, seed: None }
}

fn normal(mean: f64, scale: f64) -> Op {
    Op::RandomNormal { mean, scale, dtype: DType::F32, seed: Some(7.0) }
}

/// Without breadth every draw is the same number.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(uniform(2.5, 2.5, DType::F64), &[i(&[2], &[1, 2])], &[d(&[1, 2], &[2.5, 2.5])]),
        case_opt(normal(-1.5, 0.0), vec![None, Some(count(&[3]))], &[f(&[3], &[-1.5; 3])]),
        case(normal(-1.5, 0.0), &[i(&[0], &[])], &[f(&[], &[-1.5])]),
    ]
}

fn many(op: &Op) -> Vec<f64> {
    let out = run_op(op, &[Some(i(&[2], &[100, 200]))], true, &Options::default()).unwrap();
    out[0].to_f64s().unwrap()
}

#[test]
fn draws_have_the_bounds_and_moments_of_their_distribution() {
    for dtype in [DType::F32, DType::F64] {
        let v = many(&uniform(-1.0, 3.0, dtype));
        assert!(v.iter().all(|x| (-1.0..3.0).contains(x)));
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        assert!((mean - 1.0).abs() < 0.04, "{mean}");
        assert!(v.iter().any(|&x| x < -0.99) && v.iter().any(|&x| x > 2.99));
    }
    let v = many(&normal(2.0, 3.0));
    let mean = v.iter().sum::<f64>() / v.len() as f64;
    let variance = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64;
    assert!((mean - 2.0).abs() < 0.1 && (variance - 9.0).abs() < 0.4, "{mean} {variance}");
}

#[test]
fn a_negative_size_is_refused() {
    let out = run_op(&uniform(0.0, 1.0, DType::F32), &[Some(i(&[1], &[-2]))], false, &Options::default());
    assert!(out.is_err());
}

/// Equal nodes draw different numbers, as iterations of a loop do; the same run gives the same ones.
#[test]
fn every_node_and_iteration_draws_anew() {
    let mut body = Builder::new("body");
    body.input("i", TensorType::known(DType::I64, &[]));
    let cond = body.input("cond", TensorType::known(DType::Bool, &[]));
    let shape = body.ints(&[2]);
    let x = body.one(uniform(0.0, 1.0, DType::F32), &[shape]).unwrap();
    body.output("cond", cond);
    body.output("x", x);
    let mut g = Builder::new("graph");
    let (n, go) =
        (g.input("n", TensorType::known(DType::I64, &[])), g.input("go", TensorType::known(DType::Bool, &[])));
    let shape = g.ints(&[2]);
    let drawn = [0, 1].map(|_| g.one(uniform(0.0, 1.0, DType::F32), &[shape]).unwrap());
    let rounds = g.one(Op::Loop { carried: 0, body: Box::new(body.finish()) }, &[n, go]).unwrap();
    let difference = g.binary(BinaryOp::Sub, drawn[0], drawn[1]).unwrap();
    for id in [drawn[0], difference, rounds] {
        g.output("out", id);
    }
    let graph = modelport_ir::passes::optimize(&g.finish());
    assert_eq!(graph.nodes().iter().filter(|n| n.op.name() == "RandomUniform").count(), 2);
    let inputs = || vec![Array::scalar(3i64), Array::scalar(true)];
    let (a, b) = (run(&graph, inputs()).unwrap(), run(&graph, inputs()).unwrap());
    assert_eq!(a, b);
    assert!(a[1].to_f64s().unwrap().iter().all(|d| *d != 0.0));
    let rounds = a[2].to_f64s().unwrap();
    assert!(rounds[0] != rounds[2] && rounds[2] != rounds[4], "{rounds:?}");
}
