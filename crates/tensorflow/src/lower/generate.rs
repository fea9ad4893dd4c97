//! Values that are made rather than computed from others (`core/ops/array_ops.cc`, `math_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Fill", fill),
    row("ZerosLike", |c| like(c, 0.0)),
    row("OnesLike", |c| like(c, 1.0)),
    row("Range", range),
    row("LinSpace", linspace),
    row("OneHot", one_hot),
];

fn fill(c: &mut Call<'_>) -> Result<ValueId> {
    let [dims, value] = c.pair()?;
    let (dims, value) = (f::long_vector(c.b, dims)?, f::scalar(c.b, value)?);
    c.b.one(Op::Expand, &[value, dims])
}

fn like(c: &mut Call<'_>, value: f64) -> Result<ValueId> {
    let x = c.x()?;
    if super::driver::is_text(c.b, x) {
        return Err(c.unsupported("strings are not computed with"));
    }
    let value = c.b.scalar_like(x, value);
    f::filled_like(c.b, x, value)
}

fn range(c: &mut Call<'_>) -> Result<ValueId> {
    let mut ends = Vec::with_capacity(3);
    for v in c.three()? {
        ends.push(f::scalar(c.b, v)?);
    }
    c.b.one(Op::Range, &ends)
}

/// `num` numbers from `start` to `stop`, both included.
fn linspace(c: &mut Call<'_>) -> Result<ValueId> {
    let [start, stop, num] = c.three()?;
    let (start, stop) = (f::scalar(c.b, start)?, f::scalar(c.b, stop)?);
    let num = c.b.cast(num, DType::I64)?;
    let num = f::scalar(c.b, num)?;
    let dtype = c.b.dtype(start);
    let at = f::count_to(c.b, num)?;
    let at = c.b.cast(at, dtype)?;
    let last = c.b.binary_scalar(BinaryOp::Sub, num, 1.0)?;
    // One number is the start alone.
    let least = c.b.binary_scalar(BinaryOp::Max, last, 1.0)?;
    let steps = c.b.cast(least, dtype)?;
    let whole = c.b.binary(BinaryOp::Sub, stop, start)?;
    let step = c.b.binary(BinaryOp::Div, whole, steps)?;
    let moved = c.b.binary(BinaryOp::Mul, at, step)?;
    c.b.binary(BinaryOp::Add, start, moved)
}

/// Indices outside of the depth give no hot element at all, also negative ones, which ONNX's own operator counts from
/// the end: therefore a comparison.
fn one_hot(c: &mut Call<'_>) -> Result<ValueId> {
    let (at, depth) = (c.input(0)?, c.input(1)?);
    let (on, off) = (c.input(2)?, c.input(3)?);
    let rank = c.b.rank(at) + 1;
    let axis = match c.int_or("axis", -1)? {
        -1 => rank - 1,
        axis => c.axis(axis, rank)?,
    };
    let at = c.b.cast(at, DType::I64)?;
    let at = c.b.unsqueeze(at, &[axis as i64])?;
    let depth = c.b.cast(depth, DType::I64)?;
    let classes = f::count_to(c.b, depth)?;
    let after: Vec<i64> = (1..(rank - axis) as i64).collect();
    let classes = if after.is_empty() { classes } else { c.b.unsqueeze(classes, &after)? };
    let hot = c.b.binary(BinaryOp::Equal, at, classes)?;
    let number = |c: &Call<'_>, v| c.b.as_constant(v).and_then(|t| t.to_f64s().ok()?.first().copied());
    let dtype = c.b.dtype(on);
    if dtype != DType::Str && number(c, on) == Some(1.0) && number(c, off) == Some(0.0) {
        return c.b.cast(hot, dtype);
    }
    c.b.choose(hot, on, off)
}
