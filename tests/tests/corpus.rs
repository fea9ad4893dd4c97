//! Every recorded model in `fixtures/` goes the whole way: read, shim, lower, layout, write, and is compared with the
//! outputs that the framework recorded and with the interpreter. The cases are the lines of `fixtures/CASES.tsv`.
#![allow(clippy::panic, clippy::print_stdout)]

use libtest_mimic::{Arguments, Failed, Trial};
use modelport::{ConvertOptions, VerifyOptions};
use modelport_tests::fixtures::{Case, cases, root};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

static BY_TRACT: AtomicUsize = AtomicUsize::new(0);
static READ_BACK: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases = cases();
    if cases.is_empty() {
        panic!("there are no cases in {}", root().display());
    }
    let trials = cases.into_iter().map(|c| Trial::test(c.name.clone(), move || check(&c).map_err(Failed::from)));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    let (tract, read_back) = (BY_TRACT.load(Ordering::Relaxed), READ_BACK.load(Ordering::Relaxed));
    if tract + read_back > 0 {
        println!("{tract} written files were run by tract, {read_back} were read back and interpreted");
    }
    conclusion.exit_code()
}

/// Converts the case's model, and verifies against its recorded outputs.
fn check(case: &Case) -> Result<(), String> {
    let options = ConvertOptions {
        load: case.options()?,
        verify: Some(VerifyOptions { golden: Some(case.golden.clone()), ..VerifyOptions::default() }),
        ..ConvertOptions::default()
    };
    let target = tempfile::tempdir().map_err(|e| e.to_string())?;
    let done = modelport::convert(&case.model, &target.path().join("out.onnx"), &options).map_err(|d| d.to_string())?;
    let report = done.report.ok_or("nothing was compared")?;
    let by_tract = report.comparisons.iter().any(|c| c.found.contains("tract"));
    if by_tract { &BY_TRACT } else { &READ_BACK }.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
