//! Elementwise ops, activations, casts and selections.

use super::context::{Ctx, Out, like, numeric, one};
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, TensorType};

pub(super) fn unary(c: Ctx<'_>, op: UnaryOp) -> Out {
    use UnaryOp::*;
    c.arity(1, 1)?;
    match op {
        Identity => like(c.ty(0)?),
        Not => like(c.check(0, "bool", |d| d == DType::Bool)?),
        BitwiseNot => like(c.int(0)?),
        IsNaN | IsInf => one(DType::Bool, c.float(0)?.shape.clone()),
        Abs | Neg | Sign | Relu | Floor | Ceil | Round => like(c.numeric(0)?),
        Exp | Log | Sqrt | Reciprocal | Sin | Cos | Tan | Asin | Acos | Atan | Sinh | Cosh | Asinh | Acosh | Atanh
        | Erf | Sigmoid | Tanh | Softplus | Softsign | HardSwish | Mish => like(c.float(0)?),
    }
}

pub(super) fn binary(c: Ctx<'_>, op: BinaryOp) -> Out {
    use BinaryOp::*;
    c.arity(2, 2)?;
    let (x, y) = (c.ty(0)?, c.ty(1)?);
    c.same_dtype(1, x.dtype)?;
    let (what, fits): (&str, fn(DType) -> bool) = match op {
        And | Or | Xor => ("bool", |d| d == DType::Bool),
        BitwiseAnd | BitwiseOr | BitwiseXor => ("integer", DType::is_int),
        ShiftLeft | ShiftRight => ("unsigned integer", |d| d.is_int() && !d.is_signed_int()),
        Equal => ("any", |_| true),
        Add | Sub | Mul | Div => ("numeric", |d| numeric(d) || matches!(d, DType::C64 | DType::C128)),
        Pow | Mod | Fmod | Max | Min | PRelu | Greater | GreaterOrEqual | Less | LessOrEqual => ("numeric", numeric),
    };
    c.check(0, what, fits)?;
    let shape = c.broadcast(&x.shape, &y.shape)?;
    match op {
        Equal | Greater | GreaterOrEqual | Less | LessOrEqual => one(DType::Bool, shape),
        PRelu => {
            let fits = shape.len() == x.rank()
                && shape.iter().zip(&x.shape).all(|(s, d)| s.known().is_none_or(|n| d.known().is_none_or(|m| m == n)));
            c.require(fits, || "the slope must broadcast to the first operand".to_owned())?;
            like(x)
        }
        _ => one(x.dtype, shape),
    }
}

/// One floating-point operand, same type out.
pub(super) fn activation(c: Ctx<'_>) -> Out {
    c.arity(1, 1)?;
    like(c.float(0)?)
}

/// As [`activation`], along an axis.
pub(super) fn along(c: Ctx<'_>, axis: i64) -> Out {
    c.axis(axis, c.ty(0)?.rank())?;
    activation(c)
}

pub(super) fn clip(c: Ctx<'_>) -> Out {
    c.arity(1, 3)?;
    let x = c.numeric(0)?;
    c.same_dtype(1, x.dtype)?;
    for i in 1..3 {
        if c.opt(i).is_some() {
            c.rank(i, 0)?;
        }
    }
    like(x)
}

pub(super) fn cast(c: Ctx<'_>, to: DType) -> Out {
    c.arity(1, 1)?;
    let x: &TensorType = c.ty(0)?;
    one(to, x.shape.clone())
}

pub(super) fn choose(c: Ctx<'_>) -> Out {
    c.arity(3, 3)?;
    let cond = c.check(0, "bool", |d| d == DType::Bool)?;
    let (x, y) = (c.ty(1)?, c.ty(2)?);
    c.same_dtype(1, x.dtype)?;
    one(x.dtype, c.broadcast(&cond.shape, &c.broadcast(&x.shape, &y.shape)?)?)
}
