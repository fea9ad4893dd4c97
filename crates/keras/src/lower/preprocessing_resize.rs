//! Resampling of images: what `Resizing`, `CenterCrop`, the operation `Resize` and `tf.image.resize` share.
//!
//! Owns: `tf.image.resize` with half-pixel centres (TF 2.15, Keras 2.15 and 3.15 use it alike), aspect ratios. Must never
//! know: how arguments stand in the file.

use super::call::Call;
use super::operations_core as core;
use super::preprocessing_kernels::{self as kernels, Kernel};
use super::recurrent_shapes::{self as shapes, From};
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, DataLayout, NearestMode, ResizeMode};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

/// How an image is brought to a size.
#[derive(Clone, Debug)]
pub(super) struct Resampling {
    pub(super) size: [usize; 2],
    pub(super) interpolation: String,
    pub(super) antialias: bool,
    pub(super) crop_to_aspect_ratio: bool,
    pub(super) pad_to_aspect_ratio: bool,
    pub(super) fill_value: f64,
    pub(super) data: DataLayout,
}

/// The height and width axes of an image of rank 3 or 4.
pub(super) fn spatial(call: &Call<'_>, x: ValueId, data: DataLayout) -> Result<[usize; 2]> {
    match (call.b.rank(x), data) {
        (rank @ (3 | 4), DataLayout::ChannelsLast) => Ok([rank - 3, rank - 2]),
        (rank @ (3 | 4), DataLayout::ChannelsFirst) => Ok([rank - 2, rank - 1]),
        _ => Err(call.unsupported("an image must have 3 or 4 dimensions").found(call.b.ty(x).to_string())),
    }
}

/// Brings `x` to the size; the result is f32 (or x's own float type), but of x's type for `nearest`.
pub(super) fn resize(call: &mut Call<'_>, x: ValueId, how: &Resampling) -> Result<ValueId> {
    let axes = spatial(call, x, how.data)?;
    let nearest = how.interpolation == "nearest";
    let mut x = if nearest { x } else { core::float(call.b, x)? };
    if how.crop_to_aspect_ratio {
        x = cropped(call, x, axes, how.size)?;
    } else if how.pad_to_aspect_ratio {
        x = padded(call, x, axes, how)?;
    }
    let kernel = match (how.interpolation.as_str(), how.antialias) {
        ("bilinear", true) => Some(Kernel::Triangle),
        ("bicubic", true) => Some(Kernel::KeysCubic),
        ("lanczos3", _) => Some(Kernel::Lanczos(3)),
        ("lanczos5", _) => Some(Kernel::Lanczos(5)),
        ("gaussian", _) => Some(Kernel::Gaussian),
        ("mitchellcubic", _) => Some(Kernel::MitchellCubic),
        ("bicubic", false) if known(call, x, axes).is_some() => {
            return separable(call, x, axes, how.size, kernels::bicubic);
        }
        ("nearest", _) | ("bilinear" | "bicubic", false) => None,
        (other, _) => {
            return Err(call.bad_argument("interpolation", "nearest, bilinear, bicubic, lanczos3 or lanczos5", other));
        }
    };
    match kernel {
        Some(kernel) => separable(call, x, axes, how.size, |i, o| kernels::scaled(kernel, i, o, how.antialias)),
        None => by_op(call, x, axes, how),
    }
}

fn known(call: &Call<'_>, x: ValueId, axes: [usize; 2]) -> Option<[usize; 2]> {
    let dim = |a: usize| call.b.shape(x).get(a).and_then(Dim::known);
    Some([dim(axes[0])?, dim(axes[1])?])
}

fn by_op(call: &mut Call<'_>, x: ValueId, axes: [usize; 2], how: &Resampling) -> Result<ValueId> {
    if known(call, x, axes) == Some(how.size) {
        return Ok(x);
    }
    let mode = match how.interpolation.as_str() {
        "nearest" => ResizeMode::Nearest,
        "bicubic" => ResizeMode::Cubic,
        _ => ResizeMode::Linear,
    };
    let op = Op::Resize {
        mode,
        coordinates: CoordinateMode::HalfPixel,
        // TensorFlow takes floor((i + 1/2)·scale): halves go up.
        nearest: NearestMode::RoundPreferCeil,
        cubic_a: -0.5,
        antialias: false,
        exclude_outside: mode == ResizeMode::Cubic,
        extrapolation: 0.0,
        axes: axes.iter().map(|&a| a as i64).collect(),
    };
    let sizes = call.b.ints(&how.size.map(|n| n as i64));
    call.b.one_opt(op, &[Some(x), None, Some(sizes)])
}

/// Weights of more elements than this are not written into a model.
const MOST: usize = 1 << 22;

/// A matrix product along each of the two axes.
fn separable(
    call: &mut Call<'_>,
    x: ValueId,
    axes: [usize; 2],
    size: [usize; 2],
    weights: impl Fn(usize, usize) -> Vec<f64>,
) -> Result<ValueId> {
    let mut y = x;
    for (axis, output) in axes.into_iter().zip(size) {
        let input = call.known_dim(x, axis)?;
        if input.checked_mul(output).is_none_or(|n| n > MOST) {
            return Err(call.unsupported("the image is too large for this interpolation"));
        }
        let matrix = Tensor::from_f64s(call.b.dtype(x), &[output, input], &weights(input, output))?;
        y = along(call, y, axis, &matrix)?;
    }
    Ok(y)
}

/// `matrix` (output × input) applied along one axis.
fn along(call: &mut Call<'_>, x: ValueId, axis: usize, matrix: &Tensor) -> Result<ValueId> {
    let name = format!("{}/resample_{axis}", call.b.scope());
    let rank = call.b.rank(x);
    if axis + 1 == rank {
        let m = call.b.constant(name, matrix.permute(&[1, 0])?);
        return call.b.one(Op::MatMul, &[x, m]);
    }
    let m = call.b.constant(name, matrix.clone());
    if axis + 2 == rank {
        return call.b.one(Op::MatMul, &[m, x]);
    }
    // Axes after it become one.
    let mut dims: Vec<From> = (0..=axis).map(|a| From::Dim(x, a)).collect();
    let rest = (axis + 1..rank).map(|a| call.known_dim(x, a)).collect::<Result<Vec<_>>>()?;
    dims.push(From::Size(rest.iter().product::<usize>() as i64));
    let flat = shapes::reshape(call.b, x, &dims)?;
    let y = call.b.one(Op::MatMul, &[m, flat])?;
    let mut dims: Vec<From> = (0..=axis).map(|a| From::Dim(y, a)).collect();
    dims.extend(rest.iter().map(|&n| From::Size(n as i64)));
    shapes::reshape(call.b, y, &dims)
}

/// `a·b/c` as Keras computes it: in f32, cut to an integer.
fn ratio(a: usize, b: usize, c: usize) -> usize {
    ((a * b) as f32 / c as f32) as usize
}

/// The largest window in the middle of the image that has the target's aspect ratio.
fn cropped(call: &mut Call<'_>, x: ValueId, axes: [usize; 2], [th, tw]: [usize; 2]) -> Result<ValueId> {
    let (h, w) = (call.known_dim(x, axes[0])?, call.known_dim(x, axes[1])?);
    let crop = [ratio(w, th, tw).min(h).max(1), ratio(h, tw, th).min(w).max(1)];
    let mut y = x;
    for ((axis, full), part) in axes.into_iter().zip([h, w]).zip(crop) {
        let start = (full - part) / 2;
        if part != full {
            y = call.b.slice_axis(y, axis as i64, start as i64, (start + part) as i64, 1)?;
        }
    }
    Ok(y)
}

/// The image in the middle of a canvas of the target's aspect ratio.
fn padded(call: &mut Call<'_>, x: ValueId, axes: [usize; 2], how: &Resampling) -> Result<ValueId> {
    let [th, tw] = how.size;
    let (h, w) = (call.known_dim(x, axes[0])?, call.known_dim(x, axes[1])?);
    let canvas = [ratio(w, th, tw).max(h), ratio(h, tw, th).max(w)];
    let mut pads = vec![(0, 0); call.b.rank(x)];
    for ((axis, full), size) in axes.into_iter().zip([h, w]).zip(canvas) {
        let half = ((size - full) / 2) as i64;
        if let Some(p) = pads.get_mut(axis) {
            *p = (half, half);
        }
    }
    if pads.iter().all(|p| *p == (0, 0)) {
        return Ok(x);
    }
    core::pad(call.b, x, &pads, "constant", how.fill_value)
}

/// The middle `size` of the image; a smaller one is resized to it, keeping the aspect ratio.
pub(super) fn center_crop(call: &mut Call<'_>, x: ValueId, size: [usize; 2], data: DataLayout) -> Result<ValueId> {
    let axes = spatial(call, x, data)?;
    if let Some(have) = known(call, x, axes)
        && have.iter().zip(size).any(|(h, s)| *h < s)
    {
        let how = Resampling {
            size,
            interpolation: "bilinear".to_owned(),
            antialias: false,
            crop_to_aspect_ratio: true,
            pad_to_aspect_ratio: false,
            fill_value: 0.0,
            data,
        };
        return resize(call, x, &how);
    }
    let mut y = x;
    for (axis, size) in axes.into_iter().zip(size) {
        y = middle(call, y, axis, size as i64)?;
    }
    Ok(y)
}

fn middle(call: &mut Call<'_>, x: ValueId, axis: usize, size: i64) -> Result<ValueId> {
    let full = call.b.dim(x, axis)?;
    let (size, two) = (call.b.ints(&[size]), call.b.scalar(DType::I64, 2.0));
    let spare = call.b.binary(modelport_ir::core::BinaryOp::Sub, full, size)?;
    let start = call.b.binary(modelport_ir::core::BinaryOp::Div, spare, two)?;
    let end = call.b.binary(modelport_ir::core::BinaryOp::Add, start, size)?;
    let axis = call.b.ints(&[axis as i64]);
    call.b.one(Op::Slice, &[x, start, end, axis])
}
