//! Convolutions and pools of any spatial rank.

use super::context::{Ctx, Out, one};
use crate::core::{DataLayout, KernelLayout, Padding};
use crate::{DType, Dim, TensorType};
use modelport_diag::Result;

/// How a window moves over the spatial axes.
pub(super) struct Moves<'a> {
    pub(super) strides: &'a [usize],
    pub(super) dilations: &'a [usize],
    pub(super) padding: &'a Padding,
    pub(super) ceil: bool,
}

impl Moves<'_> {
    fn check(&self, c: Ctx<'_>, spatial: usize) -> Result<()> {
        let per_axis = |v: &[usize]| v.len() == spatial && v.iter().all(|&n| n > 0);
        c.require(per_axis(self.strides), || format!("strides {:?} must be {spatial} positive numbers", self.strides))?;
        c.require(per_axis(self.dilations), || {
            format!("dilations {:?} must be {spatial} positive numbers", self.dilations)
        })?;
        let pads = match self.padding {
            Padding::Explicit(p) => p.len() == spatial,
            _ => true,
        };
        c.require(pads, || format!("padding must have {spatial} pairs"))
    }

    /// The size of output axis `i` for input `dim` and a window of `window` elements.
    fn output(&self, c: Ctx<'_>, i: usize, dim: &Dim, window: Option<usize>) -> Result<Dim> {
        let stride = self.strides[i];
        let Padding::Explicit(pads) = self.padding else {
            return Ok(match dim {
                Dim::Known(n) => Dim::Known(n.div_ceil(stride)),
                _ if stride == 1 => dim.clone(),
                _ => Dim::Unknown,
            });
        };
        let Some(extent) = window.map(|w| extent(w, self.dilations[i])) else { return Ok(Dim::Unknown) };
        let (before, after) = pads[i];
        let pad = before.saturating_add(after);
        let Dim::Known(n) = dim else {
            let unchanged = stride == 1 && pad == extent - 1;
            return Ok(if unchanged { dim.clone() } else { Dim::Unknown });
        };
        let padded = n.saturating_add(pad);
        c.require(padded >= extent, || {
            format!("a window of {extent} does not fit {padded} elements on spatial axis {i}")
        })?;
        let mut out = if self.ceil { (padded - extent).div_ceil(stride) } else { (padded - extent) / stride } + 1;
        // The last window must start inside the input or its left padding (torch, ONNX).
        if self.ceil && (out - 1).saturating_mul(stride) >= n.saturating_add(before) {
            out -= 1;
        }
        Ok(Dim::Known(out))
    }
}

fn extent(window: usize, dilation: usize) -> usize {
    window.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

fn scaled(dim: &Dim, by: usize) -> Dim {
    match dim {
        Dim::Known(n) => n.checked_mul(by).map_or(Dim::Unknown, Dim::Known),
        _ if by == 1 => dim.clone(),
        _ => Dim::Unknown,
    }
}

/// Operands x, w, b? of a (transposed) convolution, checked; the number of spatial axes.
fn operands<'a>(c: Ctx<'a>, groups: usize) -> Result<(&'a TensorType, &'a TensorType, usize)> {
    c.arity(2, 3)?;
    let x = c.numeric(0)?;
    c.same_dtype(1, x.dtype)?;
    c.require(x.rank() >= 2, || format!("operand 0 must have batch and channel axes, has type {x}"))?;
    let w = c.rank(1, x.rank())?;
    c.require(groups > 0, || "groups must be positive".to_owned())?;
    Ok((x, w, x.rank() - 2))
}

pub(super) fn conv(c: Ctx<'_>, m: &Moves<'_>, groups: usize, data: DataLayout, kernel: KernelLayout) -> Out {
    let (x, w, spatial) = operands(c, groups)?;
    m.check(c, spatial)?;
    let axes = kernel.axes(x.rank());
    let channel = data.channel_axis(x.rank());
    c.equal(
        &x.shape[channel],
        &scaled(&w.shape[axes.in_axis], groups),
        "input channels and kernel input channels × groups",
    )?;
    let out = w.shape[axes.out_axis].clone();
    if let Dim::Known(n) = out {
        c.require(n % groups == 0, || format!("{n} output channels do not divide into {groups} groups"))?;
    }
    if c.opt(2).is_some() {
        c.vector_of(2, &out)?;
    }
    let mut shape = x.shape.clone();
    for (i, axis) in data.spatial_axes(x.rank()).enumerate() {
        shape[axis] = m.output(c, i, &x.shape[axis], w.shape[axes.spatial + i].known())?;
    }
    shape[channel] = out;
    one(x.dtype, shape)
}

/// What only transposed convolutions have.
pub(super) struct Transposed<'a> {
    pub(super) output_padding: &'a [usize],
    pub(super) output_shape: &'a [usize],
}

pub(super) fn transposed(
    c: Ctx<'_>,
    m: &Moves<'_>,
    t: &Transposed<'_>,
    groups: usize,
    (data, kernel): (DataLayout, KernelLayout),
) -> Out {
    let (x, w, spatial) = operands(c, groups)?;
    m.check(c, spatial)?;
    let fits = |v: &[usize]| v.is_empty() || v.len() == spatial;
    c.require(fits(t.output_padding) && fits(t.output_shape), || {
        format!("output_padding and output_shape must have {spatial} numbers")
    })?;
    let axes = kernel.axes(x.rank());
    let channel = data.channel_axis(x.rank());
    c.equal(&x.shape[channel], &w.shape[axes.in_axis], "input channels and kernel input channels")?;
    let out = scaled(&w.shape[axes.out_axis], groups);
    if c.opt(2).is_some() {
        c.vector_of(2, &out)?;
    }
    let mut shape = x.shape.clone();
    for (i, axis) in data.spatial_axes(x.rank()).enumerate() {
        shape[axis] = match t.output_shape.get(i) {
            Some(&n) => Dim::Known(n),
            None => grown(c, m, t, i, &x.shape[axis], w.shape[axes.spatial + i].known())?,
        };
    }
    shape[channel] = out;
    one(x.dtype, shape)
}

/// The size of output axis `i` of a transposed convolution.
fn grown(c: Ctx<'_>, m: &Moves<'_>, t: &Transposed<'_>, i: usize, dim: &Dim, window: Option<usize>) -> Result<Dim> {
    let stride = m.strides[i];
    let Padding::Explicit(pads) = m.padding else { return Ok(scaled(dim, stride)) };
    let Some(extent) = window.map(|w| extent(w, m.dilations[i])) else { return Ok(Dim::Unknown) };
    let pad = pads[i].0.saturating_add(pads[i].1);
    let more = (extent - 1).saturating_add(t.output_padding.get(i).copied().unwrap_or(0));
    match dim {
        Dim::Known(n) => {
            let full = n.saturating_sub(1).saturating_mul(stride).saturating_add(1).saturating_add(more);
            c.require(full >= pad, || format!("padding {pad} is larger than the output on spatial axis {i}"))?;
            Ok(Dim::Known(full - pad))
        }
        _ => Ok(if stride == 1 && more == pad { dim.clone() } else { Dim::Unknown }),
    }
}

pub(super) fn pool(c: Ctx<'_>, m: &Moves<'_>, window: &[usize], data: DataLayout) -> Out {
    c.arity(1, 1)?;
    let x = c.numeric(0)?;
    c.require(x.rank() >= 2, || format!("operand 0 must have batch and channel axes, has type {x}"))?;
    let spatial = x.rank() - 2;
    m.check(c, spatial)?;
    c.require(window.len() == spatial && window.iter().all(|&n| n > 0), || {
        format!("window {window:?} must be {spatial} positive numbers")
    })?;
    let mut shape = x.shape.clone();
    for (i, axis) in data.spatial_axes(x.rank()).enumerate() {
        shape[axis] = m.output(c, i, &x.shape[axis], Some(window[i]))?;
    }
    one(x.dtype, shape)
}

pub(super) fn pool_with_index(c: Ctx<'_>, m: &Moves<'_>, window: &[usize]) -> Out {
    let mut out = pool(c, m, window, DataLayout::ChannelsFirst)?;
    if let Some(shape) = out.first().map(|t| t.shape.clone()) {
        out.push(TensorType::new(DType::I64, shape));
    }
    Ok(out)
}
