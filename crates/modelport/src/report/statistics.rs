//! Statistics of a weight, read once or twice in pieces, and its histogram.
//!
//! Owns: the numbers. Must never know: which weights there are.

use modelport_diag::Result;
use modelport_ir::tensor::decode_f64;
use modelport_ir::{DType, Tensor};

/// Columns of a histogram.
pub(crate) const COLUMNS: usize = 32;

/// What is known of a weight's elements. Smallest, largest, mean and deviation are those of the finite ones; of complex
/// numbers both parts are elements.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    pub(crate) zeros: u64,
    pub(crate) not_finite: u64,
    pub(crate) finite: u64,
    /// How many elements lie in each part of the way from the smallest to the largest.
    pub(crate) columns: Vec<u64>,
}

/// Reads a tensor; `None` for strings.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn statistics(tensor: &Tensor) -> Result<Option<Statistics>> {
    let dtype = match tensor.dtype() {
        DType::Str => return Ok(None),
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        other => other,
    };
    // What has to be unpacked is unpacked once.
    let unpacked = match tensor.file_range() {
        Some(_) => None,
        None => Some(tensor.bytes()?),
    };
    let pass = |f: &mut dyn FnMut(f64)| match &unpacked {
        Some(bytes) => {
            each(dtype, bytes, f);
            Ok(())
        }
        None => tensor.for_chunks(&mut |_, chunk| {
            each(dtype, chunk, f);
            Ok(())
        }),
    };
    let mut found = Statistics { min: f64::INFINITY, max: f64::NEG_INFINITY, ..Statistics::default() };
    // Sums of distances to the first element, or those of large numbers would cancel.
    let (mut first, mut sum, mut squares) = (None, 0.0, 0.0);
    pass(&mut |x| {
        if !x.is_finite() {
            found.not_finite += 1;
            return;
        }
        let d = x - *first.get_or_insert(x);
        sum += d;
        squares += d * d;
        found.finite += 1;
        found.zeros += u64::from(x == 0.0);
        (found.min, found.max) = (found.min.min(x), found.max.max(x));
    })?;
    let Some(first) = first else { return Ok(Some(Statistics { min: 0.0, max: 0.0, ..found })) };
    let n = found.finite as f64;
    found.mean = first + sum / n;
    found.deviation = ((squares - sum * sum / n) / n).max(0.0).sqrt();
    let range = found.max - found.min;
    if range > 0.0 && range.is_finite() {
        let (min, scale) = (found.min, COLUMNS as f64 / range);
        let mut columns = vec![0u64; COLUMNS];
        pass(&mut |x| {
            if x.is_finite() {
                columns[(((x - min) * scale) as usize).min(COLUMNS - 1)] += 1;
            }
        })?;
        found.columns = columns;
    }
    Ok(Some(found))
}

fn each(dtype: DType, bytes: &[u8], f: &mut dyn FnMut(f64)) {
    if dtype == DType::F32 {
        bytes.as_chunks::<4>().0.iter().for_each(|&e| f(f32::from_le_bytes(e).into()));
    } else {
        bytes.chunks_exact(dtype.size().max(1)).for_each(|e| f(decode_f64(dtype, e)));
    }
}

/// A number in few letters: `0`, `-1.25`, `3.1e-7`.
pub(crate) fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}").replace("-0", "0");
    }
    if x.fract() == 0.0 && x.abs() < 1e9 {
        return format!("{x:.0}");
    }
    if (1e-3..1e6).contains(&x.abs()) {
        let digits = (4 - x.abs().log10().floor() as i32).clamp(0, 7) as usize;
        let text = format!("{x:.digits$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    format!("{x:.3e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dtype: DType, values: &[f64]) -> Statistics {
        let mut bytes = Vec::new();
        values.iter().for_each(|&v| modelport_ir::tensor::encode_f64(dtype, v, &mut bytes));
        let tensor = Tensor::from_bytes(dtype, vec![values.len()], bytes).unwrap();
        statistics(&tensor).unwrap().unwrap()
    }

    #[test]
    fn what_is_not_finite_is_counted_and_left_out() {
        let found = of(DType::F32, &[1.0, 0.0, f64::NAN, f64::INFINITY, -3.0, 4.0]);
        assert_eq!((found.min, found.max, found.zeros, found.not_finite, found.finite), (-3.0, 4.0, 1, 2, 4));
        assert_eq!(found.mean, 0.5);
        assert!((found.deviation - (6.25f64).sqrt()).abs() < 1e-12);
        assert_eq!(found.columns.iter().sum::<u64>(), 4);
        assert_eq!((found.columns[0], found.columns[COLUMNS - 1]), (1, 1));
    }

    #[test]
    fn every_type_is_read() {
        for dtype in [DType::F16, DType::BF16, DType::F64, DType::F8E4M3, DType::I8, DType::I64, DType::Bool, DType::U8]
        {
            let found = of(dtype, &[0.0, 1.0, 1.0, 1.0]);
            assert_eq!((found.min, found.max, found.mean, found.zeros), (0.0, 1.0, 0.75, 1), "{dtype}");
        }
        let complex =
            Tensor::from_bytes(DType::C64, vec![1], [1f32.to_le_bytes(), 3f32.to_le_bytes()].concat()).unwrap();
        assert_eq!(statistics(&complex).unwrap().unwrap().mean, 2.0);
        assert!(statistics(&Tensor::from_strings(vec![1], vec![b"a".to_vec()]).unwrap()).unwrap().is_none());
    }

    #[test]
    fn nothing_equal_and_far_from_zero() {
        assert_eq!(of(DType::F32, &[]).finite, 0);
        assert_eq!(of(DType::F64, &[f64::NAN]).not_finite, 1);
        let found = of(DType::F64, &[1e9, 1e9 + 1.0, 1e9 + 2.0]);
        assert!((found.deviation - (2.0f64 / 3.0).sqrt()).abs() < 1e-9, "{found:?}");
        assert!(of(DType::F64, &[7.0; 3]).columns.is_empty());
        assert!(of(DType::F64, &[-1e308, 1e308]).columns.is_empty());
    }

    #[test]
    fn numbers_are_short() {
        let all = [0.0, -0.0, 1.0, -1.25, 0.123456789, 12345.678, 3.1e-7, f64::NAN, 1e12].map(number);
        assert_eq!(all, ["0", "0", "1", "-1.25", "0.12346", "12346", "3.100e-7", "NaN", "1.000e12"]);
    }
}
