//! ONNX: a writer for every supported opset, and a reader back into the IR.
//!
//! Owns: what ONNX operators, opsets and files mean. Must never know: any framework, the interpreter.
#![forbid(unsafe_code)]

mod code;
mod kernels;
mod legal;
mod names;
mod normal;
mod operator;
mod opset;
mod read;
mod types;
mod wire;
mod write;

pub use normal::{equivalent, normal_form};
pub use opset::{DEFAULT as DEFAULT_OPSET, NEWEST as NEWEST_OPSET, OLDEST as OLDEST_OPSET, ir_version};
pub use read::{probe, read, read_bytes, read_fixed};
pub use write::{WriteOptions, Written, to_bytes, write};
