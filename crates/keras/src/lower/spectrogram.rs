//! Spectrograms (`keras/src/layers/preprocessing/{stft,mel}_spectrogram.py`, 3.15).
//!
//! Owns: the layers' steps around the transform of frames. Must never know: matrices of waves.

use super::call::Call;
use super::config::show;
use super::conv::{Window, convolve};
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, PadMode, Padding, ReduceKind, UnaryOp};
use modelport_ir::fourier::MOST_POINTS;
use modelport_ir::{Attr, DType, Op, Tensor, ValueId};
use std::f64::consts::{LN_10, TAU};

pub(crate) const ROWS: &[Row] = &[row("STFTSpectrogram", stft), row("MelSpectrogram", mel)];

/// The layer keeps the windowed waves as weights, [frame, 1, points]; each channel is convolved with them by itself.
fn stft(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    if c.b.rank(x) != 3 {
        return Err(c.unsupported("needs signals of rank 3").found(c.b.ty(x).to_string()));
    }
    let data = c.data_layout()?;
    let channels = c.known_dim(x, data.channel_axis(3))?;
    let frame = c.size_or("frame_length", 256)?;
    let step = c.op.attr("frame_step").and_then(Attr::as_int).unwrap_or((frame / 2) as i64);
    let step = usize::try_from(step).ok().filter(|s| *s > 0);
    let step = step.ok_or_else(|| c.bad_argument("frame_step", "a positive number", "another"))?;
    let padding = match c.str_or("padding", "valid")? {
        "valid" => Padding::valid(1),
        "same" => Padding::SameUpper,
        other => return Err(c.bad_argument("padding", "`valid` or `same`", other)),
    };
    let first = if data == DataLayout::ChannelsLast { c.b.transpose(x, &[0, 2, 1])? } else { x };
    let each = leading(c, first, &[-1, 1])?;
    let w = Window { strides: vec![step], dilations: vec![1], padding, data: DataLayout::ChannelsFirst };
    // [batch, channels, points, frames]
    let part = |c: &mut Call<'_>, name: &str| {
        let kernel = c.weight(name)?;
        let points = c.known_dim(kernel, 2)? as i64;
        let y = convolve(c, each, kernel, None, &w, 1)?;
        leading(c, y, &[-1, channels as i64, points])
    };
    let mode = c.str_or("mode", "log")?.to_owned();
    let y = match mode.as_str() {
        "real" => part(c, "real_kernel")?,
        "imag" => part(c, "imag_kernel")?,
        _ => {
            let (re, im) = (part(c, "real_kernel")?, part(c, "imag_kernel")?);
            match mode.as_str() {
                "angle" => c.b.atan2(im, re)?,
                "stft" => c.b.concat(&[re, im], 2)?,
                "psd" | "magnitude" | "log" => {
                    let (re, im) = (core::square(c.b, re)?, core::square(c.b, im)?);
                    let power = c.b.binary(BinaryOp::Add, re, im)?;
                    scaled(c, power, &mode)?
                }
                other => return Err(c.bad_argument("mode", "a kind of spectrogram", other)),
            }
        }
    };
    let apart = c.bool_or("expand_dims", false)?;
    match (data, apart) {
        (DataLayout::ChannelsLast, true) => c.b.transpose(y, &[0, 3, 2, 1]),
        (DataLayout::ChannelsFirst, true) => c.b.transpose(y, &[0, 1, 3, 2]),
        (_, false) => {
            let points = c.known_dim(y, 2)? as i64;
            let flat = leading(c, y, &[-1, channels as i64 * points])?;
            if data == DataLayout::ChannelsLast { c.b.transpose(flat, &[0, 2, 1]) } else { Ok(flat) }
        }
    }
}

/// `x` with other dimensions before its last.
fn leading(c: &mut Call<'_>, x: ValueId, head: &[i64]) -> Result<ValueId> {
    let head = c.b.ints(head);
    let last = c.b.one(Op::Shape { start: c.b.rank(x) as i64 - 1, end: None }, &[x])?;
    let shape = c.b.concat(&[head, last], 0)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[x, shape])
}

/// What a mode makes of [batch, channels, points, frames] of squares.
fn scaled(c: &mut Call<'_>, power: ValueId, mode: &str) -> Result<ValueId> {
    let b = &mut *c.b;
    if mode == "psd" {
        // The first and the last point have no mirror image.
        let inner = b.slice_axis(power, 2, 1, -1, 1)?;
        let mirrored = core::pad(b, inner, &[(0, 0), (0, 0), (1, 1), (0, 0)], "constant", 0.0)?;
        return b.binary(BinaryOp::Add, power, mirrored);
    }
    let power = core::clip(b, power, Some(core::EPSILON), None)?;
    let magnitude = b.unary(UnaryOp::Sqrt, power)?;
    if mode == "magnitude" {
        return Ok(magnitude);
    }
    let magnitude = core::clip(b, magnitude, Some(core::EPSILON), None)?;
    b.unary(UnaryOp::Log, magnitude)
}

/// [batch?, time] → [batch?, bins, frames].
fn mel(c: &mut Call<'_>) -> Result<ValueId> {
    let dtype = if c.compute_dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let x = c.x()?;
    let x = c.b.cast(x, dtype)?;
    let lone = c.b.rank(x) == 1;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    if c.b.rank(x) != 2 {
        return Err(c.unsupported("needs one signal, or a batch of them").found(c.b.ty(x).to_string()));
    }
    let n = points(c, c.size_or("fft_length", 2048)?)?;
    let (hop, length) = (c.size_or("sequence_stride", 512)?, c.size_or("sequence_length", n)?);
    let window = frame_window(c, n, length, dtype)?;
    let x = mirrored(c, x, n)?;
    let z = c.b.fourier_frames(x, window, n, hop, n / 2 + 1)?;
    let im = c.b.imaginary(z)?;
    let (re, im) = (core::square(c.b, z.re)?, core::square(c.b, im)?);
    let mut y = c.b.binary(BinaryOp::Add, re, im)?;
    let exponent = c.float_or("mag_exp", 2.0)?;
    if exponent != 2.0 {
        y = c.b.unary(UnaryOp::Sqrt, y)?;
        let exponent = c.b.scalar_like(y, exponent);
        y = c.b.binary(BinaryOp::Pow, y, exponent)?;
    }
    let bands = bands(c, n / 2 + 1, dtype)?;
    y = c.b.one(Op::MatMul, &[bands, y])?;
    if c.bool_or("power_to_db", true)? {
        y = decibels(c, y)?;
    }
    let y = if lone { c.b.squeeze(y, &[0])? } else { y };
    let to = c.compute_dtype();
    c.b.cast(y, to)
}

/// [batch, time] with half a frame of `n` elements more on either side, so that frames stand around their points.
pub(super) fn mirrored(c: &mut Call<'_>, x: ValueId, n: usize) -> Result<ValueId> {
    let half = (n / 2) as i64;
    let widths = c.b.ints(&[0, half, 0, half]);
    c.b.one(Op::Pad { mode: PadMode::Reflect }, &[x, widths])
}

/// The number of points of a transform.
pub(super) fn points(c: &Call<'_>, n: usize) -> Result<usize> {
    if (1..=MOST_POINTS).contains(&n) {
        return Ok(n);
    }
    let expected = format!("1 to {MOST_POINTS}");
    Err(c.unsupported("a transform of this many points has no lowering").expected(expected).found(n.to_string()))
}

/// The window of `length` in the middle of `n` elements; none at all is one of ones.
pub(super) fn frame_window(c: &mut Call<'_>, n: usize, length: usize, dtype: DType) -> Result<ValueId> {
    let before = n
        .checked_sub(length)
        .ok_or_else(|| c.bad_argument("sequence_length", "a number of at most fft_length", &length.to_string()))?
        / 2;
    let turn = |i: usize| (TAU * i as f64 / length as f64).cos();
    let given: Vec<f64> = match c.op.attr("window") {
        None => vec![1.0; n],
        Some(Attr::Str(name)) if name == "hann" => (0..length).map(|i| 0.5 - 0.5 * turn(i)).collect(),
        Some(Attr::Str(name)) if name == "hamming" => (0..length).map(|i| 0.54 - 0.46 * turn(i)).collect(),
        Some(other) => {
            let numbers = other.as_list().map(|l| l.iter().filter_map(Attr::as_float).collect::<Vec<_>>());
            let numbers = numbers.filter(|n| n.len() == length);
            numbers.ok_or_else(|| c.bad_argument("window", "`hann`, `hamming`, or its numbers", &show(other)))?
        }
    };
    let mut window = vec![0.0; n];
    let start = if given.len() == n { 0 } else { before };
    window.iter_mut().skip(start).zip(&given).for_each(|(to, from)| *to = *from);
    Ok(c.b.constant(format!("{}/window", c.b.scope()), Tensor::from_f64s(dtype, &[n], &window)?))
}

/// The triangles that gather points into bins which are equally wide in mel: [bins, points]. The first point belongs to none.
fn bands(c: &mut Call<'_>, points: usize, dtype: DType) -> Result<ValueId> {
    let bins = c.size_or("num_mel_bins", 128)?;
    if bins.saturating_mul(points) > 1 << 24 {
        return Err(c.unsupported("bins that many").found(bins.to_string()));
    }
    let rate = c.float_or("sampling_rate", 16000.0)?;
    let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
    let low = mel(c.float_or("min_freq", 20.0)?);
    let high = mel(c.opt_float("max_freq")?.unwrap_or_else(|| (rate / 2.0).trunc()));
    let edge = |i: usize| low + (high - low) * i as f64 / (bins + 1) as f64;
    let weight = |bin: usize, point: usize| {
        let at = mel(rate / 2.0 * point as f64 / (points - 1).max(1) as f64);
        let up = (at - edge(bin)) / (edge(bin + 1) - edge(bin));
        let down = (edge(bin + 2) - at) / (edge(bin + 2) - edge(bin + 1));
        if point == 0 { 0.0 } else { up.min(down).max(0.0) }
    };
    let weights: Vec<f64> = (0..bins).flat_map(|bin| (0..points).map(move |point| weight(bin, point))).collect();
    Ok(c.b.constant(format!("{}/bands", c.b.scope()), Tensor::from_f64s(dtype, &[bins, points], &weights)?))
}

/// Against the reference, and not further below the largest of all than `top_db`.
fn decibels(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let least = c.float_or("min_power", 1e-10)?;
    let reference = c.float_or("ref_power", 1.0)?.abs().max(least);
    let range = c.float_or("top_db", 80.0)?;
    let b = &mut *c.b;
    let x = core::clip(b, x, Some(least), None)?;
    let log = b.unary(UnaryOp::Log, x)?;
    let y = b.binary_scalar(BinaryOp::Mul, log, 10.0 / LN_10)?;
    let y = b.binary_scalar(BinaryOp::Sub, y, 10.0 * reference.log10())?;
    let most = core::reduce(b, ReduceKind::Max, y, None, false)?;
    let floor = b.binary_scalar(BinaryOp::Sub, most, range)?;
    b.binary(BinaryOp::Max, y, floor)
}
