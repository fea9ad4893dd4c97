//! Scalar functions that the standard library lacks.

/// The error function, to the precision of f64: `2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))`, whose terms are all
/// of one sign.
pub(super) fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-17 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// To the nearest integer, halves to even.
pub(super) fn round_even<T: ndarray::NdFloat>(x: T) -> T {
    let half = T::one() / (T::one() + T::one());
    if (x - x.trunc()).abs() == half { (x * half).round() / half } else { x.round() }
}

/// `ln(1 + exp(x))` without overflow.
pub(super) fn softplus<T: ndarray::NdFloat>(x: T) -> T {
    if x.is_nan() {
        return x;
    }
    x.max(T::zero()) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(−x))`.
pub(super) fn sigmoid<T: ndarray::NdFloat>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_has_the_digits_of_the_tables() {
        for (x, y) in [(0.0, 0.0), (0.5, 0.5204998778130465), (1.0, 0.8427007929497149), (3.0, 0.9999779095030014)] {
            assert!((erf(x) - y).abs() < 1e-15 && (erf(-x) + y).abs() < 1e-15, "{x}");
        }
        assert_eq!(erf(f64::INFINITY), 1.0);
        assert!(erf(f64::NAN).is_nan());
    }

    #[test]
    fn halves_round_to_even() {
        let all = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4, 2.6].map(round_even::<f32>);
        assert_eq!(all, [0.0, 2.0, 2.0, 0.0, -2.0, -2.0, 0.0, 3.0]);
    }
}
