//! Elementwise functions of one operand. Integers become the default floating-point type where PyTorch makes them so.

use super::call::Call;
use super::promote::Class;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::abs", |c| keeping(c, UnaryOp::Abs)),
    row("aten::neg", |c| keeping(c, UnaryOp::Neg)),
    row("aten::floor", |c| rounding(c, UnaryOp::Floor)),
    row("aten::ceil", |c| rounding(c, UnaryOp::Ceil)),
    row("aten::round", round),
    row("aten::trunc", trunc),
    row("aten::frac", frac),
    row("aten::sign", |c| keeping(c, UnaryOp::Sign)),
    row("aten::sgn", |c| keeping(c, UnaryOp::Sign)),
    row("aten::square", square),
    row("aten::exp", |c| float(c, UnaryOp::Exp)),
    row("aten::exp2", exp2),
    row("aten::expm1", expm1),
    row("aten::log", |c| float(c, UnaryOp::Log)),
    row("aten::log2", |c| log_of_base(c, std::f64::consts::LN_2)),
    row("aten::log10", |c| log_of_base(c, std::f64::consts::LN_10)),
    row("aten::log1p", log1p),
    row("aten::sqrt", |c| float(c, UnaryOp::Sqrt)),
    row("aten::rsqrt", rsqrt),
    row("aten::reciprocal", |c| float(c, UnaryOp::Reciprocal)),
    row("aten::sin", |c| float(c, UnaryOp::Sin)),
    row("aten::cos", |c| float(c, UnaryOp::Cos)),
    row("aten::tan", |c| float(c, UnaryOp::Tan)),
    row("aten::asin", |c| float(c, UnaryOp::Asin)),
    row("aten::acos", |c| float(c, UnaryOp::Acos)),
    row("aten::atan", |c| float(c, UnaryOp::Atan)),
    row("aten::sinh", |c| float(c, UnaryOp::Sinh)),
    row("aten::cosh", |c| float(c, UnaryOp::Cosh)),
    row("aten::asinh", |c| float(c, UnaryOp::Asinh)),
    row("aten::acosh", |c| float(c, UnaryOp::Acosh)),
    row("aten::atanh", |c| float(c, UnaryOp::Atanh)),
    row("aten::erf", |c| float(c, UnaryOp::Erf)),
    row("aten::erfc", erfc),
    row("aten::sigmoid", |c| float(c, UnaryOp::Sigmoid)),
    row("aten::logit", logit),
    row("aten::sinc", sinc),
    row("aten::deg2rad", |c| scaled(c, std::f64::consts::PI / 180.0)),
    row("aten::rad2deg", |c| scaled(c, 180.0 / std::f64::consts::PI)),
    row("aten::isnan", isnan),
    row("aten::isinf", isinf),
    row("aten::isfinite", isfinite),
    row("aten::isposinf", |c| infinite(c, f64::INFINITY)),
    row("aten::isneginf", |c| infinite(c, f64::NEG_INFINITY)),
    row("aten::signbit", signbit),
    row("aten::nan_to_num", nan_to_num),
    row("aten::logical_not", logical_not),
    row("aten::bitwise_not", bitwise_not),
];

/// Same type out, integers too.
fn keeping(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = c.side("self")?.value;
    if c.b.dtype(x) == DType::Bool { Ok(x) } else { c.unary(op, x) }
}

/// Integers are what they are already.
fn rounding(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let side = c.side("self")?;
    let x = side.value;
    if !c.b.dtype(x).is_float() {
        return Ok(x);
    }
    let out = c.unary(op, x)?;
    // Python's `math.floor` gives an integer.
    if side.class == Class::Number { c.b.cast(out, DType::I64) } else { Ok(out) }
}

fn float(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    c.unary(op, x)
}

fn round(c: &mut Call<'_>) -> Result<ValueId> {
    let decimals = c.opt_int("decimals")?.unwrap_or(0);
    if decimals == 0 {
        return rounding(c, UnaryOp::Round);
    }
    let x = c.float_tensor("self")?;
    let factor = 10f64.powi(i32::try_from(decimals.abs()).unwrap_or(i32::MAX));
    let (there, back) = if decimals > 0 { (BinaryOp::Mul, BinaryOp::Div) } else { (BinaryOp::Div, BinaryOp::Mul) };
    let x = c.with(there, x, factor)?;
    let x = c.unary(UnaryOp::Round, x)?;
    c.with(back, x, factor)
}

/// Toward zero: floor of the magnitude, with the sign.
pub(super) fn toward_zero(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let magnitude = c.unary(UnaryOp::Abs, x)?;
    let magnitude = c.unary(UnaryOp::Floor, magnitude)?;
    let sign = c.unary(UnaryOp::Sign, x)?;
    c.binary(BinaryOp::Mul, sign, magnitude)
}

fn trunc(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if c.b.dtype(x).is_float() { toward_zero(c, x) } else { Ok(x) }
}

fn frac(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let whole = toward_zero(c, x)?;
    c.binary(BinaryOp::Sub, x, whole)
}

fn square(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = if c.b.dtype(x) == DType::Bool { c.b.cast(x, DType::I64)? } else { x };
    c.binary(BinaryOp::Mul, x, x)
}

fn exp2(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let base = c.b.scalar_like(x, 2.0);
    c.binary(BinaryOp::Pow, base, x)
}

/// `2·sinh(x/2)·exp(x/2)` keeps the digits near 0 that `exp(x) − 1` loses.
fn expm1(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let half = c.with(BinaryOp::Mul, x, 0.5)?;
    let s = c.unary(UnaryOp::Sinh, half)?;
    let e = c.unary(UnaryOp::Exp, half)?;
    let product = c.binary(BinaryOp::Mul, s, e)?;
    c.with(BinaryOp::Mul, product, 2.0)
}

fn log_of_base(c: &mut Call<'_>, ln: f64) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let x = c.unary(UnaryOp::Log, x)?;
    c.with(BinaryOp::Mul, x, 1.0 / ln)
}

/// `2·atanh(x / (x + 2))` keeps the digits near 0; far from it the plain form does.
fn log1p(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let magnitude = c.unary(UnaryOp::Abs, x)?;
    let bound = c.b.scalar_like(x, 0.5);
    let near = c.binary(BinaryOp::Less, magnitude, bound)?;
    let zero = c.b.scalar_like(x, 0.0);
    let small = c.choose(near, x, zero)?;
    let sum = c.with(BinaryOp::Add, small, 2.0)?;
    let ratio = c.binary(BinaryOp::Div, small, sum)?;
    let exact = c.unary(UnaryOp::Atanh, ratio)?;
    let exact = c.with(BinaryOp::Mul, exact, 2.0)?;
    let plain = c.with(BinaryOp::Add, x, 1.0)?;
    let plain = c.unary(UnaryOp::Log, plain)?;
    c.choose(near, exact, plain)
}

fn rsqrt(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let x = c.unary(UnaryOp::Sqrt, x)?;
    c.unary(UnaryOp::Reciprocal, x)
}

fn erfc(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    c.b.erf_complement(x)
}

fn logit(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = c.float_tensor("self")?;
    if let Some(eps) = c.opt_number("eps")? {
        x = c.clip(x, Some(eps), Some(1.0 - eps))?;
    }
    let one = c.b.scalar_like(x, 1.0);
    let rest = c.binary(BinaryOp::Sub, one, x)?;
    let odds = c.binary(BinaryOp::Div, x, rest)?;
    c.unary(UnaryOp::Log, odds)
}

fn sinc(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    c.b.sinc(x)
}

fn scaled(c: &mut Call<'_>, factor: f64) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    c.with(BinaryOp::Mul, x, factor)
}

/// A constant truth value of the shape of `x`.
fn all_of(c: &mut Call<'_>, x: ValueId, value: bool) -> Result<ValueId> {
    let shape = c.shape(x)?;
    let value = c.b.scalar(DType::Bool, value.into());
    c.b.one(modelport_ir::Op::Expand, &[value, shape])
}

fn isnan(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if c.b.dtype(x).is_float() { c.unary(UnaryOp::IsNaN, x) } else { all_of(c, x, false) }
}

fn isinf(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if c.b.dtype(x).is_float() { c.unary(UnaryOp::IsInf, x) } else { all_of(c, x, false) }
}

fn isfinite(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if !c.b.dtype(x).is_float() {
        return all_of(c, x, true);
    }
    let (nan, inf) = (c.unary(UnaryOp::IsNaN, x)?, c.unary(UnaryOp::IsInf, x)?);
    let either = c.binary(BinaryOp::Or, nan, inf)?;
    c.unary(UnaryOp::Not, either)
}

fn infinite(c: &mut Call<'_>, which: f64) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if !c.b.dtype(x).is_float() {
        return all_of(c, x, false);
    }
    let bound = c.b.scalar_like(x, which);
    c.binary(BinaryOp::Equal, x, bound)
}

fn signbit(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if c.b.dtype(x) == DType::Bool { all_of(c, x, false) } else { c.b.sign_bit(x) }
}

/// The largest finite number of a type.
pub(super) fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MAX,
        DType::F16 => 65504.0,
        DType::BF16 => 3.389_531_389_251_535_5e38,
        _ => f32::MAX.into(),
    }
}

fn nan_to_num(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let dtype = c.b.dtype(x);
    if !dtype.is_float() {
        return Ok(x);
    }
    let nan = c.opt_number("nan")?.unwrap_or(0.0);
    let high = c.opt_number("posinf")?.unwrap_or_else(|| largest(dtype));
    let low = c.opt_number("neginf")?.unwrap_or_else(|| -largest(dtype));
    let mut out = x;
    let is_nan = c.unary(UnaryOp::IsNaN, x)?;
    let value = c.b.scalar(dtype, nan);
    out = c.choose(is_nan, value, out)?;
    for (at, value) in [(f64::INFINITY, high), (f64::NEG_INFINITY, low)] {
        let at = c.b.scalar(dtype, at);
        let hit = c.binary(BinaryOp::Equal, x, at)?;
        let value = c.b.scalar(dtype, value);
        out = c.choose(hit, value, out)?;
    }
    Ok(out)
}

fn logical_not(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let x = truth(c, x)?;
    c.unary(UnaryOp::Not, x)
}

/// What Python calls true: anything but zero.
pub(super) fn truth(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    if c.b.dtype(x) == DType::Bool {
        return Ok(x);
    }
    let zero = c.b.scalar_like(x, 0.0);
    let is_zero = c.binary(BinaryOp::Equal, x, zero)?;
    c.unary(UnaryOp::Not, is_zero)
}

fn bitwise_not(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.unary(if c.b.dtype(x) == DType::Bool { UnaryOp::Not } else { UnaryOp::BitwiseNot }, x)
}
