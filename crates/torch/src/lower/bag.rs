//! Bags of embeddings: rows of a table, summed, averaged or the largest of each bag.
//!
//! Semantics: `aten/src/ATen/native/EmbeddingBag.cpp` of PyTorch 2.15: elements at `padding_idx` do not count, a bag without
//! elements is zero.

use super::call::Call;
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row_many("aten::embedding_bag", embedding_bag),
    row_many("aten::_embedding_bag", embedding_bag),
    row_many("aten::_embedding_bag_forward_only", embedding_bag),
];

/// Bags up to this many are reduced one by one.
const FEW: usize = 16;

fn embedding_bag(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (weight, at) = (c.tensor("weight")?, c.tensor("indices")?);
    let kind = match c.opt_int("mode")?.unwrap_or(0) {
        0 => ReduceKind::Sum,
        1 => ReduceKind::Mean,
        2 => ReduceKind::Max,
        _ => return Err(c.bad("mode", "0, 1 or 2")),
    };
    let mut rows = c.b.one(Op::Gather { axis: 0 }, &[weight, at])?;
    if let Some(factors) = c.opt_tensor("per_sample_weights")? {
        let factors = c.b.unsqueeze(factors, &[1])?;
        rows = c.binary(BinaryOp::Mul, rows, factors)?;
    }
    let offsets = c.tensor("offsets")?;
    let last = c.flag("include_last_offset")?;
    let padding = c.opt_int("padding_idx")?.filter(|i| *i >= 0);
    let starts = c.b.as_constant(offsets).and_then(|t| t.to_i64s().ok());
    let starts = starts.or_else(|| c.b.known(offsets).and_then(modelport_ir::infer::Known::values));
    let full = |s: &Vec<i64>| s.len() <= FEW && s.windows(2).all(|w| matches!(w, [a, b] if a < b));
    let out = match starts.filter(full) {
        Some(starts) if padding.is_none() => one_by_one(c, rows, &starts, last, kind)?,
        _ => at_once(c, at, rows, offsets, last, kind, padding)?,
    };
    let none = c.b.ints(&[]);
    let mut all = vec![none; c.results.max(1)];
    if let Some(first) = all.first_mut() {
        *first = out;
    }
    Ok(all)
}

fn one_by_one(c: &mut Call<'_>, rows: ValueId, starts: &[i64], last: bool, kind: ReduceKind) -> Result<ValueId> {
    let bags = if last { starts.len().saturating_sub(1) } else { starts.len() };
    let mut parts = Vec::with_capacity(bags);
    for i in 0..bags {
        let start = starts.get(i).copied().unwrap_or(0);
        let end = starts.get(i + 1).copied().unwrap_or(i64::MAX);
        let part = c.b.slice_axis(rows, 0, start, end, 1)?;
        parts.push(c.b.reduce(kind, part, &[0], true)?);
    }
    c.b.concat(&parts, 0)
}

/// A matrix says which elements each bag holds.
fn at_once(
    c: &mut Call<'_>,
    at: ValueId,
    rows: ValueId,
    offsets: ValueId,
    last: bool,
    kind: ReduceKind,
    padding: Option<i64>,
) -> Result<ValueId> {
    let holds = members(c, at, offsets, last, padding)?;
    let dtype = c.b.dtype(rows);
    if kind == ReduceKind::Max {
        let counts = c.b.cast(holds, DType::I64)?;
        let counts = c.b.reduce(ReduceKind::Sum, counts, &[1], true)?;
        let none = c.b.scalar(DType::I64, 0.0);
        let empty = c.binary(BinaryOp::Equal, counts, none)?;
        let holds = c.b.unsqueeze(holds, &[2])?;
        let rows = c.b.unsqueeze(rows, &[0])?;
        let low = c.b.scalar(dtype, f64::NEG_INFINITY);
        let rows = c.choose(holds, rows, low)?;
        let best = c.b.reduce(kind, rows, &[1], false)?;
        let zero = c.b.scalar(dtype, 0.0);
        return c.choose(empty, zero, best);
    }
    let holds = c.b.cast(holds, dtype)?;
    let sums = c.b.one(Op::MatMul, &[holds, rows])?;
    if kind == ReduceKind::Sum {
        return Ok(sums);
    }
    let counts = c.b.reduce(ReduceKind::Sum, holds, &[1], true)?;
    let counts = c.with(BinaryOp::Max, counts, 1.0)?;
    c.binary(BinaryOp::Div, sums, counts)
}

/// True where a bag (rows) holds an element (columns).
fn members(c: &mut Call<'_>, at: ValueId, offsets: ValueId, last: bool, padding: Option<i64>) -> Result<ValueId> {
    let offsets = c.b.cast(offsets, DType::I64)?;
    let count = c.b.one(Op::Size, &[at])?;
    let (zero, one) = (c.b.scalar(DType::I64, 0.0), c.b.scalar(DType::I64, 1.0));
    let places = c.b.one(Op::Range, &[zero, count, one])?;
    let ends = c.b.slice_axis(offsets, 0, 1, i64::MAX, 1)?;
    let (starts, ends) = if last {
        (c.b.slice_axis(offsets, 0, 0, -1, 1)?, ends)
    } else {
        let count = c.b.unsqueeze(count, &[0])?;
        (offsets, c.b.concat(&[ends, count], 0)?)
    };
    let (starts, ends) = (c.b.unsqueeze(starts, &[1])?, c.b.unsqueeze(ends, &[1])?);
    let after = c.binary(BinaryOp::GreaterOrEqual, places, starts)?;
    let before = c.binary(BinaryOp::Less, places, ends)?;
    let holds = c.binary(BinaryOp::And, after, before)?;
    let Some(padding) = padding else { return Ok(holds) };
    let at = c.b.cast(at, DType::I64)?;
    let padding = c.b.scalar(DType::I64, padding as f64);
    let padded = c.binary(BinaryOp::Equal, at, padding)?;
    let counts = c.unary(UnaryOp::Not, padded)?;
    c.binary(BinaryOp::And, holds, counts)
}
