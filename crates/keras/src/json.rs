//! JSON as Python writes it, and its conversion to attributes.
//!
//! Owns: `NaN` and `Infinity` literals, the special objects of `keras/src/saving/serialization_lib.py` (3.15) that stand
//! for tuples, arrays, slices and bytes. Must never know: layers.

use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{Attr, DType, Tensor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Parses `text`; `what` names it in the diagnostic.
pub(crate) fn parse(text: &[u8], what: &str, file: &str, limits: &Limits) -> Result<Value> {
    if text.len() as u64 > limits.metadata_bytes {
        return Err(Diagnostic::error(Code::IO_LIMIT, format!("{what} is too large"))
            .in_file(file)
            .expected(format!("at most {} bytes", limits.metadata_bytes))
            .found(format!("{} bytes", text.len())));
    }
    // serde_json limits nesting to 128 levels, so that no text can exhaust the stack.
    serde_json::from_slice(text).or_else(|_| serde_json::from_slice(&without_python_literals(text))).map_err(|e| {
        Diagnostic::error(Code::KERAS_CONFIG, format!("{what} is not valid JSON: {e}"))
            .in_file(file)
            .help("the file was damaged, or edited by hand")
    })
}

/// `json.dumps` writes NaN and the infinities bare, which is not JSON; they become objects that [`to_attr`] knows.
fn without_python_literals(text: &[u8]) -> Vec<u8> {
    const LITERALS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                out.push(byte);
                at += 1;
            }
            _ if !in_string => {
                if let Some(literal) = LITERALS.iter().find(|l| rest.starts_with(l.as_bytes())) {
                    out.extend(format!("{{\"class_name\":\"__float__\",\"config\":\"{literal}\"}}").into_bytes());
                    at += literal.len();
                    continue;
                }
            }
            _ => {}
        }
        out.extend(text.get(at));
        at += 1;
    }
    out
}

/// A call argument as an attribute. `__tuple__` becomes a list, `__slice__` its `{start, stop, step}`, `__ellipsis__` the
/// string `...`, `__numpy__` and `__tensor__` a number or a tensor.
pub(crate) fn to_attr(value: &Value) -> Attr {
    convert(value, true)
}

/// A configuration's entries as attributes, as [`to_attr`], but with arrays as they are written.
pub(crate) fn config_attrs(object: &Map<String, Value>) -> BTreeMap<String, Attr> {
    object.iter().map(|(k, v)| (k.clone(), convert(v, false))).collect()
}

fn convert(value: &Value, arrays: bool) -> Attr {
    match value {
        Value::Null => Attr::None,
        Value::Bool(b) => Attr::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Attr::Float(n.as_f64().unwrap_or(f64::NAN)), Attr::Int),
        Value::String(s) => Attr::Str(s.clone()),
        Value::Array(a) => Attr::List(a.iter().map(|v| convert(v, arrays)).collect()),
        Value::Object(o) => special(o, arrays)
            .unwrap_or_else(|| Attr::Map(o.iter().map(|(k, v)| (k.clone(), convert(v, arrays))).collect())),
    }
}

fn special(object: &Map<String, Value>, arrays: bool) -> Option<Attr> {
    let config = object.get("config")?;
    match object.get("class_name")?.as_str()? {
        "__tuple__" => Some(convert(config.get("items").unwrap_or(config), arrays)),
        "__float__" => config.as_str()?.parse().ok().map(Attr::Float),
        "__ellipsis__" => Some(Attr::Str("...".into())),
        "__bytes__" => Some(convert(config.get("value")?, arrays)),
        "__slice__" => {
            Some(Attr::Map(config.as_object()?.iter().map(|(k, v)| (k.clone(), convert(v, arrays))).collect()))
        }
        "__numpy__" | "__tensor__" if arrays => Some(array(config.get("value")?, config.get("dtype")?.as_str()?)),
        _ => None,
    }
}

/// Nested lists as a tensor; a bare number, or what is no rectangular array of numbers, stays as it is.
fn array(value: &Value, dtype: &str) -> Attr {
    let mut shape = Vec::new();
    let mut at = value;
    while let Some(list) = at.as_array() {
        shape.push(list.len());
        match list.first() {
            Some(first) => at = first,
            None => break,
        }
    }
    let mut numbers = Vec::new();
    let tensor = (!shape.is_empty() && flatten(value, &shape, &mut numbers))
        .then(|| Tensor::from_f64s(keras_dtype(dtype)?, &shape, &numbers).ok())
        .flatten();
    tensor.map_or_else(|| to_attr(value), Attr::Tensor)
}

fn flatten(value: &Value, shape: &[usize], out: &mut Vec<f64>) -> bool {
    match (value, shape.split_first()) {
        (Value::Array(list), Some((n, inner))) => list.len() == *n && list.iter().all(|v| flatten(v, inner, out)),
        (Value::Number(n), None) => {
            out.push(n.as_f64().unwrap_or(f64::NAN));
            true
        }
        (Value::Bool(b), None) => {
            out.push(f64::from(u8::from(*b)));
            true
        }
        _ => false,
    }
}

/// The element type with this name in Keras and numpy.
pub(crate) fn keras_dtype(name: &str) -> Option<DType> {
    Some(match name {
        "float32" => DType::F32,
        "float64" | "double" => DType::F64,
        "float16" | "half" => DType::F16,
        "bfloat16" => DType::BF16,
        "int8" => DType::I8,
        "int16" => DType::I16,
        "int32" => DType::I32,
        "int64" => DType::I64,
        "uint8" => DType::U8,
        "uint16" => DType::U16,
        "uint32" => DType::U32,
        "uint64" => DType::U64,
        "bool" => DType::Bool,
        "string" => DType::Str,
        "complex64" => DType::C64,
        "complex128" => DType::C128,
        "float8_e4m3fn" => DType::F8E4M3,
        "float8_e5m2" => DType::F8E5M2,
        _ => return None,
    })
}

/// The name of a dtype policy, which stands as a string or as a serialized object.
pub(crate) fn policy_name(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Object(object) => {
            let config: &Map<String, Value> = object.get("config")?.as_object()?;
            match config.get("default_policy") {
                Some(default) => policy_name(default),
                None => str_of(config, "name").map(str::to_owned),
            }
        }
        _ => None,
    }
}

/// The compute type of a policy: `mixed_float16`, `int8_from_mixed_bfloat16`, `float64`.
pub(crate) fn policy_dtype(name: &str) -> Option<DType> {
    let name = name.rsplit_once("_from_").map_or(name, |(_, source)| source);
    keras_dtype(name.strip_prefix("mixed_").unwrap_or(name))
}

/// A string entry of an object.
pub(crate) fn str_of<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

/// A truth value of an object; absent or null means `default`.
pub(crate) fn bool_of(object: &Map<String, Value>, key: &str, default: bool) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attr(text: &str) -> Attr {
        to_attr(&parse(text.as_bytes(), "text", "file", &Limits::default()).unwrap())
    }

    #[test]
    fn python_literals_are_read() {
        let list = attr(r#"[NaN, Infinity, -Infinity, 1.5, "NaN \" Infinity", 3]"#);
        let Attr::List(items) = list else { panic!("{list:?}") };
        assert!(items[0].as_float().unwrap().is_nan());
        assert_eq!(items[1], Attr::Float(f64::INFINITY));
        assert_eq!(items[2], Attr::Float(f64::NEG_INFINITY));
        assert_eq!(items[3], Attr::Float(1.5));
        assert_eq!(items[4], Attr::Str("NaN \" Infinity".into()));
        assert_eq!(items[5], Attr::Int(3));
    }

    #[test]
    fn special_objects_become_what_they_stand_for() {
        let tuple = attr(
            r#"{"class_name": "__tuple__", "config": {"items": [1, {"class_name": "__ellipsis__", "config": {}}]}}"#,
        );
        assert_eq!(tuple, Attr::List(vec![Attr::Int(1), Attr::Str("...".into())]));
        let slice = attr(r#"{"class_name": "__slice__", "config": {"start": 1, "stop": null, "step": 2}}"#);
        assert_eq!(slice.as_map().unwrap()["stop"], Attr::None);
        let array = attr(r#"{"class_name": "__numpy__", "config": {"value": [[1, 2], [3, 4]], "dtype": "float32"}}"#);
        let Attr::Tensor(t) = array else { panic!("{array:?}") };
        assert_eq!((t.dtype(), t.shape()), (DType::F32, [2, 2].as_slice()));
        assert_eq!(t.to_f64s().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        // Ragged lists are no array.
        let ragged = attr(r#"{"class_name": "__numpy__", "config": {"value": [[1, 2], [3]], "dtype": "float32"}}"#);
        assert!(matches!(ragged, Attr::List(_)));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), "text", "file", &Limits::default()).is_err());
    }
}
