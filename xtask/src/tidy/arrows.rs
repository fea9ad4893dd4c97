//! Dependencies between our crates against the table of the design. Dev-dependencies count too: a test that needs a
//! forbidden crate belongs into package `tests`.

use serde_json::Value;

use crate::shell::Result;

/// Crate and the crates it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("storage", &["diag"]),
    ("ir", &["diag", "storage"]),
    ("proto", &[]),
    ("pickle", &["diag", "storage"]),
    ("keras", &["diag", "storage", "ir"]),
    ("tensorflow", &["diag", "storage", "ir", "proto"]),
    ("torch", &["diag", "storage", "ir", "pickle"]),
    ("shim", &["diag", "ir"]),
    ("runtime", &["diag", "ir"]),
    ("onnx", &["diag", "storage", "ir", "proto"]),
    ("safetensors", &["diag", "storage", "ir"]),
    ("modelport", ALL_LIBRARIES),
    ("cli", &["modelport"]),
    ("tests", ALL),
    ("xtask", &[]),
];

const ALL_LIBRARIES: &[&str] = &[
    "diag",
    "storage",
    "ir",
    "proto",
    "pickle",
    "keras",
    "tensorflow",
    "torch",
    "shim",
    "runtime",
    "onnx",
    "safetensors",
];

const ALL: &[&str] = &[
    "diag",
    "storage",
    "ir",
    "proto",
    "pickle",
    "keras",
    "tensorflow",
    "torch",
    "shim",
    "runtime",
    "onnx",
    "safetensors",
    "modelport",
    "cli",
];

/// The table's name of a package.
fn short(package: &str) -> &str {
    package.strip_prefix("modelport-").unwrap_or(package)
}

pub(super) fn check(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("cargo metadata has no packages")?;
    let mut found = Vec::new();
    for package in packages {
        let name = short(text(package, "name")?);
        let Some((_, allowed)) = ARROWS.iter().find(|(n, _)| *n == name) else {
            found.push(format!("crate `{name}` is not in the table of xtask/src/tidy/arrows.rs"));
            continue;
        };
        let dependencies =
            package.get("dependencies").and_then(Value::as_array).ok_or("a package has no dependencies")?;
        for dependency in dependencies {
            // Ours are the ones with a path.
            let to = short(text(dependency, "name")?);
            if dependency.get("path").is_some() && to != name && !allowed.contains(&to) {
                found.push(format!("arrow `{name}` -> `{to}` is not in the design's table"));
            }
        }
    }
    Ok(found)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata: no `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, to: &str) -> Value {
        serde_json::json!({"packages": [{"name": name, "dependencies": [{"name": to, "path": "/x"}, {"name": "bytes"}]}]})
    }

    #[test]
    fn an_arrow_to_the_left_is_found() {
        assert_eq!(check(&metadata("modelport-ir", "modelport-keras")).unwrap().len(), 1);
        assert_eq!(check(&metadata("modelport-keras", "modelport-ir")).unwrap(), [""; 0]);
        assert_eq!(check(&metadata("modelport-unheard", "modelport-ir")).unwrap().len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Every crate depends on crates above it only.
        for (at, (name, allowed)) in ARROWS.iter().enumerate() {
            for to in allowed.iter() {
                let above = ARROWS.iter().position(|(n, _)| n == to).unwrap();
                assert!(above < at, "{name} -> {to}");
            }
        }
    }
}
