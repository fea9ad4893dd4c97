//! Constant folding as the builder inserts: shape arithmetic, and movement of constants by recipe, unread.

mod numeric;

use crate::core::UnaryOp;
use crate::infer::{self, Operand};
use crate::{DType, Op, Tensor, TensorType};
use modelport_diag::Result;

/// The results of `op`, when all it needs is constant and small enough to be computed now.
///
/// # Errors
/// When a constant cannot be read.
pub(crate) fn fold(op: &Op, operands: &[Option<Operand<'_>>], results: &[TensorType]) -> Result<Option<Vec<Tensor>>> {
    let known = infer::known_results(op, operands, results).and_then(|k| k.values());
    if let ([ty], Some(values)) = (results, known)
        && let Some(shape) = ty.static_shape()
    {
        return in_memory(&Tensor::ints(&values).reshape(shape)?.cast(ty.dtype)?).map(|t| Some(vec![t]));
    }
    if let Some(moved) = by_recipe(op, operands, results)? {
        return Ok(Some(moved));
    }
    Ok(numeric::fold(op, operands, results)?.map(|t| vec![t]))
}

/// The same tensor with its elements computed, so that equal ones are found equal.
fn in_memory(tensor: &Tensor) -> Result<Tensor> {
    Tensor::from_bytes(tensor.dtype(), tensor.shape().to_vec(), tensor.bytes()?)
}

/// Ops that only move or convert elements become a pending recipe on the constant.
fn by_recipe(op: &Op, operands: &[Option<Operand<'_>>], results: &[TensorType]) -> Result<Option<Vec<Tensor>>> {
    let constant = |i: usize| operands.get(i).copied().flatten().and_then(|o| o.constant);
    let Some(x) = constant(0).filter(|x| x.dtype() != DType::Str) else { return Ok(None) };
    let shape = results.first().and_then(TensorType::static_shape);
    let one = match op {
        Op::Unary(UnaryOp::Identity) => x.clone(),
        Op::Transpose { perm } => x.permute(perm)?,
        Op::Reshape { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. } | Op::Flatten { .. } => match shape {
            Some(shape) if shape.iter().product::<usize>() == x.len() => x.reshape(shape)?,
            _ => return Ok(None),
        },
        Op::Cast { to } if convertible(x.dtype()) && convertible(*to) => x.cast(*to)?,
        Op::Concat { axis } => {
            let parts: Option<Vec<Tensor>> = (0..operands.len()).map(|i| constant(i).cloned()).collect();
            match (parts, axis_of(*axis, x.rank())) {
                (Some(parts), Some(axis)) => Tensor::concat(&parts, axis)?,
                _ => return Ok(None),
            }
        }
        Op::Slice => match infer::sliced_axes(op, operands, x.rank()) {
            Some(axes) => sliced(x, &axes)?,
            None => return Ok(None),
        },
        Op::Split { axis, sizes } => {
            return axis_of(*axis, x.rank()).map(|axis| split(x, axis, sizes)).transpose();
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![one]))
}

/// Start, end and step per axis, with ONNX's clamping.
fn sliced(x: &Tensor, axes: &[(usize, [i64; 3])]) -> Result<Tensor> {
    let (mut starts, mut lens, mut steps) = (vec![0; x.rank()], x.shape().to_vec(), vec![1; x.rank()]);
    for &(axis, [start, end, step]) in axes {
        if let Some(plan) = infer::clamp_slice(x.shape()[axis], start, end, step) {
            (starts[axis], lens[axis], steps[axis]) = plan;
        }
    }
    x.slice(&starts, &lens, &steps)
}

fn convertible(dtype: DType) -> bool {
    dtype.is_float() || dtype.is_int() || dtype == DType::Bool
}

fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok().filter(|&a| a < rank)
}

fn split(x: &Tensor, axis: usize, sizes: &[usize]) -> Result<Vec<Tensor>> {
    let mut start = 0;
    let mut pieces = Vec::with_capacity(sizes.len());
    for &n in sizes {
        pieces.push(x.narrow(axis, start, n)?);
        start += n;
    }
    Ok(pieces)
}
