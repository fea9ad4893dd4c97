//! The README's list of what is converted is the rows themselves. `MODELPORT_BLESS=1` writes it anew.
#![allow(clippy::expect_used, reason = "helpers of tests")]

use modelport_tests::fixtures::root;
use std::fs;

const START: &str = "<!-- supported: generated from the rows by `MODELPORT_BLESS=1 cargo test --release -p modelport-tests --test readme` -->\n";
const END: &str = "<!-- end of supported -->";

#[test]
fn the_readme_lists_the_rows() {
    let path = root().join("../README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(START).expect("the README has no mark where the list starts");
    let (found, after) = rest.split_once(END).expect("the README has no mark where the list ends");
    let mut wanted = "\n| | converted |\n|---|---|\n".to_owned();
    for list in modelport::supported() {
        let names: Vec<_> = list.names.iter().map(|n| format!("`{n}`")).collect();
        wanted += &format!("| **{}**: {} {} | {} |\n", list.framework, names.len(), list.what, names.join(" "));
    }
    wanted.push('\n');
    if std::env::var_os("MODELPORT_BLESS").is_some() {
        fs::write(&path, format!("{before}{START}{wanted}{END}{after}")).expect("README.md cannot be written");
        return;
    }
    assert_eq!(found, wanted, "README.md is out of date");
}
