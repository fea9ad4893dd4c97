//! How far two tensors are apart: absolute, relative and in units in the last place.

use modelport_diag::Result;
use modelport_ir::{DType, Tensor};
use serde::Serialize;

/// The comparison of one output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputReport {
    /// The output's name.
    pub name: String,
    /// Element type and shape, as `f32[2,10]`.
    pub ty: String,
    /// The largest magnitude that was expected.
    pub magnitude: f64,
    /// The largest absolute difference.
    pub max_abs: f64,
    /// The largest difference relative to the expected element, over elements above 1e-6 of the magnitude.
    pub max_rel: f64,
    /// The largest distance in units in the last place of the output's type; 0 for integers that agree.
    pub max_ulp: u64,
    /// The largest absolute difference that is allowed.
    pub allowed: f64,
    /// Why it is not a match, if it is not.
    pub failure: Option<String>,
}

/// The share of the output's largest magnitude that a difference may reach.
pub fn tolerance(coarsest: DType) -> f64 {
    match coarsest {
        DType::F16 => 2e-3,
        DType::BF16 => 1.6e-2,
        _ => 5e-5,
    }
}

/// Compares `found` with `expected`, allowing `tolerance` of the largest magnitude; integers must be equal.
///
/// # Errors
/// When an element cannot be read.
pub fn compare(name: &str, expected: &Tensor, found: &Tensor, tolerance: f64) -> Result<OutputReport> {
    let mut report = OutputReport {
        name: name.to_owned(),
        ty: found.ty().to_string(),
        magnitude: 0.0,
        max_abs: 0.0,
        max_rel: 0.0,
        max_ulp: 0,
        allowed: 0.0,
        failure: None,
    };
    if expected.ty() != found.ty() {
        report.failure = Some(format!("expected {}, found {}", expected.ty(), found.ty()));
        return Ok(report);
    }
    if let Some((want, got)) = expected.strings().zip(found.strings()) {
        let apart = want.iter().zip(got).filter(|(w, g)| w != g).count();
        report.failure = (apart > 0).then(|| format!("{apart} of {} strings differ", want.len()));
        return Ok(report);
    }
    let (want, got) = (expected.to_f64s()?, found.to_f64s()?);
    report.magnitude = want.iter().fold(0.0, |m, v| if v.is_finite() { f64::max(m, v.abs()) } else { m });
    report.allowed = if expected.dtype().is_float() { tolerance * report.magnitude } else { 0.0 };
    for (&w, &g) in want.iter().zip(&got) {
        let difference = if w == g { 0.0 } else { (w - g).abs() };
        // NaN differs from everything, and no maximum may hide it.
        report.max_abs = if difference.is_nan() { f64::INFINITY } else { report.max_abs.max(difference) };
        if w.abs() > 1e-6 * report.magnitude {
            report.max_rel = report.max_rel.max(difference / w.abs());
        }
        report.max_ulp = report.max_ulp.max(ulps(expected.dtype(), w, g));
    }
    report.failure = judge(&report, expected.dtype(), &want, &got);
    Ok(report)
}

/// An output that does not vary, or is not finite, proves nothing and is no match.
fn judge(report: &OutputReport, dtype: DType, want: &[f64], got: &[f64]) -> Option<String> {
    if got.iter().chain(want).any(|v| !v.is_finite()) {
        return Some("the output is not finite".into());
    }
    if dtype.is_float() && want.len() > 1 && want.iter().all(|v| *v == want[0]) {
        return Some(format!("every element of the output is {}, which proves nothing", want[0]));
    }
    (report.max_abs > report.allowed)
        .then(|| format!("differs by {:.2e}, allowed is {:.2e}", report.max_abs, report.allowed))
}

/// Distance in units in the last place, in the output's own type.
fn ulps(dtype: DType, a: f64, b: f64) -> u64 {
    let order = |bits: i64, sign: i64| if bits < 0 { sign - bits } else { bits };
    let (a, b) = match dtype {
        DType::F64 => (order(a.to_bits() as i64, i64::MIN), order(b.to_bits() as i64, i64::MIN)),
        DType::F32 => {
            let line = |v: f64| order(i64::from((v as f32).to_bits() as i32), i64::from(i32::MIN));
            (line(a), line(b))
        }
        DType::F16 => {
            let line = |v: f64| order(i64::from(half::f16::from_f64(v).to_bits() as i16), i64::from(i16::MIN));
            (line(a), line(b))
        }
        DType::BF16 => {
            let line = |v: f64| order(i64::from(half::bf16::from_f64(v).to_bits() as i16), i64::from(i16::MIN));
            (line(a), line(b))
        }
        _ => (a as i64, b as i64),
    };
    a.abs_diff(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_ulp_apart() {
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        assert_eq!(ulps(DType::F32, 1.0, next.into()), 1);
        assert_eq!(ulps(DType::F32, 0.0, -0.0), 0);
        assert_eq!(ulps(DType::F32, f32::from_bits(1).into(), -f64::from(f32::from_bits(1))), 2);
    }

    #[test]
    fn constant_and_unfinite_outputs_are_failures() {
        let same = Tensor::floats(&[1.0, 1.0]);
        assert!(compare("y", &same, &same, 1e-4).unwrap().failure.unwrap().contains("proves nothing"));
        let nan = Tensor::floats(&[1.0, f32::NAN]);
        assert!(compare("y", &nan, &nan, 1e-4).unwrap().failure.unwrap().contains("not finite"));
    }

    #[test]
    fn strings_are_equal_or_not() {
        let words = |last: &str| Tensor::from_strings(vec![2], vec![b"a".to_vec(), last.into()]).unwrap();
        assert_eq!(compare("y", &words("b"), &words("b"), 1e-4).unwrap().failure, None);
        assert!(compare("y", &words("b"), &words("c"), 1e-4).unwrap().failure.unwrap().contains("1 of 2"));
    }

    #[test]
    fn a_difference_is_held_against_the_magnitude() {
        let want = Tensor::floats(&[100.0, 1.0]);
        let near = Tensor::floats(&[100.0, 1.004]);
        let far = Tensor::floats(&[100.0, 1.006]);
        assert_eq!(compare("y", &want, &near, 5e-5).unwrap().failure, None);
        assert!(compare("y", &want, &far, 5e-5).unwrap().failure.is_some());
    }
}
