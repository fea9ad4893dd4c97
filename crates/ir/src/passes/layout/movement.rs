//! Ops that move, cut or view whole axes.

use super::super::axes;
use super::forms::{Ctx, Form, Forms, Operand};
use super::reduce::left;
use crate::{Dim, Op, Tensor, TensorType};

/// The channels-first form.
pub(super) fn first(c: Ctx<'_>) -> Option<Form> {
    let rank = c.rank(0);
    if let Op::Unsqueeze { axes } = &c.node.op {
        return unsqueeze(c, axes);
    }
    if rank < 3 {
        return None;
    }
    match &c.node.op {
        Op::Slice => slice(c, rank),
        Op::Pad { .. } => {
            let pads = c.ints(1)?;
            let (before, after) = pads.split_at_checked(rank)?;
            let order = axes::first(rank);
            vector(c, &[axes::ordered(before, &order), axes::ordered(after, &order)].concat())
        }
        Op::Tile => vector(c, &axes::ordered(&c.ints(1)?, &axes::first(rank))),
        Op::Expand => {
            let shape = c.ints(1)?;
            (shape.len() == rank).then_some(())?;
            vector(c, &axes::ordered(&shape, &axes::first(rank)))
        }
        Op::Gather { axis } => gather(c, rank, axes::normal(*axis, rank)?),
        Op::Squeeze { axes } => squeeze(c, rank, axes),
        Op::Shape { start, end } => shape(c, rank, *start, *end),
        Op::Size => Some(Form::new(Op::Size, vec![Operand::First], vec![false])),
        _ => None,
    }
}

/// Channels first, with another vector as operand 1.
fn vector(c: Ctx<'_>, values: &[i64]) -> Option<Form> {
    Some(Form::first(c.node.op.clone(), c).with(1, Operand::Replace(Tensor::ints(values))))
}

fn slice(c: Ctx<'_>, rank: usize) -> Option<Form> {
    let list = match c.has(3) {
        true => c.ints(3)?.iter().map(|&a| axes::normal(a, rank)).collect::<Option<Vec<_>>>()?,
        false => (0..c.ty(1)?.elements()?.min(rank)).collect(),
    };
    let moved: Vec<i64> = list.iter().map(|&a| axes::moved(a, rank) as i64).collect();
    let mut form = Form::first(c.node.op.clone(), c);
    form.inputs.resize(form.inputs.len().max(4), Operand::Keep);
    Some(form.with(3, Operand::Replace(Tensor::ints(&moved))))
}

fn gather(c: Ctx<'_>, rank: usize, axis: usize) -> Option<Form> {
    let landed = match c.rank(1) {
        0 => axes::landing(&left(rank, &[axis]))?,
        1 => true,
        _ => return None,
    };
    let op = Op::Gather { axis: axes::moved(axis, rank) as i64 };
    Some(Form::new(op, vec![Operand::First, Operand::Keep], vec![landed]))
}

fn squeeze(c: Ctx<'_>, rank: usize, list: &[i64]) -> Option<Form> {
    let list: Vec<usize> = list.iter().map(|&a| axes::normal(a, rank)).collect::<Option<_>>()?;
    let landed = axes::landing(&left(rank, &list))?;
    let mut moved: Vec<i64> = list.iter().map(|&a| axes::moved(a, rank) as i64).collect();
    moved.sort_unstable();
    let op = Op::Squeeze { axes: moved };
    Some(Form::new(op, vec![Operand::First], vec![landed])).filter(|_| c.node.outputs.len() == 1)
}

fn unsqueeze(c: Ctx<'_>, list: &[i64]) -> Option<Form> {
    let rank = c.result()?.rank();
    let list: Vec<usize> = list.iter().map(|&a| axes::normal(a, rank)).collect::<Option<_>>()?;
    if rank < 3 || c.constant(0).is_some() {
        return None;
    }
    let operand = if axes::landing(&left(rank, &list))? { Operand::First } else { Operand::Keep };
    let mut moved: Vec<i64> = list.iter().map(|&a| axes::moved(a, rank) as i64).collect();
    moved.sort_unstable();
    Some(Form::new(Op::Unsqueeze { axes: moved }, vec![operand], vec![true]))
}

/// One dimension is asked for at its new place; several are picked from all.
fn shape(c: Ctx<'_>, rank: usize, start: i64, end: Option<i64>) -> Option<Form> {
    let at = |v: i64| (if v < 0 { v.saturating_add(rank as i64) } else { v }).clamp(0, rank as i64) as usize;
    let moved: Vec<i64> = (at(start)..end.map_or(rank, at)).map(|a| axes::moved(a, rank) as i64).collect();
    let form = |start, end| Form::new(Op::Shape { start, end }, vec![Operand::First], vec![false]);
    if let &[axis] = moved.as_slice() {
        return Some(form(axis, Some(axis + 1)));
    }
    let mut all = form(0, None);
    all.then = Some(Box::new((Op::Gather { axis: 0 }, Tensor::ints(&moved))));
    Some(all).filter(|_| c.node.outputs.len() == 1)
}

/// Whether the layout of a value is only a matter of its dimensions' names, because its elements stay where they are.
pub(super) fn moves_freely(ty: &TensorType) -> bool {
    ty.rank() >= 3 && axes::moves_nothing(&ty.shape, &axes::first(ty.rank()))
}

/// A reshape or flatten.
pub(super) fn view(c: Ctx<'_>) -> Forms {
    let kept = || Forms::Kept(Form::kept(c));
    let (Some(x), Some(y)) = (c.ty(0), c.result()) else { return kept() };
    let (input, output) = (moves_freely(x), moves_freely(y));
    let sides = |may: bool| if may { vec![false, true] } else { vec![false] };
    let possible = sides(input).iter().all(|&i| sides(output).iter().all(|&o| view_target(x, y, i, o).is_some()));
    if (input || output) && possible {
        return Forms::Sides { input, output };
    }
    match regrouped(x, y) {
        Some(target) => {
            let inputs = vec![Operand::First, Operand::Replace(Tensor::ints(&target))];
            let form = Form::new(Op::Reshape { allow_zero: false }, inputs, vec![true]);
            Forms::Either(Form::kept(c), form)
        }
        None => kept(),
    }
}

/// The dimensions of a value in a layout.
pub(super) fn shape_in(ty: &TensorType, first: bool) -> Vec<Dim> {
    if first { axes::ordered(&ty.shape, &axes::first(ty.rank())) } else { ty.shape.clone() }
}

/// The reshape target between two layouts.
pub(super) fn view_target(x: &TensorType, y: &TensorType, x_first: bool, y_first: bool) -> Option<Vec<i64>> {
    axes::target(&shape_in(x, x_first), &shape_in(y, y_first))
}

/// Batch and channels stay, spatial axes are regrouped: the same holds channels-first.
fn regrouped(x: &TensorType, y: &TensorType) -> Option<Vec<i64>> {
    let ends = |t: &TensorType| Some((t.shape.first()?.clone(), t.shape.last()?.clone()));
    let ((n, c), (m, d)) = (ends(x)?, ends(y)?);
    let same = n.same(&m) && c.known().is_some() && c == d;
    if x.rank() < 3 || y.rank() < 3 || !same {
        return None;
    }
    view_target(x, y, true, true)
}
