//! Joining, repeating, rolling, turning; triangles.

use super::call::Call;
use super::pieces::range_of;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::cat", cat),
    row("aten::stack", stack),
    row("aten::hstack", |c| stacked(c, 1)),
    row("aten::vstack", |c| stacked(c, 0)),
    row("aten::dstack", |c| stacked(c, 2)),
    row("aten::repeat", repeat),
    row("aten::tile", tile),
    row("aten::repeat_interleave", repeat_interleave),
    row("aten::roll", roll),
    row("aten::flip", flip),
    row("aten::fliplr", |c| flip_axis(c, 1)),
    row("aten::flipud", |c| flip_axis(c, 0)),
    row("aten::rot90", rot90),
    row("aten::tril", |c| triangle(c, false)),
    row("aten::triu", |c| triangle(c, true)),
    row("aten::diag_embed", diag_embed),
    row("aten::diag", diag),
    row("aten::atleast_1d", |c| at_least(c, 1)),
    row("aten::atleast_2d", |c| at_least(c, 2)),
    row("aten::channel_shuffle", channel_shuffle),
    row("aten::pixel_shuffle", pixel_shuffle),
    row("aten::pixel_unshuffle", pixel_unshuffle),
];

/// Tensors in their common dtype. Empty vectors join with anything.
fn cat(c: &mut Call<'_>) -> Result<ValueId> {
    let all = c.tensors("tensors")?;
    let most = all.iter().map(|&t| c.rank(t)).max().unwrap_or(0);
    let empty = |c: &Call<'_>, t: ValueId| c.rank(t) == 1 && most > 1 && c.b.ty(t).elements() == Some(0);
    let kept: Vec<ValueId> = all.iter().copied().filter(|&t| !empty(c, t)).collect();
    let parts = common(c, &kept)?;
    let axis = c.axis("dim", most)? as i64;
    if let [one] = parts.as_slice() {
        return Ok(*one);
    }
    c.b.concat(&parts, axis)
}

fn common(c: &mut Call<'_>, all: &[ValueId]) -> Result<Vec<ValueId>> {
    let dtype = all.iter().map(|&t| c.b.dtype(t)).reduce(super::promote::join).unwrap_or(DType::F32);
    all.iter().map(|&t| c.b.cast(t, dtype)).collect()
}

fn stack(c: &mut Call<'_>) -> Result<ValueId> {
    let all = c.tensors("tensors")?;
    let parts = common(c, &all)?;
    let rank = parts.first().map_or(0, |&t| c.rank(t));
    let axis = c.axis("dim", rank + 1)? as i64;
    let mut tall = Vec::with_capacity(parts.len());
    for p in parts {
        tall.push(c.b.unsqueeze(p, &[axis])?);
    }
    c.b.concat(&tall, axis)
}

/// `x` with at least `n` dimensions (`torch.atleast_nd`).
fn with_rank(c: &mut Call<'_>, x: ValueId, n: usize) -> Result<ValueId> {
    match (c.rank(x), n) {
        (r, n) if r >= n => Ok(x),
        (0, n) => c.b.reshape(x, &vec![1; n]),
        (1, 2) => c.b.unsqueeze(x, &[0]),
        (1, _) => c.b.unsqueeze(x, &[0, 2]),
        (_, _) => c.b.unsqueeze(x, &[2]),
    }
}

fn at_least(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let x = c.tensor("self")?;
    with_rank(c, x, n)
}

fn stacked(c: &mut Call<'_>, axis: usize) -> Result<ValueId> {
    let all = c.tensors("tensors")?;
    let least = match axis {
        1 => 1,
        a => a.max(1) + 1,
    };
    let mut parts = Vec::with_capacity(all.len());
    for t in common(c, &all)? {
        parts.push(with_rank(c, t, least)?);
    }
    let flat = axis == 1 && parts.iter().all(|&t| c.rank(t) == 1);
    c.b.concat(&parts, if flat { 0 } else { axis as i64 })
}

/// New axes come in front.
fn repeat_by(c: &mut Call<'_>, x: ValueId, repeats: &[Size]) -> Result<ValueId> {
    let extra = repeats.len().saturating_sub(c.rank(x));
    let front: Vec<i64> = (0..extra as i64).collect();
    let x = if extra > 0 { c.b.unsqueeze(x, &front)? } else { x };
    if repeats.iter().all(|r| *r == Size::Known(1)) {
        return Ok(x);
    }
    let repeats = c.vector(repeats)?;
    c.b.one(Op::Tile, &[x, repeats])
}

fn repeat(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let repeats = c.sizes("repeats")?;
    repeat_by(c, x, &repeats)
}

fn tile(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let mut repeats = c.sizes("dims")?;
    while repeats.len() < c.rank(x) {
        repeats.insert(0, Size::Known(1));
    }
    repeat_by(c, x, &repeats)
}

/// Each element `n` times along an axis: a new axis behind it, repeated and merged.
fn repeat_interleave(c: &mut Call<'_>) -> Result<ValueId> {
    if c.arg("self").is_none() || c.overload == Some("Tensor") {
        return Err(c.unsupported("the form that gives only indices is not converted"));
    }
    let mut x = c.tensor("self")?;
    if c.arg("dim").is_none() {
        x = c.b.reshape(x, &[-1])?;
    }
    let axis = if c.arg("dim").is_some() { c.axis("dim", c.rank(x))? } else { 0 };
    if let Some(o) = c.arg("repeats").cloned().and_then(|a| c.operand(&a)).filter(|o| c.rank(o.value) > 0) {
        let n = c.b.as_constant(o.value).and_then(|t| t.to_i64s().ok());
        let n = n.ok_or_else(|| c.unsupported("numbers of repeats that are computed at run time are not converted"))?;
        return interleave_each(c, x, axis, &n);
    }
    let n = c.size("repeats")?.unwrap_or(Size::Known(1));
    let mut sizes = c.dims(x)?;
    let wide = c.b.unsqueeze(x, &[axis as i64 + 1])?;
    let mut repeats = vec![Size::Known(1); sizes.len() + 1];
    if let Some(slot) = repeats.get_mut(axis + 1) {
        *slot = n;
    }
    let tiled = repeat_by(c, wide, &repeats)?;
    if let Some(slot) = sizes.get_mut(axis) {
        *slot = match (*slot, n) {
            (Size::Known(a), Size::Known(b)) => Size::Known(a.saturating_mul(b)),
            _ => Size::Known(-1),
        };
    }
    c.reshape_keeping(tiled, &sizes, axis)
}

fn interleave_each(c: &mut Call<'_>, x: ValueId, axis: usize, repeats: &[i64]) -> Result<ValueId> {
    let total = repeats.iter().try_fold(0i64, |a, &n| if n < 0 { None } else { a.checked_add(n) });
    if total.is_none_or(|n| n > 1 << 24) {
        return Err(c.bad("repeats", "numbers that are not negative and not that large"));
    }
    let at: Vec<i64> = repeats.iter().enumerate().flat_map(|(i, &n)| (0..n).map(move |_| i as i64)).collect();
    let at = c.b.ints(&at);
    c.b.one(Op::Gather { axis: axis as i64 }, &[x, at])
}

fn roll(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let shifts = c.ints("shifts")?;
    let dims = c.opt_ints("dims")?.unwrap_or_default();
    if dims.is_empty() {
        let shape = c.shape(x)?;
        let flat = c.b.reshape(x, &[-1])?;
        let shift = shifts.first().copied().unwrap_or(0);
        let out = roll_axis(c, flat, 0, shift)?;
        return c.b.one(Op::Reshape { allow_zero: false }, &[out, shape]);
    }
    let mut out = x;
    for (&shift, &dim) in shifts.iter().zip(&dims) {
        let axis = c.axis_of(dim, c.rank(x))?;
        out = roll_axis(c, out, axis, shift)?;
    }
    Ok(out)
}

fn roll_axis(c: &mut Call<'_>, x: ValueId, axis: usize, shift: i64) -> Result<ValueId> {
    let shift = match c.b.shape(x).get(axis).and_then(modelport_ir::Dim::known) {
        Some(0) => return Ok(x),
        Some(n) => shift.rem_euclid(n as i64),
        None => shift,
    };
    if shift == 0 {
        return Ok(x);
    }
    let last = range_of(c, x, axis, Size::Known(-shift), Size::Known(i64::MAX), 1)?;
    let first = range_of(c, x, axis, Size::Known(0), Size::Known(-shift), 1)?;
    c.b.concat(&[last, first], axis as i64)
}

pub(super) fn flipped(c: &mut Call<'_>, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    c.b.flipped(x, &axes)
}

fn flip(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axes: Vec<usize> = c.ints("dims")?.into_iter().map(|d| c.axis_of(d, c.rank(x))).collect::<Result<_>>()?;
    if c.rank(x) == 0 { Ok(x) } else { flipped(c, x, &axes) }
}

fn flip_axis(c: &mut Call<'_>, axis: usize) -> Result<ValueId> {
    let x = c.tensor("self")?;
    flipped(c, x, &[axis])
}

fn rot90(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dims: Vec<usize> = c.ints("dims")?.into_iter().map(|d| c.axis_of(d, c.rank(x))).collect::<Result<_>>()?;
    let &[a, b] = dims.as_slice() else { return Err(c.bad("dims", "two dimensions")) };
    c.b.turned(x, c.int("k")?, [a, b])
}

fn triangle(c: &mut Call<'_>, upper: bool) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let k = c.opt_int("diagonal")?.unwrap_or(0);
    let dtype = c.b.dtype(x);
    // ONNX Runtime has no triangles of truth values.
    let numbers = if dtype == DType::Bool { c.b.cast(x, DType::I64)? } else { x };
    let k = c.b.constant("", modelport_ir::Tensor::int_scalar(k));
    let out = c.b.one(Op::Trilu { upper }, &[numbers, k])?;
    c.b.cast(out, dtype)
}

fn diag_of(c: &mut Call<'_>, x: ValueId, offset: i64) -> Result<ValueId> {
    let n = c.known_dim(x, c.rank(x).saturating_sub(1))?;
    let out = c.b.diagonal_matrix(x, n, offset)?;
    out.ok_or_else(|| c.unsupported("a diagonal of that size is not converted"))
}

fn diag_embed(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let offset = c.opt_int("offset")?.unwrap_or(0);
    let out = diag_of(c, x, offset)?;
    let rank = c.rank(out);
    let (a, b) = (c.axis("dim1", rank)?, c.axis("dim2", rank)?);
    if (a, b) != (rank - 2, rank - 1) {
        return Err(c.unsupported("a diagonal in other than the last two dimensions is not converted"));
    }
    Ok(out)
}

fn diag(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let offset = c.opt_int("diagonal")?.unwrap_or(0);
    if c.rank(x) == 1 {
        return diag_of(c, x, offset);
    }
    let (rows, columns) = (c.known_dim(x, 0)? as i64, c.known_dim(x, 1)? as i64);
    let (row, column) = (offset.saturating_neg().max(0), offset.max(0));
    let n = (rows - row).min(columns - column).max(0);
    let at: Vec<i64> = (0..n).map(|i| (row + i) * columns + column + i).collect();
    let at = c.b.ints(&at);
    let flat = c.b.reshape(x, &[-1])?;
    c.b.one(Op::Gather { axis: 0 }, &[flat, at])
}

/// Channels in `groups` groups, dealt out one by one.
fn channel_shuffle(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let groups = c.count("groups")?.max(1);
    let channels = c.known_dim(x, 1)?;
    let rank = c.rank(x);
    let mut sizes = c.dims(x)?;
    let whole = sizes.clone();
    sizes.splice(1..2, [Size::Known(groups as i64), Size::Known((channels / groups) as i64)]);
    let split = c.reshape_keeping(x, &sizes, 1)?;
    let perm: Vec<usize> = [0, 2, 1].into_iter().chain(3..rank + 1).collect();
    let dealt = c.b.transpose(split, &perm)?;
    c.reshape(dealt, &whole)
}

/// Leading dimensions as one, and back.
fn images(c: &mut Call<'_>, x: ValueId) -> Result<(ValueId, Vec<Size>)> {
    let sizes = c.dims(x)?;
    let front = sizes.len().checked_sub(3).ok_or_else(|| c.bad("self", "at least three dimensions"))?;
    if front == 1 {
        return Ok((x, sizes));
    }
    let mut merged = vec![Size::Known(-1)];
    merged.extend(sizes.iter().skip(front));
    Ok((c.reshape(x, &merged)?, sizes))
}

fn unmerged(c: &mut Call<'_>, x: ValueId, before: &[Size]) -> Result<ValueId> {
    if before.len() == 4 {
        return Ok(x);
    }
    let mut sizes: Vec<Size> = before.iter().take(before.len().saturating_sub(3)).copied().collect();
    for axis in 1..4 {
        sizes.push(c.dim(x, axis)?);
    }
    c.reshape(x, &sizes)
}

fn pixel_shuffle(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let block = c.count("upscale_factor")?;
    let (x, sizes) = images(c, x)?;
    let mode = modelport_ir::core::DepthToSpaceMode::Crd;
    let data = modelport_ir::core::DataLayout::ChannelsFirst;
    let out = c.b.one(Op::DepthToSpace { block, mode, data }, &[x])?;
    unmerged(c, out, &sizes)
}

/// ONNX's space-to-depth puts the block first; PyTorch the channel.
fn pixel_unshuffle(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let block = c.count("downscale_factor")?.max(1);
    let (x, sizes) = images(c, x)?;
    let channels = c.known_dim(x, 1)? as i64;
    let (h, w) = (c.known_dim(x, 2)? / block, c.known_dim(x, 3)? / block);
    let (h, w, k) = (h as i64, w as i64, block as i64);
    let split = c.b.reshape(x, &[-1, channels, h, k, w, k])?;
    let moved = c.b.transpose(split, &[0, 1, 3, 5, 2, 4])?;
    let out = c.b.reshape(moved, &[-1, channels * k * k, h, w])?;
    unmerged(c, out, &sizes)
}
