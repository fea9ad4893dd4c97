//! `Attention` and `AdditiveAttention` (keras/src/layers/attention/{attention,additive_attention}.py, 3.15), and what all
//! attention layers share: masks over scores.
//!
//! Owns: single-head attention, masked softmax. Must never know: heads.

use super::call::{Call, Operand};
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Attr, Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[row_many("Attention", attention), row_many("AdditiveAttention", additive)];

/// A call argument that is given by name only.
pub(super) const BY_NAME: usize = usize::MAX;

/// A truth value given as a call argument.
pub(super) fn flag(call: &Call<'_>, name: &str) -> bool {
    call.arg(BY_NAME, name).and_then(Attr::as_bool).unwrap_or(false)
}

/// Both masks, or the one that is there.
pub(super) fn and(b: &mut Builder, x: Option<ValueId>, y: Option<ValueId>) -> Result<Option<ValueId>> {
    match (x, y) {
        (Some(x), Some(y)) => b.binary(BinaryOp::And, x, y).map(Some),
        (x, y) => Ok(x.or(y)),
    }
}

/// The numbers 0..n of a dimension of `x`.
fn positions(b: &mut Builder, x: ValueId, axis: usize) -> Result<ValueId> {
    let n = b.dim(x, axis)?;
    let n = b.squeeze(n, &[0])?;
    let (zero, one) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, 1.0));
    b.one(Op::Range, &[zero, n, one])
}

/// Row and column numbers of the scores of `query` and `value` over their axis 1: [T,1] and [1,S].
fn grid(b: &mut Builder, query: (ValueId, usize), value: (ValueId, usize)) -> Result<[ValueId; 2]> {
    let rows = positions(b, query.0, query.1)?;
    let columns = positions(b, value.0, value.1)?;
    Ok([b.unsqueeze(rows, &[1])?, b.unsqueeze(columns, &[0])?])
}

/// True where a query may see a value that does not come after it: [T,S].
pub(super) fn causal(b: &mut Builder, query: (ValueId, usize), value: (ValueId, usize)) -> Result<ValueId> {
    let [rows, columns] = grid(b, query, value)?;
    b.binary(BinaryOp::GreaterOrEqual, rows, columns)
}

/// True where query and value are less than `width` steps apart: [T,S].
pub(super) fn window(b: &mut Builder, query: (ValueId, usize), value: (ValueId, usize), width: i64) -> Result<ValueId> {
    let [rows, columns] = grid(b, query, value)?;
    let apart = b.binary(BinaryOp::Sub, rows, columns)?;
    let apart = b.unary(UnaryOp::Abs, apart)?;
    let width = b.scalar(DType::I64, width as f64);
    b.binary(BinaryOp::Less, apart, width)
}

/// Softmax over the last axis of the scores that `mask` (broadcast to them) lets through.
pub(super) fn masked_softmax(b: &mut Builder, scores: ValueId, mask: Option<ValueId>) -> Result<ValueId> {
    let mut scores = scores;
    if let Some(mask) = mask {
        // As low as Keras's own constants; a row without any true element becomes uniform.
        let low = if b.dtype(scores) == DType::F16 { -3.0e4 } else { -1.0e9 };
        let low = b.scalar_like(scores, low);
        scores = b.one(Op::Where, &[mask, scores, low])?;
    }
    b.one(Op::Softmax { axis: -1 }, &[scores])
}

/// Query, value, key with their masks: those given as an argument, else those that the tensors carry.
fn operands(call: &Call<'_>) -> Result<[Operand; 3]> {
    let mut inputs = call.inputs.clone();
    if let Some(Attr::List(masks)) = call.arg(BY_NAME, "mask") {
        for (input, mask) in inputs.iter_mut().zip(masks) {
            input.mask = call.operand(mask).map(|o| o.value);
        }
    }
    let (query, value) = (call.input(0)?, call.input(1)?);
    let mask = |i: usize| inputs.get(i).and_then(|o| o.mask);
    let key = inputs.get(2).copied().unwrap_or(Operand { value, mask: mask(1) });
    Ok([Operand { value: query, mask: mask(0) }, Operand { value, mask: mask(1) }, key])
}

fn attention(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [query, value, key] = operands(call)?;
    let scale = call.opt_weight("scale")?;
    let scores = match call.str_or("score_mode", "dot")? {
        "dot" => {
            let keys = call.b.transposed(key.value)?;
            let scores = call.b.one(Op::MatMul, &[query.value, keys])?;
            scaled(call.b, scores, scale)?
        }
        "concat" => {
            let sum = pairs(call.b, query.value, key.value)?;
            let sum = scaled(call.b, sum, scale)?;
            let bent = call.b.unary(UnaryOp::Tanh, sum)?;
            let scores = call.b.reduce(ReduceKind::Sum, bent, &[-1], false)?;
            let weight = call.weight("concat_score_weight")?;
            call.b.binary(BinaryOp::Mul, scores, weight)?
        }
        other => return Err(call.bad_argument("score_mode", "`dot` or `concat`", other)),
    };
    finish(call, [query, value, key], scores)
}

fn additive(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [query, value, key] = operands(call)?;
    let sum = pairs(call.b, query.value, key.value)?;
    let bent = call.b.unary(UnaryOp::Tanh, sum)?;
    let scale = call.opt_weight("scale")?;
    let bent = scaled(call.b, bent, scale)?;
    let scores = call.b.reduce(ReduceKind::Sum, bent, &[-1], false)?;
    finish(call, [query, value, key], scores)
}

fn scaled(b: &mut Builder, x: ValueId, scale: Option<ValueId>) -> Result<ValueId> {
    match scale {
        Some(scale) => b.binary(BinaryOp::Mul, x, scale),
        None => Ok(x),
    }
}

/// The sums of all pairs of a query and a key.
fn pairs(b: &mut Builder, query: ValueId, key: ValueId) -> Result<ValueId> {
    let query = b.unsqueeze(query, &[-2])?;
    let key = b.unsqueeze(key, &[-3])?;
    b.binary(BinaryOp::Add, query, key)
}

/// From scores to results.
fn finish(call: &mut Call<'_>, [query, value, key]: [Operand; 3], scores: ValueId) -> Result<Vec<ValueId>> {
    let b = &mut *call.b;
    let visible = match value.mask {
        Some(m) => {
            let m = b.cast(m, DType::Bool)?;
            Some(b.unsqueeze(m, &[-2])?)
        }
        None => None,
    };
    // Keras 2.4 to 2.8 has `causal` as an argument of the layer, later versions of the call.
    let is_causal = flag(call, "use_causal_mask") || call.bool_or("causal", false)?;
    let b = &mut *call.b;
    let triangle = if is_causal {
        let (q, k) = (b.rank(query.value), b.rank(key.value));
        Some(causal(b, (query.value, q.saturating_sub(2)), (key.value, k.saturating_sub(2)))?)
    } else {
        None
    };
    let mask = and(b, visible, triangle)?;
    let weights = masked_softmax(b, scores, mask)?;
    let mut output = b.one(Op::MatMul, &[weights, value.value])?;
    if let Some(m) = query.mask {
        let m = b.cast(m, DType::Bool)?;
        let m = b.unsqueeze(m, &[-1])?;
        let zero = b.scalar_like(output, 0.0);
        output = b.one(Op::Where, &[m, output, zero])?;
    }
    call.set_mask(0, query.mask);
    if flag(call, "return_attention_scores") { Ok(vec![output, weights]) } else { Ok(vec![output]) }
}
