//! Pads before convolutions and pools become their padding.

use super::super::net::Net;
use super::bounds;
use crate::core::{DataLayout, PadMode, Padding, PoolKind};
use crate::{Dim, NodeId, Op, ValueId};

/// A pad of spatial axes with one number.
struct Pads {
    x: ValueId,
    value: f64,
    /// Before and after each spatial axis.
    spatial: Vec<(usize, usize)>,
}

/// Merges a pad into the window that reads it.
pub(super) fn pads(net: &mut Net, id: NodeId) -> bool {
    let Some((op, x)) = merged(net, id) else { return false };
    let mut inputs = net.node(id).inputs.clone();
    if let Some(first) = inputs.first_mut() {
        *first = Some(x);
    }
    net.set(id, op, inputs);
    true
}

fn merged(net: &Net, id: NodeId) -> Option<(Op, ValueId)> {
    let mut op = net.node(id).op.clone();
    let x = match &mut op {
        Op::Conv { strides, dilations, padding, data, kernel, .. } => {
            let before = pad_before(net, id, *data)?;
            let w = net.ty(net.input(id, 1)?);
            let first = kernel.axes(w.rank()).spatial;
            let windows = w.shape.get(first..first + before.spatial.len())?;
            let windows: Vec<usize> = windows.iter().map(Dim::known).collect::<Option<_>>()?;
            let own = resolved(net, id, *data, padding, [&windows, strides, dilations])?;
            (before.value == 0.0).then_some(())?;
            *padding = Padding::Explicit(sum(&own, &before.spatial));
            before.x
        }
        Op::Pool { kind, window, strides, dilations, padding, ceil_mode: false, count_include_pad, data } => {
            let before = pad_before(net, id, *data)?;
            let own = resolved(net, id, *data, padding, [window, strides, dilations])?;
            let none = own.iter().all(|p| *p == (0, 0));
            // Every window must see at least one real element, and targets demand it.
            let small = before.spatial.iter().zip(window.iter()).all(|(p, w)| p.0 < *w && p.1 < *w);
            let exact = match kind {
                PoolKind::Max => before.value <= 0.0 && bounds::not_negative(net, before.x) || lowest(net, &before),
                PoolKind::Average => before.value == 0.0,
                PoolKind::L2 => false,
            };
            (none && small && exact).then_some(())?;
            *padding = Padding::Explicit(before.spatial);
            *count_include_pad = *kind == PoolKind::Average;
            before.x
        }
        _ => return None,
    };
    Some((op, x))
}

/// Whether the pad's number is never larger than a real one.
fn lowest(net: &Net, pads: &Pads) -> bool {
    net.ty(pads.x).dtype.is_float() && pads.value == f64::NEG_INFINITY
}

fn sum(a: &[(usize, usize)], b: &[(usize, usize)]) -> Vec<(usize, usize)> {
    a.iter().zip(b).map(|(p, q)| (p.0.saturating_add(q.0), p.1.saturating_add(q.1))).collect()
}

/// The pad that makes operand 0, when it pads spatial axes only.
fn pad_before(net: &Net, id: NodeId, data: DataLayout) -> Option<Pads> {
    let pad = net.maker(net.input(id, 0)?)?;
    if !matches!(net.node(pad).op, Op::Pad { mode: PadMode::Constant }) {
        return None;
    }
    let x = net.input(pad, 0)?;
    let value = match net.input(pad, 2) {
        Some(_) => net.number(pad, 2)?,
        None => 0.0,
    };
    let rank = net.ty(x).rank();
    let pads: Vec<usize> = net.ints(pad, 1)?.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<_>>()?;
    let (before, after) = pads.split_at_checked(rank)?;
    let both: Vec<(usize, usize)> = before.iter().copied().zip(after.iter().copied()).collect();
    let axes = data.spatial_axes(rank);
    let others = both.iter().enumerate().filter(|(i, _)| !axes.contains(i));
    others.into_iter().all(|(_, p)| *p == (0, 0)).then_some(())?;
    Some(Pads { x, value, spatial: both.get(axes)?.to_vec() })
}

/// The window's own padding as numbers; a symbolic one needs sizes that are known.
fn resolved(
    net: &Net,
    id: NodeId,
    data: DataLayout,
    padding: &Padding,
    [window, strides, dilations]: [&[usize]; 3],
) -> Option<Vec<(usize, usize)>> {
    if let Padding::Explicit(pads) = padding {
        return Some(pads.clone());
    }
    let ty = net.ty(net.input(id, 0)?);
    let sizes = ty.shape.get(data.spatial_axes(ty.rank()))?;
    let rows = sizes.iter().zip(window).zip(strides.iter().zip(dilations)).enumerate();
    rows.map(|(i, ((size, &w), (&s, &d)))| {
        let extent = w.saturating_sub(1).saturating_mul(d).saturating_add(1);
        Some(padding.resolve(i, size.known()?, extent, s))
    })
    .collect()
}
