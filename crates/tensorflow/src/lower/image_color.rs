//! Colours of images (`core/ops/image_ops.cc`; the formulas are those of `core/kernels/image/colorspace_op.h`).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("AdjustContrastv2", contrast),
    row("RGBToHSV", |c| {
        let x = c.x()?;
        to_hsv(c, x)
    }),
    row("HSVToRGB", |c| {
        let x = c.x()?;
        to_rgb(c, x)
    }),
    row("AdjustSaturation", saturation),
    row("AdjustHue", hue),
];

/// (x − mean)·factor + mean, the mean that of each channel of each image.
fn contrast(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, factor] = c.pair()?;
    let dtype = c.b.dtype(x);
    let factor = c.b.cast(factor, dtype)?;
    let mean = c.b.reduce(ReduceKind::Mean, x, &[-3, -2], true)?;
    let apart = c.b.binary(BinaryOp::Sub, x, mean)?;
    let scaled = c.b.binary(BinaryOp::Mul, apart, factor)?;
    c.b.binary(BinaryOp::Add, scaled, mean)
}

/// The three channels, each with a last axis of 1.
fn channels(c: &mut Call<'_>, x: ValueId) -> Result<[ValueId; 3]> {
    let split = c.b.add(Op::Split { axis: -1, sizes: vec![1; 3] }, &[Some(x)])?;
    match split.as_slice() {
        &[a, b, d] => Ok([a, b, d]),
        _ => Err(c.unsupported("an image has three channels")),
    }
}

fn to_hsv(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let [r, g, b] = channels(c, x)?;
    let most = c.b.reduce(ReduceKind::Max, x, &[-1], true)?;
    let least = c.b.reduce(ReduceKind::Min, x, &[-1], true)?;
    let range = c.b.binary(BinaryOp::Sub, most, least)?;
    let saturation = super::elementwise::divide_no_nan(c.b, range, most)?;
    let sixth = c.b.scalar_like(x, 1.0 / 6.0);
    let norm = super::elementwise::divide_no_nan(c.b, sixth, range)?;
    let side = |c: &mut Call<'_>, p, q, turn: f64| {
        let apart = c.b.binary(BinaryOp::Sub, p, q)?;
        let part = c.b.binary(BinaryOp::Mul, norm, apart)?;
        c.b.binary_scalar(BinaryOp::Add, part, turn)
    };
    let (red, green, blue) = (side(c, g, b, 0.0)?, side(c, b, r, 2.0 / 6.0)?, side(c, r, g, 4.0 / 6.0)?);
    let (is_red, is_green) = (c.b.binary(BinaryOp::Equal, r, most)?, c.b.binary(BinaryOp::Equal, g, most)?);
    let rest = f::choose(c.b, is_green, green, blue)?;
    let hue = f::choose(c.b, is_red, red, rest)?;
    let colourless = f::is_zero(c.b, range)?;
    let hue = f::zero_where(c.b, colourless, hue)?;
    let negative = f::below(c.b, hue, 0.0)?;
    let turned = c.b.binary_scalar(BinaryOp::Add, hue, 1.0)?;
    let hue = f::choose(c.b, negative, turned, hue)?;
    c.b.concat(&[hue, saturation, most], -1)
}

fn to_rgb(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let [h, s, v] = channels(c, x)?;
    let sixths = c.b.binary_scalar(BinaryOp::Mul, h, 6.0)?;
    let bump = |c: &mut Call<'_>, centre: f64, sign: f64, shift: f64| {
        let apart = c.b.binary_scalar(BinaryOp::Sub, sixths, centre)?;
        let size = c.b.unary(UnaryOp::Abs, apart)?;
        let scaled = c.b.binary_scalar(BinaryOp::Mul, size, sign)?;
        let moved = c.b.binary_scalar(BinaryOp::Add, scaled, shift)?;
        f::clip(c.b, moved, Some(0.0), Some(1.0))
    };
    let colours = [bump(c, 3.0, 1.0, -1.0)?, bump(c, 2.0, -1.0, 2.0)?, bump(c, 4.0, -1.0, 2.0)?];
    let one = c.b.scalar_like(x, 1.0);
    let pale = c.b.binary(BinaryOp::Sub, one, s)?;
    let mut out = Vec::with_capacity(3);
    for colour in colours {
        let strong = c.b.binary(BinaryOp::Mul, s, colour)?;
        let mix = c.b.binary(BinaryOp::Add, pale, strong)?;
        out.push(c.b.binary(BinaryOp::Mul, mix, v)?);
    }
    c.b.concat(&out, -1)
}

/// (x, factor)
fn saturation(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, factor] = c.pair()?;
    let hsv = to_hsv(c, x)?;
    let [h, s, v] = channels(c, hsv)?;
    let factor = c.b.cast(factor, c.b.dtype(x))?;
    let s = c.b.binary(BinaryOp::Mul, s, factor)?;
    let s = f::clip(c.b, s, Some(0.0), Some(1.0))?;
    let hsv = c.b.concat(&[h, s, v], -1)?;
    to_rgb(c, hsv)
}

/// (x, delta): turned by a part of the whole circle.
fn hue(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, delta] = c.pair()?;
    let hsv = to_hsv(c, x)?;
    let [h, s, v] = channels(c, hsv)?;
    let delta = c.b.cast(delta, c.b.dtype(x))?;
    let h = c.b.binary(BinaryOp::Add, h, delta)?;
    let whole = c.b.unary(UnaryOp::Floor, h)?;
    let h = c.b.binary(BinaryOp::Sub, h, whole)?;
    let hsv = c.b.concat(&[h, s, v], -1)?;
    to_rgb(c, hsv)
}
