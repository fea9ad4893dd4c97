//! Every recorded model in `fixtures/` goes the whole way: read, shim, lower, layout, write, and is compared with the
//! outputs that the framework recorded and with the interpreter. Cases discover themselves: a directory with a model
//! and an `io.npz` is a case.
#![allow(clippy::panic, clippy::print_stdout)]

use libtest_mimic::{Arguments, Failed, Trial};
use modelport::{ConvertOptions, VerifyOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

static BY_TRACT: AtomicUsize = AtomicUsize::new(0);
static READ_BACK: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut directories = Vec::new();
    collect(&root, &mut directories);
    let trials: Vec<_> = directories.into_iter().map(|d| trial(&root, d)).collect();
    if trials.is_empty() {
        panic!("there are no fixtures under {}", root.display());
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let (tract, read_back) = (BY_TRACT.load(Ordering::Relaxed), READ_BACK.load(Ordering::Relaxed));
    if tract + read_back > 0 {
        println!("{tract} written files were run by tract, {read_back} were read back and interpreted");
    }
    conclusion.exit_code()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    if paths.iter().any(|p| p.ends_with("io.npz")) {
        into.push(directory.to_owned());
    }
    paths.iter().filter(|p| p.is_dir()).for_each(|p| collect(p, into));
}

fn trial(root: &Path, directory: PathBuf) -> Trial {
    let name = directory.strip_prefix(root).unwrap_or(&directory).display().to_string();
    Trial::test(name, move || check(&directory).map_err(Failed::from))
}

/// Converts the case's model with everything that lies beside it, and verifies against its recorded outputs.
fn check(directory: &Path) -> Result<(), String> {
    let beside = |wanted: &dyn Fn(&str) -> bool| {
        let mut names: Vec<_> = std::fs::read_dir(directory).ok()?.flatten().map(|e| e.path()).collect();
        names.sort();
        names.into_iter().find(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(wanted))
    };
    let model = beside(&|n| n.starts_with("model.") || n.ends_with(".weights.h5") || n.starts_with("weights."));
    let model = model.ok_or("there is no model in the directory")?;
    let mut options = ConvertOptions {
        verify: Some(VerifyOptions { golden: Some(directory.join("io.npz")), seed: 0 }),
        ..ConvertOptions::default()
    };
    options.load.arch = beside(&|n| n == "arch.json");
    if let Some(custom) = modelport_tests::fixtures::custom(&model) {
        modelport::read_declarations(&custom, &mut options.load.custom).map_err(|d| d.to_string())?;
    }
    let target = tempfile::tempdir().map_err(|e| e.to_string())?;
    let done = modelport::convert(&model, &target.path().join("out.onnx"), &options).map_err(|d| d.to_string())?;
    let report = done.report.ok_or("nothing was compared")?;
    let by_tract = report.comparisons.iter().any(|c| c.found.contains("tract"));
    if by_tract { &BY_TRACT } else { &READ_BACK }.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
