//! Graphs that repeat: recurrent ops, and ops with bodies.

use modelport_ir::core::*;
use modelport_ir::{Builder, CoreGraph, DType, Op, Tensor};

use super::{Cases, f, ty, w, with};

pub(super) fn recurrent(c: &mut Cases) {
    for &direction in Direction::ALL {
        let (n, h) = (direction.count(), 3);
        let weights = |g: usize| vec![w(&[n, g * h, 4]), w(&[n, g * h, h]), w(&[n, 2 * g * h])];
        let name = direction.name();
        let lstm = Op::Lstm { hidden: h, direction, activations: vec![], clip: None, input_forget: false };
        c.push((format!("Lstm-{name}"), f(lstm, &["T,N,4"], weights(4))));
        let mut activations = vec![RnnActivation::HardSigmoid(0.2, 0.5), RnnActivation::Relu];
        activations.extend(activations.clone());
        activations.truncate(2 * n);
        let gru = |linear_before_reset, activations| Op::Gru {
            hidden: h,
            direction,
            activations,
            clip: None,
            linear_before_reset,
        };
        c.push((format!("Gru-{name}"), f(gru(true, vec![]), &["T,N,4"], weights(3))));
        c.push((format!("Gru-{name}-hard"), f(gru(false, activations), &["T,N,4"], weights(3))));
        let rnn = Op::Rnn { hidden: h, direction, activations: vec![RnnActivation::Tanh; n], clip: None };
        c.push((format!("Rnn-{name}"), f(rnn, &["T,N,4"], weights(1))));
    }
}

fn branch(op: BinaryOp) -> Box<CoreGraph> {
    let mut b = Builder::new("branch");
    let x = b.input("x", ty(DType::F32, "N,3"));
    let k = b.constant("k", Tensor::floats(&[1.0, 2.0, 3.0]));
    let y = b.binary(op, x, k).unwrap();
    b.output("y", y);
    b.output("same", x);
    Box::new(b.finish())
}

pub(super) fn control(c: &mut Cases) {
    let op = Op::If { then_branch: branch(BinaryOp::Add), else_branch: branch(BinaryOp::Mul) };
    c.push(("If".into(), with(op, &[(DType::Bool, ""), (DType::F32, "N,3")], vec![])));
    let mut b = Builder::new("body");
    b.input("i", ty(DType::I64, ""));
    let cond = b.input("cond", ty(DType::Bool, ""));
    let carried = b.input("carried", ty(DType::F32, "N,3"));
    let step = b.input("step", ty(DType::F32, "3"));
    let next = b.binary(BinaryOp::Add, carried, step).unwrap();
    b.output("cond", cond);
    b.output("next", next);
    b.output("seen", next);
    let body = Box::new(b.finish());
    let mut b = Builder::new("case");
    let x = b.input("x0", ty(DType::F32, "N,3"));
    let step = b.input("x1", ty(DType::F32, "3"));
    let n = b.constant("n", Tensor::int_scalar(4));
    let out = b.add(Op::Loop { carried: 1, body }, &[Some(n), None, Some(x), Some(step)]).unwrap();
    b.output("y0", out[0]);
    b.output("y1", out[1]);
    c.push(("Loop".into(), b.finish()));
    let mut b = Builder::new("case");
    let x = b.input("x0", ty(DType::F32, "N,3"));
    let k = b.constant("k", Tensor::floats(&[1.0, 2.0, 3.0]));
    let y = b.binary(BinaryOp::Add, x, k).unwrap();
    for (name, v) in [("x0", x), ("k", k), ("y", y), ("again", y)] {
        b.output(name, v);
    }
    c.push(("outputs".into(), b.finish()));
}
