//! Keras 3 operations that write elements and rows, and that reduce rows by segment (keras/src/ops/{core,math}.py and
//! keras/src/backend/tensorflow/{core,math}.py, 3.15.1).
//!
//! Owns: where values go, what is limited before it is converted. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind, ScatterReduction};
use modelport_ir::segment::Segment;
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Scatter", scatter),
    row("ScatterUpdate", scatter_update),
    row("SliceUpdate", slice_update),
    row("SegmentSum", |c| segments(c, Segment::Sum)),
    row("SegmentMax", |c| segments(c, Segment::Max)),
    row("SegmentMin", |c| segments(c, Segment::Min)),
    row("SaturateCast", saturate_cast),
];

fn scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let (at, values) = (args::value(c, 0, "indices")?, args::value(c, 1, "values")?);
    let shape = args::plain(c, 2, "shape").cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let (at, shape) = (c.b.cast(at, DType::I64)?, args::shape(c, &shape)?);
    c.b.scattered(at, values, shape)
}

fn scatter_update(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at) = (args::value(c, 0, "inputs")?, args::value(c, 1, "indices")?);
    let updates = args::value(c, 2, "updates")?;
    let reduction = match c.opt_str("reduction")? {
        None => ScatterReduction::None,
        Some("add") => ScatterReduction::Add,
        Some("max") => ScatterReduction::Max,
        Some("min") => ScatterReduction::Min,
        Some("mul") => ScatterReduction::Mul,
        Some(other) => return Err(c.bad_argument("reduction", "add, max, min or mul", other)),
    };
    let (at, updates) = (c.b.cast(at, DType::I64)?, c.b.cast(updates, c.b.dtype(x))?);
    c.b.one(Op::ScatterNd { reduction }, &[x, at, updates])
}

/// Updates over a part of `inputs`, which is moved so that it lies inside: filled up to the whole, and chosen where they are.
fn slice_update(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, updates) = (args::value(c, 0, "inputs")?, args::value(c, 2, "updates")?);
    let starts = args::plain(c, 1, "start_indices").cloned();
    let starts = starts.ok_or_else(|| c.missing_argument("start_indices", "integers"))?;
    let starts = args::shape(c, &starts)?;
    let updates = c.b.cast(updates, c.b.dtype(x))?;
    let sizes = [x, updates].map(|v| c.b.one(Op::Shape { start: 0, end: None }, &[v]));
    let [whole, part] = sizes;
    let (whole, part) = (whole?, part?);
    let room = c.b.binary(BinaryOp::Sub, whole, part)?;
    let before = c.b.binary(BinaryOp::Min, starts, room)?;
    let before = c.b.binary_scalar(BinaryOp::Max, before, 0.0)?;
    let after = c.b.binary(BinaryOp::Sub, room, before)?;
    let widths = c.b.concat(&[before, after], 0)?;
    let mut padded = |v| c.b.one(Op::Pad { mode: PadMode::Constant }, &[v, widths]);
    let new = padded(updates)?;
    let one = c.b.scalar(DType::I32, 1.0);
    let ones = c.b.one(Op::Expand, &[one, part])?;
    let here = c.b.one(Op::Pad { mode: PadMode::Constant }, &[ones, widths])?;
    let here = c.b.cast(here, DType::Bool)?;
    c.b.choose(here, new, x)
}

/// As many rows as asked for; else as many as there are different ids (sums), or as the largest id says.
fn segments(c: &mut Call<'_>, kind: Segment) -> Result<ValueId> {
    let (x, ids) = (args::value(c, 0, "data")?, args::value(c, 1, "segment_ids")?);
    let ids = c.b.cast(ids, DType::I64)?;
    if c.bool_or("sorted", false)? {
        let count = c.b.one_more_than_last(ids)?;
        return c.b.segments(kind, x, ids, count, false);
    }
    let count = match c.opt_int("num_segments")? {
        Some(n) => c.b.ints(&[n.max(0)]),
        None if kind == Segment::Sum => {
            let [different, ..] = c.b.unique(ids, None, false)?;
            c.b.dim(different, 0)?
        }
        None => {
            let most = c.b.reduce(ReduceKind::Max, ids, &[0], true)?;
            c.b.binary_scalar(BinaryOp::Add, most, 1.0)?
        }
    };
    c.b.unsorted_segments(kind, x, ids, count)
}

/// The smallest and largest number of a type, and how many bits of one are kept.
fn range(dtype: DType) -> ([f64; 2], i32) {
    let bits = (dtype.size() * 8) as i32;
    match dtype {
        DType::F64 => ([f64::MIN, f64::MAX], 53),
        DType::F32 => ([f32::MIN.into(), f32::MAX.into()], 24),
        DType::BF16 => ([-3.389_531_389_251_535_5e38, 3.389_531_389_251_535_5e38], 8),
        DType::F16 => ([-65504.0, 65504.0], 11),
        DType::Bool => ([0.0, 1.0], 1),
        d if d.is_signed_int() => ([-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0], bits),
        _ => ([0.0, 2f64.powi(bits) - 1.0], bits),
    }
}

/// Limited to what both types hold, so that nothing overflows.
fn saturate_cast(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let to = args::plain(c, 1, "dtype").and_then(args::dtype_of);
    let to = to.ok_or_else(|| c.missing_argument("dtype", "an element type"))?;
    let ([least, most], kept) = range(c.b.dtype(x));
    let ([low, high], _) = range(to);
    // A bound that the operand's type does not hold is rounded towards 0.
    let held = |v: f64| {
        let bits = if v == 0.0 { 0 } else { v.abs().log2().floor() as i32 + 1 };
        let unit = 2f64.powi((bits - kept).max(0));
        (v / unit).trunc() * unit
    };
    let low = (low > least).then(|| held(low));
    let high =
        (high < most).then(|| if high >= 2f64.powi(62) { held(high * (1.0 - 2f64.powi(-kept))) } else { held(high) });
    let x = if low.is_none() && high.is_none() { x } else { core::clip(c.b, x, low, high)? };
    c.b.cast(x, to)
}
