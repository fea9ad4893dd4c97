//! The `modelport` command.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    modelport_cli::main(std::env::args_os().collect())
}
