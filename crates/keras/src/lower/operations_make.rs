//! Keras 3 operations that make values of few others (keras/src/ops/numpy.py and keras/src/backend/tensorflow/numpy.py,
//! 3.15.1).
//!
//! Owns: spaced numbers, grids, powers, choices. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args::{self as args, Arg, Rules};
use super::operations_core as core;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Attr, DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Full", full),
    row("Linspace", |c| {
        let ends = ends(c)?;
        spaced(c, ends)
    }),
    row("Logspace", |c| {
        let (ends, base) = (ends(c)?, c.float_or("base", 10.0)?);
        powers(c, ends, base)
    }),
    row("Geomspace", geometric),
    row_many("Meshgrid", grid),
    row("Ndim", |c| {
        let x = operand(c)?;
        Ok(c.b.constant("", Tensor::int_scalar(c.b.rank(x) as i64)))
    }),
    row("Size", |c| {
        let x = operand(c)?;
        let n = c.b.one(Op::Size, &[x])?;
        c.b.cast(n, DType::I32)
    }),
    row("Vander", vander),
    row("Select", select),
];

/// The element type of the config.
fn dtype(c: &Call<'_>) -> Option<DType> {
    c.op.attr("dtype").and_then(args::dtype_of)
}

fn full(c: &mut Call<'_>) -> Result<ValueId> {
    let value = args::value(c, 0, "fill_value")?;
    let value = c.b.cast(value, dtype(c).unwrap_or(DType::F32))?;
    let shape = c.op.attr("shape").cloned().ok_or_else(|| c.missing_argument("shape", "a shape"))?;
    let shape = args::shape(c, &shape)?;
    c.b.one(Op::Expand, &[value, shape])
}

/// `start` and `stop` in the type of the result.
fn ends(c: &mut Call<'_>) -> Result<[ValueId; 2]> {
    let given = [args::get(c, 0, "start")?, args::get(c, 1, "stop")?];
    let [mut start, mut stop] = super::operations_pointwise::both(c, given, Some(DType::F32))?;
    if let Some(to) = dtype(c) {
        (start, stop) = (c.b.cast(start, to)?, c.b.cast(stop, to)?);
    }
    Ok([start, stop])
}

/// More numbers than this are damage, not a model.
const MOST: usize = 1 << 20;

/// `num` numbers along a new axis, the last one `stop` where it counts. Integers are computed in 64 bits and rounded down.
fn spaced(c: &mut Call<'_>, [start, stop]: [ValueId; 2]) -> Result<ValueId> {
    let (num, endpoint) = (c.int_or("num", 50)?, c.bool_or("endpoint", true)?);
    if c.bool_or("retstep", false)? {
        return Err(c.unsupported("the step is not given beside the numbers").at_attribute("retstep"));
    }
    let n = usize::try_from(num).ok().filter(|n| *n <= MOST);
    let n = n.ok_or_else(|| c.bad_argument("num", &format!("0 to {MOST}"), &num.to_string()))?;
    let to = c.b.dtype(start);
    let wide = if to.is_float() { to } else { DType::F64 };
    let (start, stop) = (c.b.cast(start, wide)?, c.b.cast(stop, wide)?);
    let whole = c.b.binary(BinaryOp::Sub, stop, start)?;
    let parts = if endpoint { n.saturating_sub(1) } else { n }.max(1);
    let step = c.b.binary_scalar(BinaryOp::Div, whole, parts as f64)?;
    let rank = c.b.rank(whole);
    let axis = core::axis_in(c.int_or("axis", 0)?, rank + 1)?;
    let mut dims = vec![1; rank + 1];
    if let Some(d) = dims.get_mut(axis) {
        *d = n;
    }
    let numbers: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let numbers = c.b.constant("", Tensor::from_f64s(wide, &dims, &numbers)?);
    let mut laid = |v: ValueId| {
        let front: Vec<i64> = (0..(rank - c.b.rank(v)) as i64).collect();
        let v = if front.is_empty() { v } else { c.b.unsqueeze(v, &front)? };
        c.b.unsqueeze(v, &[axis as i64])
    };
    let (start, stop, step) = (laid(start)?, laid(stop)?, laid(step)?);
    let moved = c.b.binary(BinaryOp::Mul, numbers, step)?;
    let mut y = c.b.binary(BinaryOp::Add, start, moved)?;
    if endpoint && n > 1 {
        let last = c.b.binary_scalar(BinaryOp::Equal, numbers, parts as f64)?;
        y = c.b.choose(last, stop, y)?;
    }
    let y = if to.is_float() { y } else { c.b.unary(UnaryOp::Floor, y)? };
    c.b.cast(y, to)
}

/// The base to powers that are spaced evenly.
fn powers(c: &mut Call<'_>, ends: [ValueId; 2], base: f64) -> Result<ValueId> {
    let exponents = spaced(c, ends)?;
    let base = c.b.scalar_like(exponents, base);
    c.b.binary(BinaryOp::Pow, base, exponents)
}

/// Powers of 10 between the decimal logarithms, with the sign of `start`.
fn geometric(c: &mut Call<'_>) -> Result<ValueId> {
    let to = dtype(c).unwrap_or(DType::F32);
    let mut log = |position: usize, name: &str| -> Result<[ValueId; 2]> {
        let x = args::value(c, position, name)?;
        let x = c.b.cast(x, to)?;
        let size = c.b.unary(UnaryOp::Abs, x)?;
        let log = c.b.unary(UnaryOp::Log, size)?;
        Ok([x, c.b.binary_scalar(BinaryOp::Div, log, std::f64::consts::LN_10)?])
    };
    let ([start, from], [_, upto]) = (log(0, "start")?, log(1, "stop")?);
    let y = powers(c, [from, upto], 10.0)?;
    let sign = c.b.unary(UnaryOp::Sign, start)?;
    c.b.binary(BinaryOp::Mul, y, sign)
}

fn grid(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let given = c.op.attr("@args").and_then(Attr::as_list).unwrap_or_default().to_vec();
    let swap = c.str_or("indexing", "xy")? == "xy";
    let mut vectors = Vec::with_capacity(given.len());
    for a in &given {
        let v = args::read(c, a)?;
        let v = args::own(c.b, v);
        vectors.push(if c.b.rank(v) == 1 { v } else { core::ravel(c.b, v)? });
    }
    c.b.grid(&vectors, swap)
}

/// Powers of a vector's elements, one column each.
fn vander(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let n = match c.opt_int("N")? {
        Some(n) => usize::try_from(n).ok(),
        None => Some(c.known_dim(x, 0)?),
    };
    let n = n.filter(|n| *n <= MOST).ok_or_else(|| c.bad_argument("N", &format!("0 to {MOST}"), "another number"))?;
    let mut powers: Vec<f64> = (0..n).map(|i| i as f64).collect();
    if !c.bool_or("increasing", false)? {
        powers.reverse();
    }
    let (from, wide) = (c.b.dtype(x), args::promoted(c.b.dtype(x), DType::F32));
    let powers = c.b.constant("", Tensor::from_f64s(wide, &[n], &powers)?);
    let base = c.b.unsqueeze(x, &[-1])?;
    let base = c.b.cast(base, wide)?;
    let y = c.b.binary(BinaryOp::Pow, base, powers)?;
    c.b.cast(y, from)
}

/// The first choice whose condition holds.
fn select(c: &mut Call<'_>) -> Result<ValueId> {
    let list = |c: &Call<'_>, position: usize, name: &str| {
        let given = c.arg(position, name).and_then(Attr::as_list).map(<[Attr]>::to_vec);
        given.ok_or_else(|| c.missing_argument(name, "a list"))
    };
    let (conditions, choices) = (list(c, 0, "condlist")?, list(c, 1, "choicelist")?);
    if conditions.len() != choices.len() {
        return Err(c.bad_argument("choicelist", &format!("{} choices", conditions.len()), &choices.len().to_string()));
    }
    let mut all = vec![args::opt(c, 2, "default")?.unwrap_or(Arg::Int(0))];
    for a in &choices {
        all.push(args::read(c, a)?);
    }
    let values = args::promote(c.b, &all, Rules::Keras, None)?;
    let mut y = values.first().copied();
    for (condition, &value) in conditions.iter().zip(values.iter().skip(1)).rev() {
        let condition = args::read(c, condition)?;
        let condition = args::own(c.b, condition);
        let condition = c.b.cast(condition, DType::Bool)?;
        y = y.map(|rest| c.b.choose(condition, value, rest)).transpose()?;
    }
    y.ok_or_else(|| c.missing_argument("choicelist", "a list"))
}
