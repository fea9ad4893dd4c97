//! Pools (`core/ops/nn_ops.cc`). Averages count what is inside only.

use super::call::Call;
use super::conv::{padding, spatial};
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, Padding, PoolKind, ReduceKind};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("MaxPool", |c| pool(c, 2, PoolKind::Max)),
    row("MaxPoolV2", pool_v2),
    row("MaxPool3D", |c| pool(c, 3, PoolKind::Max)),
    row("AvgPool", |c| pool(c, 2, PoolKind::Average)),
    row("AvgPool3D", |c| pool(c, 3, PoolKind::Average)),
    row_many("MaxPoolWithArgmax", with_argmax),
];

fn pool(c: &mut Call<'_>, n: usize, kind: PoolKind) -> Result<ValueId> {
    let (window, strides) = (c.sizes("ksize", n + 2, 1)?, c.sizes("strides", n + 2, 1)?);
    windows(c, kind, &window, &strides)
}

/// Window and strides are operands.
fn pool_v2(c: &mut Call<'_>) -> Result<ValueId> {
    let sizes = |i: usize, what: &str| {
        let all = c.ints(i, what)?;
        let positive = all.iter().map(|&n| usize::try_from(n).ok().filter(|n| (1..1 << 31).contains(n)));
        let positive: Option<Vec<usize>> = positive.collect();
        positive
            .filter(|p| p.len() == 4)
            .ok_or_else(|| c.unsupported(format!("operand {i} must be 4 positive sizes")).found(format!("{all:?}")))
    };
    let (window, strides) = (sizes(1, "ksize")?, sizes(2, "strides")?);
    windows(c, PoolKind::Max, &window, &strides)
}

fn windows(c: &mut Call<'_>, kind: PoolKind, window: &[usize], strides: &[usize]) -> Result<ValueId> {
    let x = c.x()?;
    let rank = window.len();
    c.need_rank(x, rank)?;
    let data = c.data_layout()?;
    if kind == PoolKind::Max && window.get(data.channel_axis(rank)).is_some_and(|&n| n > 1) {
        return over_channels(c, x, window, strides, data);
    }
    let padding = padding(c, rank, data)?;
    let window = spatial(c, "ksize", window, data)?;
    let strides = spatial(c, "strides", strides, data)?;
    let dilations = vec![1; window.len()];
    let op = Op::Pool { kind, window, strides, dilations, padding, ceil_mode: false, count_include_pad: false, data };
    c.b.one(op, &[x])
}

/// A window of channels only, as wide as its stride: the channels are split in two axes.
fn over_channels(
    c: &mut Call<'_>,
    x: ValueId,
    window: &[usize],
    strides: &[usize],
    data: DataLayout,
) -> Result<ValueId> {
    let rank = window.len();
    let axis = data.channel_axis(rank);
    let n = window.get(axis).copied().unwrap_or(1);
    let others = |all: &[usize]| all.iter().enumerate().all(|(i, &s)| i == axis || s == 1);
    if !others(window) || !others(strides) || strides.get(axis) != Some(&n) {
        return Err(c.unsupported("a window of channels must be as wide as its stride").at_attribute("ksize"));
    }
    let mut dims: Vec<f::From> = (0..rank).map(|a| f::From::Dim(x, a)).collect();
    dims.splice(axis..=axis, [f::From::Part(x, axis, n as i64), f::From::Size(n as i64)]);
    let split = f::reshape(c.b, x, &dims)?;
    c.b.reduce(ReduceKind::Max, split, &[axis as i64 + 1], false)
}

/// → (maximum, its place in the flattened value: (row · width + column) · channels + channel, per image or for all).
fn with_argmax(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.x()?;
    c.need_rank(x, 4)?;
    let data = DataLayout::ChannelsLast;
    let window = spatial(c, "ksize", &c.sizes("ksize", 4, 1)?, data)?;
    let strides = spatial(c, "strides", &c.sizes("strides", 4, 1)?, data)?;
    let padding: Padding = padding(c, 4, data)?;
    let to = c.dtype_or("Targmax", DType::I64)?;
    if !c.uses(1) {
        let dilations = vec![1; 2];
        let kind = PoolKind::Max;
        let op =
            Op::Pool { kind, window, strides, dilations, padding, ceil_mode: false, count_include_pad: false, data };
        return Ok(vec![c.b.one(op, &[x])?]);
    }
    let first = c.b.transpose(x, &[0, 3, 1, 2])?;
    let op = Op::MaxPoolWithIndex { window, strides, dilations: vec![1; 2], padding, ceil_mode: false };
    let results = c.b.add(op, &[Some(first)])?;
    let [most, at] = f::two(&results)?;
    let (most, at) = (c.b.transpose(most, &[0, 2, 3, 1])?, c.b.transpose(at, &[0, 2, 3, 1])?);
    // The index is ((n · channels + channel) · height + row) · width + column.
    let (h, w, channels) = (c.b.dim(x, 1)?, c.b.dim(x, 2)?, c.b.dim(x, 3)?);
    let area = c.b.binary(BinaryOp::Mul, h, w)?;
    let place = c.b.binary(BinaryOp::Mod, at, area)?;
    let place = c.b.binary(BinaryOp::Mul, place, channels)?;
    let channel = f::count_to(c.b, channels)?;
    let mut place = c.b.binary(BinaryOp::Add, place, channel)?;
    if c.bool_or("include_batch_in_index", false)? {
        let n = c.b.dim(x, 0)?;
        let image = f::count_to(c.b, n)?;
        let size = c.b.binary(BinaryOp::Mul, area, channels)?;
        let start = c.b.binary(BinaryOp::Mul, image, size)?;
        let start = c.b.unsqueeze(start, &[1, 2, 3])?;
        place = c.b.binary(BinaryOp::Add, place, start)?;
    }
    Ok(vec![most, c.b.cast(place, to)?])
}
