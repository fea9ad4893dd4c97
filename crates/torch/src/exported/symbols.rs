//! Types of values as the program states them: dtypes by number, dimensions as numbers or symbols.

use super::json::{list, union};
use crate::archive::ScalarType;
use modelport_ir::{DType, Dim, TensorType};
use serde_json::Value;

/// The name of a dtype by its number in the schema (`ScalarType` in `torch/_export/serde/schema.py`).
pub(super) fn scalar(number: i64) -> Option<ScalarType> {
    let name = match number {
        1 => "uint8",
        2 => "int8",
        3 => "int16",
        4 => "int32",
        5 => "int64",
        6 => "float16",
        7 => "float32",
        8 => "float64",
        10 => "complex64",
        11 => "complex128",
        12 => "bool",
        13 => "bfloat16",
        28 => "uint16",
        29 => "float8_e4m3fn",
        30 => "float8_e5m2",
        31 => "float8_e4m3fnuz",
        32 => "float8_e5m2fnuz",
        33 => "float8_e8m0fnu",
        34 => "uint32",
        35 => "uint64",
        _ => return None,
    };
    ScalarType::named(name)
}

/// The dtype by its number, where the IR has it.
pub(super) fn dtype(v: &Value) -> Option<DType> {
    scalar(v.as_i64()?)?.dtype
}

/// A number, or the size that it was when the program was exported.
pub(super) fn sym_int(v: &Value) -> Option<i64> {
    match union(v)? {
        ("as_int", n) => n.as_i64(),
        _ => None,
    }
}

/// A dimension: a number, a symbol; an expression of symbols is not known.
fn dim(v: &Value) -> Dim {
    match union(v) {
        Some(("as_int", n)) => n.as_u64().and_then(|n| usize::try_from(n).ok()).map_or(Dim::Unknown, Dim::Known),
        Some(("as_expr", e)) => match e.get("expr_str").and_then(Value::as_str) {
            Some(s) if is_symbol(s) => Dim::symbol(s),
            _ => Dim::Unknown,
        },
        _ => Dim::Unknown,
    }
}

fn is_symbol(s: &str) -> bool {
    s.len() <= 200
        && s.starts_with(|c: char| c.is_ascii_alphabetic())
        && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The type that a tensor's metadata says.
pub(super) fn tensor_type(meta: &Value) -> Option<TensorType> {
    let shape: Vec<Dim> = list(meta, "sizes").iter().map(dim).collect();
    Some(TensorType::new(dtype(meta.get("dtype")?)?, shape))
}
