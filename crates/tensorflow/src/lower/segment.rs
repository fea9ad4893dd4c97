//! Reductions of rows by segment (`core/ops/math_ops.cc`, `core/kernels/segment_reduction_ops_impl.h`).

use super::call::Call;
use super::formula as f;
use super::scatter::rows;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::segment::Segment;
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("SegmentSum", |c| sorted(c, Segment::Sum)),
    row("SegmentMean", |c| sorted(c, Segment::Mean)),
    row("SegmentProd", |c| sorted(c, Segment::Prod)),
    row("SegmentMax", |c| sorted(c, Segment::Max)),
    row("SegmentMin", |c| sorted(c, Segment::Min)),
    row("UnsortedSegmentSum", |c| unsorted(c, Segment::Sum)),
    row("UnsortedSegmentProd", |c| unsorted(c, Segment::Prod)),
    row("UnsortedSegmentMax", |c| unsorted(c, Segment::Max)),
    row("UnsortedSegmentMin", |c| unsorted(c, Segment::Min)),
    row("SparseSegmentSum", |c| sparse(c, Segment::Sum, false)),
    row("SparseSegmentMean", |c| sparse(c, Segment::Mean, false)),
    row("SparseSegmentSqrtN", |c| sparse(c, Segment::SqrtN, false)),
    row("SparseSegmentSumWithNumSegments", |c| sparse(c, Segment::Sum, true)),
    row("SparseSegmentMeanWithNumSegments", |c| sparse(c, Segment::Mean, true)),
    row("SparseSegmentSqrtNWithNumSegments", |c| sparse(c, Segment::SqrtN, true)),
    row("Bincount", |c| bincount(c, false)),
    row("DenseBincount", |c| bincount(c, true)),
];

/// (data, ids): as many segments as the last id says.
fn sorted(c: &mut Call<'_>, kind: Segment) -> Result<ValueId> {
    let [x, ids] = c.pair()?;
    let ids = c.b.cast(ids, DType::I64)?;
    let count = c.b.one_more_than_last(ids)?;
    c.b.segments(kind, x, ids, count, false)
}

/// (data, ids of any shape, number of segments); rows with negative ids belong nowhere.
fn unsorted(c: &mut Call<'_>, kind: Segment) -> Result<ValueId> {
    let [x, ids, count] = c.three()?;
    let lead = c.b.rank(ids);
    let (ids, count) = (c.b.cast(ids, DType::I64)?, f::long_vector(c.b, count)?);
    let flat = if lead == 0 { c.b.reshape(ids, &[1])? } else { f::ravel(c.b, ids)? };
    let x = rows(c, x, lead)?;
    c.b.unsorted_segments(kind, x, flat, count)
}

/// (data, indices of rows, ids, number of segments?)
fn sparse(c: &mut Call<'_>, kind: Segment, counted: bool) -> Result<ValueId> {
    let [x, at, ids] = c.three()?;
    let at = super::gather::indices(c, at)?;
    let picked = c.b.one(Op::Gather { axis: 0 }, &[x, at])?;
    let ids = c.b.cast(ids, DType::I64)?;
    let count = if counted {
        let n = c.input(3)?;
        f::long_vector(c.b, n)?
    } else {
        c.b.one_more_than_last(ids)?
    };
    c.b.segments(kind, picked, ids, count, true)
}

/// (values, size, weights): how often each number below `size` stands there, or the sum of its weights. The dense form
/// counts in each row of a matrix, and may only tell whether there is any.
fn bincount(c: &mut Call<'_>, dense: bool) -> Result<ValueId> {
    let [x, size, weights] = c.three()?;
    let dtype = c.dtype_attr("T")?.unwrap_or(c.b.dtype(weights));
    let binary = dense && c.bool_or("binary_output", false)?;
    let weighted = c.b.ty(weights).elements() != Some(0);
    let size = c.b.cast(size, DType::I64)?;
    let size = f::scalar(c.b, size)?;
    let by_row = dense && c.b.rank(x) == 2;
    let flat = |c: &mut Call<'_>, v| if by_row { Ok(v) } else { f::ravel(c.b, v) };
    let x = flat(c, x)?;
    let weights = if weighted && !binary { Some(flat(c, weights)?) } else { None };
    c.b.counts(x, size, weights, binary, dtype)
}
