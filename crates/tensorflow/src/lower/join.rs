//! Joining, splitting, repeating, reordering (`core/ops/array_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{DType, Dim, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Concat", concat_v1),
    row("ConcatV2", concat),
    row("ParallelConcat", |c| {
        let parts = c.inputs.clone();
        joined(c, &parts, 0)
    }),
    row("Pack", pack),
    row_many("Unpack", unpack),
    row_many("Split", split),
    row_many("SplitV", split_sizes),
    row("Tile", tile),
    row("ReverseV2", |c| {
        let x = c.x()?;
        let axes = c.axes(&c.ints(1, "axes")?, c.b.rank(x))?;
        let axes: Vec<i64> = axes.into_iter().map(|a| a as i64).collect();
        c.b.flipped(x, &axes)
    }),
    row("Reverse", reverse_v1),
    row("ReverseSequence", reverse_sequence),
    row("Roll", roll),
];

fn joined(c: &mut Call<'_>, parts: &[ValueId], axis: i64) -> Result<ValueId> {
    match parts {
        &[one] => Ok(one),
        [] => Err(c.unsupported("there is nothing to join")),
        _ => c.b.concat(parts, axis),
    }
}

/// The axis is the last operand.
fn concat(c: &mut Call<'_>) -> Result<ValueId> {
    let last = c.inputs.len().saturating_sub(1);
    let axis = c.axis_operand(last, c.rank()?)? as i64;
    let parts = c.inputs.get(..last).unwrap_or_default().to_vec();
    joined(c, &parts, axis)
}

/// The axis is the first operand.
fn concat_v1(c: &mut Call<'_>) -> Result<ValueId> {
    let axis = c.axis_operand(0, c.b.rank(c.input(1)?))? as i64;
    let parts = c.inputs.get(1..).unwrap_or_default().to_vec();
    joined(c, &parts, axis)
}

fn pack(c: &mut Call<'_>) -> Result<ValueId> {
    let axis = c.axis(c.int_or("axis", 0)?, c.rank()? + 1)? as i64;
    let parts = c.inputs.clone();
    f::stack(c.b, &parts, axis)
}

/// More pieces than this are damage, not a model.
const MOST_PIECES: i64 = 1 << 16;

fn count(c: &Call<'_>, name: &str) -> Result<usize> {
    let n = c.int_or(name, 0)?;
    usize::try_from(n)
        .ok()
        .filter(|_| n <= MOST_PIECES)
        .ok_or_else(|| c.bad_value(name, &format!("0 to {MOST_PIECES} pieces"), &n.to_string()))
}

fn unpack(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.x()?;
    let axis = c.axis(c.int_or("axis", 0)?, c.b.rank(x))?;
    let n = count(c, "num")?;
    if c.b.shape(x).get(axis).and_then(Dim::known) == Some(n) && n > 1 && c.b.known(x).is_none() {
        let sizes = vec![1; n];
        let pieces = c.b.add(Op::Split { axis: axis as i64, sizes }, &[Some(x)])?;
        return pieces.into_iter().map(|p| c.b.squeeze(p, &[axis as i64])).collect();
    }
    let mut pieces = Vec::with_capacity(n);
    for i in 0..n {
        let at = c.b.constant("", modelport_ir::Tensor::int_scalar(i as i64));
        pieces.push(c.b.one(Op::Gather { axis: axis as i64 }, &[x, at])?);
    }
    Ok(pieces)
}

/// (axis, x): `num_split` equal pieces.
fn split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.input(1)?;
    let axis = c.axis_operand(0, c.b.rank(x))?;
    let n = count(c, "num_split")?;
    if n == 0 {
        return Err(c.bad_value("num_split", "at least 1 piece", "0"));
    }
    if n == 1 {
        return Ok(vec![x]);
    }
    let whole = c.b.shape(x).get(axis).and_then(Dim::known);
    if let Some(size) = whole.filter(|w| w.is_multiple_of(n)).map(|w| w / n) {
        return c.b.add(Op::Split { axis: axis as i64, sizes: vec![size; n] }, &[Some(x)]);
    }
    // The size is computed when the model runs.
    let (all, pieces) = (c.b.dim(x, axis)?, c.b.ints(&[n as i64]));
    let size = c.b.binary(BinaryOp::Div, all, pieces)?;
    let at = c.b.ints(&[axis as i64]);
    let mut out = Vec::with_capacity(n);
    for i in 0..n {
        let start = c.b.binary_scalar(BinaryOp::Mul, size, i as f64)?;
        let end = c.b.binary(BinaryOp::Add, start, size)?;
        out.push(c.b.one(Op::Slice, &[x, start, end, at])?);
    }
    Ok(out)
}

/// (x, sizes, axis); one size may be −1.
fn split_sizes(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.x()?;
    let axis = c.axis_operand(2, c.b.rank(x))?;
    let Some(sizes) = c.opt_ints(1)? else { return split_computed(c, x, axis) };
    let whole = c.b.shape(x).get(axis).and_then(Dim::known).map(|n| n as i64);
    let sum = sizes.iter().filter(|s| **s >= 0).fold(0i64, |a, s| a.saturating_add(*s));
    let open = sizes.iter().filter(|s| **s < 0).count();
    let exact: Option<Vec<usize>> = sizes
        .iter()
        .map(|&s| if s < 0 { usize::try_from(whole?.checked_sub(sum)?).ok() } else { usize::try_from(s).ok() })
        .collect();
    if let Some(exact) = exact.filter(|_| open <= 1) {
        return match exact.len() {
            1 => Ok(vec![x]),
            _ => c.b.add(Op::Split { axis: axis as i64, sizes: exact }, &[Some(x)]),
        };
    }
    // The rest of an axis of unknown size: what follows it is counted from the end.
    let open = sizes.iter().position(|s| *s < 0).unwrap_or(sizes.len());
    let (mut out, mut start) = (Vec::with_capacity(sizes.len()), 0i64);
    for (i, &size) in sizes.iter().enumerate() {
        let rest = |from: usize| sizes.iter().skip(from).fold(0i64, |a, s| a.saturating_add((*s).max(0)));
        let end = if i < open { start.saturating_add(size) } else { rest(i + 1).saturating_neg() };
        let end = if i >= open && end == 0 { i64::MAX } else { end };
        out.push(c.b.slice_axis(x, axis as i64, start, end, 1)?);
        start = end;
    }
    Ok(out)
}

/// Sizes that the model computes.
fn split_computed(c: &mut Call<'_>, x: ValueId, axis: usize) -> Result<Vec<ValueId>> {
    let n = count(c, "num_split")?;
    let sizes = c.input(1)?;
    let sizes = f::long_vector(c.b, sizes)?;
    let at = c.b.ints(&[axis as i64]);
    let mut start = c.b.ints(&[0]);
    let mut out = Vec::with_capacity(n);
    for i in 0..n {
        let size = f::element(c.b, sizes, i)?;
        let end = c.b.binary(BinaryOp::Add, start, size)?;
        out.push(c.b.one(Op::Slice, &[x, start, end, at])?);
        start = end;
    }
    Ok(out)
}

fn tile(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, counts] = c.pair()?;
    let counts = f::long_vector(c.b, counts)?;
    if c.b.rank(x) == 0 { Ok(x) } else { c.b.one(Op::Tile, &[x, counts]) }
}

/// The axes are given as truth values.
fn reverse_v1(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let chosen = c.ints(1, "dims")?;
    let axes: Vec<i64> = chosen.iter().enumerate().filter(|(_, on)| **on != 0).map(|(i, _)| i as i64).collect();
    c.b.flipped(x, &axes)
}

/// ONNX's operator takes time and batch in the first two axes.
fn reverse_sequence(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, lengths] = c.pair()?;
    let rank = c.b.rank(x);
    let time = c.axis(c.int_or("seq_dim", 0)?, rank)?;
    let batch = c.axis(c.int_or("batch_dim", 0)?, rank)?;
    let lengths = c.b.cast(lengths, DType::I64)?;
    if time == batch {
        return Err(c.bad_value("seq_dim", "another axis than `batch_dim`", &time.to_string()));
    }
    if time < 2 && batch < 2 {
        let op = Op::ReverseSequence { batch_axis: batch as i64, time_axis: time as i64 };
        return c.b.one(op, &[x, lengths]);
    }
    let mut perm = vec![batch, time];
    perm.extend((0..rank).filter(|a| *a != batch && *a != time));
    let mut back = vec![0; rank];
    for (i, &p) in perm.iter().enumerate() {
        if let Some(slot) = back.get_mut(p) {
            *slot = i;
        }
    }
    let moved = c.b.transpose(x, &perm)?;
    let y = c.b.one(Op::ReverseSequence { batch_axis: 0, time_axis: 1 }, &[moved, lengths])?;
    c.b.transpose(y, &back)
}

/// (x, shifts, axes): every element moves, around the end.
fn roll(c: &mut Call<'_>) -> Result<ValueId> {
    let mut y = c.x()?;
    let rank = c.b.rank(y);
    let axes = c.axes(&c.ints(2, "axis")?, rank)?;
    let Some(shifts) = c.opt_ints(1)? else { return roll_computed(c, y, &axes) };
    for (&axis, &shift) in axes.iter().zip(&shifts) {
        let shift = match c.b.shape(y).get(axis).and_then(Dim::known) {
            Some(0) => 0,
            Some(n) => shift.rem_euclid(n as i64),
            None => shift,
        };
        if shift == 0 {
            continue;
        }
        if c.b.shape(y).get(axis).and_then(Dim::known).is_none() {
            // A shift may be longer than the axis.
            let by = c.b.ints(&[shift]);
            y = rolled(c, y, axis, by)?;
            continue;
        }
        let tail = c.b.slice_axis(y, axis as i64, -shift, i64::MAX, 1)?;
        let head = c.b.slice_axis(y, axis as i64, 0, -shift, 1)?;
        y = c.b.concat(&[tail, head], axis as i64)?;
    }
    Ok(y)
}

fn roll_computed(c: &mut Call<'_>, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let shifts = c.input(1)?;
    let shifts = f::long_vector(c.b, shifts)?;
    let mut y = x;
    for (i, &axis) in axes.iter().enumerate() {
        let by = f::element(c.b, shifts, i)?;
        y = rolled(c, y, axis, by)?;
    }
    Ok(y)
}

/// By an i64[1] that the model computes: cut at (−by mod n).
fn rolled(c: &mut Call<'_>, x: ValueId, axis: usize, by: ValueId) -> Result<ValueId> {
    let n = c.b.dim(x, axis)?;
    let back = c.b.unary(modelport_ir::core::UnaryOp::Neg, by)?;
    let cut = c.b.binary(BinaryOp::Mod, back, n)?;
    let (at, zero, end) = (c.b.ints(&[axis as i64]), c.b.ints(&[0]), c.b.ints(&[i64::MAX]));
    let tail = c.b.one(Op::Slice, &[x, cut, end, at])?;
    let head = c.b.one(Op::Slice, &[x, zero, cut, at])?;
    c.b.concat(&[tail, head], axis as i64)
}
