//! Fourier transforms (`core/ops/spectral_ops.cc`, 2.21): of the last axis or the last two; an inverse one is divided by the
//! number of points.

use super::call::Call;
use super::complex::{pair, remember};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::complex::Pair;
use modelport_ir::fourier::MOST_POINTS;

pub(crate) const ROWS: &[Row] = &[
    row("FFT", |c| full(c, 1, false)),
    row("IFFT", |c| full(c, 1, true)),
    row("FFT2D", |c| full(c, 2, false)),
    row("IFFT2D", |c| full(c, 2, true)),
    row("RFFT", |c| real(c, 1)),
    row("RFFT2D", |c| real(c, 2)),
    row("IRFFT", |c| back(c, 1)),
    row("IRFFT2D", |c| back(c, 2)),
];

fn points(c: &Call<'_>, n: usize) -> Result<usize> {
    if (1..=MOST_POINTS).contains(&n) {
        return Ok(n);
    }
    Err(c
        .unsupported("a Fourier transform over this many points has no lowering")
        .expected(format!("1 to {MOST_POINTS}"))
        .found(n.to_string()))
}

/// The first of the axes that are transformed: the last ones.
fn first_axis(c: &Call<'_>, x: ValueId, axes: usize) -> Result<usize> {
    match c.b.rank(x).checked_sub(axes) {
        Some(first) => Ok(first),
        None => c.need_rank(x, axes).map(|()| 0),
    }
}

fn divided(c: &mut Call<'_>, z: Pair, by: usize) -> Result<Pair> {
    let factor = c.b.scalar_like(z.re, 1.0 / by as f64);
    c.b.scaled(z, factor)
}

fn full(c: &mut Call<'_>, axes: usize, inverse: bool) -> Result<ValueId> {
    let mut z = pair(c, 0)?;
    let (first, mut all) = (first_axis(c, z.re, axes)?, 1);
    for axis in (first..first + axes).rev() {
        let n = c.known_dim(z.re, axis)?;
        let n = points(c, n)?;
        z = c.b.fourier(z, axis, n, inverse)?;
        all *= n;
    }
    if inverse {
        z = divided(c, z, all)?;
    }
    remember(c, z)
}

/// The lengths that an operand asks for, one an axis.
fn lengths(c: &Call<'_>, axes: usize) -> Result<Vec<usize>> {
    let given = c.ints(1, "fft_length")?;
    let sizes: Option<Vec<usize>> = given.iter().map(|&n| usize::try_from(n).ok()).collect();
    let sizes = sizes.filter(|s| s.len() == axes);
    let sizes = sizes.ok_or_else(|| c.unsupported("fft_length does not fit").found(format!("{given:?}")))?;
    sizes.into_iter().map(|n| points(c, n)).collect()
}

/// (x: real, lengths) → the half of the transform that the other half mirrors.
fn real(c: &mut Call<'_>, axes: usize) -> Result<ValueId> {
    let mut x = c.x()?;
    let (first, sizes) = (first_axis(c, x, axes)?, lengths(c, axes)?);
    for (i, &n) in sizes.iter().enumerate() {
        x = c.b.fitted(x, first + i, n)?;
    }
    let mut z = Pair::from(x);
    for (i, &n) in sizes.iter().enumerate().rev() {
        z = if i + 1 == axes { c.b.fourier_half(x, first + i, n)? } else { c.b.fourier(z, first + i, n, false)? };
    }
    remember(c, z)
}

/// (half a transform, lengths) → what it is of.
fn back(c: &mut Call<'_>, axes: usize) -> Result<ValueId> {
    let mut z = pair(c, 0)?;
    let (first, sizes) = (first_axis(c, z.re, axes)?, lengths(c, axes)?);
    for (i, &n) in sizes.iter().enumerate() {
        let n = if i + 1 == axes { n / 2 + 1 } else { n };
        z.re = c.b.fitted(z.re, first + i, n)?;
        z.im = z.im.map(|im| c.b.fitted(im, first + i, n)).transpose()?;
    }
    for (i, &n) in sizes.iter().enumerate() {
        z = if i + 1 == axes { c.b.fourier_back(z, first + i, n)?.into() } else { c.b.fourier(z, first + i, n, true)? };
    }
    Ok(divided(c, z, sizes.iter().product())?.re)
}
