//! Rust files: module docs on each, and a length that one sitting can read.

use std::path::Path;

use crate::shell::{self, Result};

const MAX_LINES: usize = 400;

/// Directories that hold our Rust.
const SOURCES: &[&str] = &["crates", "xtask", "tests", "fuzz"];

/// Generated files: any length, docs from the generator.
const GENERATED: &[&str] = &[
    // `cargo xtask codegen`, from proto/onnx.proto and proto/tensorflow.proto.
    "crates/proto/src/onnx.rs",
    "crates/proto/src/tensorflow.rs",
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for dir in SOURCES.iter().map(|s| root.join(s)).filter(|d| d.is_dir()) {
        for path in shell::walk(&dir)? {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            if name.ends_with(".rs") && !GENERATED.contains(&name.as_str()) {
                found.extend(file(&name, &shell::read(&path)?));
            }
        }
    }
    Ok(found)
}

fn file(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{name}: {lines} lines, at most {MAX_LINES}"));
    }
    if !has_module_docs(text) {
        found.push(format!("{name}: no module docs (`//!`)"));
    }
    found
}

/// Whether the first thing but blank lines, comments and inner attributes is a module doc.
fn has_module_docs(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let skip = |l: &&str| l.is_empty() || l.starts_with("#![") || (l.starts_with("//") && !l.starts_with("//!"));
    lines.find(|l| !skip(l)).is_some_and(|l| l.starts_with("//!") && l.len() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_may_follow_attributes_and_comments_only() {
        assert!(has_module_docs("#![no_main]\n// licence\n\n//! Owns x.\n"));
        assert!(!has_module_docs("use x;\n//! late\n"));
        assert!(!has_module_docs("/// of an item\nfn f() {}\n"));
    }

    #[test]
    fn length_is_counted_in_lines() {
        let text = |n| format!("//! Docs.\n{}", "x\n".repeat(n));
        assert_eq!(file("a.rs", &text(MAX_LINES - 1)).len(), 0);
        assert_eq!(file("a.rs", &text(MAX_LINES)).len(), 1);
    }
}
