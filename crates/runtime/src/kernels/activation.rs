//! Activations with attributes, and `Clip`.

use super::Call;
use super::binary::{maximum, minimum};
use super::special::erf;
use crate::Array;
use crate::array::{Num, Real, mapped, number, real};
use modelport_diag::Result;
use modelport_ir::Op;

/// An activation of one floating-point operand.
pub(super) fn activation(c: &Call<'_>) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    real!(x.dtype(), T => {
        let f = function::<T>(c.op);
        Ok(vec![mapped(&T::read(x)?, x.dtype(), &f)?])
    })
}

fn function<T: Real>(op: &Op) -> Box<dyn Fn(T) -> T> {
    let of = T::of;
    let zero = T::ZERO;
    match *op {
        Op::Elu { alpha } => {
            let a = of(alpha);
            Box::new(move |x| if x < zero { a * x.exp_m1() } else { x })
        }
        Op::Selu { alpha, gamma } => {
            let (a, g) = (of(alpha), of(gamma));
            Box::new(move |x| g * if x < zero { a * x.exp_m1() } else { x })
        }
        Op::Celu { alpha } => {
            let a = of(alpha);
            Box::new(move |x| if x < zero { a * (x / a).exp_m1() } else { x })
        }
        Op::LeakyRelu { alpha } => {
            let a = of(alpha);
            Box::new(move |x| if x < zero { a * x } else { x })
        }
        Op::HardSigmoid { alpha, beta } => {
            let (a, b) = (of(alpha), of(beta));
            Box::new(move |x| clamp(a * x + b, zero, T::ONE))
        }
        Op::ThresholdedRelu { alpha } => {
            let a = of(alpha);
            Box::new(move |x| if x > a || x.nan() { x } else { zero })
        }
        Op::Shrink { bias, lambd } => {
            let (b, l) = (of(bias), of(lambd));
            Box::new(move |x| {
                if x > l {
                    x - b
                } else if x < -l {
                    x + b
                } else {
                    zero
                }
            })
        }
        Op::Gelu { approximate: false } => {
            Box::new(|x| T::of(0.5 * x.f64() * (1.0 + erf(x.f64() * std::f64::consts::FRAC_1_SQRT_2))))
        }
        Op::Gelu { approximate: true } => {
            let k = of((2.0 / std::f64::consts::PI).sqrt());
            Box::new(move |x| T::of(0.5) * x * (T::ONE + (k * (x + T::of(0.044715) * x * x * x)).tanh()))
        }
        // `apply` sends nothing else here.
        _ => Box::new(|x| x),
    }
}

/// `min(max(x, low), high)`: where the bounds cross, the upper one wins, as in ONNX. NaN stays.
fn clamp<T: Num>(x: T, low: T, high: T) -> T {
    minimum(maximum(x, low), high)
}

pub(super) fn clip(c: &Call<'_>) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    number!(x.dtype(), T => {
        let low = bound::<T>(c, 1)?;
        let high = bound::<T>(c, 2)?;
        let clipped = mapped::<T>(&T::read(x)?, x.dtype(), &|v| {
            let v = low.map_or(v, |l| maximum(v, l));
            high.map_or(v, |h| minimum(v, h))
        });
        Ok(vec![clipped?])
    })
}

fn bound<T: Num>(c: &Call<'_>, i: usize) -> Result<Option<T>> {
    Ok(match c.opt(i) {
        Some(a) => T::read(a)?.first().copied(),
        None => None,
    })
}
