//! Resampling, padding, sampling by a grid, windows as columns.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{
    CoordinateMode, DataLayout, GridMode, GridPadding, KernelLayout, NearestMode, PadMode, Padding, ResizeMode,
};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::upsample_nearest1d", |c| nearest(c, 1, false)),
    row("aten::upsample_nearest2d", |c| nearest(c, 2, false)),
    row("aten::upsample_nearest3d", |c| nearest(c, 3, false)),
    row("aten::_upsample_nearest_exact1d", |c| nearest(c, 1, true)),
    row("aten::_upsample_nearest_exact2d", |c| nearest(c, 2, true)),
    row("aten::_upsample_nearest_exact3d", |c| nearest(c, 3, true)),
    row("aten::upsample_linear1d", |c| smooth(c, 1, ResizeMode::Linear, false)),
    row("aten::upsample_bilinear2d", |c| smooth(c, 2, ResizeMode::Linear, false)),
    row("aten::upsample_trilinear3d", |c| smooth(c, 3, ResizeMode::Linear, false)),
    row("aten::upsample_bicubic2d", |c| smooth(c, 2, ResizeMode::Cubic, false)),
    row("aten::_upsample_bilinear2d_aa", |c| smooth(c, 2, ResizeMode::Linear, true)),
    row("aten::_upsample_bicubic2d_aa", |c| smooth(c, 2, ResizeMode::Cubic, true)),
    row("aten::pad", pad),
    row("aten::constant_pad_nd", |c| padded(c, PadMode::Constant)),
    row("aten::reflection_pad1d", |c| padded(c, PadMode::Reflect)),
    row("aten::reflection_pad2d", |c| padded(c, PadMode::Reflect)),
    row("aten::reflection_pad3d", |c| padded(c, PadMode::Reflect)),
    row("aten::replication_pad1d", |c| padded(c, PadMode::Edge)),
    row("aten::replication_pad2d", |c| padded(c, PadMode::Edge)),
    row("aten::replication_pad3d", |c| padded(c, PadMode::Edge)),
    row("aten::grid_sampler", grid_sampler),
    row("aten::grid_sampler_2d", grid_sampler),
    row("aten::grid_sampler_3d", grid_sampler),
    row("aten::affine_grid_generator", affine_grid),
    row("aten::im2col", im2col),
    row("aten::col2im", col2im),
];

struct Sampling {
    mode: ResizeMode,
    coordinates: CoordinateMode,
    nearest: NearestMode,
    cubic_a: f64,
    antialias: bool,
}

fn nearest(c: &mut Call<'_>, spatial: usize, exact: bool) -> Result<ValueId> {
    let (coordinates, nearest) = if exact {
        (CoordinateMode::HalfPixel, NearestMode::RoundPreferCeil)
    } else {
        (CoordinateMode::Asymmetric, NearestMode::Floor)
    };
    let how = Sampling { mode: ResizeMode::Nearest, coordinates, nearest, cubic_a: -0.75, antialias: false };
    resize(c, spatial, &how)
}

/// Pixels as areas, or corners on corners. The cubic kernel has another parameter when it is antialiased.
fn smooth(c: &mut Call<'_>, spatial: usize, mode: ResizeMode, antialias: bool) -> Result<ValueId> {
    let coordinates = if c.flag("align_corners")? { CoordinateMode::AlignCorners } else { CoordinateMode::HalfPixel };
    let cubic_a = if antialias { -0.5 } else { -0.75 };
    let how = Sampling { mode, coordinates, nearest: NearestMode::RoundPreferFloor, cubic_a, antialias };
    resize(c, spatial, &how)
}

/// The factors that the call gives, one a spatial axis.
fn factors(c: &Call<'_>, spatial: usize) -> Result<Option<Vec<f64>>> {
    if let Some(list) = c.opt_numbers("scale_factors")? {
        let all = if list.len() == 1 { vec![list.first().copied().unwrap_or(1.0); spatial] } else { list };
        return if all.len() == spatial { Ok(Some(all)) } else { Err(c.bad("scale_factors", "one number an axis")) };
    }
    let names: &[&str] = match spatial {
        1 => &["scales"],
        2 => &["scales_h", "scales_w"],
        _ => &["scales_d", "scales_h", "scales_w"],
    };
    let all: Vec<Option<f64>> = names.iter().map(|n| c.opt_number(n)).collect::<Result<_>>()?;
    Ok(all.into_iter().collect())
}

/// Whether the factors, applied as ONNX does in f32, give the sizes that PyTorch computes in f64.
fn agree(dims: &[Dim], factors: &[f64], sizes: Option<&[i64]>) -> bool {
    dims.iter().zip(factors).enumerate().all(|(i, (d, &f))| {
        let Some(n) = d.known() else { return true };
        let want = sizes.and_then(|s| s.get(i).copied()).unwrap_or((n as f64 * f).floor() as i64);
        (n as f32 * f as f32).floor() as i64 == want
    })
}

fn resize(c: &mut Call<'_>, spatial: usize, how: &Sampling) -> Result<ValueId> {
    let x = c.tensor(if c.arg("input").is_some() { "input" } else { "self" })?;
    let first = c.rank(x).checked_sub(spatial).ok_or_else(|| c.bad("input", "more dimensions"))?;
    let dims: Vec<Dim> = c.b.shape(x).iter().skip(first).cloned().collect();
    let factors = factors(c, spatial)?;
    let known = if c.arg("output_size").is_some() { c.opt_ints("output_size").ok().flatten() } else { None };
    let (mut scales, mut sizes) = (None, None);
    match factors {
        Some(f) if f.iter().all(|f| *f > 0.0) && agree(&dims, &f, known.as_deref()) => {
            let tensor = Tensor::from_f64s(DType::F32, &[spatial], &f)?;
            scales = Some(c.b.constant("", tensor));
        }
        Some(f) if c.arg("output_size").is_none() => {
            let out = dims.iter().zip(&f).map(|(d, f)| d.known().map(|n| Size::Known((n as f64 * f).floor() as i64)));
            let out: Option<Vec<Size>> = out.collect();
            let out = out.ok_or_else(|| c.bad("scale_factors", "positive numbers"))?;
            sizes = Some(c.vector(&out)?);
        }
        _ => {
            let out = c.sizes("output_size")?;
            sizes = Some(c.vector(&out)?);
        }
    }
    let dtype = c.b.dtype(x);
    let op = Op::Resize {
        mode: how.mode,
        coordinates: how.coordinates,
        nearest: how.nearest,
        cubic_a: how.cubic_a,
        antialias: how.antialias,
        exclude_outside: how.antialias,
        extrapolation: 0.0,
        axes: (first..first + spatial).map(|a| a as i64).collect(),
    };
    let out = c.b.one_opt(op, &[Some(x), scales, sizes])?;
    c.b.cast(out, dtype)
}

fn pad(c: &mut Call<'_>) -> Result<ValueId> {
    let mode = match c.opt_str("mode")? {
        None | Some("constant") => PadMode::Constant,
        Some("reflect") => PadMode::Reflect,
        Some("replicate") => PadMode::Edge,
        Some("circular") => PadMode::Wrap,
        Some(_) => return Err(c.bad("mode", "'constant', 'reflect', 'replicate' or 'circular'")),
    };
    padded(c, mode)
}

/// Pairs of elements before and after, the last axis first.
fn padded(c: &mut Call<'_>, mode: PadMode) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let rank = c.rank(x);
    let given = c.sizes(if c.arg("pad").is_some() { "pad" } else { "padding" })?;
    if given.len() > rank * 2 || given.len() % 2 == 1 {
        return Err(c.bad("pad", &format!("pairs of numbers for at most {rank} dimensions")));
    }
    let mut pads = vec![Size::Known(0); rank * 2];
    for (i, pair) in given.chunks_exact(2).enumerate() {
        let axis = rank - 1 - i;
        for (k, size) in pair.iter().enumerate() {
            if let Some(slot) = pads.get_mut(axis + k * rank) {
                *slot = *size;
            }
        }
    }
    if pads.iter().all(|p| *p == Size::Known(0)) {
        return Ok(x);
    }
    let pads = c.vector(&pads)?;
    let value = match (mode, c.opt_number("value")?) {
        (PadMode::Constant, Some(v)) if v != 0.0 => Some(c.b.scalar_like(x, v)),
        _ => None,
    };
    c.b.one_opt(Op::Pad { mode }, &[Some(x), Some(pads), value])
}

fn grid_sampler(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, grid) = (c.tensor("input")?, c.tensor("grid")?);
    let mode = match c.int("interpolation_mode")? {
        0 => GridMode::Linear,
        1 => GridMode::Nearest,
        2 => GridMode::Cubic,
        _ => return Err(c.bad("interpolation_mode", "0, 1 or 2")),
    };
    let padding = match c.int("padding_mode")? {
        0 => GridPadding::Zeros,
        1 => GridPadding::Border,
        2 => GridPadding::Reflection,
        _ => return Err(c.bad("padding_mode", "0, 1 or 2")),
    };
    c.b.one(Op::GridSample { mode, padding, align_corners: c.flag("align_corners")? }, &[x, grid])
}

/// Where each output pixel comes from: `theta·(x, y, 1)` over pixel centres from −1 to 1.
fn affine_grid(c: &mut Call<'_>) -> Result<ValueId> {
    let theta = c.tensor("theta")?;
    let size = c.ints("size")?;
    let &[_, _, h, w] = size.as_slice() else { return Err(c.unsupported("only images of two dimensions")) };
    if h.saturating_mul(w) > 1 << 22 || h < 1 || w < 1 {
        return Err(c.bad("size", "sizes that are positive and not that large"));
    }
    let corners = c.flag("align_corners")?;
    let at = |i: i64, n: i64| match (corners, n) {
        (_, 1) => 0.0,
        (true, _) => -1.0 + 2.0 * i as f64 / (n - 1) as f64,
        (false, _) => -1.0 + (2 * i + 1) as f64 / n as f64,
    };
    let base: Vec<f64> = (0..h).flat_map(|y| (0..w).flat_map(move |x| [at(x, w), at(y, h), 1.0])).collect();
    let base = Tensor::from_f64s(c.b.dtype(theta), &[(h * w) as usize, 3], &base)?;
    let base = c.b.constant("", base);
    let turned = c.b.transpose(theta, &[0, 2, 1])?;
    let grid = c.b.one(Op::MatMul, &[base, turned])?;
    c.b.reshape(grid, &[-1, h, w, 2])
}

/// The places in a padded axis that window element `k` of output `o` sees, as a matrix of elements by outputs.
fn places(c: &mut Call<'_>, n: usize, axis: usize) -> Result<(ValueId, usize, usize)> {
    let pick = |name: &str| c.per_axis(name, 2).map(|v| v.get(axis).copied().unwrap_or(1));
    let (kernel, dilation, pad, stride) =
        (pick("kernel_size")?, pick("dilation")?, pick("padding")?, pick("stride")?.max(1));
    let extent = dilation.saturating_mul(kernel.saturating_sub(1)).saturating_add(1);
    let outputs = n
        .checked_add(pad.saturating_mul(2))
        .and_then(|n| n.checked_sub(extent))
        .ok_or_else(|| c.bad("kernel_size", "a window that fits the padded input"))?
        / stride
        + 1;
    if kernel.saturating_mul(outputs) > 1 << 22 {
        return Err(c.unsupported("windows that many are not converted"));
    }
    let at: Vec<i64> =
        (0..kernel).flat_map(|k| (0..outputs).map(move |o| (o * stride + k * dilation) as i64)).collect();
    let at = c.b.ints(&at);
    Ok((c.b.reshape(at, &[kernel as i64, outputs as i64])?, kernel, outputs))
}

/// Windows as columns (`unfold`).
fn im2col(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let lone = c.rank(x) == 3;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let channels = c.known_dim(x, 1)?;
    let size = |axis: usize| c.b.shape(x).get(axis).and_then(modelport_ir::Dim::known);
    let (Some(h), Some(w)) = (size(2), size(3)) else {
        let out = open_columns(c, x, channels)?;
        return if lone { c.b.squeeze(out, &[0]) } else { Ok(out) };
    };
    let (rows, kh, oh) = places(c, h, 0)?;
    let (columns, kw, ow) = places(c, w, 1)?;
    let x = with_border(c, x)?;
    let x = c.b.one(Op::Gather { axis: 2 }, &[x, rows])?;
    let x = c.b.one(Op::Gather { axis: 4 }, &[x, columns])?;
    let x = c.b.transpose(x, &[0, 1, 2, 4, 3, 5])?;
    let out = c.b.reshape(x, &[-1, (channels * kh * kw) as i64, (oh * ow) as i64])?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}

/// An image with zeros around it, as `padding` says.
fn with_border(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let pads = c.per_axis("padding", 2)?;
    let (ph, pw) = (pads.first().copied().unwrap_or(0) as i64, pads.get(1).copied().unwrap_or(0) as i64);
    if ph == 0 && pw == 0 {
        return Ok(x);
    }
    let pads = c.b.ints(&[0, 0, ph, pw, 0, 0, ph, pw]);
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, pads])
}

/// [`im2col`] of an image whose size is known only at run time: one slice for each element of the window.
fn open_columns(c: &mut Call<'_>, x: ValueId, channels: usize) -> Result<ValueId> {
    let (kernel, dilations, strides) =
        (c.per_axis("kernel_size", 2)?, c.per_axis("dilation", 2)?, c.per_axis("stride", 2)?);
    let (&[kh, kw], &[dh, dw], &[sh, sw]) = (kernel.as_slice(), dilations.as_slice(), strides.as_slice()) else {
        return Err(c.bad("kernel_size", "two numbers"));
    };
    if kh.checked_mul(kw).is_none_or(|n| !(1..=256).contains(&n)) {
        return Err(c.bad("kernel_size", "a window of at most 256 elements, as the size of the image is not known"));
    }
    let x = with_border(c, x)?;
    // Element `k` of a window of `n` begins at `k·dilation`; as many elements from the end stay behind it.
    let line = |c: &mut Call<'_>, x: ValueId, axis: i64, (k, n): (usize, usize), (step, dilation): (usize, usize)| {
        let behind = (n - 1 - k).saturating_mul(dilation) as i64;
        let end = if behind == 0 { i64::MAX } else { -behind };
        c.b.slice_axis(x, axis, k.saturating_mul(dilation) as i64, end, step as i64)
    };
    let mut parts = Vec::with_capacity(kh * kw);
    for k in 0..kh {
        let rows = line(c, x, 2, (k, kh), (sh, dh))?;
        for m in 0..kw {
            let part = line(c, rows, 3, (m, kw), (sw, dw))?;
            parts.push(c.b.unsqueeze(part, &[2])?);
        }
    }
    let all = c.b.concat(&parts, 2)?;
    c.b.reshape(all, &[0, (channels * kh * kw) as i64, -1])
}

/// Columns summed back into windows (`fold`): a transposed convolution whose kernel puts each element in its place.
fn col2im(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let lone = c.rank(x) == 2;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let (size, kernel) = (c.per_axis("output_size", 2)?, c.per_axis("kernel_size", 2)?);
    let (dilations, pads, strides) = (c.per_axis("dilation", 2)?, c.per_axis("padding", 2)?, c.per_axis("stride", 2)?);
    let (&[kh, kw], &[out_h, out_w]) = (kernel.as_slice(), size.as_slice()) else {
        return Err(c.bad("kernel_size", "two numbers"));
    };
    let window =
        kh.checked_mul(kw).filter(|n| (1..=4096).contains(n)).ok_or_else(|| c.bad("kernel_size", "a window"))?;
    let channels = c.known_dim(x, 1)? / window;
    let (mut outputs, mut extra) = (Vec::new(), Vec::new());
    for (i, &n) in [out_h, out_w].iter().enumerate() {
        let at = |v: &[usize]| v.get(i).copied().unwrap_or(1);
        let extent = at(&dilations) * at(&kernel).saturating_sub(1) + 1;
        let room = (n + 2 * at(&pads)).checked_sub(extent).ok_or_else(|| c.bad("output_size", "room for a window"))?;
        outputs.push((room / at(&strides).max(1) + 1) as i64);
        extra.push(room % at(&strides).max(1));
    }
    let &[oh, ow] = outputs.as_slice() else { return Err(c.bad("output_size", "two numbers")) };
    let x = c.b.reshape(x, &[-1, (channels * window) as i64, oh, ow])?;
    let mut places = vec![0.0; window * window];
    for i in 0..window {
        if let Some(p) = places.get_mut(i * window + i) {
            *p = 1.0;
        }
    }
    let one = Tensor::from_f64s(c.b.dtype(x), &[window, 1, kh, kw], &places)?;
    let one = c.b.constant("", one);
    let repeats = c.b.ints(&[channels as i64, 1, 1, 1]);
    let kernel = c.b.one(Op::Tile, &[one, repeats])?;
    let op = Op::ConvTranspose {
        strides,
        dilations,
        padding: Padding::Explicit(pads.iter().map(|&p| (p, p)).collect()),
        output_padding: extra,
        output_shape: Vec::new(),
        groups: channels,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    let out = c.b.one(op, &[x, kernel])?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}
