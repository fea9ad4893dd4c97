//! Writing through views: the viewed value with something new where the view shows it.

use super::call::Call;
use super::pieces::{diagonal_places, narrow_arguments, piece_sizes, range_of, slice_arguments, windows};
use super::scatter::spread_index;
use super::sizes::Size;
use super::views::permutation;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::ScatterReduction;
use modelport_ir::{Dim, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::select_scatter", select_scatter),
    row("aten::slice_scatter", slice_scatter),
    row("aten::diagonal_scatter", diagonal_scatter),
    row("aten::select_backward", |c| {
        let (x, grad) = zeros(c)?;
        select_into(c, x, grad)
    }),
    row("aten::slice_backward", |c| {
        let (x, grad) = zeros(c)?;
        slice_into(c, x, grad)
    }),
    row("aten::unfold_backward", unfold_backward),
    row("aten::diagonal_backward", |c| {
        let (x, grad) = zeros(c)?;
        put_diagonal(c, x, grad)
    }),
];

/// The value that was viewed by this call, with `new` written where result `index` shows it.
pub(super) fn write_through(c: &mut Call<'_>, index: usize, from: ValueId, new: ValueId) -> Result<ValueId> {
    match c.name.trim_start_matches("aten::") {
        "alias" | "detach" | "contiguous" | "lift_fresh" | "lift" | "positive" | "resolve_conj" | "resolve_neg"
        | "requires_grad" | "dropout" | "feature_dropout" | "alpha_dropout" => Ok(new),
        "to" | "type_as" => {
            let dtype = c.b.dtype(from);
            if c.b.dtype(new) == dtype { Ok(new) } else { Ok(from) }
        }
        "view" | "reshape" | "view_as" | "reshape_as" | "flatten" | "ravel" | "unflatten" | "squeeze" | "unsqueeze" => {
            let sizes = c.dims(from)?;
            c.reshape(new, &sizes)
        }
        "transpose" | "t" | "numpy_T" | "mT" | "adjoint" | "permute" | "movedim" => {
            let perm = permutation(c, from)?;
            let mut inverse = vec![0; perm.len()];
            for (i, &p) in perm.iter().enumerate() {
                if let Some(slot) = inverse.get_mut(p) {
                    *slot = i;
                }
            }
            c.b.transpose(new, &inverse)
        }
        "select" => {
            let axis = c.axis("dim", c.rank(from))?;
            let index = c.size("index")?.unwrap_or(Size::Known(0));
            put_slice(c, from, new, axis, index)
        }
        "unbind" => {
            let axis = c.axis("dim", c.rank(from))?;
            put_slice(c, from, new, axis, Size::Known(index as i64))
        }
        "slice" => {
            let (axis, start, end, step) = slice_arguments(c, from)?;
            put_range(c, from, new, axis, start, end, step)
        }
        "narrow" => {
            let (axis, start, end) = narrow_arguments(c, from)?;
            put_range(c, from, new, axis, start, end, 1)
        }
        "split" | "chunk" | "split_with_sizes" | "tensor_split" => {
            let axis = c.axis("dim", c.rank(from))?;
            let sizes = piece_sizes(c, from, axis)?;
            let start: usize = sizes.iter().take(index).sum();
            let end = start + sizes.get(index).copied().unwrap_or(0);
            put_range(c, from, new, axis, Size::Known(start as i64), Size::Known(end as i64), 1)
        }
        "diagonal" => put_diagonal(c, from, new),
        _ => Err(c.unsupported("writing in place through this view has no lowering")),
    }
}

/// `x` with `new` (without the axis) at `index`.
fn put_slice(c: &mut Call<'_>, x: ValueId, new: ValueId, axis: usize, index: Size) -> Result<ValueId> {
    let new = c.b.cast(new, c.b.dtype(x))?;
    let new = c.b.unsqueeze(new, &[axis as i64])?;
    let at = c.vector(&[index])?;
    put_rows(c, x, new, axis, at)
}

/// `x` with `new` at the positions `at` (i64 vector) along an axis.
fn put_rows(c: &mut Call<'_>, x: ValueId, new: ValueId, axis: usize, at: ValueId) -> Result<ValueId> {
    let rank = c.rank(x);
    let mut dims: Vec<i64> = vec![1; rank];
    if let Some(d) = dims.get_mut(axis) {
        *d = -1;
    }
    let at = c.b.reshape(at, &dims)?;
    // Negative positions count from the end, in ONNX as in PyTorch.
    let mut sizes = c.dims(x)?;
    if let Some(s) = sizes.get_mut(axis) {
        *s = Size::Known(1);
    }
    let shape = c.vector(&sizes)?;
    let at = c.b.one(Op::Expand, &[at, shape])?;
    let shape = c.shape(at)?;
    let new = c.b.one(Op::Expand, &[new, shape])?;
    let reduction = ScatterReduction::None;
    c.b.one(Op::ScatterElements { axis: axis as i64, reduction }, &[x, at, new])
}

/// `x` with `new` at `start:end:step` along an axis.
fn put_range(
    c: &mut Call<'_>,
    x: ValueId,
    new: ValueId,
    axis: usize,
    start: Size,
    end: Size,
    step: i64,
) -> Result<ValueId> {
    let new = c.b.cast(new, c.b.dtype(x))?;
    let n = c.b.shape(x).get(axis).and_then(Dim::known).map(|n| n as i64);
    let whole = match (start, end) {
        (Size::Known(s), Size::Known(e)) => {
            (s == 0 || n.is_some_and(|n| s <= -n)) && (e == i64::MAX || n.is_some_and(|n| e >= n))
        }
        _ => false,
    };
    if whole && step == 1 {
        let shape = c.shape(x)?;
        let fits = c.b.shape(new) == c.b.shape(x) && !c.b.shape(x).contains(&Dim::Unknown);
        return if fits { Ok(new) } else { c.b.one(Op::Expand, &[new, shape]) };
    }
    let size = c.dim(x, axis)?;
    let (zero, one) = (c.b.scalar(modelport_ir::DType::I64, 0.0), c.b.scalar(modelport_ir::DType::I64, 1.0));
    let size = c.vector(&[size])?;
    let size = c.b.squeeze(size, &[0])?;
    let all = c.b.one(Op::Range, &[zero, size, one])?;
    let at = range_of(c, all, 0, start, end, step)?;
    put_rows(c, x, new, axis, at)
}

fn select_scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, src) = (c.tensor("self")?, c.tensor("src")?);
    select_into(c, x, src)
}

fn select_into(c: &mut Call<'_>, x: ValueId, src: ValueId) -> Result<ValueId> {
    let axis = c.axis("dim", c.rank(x))?;
    let index = c.size("index")?.unwrap_or(Size::Known(0));
    put_slice(c, x, src, axis, index)
}

fn slice_scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, src) = (c.tensor("self")?, c.tensor("src")?);
    slice_into(c, x, src)
}

fn slice_into(c: &mut Call<'_>, x: ValueId, src: ValueId) -> Result<ValueId> {
    let (axis, start, end, step) = slice_arguments(c, x)?;
    put_range(c, x, src, axis, start, end, step)
}

fn put_diagonal(c: &mut Call<'_>, x: ValueId, new: ValueId) -> Result<ValueId> {
    let (a, b, rows, columns) = diagonal_places(c, x)?;
    let places: Vec<i64> = rows.iter().zip(&columns).flat_map(|(r, k)| [*r, *k]).collect();
    let rest = (0..c.rank(x)).filter(|&i| i != a && i != b);
    let perm: Vec<usize> = [a, b].into_iter().chain(rest).collect();
    let moved = c.b.transpose(x, &perm)?;
    let at = c.b.ints(&places);
    let at = c.b.reshape(at, &[rows.len() as i64, 2])?;
    let rank = c.rank(new);
    let last: Vec<usize> = std::iter::once(rank.saturating_sub(1)).chain(0..rank.saturating_sub(1)).collect();
    let new = c.b.transpose(new, &last)?;
    let new = c.b.cast(new, c.b.dtype(x))?;
    let reduction = ScatterReduction::None;
    let out = c.b.one(Op::ScatterNd { reduction }, &[moved, at, new])?;
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        if let Some(slot) = inverse.get_mut(p) {
            *slot = i;
        }
    }
    c.b.transpose(out, &inverse)
}

fn diagonal_scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, src) = (c.tensor("self")?, c.tensor("src")?);
    put_diagonal(c, x, src)
}

/// Zeros of the sizes of what was viewed, and the gradient of the view.
fn zeros(c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
    let grad = c.tensor(if c.name == "aten::unfold_backward" { "grad_in" } else { "grad_output" })?;
    let sizes = c.sizes("input_sizes")?;
    let shape = c.vector(&sizes)?;
    Ok((super::backward::zeros(c, grad, shape)?, grad))
}

/// Each element gets the gradients of all windows that show it.
fn unfold_backward(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, grad) = zeros(c)?;
    let axis = c.axis("dim", c.rank(x))?;
    let [count, size, step] = windows(c, x, axis)?;
    let places: Vec<i64> = (0..count).flat_map(|i| (0..size).map(move |k| (i * step + k) as i64)).collect();
    // The windows' elements, which are the last axis, behind the windows, and both as one.
    let last = c.rank(grad).saturating_sub(1);
    let perm: Vec<usize> = (0..=axis).chain([last]).chain(axis + 1..last).collect();
    let grad = c.b.transpose(grad, &perm)?;
    let mut sizes = c.dims(x)?;
    if let Some(size) = sizes.get_mut(axis) {
        *size = Size::Known(places.len() as i64);
    }
    let grad = c.reshape_keeping(grad, &sizes, axis)?;
    let at = c.b.ints(&places);
    let at = spread_index(c, x, at, axis)?;
    c.b.one(Op::ScatterElements { axis: axis as i64, reduction: ScatterReduction::Add }, &[x, at, grad])
}
