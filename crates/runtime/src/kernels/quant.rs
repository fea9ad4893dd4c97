//! Quantisation: scale and zero point per tensor, per axis, or per block of an axis.

use super::Call;
use super::movement::picked;
use super::special::round_even;
use crate::Array;
use crate::array::{Num, Real, number, real, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use ndarray::IxDyn;

/// Operand `i` as f64, one number for each element of x.
fn spread(c: &Call<'_>, i: usize, axis: i64, block: usize) -> Result<Option<Vec<f64>>> {
    let Some(p) = c.opt(i) else { return Ok(None) };
    let shape = c.x(0)?.shape();
    let p = if block > 0 {
        let at = c.axis(axis, shape.len())?;
        let mut maps = super::movement::identity(p.shape());
        maps[at] = (0..shape[at]).map(|k| k / block).collect();
        let inside = maps[at].last().is_none_or(|&k| k < p.shape()[at]);
        c.require(inside, || format!("operand {i} has too few blocks"))?;
        picked(p, maps)?
    } else if p.len() == 1 {
        p.reshape(&[])?
    } else {
        let at = c.axis(axis, shape.len())?;
        let mut dims = vec![1; shape.len()];
        dims[at] = p.len();
        p.reshape(&dims)?
    };
    let values = shaped(p.shape(), p.to_f64s()?)?;
    let whole = values.broadcast(IxDyn(shape)).ok_or_else(|| c.error(format!("operand {i} does not broadcast")))?;
    Ok(Some(whole.iter().copied().collect()))
}

/// x as floats: f64 stays, everything else is f32.
fn floats(x: &Array) -> Result<Array> {
    x.cast(if x.dtype() == DType::F64 { DType::F64 } else { DType::F32 })
}

pub(super) fn quantize(c: &Call<'_>, axis: i64, to: DType, saturate: bool, block: usize) -> Result<Vec<Array>> {
    let x = floats(c.x(0)?)?;
    let scale = spread(c, 1, axis, block)?.ok_or_else(|| c.error("the scale is missing"))?;
    let zero = spread(c, 2, axis, block)?.unwrap_or_else(|| vec![0.0; x.len()]);
    real!(x.dtype(), T => {
        let x = T::read(&x)?;
        let all = x.iter().zip(&scale).zip(&zero);
        let codes: Vec<f64> = all.map(|((&v, &s), &z)| code(v / T::of(s), z, to, saturate)).collect();
        Ok(vec![Array::from_vec(x.shape(), codes)?.cast(to)?])
    })
}

/// A scaled value as a number that the type holds.
fn code<T: Real>(v: T, zero: f64, to: DType, saturate: bool) -> f64 {
    if to.is_float() {
        let v = v.f64() + zero;
        // Half a step above the largest number: E4M3 rounds that tie down to it, E5M2 up and away.
        return match to {
            DType::F8E4M3 if !saturate && v.abs() > 464.0 => f64::NAN,
            DType::F8E5M2 if !saturate && v.abs() >= 61440.0 => f64::INFINITY.copysign(v),
            _ => v,
        };
    }
    let bits = to.size() as i32 * 8;
    let (low, high) = if to.is_signed_int() {
        (-(2f64.powi(bits - 1)), 2f64.powi(bits - 1) - 1.0)
    } else {
        (0.0, 2f64.powi(bits) - 1.0)
    };
    (round_even(v).f64() + zero).clamp(low, high)
}

pub(super) fn dequantize(c: &Call<'_>, axis: i64, block: usize) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let scale = spread(c, 1, axis, block)?.ok_or_else(|| c.error("the scale is missing"))?;
    let zero = spread(c, 2, axis, block)?.unwrap_or_else(|| vec![0.0; x.len()]);
    let values = number!(x.dtype(), T => T::read(x)?.iter().map(|v| v.f64()).collect::<Vec<_>>());
    real!(c.dtype(), T => {
        let all = values.iter().zip(&scale).zip(&zero);
        let out = all.map(|((&v, &s), &z)| T::of(v - z) * T::of(s)).collect();
        Ok(vec![T::store(shaped(x.shape(), out)?, c.dtype())?])
    })
}
