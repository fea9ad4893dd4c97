//! Keras 3's reductions that leave out what is no number (keras/src/backend/tensorflow/numpy.py, 3.15.1).
//!
//! Owns: what stands in its place, and what a row of nothing else is. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::{finite_numbers, largest, x as operand};
use super::operations_core as core;
use super::operations_reduce::{axes, counted, keepdims, running_of};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Nansum", |c| accumulate(c, ReduceKind::Sum, 0.0)),
    row("Nanprod", |c| accumulate(c, ReduceKind::Prod, 1.0)),
    row("Nanmax", |c| extremum(c, ReduceKind::Max, f64::NEG_INFINITY)),
    row("Nanmin", |c| extremum(c, ReduceKind::Min, f64::INFINITY)),
    row("Nanmean", |c| {
        let (axes, keep) = (axes(c)?, keepdims(c)?);
        let x = operand(c)?;
        let x = core::float(c.b, x)?;
        mean(c.b, x, axes.as_deref(), keep)
    }),
    row("Nanvar", variance),
    row("Nanstd", |c| {
        let v = variance(c)?;
        c.b.unary(UnaryOp::Sqrt, v)
    }),
    row("Nanargmax", |c| arg(c, ArgKind::Max, f64::NEG_INFINITY)),
    row("Nanargmin", |c| arg(c, ArgKind::Min, f64::INFINITY)),
    row("Nancumsum", |c| running(c, false)),
    row("Nancumprod", |c| running(c, true)),
];

/// `value` in place of what is no number, and where that is.
fn filled(b: &mut Builder, x: ValueId, value: f64) -> Result<[ValueId; 2]> {
    let nan = b.unary(UnaryOp::IsNaN, x)?;
    let value = b.scalar_like(x, value);
    Ok([b.choose(nan, value, x)?, nan])
}

fn accumulate(c: &mut Call<'_>, kind: ReduceKind, value: f64) -> Result<ValueId> {
    let (mut x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
    if c.b.dtype(x).is_float() {
        [x, _] = filled(c.b, x, value)?;
    }
    let x = counted(c, x)?;
    core::reduce(c.b, kind, x, axes.as_deref(), keep)
}

/// A row of no numbers at all is none.
fn extremum(c: &mut Call<'_>, kind: ReduceKind, value: f64) -> Result<ValueId> {
    let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
    match c.b.dtype(x) {
        DType::Bool => return core::truth(c.b, kind, x, axes.as_deref(), keep),
        d if !d.is_float() => return core::reduce(c.b, kind, x, axes.as_deref(), keep),
        _ => {}
    }
    let [x, nan] = filled(c.b, x, value)?;
    let y = core::reduce(c.b, kind, x, axes.as_deref(), keep)?;
    let void = core::truth(c.b, ReduceKind::Min, nan, axes.as_deref(), keep)?;
    let none = c.b.scalar_like(y, f64::NAN);
    c.b.choose(void, none, y)
}

/// How many numbers there are, in the type of `x`.
fn count(b: &mut Builder, nan: ValueId, axes: Option<&[i64]>, keep: bool, dtype: DType) -> Result<ValueId> {
    let there = b.unary(UnaryOp::Not, nan)?;
    let there = b.cast(there, dtype)?;
    core::reduce(b, ReduceKind::Sum, there, axes, keep)
}

fn mean(b: &mut Builder, x: ValueId, axes: Option<&[i64]>, keep: bool) -> Result<ValueId> {
    let [x, nan] = filled(b, x, 0.0)?;
    let sum = core::reduce(b, ReduceKind::Sum, x, axes, keep)?;
    let n = count(b, nan, axes, keep, b.dtype(x))?;
    b.binary(BinaryOp::Div, sum, n)
}

fn variance(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
    let x = core::float(c.b, x)?;
    let mean = mean(c.b, x, axes.as_deref(), true)?;
    let apart = c.b.binary(BinaryOp::Sub, x, mean)?;
    let nan = c.b.unary(UnaryOp::IsNaN, x)?;
    let zero = c.b.scalar_like(x, 0.0);
    let apart = c.b.choose(nan, zero, apart)?;
    let squared = core::square(c.b, apart)?;
    let sum = core::reduce(c.b, ReduceKind::Sum, squared, axes.as_deref(), keep)?;
    let n = count(c.b, nan, axes.as_deref(), keep, c.b.dtype(x))?;
    c.b.binary(BinaryOp::Div, sum, n)
}

/// −1 of a row of no numbers at all.
fn arg(c: &mut Call<'_>, kind: ArgKind, value: f64) -> Result<ValueId> {
    let (x, axis, keep) = (operand(c)?, c.opt_int("axis")?, keepdims(c)?);
    if !c.b.dtype(x).is_float() {
        let x = if c.b.dtype(x) == DType::Bool { c.b.cast(x, DType::I32)? } else { x };
        return core::arg_reduce(c.b, kind, x, axis, keep, DType::I32);
    }
    let [x, nan] = filled(c.b, x, value)?;
    let at = core::arg_reduce(c.b, kind, x, axis, keep, DType::I32)?;
    let void = core::truth(c.b, ReduceKind::Min, nan, axis.as_ref().map(std::slice::from_ref), keep)?;
    let none = c.b.scalar_like(at, -1.0);
    c.b.choose(void, none, at)
}

/// Infinite numbers are the largest finite ones here (`nan_to_num`).
fn running(c: &mut Call<'_>, product: bool) -> Result<ValueId> {
    let mut x = operand(c)?;
    if c.b.dtype(x).is_float() {
        let most = largest(c.b.dtype(x));
        x = finite_numbers(c.b, x, if product { 1.0 } else { 0.0 }, [-most, most])?;
    }
    running_of(c, x, product)
}
