//! Normal numbers between bounds (`core/ops/random_ops.cc`, 2.21): TensorFlow draws again what is beyond them; here even numbers
//! are taken for shares of the distribution, which comes to the same.
//!
//! Owns: shares and bounds. Must never know: generators.

use super::call::Call;
use super::formula as f;
use super::random::seed;
use super::special::quantile_of_share;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::drawn::wide;
use modelport_ir::{Builder, DType, Tensor, ValueId};
use std::f64::consts::{PI, SQRT_2};

pub(crate) const ROWS: &[Row] = &[row("TruncatedNormal", normal), row("ParameterizedTruncatedNormal", parameterized)];

/// erf(√2): the share within two deviations.
const WITHIN: f64 = 0.954_499_736_103_641_6;

/// Deviations from which on single precision has too few shares.
const FAR: f64 = 5.0;

fn normal(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, dtype, seed) = (c.x()?, c.dtype_or("dtype", DType::F32)?, seed(c)?);
    truncated(c.b, shape, dtype, seed)
}

/// Numbers of mean 0 and deviation 1 between -2 and 2.
pub(super) fn truncated(b: &mut Builder, shape: ValueId, to: DType, seed: Option<f64>) -> Result<ValueId> {
    let even = b.drawn_evenly(shape, wide(to), seed)?;
    let twice = b.binary_scalar(BinaryOp::Mul, even, 2.0 * WITHIN)?;
    let share = b.binary_scalar(BinaryOp::Sub, twice, WITHIN)?;
    let part = b.erf_inverse(share)?;
    let all = b.binary_scalar(BinaryOp::Mul, part, SQRT_2)?;
    // The bounds are none of them, and rounding may reach them.
    let high = 2.0 - f64::from(f32::EPSILON);
    let all = f::clip(b, all, Some(-high), Some(high))?;
    b.cast(all, to)
}

/// Bounds of one row of a batch, in deviations from the mean. Shares near 0 are more exact than those near 1: what is above
/// the mean is mirrored.
struct Bounds {
    low: f64,
    high: f64,
    /// What a deviation is in the result.
    unit: f64,
}

impl Bounds {
    /// Nothing when they are in the wrong order or too far from the mean.
    fn of([mean, deviation, least, most]: [f64; 4]) -> Option<Self> {
        let (low, high) = ((least - mean) / deviation, (most - mean) / deviation);
        let all = match low > 0.0 {
            true => Self { low: -high, high: -low, unit: -deviation },
            false => Self { low, high, unit: deviation },
        };
        (deviation > 0.0 && all.low < all.high && all.high > -FAR).then_some(all)
    }
}

/// (shape: [batch, …], means, deviations, least, most), the last four one number or [batch]
/// (core/kernels/parameterized_truncated_normal_op.cc).
fn parameterized(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, seed, to) = (c.x()?, seed(c)?, c.b.dtype(c.input(1)?));
    let rank = c.known_dim(shape, 0)?.max(1);
    let names = ["means", "stdevs", "minvals", "maxvals"];
    let given = names.iter().enumerate().map(|(i, name)| c.constant(i + 1, name)?.to_f64s());
    let given: Vec<Vec<f64>> = given.collect::<Result<_>>()?;
    let rows = given.iter().map(Vec::len).max().unwrap_or(0);
    let mut columns: [Vec<f64>; 6] = Default::default();
    for row in 0..rows {
        let one = |i: usize| given.get(i).and_then(|all| all.get(if all.len() == 1 { 0 } else { row })).copied();
        let row = [0, 1, 2, 3].map(|i| one(i).unwrap_or(f64::NAN));
        let Some(bounds) = Bounds::of(row) else {
            return Err(c
                .unsupported("the bounds of normal numbers are in the wrong order, or too far from the mean")
                .expected(format!("bounds of which one is nearer than {FAR} deviations"))
                .found(format!("mean {}, deviation {}, from {} to {}", row[0], row[1], row[2], row[3])));
        };
        let from = share_below(bounds.low);
        let all = [from, share_below(bounds.high) - from, bounds.unit, row[0], row[2], row[3]];
        columns.iter_mut().zip(all).for_each(|(column, value)| column.push(value));
    }
    let mut dims = vec![1; rank];
    dims[0] = rows;
    let column = |c: &mut Call<'_>, all: &[f64]| Ok(c.b.constant("", Tensor::from_f64s(wide(to), &dims, all)?));
    let even = c.b.drawn_evenly(shape, wide(to), seed)?;
    let [from, span, unit, mean, least, most] = &columns;
    let mut all = even;
    for (op, with) in [(BinaryOp::Mul, span), (BinaryOp::Add, from)] {
        let with: Result<_> = column(c, with);
        all = c.b.binary(op, all, with?)?;
    }
    let share = f::clip(c.b, all, Some(1e-9), Some(1.0 - f64::from(f32::EPSILON) / 2.0))?;
    all = quantile_of_share(c.b, share)?;
    let steps = [(BinaryOp::Mul, unit), (BinaryOp::Add, mean), (BinaryOp::Max, least), (BinaryOp::Min, most)];
    for (op, with) in steps {
        let with: Result<_> = column(c, with);
        all = c.b.binary(op, all, with?)?;
    }
    c.b.cast(all, to)
}

/// The share of normal numbers below `z`: a series near the mean, a continued fraction far from it (M. Abramowitz and I. Stegun
/// 1964, 26.2.11 and 26.2.14).
fn share_below(z: f64) -> f64 {
    let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
    if z > 3.0 {
        return 1.0 - share_below(-z);
    }
    if z < -3.0 {
        return density / (1..60).rev().fold(-z, |below, k| -z + f64::from(k) / below);
    }
    let (mut term, mut sum) = (z, z);
    for k in 1..60 {
        term *= z * z / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 + density * sum
}

#[cfg(test)]
mod tests {
    use super::share_below;

    #[test]
    fn shares() {
        let known = [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-3.5, 2.326_290_790_355_25e-4),
            (-5.0, 2.866_515_718_791_94e-7),
        ];
        for (z, share) in known {
            assert!((share_below(z) / share - 1.0).abs() < 1e-12, "{z}: {}", share_below(z));
        }
        assert_eq!((share_below(f64::NEG_INFINITY), share_below(f64::INFINITY)), (0.0, 1.0));
    }
}
