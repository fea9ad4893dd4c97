//! `clip(x + 3, 0, 6)/6` and its like, and `x` times that.

use super::super::super::net::Net;
use super::{binary, may_scale, multiples, near, plus};
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, NodeId, Op, ValueId};

/// Steps of a line that are followed back.
const MOST_STEPS: usize = 4;

/// `clip(alpha·x + beta, 0, 1)`, whatever the clip is scaled by.
pub(super) fn sigmoid(net: &mut Net, id: NodeId) -> bool {
    let Some((x, alpha, beta)) = line(net, id) else { return false };
    net.set(id, Op::HardSigmoid { alpha, beta }, vec![Some(x)]);
    true
}

/// Only single precision: runtimes have no other hard sigmoid.
fn single(net: &Net, id: NodeId) -> Option<ValueId> {
    net.output(id).filter(|&y| net.ty(y).dtype == DType::F32)
}

fn line(net: &Net, id: NodeId) -> Option<(ValueId, f64, f64)> {
    if net.node(id).op != Op::Clip && !may_scale(net, id) {
        return None;
    }
    let out = single(net, id)?;
    let (clipped, factor) = multiples(net, out).into_iter().find_map(|(v, f)| {
        let (x, high) = clip(net, v)?;
        near(f * high, 1.0).then_some((x, f))
    })?;
    let (mut x, mut alpha, mut beta) = (clipped, factor, 0.0);
    for _ in 0..MOST_STEPS {
        if let Some((inner, term)) = plus(net, x) {
            (x, beta) = (inner, beta + alpha * term);
        } else if let Some(&(inner, more)) = multiples(net, x).get(1) {
            (x, alpha) = (inner, alpha * more);
        } else {
            break;
        }
    }
    // Without a term the clip may as well stay one.
    (beta != 0.0).then_some((x, snapped(alpha), snapped(beta)))
}

/// A number that was divided in single precision is the fraction that was meant.
fn snapped(value: f64) -> f64 {
    [1.0 / 6.0, 0.5, 0.2].into_iter().find(|v| near(value, *v)).unwrap_or(value)
}

/// The operand and the upper end of a clip from 0.
fn clip(net: &Net, value: ValueId) -> Option<(ValueId, f64)> {
    let node = net.maker(value).filter(|&n| net.node(n).op == Op::Clip)?;
    let high = net.number(node, 2).filter(|&h| h > 0.0 && net.number(node, 1) == Some(0.0))?;
    Some((net.input(node, 0)?, high))
}

/// `x` times its hard sigmoid, or `x·clip(x + 3, 0, 6)/6`.
pub(super) fn swish(net: &mut Net, id: NodeId) -> bool {
    let Some(x) = swished(net, id) else { return false };
    net.set(id, Op::Unary(UnaryOp::HardSwish), vec![Some(x)]);
    true
}

fn swished(net: &Net, id: NodeId) -> Option<ValueId> {
    if !may_scale(net, id) {
        return None;
    }
    let out = single(net, id)?;
    for (product, factor) in multiples(net, out) {
        let Some([a, b]) = binary(net, product, BinaryOp::Mul) else { continue };
        for (x, gate) in [(a, b), (b, a)] {
            if gates(net, gate, x, factor) && net.ty(x).shape == net.ty(out).shape {
                return Some(x);
            }
        }
    }
    None
}

/// Whether `factor · gate` is the hard sigmoid of `x` that hard swish has.
fn gates(net: &Net, gate: ValueId, x: ValueId, factor: f64) -> bool {
    let sixth = |v: f64| near(v, 1.0 / 6.0);
    if let Some(node) = net.maker(gate)
        && let Op::HardSigmoid { alpha, beta } = net.node(node).op
    {
        return factor == 1.0 && sixth(alpha) && near(beta, 0.5) && net.input(node, 0) == Some(x);
    }
    let clipped = clip(net, gate).filter(|c| c.1 == 6.0 && sixth(factor));
    clipped.and_then(|c| plus(net, c.0)) == Some((x, 3.0))
}
