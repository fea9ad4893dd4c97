//! Writes every case of `tests/cases` at many opsets to a directory, for `onnx.checker` and onnxruntime:
//! `cargo run -p modelport-onnx --example write_cases -- DIR`.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "../tests/cases/mod.rs"]
mod cases;

use modelport_onnx::{WriteOptions, write};

fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    for (name, graph) in cases::all() {
        for opset in [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 28] {
            let options = WriteOptions { opset: Some(opset), ..WriteOptions::default() };
            match write(&graph, &dir.join(format!("{name}@{opset}.onnx")), &options) {
                Ok(_) => {}
                Err(d) => println!("{name}@{opset}: {}", d.to_string().lines().next().unwrap_or_default()),
            }
        }
    }
}
