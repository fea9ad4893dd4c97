//! Ops that PyTorch itself composes of simpler ones (`ATen/native/{ReduceOps,TensorShape,Linear,TensorFactories}.cpp`,
//! PyTorch 2.15), and that stand undivided in traces and exported programs.

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

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
    let x = if parts.len() > 1 { c.b.concat(&parts, axis as i64)? } else { x };
    let n = c.opt_int("n")?.unwrap_or(1);
    if !(0..=64).contains(&n) {
        return Err(c.bad("n", "a number from 0 to 64"));
    }
    c.b.differences(x, axis, n)
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

fn tensordot(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let (left, right) = (c.ints("dims_self")?, c.ints("dims_other")?);
    if left.len() != right.len() {
        return Err(c.bad("dims_other", "as many dimensions as dims_self"));
    }
    let pair = |(&l, &r): (&i64, &i64)| Ok((c.axis_of(l, c.rank(x))?, c.axis_of(r, c.rank(y))?));
    let pairs: Vec<(usize, usize)> = left.iter().zip(&right).map(pair).collect::<Result<_>>()?;
    c.b.tensordot(x, y, &pairs).map_err(|d| d.at_node(c.b.scope()))
}

/// Integers are summed in 64 bits.
fn trace(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = if c.b.dtype(x).is_float() { x } else { c.b.cast(x, DType::I64)? };
    let mask = c.b.one(Op::EyeLike { dtype: Some(c.b.dtype(x)), k: 0 }, &[x])?;
    let kept = c.binary(BinaryOp::Mul, x, mask)?;
    c.b.reduce(ReduceKind::Sum, kept, &[0, 1], false)
}

fn kron(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    c.b.kron(x, y)
}

/// Whether each element is one of the others.
fn isin(c: &mut Call<'_>) -> Result<ValueId> {
    let names = match c.overload {
        Some("Tensor_Scalar") => ["elements", "test_element"],
        Some("Scalar_Tensor") => ["element", "test_elements"],
        _ => ["elements", "test_elements"],
    };
    let (x, others) = c.pair(names[0], names[1])?;
    let found = c.b.is_in(x, others)?;
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
