//! Elements by index: picking, scattering, masks, embeddings.

use super::call::Call;
use super::pointwise::truth;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::index", index),
    row("aten::index_put", index_put),
    row("aten::index_select", index_select),
    row("aten::gather", gather),
    row("aten::take_along_dim", take_along_dim),
    row("aten::take", take),
    row("aten::masked_fill", masked_fill),
    row("aten::masked_select", masked_select),
    row("aten::masked_scatter", masked_scatter),
    row("aten::nonzero", nonzero),
    row_many("aten::nonzero_numpy", nonzero_numpy),
    row("aten::embedding", embedding),
];

/// The index tensors with their axes; a mask stands for the places where it is true.
fn indices(c: &mut Call<'_>, rank: usize) -> Result<Vec<(usize, ValueId)>> {
    let mut axis = 0;
    let mut out = Vec::new();
    for given in c.opt_tensors("indices")? {
        let Some(at) = given else {
            axis += 1;
            continue;
        };
        if !matches!(c.b.dtype(at), DType::Bool | DType::U8) {
            out.push((axis, c.b.cast(at, DType::I64)?));
            axis += 1;
            continue;
        }
        let at = truth(c, at)?;
        let dims = c.rank(at);
        let places = c.b.one(Op::NonZero, &[at])?;
        for i in 0..dims {
            let row = c.b.slice_axis(places, 0, i as i64, i as i64 + 1, 1)?;
            out.push((axis + i, c.b.squeeze(row, &[0])?));
        }
        axis += dims;
    }
    if axis > rank { Err(c.bad("indices", "not more indices than dimensions")) } else { Ok(out) }
}

/// Index tensors broadcast against each other, as tuples in a last axis.
fn tuples(c: &mut Call<'_>, at: &[ValueId]) -> Result<ValueId> {
    let most = at.iter().map(|&a| c.rank(a)).max().unwrap_or(0);
    let mut sum = None;
    if at.len() > 1 {
        // The common shape is that of a sum.
        for &a in at {
            let zero = c.b.scalar(DType::I64, 0.0);
            let nothing = c.binary(BinaryOp::Mul, a, zero)?;
            sum = Some(match sum {
                None => nothing,
                Some(s) => c.binary(BinaryOp::Add, s, nothing)?,
            });
        }
    }
    let same = at.iter().all(|&a| at.first().is_some_and(|&f| c.b.shape(a) == c.b.shape(f)))
        && at.first().is_some_and(|&f| c.b.shape(f).iter().all(|d| d.known().is_some()));
    let shape = match (sum, same) {
        (Some(sum), false) => Some(c.shape(sum)?),
        _ => None,
    };
    let mut parts = Vec::with_capacity(at.len());
    for &a in at {
        let a = match shape {
            Some(shape) => c.b.one(Op::Expand, &[a, shape])?,
            None => a,
        };
        parts.push(c.b.unsqueeze(a, &[most as i64])?);
    }
    c.b.concat(&parts, most as i64)
}

/// `x` with the indexed axes in front; and that order of axes.
fn indexed_first(c: &mut Call<'_>, x: ValueId, axes: &[usize]) -> Result<(ValueId, Vec<usize>)> {
    let perm: Vec<usize> = axes.iter().copied().chain((0..c.rank(x)).filter(|a| !axes.contains(a))).collect();
    Ok((c.b.transpose(x, &perm)?, perm))
}

/// Advanced indexing: adjacent indices leave their result where they stood, others put it in front.
fn index(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let given = indices(c, c.rank(x))?;
    match given.as_slice() {
        [] => return Ok(x),
        &[(axis, at)] => return c.b.one(Op::Gather { axis: axis as i64 }, &[x, at]),
        _ => {}
    }
    let axes: Vec<usize> = given.iter().map(|(a, _)| *a).collect();
    let first = axes.first().copied().unwrap_or(0);
    let adjacent = axes.iter().enumerate().all(|(i, &a)| a == first + i);
    let (moved, _) = indexed_first(c, x, &axes)?;
    let at: Vec<ValueId> = given.iter().map(|(_, v)| *v).collect();
    let wide = at.iter().map(|&a| c.rank(a)).max().unwrap_or(0);
    let tuples = tuples(c, &at)?;
    let out = c.b.one(Op::GatherNd { batch_dims: 0 }, &[moved, tuples])?;
    if !adjacent || first == 0 {
        return Ok(out);
    }
    // The axes before the indices move back in front of what they picked.
    let rank = c.rank(out);
    let perm: Vec<usize> = (wide..wide + first).chain(0..wide).chain(wide + first..rank).collect();
    c.b.transpose(out, &perm)
}

fn index_put(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let values = c.tensor("values")?;
    let values = c.b.cast(values, c.b.dtype(x))?;
    let accumulate = c.flag("accumulate")?;
    let masks = c.opt_tensors("indices")?;
    // One mask and one value: a choice.
    if let [Some(mask)] = masks.as_slice()
        && c.b.dtype(*mask) == DType::Bool
        && c.b.ty(values).elements() == Some(1)
        && !accumulate
    {
        return fill_mask(c, x, *mask, values);
    }
    let given = indices(c, c.rank(x))?;
    let axes: Vec<usize> = given.iter().map(|(a, _)| *a).collect();
    let first = axes.first().copied().unwrap_or(0);
    let adjacent = axes.iter().enumerate().all(|(i, &a)| a == first + i);
    let (moved, perm) = indexed_first(c, x, &axes)?;
    let at: Vec<ValueId> = given.iter().map(|(_, v)| *v).collect();
    let wide = at.iter().map(|&a| c.rank(a)).max().unwrap_or(0);
    let tuples = tuples(c, &at)?;
    // What the indices pick has this shape; the values broadcast to it.
    let picked = c.b.one(Op::GatherNd { batch_dims: 0 }, &[moved, tuples])?;
    let rank = c.rank(picked);
    let values = if adjacent && first > 0 && c.rank(values) > 1 {
        let back: Vec<i64> = (0..rank.saturating_sub(c.rank(values)) as i64).collect();
        let values = if back.is_empty() { values } else { c.b.unsqueeze(values, &back)? };
        let perm: Vec<usize> = (first..first + wide).chain(0..first).chain(first + wide..rank).collect();
        c.b.transpose(values, &perm)?
    } else {
        values
    };
    let shape = c.shape(picked)?;
    let values = c.b.one(Op::Expand, &[values, shape])?;
    let reduction = if accumulate { ScatterReduction::Add } else { ScatterReduction::None };
    let out = c.b.one(Op::ScatterNd { reduction }, &[moved, tuples, values])?;
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        if let Some(slot) = inverse.get_mut(p) {
            *slot = i;
        }
    }
    c.b.transpose(out, &inverse)
}

fn index_select(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    if c.rank(x) == 0 {
        return Ok(x);
    }
    let axis = c.axis("dim", c.rank(x))? as i64;
    let at = if c.rank(at) == 0 { c.b.reshape(at, &[1])? } else { at };
    c.b.one(Op::Gather { axis }, &[x, at])
}

fn gather(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    if c.rank(x) == 0 {
        return Ok(x);
    }
    let axis = c.axis("dim", c.rank(x))? as i64;
    c.b.one(Op::GatherElements { axis }, &[x, at])
}

fn take_along_dim(c: &mut Call<'_>) -> Result<ValueId> {
    let (mut x, mut at) = (c.tensor("self")?, c.tensor("indices")?);
    if c.arg("dim").is_none() {
        (x, at) = (c.b.reshape(x, &[-1])?, c.b.reshape(at, &[-1])?);
        return c.b.one(Op::GatherElements { axis: 0 }, &[x, at]);
    }
    let axis = c.axis("dim", c.rank(x))?;
    // Operand and indices broadcast against each other on all other axes.
    for i in (0..c.rank(x)).filter(|&i| i != axis) {
        let (a, b) = (c.dim(x, i)?, c.dim(at, i)?);
        if a != b && a != Size::Known(1) {
            at = widened(c, at, i, a)?;
        } else if a != b {
            x = widened(c, x, i, b)?;
        }
    }
    c.b.one(Op::GatherElements { axis: axis as i64 }, &[x, at])
}

fn widened(c: &mut Call<'_>, x: ValueId, axis: usize, to: Size) -> Result<ValueId> {
    let mut sizes = vec![Size::Known(1); c.rank(x)];
    if let Some(slot) = sizes.get_mut(axis) {
        *slot = to;
    }
    c.expand(x, &sizes)
}

fn take(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    let x = c.b.reshape(x, &[-1])?;
    c.b.one(Op::Gather { axis: 0 }, &[x, at])
}

fn fill_mask(c: &mut Call<'_>, x: ValueId, mask: ValueId, value: ValueId) -> Result<ValueId> {
    let value = c.b.cast(value, c.b.dtype(x))?;
    let value = if c.rank(value) == 0 { value } else { c.b.reshape(value, &[])? };
    let mask = truth(c, mask)?;
    // A mask over leading dimensions holds for all that follow.
    let missing = c.rank(x).saturating_sub(c.rank(mask));
    let leading = c.name == "aten::index_put" && missing > 0;
    let mask = if leading {
        let rank = c.rank(mask) as i64;
        c.b.unsqueeze(mask, &(rank..rank + missing as i64).collect::<Vec<_>>())?
    } else {
        mask
    };
    c.choose(mask, value, x)
}

fn masked_fill(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, mask, value) = (c.tensor("self")?, c.tensor("mask")?, c.tensor("value")?);
    fill_mask(c, x, mask, value)
}

fn masked_select(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, mask) = (c.tensor("self")?, c.tensor("mask")?);
    let mask = truth(c, mask)?;
    let shape = c.shape(x)?;
    let mask = c.b.one(Op::Expand, &[mask, shape])?;
    let shape = c.shape(mask)?;
    let x = c.b.one(Op::Expand, &[x, shape])?;
    let (x, mask) = (c.b.reshape(x, &[-1])?, c.b.reshape(mask, &[-1])?);
    c.b.one(Op::Compress { axis: Some(0) }, &[x, mask])
}

/// True places take the source's elements in order.
fn masked_scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, mask, source) = (c.tensor("self")?, c.tensor("mask")?, c.tensor("source")?);
    let mask = truth(c, mask)?;
    let shape = c.shape(x)?;
    let mask = c.b.one(Op::Expand, &[mask, shape])?;
    let source = c.b.cast(source, c.b.dtype(x))?;
    let source = c.b.reshape(source, &[-1])?;
    let flat = c.b.reshape(mask, &[-1])?;
    let count = c.b.cast(flat, DType::I64)?;
    let at = c.b.one(Op::CumSum { axis: 0, exclusive: true, reverse: false }, &[count])?;
    let size = c.b.one(Op::Size, &[source])?;
    let last = c.with(BinaryOp::Sub, size, 1.0)?;
    let at = c.binary(BinaryOp::Min, at, last)?;
    let picked = c.b.one(Op::Gather { axis: 0 }, &[source, at])?;
    let shape = c.shape(mask)?;
    let picked = c.b.one(Op::Reshape { allow_zero: false }, &[picked, shape])?;
    c.choose(mask, picked, x)
}

fn nonzero(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = if c.rank(x) == 0 { c.b.reshape(x, &[1])? } else { x };
    let places = c.b.one(Op::NonZero, &[x])?;
    c.b.transpose(places, &[1, 0])
}

fn nonzero_numpy(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let rank = c.rank(x).max(1);
    let x = if c.rank(x) == 0 { c.b.reshape(x, &[1])? } else { x };
    let places = c.b.one(Op::NonZero, &[x])?;
    let mut out = Vec::with_capacity(rank);
    for i in 0..rank as i64 {
        let row = c.b.slice_axis(places, 0, i, i + 1, 1)?;
        out.push(c.b.squeeze(row, &[0])?);
    }
    Ok(out)
}

fn embedding(c: &mut Call<'_>) -> Result<ValueId> {
    let (weight, at) = (c.tensor("weight")?, c.tensor("indices")?);
    c.b.one(Op::Gather { axis: 0 }, &[weight, at])
}
