//! Gradients of convolutions, which are convolutions.
//!
//! Semantics: `aten/src/ATen/native/Convolution.cpp` of PyTorch 2.15.

use super::{mask, results, sum};
use crate::lower::call::Call;
use crate::lower::norm::not_channels;
use crate::lower::pieces::range_of;
use crate::lower::sizes::Size;
use crate::lower::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding};
use modelport_ir::{Dim, Op, ValueId};

pub(in super::super) const ROWS: &[Row] = &[row_many("aten::convolution_backward", convolution)];

/// How the convolution's windows move.
struct Moves {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    groups: usize,
}

fn convolution(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (grad, x, w) = (c.tensor("grad_output")?, c.tensor("input")?, c.tensor("weight")?);
    let rank = c.rank(w);
    let spatial = rank.saturating_sub(2);
    if spatial == 0 || c.rank(x) != rank || c.rank(grad) != rank {
        return Err(c.unsupported("operands without a batch axis, or of unlike ranks"));
    }
    let m = Moves {
        strides: c.per_axis("stride", spatial)?,
        dilations: c.per_axis("dilation", spatial)?,
        pads: c.per_axis("padding", spatial)?,
        groups: c.count("groups")?.max(1),
    };
    let transposed = c.flag("transposed")?;
    let [to_input, to_weight, to_bias] = mask(c)?;
    let by_input = match (to_input, transposed) {
        (false, _) => None,
        (true, false) => Some(by_input(c, &m, grad, x, w)?),
        (true, true) => Some(by_transposed_input(c, &m, grad, x, w)?),
    };
    let by_weight = match (to_weight, transposed) {
        (false, _) => None,
        (true, false) => Some(by_weight(c, &m, x, grad, w)?),
        // Operand and result change places.
        (true, true) => Some(by_weight(c, &m, grad, x, w)?),
    };
    let axes = not_channels(c, grad);
    let by_bias = if to_bias { Some(sum(c, grad, &axes)?) } else { None };
    Ok(results(c, [by_input, by_weight, by_bias]))
}

/// The transposed convolution of the gradient. What no window reached at the end is as much as the input's size says;
/// where that is not known, the result is made longer than any input and cut.
fn by_input(c: &mut Call<'_>, m: &Moves, grad: ValueId, x: ValueId, w: ValueId) -> Result<ValueId> {
    let mut more = Vec::with_capacity(m.strides.len());
    let mut cut = Vec::new();
    for (i, ((&stride, &dilation), &pad)) in m.strides.iter().zip(&m.dilations).zip(&m.pads).enumerate() {
        let known = |v: ValueId| c.b.shape(v).get(2 + i).and_then(Dim::known);
        let unreached = match (known(x), known(grad), known(w)) {
            (Some(n), Some(windows), Some(window)) => {
                let reached = windows.saturating_sub(1).saturating_mul(stride);
                let reached = reached.saturating_add(window.saturating_sub(1).saturating_mul(dilation));
                let padded = n.saturating_add(pad.saturating_mul(2));
                let unreached = padded.checked_sub(reached.saturating_add(1)).filter(|&k| k < stride);
                unreached.ok_or_else(|| c.bad("grad_output", "of the size that the convolution gives"))?
            }
            _ => {
                if stride > 1 {
                    cut.push(2 + i);
                }
                stride.saturating_sub(1)
            }
        };
        more.push(unreached);
    }
    let op = Op::ConvTranspose {
        strides: m.strides.clone(),
        dilations: m.dilations.clone(),
        padding: symmetric(&m.pads),
        output_padding: more,
        output_shape: Vec::new(),
        groups: m.groups,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    let mut out = c.b.one(op, &[grad, w])?;
    for axis in cut {
        let n = c.dim(x, axis)?;
        out = range_of(c, out, axis, Size::Known(0), n, 1)?;
    }
    Ok(out)
}

fn symmetric(pads: &[usize]) -> Padding {
    Padding::Explicit(pads.iter().map(|&p| (p, p)).collect())
}

/// The convolution of the gradient; an `output_padding` of a stride or more gives it windows that no input had.
fn by_transposed_input(c: &mut Call<'_>, m: &Moves, grad: ValueId, x: ValueId, w: ValueId) -> Result<ValueId> {
    let op = Op::Conv {
        strides: m.strides.clone(),
        dilations: m.dilations.clone(),
        padding: symmetric(&m.pads),
        groups: m.groups,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::OutInSpatial,
    };
    let mut out = c.b.one(op, &[grad, w])?;
    let more = c.per_axis("output_padding", m.strides.len())?;
    for (i, (more, &stride)) in more.into_iter().zip(&m.strides).enumerate() {
        if more >= stride {
            let n = c.dim(x, 2 + i)?;
            out = range_of(c, out, 2 + i, Size::Known(0), n, 1)?;
        }
    }
    Ok(out)
}

/// `wide` [N, G·A, I…] convolved by `narrow` [N, B, O…], which are the examples of one kernel each: the batch is what is
/// summed over, so it is the channels, and strides and dilations change places. Of a group, and an example, there is one
/// channel: [A, G·N, I…] by [B, N, O…] in G groups is [A, B, K…].
fn by_weight(c: &mut Call<'_>, m: &Moves, wide: ValueId, narrow: ValueId, w: ValueId) -> Result<ValueId> {
    let rank = c.rank(w);
    let channels = c.known_dim(wide, 1)?;
    if channels % m.groups != 0 {
        return Err(c.bad("groups", "a divisor of the channels"));
    }
    let spatial = 2..rank;
    let images = if m.groups == 1 {
        c.b.transpose(wide, &swapped(rank))?
    } else {
        let each = (channels / m.groups) as i64;
        let sizes: Vec<Size> = c.dims(wide)?.into_iter().skip(2).collect();
        let (n, groups) = (c.dim(wide, 0)?, m.groups as i64);
        let apart: Vec<Size> =
            [n, Size::Known(groups), Size::Known(each)].into_iter().chain(sizes.iter().copied()).collect();
        let apart = c.reshape_keeping(wide, &apart, 1)?;
        let perm: Vec<usize> = [2, 1, 0].into_iter().chain(3..=rank).collect();
        let apart = c.b.transpose(apart, &perm)?;
        let merged: Vec<Size> = match n {
            Size::Known(n) => vec![Size::Known(each), Size::Known(n.saturating_mul(groups))],
            Size::Value(_) => vec![Size::Known(each), Size::Known(-1)],
        };
        let merged: Vec<Size> = merged.into_iter().chain(sizes).collect();
        c.reshape(apart, &merged)?
    };
    let kernels = c.b.transpose(narrow, &swapped(rank))?;
    let op = Op::Conv {
        strides: m.dilations.clone(),
        dilations: m.strides.clone(),
        padding: symmetric(&m.pads),
        groups: m.groups,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::OutInSpatial,
    };
    let mut out = c.b.one(op, &[images, kernels])?;
    // Elements that no window reached would be more weights.
    for axis in spatial {
        let n = c.dim(w, axis)?;
        out = range_of(c, out, axis, Size::Known(0), n, 1)?;
    }
    c.b.transpose(out, &swapped(rank))
}

/// Batch and channels change places.
fn swapped(rank: usize) -> Vec<usize> {
    [1, 0].into_iter().chain(2..rank).collect()
}
