//! The gradient of scaled products of queries and keys.
//!
//! Semantics: `aten/src/ATen/native/transformers/attention.cpp` of PyTorch 2.15. What the forward pass saved is not used: the
//! weights are computed anew.

use super::{mul, sub, sum};
use crate::lower::attention::{fewer_heads, given};
use crate::lower::call::Call;
use crate::lower::sizes::Size;
use crate::lower::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{Op, ValueId};

pub(in super::super) const ROWS: &[Row] =
    &[row_many("aten::_scaled_dot_product_flash_attention_for_cpu_backward", dot_product)];

fn product(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    c.b.one(Op::MatMul, &[x, y])
}

/// By queries, keys and values.
fn dot_product(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let grad = c.tensor("grad_out")?;
    let g = given(c)?;
    let (out, weights) = g.attend(c)?;
    let turned_weights = c.b.transposed(weights)?;
    let by_values = product(c, turned_weights, grad)?;
    let values = c.b.transposed(g.v)?;
    let by_weights = product(c, grad, values)?;
    let mean = mul(c, grad, out)?;
    let mean = c.b.reduce(ReduceKind::Sum, mean, &[-1], true)?;
    let by_scores = sub(c, by_weights, mean)?;
    let by_scores = mul(c, weights, by_scores)?;
    let by_scores = c.with(BinaryOp::Mul, by_scores, g.scale)?;
    let by_queries = product(c, by_scores, g.k)?;
    let by_scores = c.b.transposed(by_scores)?;
    let by_keys = product(c, by_scores, g.q)?;
    let (k, v) = (c.tensor("key")?, c.tensor("value")?);
    Ok(vec![by_queries, of_all_uses(c, by_keys, k, g.q)?, of_all_uses(c, by_values, v, g.q)?])
}

/// A head of keys or values that several heads of queries use gets the gradients of all of them.
fn of_all_uses(c: &mut Call<'_>, grad: ValueId, x: ValueId, q: ValueId) -> Result<ValueId> {
    let Some(heads) = fewer_heads(c, x, q) else { return Ok(grad) };
    let (axis, sizes) = (c.rank(grad).saturating_sub(3), c.dims(grad)?);
    let apart: Vec<Size> =
        sizes.iter().take(axis).copied().chain([Size::Known(heads as i64), Size::Known(-1)]).collect();
    let apart: Vec<Size> = apart.into_iter().chain(sizes.into_iter().skip(axis + 1)).collect();
    let apart = c.reshape_keeping(grad, &apart, axis)?;
    sum(c, apart, &[axis as i64 + 1])
}
