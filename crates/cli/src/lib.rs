//! The command line: arguments, progress bars, printing, exit codes. All work is done by the `modelport` crate.
//!
//! Exit codes: 0 done; 1 the input was refused or the work failed, with diagnostics on stderr; 2 the command line is
//! wrong; 3 `verify` or `convert --verify` found that the numbers differ.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod doctor;
mod export;
mod output;
mod progress;
mod verify;

use clap::Parser;
use std::ffi::OsString;
use std::process::ExitCode;

/// A conversion of a small model is a hundred thousand small allocations: a MobileNetV2 takes 40 ms with glibc's allocator,
/// 35 with version 3 of this one and 33 with version 2, which touches fewer pages (medians of 41 runs each).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs one command line, the program's name first.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match args::Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            // Help and version are no errors; clap prints each to its own stream.
            let code = if e.use_stderr() { output::USAGE } else { output::DONE };
            return if e.print().is_ok() { ExitCode::from(code) } else { ExitCode::from(output::FAILED) };
        }
    };
    ExitCode::from(commands::run(arguments))
}
