//! Gradients that a forward pass computes itself: forces as −dE/dx, explanations of a decision.
//!
//! Owns: what ATen's backward ops mean, in core ops; the formulas are those of `torch/_decomp/decompositions.py` and
//! `aten/src/ATen/native` of PyTorch 2.15. Must never know: how a graph came to contain a gradient.

pub(super) mod attention;
pub(super) mod conv;
pub(super) mod distance;
pub(super) mod embedding;
pub(super) mod norm;
pub(super) mod pointwise;
pub(super) mod pool;
pub(super) mod resample;

use super::call::Call;
use super::pool::along;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{DType, Op, ValueId};

/// Which of the three results `output_mask` asks for.
fn mask(c: &Call<'_>) -> Result<[bool; 3]> {
    match c.ints("output_mask")?.as_slice() {
        &[a, b, d] => Ok([a != 0, b != 0, d != 0]),
        _ => Err(c.bad("output_mask", "three truth values")),
    }
}

/// All results; one that is not asked for, which Python has as `None`, is empty.
fn results(c: &mut Call<'_>, each: [Option<ValueId>; 3]) -> Vec<ValueId> {
    let nothing = c.b.ints(&[]);
    each.into_iter().map(|r| r.unwrap_or(nothing)).collect()
}

/// In single precision at least, in which PyTorch computes gradients of narrower types.
fn wide(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let dtype = c.b.dtype(x);
    if dtype.size() < DType::F32.size() { c.b.cast(x, DType::F32) } else { Ok(x) }
}

/// The sum over axes, which are gone; over none it is the value itself.
fn sum(c: &mut Call<'_>, x: ValueId, axes: &[i64]) -> Result<ValueId> {
    if axes.is_empty() { Ok(x) } else { c.b.reduce(ReduceKind::Sum, x, axes, false) }
}

/// The first of the `spatial` last axes.
fn first_axis(c: &Call<'_>, x: ValueId, spatial: usize) -> Result<usize> {
    c.rank(x).checked_sub(spatial).filter(|&a| a > 0).ok_or_else(|| c.bad("grad_output", "a tensor with channels"))
}

/// The gradient of a linear function of one axis, which gave the gradient's axis from one of `n` elements: `weights` says
/// for each of its elements what part each of the `n` had.
fn spread(
    c: &mut Call<'_>,
    grad: ValueId,
    axis: usize,
    n: usize,
    weights: impl Fn(usize, &mut [f64]),
) -> Result<ValueId> {
    let count = c.known_dim(grad, axis)?;
    let all = n.checked_mul(count).filter(|&all| all <= 1 << 22);
    let mut matrix = vec![0.0; all.ok_or_else(|| c.unsupported("an axis that long"))?];
    matrix.chunks_mut(n.max(1)).enumerate().for_each(|(i, row)| weights(i, row));
    along(c, grad, axis, &[count, n], &matrix)
}

/// Zeros of the shape that `shape`, an i64 vector, says.
pub(super) fn zeros(c: &mut Call<'_>, like: ValueId, shape: ValueId) -> Result<ValueId> {
    let zero = c.b.scalar_like(like, 0.0);
    c.b.one(Op::Expand, &[zero, shape])
}

fn mul(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    c.binary(BinaryOp::Mul, x, y)
}

fn sub(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    c.binary(BinaryOp::Sub, x, y)
}
