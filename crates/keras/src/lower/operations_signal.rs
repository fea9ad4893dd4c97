//! Fourier transforms of Keras 3 (keras/src/backend/tensorflow/math.py, 3.15.1): complex values are pairs of tensors.
//!
//! Owns: which axes are transformed. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_core as core;
use super::spectrogram::{frame_window, mirrored, points};
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::complex::Pair;
use modelport_ir::core::BinaryOp;
use modelport_ir::fourier::MOST_POINTS;
use modelport_ir::{Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("FFT", |c| full(c, 1, false)),
    row_many("FFT2", |c| full(c, 2, false)),
    row_many("IFFT2", |c| full(c, 2, true)),
    row_many("RFFT", half),
    row("IRFFT", back),
    row_many("STFT", frames),
    row("ISTFT", signal),
];

/// The two tensors of the first argument.
fn pair(c: &Call<'_>) -> Result<Pair> {
    Ok(Pair { re: c.input(0)?, im: Some(c.input(1)?) })
}

/// Both parts.
fn parts(c: &mut Call<'_>, z: Pair) -> Result<Vec<ValueId>> {
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
    c.b.binary_scalar(BinaryOp::Div, x, n as f64)
}

/// Points of a frame, elements between frames, elements under the window.
fn sizes(c: &Call<'_>) -> Result<[usize; 3]> {
    Ok([points(c, c.size("fft_length")?)?, c.size("sequence_stride")?, c.size("sequence_length")?])
}

/// `x` with its first dimensions, all but `last`, as one.
fn batched(c: &mut Call<'_>, x: ValueId, last: usize) -> Result<ValueId> {
    let one = c.b.ints(&[-1]);
    let tail = c.b.one(Op::Shape { start: -(last as i64), end: None }, &[x])?;
    let shape = c.b.concat(&[one, tail], 0)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[x, shape])
}

/// The first dimensions of `like`, all but `last`, in place of the first one of `y`.
fn unbatched(c: &mut Call<'_>, y: ValueId, like: ValueId, last: usize) -> Result<ValueId> {
    let head = c.b.one(Op::Shape { start: 0, end: Some(-(last as i64)) }, &[like])?;
    let tail = c.b.one(Op::Shape { start: 1, end: None }, &[y])?;
    let shape = c.b.concat(&[head, tail], 0)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[y, shape])
}

/// […, time] → […, frames, points]. Frames are as long as the transform, with the window in the middle.
fn frames(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (given, [n, hop, length]) = (operand(c)?, sizes(c)?);
    let window = frame_window(c, n, length, c.b.dtype(given))?;
    let mut x = batched(c, given, 1)?;
    if c.bool_or("center", true)? {
        x = mirrored(c, x, n)?;
    }
    let z = c.b.fourier_frames(x, window, n, hop, n / 2 + 1)?;
    let mut out = Vec::with_capacity(2);
    for part in parts(c, z)? {
        let part = c.b.transpose(part, &[0, 2, 1])?;
        out.push(unbatched(c, part, given, 1)?);
    }
    Ok(out)
}

/// The window that undoes one: divided by the sum of its squares where endless frames overlap
/// (`tf.signal.inverse_stft_window_fn`); without a window there is nothing to undo.
fn undoing(c: &mut Call<'_>, window: ValueId, hop: usize) -> Result<ValueId> {
    let dtype = c.b.dtype(window);
    let values = c.b.as_constant(window).map(Tensor::to_f64s).transpose()?.unwrap_or_default();
    let mut sums = vec![0.0; hop];
    for (i, w) in values.iter().enumerate() {
        if let Some(sum) = sums.get_mut(i % hop) {
            *sum += w * w;
        }
    }
    let sum = |i: usize| sums.get(i % hop).copied().unwrap_or(1.0);
    let undone: Vec<f64> = values.iter().enumerate().map(|(i, w)| w / sum(i)).collect();
    Ok(c.b.constant("", Tensor::from_f64s(dtype, &[undone.len()], &undone)?))
}

/// […, frames, points] → […, time].
fn signal(c: &mut Call<'_>) -> Result<ValueId> {
    let (given, [n, hop, length]) = (pair(c)?, sizes(c)?);
    let mut window = frame_window(c, n, length, c.b.dtype(given.re))?;
    if hop > MOST_POINTS {
        return Err(c.bad_argument("sequence_stride", &format!("at most {MOST_POINTS}"), &hop.to_string()));
    }
    if c.op.attr("window").is_some() {
        window = undoing(c, window, hop)?;
    }
    let count = n / 2 + 1;
    let mut part = |v: ValueId| {
        let axis = last_axis(c, v)?;
        let v = c.b.fitted(v, axis, count)?;
        let v = batched(c, v, 2)?;
        c.b.transpose(v, &[0, 2, 1])
    };
    let z = Pair { re: part(given.re)?, im: given.im.map(part).transpose()? };
    let y = c.b.fourier_frames_back(z, window, [n, hop, count], 1.0 / n as f64)?;
    let center = c.bool_or("center", true)?;
    let start = if center { (n / 2) as i64 } else { 0 };
    let end = match c.opt_int("length")? {
        Some(length) => start.saturating_add(length),
        None if center => -start,
        None => i64::MAX,
    };
    let y = c.b.slice_axis(y, 1, start, end, 1)?;
    unbatched(c, y, given.re, 2)
}
