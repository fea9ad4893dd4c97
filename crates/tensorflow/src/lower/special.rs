//! Special functions by series that are exact to single precision (`core/kernels/cwise_op_lgamma.cc` and others say what
//! TensorFlow computes).

use super::call::Call;
use super::elementwise::single;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, ValueId};
use std::f64::consts::PI;

pub(crate) const ROWS: &[Row] = &[
    row("Lgamma", |c: &mut Call<'_>| single(c, log_gamma)),
    row("Digamma", |c: &mut Call<'_>| single(c, digamma)),
    row("Erfinv", |c: &mut Call<'_>| single(c, Builder::erf_inverse)),
    row("Ndtri", |c: &mut Call<'_>| single(c, normal_quantile)),
];

/// Lanczos's coefficients for g = 7 (W. Lanczos 1964, in the form of P. Godfrey).
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// log|Γ(x)|; below 1/2 by reflection: log(π / |sin πx|) − log Γ(1 − x).
fn log_gamma(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let reflects = f::below(b, x, 0.5)?;
    let one = b.scalar_like(x, 1.0);
    let mirrored = b.binary(BinaryOp::Sub, one, x)?;
    let z = b.choose(reflects, mirrored, x)?;
    let z = b.binary_scalar(BinaryOp::Sub, z, 1.0)?;
    let mut sum = b.scalar_like(x, LANCZOS[0]);
    for (i, &coefficient) in LANCZOS.iter().enumerate().skip(1) {
        let divisor = b.binary_scalar(BinaryOp::Add, z, i as f64)?;
        let coefficient = b.scalar_like(x, coefficient);
        let term = b.binary(BinaryOp::Div, coefficient, divisor)?;
        sum = b.binary(BinaryOp::Add, sum, term)?;
    }
    let t = b.binary_scalar(BinaryOp::Add, z, 7.5)?;
    let (log_t, log_sum) = (b.unary(UnaryOp::Log, t)?, b.unary(UnaryOp::Log, sum)?);
    let power = b.binary_scalar(BinaryOp::Add, z, 0.5)?;
    // (z + 1/2)·log t − t, arranged so that large numbers do not cancel.
    let slope = b.binary_scalar(BinaryOp::Sub, log_t, 1.0)?;
    let main = b.binary(BinaryOp::Mul, power, slope)?;
    let rest = b.binary_scalar(BinaryOp::Add, log_sum, 0.5 * (2.0 * PI).ln() - 7.0)?;
    let value = b.binary(BinaryOp::Add, main, rest)?;
    let sine = sine_of_turns(b, x)?;
    let size = b.unary(UnaryOp::Abs, sine)?;
    let log_sine = b.unary(UnaryOp::Log, size)?;
    let log_pi = b.scalar_like(x, PI.ln());
    let reflection = b.binary(BinaryOp::Sub, log_pi, log_sine)?;
    let below = b.binary(BinaryOp::Sub, reflection, value)?;
    b.choose(reflects, below, value)
}

/// x without its whole part, times π.
fn part_of_turn(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let whole = b.unary(UnaryOp::Round, x)?;
    let rest = b.binary(BinaryOp::Sub, x, whole)?;
    b.binary_scalar(BinaryOp::Mul, rest, PI)
}

/// |sin πx| up to its sign.
fn sine_of_turns(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let angle = part_of_turn(b, x)?;
    b.unary(UnaryOp::Sin, angle)
}

/// The derivative of log Γ: moved up by six, then the asymptotic series; below 1/2 by reflection.
fn digamma(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let reflects = f::below(b, x, 0.5)?;
    let one = b.scalar_like(x, 1.0);
    let mirrored = b.binary(BinaryOp::Sub, one, x)?;
    let z = b.choose(reflects, mirrored, x)?;
    let mut steps = None;
    for i in 0..6 {
        let at = b.binary_scalar(BinaryOp::Add, z, f64::from(i))?;
        let step = b.unary(UnaryOp::Reciprocal, at)?;
        steps = Some(match steps {
            None => step,
            Some(s) => b.binary(BinaryOp::Add, s, step)?,
        });
    }
    let t = b.binary_scalar(BinaryOp::Add, z, 6.0)?;
    let inverse = b.unary(UnaryOp::Reciprocal, t)?;
    let square = b.binary(BinaryOp::Mul, inverse, inverse)?;
    let series = b.polynomial(square, &[0.0, -1.0 / 12.0, 1.0 / 120.0, -1.0 / 252.0, 1.0 / 240.0])?;
    let log = b.unary(UnaryOp::Log, t)?;
    let half = b.binary_scalar(BinaryOp::Mul, inverse, 0.5)?;
    let mut value = b.binary(BinaryOp::Sub, log, half)?;
    value = b.binary(BinaryOp::Add, value, series)?;
    if let Some(steps) = steps {
        value = b.binary(BinaryOp::Sub, value, steps)?;
    }
    // ψ(x) = ψ(1 − x) − π / tan πx
    let angle = part_of_turn(b, x)?;
    let tangent = b.unary(UnaryOp::Tan, angle)?;
    let pi = b.scalar_like(x, PI);
    let turn = b.binary(BinaryOp::Div, pi, tangent)?;
    let below = b.binary(BinaryOp::Sub, value, turn)?;
    b.choose(reflects, below, value)
}

/// What a share `p` of numbers of the normal distribution is below. Near 0 it is as exact as `p` is: 1 − (2p − 1)² is
/// 4p·(1 − p). `p` is neither 0 nor 1.
pub(super) fn quantile_of_share(b: &mut Builder, p: ValueId) -> Result<ValueId> {
    let negated = b.unary(UnaryOp::Neg, p)?;
    let (above, four) = (b.binary_scalar(BinaryOp::Add, negated, 1.0)?, b.binary_scalar(BinaryOp::Mul, p, 4.0)?);
    let product = b.binary(BinaryOp::Mul, four, above)?;
    let log = b.unary(UnaryOp::Log, product)?;
    let twice = b.binary_scalar(BinaryOp::Mul, p, 2.0)?;
    let centred = b.binary_scalar(BinaryOp::Sub, twice, 1.0)?;
    let value = b.erf_inverse_at(centred, log)?;
    b.binary_scalar(BinaryOp::Mul, value, std::f64::consts::SQRT_2)
}

/// √2·erf⁻¹(2x − 1)
fn normal_quantile(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let twice = b.binary_scalar(BinaryOp::Mul, x, 2.0)?;
    let centred = b.binary_scalar(BinaryOp::Sub, twice, 1.0)?;
    let value = b.erf_inverse(centred)?;
    b.binary_scalar(BinaryOp::Mul, value, std::f64::consts::SQRT_2)
}
