//! Opening a TensorFlow model of any kind: [`open`] and what it gives.
//!
//! Owns: the choice of the reader by content. Must never know: the layouts themselves.

use crate::objects::LayerWeights;
use crate::probe::{Kind, Located, locate};
use crate::{frozen, saved_model, weights};
use modelport_diag::{Diagnostic, Diagnostics, Limits};
use modelport_ir::{Provenance, SourceGraph, Tensor, TensorType};
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
    /// Values that inputs have for good, by name.
    pub input_values: Vec<(String, f64)>,
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
    /// The weights layer by layer, of a checkpoint that holds a Keras model and no graph.
    pub layers: Vec<LayerWeights>,
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
    let opened = locate(path).and_then(|found| match found {
        Located::SavedModel { dir, file, note } => {
            let mut opened = saved_model::open(&dir, &file, options)?;
            opened.notes.splice(0..0, note);
            Ok(opened)
        }
        Located::Graph { file, note } => {
            let mut opened = frozen::open(&file, options)?;
            opened.notes.splice(0..0, note);
            Ok(opened)
        }
        Located::Checkpoint(paths) => weights::open(&paths, options),
    });
    opened.map_err(|d| d.in_file(path.display().to_string()).into())
}
