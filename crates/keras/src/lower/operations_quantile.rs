//! Medians, quantiles and percentiles of Keras 3 (`_quantile` and `nanquantile` of
//! keras/src/backend/tensorflow/numpy.py, 3.15.1).
//!
//! Owns: places between sorted elements. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::operations_reduce::{axes, keepdims};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Median", |c| middle(c, false)),
    row("Nanmedian", |c| middle(c, true)),
    // Keras computes every quantile by the linear method, whatever it is asked for (`Quantile.call`).
    row("Quantile", |c| {
        let q = args::value(c, 1, "q")?;
        quantile(c, q, Method::Linear, false)
    }),
    row("Nanquantile", |c| {
        let (q, method) = (args::value(c, 1, "q")?, method(c)?);
        quantile(c, q, method, true)
    }),
    row("Percentile", |c| percentile(c, false)),
    row("Nanpercentile", |c| percentile(c, true)),
];

/// What is taken of the two neighbours of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Linear,
    Lower,
    Higher,
    Nearest,
    Midpoint,
}

fn method(c: &Call<'_>) -> Result<Method> {
    Ok(match c.str_or("method", "linear")? {
        "linear" => Method::Linear,
        "lower" => Method::Lower,
        "higher" => Method::Higher,
        "nearest" => Method::Nearest,
        "midpoint" => Method::Midpoint,
        other => return Err(c.bad_argument("method", "linear, lower, higher, midpoint or nearest", other)),
    })
}

fn middle(c: &mut Call<'_>, skip: bool) -> Result<ValueId> {
    let half = c.b.scalar(DType::F32, 0.5);
    quantile(c, half, Method::Linear, skip)
}

/// Hundredths, in 32 bits.
fn percentile(c: &mut Call<'_>, skip: bool) -> Result<ValueId> {
    let (q, method) = (args::value(c, 1, "q")?, method(c)?);
    let q = c.b.cast(q, DType::F32)?;
    let q = c.b.binary_scalar(BinaryOp::Div, q, 100.0)?;
    quantile(c, q, method, skip)
}

/// The elements over which quantiles are taken, in order along the last axis.
struct Sorted {
    values: ValueId,
    /// How many count: i64[1], or of each row with a last axis of 1.
    count: ValueId,
    /// Whether each row has its own count.
    by_row: bool,
}

impl Sorted {
    fn at(&self, b: &mut Builder, places: ValueId) -> Result<ValueId> {
        if self.by_row {
            b.one(Op::GatherElements { axis: -1 }, &[self.values, places])
        } else {
            b.one(Op::Gather { axis: -1 }, &[self.values, places])
        }
    }

    /// Rounded places, within what counts.
    fn within(&self, b: &mut Builder, exact: ValueId, rounding: UnaryOp) -> Result<ValueId> {
        let whole = b.unary(rounding, exact)?;
        let whole = b.cast(whole, DType::I64)?;
        self.clamped(b, whole)
    }

    fn clamped(&self, b: &mut Builder, places: ValueId) -> Result<ValueId> {
        let last = b.binary_scalar(BinaryOp::Sub, self.count, 1.0)?;
        let places = b.binary(BinaryOp::Min, places, last)?;
        b.binary_scalar(BinaryOp::Max, places, 0.0)
    }

    /// `q`: f64[k] shares.
    fn quantiles(&self, b: &mut Builder, q: ValueId, method: Method) -> Result<ValueId> {
        let d = b.cast(self.count, DType::F64)?;
        let gaps = b.binary_scalar(BinaryOp::Sub, d, 1.0)?;
        let exact = b.binary(BinaryOp::Mul, gaps, q)?;
        let rounding = match method {
            Method::Lower => UnaryOp::Floor,
            Method::Nearest => UnaryOp::Round,
            _ => UnaryOp::Ceil,
        };
        let upper = self.within(b, exact, rounding)?;
        if method == Method::Midpoint {
            let lower = self.within(b, exact, UnaryOp::Floor)?;
            let (lower, upper) = (self.at(b, lower)?, self.at(b, upper)?);
            let sum = b.binary(BinaryOp::Add, lower, upper)?;
            return b.binary_scalar(BinaryOp::Mul, sum, 0.5);
        }
        if method != Method::Linear {
            return self.at(b, upper);
        }
        let lower = b.binary_scalar(BinaryOp::Sub, upper, 1.0)?;
        let lower = b.binary_scalar(BinaryOp::Max, lower, 0.0)?;
        let upper = b.binary_scalar(BinaryOp::Add, lower, 1.0)?;
        let upper = self.clamped(b, upper)?;
        let place = b.cast(upper, DType::F64)?;
        let part = b.binary(BinaryOp::Sub, place, exact)?;
        let part = b.cast(part, b.dtype(self.values))?;
        let one = b.scalar_like(part, 1.0);
        let rest = b.binary(BinaryOp::Sub, one, part)?;
        let (lower, upper) = (self.at(b, lower)?, self.at(b, upper)?);
        let (lower, upper) = (b.binary(BinaryOp::Mul, lower, part)?, b.binary(BinaryOp::Mul, upper, rest)?);
        b.binary(BinaryOp::Add, lower, upper)
    }
}

/// Quantiles `q` over axes, those of a list in a first axis. A row with what is no number is none, unless it is to `skip` them.
fn quantile(c: &mut Call<'_>, q: ValueId, method: Method, skip: bool) -> Result<ValueId> {
    let (x, given, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
    let rank = c.b.rank(x);
    let reduced = match &given {
        Some(axes) => c.axes_of("axis", axes, rank)?,
        None => (0..rank).collect(),
    };
    let many = c.b.rank(q) == 1;
    if c.b.rank(q) > 1 {
        return Err(c.bad_argument("q", "a number, or a list of numbers", &c.b.ty(q).to_string()));
    }
    let x = core::float(c.b, x)?;
    let rows = last(c.b, x, &reduced)?;
    let nan = c.b.unary(UnaryOp::IsNaN, rows)?;
    let sorted = in_order(c.b, rows, nan, skip)?;
    let q = c.b.cast(q, DType::F64)?;
    let q = if many { q } else { c.b.reshape(q, &[1])? };
    let y = sorted.quantiles(c.b, q, method)?;
    let kind = if skip { ReduceKind::Min } else { ReduceKind::Max };
    let void = core::truth(c.b, kind, nan, Some(&[-1]), true)?;
    let none = c.b.scalar_like(y, f64::NAN);
    let y = c.b.choose(void, none, y)?;
    // The quantiles are the last axis, and go to the front.
    let n = c.b.rank(y);
    let perm: Vec<usize> = std::iter::once(n.saturating_sub(1)).chain(0..n.saturating_sub(1)).collect();
    let y = c.b.transpose(y, &perm)?;
    let y = if many { y } else { c.b.squeeze(y, &[0])? };
    if !keep {
        return Ok(y);
    }
    let mut back: Vec<i64> = reduced.iter().map(|&a| a as i64 + i64::from(many)).collect();
    back.sort_unstable();
    if back.is_empty() { Ok(y) } else { c.b.unsqueeze(y, &back) }
}

/// `axes` as one last axis.
fn last(b: &mut Builder, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    use super::recurrent_shapes::{self as shapes, From};
    let rank = b.rank(x);
    let others: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
    let perm: Vec<usize> = others.iter().chain(axes).copied().collect();
    let turned = b.transpose(x, &perm)?;
    if axes.len() == 1 {
        return Ok(turned);
    }
    let mut dims: Vec<From> = others.iter().map(|&a| From::Dim(x, a)).collect();
    dims.push(From::Size(-1));
    shapes::reshape(b, turned, &dims)
}

/// What is no number stands last, and does not count, where it is skipped.
fn in_order(b: &mut Builder, rows: ValueId, nan: ValueId, skip: bool) -> Result<Sorted> {
    if !skip {
        let axis = b.rank(rows).saturating_sub(1);
        let count = b.dim(rows, axis)?;
        return Ok(Sorted { values: core::sort(b, rows, -1, false)?[0], count, by_row: false });
    }
    let most = b.scalar_like(rows, f64::INFINITY);
    let filled = b.choose(nan, most, rows)?;
    let there = b.unary(UnaryOp::Not, nan)?;
    let there = b.cast(there, DType::I64)?;
    let count = b.reduce(ReduceKind::Sum, there, &[-1], true)?;
    Ok(Sorted { values: core::sort(b, filled, -1, false)?[0], count, by_row: true })
}
