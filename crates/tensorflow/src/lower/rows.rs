//! Rows of different lengths: splits, and where in its row an element stands.
//!
//! Owns: formulas of ragged and sparse tensors. Must never know: nodes and their attributes.

use super::call::Call;
use super::formula as f;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, ScatterReduction};
use modelport_ir::{Op, ValueId};

/// One level of a ragged tensor; all values are i64.
pub(super) struct Level {
    /// The number of rows, [1].
    pub(super) parents: ValueId,
    /// The length of the longest row, [1].
    pub(super) longest: ValueId,
    /// The row of every element.
    pub(super) row: ValueId,
    /// The place of every element in its row.
    pub(super) column: ValueId,
}

/// Where rows of these lengths start, and behind them the number of all elements.
pub(super) fn splits(c: &mut Call<'_>, lengths: ValueId) -> Result<ValueId> {
    let ends = c.b.one(Op::CumSum { axis: 0, exclusive: false, reverse: false }, &[lengths])?;
    let zero = c.b.ints(&[0]);
    c.b.concat(&[zero, ends], 0)
}

/// The largest of these lengths, [1]; of none, 0.
pub(super) fn longest(c: &mut Call<'_>, lengths: ValueId) -> Result<ValueId> {
    let zero = c.b.ints(&[0]);
    let all = c.b.concat(&[zero, lengths], 0)?;
    c.b.reduce(ReduceKind::Max, all, &[0], true)
}

/// How many of the numbers in `ids` are 0, 1, … below `count` ([1]).
pub(super) fn tally(c: &mut Call<'_>, ids: ValueId, count: ValueId) -> Result<ValueId> {
    let zero = c.b.scalar_like(ids, 0.0);
    let one = c.b.scalar_like(ids, 1.0);
    let blank = c.b.one(Op::Expand, &[zero, count])?;
    let ones = f::filled_like(c.b, ids, one)?;
    let tuples = c.b.unsqueeze(ids, &[1])?;
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::Add }, &[blank, tuples, ones])
}

/// The level that splits describe.
pub(super) fn level(c: &mut Call<'_>, splits: ValueId) -> Result<Level> {
    let ends = c.b.slice_axis(splits, 0, 1, i64::MAX, 1)?;
    let starts = c.b.slice_axis(splits, 0, 0, -1, 1)?;
    let lengths = c.b.binary(BinaryOp::Sub, ends, starts)?;
    let last = c.b.ints(&[-1]);
    let total = c.b.one(Op::Gather { axis: 0 }, &[splits, last])?;
    // An element's row is the number of rows that have ended before it.
    let room = c.b.binary_scalar(BinaryOp::Add, total, 1.0)?;
    let ended = tally(c, ends, room)?;
    let passed = c.b.one(Op::CumSum { axis: 0, exclusive: false, reverse: false }, &[ended])?;
    let row = c.b.slice_axis(passed, 0, 0, -1, 1)?;
    let column = columns(c, starts, row)?;
    Ok(Level { parents: c.b.dim(lengths, 0)?, longest: longest(c, lengths)?, row, column })
}

/// The level of elements whose rows, in order, are `ids`, of `parents` ([1]) rows.
pub(super) fn of_ids(c: &mut Call<'_>, ids: ValueId, parents: ValueId) -> Result<Level> {
    let lengths = tally(c, ids, parents)?;
    let starts = c.b.one(Op::CumSum { axis: 0, exclusive: true, reverse: false }, &[lengths])?;
    Ok(Level { parents, longest: longest(c, lengths)?, row: ids, column: columns(c, starts, ids)? })
}

fn columns(c: &mut Call<'_>, starts: ValueId, row: ValueId) -> Result<ValueId> {
    let n = c.b.dim(row, 0)?;
    let k = f::count_to(c.b, n)?;
    let start = c.b.one(Op::Gather { axis: 0 }, &[starts, row])?;
    c.b.binary(BinaryOp::Sub, k, start)
}

/// What to multiply the indices of each of these sizes ([1] each) by, to number all elements.
pub(super) fn strides(c: &mut Call<'_>, sizes: &[ValueId]) -> Result<Vec<ValueId>> {
    let mut step = c.b.ints(&[1]);
    let mut out = Vec::with_capacity(sizes.len());
    for &n in sizes.iter().rev() {
        out.push(step);
        step = c.b.binary(BinaryOp::Mul, step, n)?;
    }
    out.reverse();
    Ok(out)
}

/// The indices, one vector for each of the sizes ([1] each), of the elements with these numbers.
pub(super) fn coordinates(c: &mut Call<'_>, numbers: ValueId, sizes: &[ValueId]) -> Result<Vec<ValueId>> {
    let steps = strides(c, sizes)?;
    let mut out = Vec::with_capacity(sizes.len());
    for (axis, (&step, &n)) in steps.iter().zip(sizes).enumerate() {
        let last = axis + 1 == sizes.len();
        let whole = if last { numbers } else { c.b.binary(BinaryOp::Div, numbers, step)? };
        out.push(if axis == 0 { whole } else { c.b.binary(BinaryOp::Mod, whole, n)? });
    }
    Ok(out)
}

/// The place of each of these numbers, of which no two are the same, when sorted.
pub(super) fn order(c: &mut Call<'_>, keys: ValueId) -> Result<ValueId> {
    let n = c.b.dim(keys, 0)?;
    let [_, order] = f::top(c.b, keys, n, false)?;
    Ok(order)
}
