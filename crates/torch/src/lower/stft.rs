//! Short-time Fourier transforms (`aten/src/ATen/native/SpectralOps.cpp`, torch 2.15) as convolutions with windowed waves, and
//! windows (`TensorFactories.cpp`).
//!
//! Owns: frames, windows. Must never know: matrices of waves.

use super::call::Call;
use super::fft::points;
use super::{Row, row, row_complex};
use modelport_diag::Result;
use modelport_ir::complex::Pair;
use modelport_ir::core::{BinaryOp, PadMode};
use modelport_ir::{DType, Op, Tensor, ValueId};
use std::f64::consts::TAU;

pub(super) const ROWS: &[Row] = &[
    row_complex("aten::stft", stft),
    row_complex("aten::istft", istft),
    row("aten::hann_window", |c| window(c, |_, t| 0.5 - 0.5 * (TAU * t).cos())),
    row("aten::hamming_window", |c| window(c, |[alpha, beta], t| alpha - beta * (TAU * t).cos())),
    row("aten::blackman_window", |c| window(c, |_, t| 0.42 - 0.5 * (TAU * t).cos() + 0.08 * (2.0 * TAU * t).cos())),
    row("aten::bartlett_window", |c| window(c, |_, t| 1.0 - (2.0 * t - 1.0).abs())),
    row("aten::kaiser_window", |c| {
        window(c, |[_, beta], t| bessel(beta * (1.0 - (2.0 * t - 1.0).powi(2)).max(0.0).sqrt()) / bessel(beta))
    }),
];

/// Frames of a transform.
struct Frames {
    n: usize,
    hop: usize,
    /// Of n elements.
    window: ValueId,
    /// What a forward transform is divided by.
    root: f64,
    onesided: bool,
}

impl Frames {
    fn of(c: &mut Call<'_>, dtype: DType) -> Result<Self> {
        let n = points(c, c.int("n_fft")?)?;
        let hop = c.opt_int("hop_length")?.unwrap_or(n as i64 / 4);
        let hop =
            usize::try_from(hop).ok().filter(|h| *h > 0).ok_or_else(|| c.bad("hop_length", "a positive number"))?;
        let length = c.opt_int("win_length")?.unwrap_or(n as i64);
        let length = usize::try_from(length).ok().filter(|l| (1..=n).contains(l));
        let length = length.ok_or_else(|| c.bad("win_length", "a number from 1 to n_fft"))?;
        let window = match c.arg("window") {
            Some(_) => c.complex("window")?,
            None => c.b.constant("", Tensor::from_f64s(dtype, &[length], &vec![1.0; length])?).into(),
        };
        if window.im.is_some() {
            return Err(c.unsupported("a complex window has no lowering"));
        }
        if c.rank(window.re) != 1 || c.known_dim(window.re, 0)? != length {
            return Err(c.bad("window", "a vector of win_length elements"));
        }
        let window = c.b.cast(window.re, dtype)?;
        let before = (n - length) / 2;
        let widths = c.b.ints(&[before as i64, (n - length - before) as i64]);
        let window = c.b.one(Op::Pad { mode: PadMode::Constant }, &[window, widths])?;
        let root = if c.flag("normalized")? { (n as f64).sqrt() } else { 1.0 };
        let onesided = c.arg("onesided").is_none() || c.flag("onesided")?;
        Ok(Self { n, hop, window, root, onesided })
    }

    /// Points of a frame's transform.
    fn count(&self) -> usize {
        if self.onesided { self.n / 2 + 1 } else { self.n }
    }
}

/// (x: [batch?, time]) → [batch?, points, frames].
fn stft(c: &mut Call<'_>) -> Result<Pair> {
    let x = c.complex("self")?;
    if x.im.is_some() || c.flag("align_to_window")? {
        return Err(c.unsupported("has no lowering for complex signals, and for frames aligned to the window"));
    }
    let x = c.float(x.re)?;
    let lone = c.rank(x) == 1;
    let mut x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    if c.rank(x) != 2 {
        return Err(c.bad("self", "one signal, or a batch of them"));
    }
    let frames = Frames::of(c, c.b.dtype(x))?;
    if c.flag("center")? {
        let mode = match c.opt_str("pad_mode")? {
            Some("constant") => PadMode::Constant,
            Some("replicate") => PadMode::Edge,
            Some("reflect") => PadMode::Reflect,
            _ => return Err(c.bad("pad_mode", "'constant', 'reflect' or 'replicate'")),
        };
        let half = (frames.n / 2) as i64;
        let widths = c.b.ints(&[0, half, 0, half]);
        x = c.b.one(Op::Pad { mode }, &[x, widths])?;
    }
    let z = c.b.fourier_frames(x, frames.window, frames.n, frames.hop, frames.count())?;
    let mut part = |part: ValueId| {
        let part = c.b.binary_scalar(BinaryOp::Div, part, frames.root)?;
        if lone { c.b.squeeze(part, &[0]) } else { Ok(part) }
    };
    let z = Pair { re: part(z.re)?, im: z.im.map(part).transpose()? };
    if c.flag("return_complex")? { Ok(z) } else { c.b.joined(z).map(Pair::from) }
}

/// (z: [batch?, points, frames]) → [batch?, time]: the frames' sums, divided by those of the window's squares.
fn istft(c: &mut Call<'_>) -> Result<Pair> {
    let z = c.complex("self")?;
    let lone = c.rank(z.re) == 2;
    let Some(im) = z.im.filter(|_| lone || c.rank(z.re) == 3) else {
        return Err(c.bad("self", "a complex tensor [batch, points, frames]"));
    };
    if c.flag("return_complex")? {
        return Err(c.unsupported("has no lowering for complex signals"));
    }
    let frames = Frames::of(c, c.b.dtype(z.re))?;
    let wide = |c: &mut Call<'_>, v| if lone { c.b.unsqueeze(v, &[0]) } else { Ok(v) };
    let z = Pair { re: wide(c, z.re)?, im: Some(wide(c, im)?) };
    let sizes = [frames.n, frames.hop, frames.count()];
    let sums = c.b.fourier_frames_back(z, frames.window, sizes, frames.root / frames.n as f64)?;
    // The same of frames of ones under the squared window.
    let squared = c.binary(BinaryOp::Mul, frames.window, frames.window)?;
    let squared = c.b.unsqueeze(squared, &[0])?;
    let (one, count) = (c.b.scalar_like(squared, 1.0), c.b.dim(z.re, 2)?);
    let alone = c.b.ints(&[1, 1]);
    let shape = c.b.concat(&[alone, count], 0)?;
    let ones = c.b.one(Op::Expand, &[one, shape])?;
    let envelope = c.b.overlapped(ones, squared, frames.hop)?;
    let half = if c.flag("center")? { (frames.n / 2) as i64 } else { 0 };
    let length = c.opt_int("length")?;
    let end = if length.is_some() || half == 0 { i64::MAX } else { -half };
    let mut part = |x| c.b.slice_axis(x, 1, half, end, 1);
    let (sums, envelope) = (part(sums)?, part(envelope)?);
    let mut y = c.binary(BinaryOp::Div, sums, envelope)?;
    if let Some(length) = length {
        let length = usize::try_from(length).map_err(|_| c.bad("length", "no negative number"))?;
        y = c.b.fitted(y, 1, length)?;
    }
    let y = if lone { c.b.squeeze(y, &[0])? } else { y };
    Ok(y.into())
}

/// A window of a length, whose elements are those of a function from 0 to 1; a periodic one leaves out the end.
fn window(c: &mut Call<'_>, at: fn([f64; 2], f64) -> f64) -> Result<ValueId> {
    let length = c.int("window_length")?;
    let n = if length == 0 { 0 } else { points(c, length)? };
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::F32);
    let periodic = c.arg("periodic").is_none() || c.flag("periodic")?;
    let beta = if c.name == "aten::kaiser_window" { 12.0 } else { 0.46 };
    let shape = [c.opt_number("alpha")?.unwrap_or(0.54), c.opt_number("beta")?.unwrap_or(beta)];
    let end = if periodic { n } else { n.saturating_sub(1) } as f64;
    let values: Vec<f64> = (0..n).map(|k| if n == 1 { 1.0 } else { at(shape, k as f64 / end) }).collect();
    Ok(c.b.constant("", Tensor::from_f64s(dtype, &[n], &values)?))
}

/// The modified Bessel function of order 0, as its series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let terms = (1..500).scan(1.0, |term, k| {
        *term *= quarter / f64::from(k * k);
        Some(*term)
    });
    1.0 + terms.take_while(|t| *t > 1e-18).sum::<f64>()
}
