//! Every file in `fixtures/bad` fails with the diagnostics recorded beside it in `expected.txt`, and leaves the target as
//! it was. `MODELPORT_BLESS=1` writes them anew.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use modelport::{ConvertOptions, LoadOptions, convert};
use modelport_tests::fixtures::{entries, is_model, options, root};

/// What stands at the target before.
const BEFORE: &[u8] = b"an older file";

#[test]
fn bad_files_fail_with_their_diagnostics() {
    let bless = std::env::var_os("MODELPORT_BLESS").is_some();
    let mut wrong = Vec::new();
    let cases: Vec<_> = entries(&root().join("bad")).into_iter().filter(|p| p.is_dir()).collect();
    assert!(cases.len() > 10, "fixtures/bad is gone");
    for case in cases {
        let model = entries(&case).into_iter().find(|p| is_model(p)).expect("a bad case without a model");
        let found = fails_with(&model, arguments(&case));
        let expected = case.join("expected.txt");
        if bless {
            fs::write(&expected, &found).expect("expected.txt cannot be written");
        }
        let recorded = fs::read_to_string(&expected).unwrap_or_default();
        if recorded != found {
            wrong.push(format!("--- {}\nrecorded:\n{recorded}\nfound:\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_file_fails() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(fails(dir.path()).contains("PR0005"), "{}", fails(dir.path()));
    let missing = dir.path().join("missing.h5");
    assert!(fails(&missing).contains("IO0001"), "{}", fails(&missing));
}

/// The diagnostics of a conversion that must fail, without the path to the repository; the target must stay as it was,
/// with nothing left beside it.
fn fails(model: &Path) -> String {
    fails_with(model, LoadOptions::default())
}

/// What `args.txt` beside the model asks of the reader, as on the command line.
fn arguments(case: &Path) -> LoadOptions {
    let text = fs::read_to_string(case.join("args.txt")).unwrap_or_default();
    let args: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    options(&case.display().to_string(), &args).expect("args.txt cannot be read")
}

fn fails_with(model: &Path, load: LoadOptions) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let target = dir.path().join("out.onnx");
    fs::write(&target, BEFORE).expect("the target cannot be written");
    let result = convert(model, &target, &ConvertOptions { load, ..ConvertOptions::default() });
    assert_eq!(fs::read(&target).expect("the target is gone"), BEFORE, "{}: the target changed", model.display());
    assert_eq!(entries(dir.path()), [target], "{}: something is left beside the target", model.display());
    let diagnostics = result.err().unwrap_or_else(|| panic!("{} converts", model.display()));
    format!("{diagnostics}\n").replace(&root().display().to_string(), "fixtures").replace("fixtures/../", "")
}
