//! JSON as Python prints it, for the texts of exceptions.

use serde_json::Value;

/// Longer reprs are cut: a user compares the beginning.
const LONGEST: usize = 300;

/// What `repr` gives for the object that `json.loads` makes of it, cut where it is long.
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    print(value, &mut out, 0);
    if out.chars().count() > LONGEST {
        out = out.chars().take(LONGEST).collect();
        out.push('…');
    }
    out
}

/// A Python dictionary of some entries.
pub(crate) fn dict<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let inner: Vec<_> = entries.map(|(k, v)| format!("'{k}': {}", repr(v))).collect();
    format!("{{{}}}", inner.join(", "))
}

fn print(value: &Value, out: &mut String, depth: usize) {
    if out.len() > 4 * LONGEST || depth > 64 {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(s) => {
            out.push('\'');
            out.push_str(&s.replace('\\', "\\\\").replace('\'', "\\'"));
            out.push('\'');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                print(item, out, depth + 1);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", '" } else { "'" });
                out.push_str(key);
                out.push_str("': ");
                print(item, out, depth + 1);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_printed_as_python_prints_it() {
        let value = serde_json::json!({"groups": 1, "axis": [3, null], "x": {"a": true, "b": "it's"}});
        assert_eq!(repr(&value), r"{'groups': 1, 'axis': [3, None], 'x': {'a': True, 'b': 'it\'s'}}");
    }
}
