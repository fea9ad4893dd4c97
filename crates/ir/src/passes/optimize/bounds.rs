//! Clips and rectifiers that follow each other.

use super::super::net::Net;
use crate::core::{BinaryOp, UnaryOp};
use crate::{NodeId, Op, Tensor, ValueId};

/// An op that keeps its operand within bounds; bounds that are open are infinite.
struct Bounded {
    x: ValueId,
    low: f64,
    high: f64,
}

/// The node as bounds on an operand; floating point only, where the bounds are constant.
fn bounded(net: &Net, id: NodeId) -> Option<Bounded> {
    let out = net.ty(net.output(id)?);
    if !out.dtype.is_float() {
        return None;
    }
    let bound = |i: usize, open: f64| match net.input(id, i) {
        None => Some(open),
        Some(_) => net.number(id, i),
    };
    let (at, low, high) = match &net.node(id).op {
        Op::Unary(UnaryOp::Relu) => (0, 0.0, f64::INFINITY),
        Op::Clip => (0, bound(1, f64::NEG_INFINITY)?, bound(2, f64::INFINITY)?),
        Op::Binary(op @ (BinaryOp::Max | BinaryOp::Min)) => {
            let at = usize::from(net.number(id, 0).is_some());
            let limit = net.number(id, 1 - at)?;
            if *op == BinaryOp::Max { (at, limit, f64::INFINITY) } else { (at, f64::NEG_INFINITY, limit) }
        }
        _ => return None,
    };
    let x = net.input(id, at)?;
    (low <= high && net.ty(x) == out).then_some(Bounded { x, low, high })
}

/// Two bounds are one.
pub(super) fn clips(net: &mut Net, id: NodeId) -> bool {
    let merged = || {
        let outer = bounded(net, id)?;
        let inner = bounded(net, net.maker(outer.x)?)?;
        let within = |v: f64| v.clamp(outer.low, outer.high);
        Some(Bounded { x: inner.x, low: within(inner.low), high: within(inner.high) })
    };
    let Some(Bounded { x, low, high }) = merged() else { return false };
    if low == 0.0 && high == f64::INFINITY {
        net.set(id, Op::Unary(UnaryOp::Relu), vec![Some(x)]);
        return true;
    }
    let dtype = net.ty(x).dtype;
    let mut bound = |v: f64| v.is_finite().then(|| net.add_const("", Tensor::scalar(dtype, v)));
    let inputs = vec![Some(x), bound(low), bound(high)];
    net.set(id, Op::Clip, inputs);
    true
}

/// Whether a value is certainly not negative: what made it says so.
pub(super) fn not_negative(net: &Net, mut id: ValueId) -> bool {
    // Ops that pass on what is not negative are few in a row.
    for _ in 0..8 {
        let Some(node) = net.maker(id) else { return false };
        match &net.node(node).op {
            Op::Unary(UnaryOp::Sigmoid | UnaryOp::Abs | UnaryOp::Exp | UnaryOp::Softplus)
            | Op::HardSigmoid { .. }
            | Op::Softmax { .. } => return true,
            Op::Pool { .. } | Op::Transpose { .. } | Op::Reshape { .. } => match net.input(node, 0) {
                Some(x) => id = x,
                None => return false,
            },
            _ => return bounded(net, node).is_some_and(|b| b.low >= 0.0),
        }
    }
    false
}
