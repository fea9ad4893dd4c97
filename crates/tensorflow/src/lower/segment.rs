//! Reductions of rows by segment (`core/ops/math_ops.cc`, `core/kernels/segment_reduction_ops_impl.h`).

use super::call::Call;
use super::formula as f;
use super::scatter::rows;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("SegmentSum", |c| sorted(c, Kind::Sum)),
    row("SegmentMean", |c| sorted(c, Kind::Mean)),
    row("SegmentProd", |c| sorted(c, Kind::Prod)),
    row("SegmentMax", |c| sorted(c, Kind::Max)),
    row("SegmentMin", |c| sorted(c, Kind::Min)),
    row("UnsortedSegmentSum", |c| unsorted(c, Kind::Sum)),
    row("UnsortedSegmentProd", |c| unsorted(c, Kind::Prod)),
    row("UnsortedSegmentMax", |c| unsorted(c, Kind::Max)),
    row("UnsortedSegmentMin", |c| unsorted(c, Kind::Min)),
    row("SparseSegmentSum", |c| sparse(c, Kind::Sum, false)),
    row("SparseSegmentMean", |c| sparse(c, Kind::Mean, false)),
    row("SparseSegmentSqrtN", |c| sparse(c, Kind::SqrtN, false)),
    row("SparseSegmentSumWithNumSegments", |c| sparse(c, Kind::Sum, true)),
    row("SparseSegmentMeanWithNumSegments", |c| sparse(c, Kind::Mean, true)),
    row("SparseSegmentSqrtNWithNumSegments", |c| sparse(c, Kind::SqrtN, true)),
    row("Bincount", |c| bincount(c, false)),
    row("DenseBincount", |c| bincount(c, true)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sum,
    Mean,
    SqrtN,
    Prod,
    Max,
    Min,
}

/// (data, ids): as many segments as the last id says.
fn sorted(c: &mut Call<'_>, kind: Kind) -> Result<ValueId> {
    let [x, ids] = c.pair()?;
    let ids = c.b.cast(ids, DType::I64)?;
    let count = one_more_than_last(c, ids)?;
    segments(c, kind, x, ids, count, false)
}

/// The number of segments, as a vector of one, however many ids there are.
fn one_more_than_last(c: &mut Call<'_>, ids: ValueId) -> Result<ValueId> {
    let end = c.b.ints(&[-1]);
    let last = c.b.one(Op::Gather { axis: 0 }, &[ids, end])?;
    c.b.binary_scalar(BinaryOp::Add, last, 1.0)
}

/// (data, ids of any shape, number of segments); rows with negative ids belong nowhere.
fn unsorted(c: &mut Call<'_>, kind: Kind) -> Result<ValueId> {
    let [x, ids, count] = c.three()?;
    let lead = c.b.rank(ids);
    let (ids, count) = (c.b.cast(ids, DType::I64)?, f::long_vector(c.b, count)?);
    let flat = if lead == 0 { c.b.reshape(ids, &[1])? } else { f::ravel(c.b, ids)? };
    let x = rows(c, x, lead)?;
    let known = c.b.known(flat).and_then(modelport_ir::infer::Known::values);
    if known.is_some_and(|v| v.iter().all(|i| *i >= 0)) {
        return segments(c, kind, x, flat, count, true);
    }
    // They go to a segment more, which is cut off.
    let negative = f::below(c.b, flat, 0.0)?;
    let flat = f::choose(c.b, negative, count, flat)?;
    let more = c.b.binary_scalar(BinaryOp::Add, count, 1.0)?;
    let y = segments(c, kind, x, flat, more, true)?;
    let (zero, axis) = (c.b.ints(&[0]), c.b.ints(&[0]));
    c.b.one(Op::Slice, &[y, zero, count, axis])
}

/// (data, indices of rows, ids, number of segments?)
fn sparse(c: &mut Call<'_>, kind: Kind, counted: bool) -> Result<ValueId> {
    let [x, at, ids] = c.three()?;
    let at = super::gather::indices(c, at)?;
    let picked = c.b.one(Op::Gather { axis: 0 }, &[x, at])?;
    let ids = c.b.cast(ids, DType::I64)?;
    let count = if counted {
        let n = c.input(3)?;
        f::long_vector(c.b, n)?
    } else {
        one_more_than_last(c, ids)?
    };
    segments(c, kind, picked, ids, count, true)
}

/// Rows of `x` reduced by `ids`. Empty segments are 0 (1 for products), or the bound of the type where `bounds`.
fn segments(c: &mut Call<'_>, kind: Kind, x: ValueId, ids: ValueId, count: ValueId, bounds: bool) -> Result<ValueId> {
    let start = match kind {
        Kind::Max => f::extreme(c.b, c.b.dtype(x), true)?,
        Kind::Min => f::extreme(c.b, c.b.dtype(x), false)?,
        Kind::Prod => c.b.scalar_like(x, 1.0),
        _ => c.b.scalar_like(x, 0.0),
    };
    let reduction = match kind {
        Kind::Prod => ScatterReduction::Mul,
        Kind::Max => ScatterReduction::Max,
        Kind::Min => ScatterReduction::Min,
        _ => ScatterReduction::Add,
    };
    let shape = if c.b.rank(x) > 1 {
        let tail = c.b.one(Op::Shape { start: 1, end: None }, &[x])?;
        c.b.concat(&[count, tail], 0)?
    } else {
        count
    };
    let blank = c.b.one(Op::Expand, &[start, shape])?;
    let tuples = c.b.unsqueeze(ids, &[1])?;
    let y = c.b.one(Op::ScatterNd { reduction }, &[blank, tuples, x])?;
    let rank = c.b.rank(x);
    match kind {
        Kind::Mean | Kind::SqrtN => {
            let n = sizes(c, x, tuples, count, rank)?;
            let n = c.b.binary_scalar(BinaryOp::Max, n, 1.0)?;
            let n = if kind == Kind::SqrtN { c.b.unary(UnaryOp::Sqrt, n)? } else { n };
            c.b.binary(BinaryOp::Div, y, n)
        }
        Kind::Max | Kind::Min if !bounds => {
            let n = sizes(c, x, tuples, count, rank)?;
            let empty = f::is_zero(c.b, n)?;
            f::zero_where(c.b, empty, y)
        }
        _ => Ok(y),
    }
}

/// The number of rows in each segment, in the type of `x`, with dimensions of 1 behind.
fn sizes(c: &mut Call<'_>, x: ValueId, tuples: ValueId, count: ValueId, rank: usize) -> Result<ValueId> {
    let (zero, one) = (c.b.scalar_like(x, 0.0), c.b.scalar_like(x, 1.0));
    let blank = c.b.one(Op::Expand, &[zero, count])?;
    let n = c.b.dim(tuples, 0)?;
    let ones = c.b.one(Op::Expand, &[one, n])?;
    let sums = c.b.one(Op::ScatterNd { reduction: ScatterReduction::Add }, &[blank, tuples, ones])?;
    let axes: Vec<i64> = (1..rank as i64).collect();
    if axes.is_empty() { Ok(sums) } else { c.b.unsqueeze(sums, &axes) }
}

/// (values, size, weights): how often each number below `size` stands there, or the sum of its weights. The dense form
/// counts in each row of a matrix, and may only tell whether there is any.
fn bincount(c: &mut Call<'_>, dense: bool) -> Result<ValueId> {
    let [x, size, weights] = c.three()?;
    let dtype = c.dtype_attr("T")?.unwrap_or(c.b.dtype(weights));
    let binary = dense && c.bool_or("binary_output", false)?;
    let weighted = c.b.ty(weights).elements() != Some(0);
    let size = c.b.cast(size, DType::I64)?;
    let classes = f::count_to(c.b, size)?;
    let by_row = dense && c.b.rank(x) == 2;
    let x = c.b.cast(x, DType::I64)?;
    let x = if by_row { x } else { f::ravel(c.b, x)? };
    let cells = c.b.unsqueeze(x, &[-1])?;
    let hits = c.b.binary(BinaryOp::Equal, cells, classes)?;
    let hits = c.b.cast(hits, dtype)?;
    let hits = if weighted && !binary {
        let weights = if by_row { weights } else { f::ravel(c.b, weights)? };
        let weights = c.b.unsqueeze(weights, &[-1])?;
        c.b.binary(BinaryOp::Mul, hits, weights)?
    } else {
        hits
    };
    let kind = if binary { modelport_ir::core::ReduceKind::Max } else { modelport_ir::core::ReduceKind::Sum };
    c.b.reduce(kind, hits, &[-2], false)
}
