//! The JSON that Python writes: with `Infinity` and `NaN`, which JSON has not.

use modelport_diag::{Code, Diagnostic, Result};
use serde_json::Value;

/// Parses; the numbers that JSON has not become strings of their name.
///
/// # Errors
/// `TO0105` when it is no JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Value> {
    let parsed = match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(_) => serde_json::from_slice(&quoted(bytes)),
    };
    parsed.map_err(|e| Diagnostic::error(Code::TORCH_PROGRAM, format!("the exported program is no JSON: {e}")))
}

/// With quotes around `Infinity`, `-Infinity` and `NaN` outside strings.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    let (mut at, mut inside) = (0, false);
    while let Some(&b) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let word = [&b"-Infinity"[..], b"Infinity", b"NaN"].into_iter().find(|w| !inside && rest.starts_with(w));
        if let Some(word) = word {
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            at += word.len();
            continue;
        }
        if inside && b == b'\\' {
            out.extend(rest.iter().take(2));
            at += 2;
            continue;
        }
        inside ^= b == b'"';
        out.push(b);
        at += 1;
    }
    out
}

/// A number, also where it is one that JSON has not.
pub(super) fn float(v: &Value) -> Option<f64> {
    match v.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("NaN") => Some(f64::NAN),
        _ => v.as_f64(),
    }
}

/// The tag and value of a union: the only key whose value is not null; older files write all of them.
pub(super) fn union(v: &Value) -> Option<(&str, &Value)> {
    let object = v.as_object()?;
    let mut there = object.iter().filter(|(_, v)| !v.is_null());
    let (key, value) = there.next().or_else(|| object.iter().next())?;
    Some((key.as_str(), value))
}

/// A field that must be there.
///
/// # Errors
/// `TO0105` when it is not.
pub(super) fn field<'a>(v: &'a Value, name: &str) -> Result<&'a Value> {
    v.get(name).ok_or_else(|| Diagnostic::error(Code::TORCH_PROGRAM, format!("the exported program lacks `{name}`")))
}

/// The elements of a field that is a list; an absent one is empty.
pub(super) fn list<'a>(v: &'a Value, name: &str) -> &'a [Value] {
    v.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A field that is a string.
pub(super) fn text<'a>(v: &'a Value, name: &str) -> Option<&'a str> {
    v.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn numbers_that_json_has_not() {
        let v = parse(br#"{"a": [Infinity, -Infinity, NaN, 1.5], "b": "NaN \" Infinity"}"#).unwrap();
        assert_eq!(float(&v["a"][0]), Some(f64::INFINITY));
        assert_eq!(float(&v["a"][1]), Some(f64::NEG_INFINITY));
        assert!(float(&v["a"][2]).unwrap().is_nan());
        assert_eq!(v["b"], "NaN \" Infinity");
        assert!(parse(b"{").is_err());
    }
}
