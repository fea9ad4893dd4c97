//! Numbers that read back exactly: shortest decimals for floats, raw bits where a decimal would lose something.

use crate::DType;
use crate::tensor::{decode_f64, encode_f64};

/// `1.0`, `1e-5`, `inf`, `nan`; a NaN that is not the usual one by its bits.
pub(super) fn float(x: f64) -> String {
    if x.is_nan() {
        return if x.to_bits() == f64::NAN.to_bits() { "nan".into() } else { format!("0x{:016x}", x.to_bits()) };
    }
    format!("{x:?}")
}

/// What [`float`] wrote, or any decimal.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return if hex.len() == 16 { u64::from_str_radix(hex, 16).ok().map(f64::from_bits) } else { None };
    }
    text.parse().ok()
}

/// One element of a tensor, whose bytes are `e`.
pub(super) fn element(dtype: DType, e: &[u8]) -> String {
    let text = decimal(dtype, e);
    let mut back = Vec::with_capacity(e.len());
    match text {
        // A NaN's payload and a bool that is neither 0 nor 1 only survive as bits.
        Some(text) if parse_element(dtype, &text, &mut back) && back == e => text,
        _ => e.iter().rev().fold("0x".to_owned(), |s, b| s + &format!("{b:02x}")),
    }
}

fn decimal(dtype: DType, e: &[u8]) -> Option<String> {
    let plain = |f: String| if f == "NaN" { "nan".to_owned() } else { f };
    Some(match dtype {
        DType::F64 => float(f64::from_le_bytes(e.try_into().ok()?)),
        DType::I64 => i64::from_le_bytes(e.try_into().ok()?).to_string(),
        DType::U64 => u64::from_le_bytes(e.try_into().ok()?).to_string(),
        DType::Bool => (decode_f64(dtype, e) != 0.0).to_string(),
        d if d.is_float() => plain(format!("{:?}", decode_f64(d, e) as f32)),
        d if d.is_int() => (decode_f64(d, e) as i64).to_string(),
        _ => return None,
    })
}

/// Appends the element that `text` spells; false when it is not one of this type.
pub(super) fn parse_element(dtype: DType, text: &str, out: &mut Vec<u8>) -> bool {
    if let Some(hex) = text.strip_prefix("0x") {
        return bits(dtype, hex, out);
    }
    match dtype {
        DType::F32 => text.parse::<f32>().map(|v| out.extend(v.to_le_bytes())).is_ok(),
        DType::Bool => text.parse::<bool>().map(|v| out.push(v.into())).is_ok(),
        DType::U64 => text.parse::<u64>().map(|v| out.extend(v.to_le_bytes())).is_ok(),
        d if d.is_float() => text.parse::<f64>().map(|v| encode_f64(d, v, out)).is_ok(),
        d if d.is_int() => integer(d, text, out),
        _ => false,
    }
}

/// An integer of up to 64 bits that fits its type.
fn integer(dtype: DType, text: &str, out: &mut Vec<u8>) -> bool {
    let Ok(value) = text.parse::<i64>() else { return false };
    let bits = dtype.size() as u32 * 8;
    let (low, high) = match (dtype.is_signed_int(), bits) {
        (true, 64) => (i64::MIN, i64::MAX),
        (true, bits) => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
        (false, bits) => (0, (1i64 << bits.min(62)) - 1),
    };
    if value < low || value > high {
        return false;
    }
    out.extend_from_slice(value.to_le_bytes().get(..dtype.size()).unwrap_or_default());
    true
}

/// The raw bits of an element, most significant digit first.
fn bits(dtype: DType, hex: &str, out: &mut Vec<u8>) -> bool {
    if hex.len() != dtype.size() * 2 || hex.is_empty() {
        return false;
    }
    let Ok(value) = u128::from_str_radix(hex, 16) else { return false };
    out.extend_from_slice(value.to_le_bytes().get(..dtype.size()).unwrap_or_default());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_back() {
        let cases: &[(DType, &[u8], &str)] = &[
            (DType::F32, &0.1f32.to_le_bytes(), "0.1"),
            (DType::F32, &f32::NAN.to_le_bytes(), "nan"),
            (DType::F32, &0x7fc0_0001u32.to_le_bytes(), "0x7fc00001"),
            (DType::F32, &(-0.0f32).to_le_bytes(), "-0.0"),
            (DType::F64, &f64::NEG_INFINITY.to_le_bytes(), "-inf"),
            (DType::I8, &[0x80], "-128"),
            (DType::U64, &u64::MAX.to_le_bytes(), "18446744073709551615"),
            (DType::I64, &i64::MIN.to_le_bytes(), "-9223372036854775808"),
            (DType::Bool, &[1], "true"),
            (DType::Bool, &[2], "0x02"),
            (DType::F16, &[0x66, 0x2e], "0.099975586"),
            (DType::C64, &[1, 2, 3, 4, 5, 6, 7, 8], "0x0807060504030201"),
        ];
        for (dtype, bytes, text) in cases {
            assert_eq!(element(*dtype, bytes), *text);
            let mut back = Vec::new();
            assert!(parse_element(*dtype, text, &mut back), "{text}");
            assert_eq!(back, *bytes, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (dtype, text) in [
            (DType::I8, "128"),
            (DType::U8, "-1"),
            (DType::U8, "256"),
            (DType::I32, "1.5"),
            (DType::F32, "one"),
            (DType::F32, "0x1"),
            (DType::Bool, "1"),
            (DType::U64, "-1"),
            (DType::U32, "4294967296"),
        ] {
            assert!(!parse_element(dtype, text, &mut Vec::new()), "{dtype} {text}");
        }
    }
}
