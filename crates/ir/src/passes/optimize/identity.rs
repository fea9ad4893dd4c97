//! Nodes whose result is their operand.

use super::super::axes;
use super::super::net::{Net, same_shape};
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, NodeId, Op, ValueId};

/// Removes a node that does nothing.
pub(super) fn noop(net: &mut Net, id: NodeId) -> bool {
    let Some((old, new)) = unchanged(net, id) else { return false };
    if !net.can_replace(old, new) {
        return false;
    }
    net.replace(old, new);
    true
}

/// Result and operand of a node that does nothing.
fn unchanged(net: &Net, id: NodeId) -> Option<(ValueId, ValueId)> {
    let node = net.node(id);
    let &[out] = node.outputs.as_slice() else { return None };
    let at = match &node.op {
        Op::Binary(op) => neutral(net, id, *op)?,
        op => (op_is_noop(net, id, op, out)?).then_some(0)?,
    };
    let x = net.input(id, at)?;
    (net.ty(x).dtype == net.ty(out).dtype && net.ty(x).rank() == net.ty(out).rank()).then_some((out, x))
}

fn op_is_noop(net: &Net, id: NodeId, op: &Op, out: ValueId) -> Option<bool> {
    let x = net.input(id, 0)?;
    let (from, to) = (net.ty(x), net.ty(out));
    Some(match op {
        Op::Unary(UnaryOp::Identity) => true,
        Op::Cast { to } => *to == from.dtype,
        Op::Clip => net.input(id, 1).is_none() && net.input(id, 2).is_none(),
        Op::Reshape { .. } | Op::Flatten { .. } => same_shape(&from.shape, &to.shape),
        Op::Squeeze { axes } | Op::Unsqueeze { axes } => axes.is_empty(),
        Op::Transpose { perm } => perm.iter().enumerate().all(|(i, &p)| i == p),
        Op::Pad { .. } => net.ints(id, 1)?.iter().all(|&n| n == 0),
        Op::Slice => whole(net, id)?,
        Op::Tile => net.ints(id, 1)?.iter().all(|&n| n == 1),
        Op::Expand => from.shape.len() == to.shape.len() && from.shape.iter().zip(&to.shape).all(|(a, b)| a.same(b)),
        Op::Concat { .. } => net.node(id).inputs.len() == 1,
        Op::Split { sizes, .. } => sizes.len() == 1,
        _ => false,
    })
}

/// Whether a slice takes everything.
fn whole(net: &Net, id: NodeId) -> Option<bool> {
    let shape = &net.ty(net.input(id, 0)?).shape;
    let (starts, ends) = (net.ints(id, 1)?, net.ints(id, 2)?);
    let list = match net.input(id, 3) {
        Some(_) => net.ints(id, 3)?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match net.input(id, 4) {
        Some(_) => net.ints(id, 4)?,
        None => vec![1; starts.len()],
    };
    let rows = starts.iter().zip(&ends).zip(list.iter().zip(&steps));
    Some(rows.into_iter().all(|((&start, &end), (&axis, &step))| {
        let size = axes::normal(axis, shape.len()).and_then(|a| shape.get(a)?.known());
        let to_end = end >= i64::from(i32::MAX) || size.is_some_and(|n| end >= n as i64);
        start == 0 && step == 1 && to_end
    }))
}

/// The operand that a binary op leaves unchanged: the other one is constant and neutral, and broadcasts nothing.
fn neutral(net: &Net, id: NodeId, op: BinaryOp) -> Option<usize> {
    use BinaryOp::*;
    let out = net.ty(net.output(id)?);
    let is = |i: usize, value: f64| {
        let same = net.input(id, 1 - i).is_some_and(|x| {
            net.ty(x).shape.len() == out.rank() && net.ty(x).shape.iter().zip(&out.shape).all(|(a, b)| a == b)
        });
        same && net.number(id, i) == Some(value)
    };
    match op {
        Add if is(1, 0.0) => Some(0),
        Add if is(0, 0.0) => Some(1),
        Mul if is(1, 1.0) => Some(0),
        Mul if is(0, 1.0) => Some(1),
        Sub if is(1, 0.0) => Some(0),
        Div | Pow if is(1, 1.0) => Some(0),
        _ => None,
    }
}

/// A cast to a wider type and back.
pub(super) fn casts(net: &mut Net, id: NodeId) -> bool {
    let back = || {
        let (Op::Cast { to }, x) = (&net.node(id).op, net.input(id, 0)?) else { return None };
        let inner = net.maker(x)?;
        let (Op::Cast { to: wide }, y) = (&net.node(inner).op, net.input(inner, 0)?) else { return None };
        (net.ty(y).dtype == *to && holds(*wide, *to)).then_some((net.output(id)?, y))
    };
    let Some((old, new)) = back().filter(|&(old, new)| net.can_replace(old, new)) else { return false };
    net.replace(old, new);
    true
}

/// Whether every number of the narrow type is one of the wide type.
fn holds(wide: DType, narrow: DType) -> bool {
    match (wide, narrow) {
        (DType::F64, DType::F32 | DType::F16 | DType::BF16) | (DType::F32, DType::F16 | DType::BF16) => true,
        (_, DType::Bool) => wide.is_int() || wide.is_float(),
        (w, n) if w.is_signed_int() && n.is_int() => w.size() > n.size() || (w == n),
        (w, n) if w.is_int() && n.is_int() => !n.is_signed_int() && w.size() >= n.size(),
        _ => false,
    }
}
