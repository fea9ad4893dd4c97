//! The façade: probing, the pipeline from a saved model to a verified ONNX file, custom layers, reports.
//!
//! ```no_run
//! let options = modelport::ConvertOptions::default();
//! let done = modelport::convert("in.h5".as_ref(), "out.onnx".as_ref(), &options)?;
//! println!("{} nodes at opset {}", done.written.nodes, done.written.opset);
//! # Ok::<(), modelport::Diagnostics>(())
//! ```
//!
//! Owns: the order of the steps. Must never know: how a format is read or written, how anything is printed.
#![forbid(unsafe_code)]

mod convert;
mod custom;
pub mod doctor;
mod export;
mod inspect;
mod load;
mod open;
mod repair;
mod report;
mod stand_alone;
mod supported;
mod transplant;
mod verify;

pub use convert::{Conversion, ConvertOptions, Emit, Stage, convert, emit, emit_to};
pub use custom::read_declarations;
pub use doctor::{Diagnosis, DoctorOptions, doctor};
pub use export::{Export, ExportOptions, Names, export};
pub use inspect::{Global, Inspection, Layer, Shown, Size, WeightInfo, inspect};
pub use load::{LoadOptions, Model, load, parse_input_type, parse_input_value};
pub use open::{Body, Opened, open};
pub use supported::{Supported, supported};
pub use verify::{VerifyOptions, verify};

pub use repair::{Repair, RepairOptions, repair};
pub use report::{Recorded, VERIFIED, inspect_to, save_report};

pub use modelport_diag::{CODES, Code, Diagnostic, Diagnostics, Limits, Result, Severity};
pub use modelport_ir::passes::InputLayout;
pub use modelport_ir::{
    Builder, CoreGraph, CustomLayer, CustomLayers, DType, Provenance, SourceGraph, SourceOp, Tensor, TensorType,
    ValueId,
};
pub use modelport_onnx::Written;
pub use modelport_runtime::verify::Report;
pub use modelport_safetensors::parse_size;
pub use modelport_shim::Applied;

/// The result of everything here: a value, or all findings at once.
pub type Outcome<T> = std::result::Result<T, Diagnostics>;
