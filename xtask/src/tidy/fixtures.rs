//! The fixture tree: small enough for a clone, and told in full by `CASES.tsv`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::shell::{self, Result};

const MAX_BYTES: u64 = 40 << 20;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let fixtures = root.join("fixtures");
    let files = shell::walk(&fixtures)?;
    let mut found = Vec::new();
    let bytes: u64 = files.iter().filter_map(|f| fs::metadata(f).ok()).map(|m| m.len()).sum();
    if bytes > MAX_BYTES {
        found.push(format!("fixtures/: {bytes} bytes, at most {MAX_BYTES}"));
    }
    let recorded: BTreeSet<String> = files
        .iter()
        .filter(|f| f.ends_with("io.npz"))
        .filter_map(|f| Some(f.parent()?.strip_prefix(&fixtures).ok()?.to_string_lossy().into_owned()))
        .collect();
    found.extend(cases(root, &shell::read(&fixtures.join("CASES.tsv"))?, &recorded));
    Ok(found)
}

/// Holds the list against the directories with recorded outputs.
fn cases(root: &Path, tsv: &str, recorded: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut listed = BTreeSet::new();
    let mut lines = tsv.lines();
    if lines.next() != Some("id\tpath\tgolden\targs") {
        found.push("fixtures/CASES.tsv: the header is not id, path, golden, args".to_owned());
    }
    for (number, line) in lines.enumerate() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, path, golden, args] = columns.as_slice() else {
            found.push(format!("fixtures/CASES.tsv:{}: {} columns, not 4", number + 2, columns.len()));
            continue;
        };
        if !listed.insert((*id).to_owned()) {
            found.push(format!("fixtures/CASES.tsv:{}: `{id}` a second time", number + 2));
        }
        let given = args.split_whitespace().filter(|a| a.starts_with("fixtures/"));
        let named = given.chain([*path, *golden]);
        for missing in named.filter(|p| !root.join(p).exists()) {
            found.push(format!("fixtures/CASES.tsv:{}: no file {missing}", number + 2));
        }
    }
    found.extend(recorded.difference(&listed).map(|id| format!("fixtures/{id}: not in CASES.tsv")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_and_the_tree_are_held_against_each_other() {
        let root = shell::root();
        let model = "fixtures/models/keras/multi_io_k3_keras";
        let line = format!("x\t{model}/model.keras\t{model}/io.npz\t");
        let header = "id\tpath\tgolden\targs";
        let recorded = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        assert_eq!(cases(&root, &format!("{header}\n{line}"), &recorded(&["x"])), [""; 0]);
        assert_eq!(cases(&root, &format!("{header}\n{line}\n{line}"), &recorded(&["x"])).len(), 1);
        assert_eq!(cases(&root, &format!("{header}\n{line}"), &recorded(&["x", "y"])).len(), 1);
        assert_eq!(cases(&root, &format!("{header}\nx\tno\tno\t"), &recorded(&["x"])).len(), 2);
        assert_eq!(cases(&root, &format!("{header}\n{line}--custom fixtures/no"), &recorded(&["x"])).len(), 1);
    }
}
