//! Sorting, searching, sets (`core/ops/nn_ops.cc`, `array_ops.cc`, `math_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("TopKV2", top_k),
    row("NthElement", nth_element),
    row("InTopK", in_top_k),
    row("InTopKV2", in_top_k),
    row("Where", places),
    row_many("Unique", |c| unique(c, false)),
    row_many("UniqueWithCounts", |c| unique(c, true)),
    row_many("UniqueV2", |c| unique(c, false)),
    row_many("UniqueWithCountsV2", |c| unique(c, true)),
    row_many("ListDiff", list_difference),
    row("Bucketize", bucketize),
    row("LowerBound", |c| bound(c, BinaryOp::Less)),
    row("UpperBound", |c| bound(c, BinaryOp::LessOrEqual)),
];

/// `k` is the second operand; in graphs of the first version, which the shim renames, an attribute.
fn top_k(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.x()?;
    let k = match c.inputs.get(1) {
        Some(&k) => f::long_vector(c.b, k)?,
        None => {
            let k = c.int_or("k", 1)?;
            c.b.ints(&[k])
        }
    };
    let [values, at] = f::top(c.b, x, k, true)?;
    let to = c.dtype_or("index_type", DType::I32)?;
    Ok(vec![values, c.b.cast(at, to)?])
}

/// Element `n` of each row when sorted.
fn nth_element(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, n] = c.pair()?;
    let n = f::long_vector(c.b, n)?;
    let k = c.b.binary_scalar(BinaryOp::Add, n, 1.0)?;
    let largest = c.bool_or("reverse", false)?;
    let [values, _] = f::top(c.b, x, k, largest)?;
    let last = c.b.slice_axis(values, -1, -1, i64::MAX, 1)?;
    c.b.squeeze(last, &[-1])
}

/// (predictions, targets, k): whether the target is among the k largest; of equals, all are.
fn in_top_k(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, target] = c.pair()?;
    let k = match c.inputs.get(2) {
        Some(&k) => c.b.cast(k, DType::I64)?,
        None => {
            let k = c.int_or("k", 1)?;
            c.b.constant("", Tensor::int_scalar(k))
        }
    };
    c.b.in_top(x, target, k)
}

/// The indices of what is not zero, one row each.
fn places(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let columns = c.b.one(Op::NonZero, &[x])?;
    c.b.transpose(columns, &[1, 0])
}

/// (x, axis?) → values in the order of their first appearance, for each element which value, and how often each stands.
fn unique(c: &mut Call<'_>, counted: bool) -> Result<Vec<ValueId>> {
    let x = c.x()?;
    let to = c.dtype_or("out_idx", DType::I32)?;
    let axis = match c.inputs.len() {
        0 | 1 => None,
        _ => c.ints(1, "axis")?.first().copied(),
    };
    let axis = axis.filter(|_| c.b.rank(x) > 1);
    let [values, _, inverse, counts] = c.b.unique(x, axis, false)?;
    let mut out = vec![values, c.b.cast(inverse, to)?];
    if counted {
        out.push(c.b.cast(counts, to)?);
    }
    Ok(out)
}

/// The elements of x that are not in y, and where they stand.
fn list_difference(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, y] = c.pair()?;
    let to = c.dtype_or("out_idx", DType::I32)?;
    let (column, row) = (c.b.unsqueeze(x, &[1])?, c.b.unsqueeze(y, &[0])?);
    let same = c.b.binary(BinaryOp::Equal, column, row)?;
    let same = c.b.cast(same, DType::I32)?;
    let hits = c.b.reduce(ReduceKind::Sum, same, &[1], false)?;
    let kept = f::is_zero(c.b, hits)?;
    let values = c.b.one(Op::Compress { axis: Some(0) }, &[x, kept])?;
    let n = c.b.dim(x, 0)?;
    let at = f::count_to(c.b, n)?;
    let at = c.b.one(Op::Compress { axis: Some(0) }, &[at, kept])?;
    Ok(vec![values, c.b.cast(at, to)?])
}

/// The number of boundaries that are not above the element.
fn bucketize(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let boundaries = c.float_list("boundaries")?;
    // Boundaries are 32-bit floats, and integers are compared with them as such.
    let x = if c.b.dtype(x).is_float() { x } else { c.b.cast(x, DType::F32)? };
    let limits = Tensor::from_f64s(c.b.dtype(x), &[boundaries.len()], &boundaries)?;
    let limits = c.b.constant("", limits);
    let count = c.b.ranks(x, limits, true)?;
    c.b.cast(count, DType::I32)
}

/// (sorted rows, values of each row): how many elements stand before the place of the value.
fn bound(c: &mut Call<'_>, order: BinaryOp) -> Result<ValueId> {
    let [sorted, values] = c.pair()?;
    let to = c.dtype_or("out_type", DType::I32)?;
    let (row, column) = (c.b.unsqueeze(sorted, &[1])?, c.b.unsqueeze(values, &[2])?);
    let before = c.b.binary(order, row, column)?;
    let before = c.b.cast(before, DType::I32)?;
    let count = c.b.reduce(ReduceKind::Sum, before, &[-1], false)?;
    c.b.cast(count, to)
}
