//! Keras 3 operations with moving windows (keras/src/ops/nn.py, 3.15): what the layers of the same names do, with kernels
//! that are arguments.
//!
//! Owns: convolutions, pools, batch normalisation and blocks as operations. Must never know: weights of layers.
//!
//! `ConvTranspose` is no operation here: its `call` hands on padding and output padding in each other's place, so that no
//! functional model with it computes.

use super::call::Call;
use super::conv::{Window, convolve, window};
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::pool::{adaptive, pool};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{DepthToSpaceMode, Padding, PoolKind};
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Conv", conv),
    row("DepthwiseConv", depthwise),
    row("SeparableConv", separable),
    row("MaxPool", |c| pool(c, spatial(c)?, PoolKind::Max)),
    row("AveragePool", |c| pool(c, spatial(c)?, PoolKind::Average)),
    row("AdaptiveMaxPool", |c| adaptive(c, spatial(c)?, PoolKind::Max)),
    row("AdaptiveAveragePool", |c| adaptive(c, spatial(c)?, PoolKind::Average)),
    row("BatchNorm", batch_norm),
    row("DepthToSpace", |c| {
        let (x, block, data) = (operand(c)?, c.size_or("block_size", 2)?, c.data_layout()?);
        // Groups of channels are read outermost first, in either layout (`backend/tensorflow/nn.py`, `depth_to_space`).
        c.b.one(Op::DepthToSpace { block, mode: DepthToSpaceMode::Dcr, data }, &[x])
    }),
    row("SpaceToDepth", |c| {
        let (x, block, data) = (operand(c)?, c.size_or("block_size", 2)?, c.data_layout()?);
        c.b.one(Op::SpaceToDepth { block, data }, &[x])
    }),
];

/// Axes besides batch and channel.
fn spatial(c: &Call<'_>) -> Result<usize> {
    let rank = c.rank()?;
    if (3..=5).contains(&rank) { Ok(rank - 2) } else { Err(c.unsupported(format!("an input of rank {rank}"))) }
}

/// The argument that is a kernel, in the input's type, and its sizes.
fn kernel(c: &mut Call<'_>, x: ValueId, position: usize, name: &str) -> Result<(ValueId, Vec<usize>)> {
    let kernel = args::value(c, position, name)?;
    let kernel = c.b.cast(kernel, c.b.dtype(x))?;
    let rank = c.b.rank(kernel);
    let shape = (0..rank).map(|axis| c.known_dim(kernel, axis)).collect::<Result<Vec<_>>>()?;
    if rank != c.b.rank(x) {
        return Err(c.bad_argument(name, "one axis for each spatial one and two of channels", &format!("{shape:?}")));
    }
    Ok((kernel, shape))
}

pub(super) fn conv(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, n) = (c.float_x()?, spatial(c)?);
    let (kernel, shape) = kernel(c, x, 1, "kernel")?;
    let w = window(c, shape.get(..n).unwrap_or_default())?;
    let channels = c.known_dim(x, w.data.channel_axis(n + 2))?;
    let of_group = shape.get(n).copied().unwrap_or(1).max(1);
    convolve(c, x, kernel, None, &w, channels / of_group)
}

/// A convolution of each channel by itself, and how many axes it moves along.
fn by_channel(c: &mut Call<'_>, name: &str) -> Result<(ValueId, usize, Window)> {
    let (x, n) = (c.float_x()?, spatial(c)?);
    let (kernel, shape) = kernel(c, x, 1, name)?;
    let w = window(c, shape.get(..n).unwrap_or_default())?;
    let (channels, multiplier) = (shape.get(n).copied().unwrap_or(1), shape.get(n + 1).copied().unwrap_or(1));
    let mut grouped: Vec<i64> = shape.iter().take(n).map(|&k| k as i64).collect();
    grouped.extend([1, channels.saturating_mul(multiplier) as i64]);
    let kernel = c.b.reshape(kernel, &grouped)?;
    let y = convolve(c, x, kernel, None, &w, channels)?;
    Ok((y, n, w))
}

pub(super) fn depthwise(c: &mut Call<'_>) -> Result<ValueId> {
    by_channel(c, "kernel").map(|(y, ..)| y)
}

fn separable(c: &mut Call<'_>) -> Result<ValueId> {
    let (middle, n, w) = by_channel(c, "depthwise_kernel")?;
    let (pointwise, _) = kernel(c, middle, 2, "pointwise_kernel")?;
    let one = Window::still(n, Padding::valid(n), w.data);
    convolve(c, middle, pointwise, None, &one, 1)
}

/// (x, mean, variance, offset, scale): the last two may be absent.
fn batch_norm(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let given = c.int_or("axis", -1)?;
    let Some(&axis) = c.axes_of("axis", &[given], rank)?.first() else {
        return Err(c.unsupported("an input without axes"));
    };
    let (mean, variance) = (args::value(c, 1, "mean")?, args::value(c, 2, "variance")?);
    let mut or = |position, name, default: f64| {
        let value = match args::opt(c, position, name)? {
            Some(arg) => args::own(c.b, arg),
            None => {
                let value = c.b.scalar_like(mean, default);
                core::filled_like(c.b, mean, value)?
            }
        };
        c.b.cast(value, c.b.dtype(x))
    };
    let (offset, scale) = (or(3, "offset", 0.0)?, or(4, "scale", 1.0)?);
    let (mean, variance) = (c.b.cast(mean, c.b.dtype(x))?, c.b.cast(variance, c.b.dtype(x))?);
    let op = Op::BatchNorm { axis: axis as i64, epsilon: c.float_or("epsilon", 1e-3)? };
    c.b.one(op, &[x, scale, offset, mean, variance])
}
