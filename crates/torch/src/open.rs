//! Opening a PyTorch file of any kind: [`open`] and what it gives.
//!
//! Owns: the choice of the reader by content. Must never know: the layouts themselves.

use crate::probe::Kind;
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits};
use modelport_ir::{Provenance, SourceGraph, Tensor, TensorType};
use std::path::Path;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The architecture of weights alone: `NAME[,option=value]`.
    pub arch: Option<String>,
    /// Where the weights are in a checkpoint that holds several: `state_dict`, `model.ema`.
    pub weights_key: Option<String>,
    /// Types of inputs that the file leaves open, by name.
    pub input_types: Vec<(String, TensorType)>,
    /// What the file may make us do.
    pub limits: Limits,
}

/// An opened file; its weights are still on disk.
#[derive(Clone, Debug)]
pub struct TorchFile {
    /// Who wrote it.
    pub provenance: Provenance,
    /// The container.
    pub kind: Kind,
    /// All weights by the names of the `state_dict`.
    pub weights: Vec<(String, Tensor)>,
    /// The model; without one, what a user can do about it.
    pub graph: Result<SourceGraph, Box<Diagnostic>>,
    /// Choices that were made, as sentences for the user.
    pub notes: Vec<String>,
}

/// Opens a file, recognised by content.
///
/// # Errors
/// When it is something else or is damaged.
pub fn open(path: &Path, _options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    Err(Diagnostic::error(Code::PROBE_UNKNOWN, "PyTorch files are not read yet")
        .in_file(path.display().to_string())
        .into())
}
