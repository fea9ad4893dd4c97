//! Ops whose operands all have the layout of the result, with broadcasting.

use super::super::axes;
use super::forms::{Ctx, Form, Operand};
use crate::{Dim, Op, Tensor, TensorType};
use modelport_diag::Result;

/// Elementwise with NumPy broadcasting.
pub(super) fn broadcast(c: Ctx<'_>) -> Option<Form> {
    let rank = c.result()?.rank();
    if rank < 3 {
        return None;
    }
    let inputs: Vec<Operand> = (0..c.node.inputs.len()).map(|i| operand(c, i, rank)).collect::<Option<_>>()?;
    let any = inputs.iter().any(|o| matches!(o, Operand::First));
    any.then(|| Form::new(c.node.op.clone(), inputs, vec![true]))
}

fn operand(c: Ctx<'_>, i: usize, rank: usize) -> Option<Operand> {
    let ty = c.ty(i)?;
    if ty.shape.iter().all(|d| *d == Dim::Known(1)) {
        return Some(Operand::Keep);
    }
    if let Some(tensor) = c.constant(i) {
        return constant(tensor, rank).ok().map(Operand::Replace);
    }
    match ty.rank() {
        r if r == rank => Some(Operand::First),
        1 => Some(Operand::Lift(rank)),
        _ => None,
    }
}

/// A constant in a shape that broadcasts to channels-first values of `rank`, without the leading ones that it did not
/// have before.
pub(super) fn constant(tensor: &Tensor, rank: usize) -> Result<Tensor> {
    let mut shape = vec![1; rank.saturating_sub(tensor.rank())];
    shape.extend_from_slice(tensor.shape());
    let moved = tensor.reshape(shape)?.permute(&axes::first(rank))?;
    if tensor.rank() == rank {
        return Ok(moved);
    }
    let ones = moved.shape().iter().take_while(|&&n| n == 1).count();
    let shape = moved.shape().iter().skip(ones).copied().collect();
    moved.reshape(shape)
}

/// All operands of one rank.
pub(super) fn all(c: Ctx<'_>, op: Op) -> Option<Form> {
    let rank = c.rank(0);
    let same = (0..c.node.inputs.len()).all(|i| c.ty(i).map(TensorType::rank) == Some(rank));
    let n = (c.node.inputs.len(), c.node.outputs.len());
    (same && rank >= 3).then(|| Form::new(op, vec![Operand::First; n.0], vec![true; n.1]))
}
