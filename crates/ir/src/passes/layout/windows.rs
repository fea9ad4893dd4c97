//! Convolutions and resampling.

use super::super::axes;
use super::forms::{Ctx, Form, Forms, Operand, either};
use crate::core::{DataLayout, KernelLayout};
use crate::{Op, Tensor};

/// `Conv` and `ConvTranspose`: data and kernel.
pub(super) fn convolution(c: Ctx<'_>) -> Forms {
    let mut op = c.node.op.clone();
    let (data, kernel, want) = match &mut op {
        Op::Conv { data, kernel, .. } => (data, kernel, KernelLayout::OutInSpatial),
        Op::ConvTranspose { data, kernel, .. } => (data, kernel, KernelLayout::InOutSpatial),
        _ => return Forms::Kept(Form::kept(c)),
    };
    let last = std::mem::replace(data, DataLayout::ChannelsFirst) == DataLayout::ChannelsLast;
    let perm = kernel_order(std::mem::replace(kernel, want), want, c.rank(1));
    let weights = relaid(c, 1, &perm);
    if last && c.rank(0) >= 3 {
        Forms::First(Form::first(op, c).with(1, weights))
    } else {
        Forms::Kept(Form { op: Box::new(op), ..Form::kept(c) }.with(1, weights))
    }
}

/// The axes of a kernel in layout `from` in the order of layout `to`.
fn kernel_order(from: KernelLayout, to: KernelLayout, rank: usize) -> Vec<usize> {
    let (from, to) = (from.axes(rank), to.axes(rank));
    let mut perm: Vec<usize> = (0..rank).collect();
    let spatial = (0..rank.saturating_sub(2)).map(|i| (to.spatial + i, from.spatial + i));
    for (at, axis) in spatial.chain([(to.out_axis, from.out_axis), (to.in_axis, from.in_axis)]) {
        if let Some(p) = perm.get_mut(at) {
            *p = axis;
        }
    }
    perm
}

/// Operand `i` with its axes in another order: a recipe on a constant.
fn relaid(c: Ctx<'_>, i: usize, perm: &[usize]) -> Operand {
    if axes::landing(perm) == Some(false) && perm.iter().enumerate().all(|(i, &p)| i == p) {
        return Operand::Keep;
    }
    match c.constant(i).and_then(|t| t.permute(perm).ok()) {
        Some(t) => Operand::Replace(t),
        None => Operand::Permute(perm.to_vec()),
    }
}

/// Bound to channels-first when it resamples the spatial axes of a channels-last value.
pub(super) fn resize(c: Ctx<'_>) -> Forms {
    let rank = c.rank(0);
    let Some((form, sampled)) = resized(c, rank) else { return Forms::Kept(Form::kept(c)) };
    let spatial = sampled.iter().all(|a| (1..rank.saturating_sub(1)).contains(a)) && sampled.contains(&1);
    if spatial { Forms::First(form) } else { either(c, Some(form)) }
}

/// The channels-first form, and the axes that are really resampled.
fn resized(c: Ctx<'_>, rank: usize) -> Option<(Form, Vec<usize>)> {
    if rank < 3 {
        return None;
    }
    let mut op = c.node.op.clone();
    let Op::Resize { axes: list, .. } = &mut op else { return None };
    let sources = axes::normal_or_all(list, rank)?;
    // In the order of the new axes, so that writers that want all of them find them sorted.
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|&i| sources.get(i).map(|&a| axes::moved(a, rank)));
    let all = list.is_empty();
    *list = axes::ordered(&sources, &order).iter().map(|&a| axes::moved(a, rank) as i64).collect();
    if all {
        list.clear();
    }
    let mut form = Form::first(op, c);
    for i in [1, 2] {
        if let Some(t) = c.constant(i) {
            form = form.with(i, Operand::Replace(reordered(t, &order)?));
        } else if c.has(i) && order.windows(2).any(|w| w.first() > w.last()) {
            return None;
        }
    }
    let sampled = sources.iter().enumerate().filter(|(i, a)| !unchanged(c, *i, **a)).map(|(_, a)| *a).collect();
    Some((form, sampled))
}

/// A small vector with its elements in another order.
fn reordered(t: &Tensor, order: &[usize]) -> Option<Tensor> {
    let values = axes::ordered(&t.to_f64s().ok()?, order);
    Tensor::from_f64s(t.dtype(), t.shape(), &values).ok()
}

/// Whether an axis keeps its size.
fn unchanged(c: Ctx<'_>, i: usize, axis: usize) -> bool {
    let number = |k: usize| c.constant(k).and_then(|t| t.to_f64s().ok()?.get(i).copied());
    let dims = c.ty(0).zip(c.result()).and_then(|(x, y)| Some(x.shape.get(axis)?.same(y.shape.get(axis)?)));
    number(1) == Some(1.0) || (c.has(2) && dims == Some(true))
}
