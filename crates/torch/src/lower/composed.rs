//! Ops that PyTorch itself composes of simpler ones (`ATen/native/{ReduceOps,TensorShape,Linear,TensorFactories}.cpp`,
//! PyTorch 2.15), and that stand undivided in traces and exported programs.

use super::call::Call;
use super::pieces::range_of;
use super::sizes::Size;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::diff", diff),
    row("aten::column_stack", column_stack),
    row_many("aten::broadcast_tensors", broadcast_tensors),
    row("aten::tensordot", tensordot),
    row("aten::trace", trace),
    row("aten::kron", kron),
    row("aten::isin", isin),
    row("aten::tril_indices", |c| triangle_indices(c, |row, column, k| column <= row.saturating_add(k))),
    row("aten::triu_indices", |c| triangle_indices(c, |row, column, k| column >= row.saturating_add(k))),
];

/// The differences of neighbours, `n` times; of truth values, whether they differ.
fn diff(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let (before, after) = (c.opt_tensor("prepend")?, c.opt_tensor("append")?);
    let parts: Vec<ValueId> = [before, Some(x), after].into_iter().flatten().collect();
    let mut out = if parts.len() > 1 { c.b.concat(&parts, axis as i64)? } else { x };
    let op = if c.b.dtype(x) == DType::Bool { BinaryOp::Xor } else { BinaryOp::Sub };
    let n = c.opt_int("n")?.unwrap_or(1);
    if !(0..=64).contains(&n) {
        return Err(c.bad("n", "a number from 0 to 64"));
    }
    for _ in 0..n {
        let later = range_of(c, out, axis, Size::Known(1), Size::Known(i64::MAX), 1)?;
        let earlier = range_of(c, out, axis, Size::Known(0), Size::Known(-1), 1)?;
        out = c.binary(op, later, earlier)?;
    }
    Ok(out)
}

/// Vectors are columns.
fn column_stack(c: &mut Call<'_>) -> Result<ValueId> {
    let all = c.tensors("tensors")?;
    let dtype = all.iter().map(|&t| c.b.dtype(t)).reduce(super::promote::join).unwrap_or(DType::F32);
    let mut parts = Vec::with_capacity(all.len());
    for t in all {
        let t = c.b.cast(t, dtype)?;
        parts.push(match c.rank(t) {
            0 => c.b.reshape(t, &[1, 1])?,
            1 => c.b.unsqueeze(t, &[1])?,
            _ => t,
        });
    }
    c.b.concat(&parts, 1)
}

/// All in the shape that their sum would have.
fn broadcast_tensors(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let all = c.tensors("tensors")?;
    let mut sum: Option<ValueId> = None;
    for &t in &all {
        let t = c.b.cast(t, DType::F32)?;
        sum = Some(match sum {
            Some(sum) => c.binary(BinaryOp::Add, sum, t)?,
            None => t,
        });
    }
    let Some(sum) = sum else { return Ok(Vec::new()) };
    let shape = c.shape(sum)?;
    all.into_iter().map(|t| c.b.one(Op::Expand, &[t, shape])).collect()
}

/// Letters for the axes of an equation.
fn letter(i: usize) -> Option<char> {
    u8::try_from(i).ok().filter(|i| *i < 52).map(|i| char::from(if i < 26 { b'a' + i } else { b'A' + i - 26 }))
}

fn tensordot(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let (left, right) = (c.ints("dims_self")?, c.ints("dims_other")?);
    if left.len() != right.len() {
        return Err(c.bad("dims_other", "as many dimensions as dims_self"));
    }
    let many = || "more axes than an equation has letters";
    let mut a: Vec<Option<char>> = (0..c.rank(x)).map(letter).collect();
    let mut b: Vec<Option<char>> = (c.rank(x)..c.rank(x) + c.rank(y)).map(letter).collect();
    let mut gone = Vec::with_capacity(left.len());
    for (&l, &r) in left.iter().zip(&right) {
        let (l, r) = (c.axis_of(l, c.rank(x))?, c.axis_of(r, c.rank(y))?);
        if let (Some(&shared), Some(slot)) = (a.get(l), b.get_mut(r)) {
            *slot = shared;
            gone.push(shared);
        }
    }
    let kept: Option<String> = a.iter().chain(&b).filter(|l| !gone.contains(l)).copied().collect();
    let (a, b): (Option<String>, Option<String>) = (a.drain(..).collect(), b.drain(..).collect());
    let (a, b, kept) =
        (a.ok_or_else(|| c.unsupported(many()))?, b.ok_or_else(|| c.unsupported(many()))?, kept.unwrap_or_default());
    c.b.one(Op::Einsum { equation: format!("{a},{b}->{kept}") }, &[x, y])
}

/// Integers are summed in 64 bits.
fn trace(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = if c.b.dtype(x).is_float() { x } else { c.b.cast(x, DType::I64)? };
    let mask = c.b.one(Op::EyeLike { dtype: Some(c.b.dtype(x)), k: 0 }, &[x])?;
    let kept = c.binary(BinaryOp::Mul, x, mask)?;
    c.b.reduce(ReduceKind::Sum, kept, &[0, 1], false)
}

/// Every element of one times the whole other: axes of both stand by turns, and are merged.
fn kron(c: &mut Call<'_>) -> Result<ValueId> {
    let (mut x, mut y) = c.pair("self", "other")?;
    let rank = c.rank(x).max(c.rank(y));
    for t in [&mut x, &mut y] {
        let front: Vec<i64> = (0..(rank - c.rank(*t)) as i64).collect();
        *t = if front.is_empty() { *t } else { c.b.unsqueeze(*t, &front)? };
    }
    let known = |c: &Call<'_>, t: ValueId, axis: usize| c.b.shape(t).get(axis).and_then(Dim::known).map(|n| n as i64);
    let merged: Vec<i64> =
        (0..rank).map(|axis| known(c, x, axis).and_then(|a| a.checked_mul(known(c, y, axis)?)).unwrap_or(-1)).collect();
    if merged.iter().filter(|n| **n < 0).count() > 1 {
        return Err(c.unsupported("more than one size is known only at run time"));
    }
    let (odd, even): (Vec<i64>, Vec<i64>) =
        ((0..rank as i64).map(|i| 2 * i + 1).collect(), (0..rank as i64).map(|i| 2 * i).collect());
    let (x, y) = (c.b.unsqueeze(x, &odd)?, c.b.unsqueeze(y, &even)?);
    let product = c.binary(BinaryOp::Mul, x, y)?;
    c.b.reshape(product, &merged)
}

/// Whether each element is one of the others.
fn isin(c: &mut Call<'_>) -> Result<ValueId> {
    let names = match c.overload {
        Some("Tensor_Scalar") => ["elements", "test_element"],
        Some("Scalar_Tensor") => ["element", "test_elements"],
        _ => ["elements", "test_elements"],
    };
    let (x, others) = c.pair(names[0], names[1])?;
    let others = c.b.reshape(others, &[-1])?;
    let x = c.b.unsqueeze(x, &[-1])?;
    let equal = c.binary(BinaryOp::Equal, x, others)?;
    let counts = c.b.cast(equal, DType::I32)?;
    let found = c.b.reduce(ReduceKind::Sum, counts, &[-1], false)?;
    let found = c.b.cast(found, DType::Bool)?;
    if c.flag("invert")? { c.unary(UnaryOp::Not, found) } else { Ok(found) }
}

/// Row and column of each element of a triangle, row by row: numbers that are known when the model is converted.
fn triangle_indices(c: &mut Call<'_>, inside: fn(i64, i64, i64) -> bool) -> Result<ValueId> {
    let (rows, columns, offset) = (c.int("row")?, c.int("col")?, c.opt_int("offset")?.unwrap_or(0));
    if rows < 0 || columns < 0 || rows.checked_mul(columns).is_none_or(|n| n > 1 << 24) {
        return Err(c.bad("row", "sizes that are not negative and not that large"));
    }
    let all = (0..rows).flat_map(|r| (0..columns).map(move |k| (r, k)));
    let (r, k): (Vec<i64>, Vec<i64>) = all.filter(|&(r, k)| inside(r, k, offset)).unzip();
    let bytes: Vec<u8> = r.iter().chain(&k).flat_map(|v| v.to_le_bytes()).collect();
    let indices = Tensor::from_bytes(DType::I64, vec![2, r.len()], bytes)?;
    let dtype = c.opt_dtype("dtype")?.unwrap_or(DType::I64);
    let indices = c.b.constant("", indices);
    c.b.cast(indices, dtype)
}
