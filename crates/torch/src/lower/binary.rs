//! Elementwise functions of two operands: arithmetic, comparisons, logic; type promotion is the helper's.

use super::call::Call;
use super::pointwise::{toward_zero, truth};
use super::promote::Class;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::add", |c| sum(c, BinaryOp::Add)),
    row("aten::sub", |c| sum(c, BinaryOp::Sub)),
    row("aten::rsub", rsub),
    row("aten::mul", mul),
    row("aten::div", div),
    row("aten::floor_divide", floor_divide),
    row("aten::remainder", remainder),
    row("aten::fmod", fmod),
    row("aten::pow", pow),
    row("aten::float_power", float_power),
    row("aten::maximum", |c| pairwise(c, BinaryOp::Max)),
    row("aten::minimum", |c| pairwise(c, BinaryOp::Min)),
    row("aten::fmax", |c| ignoring_nan(c, BinaryOp::Max)),
    row("aten::fmin", |c| ignoring_nan(c, BinaryOp::Min)),
    row("aten::atan2", atan2),
    row("aten::hypot", hypot),
    row("aten::copysign", copysign),
    row("aten::logaddexp", |c| logaddexp(c, 1.0)),
    row("aten::logaddexp2", |c| logaddexp(c, std::f64::consts::LN_2)),
    row("aten::xlogy", xlogy),
    row("aten::heaviside", heaviside),
    row("aten::eq", |c| compare(c, BinaryOp::Equal, false)),
    row("aten::ne", |c| compare(c, BinaryOp::Equal, true)),
    row("aten::lt", |c| compare(c, BinaryOp::Less, false)),
    row("aten::le", |c| compare(c, BinaryOp::LessOrEqual, false)),
    row("aten::gt", |c| compare(c, BinaryOp::Greater, false)),
    row("aten::ge", |c| compare(c, BinaryOp::GreaterOrEqual, false)),
    row("aten::isclose", isclose),
    row("aten::logical_and", |c| logical(c, BinaryOp::And)),
    row("aten::logical_or", |c| logical(c, BinaryOp::Or)),
    row("aten::logical_xor", |c| logical(c, BinaryOp::Xor)),
    row("aten::bitwise_and", |c| bitwise(c, BinaryOp::And, BinaryOp::BitwiseAnd)),
    row("aten::bitwise_or", |c| bitwise(c, BinaryOp::Or, BinaryOp::BitwiseOr)),
    row("aten::bitwise_xor", |c| bitwise(c, BinaryOp::Xor, BinaryOp::BitwiseXor)),
    row("aten::bitwise_left_shift", |c| shift(c, true)),
    row("aten::bitwise_right_shift", |c| shift(c, false)),
    row("aten::where", choose),
    row("aten::lerp", lerp),
    row("aten::addcmul", addcmul),
    row("aten::addcdiv", addcdiv),
    row("aten::clamp", clamp),
    row("aten::clamp_min", clamp),
    row("aten::clamp_max", clamp),
];

/// Sums of truth values are "or", as PyTorch adds them.
fn sum(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let y = scaled(c, y, "alpha")?;
    if c.b.dtype(x) == DType::Bool { c.binary(BinaryOp::Or, x, y) } else { c.binary(op, x, y) }
}

/// `x` times a number argument, unless that is absent or 1.
pub(super) fn scaled(c: &mut Call<'_>, x: ValueId, name: &str) -> Result<ValueId> {
    match c.opt_number(name)? {
        Some(factor) if factor != 1.0 => c.with(BinaryOp::Mul, x, factor),
        _ => Ok(x),
    }
}

fn rsub(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let x = scaled(c, x, "alpha")?;
    c.binary(BinaryOp::Sub, y, x)
}

fn mul(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    c.binary(if c.b.dtype(x) == DType::Bool { BinaryOp::And } else { BinaryOp::Mul }, x, y)
}

fn div(c: &mut Call<'_>) -> Result<ValueId> {
    match c.opt_str("rounding_mode")?.map(str::to_owned).as_deref() {
        None => {
            let numbers = c.side("self")?.class == Class::Number && c.side("other")?.class == Class::Number;
            let (x, y) = c.pair("self", "other")?;
            let (x, y) =
                if numbers { (c.b.cast(x, DType::F64)?, c.b.cast(y, DType::F64)?) } else { (c.float(x)?, c.float(y)?) };
            c.binary(BinaryOp::Div, x, y)
        }
        Some("floor") => floor_divide(c),
        Some("trunc") => truncating_divide(c),
        Some(_) => Err(c.bad("rounding_mode", "None, 'floor' or 'trunc'")),
    }
}

fn numbers(c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
    let (x, y) = c.pair("self", "other")?;
    if c.b.dtype(x) == DType::Bool { Ok((c.b.cast(x, DType::I64)?, c.b.cast(y, DType::I64)?)) } else { Ok((x, y)) }
}

/// The quotient rounded down.
fn floor_divide(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    floor_quotient(c, x, y)
}

pub(super) fn floor_quotient(c: &mut Call<'_>, x: ValueId, y: ValueId) -> Result<ValueId> {
    if c.b.dtype(x).is_float() {
        // (x − x mod y) / y, rounded: exact where the plain quotient would round up to the next integer.
        let rest = c.binary(BinaryOp::Mod, x, y)?;
        let even = c.binary(BinaryOp::Sub, x, rest)?;
        let quotient = c.binary(BinaryOp::Div, even, y)?;
        return c.unary(UnaryOp::Round, quotient);
    }
    if !c.b.dtype(x).is_signed_int() || shape_arithmetic(c, x, y) {
        return c.binary(BinaryOp::Div, x, y);
    }
    let rest = c.binary(BinaryOp::Mod, x, y)?;
    let even = c.binary(BinaryOp::Sub, x, rest)?;
    c.binary(BinaryOp::Div, even, y)
}

/// Whether both are sizes, which are not negative.
fn shape_arithmetic(c: &Call<'_>, x: ValueId, y: ValueId) -> bool {
    let natural = |v: ValueId| {
        c.b.known(v).is_some_and(|k| {
            k.0.iter().all(|e| matches!(e, modelport_ir::infer::KnownInt::Dim(_)) || e.value().is_some_and(|n| n >= 0))
        })
    };
    natural(x) && natural(y)
}

fn truncating_divide(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    let quotient = c.binary(BinaryOp::Div, x, y)?;
    if c.b.dtype(x).is_float() { toward_zero(c, quotient) } else { Ok(quotient) }
}

fn remainder(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    c.binary(BinaryOp::Mod, x, y)
}

fn fmod(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = numbers(c)?;
    c.binary(BinaryOp::Fmod, x, y)
}

fn pow(c: &mut Call<'_>) -> Result<ValueId> {
    let (base, exponent) = (c.side("self")?, c.side("exponent")?);
    let number = c.b.as_constant(exponent.value).filter(|t| t.len() == 1).and_then(|t| t.to_f64s().ok());
    let number = number.and_then(|v| v.first().copied());
    let dtype = c.common(&[base, exponent]);
    let dtype = if dtype == DType::Bool { DType::I64 } else { dtype };
    let x = c.b.cast(base.value, dtype)?;
    match number {
        Some(1.0) if c.b.rank(exponent.value) == 0 => return Ok(x),
        Some(2.0) if c.b.rank(exponent.value) == 0 => return c.binary(BinaryOp::Mul, x, x),
        Some(0.5) if c.b.rank(exponent.value) == 0 && dtype.is_float() => return c.unary(UnaryOp::Sqrt, x),
        Some(-1.0) if c.b.rank(exponent.value) == 0 && dtype.is_float() => return c.unary(UnaryOp::Reciprocal, x),
        _ => {}
    }
    let y = c.b.cast(exponent.value, dtype)?;
    c.binary(BinaryOp::Pow, x, y)
}

fn float_power(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (c.side("self")?, c.side("exponent")?);
    let x = c.b.cast(x.value, DType::F64)?;
    let y = c.b.cast(y.value, DType::F64)?;
    c.binary(BinaryOp::Pow, x, y)
}

fn pairwise(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    extremum(c, op, x, y)
}

/// Larger or smaller of two; of truth values "or" and "and".
pub(super) fn extremum(c: &mut Call<'_>, op: BinaryOp, x: ValueId, y: ValueId) -> Result<ValueId> {
    match (c.b.dtype(x), op) {
        (DType::Bool, BinaryOp::Max) => c.binary(BinaryOp::Or, x, y),
        (DType::Bool, _) => c.binary(BinaryOp::And, x, y),
        _ => c.binary(op, x, y),
    }
}

fn ignoring_nan(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let both = extremum(c, op, x, y)?;
    c.b.ignoring_nan(both, x, y)
}

fn atan2(c: &mut Call<'_>) -> Result<ValueId> {
    let (y, x) = c.float_pair("self", "other")?;
    c.b.atan2(y, x)
}

fn hypot(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("self", "other")?;
    let (x, y) = (c.binary(BinaryOp::Mul, x, x)?, c.binary(BinaryOp::Mul, y, y)?);
    let sum = c.binary(BinaryOp::Add, x, y)?;
    c.unary(UnaryOp::Sqrt, sum)
}

fn copysign(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("self", "other")?;
    let zero = c.b.scalar_like(x, 0.0);
    let magnitude = c.unary(UnaryOp::Abs, x)?;
    let negated = c.unary(UnaryOp::Neg, magnitude)?;
    let below = c.binary(BinaryOp::Less, y, zero)?;
    let inverse = c.unary(UnaryOp::Reciprocal, y)?;
    let inverse = c.binary(BinaryOp::Less, inverse, zero)?;
    let negative = c.binary(BinaryOp::Or, below, inverse)?;
    c.choose(negative, negated, magnitude)
}

fn logaddexp(c: &mut Call<'_>, ln: f64) -> Result<ValueId> {
    let (x, y) = c.float_pair("self", "other")?;
    c.b.log_add_exp(x, y, ln)
}

fn xlogy(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.float_pair("self", "other")?;
    let zero = c.b.scalar_like(x, 0.0);
    let log = c.unary(UnaryOp::Log, y)?;
    let product = c.binary(BinaryOp::Mul, x, log)?;
    let nothing = c.binary(BinaryOp::Equal, x, zero)?;
    let nan = c.unary(UnaryOp::IsNaN, y)?;
    let number = c.unary(UnaryOp::Not, nan)?;
    let nothing = c.binary(BinaryOp::And, nothing, number)?;
    c.choose(nothing, zero, product)
}

fn heaviside(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at_zero) = c.pair("self", "values")?;
    let (zero, one) = (c.b.scalar_like(x, 0.0), c.b.scalar_like(x, 1.0));
    let above = c.binary(BinaryOp::Greater, x, zero)?;
    let equal = c.binary(BinaryOp::Equal, x, zero)?;
    let out = c.choose(above, one, zero)?;
    c.choose(equal, at_zero, out)
}

fn compare(c: &mut Call<'_>, op: BinaryOp, not: bool) -> Result<ValueId> {
    let (mut x, mut y) = c.pair("self", "other")?;
    if c.b.dtype(x) == DType::Bool && op != BinaryOp::Equal {
        (x, y) = (c.b.cast(x, DType::U8)?, c.b.cast(y, DType::U8)?);
    }
    let out = c.binary(op, x, y)?;
    if not { c.unary(UnaryOp::Not, out) } else { Ok(out) }
}

fn isclose(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let out = c.b.close(x, y, [c.number("rtol")?, c.number("atol")?])?;
    if !c.flag("equal_nan")? {
        return Ok(out);
    }
    let (x, y) = (c.float(x)?, c.float(y)?);
    c.b.or_both_nan(out, x, y)
}

fn logical(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = (c.tensor("self")?, c.tensor("other")?);
    let (x, y) = (truth(c, x)?, truth(c, y)?);
    c.binary(op, x, y)
}

fn bitwise(c: &mut Call<'_>, logic: BinaryOp, bits: BinaryOp) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    c.binary(if c.b.dtype(x) == DType::Bool { logic } else { bits }, x, y)
}

/// A shift is a product with, or a floored quotient by, a power of two.
fn shift(c: &mut Call<'_>, left: bool) -> Result<ValueId> {
    let (x, y) = c.pair("self", "other")?;
    let two = c.b.scalar_like(x, 2.0);
    let factor = c.binary(BinaryOp::Pow, two, y)?;
    if left { c.binary(BinaryOp::Mul, x, factor) } else { floor_quotient(c, x, factor) }
}

fn choose(c: &mut Call<'_>) -> Result<ValueId> {
    if c.arg("other").is_none() {
        return Err(c.unsupported("the form with one argument gives a list whose length is not known"));
    }
    let cond = c.tensor("condition")?;
    let cond = truth(c, cond)?;
    let numbers = c.side("self")?.class == Class::Number && c.side("other")?.class == Class::Number;
    let (mut x, mut y) = c.pair("self", "other")?;
    if numbers && c.b.dtype(x) == DType::F64 {
        (x, y) = (c.b.cast(x, DType::F32)?, c.b.cast(y, DType::F32)?);
    }
    c.choose(cond, x, y)
}

fn lerp(c: &mut Call<'_>) -> Result<ValueId> {
    let all = c.promoted(&["self", "end", "weight"])?;
    let &[start, end, weight] = all.as_slice() else { return Err(c.bad("weight", "a tensor or a number")) };
    let gap = c.binary(BinaryOp::Sub, end, start)?;
    let part = c.binary(BinaryOp::Mul, gap, weight)?;
    c.binary(BinaryOp::Add, start, part)
}

fn addcmul(c: &mut Call<'_>) -> Result<ValueId> {
    add_scaled(c, BinaryOp::Mul)
}

fn addcdiv(c: &mut Call<'_>) -> Result<ValueId> {
    add_scaled(c, BinaryOp::Div)
}

fn add_scaled(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let all = c.promoted(&["self", "tensor1", "tensor2"])?;
    let &[x, a, b] = all.as_slice() else { return Err(c.bad("tensor1", "a tensor")) };
    let product = c.binary(op, a, b)?;
    let product = scaled(c, product, "value")?;
    c.binary(BinaryOp::Add, x, product)
}

/// Numbers as bounds are `Clip`; tensors as bounds broadcast.
fn clamp(c: &mut Call<'_>) -> Result<ValueId> {
    let mut sides = vec![c.side("self")?];
    let mut bounds = Vec::new();
    for (name, op) in [("min", BinaryOp::Max), ("max", BinaryOp::Min)] {
        let side = if c.arg(name).is_some() { Some(c.side(name)?) } else { None };
        sides.extend(side);
        bounds.push((side, op));
    }
    let dtype = c.common(&sides);
    let x = c.tensor("self")?;
    let x = c.b.cast(x, dtype)?;
    let number = |s: Option<super::call::Side>| s.is_none_or(|s| s.class == Class::Number);
    if bounds.iter().all(|(s, _)| number(*s)) && dtype != DType::Bool {
        let mut inputs = vec![Some(x)];
        for (side, _) in bounds {
            inputs.push(side.map(|s| c.b.cast(s.value, dtype)).transpose()?);
        }
        return c.b.one_opt(Op::Clip, &inputs);
    }
    let mut out = x;
    for (side, op) in bounds {
        if let Some(side) = side {
            let bound = c.b.cast(side.value, dtype)?;
            out = extremum(c, op, out, bound)?;
        }
    }
    Ok(out)
}
