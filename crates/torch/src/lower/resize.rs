//! Resampling, padding, sampling by a grid, windows as columns.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::columns::Windows;
use modelport_ir::core::{CoordinateMode, GridMode, GridPadding, NearestMode, PadMode, ResizeMode};
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
pub(super) fn factors(c: &Call<'_>, spatial: usize) -> Result<Option<Vec<f64>>> {
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

/// The arguments that say how windows lie.
fn windows(c: &Call<'_>) -> Result<Windows> {
    let pair = |name: &str| match c.per_axis(name, 2)?.as_slice() {
        &[h, w] => Ok([h, w]),
        _ => Err(c.bad(name, "two numbers")),
    };
    Ok(Windows {
        kernel: pair("kernel_size")?,
        dilation: pair("dilation")?,
        padding: pair("padding")?,
        stride: pair("stride")?,
    })
}

/// Windows as columns (`unfold`).
fn im2col(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let lone = c.rank(x) == 3;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let (channels, windows) = (c.known_dim(x, 1)?, windows(c)?);
    let sizes = [2, 3].map(|axis| c.b.shape(x).get(axis).and_then(Dim::known));
    if let Some(why) = windows.why_not_taken(sizes) {
        return Err(c.unsupported(why));
    }
    let out = c.b.columns(x, channels, &windows)?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}

/// Columns summed back into windows (`fold`).
fn col2im(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let lone = c.rank(x) == 2;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    let (depth, windows) = (c.known_dim(x, 1)?, windows(c)?);
    let &[h, w] = c.per_axis("output_size", 2)?.as_slice() else { return Err(c.bad("output_size", "two numbers")) };
    if let Some(why) = windows.why_not_summed([h, w]) {
        return Err(c.unsupported(why));
    }
    let out = c.b.image_of_columns(x, depth, [h, w], &windows)?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}
