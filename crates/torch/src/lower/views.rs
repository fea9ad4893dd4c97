//! Ops whose results share memory with their operand: reshaping and axes.

use super::call::Call;
use super::numbers::contiguous;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::ReduceKind;
use modelport_ir::{Dim, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::alias", same).view(),
    row("aten::detach", same).view(),
    row("aten::contiguous", same).view(),
    row("aten::lift_fresh", same).view(),
    row("aten::lift", same).view(),
    row("aten::positive", same).view(),
    row("aten::resolve_neg", same).view(),
    row("aten::requires_grad", same).view(),
    row("aten::view", view).view(),
    row("aten::reshape", reshape).view(),
    row("aten::view_as", view_as).view(),
    row("aten::reshape_as", view_as).view(),
    row("aten::flatten", flatten).view(),
    row("aten::ravel", ravel).view(),
    row("aten::unflatten", unflatten).view(),
    row("aten::squeeze", squeeze).view(),
    row("aten::unsqueeze", unsqueeze).view(),
    row("aten::permute", permute).view(),
    row("aten::transpose", transpose).view(),
    row("aten::t", t).view(),
    row("aten::numpy_T", numpy_t).view(),
    row("aten::adjoint", matrix_t).view(),
    row("aten::mT", matrix_t).view(),
    row("aten::movedim", movedim).view(),
    row("aten::expand", expand).view(),
    row("aten::expand_as", expand_as).view(),
    row("aten::broadcast_to", broadcast_to).view(),
    row("aten::as_strided", as_strided).view(),
    row("aten::resize", resize).view(),
];

fn same(c: &mut Call<'_>) -> Result<ValueId> {
    c.tensor("self")
}

fn view(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if c.arg("dtype").is_some() {
        let to = c.opt_dtype("dtype")?;
        let same = to == Some(c.b.dtype(x));
        return if same { Ok(x) } else { Err(c.unsupported("bits are seen as another dtype")) };
    }
    let sizes = c.sizes("size")?;
    c.reshape(x, &sizes)
}

fn reshape(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let sizes = c.sizes(if c.arg("shape").is_some() { "shape" } else { "size" })?;
    c.reshape(x, &sizes)
}

fn view_as(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, other) = (c.tensor("self")?, c.tensor("other")?);
    let sizes = c.dims(other)?;
    c.reshape(x, &sizes)
}

fn flatten(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let rank = c.rank(x);
    if rank == 0 {
        return c.b.reshape(x, &[1]);
    }
    let (start, end) = (c.axis("start_dim", rank)?, c.axis("end_dim", rank)?);
    if start > end {
        return Err(c.bad("end_dim", "a dimension not before start_dim"));
    }
    if start == end {
        return Ok(x);
    }
    let mut sizes = c.dims(x)?;
    let joined: Option<i64> = sizes.iter().take(end + 1).skip(start).try_fold(1i64, |a, s| match s {
        Size::Known(n) => a.checked_mul(*n),
        Size::Value(_) => None,
    });
    sizes.splice(start..=end, [Size::Known(joined.unwrap_or(-1))]);
    c.reshape_keeping(x, &sizes, start)
}

fn ravel(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.b.reshape(x, &[-1])
}

fn unflatten(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let pieces = c.sizes("sizes")?;
    let mut sizes = c.dims(x)?;
    let resolved = resolve(c, x, axis, pieces);
    sizes.splice(axis..=axis, resolved);
    c.reshape_keeping(x, &sizes, axis)
}

/// A −1 among the pieces of a known dimension is a number.
fn resolve(c: &Call<'_>, x: ValueId, axis: usize, mut pieces: Vec<Size>) -> Vec<Size> {
    let total = c.b.shape(x).get(axis).and_then(Dim::known);
    let rest = pieces.iter().filter(|s| **s != Size::Known(-1)).try_fold(1i64, |a, s| match s {
        Size::Known(n) => a.checked_mul(*n),
        Size::Value(_) => None,
    });
    if let (Some(total), Some(rest)) = (total, rest.filter(|r| *r > 0)) {
        for s in pieces.iter_mut().filter(|s| **s == Size::Known(-1)) {
            *s = Size::Known(total as i64 / rest);
        }
    }
    pieces
}

fn squeeze(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let rank = c.rank(x);
    let one = |d: &Dim| d.known() == Some(1);
    let dims = if c.arg("dim").is_some() { c.ints("dim")? } else { (0..rank as i64).collect() };
    let mut axes = Vec::new();
    for d in dims {
        let axis = c.axis_of(d, rank)?;
        if c.b.shape(x).get(axis).is_some_and(one) && !axes.contains(&(axis as i64)) {
            axes.push(axis as i64);
        }
    }
    if axes.is_empty() { Ok(x) } else { c.b.squeeze(x, &axes) }
}

fn unsqueeze(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x) + 1)?;
    c.b.unsqueeze(x, &[axis as i64])
}

/// Axis i of the result is axis `perm[i]` of the operand.
pub(super) fn permutation(c: &Call<'_>, x: ValueId) -> Result<Vec<usize>> {
    let rank = c.rank(x);
    let mut perm: Vec<usize> = (0..rank).collect();
    match c.name.trim_start_matches("aten::") {
        "permute" => return c.ints("dims")?.into_iter().map(|d| c.axis_of(d, rank)).collect(),
        "transpose" if rank > 0 => {
            let name = |a: &'static str, b: &'static str| if c.arg(a).is_some() { a } else { b };
            let (a, b) = (c.axis(name("dim0", "axis0"), rank)?, c.axis(name("dim1", "axis1"), rank)?);
            perm.swap(a, b);
        }
        "numpy_T" => perm.reverse(),
        "movedim" => return moved(c, rank),
        // A vector and a scalar have no other axis.
        "t" | "mT" | "adjoint" if rank >= 2 => perm.swap(rank - 1, rank - 2),
        _ => {}
    }
    Ok(perm)
}

fn moved(c: &Call<'_>, rank: usize) -> Result<Vec<usize>> {
    let axes = |name: &str| c.ints(name)?.into_iter().map(|d| c.axis_of(d, rank)).collect::<Result<Vec<_>>>();
    let (from, to) = (axes("source")?, axes("destination")?);
    let mut perm = vec![None; rank];
    for (&f, &t) in from.iter().zip(&to) {
        if let Some(slot) = perm.get_mut(t) {
            *slot = Some(f);
        }
    }
    let mut rest = (0..rank).filter(|a| !from.contains(a));
    Ok(perm.into_iter().map(|p| p.or_else(|| rest.next()).unwrap_or(0)).collect())
}

fn permute(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let perm = permutation(c, x)?;
    c.b.transpose(x, &perm)
}

fn transpose(c: &mut Call<'_>) -> Result<ValueId> {
    permute(c)
}

fn t(c: &mut Call<'_>) -> Result<ValueId> {
    permute(c)
}

fn numpy_t(c: &mut Call<'_>) -> Result<ValueId> {
    permute(c)
}

fn matrix_t(c: &mut Call<'_>) -> Result<ValueId> {
    permute(c)
}

fn movedim(c: &mut Call<'_>) -> Result<ValueId> {
    permute(c)
}

fn expand(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let sizes = c.sizes("size")?;
    c.expand_if_needed(x, &sizes)
}

fn broadcast_to(c: &mut Call<'_>) -> Result<ValueId> {
    expand(c)
}

fn expand_as(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, other) = (c.tensor("self")?, c.tensor("other")?);
    if c.b.shape(x) == c.b.shape(other) && !c.b.shape(x).contains(&Dim::Unknown) {
        return Ok(x);
    }
    let shape = c.shape(other)?;
    c.b.one(Op::Expand, &[x, shape])
}

/// The first elements in another shape. More than there are would show memory that nothing was written to.
fn resize(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let sizes = c.sizes("size")?;
    let known = sizes.iter().try_fold(1i64, |n, s| if let Size::Known(k) = s { n.checked_mul(*k) } else { None });
    let known = known.and_then(|n| usize::try_from(n).ok());
    match (known, c.b.ty(x).elements()) {
        (Some(n), Some(there)) if n > there => {
            let diagnostic = c.unsupported("makes a tensor larger, whose new elements have no values");
            let diagnostic = diagnostic.expected(format!("at most {there} elements")).found(n.to_string());
            return Err(diagnostic.help("say what they are: torch.cat with torch.zeros, or F.pad"));
        }
        (Some(n), Some(there)) if n == there => return c.reshape(x, &sizes),
        _ => {}
    }
    let x = contiguous(c)?;
    let wanted = c.vector(&sizes)?;
    let count = c.b.reduce(ReduceKind::Prod, wanted, &[0], true)?;
    let flat = c.b.reshape(x, &[-1])?;
    let [zero, one] = [0, 1].map(|v| c.b.ints(&[v]));
    let first = c.b.one(Op::Slice, &[flat, zero, count, zero, one])?;
    c.b.one(Op::Reshape { allow_zero: known == Some(0) }, &[first, wanted])
}

/// Only strides that are those of a contiguous tensor are known to mean a reshape.
fn as_strided(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (sizes, strides) = (c.ints("size")?, c.ints("stride")?);
    let offset = c.opt_int("storage_offset")?.unwrap_or(0);
    let mut want = 1i64;
    let mut fits = offset == 0 && sizes.len() == strides.len();
    for (&n, &s) in sizes.iter().zip(&strides).rev() {
        fits &= n == 1 || s == want;
        want = want.saturating_mul(n);
    }
    if !fits || c.b.ty(x).elements() != usize::try_from(want).ok() {
        return Err(c.unsupported("only a contiguous view of the whole tensor is converted"));
    }
    let sizes: Vec<Size> = sizes.into_iter().map(Size::Known).collect();
    c.reshape(x, &sizes)
}
