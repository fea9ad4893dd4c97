//! Gradients of pools.
//!
//! Semantics: `aten/src/ATen/native/{AveragePool2d,AdaptiveAveragePooling}.cpp` and `cpu/{AvgPoolKernel,MaxPoolKernel}.cpp` of
//! PyTorch 2.15. Averages are linear and of one axis at a time, so the gradient is a product with a matrix for each axis;
//! a maximum's gradient goes where the maximum was.

use super::{first_axis, spread, zeros};
use crate::lower::call::Call;
use crate::lower::pool::{Window, bounds, window};
use crate::lower::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction};
use modelport_ir::{Dim, Op, ValueId};

pub(in super::super) const ROWS: &[Row] = &[
    row("aten::avg_pool2d_backward", |c| average(c, 2)),
    row("aten::avg_pool3d_backward", |c| average(c, 3)),
    row("aten::_adaptive_avg_pool2d_backward", |c| adaptive(c, 2)),
    row("aten::_adaptive_avg_pool3d_backward", |c| adaptive(c, 3)),
    row("aten::max_pool2d_with_indices_backward", |c| windows_of_maxima(c, 2)),
    row("aten::max_pool3d_with_indices_backward", |c| windows_of_maxima(c, 3)),
    row("aten::adaptive_max_pool2d_backward", |c| to_places(c, 2, ScatterReduction::Add)),
    row("aten::adaptive_max_pool3d_backward", |c| to_places(c, 3, ScatterReduction::Add)),
];

fn average(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let first = first_axis(c, x, spatial)?;
    let Window { window, strides, pads, .. } = window(c, spatial)?;
    let divisor = c.opt_number("divisor_override")?;
    let counts_pads = c.flag("count_include_pad")?;
    let mut out = grad;
    for (axis, ((&size, &stride), &pad)) in (first..).zip(window.iter().zip(&strides).zip(&pads)) {
        let n = c.known_dim(x, axis)?;
        // In elements of the padded axis; past the padding at the end nothing counts.
        out = spread(c, out, axis, n, |i, row| {
            let from = i.saturating_mul(stride);
            let padded = from.saturating_add(size).min(n.saturating_add(pad.saturating_mul(2)));
            let (start, end) = (from.saturating_sub(pad), padded.saturating_sub(pad).min(n));
            let count = if counts_pads { padded.saturating_sub(from) } else { end.saturating_sub(start) };
            fill(row, start, end, if divisor.is_some() { 1.0 } else { 1.0 / count.max(1) as f64 });
        })?;
    }
    match divisor {
        Some(d) => c.with(BinaryOp::Div, out, d),
        None => Ok(out),
    }
}

fn adaptive(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let first = first_axis(c, x, spatial)?;
    let single = |d: &Dim| d.known() == Some(1);
    if c.rank(grad) == c.rank(x) && c.b.shape(grad).iter().skip(first).all(single) {
        return evenly(c, grad, x, first);
    }
    let mut out = grad;
    for axis in first..first + spatial {
        let (n, windows) = (c.known_dim(x, axis)?, c.known_dim(grad, axis)?);
        out = spread(c, out, axis, n, |i, row| {
            let (start, end) = bounds(i, n, windows);
            fill(row, start, end, 1.0 / (end - start).max(1) as f64);
        })?;
    }
    Ok(out)
}

fn fill(row: &mut [f64], start: usize, end: usize, value: f64) {
    row.iter_mut().take(end).skip(start).for_each(|w| *w = value);
}

/// The mean of a whole plane, whatever its size: every element has the same part in it.
fn evenly(c: &mut Call<'_>, grad: ValueId, x: ValueId, first: usize) -> Result<ValueId> {
    let shape = c.shape(x)?;
    let plane = c.b.one(Op::Shape { start: first as i64, end: None }, &[x])?;
    let count = c.b.reduce(modelport_ir::core::ReduceKind::Prod, plane, &[0], false)?;
    let count = c.b.cast(count, c.b.dtype(grad))?;
    let each = c.binary(BinaryOp::Div, grad, count)?;
    c.b.one(Op::Expand, &[each, shape])
}

/// Windows that do not overlap have no maximum in common.
fn windows_of_maxima(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let Window { window, strides, .. } = window(c, spatial)?;
    let dilations = c.per_axis("dilation", spatial)?;
    let apart = window
        .iter()
        .zip(&strides)
        .zip(&dilations)
        .all(|((&size, &stride), &dilation)| size.saturating_sub(1).saturating_mul(dilation) < stride);
    to_places(c, spatial, if apart { ScatterReduction::None } else { ScatterReduction::Add })
}

/// Places are counted within one channel's plane.
fn to_places(c: &mut Call<'_>, spatial: usize, reduction: ScatterReduction) -> Result<ValueId> {
    let (grad, x, at) = (c.tensor("grad_output")?, c.tensor("self")?, c.tensor("indices")?);
    let first = first_axis(c, x, spatial)?;
    let flat: Vec<i64> = (0..first).map(|_| 0).chain([-1]).collect();
    let planes = c.b.reshape(x, &flat)?;
    let planes = c.shape(planes)?;
    let planes = zeros(c, grad, planes)?;
    let (grad, at) = (c.b.reshape(grad, &flat)?, c.b.reshape(at, &flat)?);
    let out = c.b.one(Op::ScatterElements { axis: first as i64, reduction }, &[planes, at, grad])?;
    let shape = c.dims(x)?;
    c.reshape_keeping(out, &shape, first)
}
