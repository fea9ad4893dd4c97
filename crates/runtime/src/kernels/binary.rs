//! Elementwise ops of two operands, with NumPy's broadcasting.

use super::Call;
use crate::Array;
use crate::array::{Int, Num, Real, number, real, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use modelport_ir::core::BinaryOp;
use ndarray::{ArrayD, ArrayViewD, IxDyn, Zip};
use std::num::Wrapping;

/// Both operands at every position of the result, row-major.
pub(super) fn zip<T: Copy, U: Copy + Default>(
    c: &Call<'_>,
    shape: &[usize],
    x: ArrayViewD<'_, T>,
    y: ArrayViewD<'_, T>,
    f: &dyn Fn(T, T) -> U,
) -> Result<ArrayD<U>> {
    let differ = || c.error("the operands do not broadcast");
    let x = x.broadcast(IxDyn(shape)).ok_or_else(differ)?;
    let y = y.broadcast(IxDyn(shape)).ok_or_else(differ)?;
    let mut out = ArrayD::from_elem(IxDyn(shape), U::default());
    Zip::from(&mut out).and(x).and(y).for_each(|o, &x, &y| *o = f(x, y));
    Ok(out)
}

pub(super) fn binary(c: &Call<'_>, op: BinaryOp) -> Result<Vec<Array>> {
    use BinaryOp::*;
    let (x, y, shape) = (c.x(0)?, c.x(1)?, c.shape(0)?);
    if x.dtype() == DType::Str {
        return strings(c, &shape);
    }
    let out = match op {
        Equal => compare(c, &shape, |o| o == Some(std::cmp::Ordering::Equal))?,
        Greater => compare(c, &shape, |o| o.is_some_and(|o| o.is_gt()))?,
        GreaterOrEqual => compare(c, &shape, |o| o.is_some_and(|o| o.is_ge()))?,
        Less => compare(c, &shape, |o| o.is_some_and(|o| o.is_lt()))?,
        LessOrEqual => compare(c, &shape, |o| o.is_some_and(|o| o.is_le()))?,
        _ if x.dtype().is_float() => real!(x.dtype(), T => {
            let out = zip(c, &shape, T::read(x)?.view(), T::read(y)?.view(), &|a, b| float(op, a, b))?;
            T::store(out, x.dtype())?
        }),
        _ => {
            let (a, b) = (Int::read(x)?, Int::read(y)?);
            let undefined = match op {
                Div | Mod | Fmod => !a.is_empty() && b.iter().any(|v| v.0 == 0),
                _ => false,
            };
            c.require(!undefined, || "division of integers by zero".to_owned())?;
            Int::store(zip(c, &shape, a.view(), b.view(), &|a, b| Wrapping(whole(op, a.0, b.0)))?, x.dtype())?
        }
    };
    Ok(vec![out])
}

fn compare(c: &Call<'_>, shape: &[usize], f: fn(Option<std::cmp::Ordering>) -> bool) -> Result<Array> {
    let (x, y) = (c.x(0)?, c.x(1)?);
    number!(x.dtype(), T => {
        Ok(zip(c, shape, T::read(x)?.view(), T::read(y)?.view(), &|a, b| f(a.partial_cmp(&b)))?.into())
    })
}

/// Strings are only compared for equality.
fn strings(c: &Call<'_>, shape: &[usize]) -> Result<Vec<Array>> {
    let differ = || c.error("the operands do not broadcast");
    let x = c.of::<Vec<u8>>(0)?.broadcast(IxDyn(shape)).ok_or_else(differ)?;
    let y = c.of::<Vec<u8>>(1)?.broadcast(IxDyn(shape)).ok_or_else(differ)?;
    Ok(vec![shaped(shape, x.iter().zip(y.iter()).map(|(a, b)| a == b).collect::<Vec<bool>>())?.into()])
}

/// The larger one, or NaN when either is.
pub(super) fn maximum<T: Num>(x: T, y: T) -> T {
    if x.nan() || x > y { x } else { y }
}

/// The smaller one, or NaN when either is.
pub(super) fn minimum<T: Num>(x: T, y: T) -> T {
    if x.nan() || x < y { x } else { y }
}

fn float<T: Real>(op: BinaryOp, x: T, y: T) -> T {
    use BinaryOp::*;
    match op {
        Add => x + y,
        Sub => x - y,
        Mul => x * y,
        Div => x / y,
        Pow => x.powf(y),
        Mod => {
            let r = x % y;
            if r != T::ZERO && (r < T::ZERO) != (y < T::ZERO) { r + y } else { r }
        }
        Fmod => x % y,
        Max => maximum(x, y),
        Min => minimum(x, y),
        PRelu => {
            if x < T::ZERO {
                x * y
            } else {
                x
            }
        }
        // Comparisons are done before; the others are not of floats, which inference refuses.
        And | Or | Xor | BitwiseAnd | BitwiseOr | BitwiseXor | ShiftLeft | ShiftRight | Equal | Greater
        | GreaterOrEqual | Less | LessOrEqual => x,
    }
}

/// Integers and truth values. What overflows 128 bits wraps, so that the lower bits are right in every type.
fn whole(op: BinaryOp, x: i128, y: i128) -> i128 {
    use BinaryOp::*;
    match op {
        Add => x.wrapping_add(y),
        Sub => x.wrapping_sub(y),
        Mul => x.wrapping_mul(y),
        Div => x.checked_div(y).unwrap_or(0),
        Fmod => x.checked_rem(y).unwrap_or(0),
        Mod => {
            let r = x.checked_rem(y).unwrap_or(0);
            if r != 0 && (r < 0) != (y < 0) { r + y } else { r }
        }
        Pow => power(x, y),
        Max => x.max(y),
        Min => x.min(y),
        PRelu => {
            if x < 0 {
                x.wrapping_mul(y)
            } else {
                x
            }
        }
        And | BitwiseAnd => x & y,
        Or | BitwiseOr => x | y,
        Xor | BitwiseXor => x ^ y,
        ShiftLeft => u32::try_from(y).ok().and_then(|n| x.checked_shl(n)).unwrap_or(0),
        ShiftRight => u32::try_from(y).ok().and_then(|n| x.checked_shr(n)).unwrap_or(0),
        Equal | Greater | GreaterOrEqual | Less | LessOrEqual => x,
    }
}

/// By squaring; a negative exponent truncates the fraction towards zero.
fn power(x: i128, y: i128) -> i128 {
    if y < 0 {
        return match x {
            1 => 1,
            -1 => 1 - 2 * (y & 1),
            _ => 0,
        };
    }
    let (mut base, mut rest, mut out) = (x, y, 1i128);
    while rest > 0 {
        if rest & 1 == 1 {
            out = out.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        rest >>= 1;
    }
    out
}
