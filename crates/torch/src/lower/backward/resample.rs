//! Gradients of resampled and padded images: both are linear functions of one axis at a time.
//!
//! Semantics: `aten/src/ATen/native/{UpSample.h,cpu/UpSampleKernel.cpp,cpu/PaddingKernel.cpp}` of PyTorch 2.15.

use super::{first_axis, spread};
use crate::lower::call::Call;
use crate::lower::resize::factors;
use crate::lower::sizes::Size;
use crate::lower::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;

pub(in super::super) const ROWS: &[Row] = &[
    row("aten::upsample_nearest1d_backward", |c| resampled(c, 1, |a, i, row| nearest(a, i, row, 0.0))),
    row("aten::upsample_nearest2d_backward", |c| resampled(c, 2, |a, i, row| nearest(a, i, row, 0.0))),
    row("aten::upsample_nearest3d_backward", |c| resampled(c, 3, |a, i, row| nearest(a, i, row, 0.0))),
    row("aten::_upsample_nearest_exact1d_backward", |c| resampled(c, 1, |a, i, row| nearest(a, i, row, 0.5))),
    row("aten::_upsample_nearest_exact2d_backward", |c| resampled(c, 2, |a, i, row| nearest(a, i, row, 0.5))),
    row("aten::_upsample_nearest_exact3d_backward", |c| resampled(c, 3, |a, i, row| nearest(a, i, row, 0.5))),
    row("aten::upsample_linear1d_backward", |c| resampled(c, 1, linear)),
    row("aten::upsample_bilinear2d_backward", |c| resampled(c, 2, linear)),
    row("aten::upsample_trilinear3d_backward", |c| resampled(c, 3, linear)),
    row("aten::upsample_bicubic2d_backward", |c| resampled(c, 2, cubic)),
    row("aten::reflection_pad1d_backward", |c| padded(c, 1, reflected)),
    row("aten::reflection_pad2d_backward", |c| padded(c, 2, reflected)),
    row("aten::reflection_pad3d_backward", |c| padded(c, 3, reflected)),
    row("aten::replication_pad1d_backward", |c| padded(c, 1, nearest_inside)),
    row("aten::replication_pad2d_backward", |c| padded(c, 2, nearest_inside)),
    row("aten::replication_pad3d_backward", |c| padded(c, 3, nearest_inside)),
];

/// How the places of the result lie among those of the operand.
struct Axis {
    /// Elements of the operand for one of the result.
    scale: f64,
    /// Whether the first and last elements of both are at the same places.
    corners: bool,
}

impl Axis {
    /// Where element `i` of the result lies.
    fn place(&self, i: usize) -> f64 {
        let i = i as f64;
        if self.corners { i * self.scale } else { (i + 0.5) * self.scale - 0.5 }
    }
}

fn resampled(c: &mut Call<'_>, spatial: usize, weights: fn(&Axis, usize, &mut [f64])) -> Result<ValueId> {
    let grad = c.tensor("grad_output")?;
    let first = first_axis(c, grad, spatial)?;
    let sizes = c.sizes("input_size")?;
    let known = sizes.get(first..).filter(|s| s.len() == spatial).unwrap_or_default().iter();
    let known = known.map(|s| if let Size::Known(n) = s { usize::try_from(*n).ok() } else { None });
    let sizes = known.collect::<Option<Vec<usize>>>().filter(|s| s.len() == spatial);
    let sizes = sizes.ok_or_else(|| c.bad("input_size", "sizes that are known when the model is converted"))?;
    let (factors, corners) = (factors(c, spatial)?, c.flag("align_corners")?);
    let mut out = grad;
    for (i, n) in sizes.into_iter().enumerate() {
        let count = c.known_dim(grad, first + i)?;
        let given = factors.as_ref().and_then(|f| f.get(i)).filter(|f| **f > 0.0);
        let scale = match given {
            _ if corners => n.saturating_sub(1) as f64 / count.saturating_sub(1).max(1) as f64,
            Some(f) => 1.0 / f,
            None => n as f64 / count.max(1) as f64,
        };
        let axis = Axis { scale, corners };
        out = spread(c, out, first + i, n, |i, row| weights(&axis, i, row))?;
    }
    Ok(out)
}

/// Adds to the weight of the element nearest to a place.
fn add(row: &mut [f64], at: f64, weight: f64) {
    let last = row.len().saturating_sub(1);
    if let Some(slot) = row.get_mut((at.max(0.0) as usize).min(last)) {
        *slot += weight;
    }
}

/// In single precision, as PyTorch counts whatever the type.
fn nearest(axis: &Axis, i: usize, row: &mut [f64], shift: f32) {
    add(row, f64::from(((i as f32 + shift) * axis.scale as f32).floor()), 1.0);
}

fn linear(axis: &Axis, i: usize, row: &mut [f64]) {
    let place = axis.place(i).max(0.0);
    let (at, part) = (place.floor(), place.fract());
    add(row, at, 1.0 - part);
    add(row, at + 1.0, part);
}

/// The kernel with the parameter −0.75; beyond the borders lies the border.
fn cubic(axis: &Axis, i: usize, row: &mut [f64]) {
    let (at, a) = (axis.place(i).floor(), -0.75);
    let part = axis.place(i) - at;
    let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    let weights = [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)];
    for (k, weight) in weights.into_iter().enumerate() {
        add(row, at + k as f64 - 1.0, weight);
    }
}

/// Pads are given from the last axis on; negative ones crop.
fn padded(c: &mut Call<'_>, spatial: usize, source: fn(i64, i64) -> i64) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let first = first_axis(c, x, spatial)?;
    let pads = c.ints("padding")?;
    if pads.len() != 2 * spatial {
        return Err(c.bad("padding", "two numbers an axis"));
    }
    let mut out = grad;
    for (axis, before) in (first..first + spatial).rev().zip(pads.into_iter().step_by(2)) {
        let n = c.known_dim(x, axis)?;
        out = spread(c, out, axis, n, |i, row| {
            add(row, source((i as i64).saturating_sub(before), n as i64) as f64, 1.0)
        })?;
    }
    Ok(out)
}

fn reflected(i: i64, n: i64) -> i64 {
    let i = i.saturating_abs();
    if i < n { i } else { (2 * (n - 1)).saturating_sub(i) }
}

fn nearest_inside(i: i64, n: i64) -> i64 {
    i.clamp(0, (n - 1).max(0))
}
