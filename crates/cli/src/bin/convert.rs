//! The bare `convert` command: `convert in.h5 out.onnx` is `modelport convert in.h5 out.onnx`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    arguments.insert(1.min(arguments.len()), "convert".into());
    modelport_cli::main(arguments)
}
