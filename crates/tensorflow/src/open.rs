//! Opening a TensorFlow model of any kind: [`open`] and what it gives.
//!
//! Owns: the choice of the reader by content. Must never know: the layouts themselves.

use crate::frozen;
use crate::probe::{Kind, probe};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits};
use modelport_ir::{Provenance, SourceGraph, Tensor, TensorType};
use modelport_storage::MappedFile;
use std::path::Path;

/// How to open a model.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The tags of the meta graph; `serve` when empty.
    pub tag_set: Vec<String>,
    /// The key of the signature; `serving_default` when absent.
    pub signature: Option<String>,
    /// Tensors that are inputs (`x:0`); guessed, or taken from the signature, when empty.
    pub inputs: Vec<String>,
    /// Tensors that are outputs; guessed, or taken from the signature, when empty.
    pub outputs: Vec<String>,
    /// Types of inputs that the file leaves open, by name.
    pub input_types: Vec<(String, TensorType)>,
    /// Whether the checksums of tensors are held against their bytes.
    pub checksums: bool,
    /// What the file may make us do.
    pub limits: Limits,
}

/// An opened model; its weights are still on disk.
#[derive(Clone, Debug)]
pub struct TensorFlowFile {
    /// Who wrote it.
    pub provenance: Provenance,
    /// The container.
    pub kind: Kind,
    /// All variables by the file's own names.
    pub weights: Vec<(String, Tensor)>,
    /// The model; without one, what a user can do about it.
    pub graph: Result<SourceGraph, Box<Diagnostic>>,
    /// Choices that were made, as sentences for the user.
    pub notes: Vec<String>,
}

/// Opens a model, recognised by content.
///
/// # Errors
/// When it is something else or is damaged.
pub fn open(path: &Path, options: &OpenOptions) -> Result<TensorFlowFile, Diagnostics> {
    let name = path.display().to_string();
    let opened = match probe(path) {
        Some(Kind::GraphDef) => MappedFile::open(path).and_then(|file| frozen::open(&file, options)),
        _ => Err(Diagnostic::error(Code::PROBE_UNKNOWN, "this is no TensorFlow model")),
    };
    opened.map_err(|d| d.in_file(name).into())
}
