//! Elementwise ops of one operand.

use super::Call;
use super::special::{erf, round_even, sigmoid, softplus};
use crate::Array;
use crate::array::{Int, Num, Real, mapped, real};
use modelport_diag::Result;
use modelport_ir::core::UnaryOp;

pub(super) fn unary(c: &Call<'_>, op: UnaryOp) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let out = match op {
        UnaryOp::Identity => x.clone(),
        UnaryOp::IsNaN => real!(x.dtype(), T => test::<T>(x, Num::nan)?),
        UnaryOp::IsInf => real!(x.dtype(), T => test::<T>(x, T::is_infinite)?),
        _ if x.dtype().is_float() => {
            real!(x.dtype(), T => mapped::<T>(&T::read(x)?, x.dtype(), &|v| float(op, v))?)
        }
        _ => mapped::<Int>(&Int::read(x)?, x.dtype(), &|v| whole(op, v))?,
    };
    Ok(vec![out])
}

fn test<T: Real>(x: &Array, f: fn(T) -> bool) -> Result<Array> {
    Array::from_vec(x.shape(), T::read(x)?.iter().map(|&v| f(v)).collect())
}

/// Sign, with zero and NaN as they are.
fn sign<T: Num>(x: T) -> T {
    match x.partial_cmp(&T::ZERO) {
        Some(std::cmp::Ordering::Greater) => T::ONE,
        Some(std::cmp::Ordering::Less) => T::ZERO - T::ONE,
        _ => x,
    }
}

fn float<T: Real>(op: UnaryOp, x: T) -> T {
    use UnaryOp::*;
    match op {
        Abs => x.abs(),
        Neg => -x,
        Exp => x.exp(),
        Log => x.ln(),
        Sqrt => x.sqrt(),
        Reciprocal => x.recip(),
        Floor => x.floor(),
        Ceil => x.ceil(),
        Round => round_even(x),
        Sign => sign(x),
        Sin => x.sin(),
        Cos => x.cos(),
        Tan => x.tan(),
        Asin => x.asin(),
        Acos => x.acos(),
        Atan => x.atan(),
        Sinh => x.sinh(),
        Cosh => x.cosh(),
        Asinh => x.asinh(),
        Acosh => x.acosh(),
        Atanh => x.atanh(),
        Erf => T::of(erf(x.f64())),
        Relu => rectify(x),
        Sigmoid => sigmoid(x),
        Tanh => x.tanh(),
        Softplus => softplus(x),
        Softsign => x / (T::ONE + x.abs()),
        HardSwish => x * (x / T::of(6.0) + T::of(0.5)).max(T::ZERO).min(T::ONE),
        Mish => x * softplus(x).tanh(),
        // These are not of floats; inference refuses them.
        Identity | Not | BitwiseNot | IsNaN | IsInf => x,
    }
}

/// `max(x, 0)` that keeps NaN.
fn rectify<T: Num>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

/// Integers and truth values; those ops that need floats are refused by inference.
fn whole(op: UnaryOp, x: Int) -> Int {
    use UnaryOp::*;
    match op {
        Abs => x.max(-x),
        Neg => -x,
        Sign => sign(x),
        Relu => rectify(x),
        Not => Int::of(1.0) - x,
        BitwiseNot => !x,
        Identity | Floor | Ceil | Round | Exp | Log | Sqrt | Reciprocal | Sin | Cos | Tan | Asin | Acos | Atan
        | Sinh | Cosh | Asinh | Acosh | Atanh | Erf | IsNaN | IsInf | Sigmoid | Tanh | Softplus | Softsign
        | HardSwish | Mish => x,
    }
}
