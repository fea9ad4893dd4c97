//! Colours of images (`core/ops/image_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};

pub(crate) const ROWS: &[Row] = &[
    row("AdjustContrastv2", contrast),
    row("RGBToHSV", |c| {
        let x = c.x()?;
        c.b.rgb_to_hsv(x)
    }),
    row("HSVToRGB", |c| {
        let x = c.x()?;
        c.b.hsv_to_rgb(x)
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

/// (x, factor)
fn saturation(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, factor] = c.pair()?;
    let hsv = c.b.rgb_to_hsv(x)?;
    let [h, s, v] = c.b.channels(hsv)?;
    let factor = c.b.cast(factor, c.b.dtype(x))?;
    let s = c.b.binary(BinaryOp::Mul, s, factor)?;
    let s = f::clip(c.b, s, Some(0.0), Some(1.0))?;
    let hsv = c.b.concat(&[h, s, v], -1)?;
    c.b.hsv_to_rgb(hsv)
}

/// (x, delta): turned by a part of the whole circle.
fn hue(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, delta] = c.pair()?;
    let hsv = c.b.rgb_to_hsv(x)?;
    let [h, s, v] = c.b.channels(hsv)?;
    let delta = c.b.cast(delta, c.b.dtype(x))?;
    let h = c.b.binary(BinaryOp::Add, h, delta)?;
    let whole = c.b.unary(UnaryOp::Floor, h)?;
    let h = c.b.binary(BinaryOp::Sub, h, whole)?;
    let hsv = c.b.concat(&[h, s, v], -1)?;
    c.b.hsv_to_rgb(hsv)
}
