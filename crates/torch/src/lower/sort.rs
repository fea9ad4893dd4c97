//! Order: sorting, the largest ones, ranks in sorted sequences.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row_many("aten::sort", sort),
    row("aten::argsort", |c| sort(c).and_then(|r| r.get(1).copied().ok_or_else(|| c.bad("self", "a tensor")))),
    row("aten::msort", msort),
    row_many("aten::topk", topk),
    row_many("aten::kthvalue", kthvalue),
    row_many("aten::median", median),
    row("aten::bucketize", bucketize),
    row("aten::searchsorted", searchsorted),
    row_many("aten::unique_consecutive", runs),
    row_many("aten::_unique2", unique),
    row_many("aten::_unique", unique),
    row_many("aten::unique_dim", unique),
];

/// Values and places, in order along an axis. Equal elements may come in another order than PyTorch's.
fn ordered(c: &mut Call<'_>, x: ValueId, axis: i64, k: Size, largest: bool) -> Result<Vec<ValueId>> {
    let dtype = c.b.dtype(x);
    // ONNX has no order of truth values and small integers.
    let wide = match dtype {
        DType::Bool | DType::I8 | DType::U8 | DType::I16 => DType::I32,
        d => d,
    };
    let x = c.b.cast(x, wide)?;
    let k = c.vector(&[k])?;
    let both = c.b.add(Op::TopK { axis, largest, sorted: true }, &[Some(x), Some(k)])?;
    let &[values, at] = both.as_slice() else { return Err(c.bad("self", "a tensor")) };
    Ok(vec![c.b.cast(values, dtype)?, at])
}

/// A tensor without dimensions is in order.
fn trivial(c: &mut Call<'_>, x: ValueId) -> Vec<ValueId> {
    vec![x, c.b.scalar(DType::I64, 0.0)]
}

fn sort(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    if c.rank(x) == 0 {
        return Ok(trivial(c, x));
    }
    let axis = c.axis("dim", c.rank(x))?;
    let k = c.dim(x, axis)?;
    let largest = c.flag("descending")?;
    ordered(c, x, axis as i64, k, largest)
}

fn msort(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let k = c.dim(x, 0)?;
    let both = ordered(c, x, 0, k, false)?;
    both.first().copied().ok_or_else(|| c.bad("self", "a tensor"))
}

fn topk(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    if c.rank(x) == 0 {
        return Ok(trivial(c, x));
    }
    let axis = c.axis("dim", c.rank(x))? as i64;
    let k = c.size("k")?.unwrap_or(Size::Known(1));
    let largest = c.flag("largest")?;
    ordered(c, x, axis, k, largest)
}

/// Element `k` (from 0) in ascending order along an axis.
fn kth(c: &mut Call<'_>, x: ValueId, axis: i64, k: i64, keepdims: bool) -> Result<Vec<ValueId>> {
    let both = ordered(c, x, axis, Size::Known(k + 1), false)?;
    let mut out = Vec::new();
    for v in both {
        let v = c.b.slice_axis(v, axis, k, k + 1, 1)?;
        out.push(if keepdims { v } else { c.b.squeeze(v, &[axis])? });
    }
    Ok(out)
}

fn kthvalue(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))? as i64;
    let (k, keepdims) = (c.int("k")?, c.flag("keepdim")?);
    if k < 1 {
        return Err(c.bad("k", "a positive number"));
    }
    kth(c, x, axis, k - 1, keepdims)
}

/// The lower one of two middle elements.
fn median(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let mut x = c.tensor("self")?;
    let whole = c.arg("dim").is_none();
    if whole {
        x = c.b.reshape(x, &[-1])?;
    }
    let axis = if whole { 0 } else { c.axis("dim", c.rank(x))? };
    let n = c.known_dim(x, axis)?;
    let keepdims = !whole && c.flag("keepdim")?;
    kth(c, x, axis as i64, (n.saturating_sub(1) / 2) as i64, keepdims)
}

/// How many boundaries are below each element (or not above it, from the right).
fn bucketize(c: &mut Call<'_>) -> Result<ValueId> {
    ranks(c, "boundaries")
}

fn searchsorted(c: &mut Call<'_>) -> Result<ValueId> {
    let sequence = c.tensor("sorted_sequence")?;
    if c.rank(sequence) != 1 || c.arg("sorter").is_some() {
        return Err(c.unsupported("only one sorted vector is converted"));
    }
    ranks(c, "sorted_sequence")
}

fn ranks(c: &mut Call<'_>, sequence: &str) -> Result<ValueId> {
    let (x, edges) = c.pair("self", sequence)?;
    let right = c.flag("right")? || c.opt_str("side")? == Some("right");
    let to = if c.flag("out_int32")? { DType::I32 } else { DType::I64 };
    let count = c.b.ranks(x, edges, right)?;
    c.b.cast(count, to)
}

fn unique(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    let axis = if c.arg("dim").is_some() { Some(c.axis("dim", c.rank(x))? as i64) } else { None };
    let all = c.b.add(Op::Unique { axis, sorted: true }, &[Some(x)])?;
    let &[values, _, inverse, counts] = all.as_slice() else { return Err(c.bad("self", "a tensor")) };
    let inverse = if axis.is_none() {
        let shape = c.shape(x)?;
        c.b.one(Op::Reshape { allow_zero: false }, &[inverse, shape])?
    } else {
        inverse
    };
    Ok(vec![values, inverse, counts])
}

/// The first of each run of equal neighbours, the run that each element is in, and the lengths of the runs.
fn runs(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = c.tensor("self")?;
    if c.arg("dim").is_some() && c.rank(x) != 1 {
        return Err(c.unsupported("runs of equal slices of a tensor are not converted, only those of elements"));
    }
    let flat = c.b.reshape(x, &[-1])?;
    let (before, after) = (c.b.slice_axis(flat, 0, 0, -1, 1)?, c.b.slice_axis(flat, 0, 1, i64::MAX, 1)?);
    let same = c.binary(BinaryOp::Equal, before, after)?;
    let differs = c.unary(UnaryOp::Not, same)?;
    let first = c.b.constant("", Tensor::from_f64s(DType::Bool, &[1], &[1.0])?);
    let begins = c.b.concat(&[first, differs], 0)?;
    let values = c.b.one(Op::Compress { axis: Some(0) }, &[flat, begins])?;
    let count = c.b.cast(begins, DType::I64)?;
    let ordinal = c.b.one(Op::CumSum { axis: 0, exclusive: false, reverse: false }, &[count])?;
    let run = c.with(BinaryOp::Sub, ordinal, 1.0)?;
    let shape = c.shape(x)?;
    let run = c.b.one(Op::Reshape { allow_zero: false }, &[run, shape])?;
    let places = c.b.one(Op::NonZero, &[begins])?;
    let places = c.b.reshape(places, &[-1])?;
    let end = c.b.one(Op::Size, &[flat])?;
    let end = c.b.reshape(end, &[1])?;
    let later = c.b.slice_axis(places, 0, 1, i64::MAX, 1)?;
    let ends = c.b.concat(&[later, end], 0)?;
    let lengths = c.binary(BinaryOp::Sub, ends, places)?;
    Ok(vec![values, run, lengths])
}
