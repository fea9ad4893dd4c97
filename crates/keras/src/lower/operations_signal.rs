//! Fourier transforms of Keras 3 (keras/src/backend/tensorflow/math.py, 3.15.1): complex values are pairs of tensors.
//!
//! Owns: which axes are transformed. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_core as core;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::complex::Pair;
use modelport_ir::fourier::MOST_POINTS;

pub(crate) const ROWS: &[Row] = &[
    row_many("FFT", |c| full(c, 1, false)),
    row_many("FFT2", |c| full(c, 2, false)),
    row_many("IFFT2", |c| full(c, 2, true)),
    row_many("RFFT", half),
    row("IRFFT", back),
];

/// The number of points of a transform.
pub(super) fn points(c: &Call<'_>, n: usize) -> Result<usize> {
    if (1..=MOST_POINTS).contains(&n) {
        return Ok(n);
    }
    let expected = format!("1 to {MOST_POINTS}");
    Err(c.unsupported("a transform of this many points has no lowering").expected(expected).found(n.to_string()))
}

/// The two tensors of the first argument.
pub(super) fn pair(c: &Call<'_>) -> Result<Pair> {
    Ok(Pair { re: c.input(0)?, im: Some(c.input(1)?) })
}

/// Both parts.
pub(super) fn parts(c: &mut Call<'_>, z: Pair) -> Result<Vec<ValueId>> {
    Ok(vec![z.re, c.b.imaginary(z)?])
}

fn last_axis(c: &Call<'_>, x: ValueId) -> Result<usize> {
    core::axis_in(-1, c.b.rank(x))
}

fn full(c: &mut Call<'_>, axes: usize, inverse: bool) -> Result<Vec<ValueId>> {
    let mut z = pair(c)?;
    let rank = c.b.rank(z.re);
    let mut all = 1.0;
    for i in 1..=axes {
        let axis = core::axis_in(-(i as i64), rank)?;
        let n = points(c, c.known_dim(z.re, axis)?)?;
        z = c.b.fourier(z, axis, n, inverse)?;
        all *= n as f64;
    }
    if inverse {
        let factor = c.b.scalar_like(z.re, 1.0 / all);
        z = c.b.scaled(z, factor)?;
    }
    parts(c, z)
}

/// The half of the transform of real numbers that the other half mirrors.
fn half(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = operand(c)?;
    let axis = last_axis(c, x)?;
    let n = match c.op.attr("fft_length") {
        Some(a) if !a.is_none() => c.size("fft_length")?,
        _ => c.known_dim(x, axis)?,
    };
    let n = points(c, n)?;
    let x = c.b.fitted(x, axis, n)?;
    let z = c.b.fourier_half(x, axis, n)?;
    parts(c, z)
}

/// Half a transform → what it is of.
fn back(c: &mut Call<'_>) -> Result<ValueId> {
    let z = pair(c)?;
    let axis = last_axis(c, z.re)?;
    let n = match c.op.attr("fft_length") {
        Some(a) if !a.is_none() => c.size("fft_length")?,
        _ => 2 * c.known_dim(z.re, axis)?.saturating_sub(1),
    };
    let n = points(c, n)?;
    let re = c.b.fitted(z.re, axis, n / 2 + 1)?;
    let im = z.im.map(|im| c.b.fitted(im, axis, n / 2 + 1)).transpose()?;
    let x = c.b.fourier_back(Pair { re, im }, axis, n)?;
    c.b.binary_scalar(modelport_ir::core::BinaryOp::Div, x, n as f64)
}
