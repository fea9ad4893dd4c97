//! Transposes, reshapes and dropped dimensions that follow each other.

use super::super::axes;
use super::super::net::{Net, same_shape};
use crate::infer::{self, Operand};
use crate::{NodeId, Op, Tensor};

/// A transpose of a transpose is one.
pub(super) fn transposes(net: &mut Net, id: NodeId) -> bool {
    let merged = || {
        let Op::Transpose { perm } = &net.node(id).op else { return None };
        let inner = net.maker(net.input(id, 0)?)?;
        let Op::Transpose { perm: first } = &net.node(inner).op else { return None };
        Some((axes::ordered(first, perm), net.input(inner, 0)?))
    };
    let Some((perm, x)) = merged() else { return false };
    net.set(id, Op::Transpose { perm }, vec![Some(x)]);
    true
}

fn is_view(op: &Op) -> bool {
    matches!(op, Op::Reshape { .. } | Op::Flatten { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. })
}

/// A view of a view is one, or nothing.
pub(super) fn views(net: &mut Net, id: NodeId) -> bool {
    if !is_view(&net.node(id).op) {
        return false;
    }
    let found = || {
        let inner = net.maker(net.input(id, 0)?)?;
        let x = net.input(inner, 0).filter(|_| is_view(&net.node(inner).op))?;
        Some((inner, x, net.output(id)?))
    };
    let Some((inner, x, out)) = found() else { return false };
    let (from, to) = (&net.ty(x).shape, &net.ty(out).shape);
    if same_shape(from, to) {
        if net.can_replace(out, x) {
            net.replace(out, x);
            return true;
        }
        return false;
    }
    let target = axes::target(from, to).filter(|_| net.only_maker(id, 0) == Some(inner));
    let Some(target) = target else { return false };
    let shape = net.add_const("", Tensor::ints(&target));
    net.set(id, Op::Reshape { allow_zero: false }, vec![Some(x), Some(shape)]);
    true
}

/// A reduction whose dropped dimensions are put back, or whose kept ones are dropped, does so itself.
pub(super) fn keepdims(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let out = net.output(id).filter(|_| is_view(&net.node(id).op))?;
        let inner = net.only_maker(id, 0)?;
        let x = net.input(inner, 0)?;
        let Op::Reduce { kind, axes, keepdims } = &net.node(inner).op else { return None };
        let op = Op::Reduce { kind: *kind, axes: axes.clone(), keepdims: !keepdims };
        let operand = Operand { ty: net.ty(x), constant: None, known: None };
        let ty = infer::infer(&op, &[Some(operand)]).ok()?.into_iter().next()?;
        same_shape(&ty.shape, &net.ty(out).shape).then_some((inner, op, x, out))
    };
    let Some((inner, op, x, out)) = found() else { return false };
    let Some(new) = net.add(inner, op, vec![Some(x)]) else { return false };
    net.become_value(out, new);
    true
}
