//! Fourier transforms (`core/ops/spectral_ops.cc`, 2.21) as products with matrices of sines and cosines. The matrices are
//! made in the graph, where a runtime computes them once; ONNX's `DFT` came with opset 17, and few runtimes have it.

use super::call::Call;
use super::complex::{Pair, imaginary, pair, remember};
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, UnaryOp};
use modelport_ir::{Builder, DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("FFT", |c| full(c, &[Axis::Last], false)),
    row("IFFT", |c| full(c, &[Axis::Last], true)),
    row("FFT2D", |c| full(c, &[Axis::Last, Axis::Before], false)),
    row("IFFT2D", |c| full(c, &[Axis::Last, Axis::Before], true)),
    row("RFFT", |c| real(c, 1)),
    row("RFFT2D", |c| real(c, 2)),
    row("IRFFT", |c| back(c, 1)),
    row("IRFFT2D", |c| back(c, 2)),
];

/// Points beyond which a product with a matrix is no way to transform.
const MOST: usize = 1 << 13;

/// What is transformed: the last axis, or the one before it.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Last,
    Before,
}

impl Axis {
    fn of(self, rank: usize) -> usize {
        rank.saturating_sub(if self == Self::Last { 1 } else { 2 })
    }

    /// x times a matrix along the axis; the matrix has rows for the last axis, columns for the other.
    fn product(self, b: &mut Builder, x: ValueId, matrix: ValueId) -> Result<ValueId> {
        if self == Self::Last {
            return b.one(Op::MatMul, &[x, matrix]);
        }
        let turned = b.transpose(matrix, &[1, 0])?;
        b.one(Op::MatMul, &[turned, x])
    }
}

/// Cosines and sines of 2π·j·k/n for j below `rows` and k below `columns`.
fn waves(b: &mut Builder, n: usize, rows: usize, columns: usize, dtype: DType) -> Result<[ValueId; 2]> {
    let mut side = |count: usize, axis: i64| {
        let count = b.ints(&[count as i64]);
        let numbers = f::count_to(b, count)?;
        b.unsqueeze(numbers, &[axis])
    };
    let (j, k) = (side(rows, 1)?, side(columns, 0)?);
    let turns = b.binary(BinaryOp::Mul, j, k)?;
    // Whole turns are taken off while the numbers are exact.
    let n_value = b.constant("", Tensor::int_scalar(n as i64));
    let part = b.binary(BinaryOp::Mod, turns, n_value)?;
    let part = b.cast(part, dtype)?;
    let angle = b.binary_scalar(BinaryOp::Mul, part, std::f64::consts::TAU / n as f64)?;
    Ok([b.unary(UnaryOp::Cos, angle)?, b.unary(UnaryOp::Sin, angle)?])
}

fn points(c: &Call<'_>, n: usize) -> Result<usize> {
    if (1..=MOST).contains(&n) {
        return Ok(n);
    }
    Err(c
        .unsupported("a Fourier transform over this many points has no lowering")
        .expected(format!("1 to {MOST}"))
        .found(n.to_string()))
}

/// The transform of all points along an axis, or its inverse.
fn along(c: &mut Call<'_>, z: Pair, axis: Axis, inverse: bool) -> Result<Pair> {
    let n = c.known_dim(z.re, axis.of(c.b.rank(z.re)))?;
    let n = points(c, n)?;
    let [cos, sin] = waves(c.b, n, n, n, c.b.dtype(z.re))?;
    let plus = axis.product(c.b, z.re, cos)?;
    let minus = axis.product(c.b, z.re, sin)?;
    let minus = if inverse { minus } else { c.b.unary(UnaryOp::Neg, minus)? };
    let (mut re, mut im) = (plus, minus);
    if let Some(given) = z.im {
        let first = axis.product(c.b, given, sin)?;
        let second = axis.product(c.b, given, cos)?;
        re = c.b.binary(if inverse { BinaryOp::Sub } else { BinaryOp::Add }, re, first)?;
        im = c.b.binary(BinaryOp::Add, im, second)?;
    }
    if inverse {
        re = c.b.binary_scalar(BinaryOp::Div, re, n as f64)?;
        im = c.b.binary_scalar(BinaryOp::Div, im, n as f64)?;
    }
    Ok(Pair { re, im: Some(im) })
}

fn need_axes(c: &Call<'_>, x: ValueId, axes: usize) -> Result<()> {
    if c.b.rank(x) < axes { c.need_rank(x, axes) } else { Ok(()) }
}

fn full(c: &mut Call<'_>, axes: &[Axis], inverse: bool) -> Result<ValueId> {
    let mut z = pair(c, 0)?;
    need_axes(c, z.re, axes.len())?;
    for &axis in axes {
        z = along(c, z, axis, inverse)?;
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

/// x cut or filled up with zeros to `n` elements along an axis.
fn fitted(c: &mut Call<'_>, x: ValueId, axis: usize, n: usize) -> Result<ValueId> {
    let known = c.b.shape(x).get(axis).and_then(Dim::known);
    if known == Some(n) {
        return Ok(x);
    }
    let x = if known.is_some_and(|k| k < n) { x } else { c.b.slice_axis(x, axis as i64, 0, n as i64, 1)? };
    if known.is_some_and(|k| k > n) {
        return Ok(x);
    }
    let rank = c.b.rank(x);
    let (all, size) = (c.b.ints(&[n as i64]), c.b.dim(x, axis)?);
    let lack = c.b.binary(BinaryOp::Sub, all, size)?;
    let head = c.b.ints(&vec![0; rank + axis]);
    let tail = c.b.ints(&vec![0; rank - axis - 1]);
    let widths = c.b.concat(&[head, lack, tail], 0)?;
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, widths])
}

/// (x: real, lengths) → the half of the transform that the other half mirrors.
fn real(c: &mut Call<'_>, axes: usize) -> Result<ValueId> {
    let mut x = c.x()?;
    need_axes(c, x, axes)?;
    let sizes = lengths(c, axes)?;
    let rank = c.b.rank(x);
    for (i, &n) in sizes.iter().enumerate() {
        x = fitted(c, x, rank - axes + i, n)?;
    }
    let n = sizes.last().copied().unwrap_or(1);
    let [cos, sin] = waves(c.b, n, n, n / 2 + 1, c.b.dtype(x))?;
    let re = Axis::Last.product(c.b, x, cos)?;
    let im = Axis::Last.product(c.b, x, sin)?;
    let im = c.b.unary(UnaryOp::Neg, im)?;
    let mut z = Pair { re, im: Some(im) };
    if axes == 2 {
        z = along(c, z, Axis::Before, false)?;
    }
    remember(c, z)
}

/// (half a transform, lengths) → what it is of.
fn back(c: &mut Call<'_>, axes: usize) -> Result<ValueId> {
    let mut z = pair(c, 0)?;
    need_axes(c, z.re, axes)?;
    let sizes = lengths(c, axes)?;
    let n = sizes.last().copied().unwrap_or(1);
    let half = n / 2 + 1;
    let rank = c.b.rank(z.re);
    let mut parts = [z.re, imaginary(c, z)?];
    for part in &mut parts {
        *part = fitted(c, *part, rank - 1, half)?;
        if let (2, Some(&before)) = (axes, sizes.first()) {
            *part = fitted(c, *part, rank - 2, before)?;
        }
    }
    z = Pair { re: parts[0], im: Some(parts[1]) };
    if axes == 2 {
        z = along(c, z, Axis::Before, true)?;
    }
    // The mirrored half counts by doubling; the first point, and the last of an even number, have no mirror image.
    let weight = |k: usize| if k == 0 || 2 * k == n { 1.0 / n as f64 } else { 2.0 / n as f64 };
    let weights: Vec<f64> = (0..half).map(weight).collect();
    let weights = Tensor::from_f64s(c.b.dtype(z.re), &[half, 1], &weights)?;
    let weights = c.b.constant("", weights);
    let mut sum = None;
    for (part, wave) in [Some(z.re), z.im].into_iter().zip(waves(c.b, n, half, n, c.b.dtype(z.re))?) {
        let Some(part) = part else { continue };
        let wave = c.b.binary(BinaryOp::Mul, wave, weights)?;
        let product = c.b.one(Op::MatMul, &[part, wave])?;
        sum = Some(match sum {
            None => product,
            Some(first) => c.b.binary(BinaryOp::Sub, first, product)?,
        });
    }
    Ok(sum.unwrap_or(z.re))
}
