//! Conversions between all element types.

use super::num::Number;
use super::{Array, F8E4M3, F8E5M2, shaped};
use half::{bf16, f16};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::DType;

type Numbers<'a> = Box<dyn Iterator<Item = Number> + 'a>;

/// All elements as numbers; `None` for strings.
fn numbers(a: &Array) -> Option<Numbers<'_>> {
    use Number::{Float, Whole};
    Some(match a {
        Array::F32(a) => Box::new(a.iter().map(|&x| Float(x.into()))),
        Array::F64(a) => Box::new(a.iter().map(|&x| Float(x))),
        Array::F16(a) => Box::new(a.iter().map(|x| Float(x.to_f64()))),
        Array::BF16(a) => Box::new(a.iter().map(|x| Float(x.to_f64()))),
        Array::F8E4M3(a) => Box::new(a.iter().map(|x| Float(x.to_f64()))),
        Array::F8E5M2(a) => Box::new(a.iter().map(|x| Float(x.to_f64()))),
        Array::I8(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::I16(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::I32(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::I64(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::U8(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::U16(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::U32(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::U64(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::Bool(a) => Box::new(a.iter().map(|&x| Whole(x.into()))),
        Array::Str(_) => return None,
    })
}

fn parse(text: &[u8], to: DType) -> Result<Number> {
    let fail = || {
        Diagnostic::error(Code::RUN_FAILED, format!("a string is not a number of type {to}"))
            .found(String::from_utf8_lossy(text).into_owned())
    };
    let text = std::str::from_utf8(text).map_err(|_| fail())?.trim();
    if to.is_int() {
        return text.parse().map(Number::Whole).map_err(|_| fail());
    }
    text.parse().map(Number::Float).map_err(|_| fail())
}

pub(super) fn cast(a: &Array, to: DType) -> Result<Array> {
    if a.dtype() == to {
        return Ok(a.clone());
    }
    if to == DType::Str {
        let texts = numbers(a).into_iter().flatten().map(|n| text(n, a.dtype()).into_bytes());
        return Array::from_vec(a.shape(), texts.collect());
    }
    match a {
        Array::Str(s) => {
            let parsed = s.iter().map(|t| parse(t, to)).collect::<Result<Vec<_>>>()?;
            collect(to, a.shape(), Box::new(parsed.into_iter()))
        }
        Array::F32(x) if to == DType::F16 => Ok(x.mapv(f16::from_f32).into()),
        Array::F16(x) if to == DType::F32 => Ok(x.mapv(f16::to_f32).into()),
        _ => collect(to, a.shape(), numbers(a).unwrap_or_else(|| Box::new(std::iter::empty()))),
    }
}

fn collect(to: DType, shape: &[usize], from: Numbers<'_>) -> Result<Array> {
    macro_rules! floats {
        ($f:expr) => {
            shaped(shape, from.map(|n| $f(n)).collect::<Vec<_>>())?.into()
        };
    }
    macro_rules! wholes {
        ($ty:ty) => {
            shaped(shape, from.map(|n| whole(n) as $ty).collect::<Vec<_>>())?.into()
        };
    }
    Ok(match to {
        DType::F32 => floats!(|n| match n {
            Number::Float(x) => x as f32,
            Number::Whole(i) => i as f32,
        }),
        DType::F64 => floats!(float),
        DType::F16 => floats!(|n| f16::from_f64(float(n))),
        DType::BF16 => floats!(|n| bf16::from_f64(float(n))),
        DType::F8E4M3 => floats!(|n| F8E4M3::from_f64(float(n))),
        DType::F8E5M2 => floats!(|n| F8E5M2::from_f64(float(n))),
        DType::I8 => wholes!(i8),
        DType::I16 => wholes!(i16),
        DType::I32 => wholes!(i32),
        DType::I64 => wholes!(i64),
        DType::U8 => wholes!(u8),
        DType::U16 => wholes!(u16),
        DType::U32 => wholes!(u32),
        DType::U64 => wholes!(u64),
        DType::Bool => floats!(|n| match n {
            Number::Float(x) => x != 0.0,
            Number::Whole(i) => i != 0,
        }),
        DType::Str | DType::C64 | DType::C128 => {
            return Err(Diagnostic::error(Code::RUN_FAILED, format!("nothing is converted to {to}")));
        }
    })
}

fn float(n: Number) -> f64 {
    match n {
        Number::Float(x) => x,
        Number::Whole(i) => i as f64,
    }
}

/// Truncated; floats beyond 64 bits saturate, what does not fit a narrower type wraps.
fn whole(n: Number) -> i128 {
    match n {
        Number::Float(x) if x >= 0.0 => i128::from(x as u64),
        Number::Float(x) => i128::from(x as i64),
        Number::Whole(i) => i,
    }
}

/// The shortest text that reads back as the number, as Python writes it.
fn text(n: Number, dtype: DType) -> String {
    match n {
        Number::Whole(i) if dtype == DType::Bool => if i == 0 { "False" } else { "True" }.to_owned(),
        Number::Whole(i) => i.to_string(),
        Number::Float(x) if x.is_nan() => "nan".to_owned(),
        Number::Float(x) if dtype == DType::F64 => exponent(&format!("{x:?}")),
        Number::Float(x) => exponent(&format!("{:?}", x as f32)),
    }
}

/// `1e-7` as `1e-07`.
fn exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((m, e)) => {
            let (sign, digits) = e.strip_prefix('-').map_or(('+', e), |d| ('-', d));
            format!("{m}e{sign}{digits:0>2}")
        }
        None => text.to_owned(),
    }
}
