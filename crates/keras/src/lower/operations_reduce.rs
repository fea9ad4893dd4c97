//! Keras 3 operations that reduce, accumulate or sort (keras/src/ops/{numpy,math,linalg}.py, 3.15).
//!
//! Owns: sums, means, extrema, norms, orderings. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Attr, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Sum", |c| accumulate(c, ReduceKind::Sum)),
    row("Prod", |c| accumulate(c, ReduceKind::Prod)),
    row("Mean", |c| {
        let x = operand(c)?;
        let x = core::float(c.b, x)?;
        reduced(c, x, ReduceKind::Mean)
    }),
    row("Average", average),
    row("Max", |c| extremum(c, ReduceKind::Max)),
    row("Amax", |c| extremum(c, ReduceKind::Max)),
    row("Min", |c| extremum(c, ReduceKind::Min)),
    row("Amin", |c| extremum(c, ReduceKind::Min)),
    row("All", |c| truth(c, ReduceKind::Min)),
    row("Any", |c| truth(c, ReduceKind::Max)),
    row("Var", |c| {
        let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
        core::variance(c.b, x, axes.as_deref(), keep)
    }),
    row("Std", |c| {
        let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
        let v = core::variance(c.b, x, axes.as_deref(), keep)?;
        c.b.unary(UnaryOp::Sqrt, v)
    }),
    row("Logsumexp", |c| {
        let x = operand(c)?;
        let x = core::float(c.b, x)?;
        reduced(c, x, ReduceKind::LogSumExp)
    }),
    row("CountNonzero", count_nonzero),
    row("Norm", norm),
    row("Argmax", |c| arg(c, ArgKind::Max)),
    row("Argmin", |c| arg(c, ArgKind::Min)),
    row("Cumsum", |c| running(c, false)),
    row("Cumprod", |c| running(c, true)),
    row("Sort", |c| {
        let x = operand(c)?;
        let (x, axis) = along(c, x)?;
        Ok(core::sort(c.b, x, axis, false)?[0])
    }),
    row("Argsort", |c| {
        let x = operand(c)?;
        let (x, axis) = along(c, x)?;
        let at = core::sort(c.b, x, axis, false)?[1];
        c.b.cast(at, DType::I32)
    }),
    row_many("TopK", |c| {
        let x = operand(c)?;
        let k = c.int("k")?;
        let k = c.b.ints(&[k]);
        let [values, at] = core::top(c.b, x, k, -1, true)?;
        Ok(vec![values, c.b.cast(at, DType::I32)?])
    }),
    row_many("Moments", |c| {
        let (x, axes, keep) = (operand(c)?, c.ints("axes")?, keepdims(c)?);
        let mean = core::reduce(c.b, ReduceKind::Mean, x, Some(&axes), keep)?;
        Ok(vec![mean, core::variance(c.b, x, Some(&axes), keep)?])
    }),
];

/// `axis`: all when `None`.
pub(super) fn axes(c: &Call<'_>) -> Result<Option<Vec<i64>>> {
    c.opt_ints("axis")
}

pub(super) fn keepdims(c: &Call<'_>) -> Result<bool> {
    c.bool_or("keepdims", false)
}

fn reduced(c: &mut Call<'_>, x: ValueId, kind: ReduceKind) -> Result<ValueId> {
    let (axes, keep) = (axes(c)?, keepdims(c)?);
    core::reduce(c.b, kind, x, axes.as_deref(), keep)
}

/// Sums and products of small integers are i32 in Keras.
pub(super) fn counted(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let given = args::plain(c, usize::MAX, "dtype").and_then(args::dtype_of);
    let natural = match c.b.dtype(x) {
        DType::Bool | DType::I8 | DType::I16 => DType::I32,
        DType::U8 | DType::U16 => DType::U32,
        d => d,
    };
    c.b.cast(x, given.unwrap_or(natural))
}

fn accumulate(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let x = operand(c)?;
    let x = counted(c, x)?;
    reduced(c, x, kind)
}

fn average(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let x = core::float(c.b, x)?;
    let Some(weights) = args::opt(c, 1, "weights")? else { return reduced(c, x, ReduceKind::Mean) };
    let w = args::own(c.b, weights);
    let w = c.b.cast(w, c.b.dtype(x))?;
    let axes = axes(c)?;
    let w = match axes.as_deref() {
        // A vector of weights lies along the axis.
        Some(&[axis]) if c.b.rank(w) == 1 && c.b.rank(x) > 1 => {
            let (rank, at) = (c.b.rank(x), core::axis_in(axis, c.b.rank(x))?);
            let others: Vec<i64> = (0..rank).filter(|&a| a != at).map(|a| a as i64).collect();
            c.b.unsqueeze(w, &others)?
        }
        _ => w,
    };
    let weighted = c.b.binary(BinaryOp::Mul, x, w)?;
    let sum = core::reduce(c.b, ReduceKind::Sum, weighted, axes.as_deref(), false)?;
    let whole = core::filled_like(c.b, x, w)?;
    let total = core::reduce(c.b, ReduceKind::Sum, whole, axes.as_deref(), false)?;
    c.b.binary(BinaryOp::Div, sum, total)
}

fn extremum(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let x = operand(c)?;
    let y = reduced(c, x, kind)?;
    let Some(initial) = c.opt_float("initial")? else { return Ok(y) };
    let op = if kind == ReduceKind::Max { BinaryOp::Max } else { BinaryOp::Min };
    c.b.binary_scalar(op, y, initial)
}

fn truth(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
    core::truth(c.b, kind, x, axes.as_deref(), keep)
}

fn count_nonzero(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, axes) = (operand(c)?, axes(c)?);
    let x = c.b.cast(x, DType::Bool)?;
    let x = c.b.cast(x, DType::I32)?;
    core::reduce(c.b, ReduceKind::Sum, x, axes.as_deref(), false)
}

fn norm(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let x = core::float(c.b, x)?;
    let axes = axes(c)?;
    let many = axes.as_ref().map_or(c.b.rank(x), Vec::len);
    let kind = match c.op.attr("ord") {
        None => ReduceKind::L2,
        Some(Attr::Str(s)) if s == "fro" => ReduceKind::L2,
        Some(a) if a.as_float() == Some(2.0) && many == 1 => ReduceKind::L2,
        Some(a) if a.as_float() == Some(1.0) && many == 1 => ReduceKind::L1,
        Some(a) => return Err(c.bad_argument("ord", "1, 2 or `fro`", &super::config::show(a))),
    };
    reduced(c, x, kind)
}

fn arg(c: &mut Call<'_>, kind: ArgKind) -> Result<ValueId> {
    let (x, axis, keep) = (operand(c)?, c.opt_int("axis")?, keepdims(c)?);
    let x = if c.b.dtype(x) == DType::Bool { c.b.cast(x, DType::I32)? } else { x };
    core::arg_reduce(c.b, kind, x, axis, keep, DType::I32)
}

/// The operand and its `axis`; raveled when that is `None`.
pub(super) fn along(c: &mut Call<'_>, x: ValueId) -> Result<(ValueId, i64)> {
    match c.opt_int("axis")? {
        Some(axis) => Ok((x, axis)),
        None => Ok((core::ravel(c.b, x)?, 0)),
    }
}

fn running(c: &mut Call<'_>, product: bool) -> Result<ValueId> {
    let x = operand(c)?;
    running_of(c, x, product)
}

pub(super) fn running_of(c: &mut Call<'_>, x: ValueId, product: bool) -> Result<ValueId> {
    let x = counted(c, x)?;
    let (x, axis) = along(c, x)?;
    let (exclusive, reverse) = (false, false);
    c.b.one(
        if product { Op::CumProd { axis, exclusive, reverse } } else { Op::CumSum { axis, exclusive, reverse } },
        &[x],
    )
}
