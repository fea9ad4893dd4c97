//! Converting elements between types, through f64 or i128 so that no value is lost on the way.

use crate::DType;
use half::{bf16, f16};

/// Whether elements of this type take part in casts.
pub(super) fn castable(dtype: DType) -> bool {
    !matches!(dtype, DType::Str | DType::C64 | DType::C128)
}

fn int_of(dtype: DType, e: &[u8]) -> Option<i128> {
    Some(match (dtype, e) {
        (DType::I8, &[a]) => i128::from(a as i8),
        (DType::U8, &[a]) => i128::from(a),
        (DType::Bool, &[a]) => i128::from(a != 0),
        (DType::I16, &[a, b]) => i16::from_le_bytes([a, b]).into(),
        (DType::U16, &[a, b]) => u16::from_le_bytes([a, b]).into(),
        (DType::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
        (DType::U32, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
        (DType::I64, e) => i64::from_le_bytes(e.try_into().ok()?).into(),
        (DType::U64, e) => u64::from_le_bytes(e.try_into().ok()?).into(),
        _ => return None,
    })
}

/// One element as f64; integers of 64 bits may round.
pub fn decode_f64(dtype: DType, e: &[u8]) -> f64 {
    match (dtype, e) {
        (DType::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
        (DType::F16, &[a, b]) => f16::from_le_bytes([a, b]).into(),
        (DType::BF16, &[a, b]) => bf16::from_le_bytes([a, b]).into(),
        (DType::F64, e) => e.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN),
        (DType::F8E4M3, &[a]) => f8_decode(a, 4, 3),
        (DType::F8E5M2, &[a]) => f8_decode(a, 5, 2),
        _ => int_of(dtype, e).map_or(f64::NAN, |i| i as f64),
    }
}

/// OCP 8-bit formats; E4M3FN has no infinities, E5M2 follows IEEE 754.
fn f8_decode(byte: u8, exponent_bits: i32, mantissa_bits: i32) -> f64 {
    let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
    let mantissa = f64::from(byte & ((1 << mantissa_bits) - 1));
    let exponent = i32::from(byte & 0x7f) >> mantissa_bits;
    let bias = (1 << (exponent_bits - 1)) - 1;
    if exponent_bits == 4 && byte & 0x7f == 0x7f {
        return f64::NAN;
    }
    if exponent_bits == 5 && exponent == 31 {
        return if mantissa == 0.0 { sign * f64::INFINITY } else { f64::NAN };
    }
    let steps = f64::from(1 << mantissa_bits);
    match exponent {
        0 => sign * mantissa / steps * 2f64.powi(1 - bias),
        e => sign * (1.0 + mantissa / steps) * 2f64.powi(e - bias),
    }
}

/// The 8-bit float nearest to `x`; ties go to the even mantissa, what is too large saturates.
fn f8_encode(x: f64, exponent_bits: i32, mantissa_bits: i32) -> u8 {
    let sign = if x.is_sign_negative() { 0x80 } else { 0 };
    if x.is_nan() {
        return sign | 0x7f;
    }
    let largest: u8 = if exponent_bits == 4 { 0x7e } else { 0x7b };
    let magnitude = x.abs();
    // The codes of finite magnitudes grow with the value, so the nearest one is found by bisection.
    let (mut low, mut high) = (0u8, largest);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if f8_decode(middle, exponent_bits, mantissa_bits) <= magnitude { low = middle } else { high = middle - 1 }
    }
    if low < largest {
        let below = magnitude - f8_decode(low, exponent_bits, mantissa_bits);
        let above = f8_decode(low + 1, exponent_bits, mantissa_bits) - magnitude;
        if above < below || (above == below && low & 1 == 1) {
            low += 1;
        }
    }
    sign | low
}

/// Appends `x` as an element of `dtype`; out-of-range integers saturate.
pub fn encode_f64(dtype: DType, x: f64, out: &mut Vec<u8>) {
    match dtype {
        DType::F32 => out.extend((x as f32).to_le_bytes()),
        DType::F64 => out.extend(x.to_le_bytes()),
        DType::F16 => out.extend(f16::from_f64(x).to_le_bytes()),
        DType::BF16 => out.extend(bf16::from_f64(x).to_le_bytes()),
        DType::F8E4M3 => out.push(f8_encode(x, 4, 3)),
        DType::F8E5M2 => out.push(f8_encode(x, 5, 2)),
        DType::Bool => out.push(u8::from(x != 0.0)),
        DType::U64 => out.extend((x as u64).to_le_bytes()),
        _ => encode_int(dtype, x as i64 as i128, out),
    }
}

/// Appends `i` as an element of an integer type; what does not fit wraps, as in C.
fn encode_int(dtype: DType, i: i128, out: &mut Vec<u8>) {
    match dtype {
        DType::Bool => out.push(u8::from(i != 0)),
        _ => out.extend_from_slice(i.to_le_bytes().get(..dtype.size()).unwrap_or_default()),
    }
}

/// Appends the elements of `source` to `out`, converted from one type to another.
pub fn cast_bytes(from: DType, source: &[u8], to: DType, out: &mut Vec<u8>) {
    match (from, to) {
        (DType::F16, DType::F32) => {
            out.extend(source.as_chunks::<2>().0.iter().flat_map(|&e| f16::from_le_bytes(e).to_f32().to_le_bytes()));
        }
        (DType::F32, DType::F16) => {
            out.extend(
                source.as_chunks::<4>().0.iter().flat_map(|&e| f16::from_f32(f32::from_le_bytes(e)).to_le_bytes()),
            );
        }
        (DType::F64, DType::F32) => {
            out.extend(source.as_chunks::<8>().0.iter().flat_map(|&e| (f64::from_le_bytes(e) as f32).to_le_bytes()));
        }
        _ => {
            let whole = !to.is_float();
            for e in source.chunks_exact(from.size().max(1)) {
                match int_of(from, e).filter(|_| whole) {
                    Some(i) => encode_int(to, i, out),
                    None => encode_f64(to, decode_f64(from, e), out),
                }
            }
        }
    }
}

/// Multiplies each element by the factor of its index along an axis below which `inner` elements lie. `bytes` are the
/// elements from the `first` on.
pub(super) fn scale_in_place(dtype: DType, bytes: &mut [u8], first: usize, inner: usize, factors: &[f64]) {
    let size = dtype.size();
    let (mut rest, mut at) = (bytes, first);
    while !rest.is_empty() && inner > 0 && !factors.is_empty() {
        let factor = factors[at / inner % factors.len()];
        let run = (inner - at % inner).min((rest.len() / size).max(1));
        let (line, after) = rest.split_at_mut((run * size).min(rest.len()));
        scale_line(dtype, line, factor);
        (rest, at) = (after, at + run);
    }
}

fn scale_line(dtype: DType, line: &mut [u8], factor: f64) {
    if dtype == DType::F32 {
        for e in line.as_chunks_mut::<4>().0 {
            *e = ((f64::from(f32::from_le_bytes(*e)) * factor) as f32).to_le_bytes();
        }
        return;
    }
    let mut scaled = Vec::with_capacity(dtype.size());
    for e in line.chunks_exact_mut(dtype.size()) {
        scaled.clear();
        encode_f64(dtype, decode_f64(dtype, e) * factor, &mut scaled);
        e.copy_from_slice(&scaled);
    }
}
