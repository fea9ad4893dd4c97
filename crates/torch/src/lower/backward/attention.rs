//! The gradient of scaled products of queries and keys.
//!
//! Semantics: `aten/src/ATen/native/transformers/attention.cpp` of PyTorch 2.15. What the forward pass saved is not used: the
//! weights are computed anew.

use super::{mul, sub};
use crate::lower::attention::given;
use crate::lower::call::Call;
use crate::lower::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{Op, ValueId};

pub(in super::super) const ROWS: &[Row] =
    &[row_many("aten::_scaled_dot_product_flash_attention_for_cpu_backward", dot_product)];

fn turned(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let rank = c.rank(x);
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(rank.saturating_sub(1), rank.saturating_sub(2));
    c.b.transpose(x, &perm)
}

fn product(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    c.b.one(Op::MatMul, &[x, y])
}

/// By queries, keys and values.
fn dot_product(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let grad = c.tensor("grad_out")?;
    let g = given(c)?;
    let (out, weights) = g.attend(c)?;
    let turned_weights = turned(c, weights)?;
    let by_values = product(c, turned_weights, grad)?;
    let values = turned(c, g.v)?;
    let by_weights = product(c, grad, values)?;
    let mean = mul(c, grad, out)?;
    let mean = c.b.reduce(ReduceKind::Sum, mean, &[-1], true)?;
    let by_scores = sub(c, by_weights, mean)?;
    let by_scores = mul(c, weights, by_scores)?;
    let by_scores = c.with(BinaryOp::Mul, by_scores, g.scale)?;
    let by_queries = product(c, by_scores, g.k)?;
    let by_scores = turned(c, by_scores)?;
    let by_keys = product(c, by_scores, g.q)?;
    Ok(vec![by_queries, by_keys, by_values])
}
