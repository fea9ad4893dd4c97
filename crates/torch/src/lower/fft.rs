//! Fourier transforms (`aten/src/ATen/native/SpectralOps.cpp`, torch 2.15): which axes, how many points, which norm.
//!
//! Owns: `torch.fft`, and the ops below it. Must never know: how one axis is transformed.

use super::call::Call;
use super::pieces::range_of;
use super::sizes::Size;
use super::{Row, row, row_complex};
use modelport_diag::Result;
use modelport_ir::complex::Pair;
use modelport_ir::core::BinaryOp;
use modelport_ir::fourier::MOST_POINTS;
use modelport_ir::{DType, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row_complex("aten::fft_fft", |c| full(c, false)),
    row_complex("aten::fft_ifft", |c| full(c, true)),
    row_complex("aten::fft_fft2", |c| full(c, false)),
    row_complex("aten::fft_ifft2", |c| full(c, true)),
    row_complex("aten::fft_fftn", |c| full(c, false)),
    row_complex("aten::fft_ifftn", |c| full(c, true)),
    row_complex("aten::fft_rfft", |c| half(c, false)),
    row_complex("aten::fft_rfft2", |c| half(c, false)),
    row_complex("aten::fft_rfftn", |c| half(c, false)),
    row_complex("aten::fft_ihfft", |c| half(c, true)),
    row_complex("aten::fft_ihfft2", |c| half(c, true)),
    row_complex("aten::fft_ihfftn", |c| half(c, true)),
    row_complex("aten::fft_irfft", |c| back(c, false)),
    row_complex("aten::fft_irfft2", |c| back(c, false)),
    row_complex("aten::fft_irfftn", |c| back(c, false)),
    row_complex("aten::fft_hfft", |c| back(c, true)),
    row_complex("aten::fft_hfft2", |c| back(c, true)),
    row_complex("aten::fft_hfftn", |c| back(c, true)),
    row_complex("aten::_fft_c2c", |c| {
        let (z, axes) = (c.complex("self")?, plain_axes(c)?);
        let z = all(c, z, &axes, !c.flag("forward")?)?;
        normalised(c, z, numbered(c)?, &axes)
    }),
    row_complex("aten::_fft_r2c", |c| {
        let (x, axes) = (c.tensor("self")?, plain_axes(c)?);
        let z = if c.flag("onesided")? { real(c, x, &axes)? } else { all(c, x.into(), &axes, false)? };
        normalised(c, z, numbered(c)?, &axes)
    }),
    row_complex("aten::_fft_c2r", |c| {
        let (z, mut axes) = (c.complex("self")?, plain_axes(c)?);
        let n = points(c, c.int("last_dim_size")?)?;
        if let Some(last) = axes.last_mut() {
            last.points = n;
        }
        let x = whole(c, z, &axes)?;
        normalised(c, x.into(), numbered(c)?, &axes)
    }),
    row("aten::fft_fftshift", |c| shifted(c, false)),
    row("aten::fft_ifftshift", |c| shifted(c, true)),
    row("aten::fft_fftfreq", |c| frequencies(c, false)),
    row("aten::fft_rfftfreq", |c| frequencies(c, true)),
];

/// An axis that is transformed, and the points along it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    axis: usize,
    points: usize,
}

/// What a transform is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Norm {
    None,
    Root,
    Points,
}

fn named(c: &Call<'_>, inverse: bool) -> Result<Norm> {
    match (c.opt_str("norm")?, inverse) {
        (None | Some("backward"), false) | (Some("forward"), true) => Ok(Norm::None),
        (None | Some("backward"), true) | (Some("forward"), false) => Ok(Norm::Points),
        (Some("ortho"), _) => Ok(Norm::Root),
        _ => Err(c.bad("norm", "'backward', 'ortho' or 'forward'")),
    }
}

/// `fft_norm_mode` of `SpectralOpsUtils.h`.
fn numbered(c: &Call<'_>) -> Result<Norm> {
    match c.int("normalization")? {
        0 => Ok(Norm::None),
        1 => Ok(Norm::Root),
        2 => Ok(Norm::Points),
        _ => Err(c.bad("normalization", "0, 1 or 2")),
    }
}

pub(super) fn points(c: &Call<'_>, n: i64) -> Result<usize> {
    usize::try_from(n).ok().filter(|n| (1..=MOST_POINTS).contains(n)).ok_or_else(|| {
        c.unsupported("a Fourier transform over this many points has no lowering")
            .expected(format!("1 to {MOST_POINTS}"))
            .found(n.to_string())
    })
}

fn size(c: &Call<'_>, x: ValueId, axis: usize) -> Result<i64> {
    c.known_dim(x, axis).map(|n| n as i64)
}

/// The axes `dim` with all their points.
fn plain_axes(c: &mut Call<'_>) -> Result<Vec<Along>> {
    let x = c.complex("self")?.re;
    let along = |d: i64| {
        let axis = c.axis_of(d, c.rank(x))?;
        Ok(Along { axis, points: points(c, size(c, x, axis)?)? })
    };
    c.ints("dim")?.into_iter().map(along).collect()
}

/// The axes of `torch.fft`: `dim`, the last ones, or all; with the points that `n` or `s` says, −1 for those that are there.
/// `half`: the last axis of the operand has the first half of its points.
fn axes(c: &Call<'_>, x: ValueId, half: bool) -> Result<Vec<Along>> {
    let rank = c.rank(x);
    let sizes = c.opt_ints("n")?.or(c.opt_ints("s")?);
    let dims = match (c.opt_ints("dim")?, &sizes) {
        (Some(dims), _) => dims,
        (None, Some(sizes)) => (0..sizes.len() as i64).map(|i| i - sizes.len() as i64).collect(),
        (None, None) => (0..rank as i64).collect(),
    };
    if dims.is_empty() || sizes.as_ref().is_some_and(|s| s.len() != dims.len()) {
        return Err(c.bad("dim", "one dimension for each size"));
    }
    let last = dims.len() - 1;
    let along = |(i, &d): (usize, &i64)| {
        let axis = c.axis_of(d, rank)?;
        let asked = sizes.as_ref().and_then(|s| s.get(i)).copied().filter(|&n| n != -1);
        let n = match asked {
            Some(n) => n,
            None if half && i == last => 2 * (size(c, x, axis)? - 1),
            None => size(c, x, axis)?,
        };
        Ok(Along { axis, points: points(c, n)? })
    };
    dims.iter().enumerate().map(along).collect()
}

/// The operand in floating point.
fn operand(c: &mut Call<'_>) -> Result<Pair> {
    let z = c.complex("self")?;
    Ok(Pair { re: c.float(z.re)?, im: z.im })
}

fn fitted(c: &mut Call<'_>, mut z: Pair, axis: usize, n: usize) -> Result<Pair> {
    z.re = c.b.fitted(z.re, axis, n)?;
    z.im = z.im.map(|im| c.b.fitted(im, axis, n)).transpose()?;
    Ok(z)
}

fn all(c: &mut Call<'_>, mut z: Pair, axes: &[Along], inverse: bool) -> Result<Pair> {
    for a in axes.iter().rev() {
        z = c.b.fourier(z, a.axis, a.points, inverse)?;
    }
    Ok(z)
}

/// A real operand: half of the last axis, all of the others.
fn real(c: &mut Call<'_>, x: ValueId, axes: &[Along]) -> Result<Pair> {
    let Some((last, others)) = axes.split_last() else { return Ok(x.into()) };
    let z = c.b.fourier_half(x, last.axis, last.points)?;
    all(c, z, others, false)
}

/// The real values of which `real` makes z, times the number of points.
fn whole(c: &mut Call<'_>, z: Pair, axes: &[Along]) -> Result<ValueId> {
    let Some((last, others)) = axes.split_last() else { return Ok(z.re) };
    let z = all(c, z, others, true)?;
    let z = fitted(c, z, last.axis, last.points / 2 + 1)?;
    c.b.fourier_back(z, last.axis, last.points)
}

fn normalised(c: &mut Call<'_>, z: Pair, norm: Norm, axes: &[Along]) -> Result<Pair> {
    let n: f64 = axes.iter().map(|a| a.points as f64).product();
    let factor = match norm {
        Norm::None => return Ok(z),
        Norm::Root => n.sqrt().recip(),
        Norm::Points => n.recip(),
    };
    let factor = c.b.scalar_like(z.re, factor);
    c.b.scaled(z, factor)
}

fn full(c: &mut Call<'_>, inverse: bool) -> Result<Pair> {
    let (mut z, norm) = (operand(c)?, named(c, inverse)?);
    let axes = axes(c, z.re, false)?;
    for a in &axes {
        z = fitted(c, z, a.axis, a.points)?;
    }
    z = all(c, z, &axes, inverse)?;
    normalised(c, z, norm, &axes)
}

/// Half of the transform of a real operand, which the other half mirrors; of an inverse transform (`ihfft`) it is the
/// conjugate.
fn half(c: &mut Call<'_>, inverse: bool) -> Result<Pair> {
    let (x, norm) = (c.float_tensor("self")?, named(c, inverse)?);
    let (mut x, axes) = (x, axes(c, x, false)?);
    for a in &axes {
        x = c.b.fitted(x, a.axis, a.points)?;
    }
    let z = real(c, x, &axes)?;
    let z = if inverse { c.b.conjugate(z)? } else { z };
    normalised(c, z, norm, &axes)
}

/// The real values of which half a transform is given; of a forward one (`hfft`) it is the conjugate.
fn back(c: &mut Call<'_>, forward: bool) -> Result<Pair> {
    let (mut z, norm) = (operand(c)?, named(c, !forward)?);
    let axes = axes(c, z.re, true)?;
    if forward {
        z = c.b.conjugate(z)?;
    }
    for a in axes.iter().rev().skip(1) {
        z = fitted(c, z, a.axis, a.points)?;
    }
    let x = whole(c, z, &axes)?;
    normalised(c, x.into(), norm, &axes)
}

/// The second half of each axis before the first; back again with an odd number, whose middle goes with the other half.
fn shifted(c: &mut Call<'_>, inverse: bool) -> Result<ValueId> {
    let mut x = c.tensor("self")?;
    let rank = c.rank(x);
    let dims = c.opt_ints("dim")?.unwrap_or_else(|| (0..rank as i64).collect());
    for d in dims {
        let axis = c.axis_of(d, rank)?;
        let middle = match c.dim(x, axis)? {
            Size::Known(n) => Size::Known(if inverse { n / 2 } else { (n + 1) / 2 }),
            Size::Value(n) => {
                let (one, two) = (c.b.scalar_like(n, 1.0), c.b.scalar_like(n, 2.0));
                let n = if inverse { n } else { c.binary(BinaryOp::Add, n, one)? };
                Size::Value(c.binary(BinaryOp::Div, n, two)?)
            }
        };
        let last = range_of(c, x, axis, middle, Size::Known(i64::MAX), 1)?;
        let first = range_of(c, x, axis, Size::Known(0), middle, 1)?;
        x = c.b.concat(&[last, first], axis as i64)?;
    }
    Ok(x)
}

/// 0, 1, … of n, then the negative ones, in units of 1/(n·d).
fn frequencies(c: &mut Call<'_>, half: bool) -> Result<ValueId> {
    let (n, d) = (points(c, c.int("n")?)?, c.number("d")?);
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::F32);
    let count = if half { n / 2 + 1 } else { n };
    let number = |k: usize| if !half && k >= n.div_ceil(2) { k as f64 - n as f64 } else { k as f64 };
    let values: Vec<f64> = (0..count).map(|k| number(k) / (n as f64 * d)).collect();
    Ok(c.b.constant("", Tensor::from_f64s(dtype, &[count], &values)?))
}
