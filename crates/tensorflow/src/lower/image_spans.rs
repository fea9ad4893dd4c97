//! Weights of resampling along one axis, computed by the model itself: for images whose sizes are open
//! (`core/kernels/image/scale_and_translate_op.cc`, `sampling_kernels.h`, `resize_area_op.cc`,
//! `resize_bicubic_op.cc`).
//!
//! Owns: the formulas of `image_kernels`, as core ops. Must never know: nodes and their attributes.

use super::call::Call;
use super::formula as f;
use super::image_kernels::Scaling;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

/// One axis of the image: how many pixels there are, and how many are asked for, i64[1].
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) there: ValueId,
    pub(super) wanted: ValueId,
}

impl Axis {
    /// The axis `axis` of `x`, whose new size is element `i` of an i64 vector.
    pub(super) fn new(c: &mut Call<'_>, x: ValueId, axis: usize, sizes: ValueId, i: usize) -> Result<Self> {
        Ok(Self { there: c.b.dim(x, axis)?, wanted: f::element(c.b, sizes, i)? })
    }
}

/// 0, 1, … below `n`, in single precision, moved by a number.
fn count(c: &mut Call<'_>, n: ValueId, plus: f64) -> Result<ValueId> {
    let all = f::count_to(c.b, n)?;
    let all = c.b.cast(all, DType::F32)?;
    if plus == 0.0 { Ok(all) } else { c.b.binary_scalar(BinaryOp::Add, all, plus) }
}

/// The matrix [wanted, there] of `ScaleAndTranslate`; scale and translation are f32[1]. `None`: there is no such kernel.
pub(super) fn spans(
    c: &mut Call<'_>,
    axis: Axis,
    scale: ValueId,
    shift: ValueId,
    kernel: &str,
    antialias: bool,
) -> Result<Option<ValueId>> {
    let inverse = c.b.unary(UnaryOp::Reciprocal, scale)?;
    let at = count(c, axis.wanted, 0.5)?;
    let at = c.b.binary(BinaryOp::Mul, at, inverse)?;
    let shift = c.b.binary(BinaryOp::Mul, inverse, shift)?;
    let at = c.b.binary(BinaryOp::Sub, at, shift)?;
    let at = c.b.unsqueeze(at, &[1])?;
    let pixel = count(c, axis.there, 0.5)?;
    let mut distance = c.b.binary(BinaryOp::Sub, pixel, at)?;
    if antialias {
        let wide = c.b.binary_scalar(BinaryOp::Max, inverse, 1.0)?;
        distance = c.b.binary(BinaryOp::Div, distance, wide)?;
    }
    let distance = c.b.unary(UnaryOp::Abs, distance)?;
    let Some(weights) = value(c, kernel, distance)? else { return Ok(None) };
    let weights = to_one(c, weights)?;
    // Output pixels whose centres are outside of the input stay 0.
    let before = f::below(c.b, at, 0.0)?;
    let end = c.b.cast(axis.there, DType::F32)?;
    let behind = c.b.binary(BinaryOp::Greater, at, end)?;
    let outside = c.b.binary(BinaryOp::Or, before, behind)?;
    f::zero_where(c.b, outside, weights).map(Some)
}

/// Rows that sum to 1.
fn to_one(c: &mut Call<'_>, weights: ValueId) -> Result<ValueId> {
    let sum = c.b.reduce(ReduceKind::Sum, weights, &[1], true)?;
    // A sum of nearly nothing is left as it is.
    let size = c.b.unary(UnaryOp::Abs, sum)?;
    let tiny = f::below(c.b, size, 1000.0 * f64::from(f32::MIN_POSITIVE))?;
    let one = c.b.scalar_like(sum, 1.0);
    let sum = c.b.choose(tiny, one, sum)?;
    c.b.binary(BinaryOp::Div, weights, sum)
}

/// A kernel's value at a distance that is not negative.
fn value(c: &mut Call<'_>, name: &str, x: ValueId) -> Result<Option<ValueId>> {
    Ok(Some(match name {
        "lanczos1" => lanczos(c, x, 1.0)?,
        "lanczos3" => lanczos(c, x, 3.0)?,
        "lanczos5" => lanczos(c, x, 5.0)?,
        "gaussian" => {
            let square = f::square(c.b, x)?;
            let y = c.b.binary_scalar(BinaryOp::Mul, square, -2.0)?;
            let y = c.b.unary(UnaryOp::Exp, y)?;
            zero_from(c, x, 1.5, y)?
        }
        "box" => {
            // At the edge, a half.
            let (half, zero) = (c.b.scalar_like(x, 0.5), c.b.scalar_like(x, 0.0));
            let (inside, upto) = (f::below(c.b, x, 0.5)?, c.b.binary(BinaryOp::LessOrEqual, x, half)?);
            let (inside, upto) = (c.b.choose(inside, half, zero)?, c.b.choose(upto, half, zero)?);
            c.b.binary(BinaryOp::Add, inside, upto)?
        }
        "triangle" => {
            let one = c.b.scalar_like(x, 1.0);
            let y = c.b.binary(BinaryOp::Sub, one, x)?;
            c.b.unary(UnaryOp::Relu, y)?
        }
        "keyscubic" => cubic(c, x, &[1.0, 0.0, -2.5, 1.5], &[2.0, -4.0, 2.5, -0.5])?,
        "mitchellcubic" => {
            let near = [8.0 / 9.0, 0.0, -2.0, 7.0 / 6.0];
            cubic(c, x, &near, &[16.0 / 9.0, -10.0 / 3.0, 2.0, -7.0 / 18.0])?
        }
        _ => return Ok(None),
    }))
}

/// `y` where `x` is below a number, else 0.
fn zero_from(c: &mut Call<'_>, x: ValueId, end: f64, y: ValueId) -> Result<ValueId> {
    let inside = f::below(c.b, x, end)?;
    let zero = c.b.scalar_like(y, 0.0);
    c.b.choose(inside, y, zero)
}

/// One polynomial below 1, another below 2.
fn cubic(c: &mut Call<'_>, x: ValueId, near: &[f64], far: &[f64]) -> Result<ValueId> {
    let (inner, outer) = (c.b.polynomial(x, near)?, c.b.polynomial(x, far)?);
    let outer = zero_from(c, x, 2.0, outer)?;
    let inside = f::below(c.b, x, 1.0)?;
    c.b.choose(inside, inner, outer)
}

/// A windowed sine.
fn lanczos(c: &mut Call<'_>, x: ValueId, radius: f64) -> Result<ValueId> {
    let p = c.b.binary_scalar(BinaryOp::Mul, x, std::f64::consts::PI)?;
    let p = c.b.binary_scalar(BinaryOp::Max, p, 1e-3)?;
    let slow = c.b.binary_scalar(BinaryOp::Div, p, radius)?;
    let (fast, slow) = (c.b.unary(UnaryOp::Sin, p)?, c.b.unary(UnaryOp::Sin, slow)?);
    let y = c.b.binary(BinaryOp::Mul, fast, slow)?;
    let y = c.b.binary_scalar(BinaryOp::Mul, y, radius)?;
    let square = f::square(c.b, p)?;
    let y = c.b.binary(BinaryOp::Div, y, square)?;
    let (one, least) = (c.b.scalar_like(x, 1.0), c.b.scalar_like(x, 1e-3));
    let middle = c.b.binary(BinaryOp::LessOrEqual, x, least)?;
    let y = c.b.choose(middle, one, y)?;
    zero_from(c, x, radius, y)
}

/// The last pixel, f32[1].
fn last(c: &mut Call<'_>, axis: Axis) -> Result<ValueId> {
    let n = c.b.cast(axis.there, DType::F32)?;
    c.b.binary_scalar(BinaryOp::Sub, n, 1.0)
}

/// How many input pixels a step between output pixels is.
fn scale(c: &mut Call<'_>, axis: Axis, aligned: bool) -> Result<ValueId> {
    let (n, m) = (c.b.cast(axis.there, DType::F32)?, c.b.cast(axis.wanted, DType::F32)?);
    let scale = c.b.binary(BinaryOp::Div, n, m)?;
    if !aligned {
        return Ok(scale);
    }
    let last = last(c, axis)?;
    let steps = c.b.binary_scalar(BinaryOp::Sub, m, 1.0)?;
    let steps_or_one = c.b.binary_scalar(BinaryOp::Max, steps, 1.0)?;
    let kept = c.b.binary(BinaryOp::Div, last, steps_or_one)?;
    let single = f::below(c.b, steps, 0.5)?;
    c.b.choose(single, scale, kept)
}

/// The input pixel of each output pixel, i64[wanted].
pub(super) fn nearest(c: &mut Call<'_>, axis: Axis, how: Scaling, half: bool) -> Result<ValueId> {
    let scale = scale(c, axis, how == Scaling::AlignCorners)?;
    let at = count(c, axis.wanted, if half { 0.5 } else { 0.0 })?;
    let at = c.b.binary(BinaryOp::Mul, at, scale)?;
    let mut pixel = c.b.unary(UnaryOp::Floor, at)?;
    if how == Scaling::AlignCorners {
        // Halves are rounded up, which no core op does.
        let part = c.b.binary(BinaryOp::Sub, at, pixel)?;
        let lower = f::below(c.b, part, 0.5)?;
        let next = c.b.binary_scalar(BinaryOp::Add, pixel, 1.0)?;
        pixel = c.b.choose(lower, pixel, next)?;
    }
    let last = last(c, axis)?;
    let pixel = c.b.binary(BinaryOp::Min, pixel, last)?;
    c.b.cast(pixel, DType::I64)
}

/// The matrix [wanted, there] of cubic weights, which TensorFlow has in steps of 1/1024.
pub(super) fn bicubic(c: &mut Call<'_>, axis: Axis, how: Scaling) -> Result<ValueId> {
    let half = how == Scaling::HalfPixel;
    let scale = scale(c, axis, how == Scaling::AlignCorners)?;
    let at = count(c, axis.wanted, if half { 0.5 } else { 0.0 })?;
    let at = c.b.binary(BinaryOp::Mul, at, scale)?;
    let at = if half { c.b.binary_scalar(BinaryOp::Sub, at, 0.5)? } else { at };
    let at = c.b.unsqueeze(at, &[1])?;
    let first = c.b.unary(UnaryOp::Floor, at)?;
    let part = c.b.binary(BinaryOp::Sub, at, first)?;
    let part = c.b.binary_scalar(BinaryOp::Mul, part, 1024.0)?;
    let part = c.b.unary(UnaryOp::Round, part)?;
    let part = c.b.binary_scalar(BinaryOp::Div, part, 1024.0)?;
    let one = c.b.scalar_like(part, 1.0);
    let rest = c.b.binary(BinaryOp::Sub, one, part)?;
    let a = if half { -0.5 } else { -0.75 };
    let (near, far) = ([1.0, 0.0, -(a + 3.0), a + 2.0], [-4.0 * a, 8.0 * a, -5.0 * a, a]);
    let (before, behind) = (c.b.binary(BinaryOp::Add, part, one)?, c.b.binary(BinaryOp::Add, rest, one)?);
    let (pixel, last) = (count(c, axis.there, 0.0)?, last(c, axis)?);
    let (zero, mut all) = (c.b.scalar_like(part, 0.0), None);
    for (distance, curve, step) in [(before, far, -1.0), (part, near, 0.0), (rest, near, 1.0), (behind, far, 2.0)] {
        let weight = c.b.polynomial(distance, &curve)?;
        let mut place = c.b.binary_scalar(BinaryOp::Add, first, step)?;
        if !half {
            // The edge is repeated.
            place = c.b.binary_scalar(BinaryOp::Max, place, 0.0)?;
            place = c.b.binary(BinaryOp::Min, place, last)?;
        }
        let hit = c.b.binary(BinaryOp::Equal, pixel, place)?;
        let own = c.b.choose(hit, weight, zero)?;
        all = Some(match all {
            Some(sum) => c.b.binary(BinaryOp::Add, sum, own)?,
            None => own,
        });
    }
    let all = all.unwrap_or(zero);
    if half { to_one(c, all) } else { Ok(all) }
}

/// The matrix [wanted, there] of the parts of input pixels that each output pixel covers.
pub(super) fn area(c: &mut Call<'_>, axis: Axis, aligned: bool) -> Result<ValueId> {
    let scale = scale(c, axis, aligned)?;
    let mut ends = Vec::with_capacity(2);
    for plus in [0.0, 1.0] {
        let at = count(c, axis.wanted, plus)?;
        let at = c.b.binary(BinaryOp::Mul, at, scale)?;
        ends.push(c.b.unsqueeze(at, &[1])?);
    }
    let [start, end] = f::two(&ends)?;
    // The last pixel stands for all that is behind it.
    let (pixel, next) = (count(c, axis.there, 0.0)?, count(c, axis.there, 1.0)?);
    let last = last(c, axis)?;
    let inner = c.b.binary(BinaryOp::Less, pixel, last)?;
    let far = c.b.scalar_like(pixel, f64::from(f32::MAX));
    let next = c.b.choose(inner, next, far)?;
    let (low, high) = (c.b.binary(BinaryOp::Max, pixel, start)?, c.b.binary(BinaryOp::Min, next, end)?);
    let part = c.b.binary(BinaryOp::Sub, high, low)?;
    let part = c.b.unary(UnaryOp::Relu, part)?;
    // Of a step inside of a pixel no difference is taken, which would be mostly rounding.
    let (begun, open) = (c.b.binary(BinaryOp::Less, pixel, start)?, c.b.binary(BinaryOp::Greater, next, end)?);
    let inside = c.b.binary(BinaryOp::And, begun, open)?;
    let part = c.b.choose(inside, scale, part)?;
    c.b.binary(BinaryOp::Div, part, scale)
}

/// Rows of `x` mixed by one matrix, columns by another.
pub(super) fn mixed(c: &mut Call<'_>, x: ValueId, tall: Axis, rows: ValueId, columns: ValueId) -> Result<ValueId> {
    let lines = c.b.reshape(x, &[0, 0, -1])?;
    let y = c.b.one(Op::MatMul, &[rows, lines])?;
    let (batch, width, channels) = (c.b.dim(x, 0)?, c.b.dim(x, 2)?, c.b.dim(x, 3)?);
    let shape = c.b.concat(&[batch, tall.wanted, width, channels], 0)?;
    let y = f::reshape_to(c.b, y, shape)?;
    c.b.one(Op::MatMul, &[columns, y])
}
