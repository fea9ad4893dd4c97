//! Convolutions (`core/ops/nn_ops.cc`): padding by name or in numbers, dilations, groups, either order of axes; also as
//! optimised graphs fuse them.

use super::call::Call;
use super::linalg::{fused_ops, then};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, Padding};
use modelport_ir::{Dim, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Conv2D", |c| conv(c, 2)),
    row("Conv3D", |c| conv(c, 3)),
    row("DepthwiseConv2dNative", |c| {
        let [x, kernel] = c.pair()?;
        depthwise(c, x, kernel)
    }),
    row("_FusedConv2D", |c| fused(c, false)),
    row("_FusedDepthwiseConv2dNative", |c| fused(c, true)),
    row("BiasAdd", bias_add),
    row("BiasAddV1", |c| {
        let [x, bias] = c.pair()?;
        c.b.binary(BinaryOp::Add, x, bias)
    }),
];

/// How a window moves.
pub(super) struct Window {
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    pub(super) padding: Padding,
    pub(super) data: DataLayout,
}

/// The spatial entries of a list with one entry for each axis; those of batch and channels must be 1.
pub(super) fn spatial(c: &Call<'_>, name: &str, all: &[usize], data: DataLayout) -> Result<Vec<usize>> {
    let rank = all.len();
    let range = data.spatial_axes(rank);
    if all.iter().enumerate().any(|(i, &n)| !range.contains(&i) && n != 1) {
        return Err(c
            .unsupported("the window must not move over batch or channels")
            .at_attribute(name)
            .found(format!("{all:?}")));
    }
    Ok(all.get(range).unwrap_or_default().to_vec())
}

/// `padding`, with `explicit_paddings` where it says so.
pub(super) fn padding(c: &Call<'_>, rank: usize, data: DataLayout) -> Result<Padding> {
    Ok(match c.str_or("padding", "VALID")? {
        "SAME" => Padding::SameUpper,
        "VALID" => Padding::valid(rank - 2),
        "EXPLICIT" => {
            let all = c.int_list("explicit_paddings")?;
            let number = |i: usize| all.get(i).and_then(|&n| usize::try_from(n).ok()).filter(|n| *n < 1 << 31);
            let pairs = data.spatial_axes(rank).map(|a| Some((number(2 * a)?, number(2 * a + 1)?)));
            let pairs: Option<Vec<_>> = pairs.collect();
            Padding::Explicit(pairs.ok_or_else(|| {
                c.bad_value("explicit_paddings", &format!("{} numbers from 0 up", 2 * rank), &format!("{all:?}"))
            })?)
        }
        other => return Err(c.bad_value("padding", "SAME, VALID or EXPLICIT", other)),
    })
}

/// The attributes of a window over `spatial` axes.
pub(super) fn window(c: &Call<'_>, axes: usize) -> Result<Window> {
    let (rank, data) = (axes + 2, c.data_layout()?);
    let strides = spatial(c, "strides", &c.sizes("strides", rank, 1)?, data)?;
    let dilations = spatial(c, "dilations", &c.sizes("dilations", rank, 1)?, data)?;
    Ok(Window { strides, dilations, padding: padding(c, rank, data)?, data })
}

impl Window {
    pub(super) fn op(&self, groups: usize) -> Op {
        Op::Conv {
            strides: self.strides.clone(),
            dilations: self.dilations.clone(),
            padding: self.padding.clone(),
            groups,
            data: self.data,
            kernel: KernelLayout::SpatialInOut,
        }
    }
}

fn conv(c: &mut Call<'_>, axes: usize) -> Result<ValueId> {
    let [x, kernel] = c.pair()?;
    convolve(c, x, kernel, axes)
}

/// The input may have several times the channels of the kernel: groups.
fn convolve(c: &mut Call<'_>, x: ValueId, kernel: ValueId, axes: usize) -> Result<ValueId> {
    c.need_rank(x, axes + 2)?;
    c.need_rank(kernel, axes + 2)?;
    let w = window(c, axes)?;
    let channels = c.b.shape(x).get(w.data.channel_axis(axes + 2)).and_then(Dim::known);
    let own = c.b.shape(kernel).get(axes).and_then(Dim::known);
    let groups = match (channels, own) {
        (Some(all), Some(own)) if own > 0 && all.is_multiple_of(own) => (all / own).max(1),
        _ => 1,
    };
    c.b.one(w.op(groups), &[x, kernel])
}

/// A kernel [height, width, in, multiplier] is a grouped one [height, width, 1, in·multiplier].
pub(super) fn grouped_kernel(c: &mut Call<'_>, kernel: ValueId) -> Result<(ValueId, usize)> {
    c.need_rank(kernel, 4)?;
    let sizes = (0..4).map(|a| c.known_dim(kernel, a)).collect::<Result<Vec<_>>>()?;
    let &[h, w, channels, multiplier] = sizes.as_slice() else {
        return Err(c.unsupported("needs a kernel of rank 4"));
    };
    let shape = [h, w, 1, channels.saturating_mul(multiplier)].map(|n| n as i64);
    Ok((c.b.reshape(kernel, &shape)?, channels))
}

fn depthwise(c: &mut Call<'_>, x: ValueId, kernel: ValueId) -> Result<ValueId> {
    c.need_rank(x, 4)?;
    let w = window(c, 2)?;
    let (kernel, groups) = grouped_kernel(c, kernel)?;
    c.b.one(w.op(groups), &[x, kernel])
}

/// A vector for the channel axis of a value of some rank, shaped to broadcast.
pub(super) fn along_channels(c: &mut Call<'_>, v: ValueId, rank: usize, data: DataLayout) -> Result<ValueId> {
    let after = rank.saturating_sub(data.channel_axis(rank) + 1);
    if after == 0 {
        return Ok(v);
    }
    let axes: Vec<i64> = (1..=after as i64).collect();
    c.b.unsqueeze(v, &axes)
}

fn bias_add(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, bias] = c.pair()?;
    let data = c.data_layout()?;
    let rank = c.b.rank(x);
    let bias = along_channels(c, bias, rank, data)?;
    c.b.binary(BinaryOp::Add, x, bias)
}

/// (x, kernel, arguments of what is fused…).
fn fused(c: &mut Call<'_>, by_channel: bool) -> Result<ValueId> {
    let [x, kernel] = c.pair()?;
    let mut y = if by_channel { depthwise(c, x, kernel)? } else { convolve(c, x, kernel, 2)? };
    let data = c.data_layout()?;
    let mut next = 2;
    for name in fused_ops(c)? {
        y = match name.as_str() {
            "BiasAdd" => {
                let bias = c.input(next)?;
                next += 1;
                let bias = along_channels(c, bias, 4, data)?;
                c.b.binary(BinaryOp::Add, y, bias)?
            }
            "Add" => {
                let other = c.input(next)?;
                next += 1;
                c.b.binary(BinaryOp::Add, y, other)?
            }
            "FusedBatchNorm" => {
                let [scale, offset] = [c.input(next)?, c.input(next + 1)?];
                let [mean, variance] = [c.input(next + 2)?, c.input(next + 3)?];
                next += 4;
                let op = Op::BatchNorm { axis: data.channel_axis(4) as i64, epsilon: c.float_or("epsilon", 1e-4)? };
                c.b.one(op, &[y, scale, offset, mean, variance])?
            }
            name => then(c, name, y)?,
        };
    }
    Ok(y)
}
