//! Keras 3 operations that work element by element (keras/src/ops/{numpy,math,core}.py, 3.15).
//!
//! Owns: arithmetic, comparison, logic, rounding, casts. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations_args::{self as args, Rules};
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    // Arithmetic.
    row("Add", |c| binary(c, BinaryOp::Add)),
    row("Subtract", |c| binary(c, BinaryOp::Sub)),
    row("Multiply", |c| binary(c, BinaryOp::Mul)),
    row("Divide", |c| float_binary(c, |b, x, y| b.binary(BinaryOp::Div, x, y))),
    row("TrueDivide", |c| float_binary(c, |b, x, y| b.binary(BinaryOp::Div, x, y))),
    row("DivideNoNan", |c| float_binary(c, Builder::divide_no_nan)),
    row("FloorDivide", |c| pair(c, core::floor_divide)),
    row("Mod", |c| binary(c, BinaryOp::Mod)),
    row("Fmod", |c| binary(c, BinaryOp::Fmod)),
    row("Power", |c| binary(c, BinaryOp::Pow)),
    row("Maximum", |c| binary(c, BinaryOp::Max)),
    row("Minimum", |c| binary(c, BinaryOp::Min)),
    row("Hypot", |c| float_binary(c, hypot)),
    row("Logaddexp", |c| float_binary(c, |b, x, y| b.log_add_exp(x, y, 1.0))),
    row("Outer", outer),
    row("Clip", clip),
    // Comparison and logic.
    row("Equal", |c| binary(c, BinaryOp::Equal)),
    row("NotEqual", |c| pair(c, core::differs)),
    row("Greater", |c| binary(c, BinaryOp::Greater)),
    row("GreaterEqual", |c| binary(c, BinaryOp::GreaterOrEqual)),
    row("Less", |c| binary(c, BinaryOp::Less)),
    row("LessEqual", |c| binary(c, BinaryOp::LessOrEqual)),
    row("LogicalAnd", |c| logical(c, BinaryOp::And)),
    row("LogicalOr", |c| logical(c, BinaryOp::Or)),
    row("LogicalXor", |c| logical(c, BinaryOp::Xor)),
    row("LogicalNot", |c| {
        let x = args::value(c, 0, "x")?;
        let x = c.b.cast(x, DType::Bool)?;
        c.b.unary(UnaryOp::Not, x)
    }),
    row("BitwiseAnd", |c| binary(c, BinaryOp::BitwiseAnd)),
    row("BitwiseOr", |c| binary(c, BinaryOp::BitwiseOr)),
    row("BitwiseXor", |c| binary(c, BinaryOp::BitwiseXor)),
    row("BitwiseInvert", |c| same(c, UnaryOp::BitwiseNot)),
    row("BitwiseNot", |c| same(c, UnaryOp::BitwiseNot)),
    row("Isnan", |c| float_unary(c, UnaryOp::IsNaN)),
    row("Isinf", |c| float_unary(c, UnaryOp::IsInf)),
    row("Isfinite", |c| float_fn(c, finite)),
    row("Where", choose),
    // Of one operand.
    row("Absolute", |c| same(c, UnaryOp::Abs)),
    row("Abs", |c| same(c, UnaryOp::Abs)),
    row("Negative", |c| same(c, UnaryOp::Neg)),
    row("Sign", |c| same(c, UnaryOp::Sign)),
    row("Floor", |c| float_unary(c, UnaryOp::Floor)),
    row("Ceil", |c| float_unary(c, UnaryOp::Ceil)),
    row("Trunc", |c| float_fn(c, trunc)),
    row("Round", round),
    row("Exp", |c| float_unary(c, UnaryOp::Exp)),
    row("Exp2", |c| {
        float_fn(c, |b, x| {
            let x = b.binary_scalar(BinaryOp::Mul, x, std::f64::consts::LN_2)?;
            b.unary(UnaryOp::Exp, x)
        })
    }),
    row("Expm1", |c| float_fn(c, core::expm1)),
    row("Log", |c| float_unary(c, UnaryOp::Log)),
    row("Log1p", |c| float_fn(c, core::log1p)),
    row("Log2", |c| float_fn(c, |b, x| logarithm(b, x, 2.0))),
    row("Log10", |c| float_fn(c, |b, x| logarithm(b, x, 10.0))),
    row("Sqrt", |c| float_unary(c, UnaryOp::Sqrt)),
    row("Cbrt", |c| float_fn(c, cube_root)),
    row("Rsqrt", |c| float_fn(c, core::rsqrt)),
    row("Square", |c| {
        let x = args::value(c, 0, "x")?;
        core::square(c.b, x)
    }),
    row("Reciprocal", |c| float_unary(c, UnaryOp::Reciprocal)),
    row("Sin", |c| float_unary(c, UnaryOp::Sin)),
    row("Cos", |c| float_unary(c, UnaryOp::Cos)),
    row("Tan", |c| float_unary(c, UnaryOp::Tan)),
    row("Arcsin", |c| float_unary(c, UnaryOp::Asin)),
    row("Arccos", |c| float_unary(c, UnaryOp::Acos)),
    row("Arctan", |c| float_unary(c, UnaryOp::Atan)),
    row("Sinh", |c| float_unary(c, UnaryOp::Sinh)),
    row("Cosh", |c| float_unary(c, UnaryOp::Cosh)),
    row("Tanh", |c| float_unary(c, UnaryOp::Tanh)),
    row("Arcsinh", |c| float_unary(c, UnaryOp::Asinh)),
    row("Arccosh", |c| float_unary(c, UnaryOp::Acosh)),
    row("Arctanh", |c| float_unary(c, UnaryOp::Atanh)),
    row("Erf", |c| float_unary(c, UnaryOp::Erf)),
    row("Deg2rad", |c| float_fn(c, |b, x| b.binary_scalar(BinaryOp::Mul, x, std::f64::consts::PI / 180.0))),
    row("Rad2deg", |c| float_fn(c, |b, x| b.binary_scalar(BinaryOp::Mul, x, 180.0 / std::f64::consts::PI))),
    // Types and copies.
    row("Cast", cast),
    row("Copy", |c| args::value(c, 0, "x")),
    row("StopGradient", |c| args::value(c, 0, "variable")),
    row("ConvertToTensor", convert),
    row("Identity", |c| args::value(c, 0, "x")),
    row("Real", |c| args::value(c, 0, "x")),
    row("Conjugate", |c| args::value(c, 0, "x")),
    row("ZerosLike", |c| like(c, Some(0.0))),
    row("OnesLike", |c| like(c, Some(1.0))),
    row("FullLike", |c| like(c, None)),
    row("EmptyLike", |c| like(c, Some(0.0))),
    row("Array", convert),
    row("Conj", |c| args::value(c, 0, "x")),
    row("NanToNum", nan_to_num),
];

type Pair = fn(&mut Builder, ValueId, ValueId) -> Result<ValueId>;
type Single = fn(&mut Builder, ValueId) -> Result<ValueId>;

/// Both arguments in one type.
pub(super) fn operands(c: &mut Call<'_>, at_least: Option<DType>) -> Result<[ValueId; 2]> {
    let x = args::get(c, 0, "x1")?;
    let y = args::get(c, 1, "x2")?;
    let both = args::promote(c.b, &[x, y], Rules::Keras, at_least)?;
    match both.as_slice() {
        &[x, y] => Ok([x, y]),
        _ => Err(c.unsupported("two arguments")),
    }
}

fn pair(c: &mut Call<'_>, f: Pair) -> Result<ValueId> {
    let [x, y] = operands(c, None)?;
    f(c.b, x, y)
}

fn binary(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let [mut x, mut y] = operands(c, None)?;
    // Arithmetic of truth values is that of small integers; sums and products of them stay truth values.
    if c.b.dtype(x) == DType::Bool {
        let logic = match op {
            BinaryOp::Add | BinaryOp::Max => Some(BinaryOp::Or),
            BinaryOp::Mul | BinaryOp::Min => Some(BinaryOp::And),
            BinaryOp::Equal | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => None,
            _ => {
                x = c.b.cast(x, DType::I32)?;
                y = c.b.cast(y, DType::I32)?;
                None
            }
        };
        return c.b.binary(logic.unwrap_or(op), x, y);
    }
    c.b.binary(op, x, y)
}

fn float_binary(c: &mut Call<'_>, f: Pair) -> Result<ValueId> {
    let [x, y] = operands(c, Some(DType::F32))?;
    f(c.b, x, y)
}

fn logical(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let (x, y) = (args::value(c, 0, "x1")?, args::value(c, 1, "x2")?);
    let (x, y) = (c.b.cast(x, DType::Bool)?, c.b.cast(y, DType::Bool)?);
    c.b.binary(op, x, y)
}

/// Of the operand's own type.
fn same(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    c.b.unary(op, x)
}

/// Of floating point; integers become f32.
fn float_unary(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let x = core::float(c.b, x)?;
    c.b.unary(op, x)
}

fn float_fn(c: &mut Call<'_>, f: Single) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let x = core::float(c.b, x)?;
    f(c.b, x)
}

fn hypot(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let (x, y) = (core::square(b, x)?, core::square(b, y)?);
    let sum = b.binary(BinaryOp::Add, x, y)?;
    b.unary(UnaryOp::Sqrt, sum)
}

fn outer(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = operands(c, None)?;
    let (x, y) = (core::ravel(c.b, x)?, core::ravel(c.b, y)?);
    let (x, y) = (c.b.unsqueeze(x, &[1])?, c.b.unsqueeze(y, &[0])?);
    c.b.binary(BinaryOp::Mul, x, y)
}

fn clip(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let bound = |c: &Call<'_>, position: usize, name: &str| {
        let attr = args::plain(c, position, name)?;
        attr.as_float()
    };
    let (low, high) = (bound(c, 1, "x_min"), bound(c, 2, "x_max"));
    let float = [low, high].into_iter().flatten().any(|v| v.fract() != 0.0);
    let x = if float || c.b.dtype(x) == DType::Bool { core::float(c.b, x)? } else { x };
    core::clip(c.b, x, low, high)
}

fn finite(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let (nan, inf) = (b.unary(UnaryOp::IsNaN, x)?, b.unary(UnaryOp::IsInf, x)?);
    let either = b.binary(BinaryOp::Or, nan, inf)?;
    b.unary(UnaryOp::Not, either)
}

fn choose(c: &mut Call<'_>) -> Result<ValueId> {
    let condition = args::value(c, 0, "condition")?;
    let condition = c.b.cast(condition, DType::Bool)?;
    let (x, y) = (args::get(c, 1, "x1")?, args::get(c, 2, "x2")?);
    let both = args::promote(c.b, &[x, y], Rules::Keras, None)?;
    let operands: Vec<ValueId> = std::iter::once(condition).chain(both).collect();
    c.b.one(Op::Where, &operands)
}

/// Towards zero.
fn trunc(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let size = b.unary(UnaryOp::Abs, x)?;
    let size = b.unary(UnaryOp::Floor, size)?;
    let sign = b.unary(UnaryOp::Sign, x)?;
    b.binary(BinaryOp::Mul, sign, size)
}

fn round(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let decimals = c.int_or("decimals", 0)?;
    if !c.b.dtype(x).is_float() && decimals >= 0 {
        return Ok(x);
    }
    let x = core::float(c.b, x)?;
    if decimals == 0 {
        return c.b.unary(UnaryOp::Round, x);
    }
    let factor = 10f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
    let scaled = c.b.binary_scalar(BinaryOp::Mul, x, factor)?;
    let rounded = c.b.unary(UnaryOp::Round, scaled)?;
    c.b.binary_scalar(BinaryOp::Div, rounded, factor)
}

fn logarithm(b: &mut Builder, x: ValueId, base: f64) -> Result<ValueId> {
    let log = b.unary(UnaryOp::Log, x)?;
    b.binary_scalar(BinaryOp::Mul, log, 1.0 / base.ln())
}

fn cube_root(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let size = b.unary(UnaryOp::Abs, x)?;
    let root = b.binary_scalar(BinaryOp::Pow, size, 1.0 / 3.0)?;
    let sign = b.unary(UnaryOp::Sign, x)?;
    b.binary(BinaryOp::Mul, sign, root)
}

fn cast(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    match args::plain(c, 1, "dtype").and_then(args::dtype_of) {
        Some(d) => c.b.cast(x, d),
        None => Err(c.missing_argument("dtype", "an element type")),
    }
}

fn convert(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    match args::plain(c, 1, "dtype").and_then(args::dtype_of) {
        Some(d) => c.b.cast(x, d),
        None => Ok(x),
    }
}

fn like(c: &mut Call<'_>, value: Option<f64>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    let dtype = args::plain(c, usize::MAX, "dtype").and_then(args::dtype_of).unwrap_or(c.b.dtype(x));
    let value = match value {
        Some(v) => c.b.scalar(dtype, v),
        None => {
            let fill = args::get(c, 1, "fill_value")?;
            let fill = args::own(c.b, fill);
            c.b.cast(fill, dtype)?
        }
    };
    core::filled_like(c.b, x, value)
}

fn nan_to_num(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "x")?;
    if !c.b.dtype(x).is_float() {
        return Ok(x);
    }
    let most = largest(c.b.dtype(x));
    let (high, low) = (c.float_or("posinf", most)?, c.float_or("neginf", -most)?);
    let nan = c.float_or("nan", 0.0)?;
    finite_numbers(c.b, x, nan, [low, high])
}

/// The largest finite number of a type.
pub(super) fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 65504.0,
        DType::F64 => f64::MAX,
        _ => f64::from(f32::MAX),
    }
}

/// x with numbers in place of what is none and of what is infinite.
pub(super) fn finite_numbers(b: &mut Builder, x: ValueId, nan: f64, [low, high]: [f64; 2]) -> Result<ValueId> {
    let (is_nan, nan) = (b.unary(UnaryOp::IsNaN, x)?, b.scalar_like(x, nan));
    let y = b.one(Op::Where, &[is_nan, nan, x])?;
    let inf = b.unary(UnaryOp::IsInf, x)?;
    let positive = b.scalar_like(x, 0.0);
    let positive = b.binary(BinaryOp::Greater, x, positive)?;
    let (high, low) = (b.scalar_like(x, high), b.scalar_like(x, low));
    let bound = b.one(Op::Where, &[positive, high, low])?;
    b.one(Op::Where, &[inf, bound, y])
}

/// The argument `x` that most operations have.
pub(super) fn x(c: &mut Call<'_>) -> Result<ValueId> {
    args::value(c, 0, "x")
}
