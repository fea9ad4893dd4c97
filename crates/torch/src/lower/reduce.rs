//! Reductions and running sums.

use super::binary::extremum;
use super::call::Call;
use super::pointwise::truth;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::sum", |c| total(c, ReduceKind::Sum)),
    row("aten::nansum", nansum),
    row("aten::mean", |c| total(c, ReduceKind::Mean)),
    row("aten::prod", |c| total(c, ReduceKind::Prod)),
    row("aten::amax", |c| extreme(c, ReduceKind::Max)),
    row("aten::amin", |c| extreme(c, ReduceKind::Min)),
    row_many("aten::aminmax", aminmax),
    row_many("aten::max", |c| largest(c, BinaryOp::Max)),
    row_many("aten::min", |c| largest(c, BinaryOp::Min)),
    row("aten::argmax", |c| arg(c, ArgKind::Max)),
    row("aten::argmin", |c| arg(c, ArgKind::Min)),
    row("aten::any", |c| truths(c, ReduceKind::Max)),
    row("aten::all", |c| truths(c, ReduceKind::Min)),
    row("aten::count_nonzero", count_nonzero),
    row("aten::var", |c| Ok(variance(c)?.1)),
    row("aten::std", std),
    row_many("aten::var_mean", |c| variance(c).map(|(mean, var)| vec![var, mean])),
    row_many("aten::std_mean", std_mean),
    row("aten::logsumexp", |c| total(c, ReduceKind::LogSumExp)),
    row("aten::norm", norm),
    row("aten::frobenius_norm", norm),
    row("aten::linalg_vector_norm", norm),
    row("aten::linalg_norm", norm),
    row("aten::cumsum", |c| running(c, true)),
    row("aten::cumprod", |c| running(c, false)),
    row("aten::logcumsumexp", logcumsumexp),
    row("aten::equal", equal).number(),
];

/// The reduced axes of an operand of `rank`; all when none are named.
pub(super) fn axes(c: &Call<'_>, rank: usize) -> Result<Vec<i64>> {
    let dims = c.opt_ints("dim")?.unwrap_or_default();
    let axes: Vec<i64> = dims.into_iter().map(|d| c.axis_of(d, rank).map(|a| a as i64)).collect::<Result<_>>()?;
    Ok(if axes.is_empty() { (0..rank as i64).collect() } else { axes })
}

/// Reduces; a tensor without dimensions is its own reduction by most.
pub(super) fn reduced(c: &mut Call<'_>, kind: ReduceKind, x: ValueId, axes: &[i64], keepdims: bool) -> Result<ValueId> {
    if c.rank(x) > 0 {
        return c.b.reduce(kind, x, axes, keepdims);
    }
    match kind {
        ReduceKind::Sum
        | ReduceKind::Mean
        | ReduceKind::Max
        | ReduceKind::Min
        | ReduceKind::Prod
        | ReduceKind::LogSumExp => Ok(x),
        ReduceKind::L1 | ReduceKind::L2 => c.unary(UnaryOp::Abs, x),
        ReduceKind::LogSum => c.unary(UnaryOp::Log, x),
        ReduceKind::SumSquare => c.binary(BinaryOp::Mul, x, x),
    }
}

fn total(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.b.dtype(x);
    let exact = matches!(kind, ReduceKind::Sum | ReduceKind::Prod);
    let to = c.opt_dtype("dtype")?.unwrap_or(match (dtype.is_float(), exact) {
        (true, _) => dtype,
        (false, true) => DType::I64,
        (false, false) => DType::F32,
    });
    let x = c.b.cast(x, to)?;
    let axes = axes(c, c.rank(x))?;
    let keepdims = c.flag("keepdim")?;
    reduced(c, kind, x, &axes, keepdims)
}

fn nansum(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if !c.b.dtype(x).is_float() {
        return total(c, ReduceKind::Sum);
    }
    let nan = c.unary(UnaryOp::IsNaN, x)?;
    let zero = c.b.scalar_like(x, 0.0);
    let x = c.choose(nan, zero, x)?;
    let x = match c.opt_dtype("dtype")? {
        Some(to) => c.b.cast(x, to)?,
        None => x,
    };
    let (axes, keepdims) = (axes(c, c.rank(x))?, c.flag("keepdim")?);
    reduced(c, ReduceKind::Sum, x, &axes, keepdims)
}

/// The extremum along axes; of truth values by way of numbers.
fn extreme_of(c: &mut Call<'_>, kind: ReduceKind, x: ValueId, axes: &[i64], keepdims: bool) -> Result<ValueId> {
    let dtype = c.b.dtype(x);
    if dtype != DType::Bool {
        return reduced(c, kind, x, axes, keepdims);
    }
    let x = c.b.cast(x, DType::I32)?;
    let out = reduced(c, kind, x, axes, keepdims)?;
    c.b.cast(out, DType::Bool)
}

fn extreme(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (axes, keepdims) = (axes(c, c.rank(x))?, c.flag("keepdim")?);
    extreme_of(c, kind, x, &axes, keepdims)
}

fn aminmax(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![extreme(c, ReduceKind::Min)?, extreme(c, ReduceKind::Max)?])
}

/// Of all elements, of two tensors, or along an axis with the place.
fn largest(c: &mut Call<'_>, op: BinaryOp) -> Result<Vec<ValueId>> {
    let (kind, place) =
        if op == BinaryOp::Max { (ReduceKind::Max, ArgKind::Max) } else { (ReduceKind::Min, ArgKind::Min) };
    if c.arg("other").is_some() {
        let (x, y) = c.pair("self", "other")?;
        return Ok(vec![extremum(c, op, x, y)?]);
    }
    let x = c.tensor("self")?;
    if c.arg("dim").is_none() {
        let all: Vec<i64> = (0..c.rank(x) as i64).collect();
        return Ok(vec![extreme_of(c, kind, x, &all, false)?]);
    }
    let (axis, keepdims) = (c.axis("dim", c.rank(x))? as i64, c.flag("keepdim")?);
    let values = extreme_of(c, kind, x, &[axis], keepdims)?;
    Ok(vec![values, place_of(c, place, x, axis, keepdims)?])
}

fn place_of(c: &mut Call<'_>, kind: ArgKind, x: ValueId, axis: i64, keepdims: bool) -> Result<ValueId> {
    if c.rank(x) == 0 {
        return Ok(c.b.scalar(DType::I64, 0.0));
    }
    let x = if c.b.dtype(x) == DType::Bool { c.b.cast(x, DType::I32)? } else { x };
    c.b.one(Op::ArgReduce { kind, axis, keepdims, select_last: false }, &[x])
}

fn arg(c: &mut Call<'_>, kind: ArgKind) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let keepdims = c.flag("keepdim")?;
    if c.arg("dim").is_some() {
        let axis = c.axis("dim", c.rank(x))? as i64;
        return place_of(c, kind, x, axis, keepdims);
    }
    let rank = c.rank(x);
    let flat = c.b.reshape(x, &[-1])?;
    let place = place_of(c, kind, flat, 0, false)?;
    if keepdims { c.b.reshape(place, &vec![1; rank]) } else { Ok(place) }
}

fn truths(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let out = if c.b.dtype(x) == DType::U8 { DType::U8 } else { DType::Bool };
    let x = truth(c, x)?;
    let (axes, keepdims) = (axes(c, c.rank(x))?, c.flag("keepdim")?);
    let all = extreme_of(c, kind, x, &axes, keepdims)?;
    c.b.cast(all, out)
}

fn count_nonzero(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = truth(c, x)?;
    let x = c.b.cast(x, DType::I64)?;
    let axes = axes(c, c.rank(x))?;
    reduced(c, ReduceKind::Sum, x, &axes, false)
}

/// Mean and variance. The divisor is the number of elements less the correction: 1 unless it says otherwise.
fn variance(c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
    let x = c.float_tensor("self")?;
    let (axes, keepdims) = (axes(c, c.rank(x))?, c.flag("keepdim")?);
    let correction = match (c.opt_number("correction")?, c.arg("unbiased").is_some()) {
        (Some(n), _) => n,
        (None, true) => f64::from(u8::from(c.flag("unbiased")?)),
        (None, false) => 1.0,
    };
    let mean = reduced(c, ReduceKind::Mean, x, &axes, true)?;
    let centred = c.binary(BinaryOp::Sub, x, mean)?;
    let var = if correction == 0.0 {
        let squared = c.binary(BinaryOp::Mul, centred, centred)?;
        reduced(c, ReduceKind::Mean, squared, &axes, keepdims)?
    } else {
        let sum = reduced(c, ReduceKind::SumSquare, centred, &axes, keepdims)?;
        let count = count(c, x, &axes)?;
        let count = c.with(BinaryOp::Sub, count, correction)?;
        let zero = c.b.scalar_like(count, 0.0);
        let count = c.binary(BinaryOp::Max, count, zero)?;
        c.binary(BinaryOp::Div, sum, count)?
    };
    let mean = if keepdims || c.rank(x) == 0 { mean } else { c.b.squeeze(mean, &axes)? };
    Ok((mean, var))
}

/// How many elements are reduced, in the type of `x`.
fn count(c: &mut Call<'_>, x: ValueId, axes: &[i64]) -> Result<ValueId> {
    let one = c.b.scalar(DType::I64, 1.0);
    let mut n = one;
    let axes = if c.b.rank(x) > 0 { axes } else { &[] };
    for &axis in axes {
        let dim = c.b.dim(x, axis as usize)?;
        let dim = c.b.squeeze(dim, &[0])?;
        n = c.b.binary(BinaryOp::Mul, n, dim)?;
    }
    let dtype = c.b.dtype(x);
    c.b.cast(n, dtype)
}

fn std(c: &mut Call<'_>) -> Result<ValueId> {
    let (_, var) = variance(c)?;
    c.unary(UnaryOp::Sqrt, var)
}

fn std_mean(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (mean, var) = variance(c)?;
    Ok(vec![c.unary(UnaryOp::Sqrt, var)?, mean])
}

fn norm(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = match c.opt_dtype("dtype")? {
        Some(to) => c.b.cast(x, to)?,
        None => c.float(x)?,
    };
    let p = if c.arg("p").is_some() { "p" } else { "ord" };
    if c.arg(p).is_some_and(|a| a.as_str().is_some_and(|s| s != "fro")) {
        return Err(c.unsupported("only vector norms are converted"));
    }
    let p = if c.arg(p).is_some_and(|a| a.as_str().is_some()) { 2.0 } else { c.opt_number(p)?.unwrap_or(2.0) };
    let (axes, keepdims) = (axes(c, c.rank(x))?, c.flag("keepdim")?);
    if c.name == "aten::linalg_norm" && c.arg("ord").is_some() && axes.len() != 1 {
        return Err(c.unsupported("matrix norms are not converted"));
    }
    vector_norm(c, x, p, &axes, keepdims)
}

pub(super) fn vector_norm(c: &mut Call<'_>, x: ValueId, p: f64, axes: &[i64], keepdims: bool) -> Result<ValueId> {
    if p == 2.0 {
        return reduced(c, ReduceKind::L2, x, axes, keepdims);
    }
    if p == 1.0 {
        return reduced(c, ReduceKind::L1, x, axes, keepdims);
    }
    let magnitude = c.unary(UnaryOp::Abs, x)?;
    if p.is_infinite() {
        let kind = if p > 0.0 { ReduceKind::Max } else { ReduceKind::Min };
        return reduced(c, kind, magnitude, axes, keepdims);
    }
    if p == 0.0 {
        let there = truth(c, x)?;
        let there = c.b.cast(there, c.b.dtype(x))?;
        return reduced(c, ReduceKind::Sum, there, axes, keepdims);
    }
    let powers = c.with(BinaryOp::Pow, magnitude, p)?;
    let sum = reduced(c, ReduceKind::Sum, powers, axes, keepdims)?;
    c.with(BinaryOp::Pow, sum, 1.0 / p)
}

fn running(c: &mut Call<'_>, sum: bool) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.b.dtype(x);
    let to = c.opt_dtype("dtype")?.unwrap_or(if dtype.is_float() { dtype } else { DType::I64 });
    let x = c.b.cast(x, to)?;
    if c.rank(x) == 0 {
        return Ok(x);
    }
    let axis = c.axis("dim", c.rank(x))? as i64;
    let (exclusive, reverse) = (false, false);
    c.b.one(if sum { Op::CumSum { axis, exclusive, reverse } } else { Op::CumProd { axis, exclusive, reverse } }, &[x])
}

/// The maximum is taken out first, so that no exponential is too large.
fn logcumsumexp(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    if c.rank(x) == 0 {
        return Ok(x);
    }
    let axis = c.axis("dim", c.rank(x))? as i64;
    let high = c.b.reduce(ReduceKind::Max, x, &[axis], true)?;
    let gap = c.binary(BinaryOp::Sub, x, high)?;
    let e = c.unary(UnaryOp::Exp, gap)?;
    let sum = c.b.one(Op::CumSum { axis, exclusive: false, reverse: false }, &[e])?;
    let log = c.unary(UnaryOp::Log, sum)?;
    c.binary(BinaryOp::Add, log, high)
}

fn equal(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let same = c.binary(BinaryOp::Equal, x, y)?;
    let all: Vec<i64> = (0..c.rank(same) as i64).collect();
    extreme_of(c, ReduceKind::Min, same, &all, false)
}
