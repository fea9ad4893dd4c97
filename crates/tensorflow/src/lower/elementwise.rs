//! Arithmetic, element by element (`core/kernels/cwise_ops.h` of TensorFlow 2.21 says what each computes).

use super::call::Call;
use super::complex;
use super::formula::{self as f, is_zero, zero_where};
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Abs", |c| unary(c, UnaryOp::Abs)),
    row("Neg", |c| unary(c, UnaryOp::Neg)),
    row("Exp", |c| if complex::any(c) { complex::exponential(c) } else { unary(c, UnaryOp::Exp) }),
    row("Log", |c| unary(c, UnaryOp::Log)),
    row("Sqrt", |c| unary(c, UnaryOp::Sqrt)),
    row("Reciprocal", reciprocal),
    row("Inv", reciprocal),
    row("Floor", |c| unary(c, UnaryOp::Floor)),
    row("Ceil", |c| unary(c, UnaryOp::Ceil)),
    row("Round", |c| unary(c, UnaryOp::Round)),
    row("Rint", |c| unary(c, UnaryOp::Round)),
    row("Sign", |c| unary(c, UnaryOp::Sign)),
    row("Sin", |c| unary(c, UnaryOp::Sin)),
    row("Cos", |c| unary(c, UnaryOp::Cos)),
    row("Tan", |c| unary(c, UnaryOp::Tan)),
    row("Asin", |c| unary(c, UnaryOp::Asin)),
    row("Acos", |c| unary(c, UnaryOp::Acos)),
    row("Atan", |c| unary(c, UnaryOp::Atan)),
    row("Sinh", |c| unary(c, UnaryOp::Sinh)),
    row("Cosh", |c| unary(c, UnaryOp::Cosh)),
    row("Asinh", |c| unary(c, UnaryOp::Asinh)),
    row("Acosh", |c| unary(c, UnaryOp::Acosh)),
    row("Atanh", |c| unary(c, UnaryOp::Atanh)),
    row("Erf", |c| unary(c, UnaryOp::Erf)),
    row("Erfc", |c| single(c, Builder::erf_complement)),
    row("Rsqrt", |c| single(c, f::rsqrt)),
    row("Square", |c| single(c, f::square)),
    row("Expm1", |c| single(c, expm1)),
    row("Log1p", |c| single(c, Builder::log1p)),
    row("Invert", |c| unary(c, UnaryOp::BitwiseNot)),
    row("IsNan", |c| unary(c, UnaryOp::IsNaN)),
    row("IsInf", |c| unary(c, UnaryOp::IsInf)),
    row("IsFinite", |c| single(c, is_finite)),
    row("Add", |c| binary(c, BinaryOp::Add)),
    row("AddV2", |c| binary(c, BinaryOp::Add)),
    row("AddN", add_n),
    row("AccumulateNV2", add_n),
    row("Sub", |c| binary(c, BinaryOp::Sub)),
    row("Mul", |c| if complex::any(c) { complex::product(c) } else { binary(c, BinaryOp::Mul) }),
    row("RealDiv", |c| binary(c, BinaryOp::Div)),
    // Of integers: truncated.
    row("Div", |c| binary(c, BinaryOp::Div)),
    row("TruncateDiv", |c| two(c, truncated_quotient)),
    row("FloorDiv", |c| two(c, floor_divide)),
    row("FloorMod", |c| binary(c, BinaryOp::Mod)),
    row("Mod", |c| binary(c, BinaryOp::Fmod)),
    row("TruncateMod", |c| binary(c, BinaryOp::Fmod)),
    row("DivNoNan", |c| two(c, Builder::divide_no_nan)),
    row("MulNoNan", |c| two(c, multiply_no_nan)),
    row("Xdivy", |c| two(c, |b, x, y| unless_zero(b, x, y, BinaryOp::Div))),
    row("Xlogy", |c| {
        two(c, |b, x, y| {
            let log = b.unary(UnaryOp::Log, y)?;
            unless_zero(b, x, log, BinaryOp::Mul)
        })
    }),
    row("Xlog1py", |c| {
        two(c, |b, x, y| {
            let log = b.log1p(y)?;
            unless_zero(b, x, log, BinaryOp::Mul)
        })
    }),
    row("Pow", |c| binary(c, BinaryOp::Pow)),
    row("Maximum", |c| binary(c, BinaryOp::Max)),
    row("Minimum", |c| binary(c, BinaryOp::Min)),
    row("SquaredDifference", |c| {
        two(c, |b, x, y| {
            let d = b.binary(BinaryOp::Sub, x, y)?;
            f::square(b, d)
        })
    }),
    row("Atan2", |c| two(c, Builder::atan2)),
    row("BitwiseAnd", |c| binary(c, BinaryOp::BitwiseAnd)),
    row("BitwiseOr", |c| binary(c, BinaryOp::BitwiseOr)),
    row("BitwiseXor", |c| binary(c, BinaryOp::BitwiseXor)),
    row("LeftShift", |c| two(c, Builder::shift_left)),
    row("RightShift", |c| two(c, Builder::shift_right)),
    row("ClipByValue", clip_by_value),
];

pub(super) fn unary(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = c.x()?;
    c.b.unary(op, x)
}

pub(super) fn single(c: &mut Call<'_>, f: fn(&mut Builder, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let x = c.x()?;
    f(c.b, x)
}

pub(super) fn binary(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let [x, y] = c.pair()?;
    if super::driver::is_text(c.b, x) && op != BinaryOp::Equal {
        return Err(c.unsupported("strings are not computed with"));
    }
    c.b.binary(op, x, y)
}

pub(super) fn two(c: &mut Call<'_>, f: fn(&mut Builder, ValueId, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let [x, y] = c.pair()?;
    f(c.b, x, y)
}

fn reciprocal(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    if c.b.dtype(x).is_float() {
        return c.b.unary(UnaryOp::Reciprocal, x);
    }
    let one = c.b.scalar_like(x, 1.0);
    c.b.binary(BinaryOp::Div, one, x)
}

/// exp(x) − 1. With u = exp(x) rounded, (u − 1)·x/log(u) is exact to the last digits where u − 1 is not.
fn expm1(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let u = b.unary(UnaryOp::Exp, x)?;
    let plain = b.binary_scalar(BinaryOp::Sub, u, 1.0)?;
    let log = b.unary(UnaryOp::Log, u)?;
    let ratio = b.binary(BinaryOp::Div, x, log)?;
    let better = b.binary(BinaryOp::Mul, plain, ratio)?;
    let small = b.unary(UnaryOp::Abs, x)?;
    let small = f::below(b, small, 0.5)?;
    let none = is_zero(b, plain)?;
    let better = b.choose(none, x, better)?;
    b.choose(small, better, plain)
}

/// NaN is not below infinity either.
fn is_finite(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let size = b.unary(UnaryOp::Abs, x)?;
    b.binary_scalar(BinaryOp::Less, size, f64::INFINITY)
}

fn add_n(c: &mut Call<'_>) -> Result<ValueId> {
    let mut sum = c.x()?;
    for &p in c.inputs.get(1..).unwrap_or_default() {
        sum = c.b.binary(BinaryOp::Add, sum, p)?;
    }
    Ok(sum)
}

fn truncated_quotient(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let q = b.binary(BinaryOp::Div, x, y)?;
    if b.dtype(x).is_float() { f::truncate(b, q) } else { Ok(q) }
}

/// The quotient rounded down: of integers as Python's `//`.
pub(super) fn floor_divide(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let dtype = b.dtype(x);
    if dtype.is_float() {
        let q = b.binary(BinaryOp::Div, x, y)?;
        return b.unary(UnaryOp::Floor, q);
    }
    let positive = |b: &Builder| {
        let known = |v| b.known(v).and_then(modelport_ir::infer::Known::values);
        // Sizes that are not known yet are not negative.
        let size = b.known(x).is_some_and(|k| k.0.iter().all(|k| k.value().is_none_or(|v| v >= 0)));
        known(y).is_some_and(|v| v.iter().all(|v| *v > 0)) && size && comes_from_shape(b, x, 8)
    };
    if !dtype.is_signed_int() || positive(b) {
        return b.binary(BinaryOp::Div, x, y);
    }
    // x − (x mod y) divides without rest.
    let rest = b.binary(BinaryOp::Mod, x, y)?;
    let even = b.binary(BinaryOp::Sub, x, rest)?;
    b.binary(BinaryOp::Div, even, y)
}

/// Whether a value is a dimension, picked and converted only.
fn comes_from_shape(b: &Builder, x: ValueId, depth: usize) -> bool {
    if b.as_constant(x).is_some() {
        return true;
    }
    let Some(node) = b.graph().producer(x) else { return false };
    match &node.op {
        Op::Shape { .. } | Op::Size => true,
        Op::Cast { .. } | Op::Gather { .. } | Op::Slice | Op::Squeeze { .. } | Op::Unsqueeze { .. } if depth > 0 => {
            node.inputs.first().copied().flatten().is_some_and(|i| comes_from_shape(b, i, depth - 1))
        }
        _ => false,
    }
}

/// x · y, 0 where y is 0 whatever x is.
fn multiply_no_nan(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let none = is_zero(b, y)?;
    let product = b.binary(BinaryOp::Mul, x, y)?;
    zero_where(b, none, product)
}

/// 0 where x is 0, else the op.
fn unless_zero(b: &mut Builder, x: ValueId, y: ValueId, op: BinaryOp) -> Result<ValueId> {
    let none = is_zero(b, x)?;
    let value = b.binary(op, x, y)?;
    zero_where(b, none, value)
}

fn clip_by_value(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, low, high] = c.three()?;
    let one = |b: &Builder, v: ValueId| b.ty(v).elements() == Some(1);
    if one(c.b, low) && one(c.b, high) {
        let (low, high) = (f::scalar(c.b, low)?, f::scalar(c.b, high)?);
        return c.b.one(Op::Clip, &[x, low, high]);
    }
    let y = c.b.binary(BinaryOp::Min, x, high)?;
    c.b.binary(BinaryOp::Max, y, low)
}
