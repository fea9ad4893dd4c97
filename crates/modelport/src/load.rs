//! From a file to a core graph: probe, read, shim, lower.

use crate::Outcome;
use modelport_diag::Limits;
use modelport_ir::{CoreGraph, CustomLayers, Provenance, SourceGraph, Tensor};
use modelport_shim::Applied;
use std::path::{Path, PathBuf};

/// What a reader may need besides the file.
#[derive(Debug, Default)]
pub struct LoadOptions {
    /// Architecture JSON for a file that holds weights only.
    pub arch: Option<PathBuf>,
    /// Bodies of layers that no reader knows.
    pub custom: CustomLayers,
    /// What the file may make us allocate.
    pub limits: Limits,
}

/// A model that was read.
#[derive(Clone, Debug)]
pub struct Model {
    /// The path as given.
    pub file: String,
    /// Who wrote it.
    pub provenance: Provenance,
    /// Every weight in the file by the file's own names.
    pub weights: Vec<(String, Tensor)>,
    /// The graph in today's spelling of its framework.
    pub source: SourceGraph,
    /// The version rules that brought it there.
    pub applied: Vec<Applied>,
}

impl Model {
    /// Lowers to core ops; every finding is reported at once.
    ///
    /// # Errors
    /// All layers that are unknown or used in a way that is not supported.
    pub fn lower(&self, custom: &CustomLayers) -> Outcome<CoreGraph> {
        modelport_keras::lower(&self.source, custom).map_err(|mut all| {
            all.0 = all.0.into_iter().map(|d| d.in_file(&self.file)).collect();
            all
        })
    }
}

/// Reads a model file of any supported kind; weights stay on disk.
///
/// # Errors
/// When the file is not a model, is damaged, or holds weights only and no architecture is given.
pub fn load(path: &Path, options: &LoadOptions) -> Outcome<Model> {
    let file = open(path, options)?;
    let graph = file.require_graph().map_err(|d| d.in_file(path.display().to_string()))?.clone();
    let (source, applied) = modelport_shim::apply(graph);
    let file_name = path.display().to_string();
    Ok(Model { file: file_name, provenance: file.provenance, weights: file.weights, source, applied })
}

/// Opens with the reader that the content asks for.
pub(crate) fn open(path: &Path, options: &LoadOptions) -> Outcome<modelport_keras::KerasFile> {
    let open = modelport_keras::OpenOptions { arch: options.arch.clone(), limits: options.limits };
    modelport_keras::open(path, &open)
}
