//! Pools: windowed, adaptive, global (`keras/src/layers/pooling`).

use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, Padding, PoolKind, ReduceKind};
use modelport_ir::{Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("MaxPooling1D", |c| pool(c, 1, PoolKind::Max)),
    row("MaxPooling2D", |c| pool(c, 2, PoolKind::Max)),
    row("MaxPooling3D", |c| pool(c, 3, PoolKind::Max)),
    row("AveragePooling1D", |c| pool(c, 1, PoolKind::Average)),
    row("AveragePooling2D", |c| pool(c, 2, PoolKind::Average)),
    row("AveragePooling3D", |c| pool(c, 3, PoolKind::Average)),
    row("GlobalMaxPooling1D", |c| global(c, 1, ReduceKind::Max)),
    row("GlobalMaxPooling2D", |c| global(c, 2, ReduceKind::Max)),
    row("GlobalMaxPooling3D", |c| global(c, 3, ReduceKind::Max)),
    row("GlobalAveragePooling1D", global_average_1d),
    row("GlobalAveragePooling2D", |c| global(c, 2, ReduceKind::Mean)),
    row("GlobalAveragePooling3D", |c| global(c, 3, ReduceKind::Mean)),
    row("AdaptiveMaxPooling1D", |c| adaptive(c, 1, PoolKind::Max)),
    row("AdaptiveMaxPooling2D", |c| adaptive(c, 2, PoolKind::Max)),
    row("AdaptiveMaxPooling3D", |c| adaptive(c, 3, PoolKind::Max)),
    row("AdaptiveAveragePooling1D", |c| adaptive(c, 1, PoolKind::Average)),
    row("AdaptiveAveragePooling2D", |c| adaptive(c, 2, PoolKind::Average)),
    row("AdaptiveAveragePooling3D", |c| adaptive(c, 3, PoolKind::Average)),
];

/// The input, of `n` + 2 axes.
fn ranked(c: &Call<'_>, n: usize) -> Result<ValueId> {
    let x = c.x()?;
    if c.b.rank(x) == n + 2 {
        return Ok(x);
    }
    Err(c.unsupported(format!("needs an input of rank {}", n + 2)).found(c.b.ty(x).to_string()))
}

pub(super) fn pool(c: &mut Call<'_>, n: usize, kind: PoolKind) -> Result<ValueId> {
    let x = ranked(c, n)?;
    let window = c.sizes_or("pool_size", n, 2)?;
    let strides = c.opt_sizes("strides", n)?.unwrap_or_else(|| window.clone());
    let padding = match c.str_or("padding", "valid")?.to_lowercase().as_str() {
        "valid" => Padding::valid(n),
        "same" => Padding::SameUpper,
        // Nearly a whole window before the first step (keras 1.2.2 `backend/theano_backend.py`, `pool2d`).
        "same_theano" => {
            let pads = |k: usize| if k > 2 && k % 2 == 1 { (k - 2, 1) } else { (k.saturating_sub(1), 0) };
            Padding::Explicit(window.iter().map(|&k| pads(k)).collect())
        }
        other => return Err(c.bad_argument("padding", "`valid` or `same`", other)),
    };
    let op = Op::Pool {
        kind,
        window,
        strides,
        dilations: vec![1; n],
        padding,
        ceil_mode: false,
        // TensorFlow's average counts what is inside only.
        count_include_pad: false,
        data: c.data_layout()?,
    };
    c.b.one(op, &[x])
}

fn spatial_axes(c: &Call<'_>, n: usize) -> Result<Vec<i64>> {
    Ok(c.data_layout()?.spatial_axes(n + 2).map(|a| a as i64).collect())
}

fn global(c: &mut Call<'_>, n: usize, kind: ReduceKind) -> Result<ValueId> {
    let x = ranked(c, n)?;
    let axes = spatial_axes(c, n)?;
    let keepdims = c.bool_or("keepdims", false)?;
    c.b.reduce(kind, x, &axes, keepdims)
}

/// The only global pool that heeds a mask: the mean of the steps that count.
fn global_average_1d(c: &mut Call<'_>) -> Result<ValueId> {
    let x = ranked(c, 1)?;
    let Some(mask) = c.mask(0) else { return global(c, 1, ReduceKind::Mean) };
    let axes = spatial_axes(c, 1)?;
    let keepdims = c.bool_or("keepdims", false)?;
    let mask = c.b.cast(mask, c.b.dtype(x))?;
    let channel = c.data_layout()?.channel_axis(3) as i64;
    let mask = c.b.unsqueeze(mask, &[channel])?;
    let kept = c.b.binary(BinaryOp::Mul, x, mask)?;
    let total = c.b.reduce(ReduceKind::Sum, kept, &axes, keepdims)?;
    let count = c.b.reduce(ReduceKind::Sum, mask, &axes, keepdims)?;
    c.b.binary(BinaryOp::Div, total, count)
}

/// Output element `i` of `o` pools the input elements from ⌊i·n/o⌋ to ⌈(i+1)·n/o⌉.
pub(super) fn adaptive(c: &mut Call<'_>, n: usize, kind: PoolKind) -> Result<ValueId> {
    let x = ranked(c, n)?;
    let data = c.data_layout()?;
    let outputs = c.sizes("output_size", n)?;
    let axes: Vec<usize> = data.spatial_axes(n + 2).collect();
    let inputs = axes.iter().map(|&a| c.known_dim(x, a)).collect::<Result<Vec<_>>>()?;
    if inputs.iter().zip(&outputs).all(|(i, o)| i >= o && i % o == 0) {
        let window: Vec<usize> = inputs.iter().zip(&outputs).map(|(i, o)| i / o).collect();
        let op = Op::Pool {
            kind,
            window: window.clone(),
            strides: window,
            dilations: vec![1; n],
            padding: Padding::valid(n),
            ceil_mode: false,
            count_include_pad: false,
            data,
        };
        return c.b.one(op, &[x]);
    }
    let mut y = x;
    for ((&axis, &size), &out) in axes.iter().zip(&inputs).zip(&outputs) {
        y = adaptive_axis(c, y, axis, size, out, kind)?;
    }
    Ok(y)
}

/// Windows of unequal length along one axis: gathered at the length of the longest, the rest weighted away.
fn adaptive_axis(
    c: &mut Call<'_>,
    x: ValueId,
    axis: usize,
    size: usize,
    out: usize,
    kind: PoolKind,
) -> Result<ValueId> {
    let bounds: Vec<(usize, usize)> = (0..out).map(|i| (i * size / out, ((i + 1) * size).div_ceil(out))).collect();
    let longest = bounds.iter().map(|(a, b)| b - a).max().unwrap_or(1);
    if out.saturating_mul(longest) > 1 << 24 {
        return Err(c.unsupported(format!("pooling {size} elements to {out} needs too many windows")));
    }
    let cells = || bounds.iter().flat_map(|&(a, b)| (a..a + longest).map(move |i| (i, a, b)));
    // Past its end, a window repeats its last element: harmless for a maximum.
    let at: Vec<i64> = cells().map(|(i, _, b)| i.min(b - 1) as i64).collect();
    let at = Tensor::ints(&at).reshape(vec![out, longest])?;
    let at = c.b.constant(format!("{}/windows", c.b.scope()), at);
    let windows = c.b.one(Op::Gather { axis: axis as i64 }, &[x, at])?;
    let over = [axis as i64 + 1];
    if kind == PoolKind::Max {
        return c.b.reduce(ReduceKind::Max, windows, &over, false);
    }
    let weights: Vec<f64> = cells().map(|(i, a, b)| if i < b { 1.0 / (b - a) as f64 } else { 0.0 }).collect();
    let mut shape = vec![1; c.b.rank(windows)];
    for (slot, n) in shape.iter_mut().skip(axis).zip([out, longest]) {
        *slot = n;
    }
    let weights = Tensor::from_f64s(c.b.dtype(x), &shape, &weights)?;
    let weights = c.b.constant(format!("{}/weights", c.b.scope()), weights);
    let weighted = c.b.binary(BinaryOp::Mul, windows, weights)?;
    c.b.reduce(ReduceKind::Sum, weighted, &over, false)
}
