//! Keras 3 operations that move, join, cut and index (keras/src/ops/{numpy,core}.py, 3.15).
//!
//! Owns: shapes, concatenation, gathering, padding, products of matrices. Must never know: how arguments stand in the
//! file.

use super::call::{Call, tensor_index};
use super::operations::x as operand;
use super::operations_args::{self as args, Rules};
use super::operations_core::{self as core, Pieces};
use super::operations_index;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Dim, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Reshape", reshape),
    row("Ravel", |c| {
        let x = operand(c)?;
        core::ravel(c.b, x)
    }),
    row("Transpose", transpose),
    row("Swapaxes", swapaxes),
    row("Moveaxis", moveaxis),
    row("ExpandDims", |c| {
        let (x, axes) = (operand(c)?, c.ints("axis")?);
        c.b.unsqueeze(x, &axes)
    }),
    row("Squeeze", squeeze),
    row("BroadcastTo", broadcast_to),
    row("Flip", |c| {
        let (x, axes) = (operand(c)?, c.opt_ints("axis")?);
        core::flip(c.b, x, axes.as_deref())
    }),
    row("Roll", roll),
    row("Repeat", repeat),
    row("Tile", tile),
    row("Concatenate", |c| {
        let (parts, axis) = (list(c)?, c.int_or("axis", 0)?);
        c.b.concat(&parts, axis)
    }),
    row("Append", append),
    row("Stack", |c| {
        let (parts, axis) = (list(c)?, c.int_or("axis", 0)?);
        core::stack(c.b, &parts, axis)
    }),
    row("Hstack", |c| {
        let parts = list(c)?;
        let axis = i64::from(parts.first().is_none_or(|&p| c.b.rank(p) > 1));
        c.b.concat(&parts, axis)
    }),
    row("Vstack", |c| {
        let mut parts = list(c)?;
        for p in &mut parts {
            if c.b.rank(*p) == 1 {
                *p = c.b.unsqueeze(*p, &[0])?;
            }
        }
        c.b.concat(&parts, 0)
    }),
    row_many("Split", split),
    row_many("Unstack", |c| {
        let (x, axis) = (operand(c)?, c.int_or("axis", 0)?);
        core::unstack(c.b, x, axis)
    }),
    row("GetItem", get_item),
    row("Slice", slice),
    row("Take", take),
    row("TakeAlongAxis", take_along_axis),
    row("Pad", pad),
    row("Tril", |c| triangle(c, false)),
    row("Triu", |c| triangle(c, true)),
    row("Matmul", matmul),
    row("Dot", dot),
    row("Einsum", einsum),
];

fn reshape(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let target = args::plain(c, 1, "newshape").or_else(|| args::plain(c, 1, "shape")).cloned();
    let target = target.ok_or_else(|| c.missing_argument("newshape", "a shape"))?;
    let shape = args::shape(c, &target)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[x, shape])
}

fn transpose(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let perm = match c.opt_ints("axes")? {
        Some(axes) => c.axes_of("axes", &axes, rank)?,
        None => (0..rank).rev().collect(),
    };
    c.b.transpose(x, &perm)
}

fn swapaxes(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let (i, j) = (c.axis_of("axis1", c.int("axis1")?, rank)?, c.axis_of("axis2", c.int("axis2")?, rank)?);
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(i, j);
    c.b.transpose(x, &perm)
}

fn moveaxis(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let from = c.axes_of("source", &c.ints("source")?, rank)?;
    let to = c.axes_of("destination", &c.ints("destination")?, rank)?;
    let mut perm: Vec<usize> = (0..rank).filter(|a| !from.contains(a)).collect();
    let mut moves: Vec<(usize, usize)> = to.into_iter().zip(from).collect();
    moves.sort_unstable();
    for (to, from) in moves {
        perm.insert(to.min(perm.len()), from);
    }
    c.b.transpose(x, &perm)
}

fn squeeze(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let axes = match c.opt_ints("axis")? {
        Some(axes) => axes,
        None => {
            let ones = c.b.shape(x).iter().enumerate().filter(|(_, d)| **d == Dim::Known(1));
            ones.map(|(i, _)| i as i64).collect()
        }
    };
    if axes.is_empty() { Ok(x) } else { c.b.squeeze(x, &axes) }
}

fn broadcast_to(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let target = args::plain(c, 1, "shape").cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let shape = args::shape(c, &target)?;
    c.b.one(Op::Expand, &[x, shape])
}

fn roll(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let shifts = c.ints("shift")?;
    let Some(axes) = c.opt_ints("axis")? else {
        let shape = c.b.one(Op::Shape { start: 0, end: None }, &[x])?;
        let flat = core::ravel(c.b, x)?;
        let rolled = core::roll(c.b, flat, shifts.iter().fold(0, |a: i64, s| a.saturating_add(*s)), 0)?;
        return c.b.one(Op::Reshape { allow_zero: false }, &[rolled, shape]);
    };
    let mut y = x;
    for (i, &axis) in axes.iter().enumerate() {
        let shift = shifts.get(i).or(shifts.first()).copied().unwrap_or(0);
        y = core::roll(c.b, y, shift, axis)?;
    }
    Ok(y)
}

fn repeat(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let repeats = c.ints("repeats")?;
    let (x, axis) = match c.opt_int("axis")? {
        Some(axis) => (x, axis),
        None => (core::ravel(c.b, x)?, 0),
    };
    if let &[n] = repeats.as_slice() {
        return core::repeat(c.b, x, n, axis);
    }
    // Each element has its own count: that is a gather.
    let total = repeats.iter().fold(0i64, |a, n| a.saturating_add((*n).max(0)));
    if total > 1 << 20 {
        return Err(c.bad_argument("repeats", "at most a million elements", &total.to_string()));
    }
    let at: Vec<i64> = repeats.iter().enumerate().flat_map(|(i, &n)| vec![i as i64; n.max(0) as usize]).collect();
    let at = c.b.ints(&at);
    c.b.one(Op::Gather { axis }, &[x, at])
}

fn tile(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = operand(c)?;
    let mut repeats = c.ints("repeats")?;
    let rank = c.b.rank(x);
    if repeats.len() < rank {
        repeats.splice(0..0, vec![1; rank - repeats.len()]);
    }
    if repeats.len() > rank {
        let axes: Vec<i64> = (0..(repeats.len() - rank) as i64).collect();
        x = c.b.unsqueeze(x, &axes)?;
    }
    let repeats = c.b.ints(&repeats);
    c.b.one(Op::Tile, &[x, repeats])
}

/// The tensors of a list argument, in one type.
pub(super) fn list(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let first = c.arg(0, "xs").or_else(|| c.arg(0, "x")).or_else(|| c.arg(0, "arrays")).cloned();
    let mut parts = Vec::new();
    match first {
        Some(Attr::List(items)) => {
            for item in &items {
                parts.push(args::read(c, item)?);
            }
        }
        _ => parts.extend(c.values().into_iter().map(args::Arg::Value)),
    }
    args::promote(c.b, &parts, Rules::Keras, None)
}

fn append(c: &mut Call<'_>) -> Result<ValueId> {
    let both = [args::get(c, 0, "x1")?, args::get(c, 1, "x2")?];
    let parts = args::promote(c.b, &both, Rules::Keras, None)?;
    if let Some(axis) = c.opt_int("axis")? {
        return c.b.concat(&parts, axis);
    }
    let mut flat = Vec::with_capacity(2);
    for p in parts {
        flat.push(core::ravel(c.b, p)?);
    }
    c.b.concat(&flat, 0)
}

fn split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = c.int_or("axis", 0)?;
    split_along(c, axis)
}

/// The pieces that `indices_or_sections` asks for.
pub(super) fn split_along(c: &mut Call<'_>, axis: i64) -> Result<Vec<ValueId>> {
    let x = operand(c)?;
    let pieces = match c.op.attr("indices_or_sections") {
        Some(Attr::List(_)) => Pieces::Before(c.ints("indices_or_sections")?),
        _ => Pieces::Equal(c.int("indices_or_sections")?),
    };
    core::split(c.b, x, pieces, axis).map_err(|d| d.at_node(c.b.scope()))
}

fn get_item(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let key = c.op.attr("@args").and_then(Attr::as_list).and_then(|l| l.get(1));
    let key = key.or_else(|| c.op.attr("@kwargs").and_then(Attr::as_map).and_then(|m| m.get("key"))).cloned();
    operations_index::get_item(c, x, &key.unwrap_or(Attr::None))
}

/// `ops.slice(inputs, start_indices, shape)`.
fn slice(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "inputs")?;
    let starts = args::plain(c, 1, "start_indices").cloned();
    let starts = starts.ok_or_else(|| c.missing_argument("start_indices", "integers"))?;
    let sizes = args::plain(c, 2, "shape").cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let (starts, sizes) = (args::shape(c, &starts)?, args::shape(c, &sizes)?);
    let ends = c.b.binary(modelport_ir::core::BinaryOp::Add, starts, sizes)?;
    c.b.one(Op::Slice, &[x, starts, ends])
}

/// Indices as i64 unless they are i32 already.
fn indices(c: &mut Call<'_>, position: usize, name: &str) -> Result<ValueId> {
    let at = args::value(c, position, name)?;
    if matches!(c.b.dtype(at), DType::I32 | DType::I64) { Ok(at) } else { c.b.cast(at, DType::I64) }
}

fn take(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let at = indices(c, 1, "indices")?;
    match c.opt_int("axis")? {
        Some(axis) => c.b.one(Op::Gather { axis }, &[x, at]),
        None => {
            let flat = core::ravel(c.b, x)?;
            c.b.one(Op::Gather { axis: 0 }, &[flat, at])
        }
    }
}

fn take_along_axis(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let at = indices(c, 1, "indices")?;
    match c.opt_int("axis")? {
        Some(axis) => c.b.one(Op::GatherElements { axis }, &[x, at]),
        None => {
            let (flat, at) = (core::ravel(c.b, x)?, core::ravel(c.b, at)?);
            c.b.one(Op::GatherElements { axis: 0 }, &[flat, at])
        }
    }
}

/// (before, after) of every axis: one number, one pair, or a pair an axis.
pub(super) fn pad_widths(attr: &Attr, rank: usize) -> Option<Vec<(i64, i64)>> {
    let pair = |a: &Attr| match a.as_ints()?.as_slice() {
        [n] => Some((*n, *n)),
        [x, y] => Some((*x, *y)),
        _ => None,
    };
    if let Some(n) = attr.as_int() {
        return Some(vec![(n, n); rank]);
    }
    if let Some(both) = pair(attr) {
        return Some(vec![both; rank]);
    }
    let pairs: Vec<_> = attr.as_list()?.iter().map(pair).collect::<Option<_>>()?;
    match pairs.as_slice() {
        &[one] => Some(vec![one; rank]),
        all => (all.len() == rank).then(|| all.to_vec()),
    }
}

fn pad(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let widths = args::plain(c, 1, "pad_width").and_then(|a| pad_widths(a, rank));
    let widths = widths.ok_or_else(|| c.missing_argument("pad_width", "a pair of integers for every axis"))?;
    let value = args::plain(c, usize::MAX, "constant_values").and_then(Attr::as_float).unwrap_or(0.0);
    let mode = c.str_or("mode", "constant")?.to_owned();
    core::pad(c.b, x, &widths, &mode, value).map_err(|d| d.at_node(c.b.scope()))
}

fn triangle(c: &mut Call<'_>, upper: bool) -> Result<ValueId> {
    let (x, k) = (operand(c)?, c.int_or("k", 0)?);
    let k = c.b.constant("", modelport_ir::Tensor::int_scalar(k));
    c.b.one(Op::Trilu { upper }, &[x, k])
}

/// Both arguments in one type.
fn both(c: &mut Call<'_>) -> Result<[ValueId; 2]> {
    let given = [args::get(c, 0, "x1")?, args::get(c, 1, "x2")?];
    match args::promote(c.b, &given, Rules::Keras, None)?.as_slice() {
        &[x, y] => Ok([x, y]),
        _ => Err(c.missing_argument("x2", "a tensor")),
    }
}

fn matmul(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = both(c)?;
    core::matmul(c.b, x, y)
}

fn dot(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = both(c)?;
    match (c.b.rank(x), c.b.rank(y)) {
        (0, _) | (_, 0) => c.b.binary(modelport_ir::core::BinaryOp::Mul, x, y),
        (_, 1 | 2) => core::matmul(c.b, x, y),
        _ => Err(c.unsupported("a dot product with more than 2 dimensions on the right has no lowering")),
    }
}

fn einsum(c: &mut Call<'_>) -> Result<ValueId> {
    let from_config = c.op.attr("subscripts").and_then(Attr::as_str).map(str::to_owned);
    let list = c.op.attr("@args").and_then(Attr::as_list).unwrap_or_default().to_vec();
    let spelled = list.iter().find_map(Attr::as_str).map(str::to_owned);
    let equation = from_config.or(spelled).ok_or_else(|| c.missing_argument("subscripts", "an equation"))?;
    let mut operands = Vec::new();
    for a in list.iter().filter(|a| tensor_index(a).is_some() || matches!(a, Attr::Map(_) | Attr::List(_))) {
        operands.push(args::read(c, a)?);
    }
    let operands = args::promote(c.b, &operands, Rules::Keras, None)?;
    core::einsum(c.b, &equation, &operands).map_err(|d| d.at_node(c.b.scope()))
}
