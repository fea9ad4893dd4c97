//! Reductions and running reductions (`core/ops/math_ops.cc`): axes are an operand, which must be known.

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Sum", |c| reduce(c, ReduceKind::Sum)),
    row("Mean", mean),
    row("Prod", |c| reduce(c, ReduceKind::Prod)),
    row("Max", |c| reduce(c, ReduceKind::Max)),
    row("Min", |c| reduce(c, ReduceKind::Min)),
    row("EuclideanNorm", norm),
    row("All", |c| truth(c, ReduceKind::Min)),
    row("Any", |c| truth(c, ReduceKind::Max)),
    row("ArgMax", |c| arg(c, ArgKind::Max)),
    row("ArgMin", |c| arg(c, ArgKind::Min)),
    row("Cumsum", |c| running(c, false)),
    row("Cumprod", |c| running(c, true)),
    row("CumulativeLogsumexp", running_log_sum_exp),
];

/// The axes, counted from the front; `keep_dims`.
fn over(c: &Call<'_>) -> Result<(Vec<i64>, bool)> {
    let rank = c.rank()?;
    let mut axes = c.axes(&c.ints(1, "axes")?, rank)?;
    axes.sort_unstable();
    axes.dedup();
    let keep = c.bool_or("keep_dims", false)?;
    Ok((axes.into_iter().map(|a| a as i64).collect(), keep))
}

fn reduce(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let (axes, keep) = over(c)?;
    let x = c.x()?;
    f::reduce(c.b, kind, x, &axes, keep)
}

/// Of integers: the sum divided by the number of elements, truncated.
fn mean(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let dtype = c.b.dtype(x);
    if dtype.is_float() {
        return reduce(c, ReduceKind::Mean);
    }
    let (axes, keep) = over(c)?;
    if axes.is_empty() {
        return Ok(x);
    }
    let sum = c.b.reduce(ReduceKind::Sum, x, &axes, keep)?;
    let mut sizes = Vec::new();
    for &a in &axes {
        sizes.push(c.b.dim(x, a as usize)?);
    }
    let sizes = if let [one] = sizes.as_slice() { *one } else { c.b.concat(&sizes, 0)? };
    let count = c.b.reduce(ReduceKind::Prod, sizes, &[0], false)?;
    let count = c.b.cast(count, dtype)?;
    c.b.binary(BinaryOp::Div, sum, count)
}

fn norm(c: &mut Call<'_>) -> Result<ValueId> {
    let (axes, keep) = over(c)?;
    let x = c.x()?;
    if axes.is_empty() { c.b.unary(UnaryOp::Abs, x) } else { c.b.reduce(ReduceKind::L2, x, &axes, keep) }
}

fn truth(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let (axes, keep) = over(c)?;
    let x = c.x()?;
    if axes.is_empty() {
        return Ok(x);
    }
    let x = c.b.cast(x, DType::I32)?;
    let y = c.b.reduce(kind, x, &axes, keep)?;
    c.b.cast(y, DType::Bool)
}

fn arg(c: &mut Call<'_>, kind: ArgKind) -> Result<ValueId> {
    let mut x = c.x()?;
    // Older graphs leave the axis out, which is then the first.
    let axis = if c.inputs.len() > 1 { c.axis_operand(1, c.b.rank(x))? } else { 0 };
    let to = c.dtype_or("output_type", DType::I64)?;
    if c.b.dtype(x) == DType::Bool {
        x = c.b.cast(x, DType::I32)?;
    }
    let y = c.b.one(Op::ArgReduce { kind, axis: axis as i64, keepdims: false, select_last: false }, &[x])?;
    c.b.cast(y, to)
}

fn running(c: &mut Call<'_>, product: bool) -> Result<ValueId> {
    let x = c.x()?;
    let axis = c.axis_operand(1, c.b.rank(x))? as i64;
    let (exclusive, reverse) = (c.bool_or("exclusive", false)?, c.bool_or("reverse", false)?);
    let op = if product { Op::CumProd { axis, exclusive, reverse } } else { Op::CumSum { axis, exclusive, reverse } };
    c.b.one(op, &[x])
}

/// Every prefix on its own: x over a new axis, −∞ where an element comes too late.
fn running_log_sum_exp(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let rank = c.b.rank(x);
    let axis = c.axis_operand(1, rank)?;
    if c.bool_or("exclusive", false)? {
        return Err(c.unsupported("an exclusive running log-sum-exp has no lowering").at_attribute("exclusive"));
    }
    let reverse = c.bool_or("reverse", false)?;
    let n = c.b.dim(x, axis)?;
    let at = f::count_to(c.b, n)?;
    let (row, column) = (c.b.unsqueeze(at, &[1])?, c.b.unsqueeze(at, &[0])?);
    let order = if reverse { BinaryOp::GreaterOrEqual } else { BinaryOp::LessOrEqual };
    let seen = c.b.binary(order, column, row)?;
    let mut perm: Vec<usize> = (0..rank).collect();
    let last = rank.saturating_sub(1);
    perm.swap(axis, last);
    let y = c.b.transpose(x, &perm)?;
    let wide = c.b.unsqueeze(y, &[last as i64])?;
    let never = c.b.scalar_like(x, f64::NEG_INFINITY);
    let masked = c.b.choose(seen, wide, never)?;
    let y = c.b.reduce(ReduceKind::LogSumExp, masked, &[-1], false)?;
    c.b.transpose(y, &perm)
}
