//! Ops whose results are pieces of their operand and share its memory: elements, ranges, splits, diagonals, windows.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::arrange::diagonal_places as diagonal_places_of;
use modelport_ir::{Attr, Dim, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::select", select).view(),
    row("aten::slice", slice).view(),
    row("aten::narrow", narrow).view(),
    row("aten::diagonal", diagonal).view(),
    row("aten::unfold", unfold).view(),
    row_many("aten::split", split).view(),
    row_many("aten::split_with_sizes", split_with_sizes).view(),
    row_many("aten::tensor_split", tensor_split).view(),
    row_many("aten::chunk", chunk).view(),
    row_many("aten::unbind", unbind).view(),
];

fn select(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let index = match c.size("index")? {
        Some(Size::Known(i)) => {
            if let Some(n) = c.b.shape(x).get(axis).and_then(Dim::known)
                && !(-(n as i64)..n as i64).contains(&i)
            {
                return Err(c.bad("index", &format!("an index into {n} elements")));
            }
            c.b.constant("", modelport_ir::Tensor::int_scalar(i))
        }
        Some(Size::Value(v)) => v,
        None => return Err(c.bad("index", "an index")),
    };
    c.b.one(Op::Gather { axis: axis as i64 }, &[x, index])
}

/// Axis, start, end, step of a slice; open ends are the largest number, as PyTorch writes them.
pub(super) fn slice_arguments(c: &mut Call<'_>, x: ValueId) -> Result<(usize, Size, Size, i64)> {
    let axis = if c.arg("dim").is_some() { c.axis("dim", c.rank(x))? } else { 0 };
    let start = c.size("start")?.unwrap_or(Size::Known(0));
    let end = c.size("end")?.unwrap_or(Size::Known(i64::MAX));
    let step = c.opt_int("step")?.unwrap_or(1);
    if step < 1 {
        return Err(c.bad("step", "a positive number"));
    }
    Ok((axis, start, end, step))
}

fn slice(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (axis, start, end, step) = slice_arguments(c, x)?;
    range_of(c, x, axis, start, end, step)
}

/// `x[start:end:step]` along an axis.
pub(super) fn range_of(
    c: &mut Call<'_>,
    x: ValueId,
    axis: usize,
    start: Size,
    end: Size,
    step: i64,
) -> Result<ValueId> {
    let whole = start == Size::Known(0) && end == Size::Known(i64::MAX) && step == 1;
    let n = c.b.shape(x).get(axis).and_then(Dim::known).map(|n| n as i64);
    let all = matches!((start, end, n), (Size::Known(s), Size::Known(e), Some(n)) if (s == 0 || s <= -n) && e >= n && step == 1);
    if whole || all {
        return Ok(x);
    }
    let (start, end) = (c.vector(&[start])?, c.vector(&[end])?);
    let (axes, steps) = (c.b.ints(&[axis as i64]), c.b.ints(&[step]));
    c.b.one(Op::Slice, &[x, start, end, axes, steps])
}

pub(super) fn narrow_arguments(c: &mut Call<'_>, x: ValueId) -> Result<(usize, Size, Size)> {
    let axis = c.axis("dim", c.rank(x))?;
    let start = c.size("start")?.unwrap_or(Size::Known(0));
    let length = c.size("length")?.unwrap_or(Size::Known(0));
    let end = match (start, length) {
        // From −2 on, two elements end at the end.
        (Size::Known(s), Size::Known(n)) if s < 0 && s.saturating_add(n) >= 0 => Size::Known(i64::MAX),
        (Size::Known(s), Size::Known(n)) => Size::Known(s.saturating_add(n)),
        _ => {
            let (s, n) = (c.vector(&[start])?, c.vector(&[length])?);
            let end = c.binary(modelport_ir::core::BinaryOp::Add, s, n)?;
            Size::Value(c.b.squeeze(end, &[0])?)
        }
    };
    Ok((axis, start, end))
}

fn narrow(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (axis, start, end) = narrow_arguments(c, x)?;
    range_of(c, x, axis, start, end, 1)
}

/// The lengths of the pieces, which must be known.
pub(super) fn piece_sizes(c: &mut Call<'_>, x: ValueId, axis: usize) -> Result<Vec<usize>> {
    let name = c.name.trim_start_matches("aten::").to_owned();
    // `split` of sizes has them under two names.
    let list = ["split_sizes", "split_size"].into_iter().find(|p| matches!(c.arg(p), Some(Attr::List(_))));
    if let Some(list) = list {
        let sizes = c.ints(list)?;
        return sizes
            .into_iter()
            .map(|n| usize::try_from(n).map_err(|_| c.bad(list, "sizes that are not negative")))
            .collect();
    }
    let n = c.known_dim(x, axis)?;
    if name == "tensor_split" {
        return tensor_split_sizes(c, n);
    }
    let size = if name == "chunk" {
        let chunks = c.count("chunks")?.max(1);
        n.div_ceil(chunks)
    } else {
        c.count("split_size")?
    };
    if size == 0 {
        return if n == 0 { Ok(vec![0; c.results]) } else { Err(c.bad("split_size", "a positive number")) };
    }
    let most = n.div_ceil(size).max(1);
    if most > 100_000 {
        return Err(c.unsupported("a tensor is split into too many pieces"));
    }
    Ok((0..most).map(|i| size.min(n - i * size)).collect())
}

fn tensor_split_sizes(c: &mut Call<'_>, n: usize) -> Result<Vec<usize>> {
    if c.arg("sections").is_some() {
        let k = c.count("sections")?.max(1);
        if k > 100_000 {
            return Err(c.unsupported("a tensor is split into too many pieces"));
        }
        return Ok((0..k).map(|i| n / k + usize::from(i < n % k)).collect());
    }
    let mut at = 0;
    let mut sizes = Vec::new();
    for i in c.ints("indices")? {
        let end = if i < 0 { i.saturating_add(n as i64).max(0) } else { i };
        let end = usize::try_from(end).unwrap_or(0).min(n);
        sizes.push(end.saturating_sub(at));
        at = end.max(at);
    }
    sizes.push(n - at);
    Ok(sizes)
}

fn pieces(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let sizes = piece_sizes(c, x, axis)?;
    if sizes.len() == 1 {
        return Ok(vec![x]);
    }
    let inputs = [Some(x)];
    c.b.add(Op::Split { axis: axis as i64, sizes }, &inputs)
}

fn split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    if !matches!(c.arg("split_size"), Some(arg) if arg.as_list().is_none())
        || c.b.shape(x).get(axis).and_then(Dim::known).is_some()
    {
        return pieces(c);
    }
    // The size is known only at run time; how many pieces there are is known from how many are used.
    let size = c.int("split_size")?;
    let at = |i: usize| Size::Known(size.saturating_mul(i as i64));
    (0..c.results).map(|i| range_of(c, x, axis, at(i), at(i + 1), 1)).collect()
}

fn split_with_sizes(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    pieces(c)
}

fn tensor_split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    pieces(c)
}

fn chunk(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    pieces(c)
}

fn unbind(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let n = c.b.shape(x).get(axis).and_then(Dim::known).unwrap_or(c.results);
    if n > 100_000 {
        return Err(c.unsupported("a tensor is taken apart into too many pieces"));
    }
    let one = |i: usize| {
        let at = c.b.constant("", modelport_ir::Tensor::int_scalar(i as i64));
        c.b.one(Op::Gather { axis: axis as i64 }, &[x, at])
    };
    (0..n).map(one).collect()
}

/// Rows and columns of a diagonal of the axes `dim1` and `dim2`, whose sizes must be known.
pub(super) fn diagonal_places(c: &Call<'_>, x: ValueId) -> Result<(usize, usize, Vec<i64>, Vec<i64>)> {
    let rank = c.rank(x);
    let axis = |name: &str, default: i64| c.axis_of(c.opt_int(name)?.unwrap_or(default), rank);
    let (a, b) = (axis("dim1", 0)?, axis("dim2", 1)?);
    if a == b {
        return Err(c.bad("dim2", "another dimension than dim1"));
    }
    let offset = c.opt_int("offset")?.unwrap_or(0);
    let (rows, columns) = diagonal_places_of(c.known_dim(x, a)?, c.known_dim(x, b)?, offset);
    Ok((a, b, rows, columns))
}

fn diagonal(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (a, b, rows, columns) = diagonal_places(c, x)?;
    c.b.diagonal(x, [a, b], &(rows, columns))
}

/// How many windows there are along an axis, their size, and the steps between them.
pub(super) fn windows(c: &Call<'_>, x: ValueId, axis: usize) -> Result<[usize; 3]> {
    let (size, step) = (c.count("size")?, c.count("step")?.max(1));
    let n = c.known_dim(x, axis)?;
    let count = n.checked_sub(size).ok_or_else(|| c.bad("size", &format!("at most {n}")))? / step + 1;
    if count.checked_mul(size).is_none_or(|all| all > 1 << 24) {
        return Err(c.unsupported("so many windows"));
    }
    Ok([count, size, step])
}

/// Windows along an axis, as a last axis.
fn unfold(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dimension", c.rank(x))?;
    let windows = windows(c, x, axis)?;
    let out = c.b.windows(x, axis, windows)?;
    let rank = c.rank(out);
    let perm: Vec<usize> = (0..rank).filter(|&i| i != axis + 1).chain([axis + 1]).collect();
    c.b.transpose(out, &perm)
}
