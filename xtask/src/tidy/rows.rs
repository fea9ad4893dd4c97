//! Every lowering row, found by its spelling (`row(`, `row_many(` or `row_complex(` and its name) in a reader crate, has a case under
//! `fixtures/ops/<framework>/<Name>/`, and no name has two rows in one table. Keras has two tables: layer classes, and
//! operations in files called `operations*`; `Add` is in both. The directory of an op of torch is named without the
//! namespace (`aten::`, `prim::`, `torchvision::`). A row that only says why there is no lowering has a file in
//! `fixtures/bad` instead.

use std::collections::BTreeMap;
use std::path::Path;

use crate::shell::{self, Result};

/// Readers whose lowerings are rows.
const FRAMEWORKS: &[&str] = &["keras", "tensorflow", "torch"];

/// Rows whose lowering is a diagnostic: no outputs can be compared, so their case lies in `fixtures/bad`, where
/// `expected.txt` holds what is said.
const DIAGNOSED: &[(&str, &str)] = &[
    ("Hashing", "hashing"),
    ("TextVectorization", "text_vectorization"),
    ("torchvision::deform_conv2d", "torch_deform_conv2d"),
    ("torchvision::roi_pool", "torch_roi_pool"),
];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for framework in FRAMEWORKS {
        let sources = root.join("crates").join(framework).join("src");
        if !sources.is_dir() {
            continue;
        }
        let cases = root.join("fixtures/ops").join(framework);
        for (name, files) in rows(&sources)? {
            let (operations, layers): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| is_operations(f));
            for table in [operations, layers].iter().filter(|t| t.len() > 1) {
                found.push(format!("{framework}: `{name}` has {} rows: {}", table.len(), table.join(", ")));
            }
            let diagnosed = DIAGNOSED.iter().find(|(row, _)| *row == name);
            if let Some((_, case)) = diagnosed {
                let said = shell::read(&root.join("fixtures/bad").join(case).join("expected.txt")).unwrap_or_default();
                if !said.contains(&format!("`{name}`")) {
                    found.push(format!("{framework}: fixtures/bad/{case}/expected.txt does not speak of row `{name}`"));
                }
            } else if !has_case(&cases.join(name.rsplit("::").next().unwrap_or(&name)))? {
                found.push(format!("{framework}: row `{name}` has no case in fixtures/ops/{framework}/{name}/"));
            }
        }
    }
    Ok(found)
}

/// Whether a file belongs to the table of operations.
fn is_operations(file: &str) -> bool {
    Path::new(file).file_name().is_some_and(|n| n.to_string_lossy().starts_with("operations"))
}

/// Names of rows and the files that have them.
fn rows(sources: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in shell::walk(sources)? {
        if path.extension().is_some_and(|e| e == "rs") {
            for name in names(&shell::read(&path)?) {
                rows.entry(name).or_default().push(path.display().to_string());
            }
        }
    }
    Ok(rows)
}

/// How a row starts.
const SPELLINGS: &[&str] = &["row(", "row_many(", "row_complex("];

/// The names of the rows in one file. rustfmt may put the name on the next line; comments and tests hold no rows.
fn names(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    SPELLINGS.iter().flat_map(|spelling| spelled(&code, spelling)).collect()
}

fn spelled(code: &str, spelling: &str) -> Vec<String> {
    let starts = code.match_indices(spelling).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    });
    starts
        .filter_map(|(at, _)| code[at + spelling.len()..].trim_start().strip_prefix('"')?.split_once('"'))
        .filter(|(_, rest)| rest.starts_with(','))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether a directory has a case: a model with recorded inputs and outputs.
fn has_case(dir: &Path) -> Result<bool> {
    let cases = if dir.is_dir() { shell::list(dir)? } else { Vec::new() };
    Ok(cases.iter().any(|c| {
        let files = if c.is_dir() { shell::list(c).unwrap_or_default() } else { Vec::new() };
        let named =
            |start: &str| files.iter().any(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start)));
        named("io.npz") && named("model.")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_spelling() {
        let text = "const ROWS: &[Row] = &[\n    row(\"A\", a),\n    // row(\"B\", b),\n    row(\n        \"C\",\n        c,\n    ),\n    arrow(\"D\", d),\n    row_many(\"F\", f),\n];\n#[cfg(test)]\nrow(\"E\", e)";
        assert_eq!(names(text), ["A", "C", "F"]);
    }

    #[test]
    fn operations_are_a_table_of_their_own() {
        assert!(is_operations("crates/keras/src/lower/operations_core.rs"));
        assert!(!is_operations("crates/keras/src/operations/merge.rs"));
    }

    #[test]
    fn a_directory_without_recorded_outputs_is_no_case() {
        let ops = shell::root().join("fixtures/ops/keras");
        assert!(has_case(&ops.join("Dense")).unwrap());
        assert!(!has_case(&ops).unwrap());
        assert!(!has_case(&ops.join("NoSuchLayer")).unwrap());
    }
}
