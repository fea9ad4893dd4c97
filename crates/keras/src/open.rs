//! Opening a Keras file of any kind: [`open`] and what it gives.
//!
//! Owns: the choice of the reader by content, and the architecture given beside the weights. Must never know: the layouts
//! themselves.

use crate::archive;
use crate::hdf5_model;
use crate::json;
use crate::probe::{self, Kind, probe};
use crate::sharded;
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_ir::{Provenance, SourceGraph, Tensor};
use modelport_storage::MappedFile;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The architecture, as `model.to_json()` or a `config.json` gives it, for files that hold weights only.
    pub arch: Option<PathBuf>,
    /// What the file may make us do.
    pub limits: Limits,
}

/// What an opened file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Architecture and weights.
    Model,
    /// Weights; the architecture, if any, was given beside.
    WeightsOnly,
}

/// An opened Keras file; its weights are still on disk.
#[derive(Clone, Debug)]
pub struct KerasFile {
    /// Who wrote it.
    pub provenance: Provenance,
    /// The container.
    pub kind: Kind,
    /// What is in it.
    pub content: Content,
    /// All weights by the file's own full names, in the file's order.
    pub weights: Vec<(String, Tensor)>,
    /// The model; `None` for weights without an architecture ([`KerasFile::require_graph`] says what to do then).
    pub graph: Option<SourceGraph>,
}

impl KerasFile {
    /// Takes the model out, or gives the diagnostic that asks for its architecture.
    ///
    /// # Errors
    /// `KR0002` when the file holds weights only and no architecture was given.
    pub fn require_graph(&mut self) -> Result<SourceGraph> {
        self.graph.take().ok_or_else(|| {
            let shown = self.weights.iter().take(12).map(|(name, t)| format!("{name}: {}", t.ty()));
            let mut list: Vec<_> = shown.collect();
            if self.weights.len() > list.len() {
                list.push(format!("… and {} more", self.weights.len() - list.len()));
            }
            Diagnostic::error(Code::KERAS_WEIGHTS_ONLY, "the file holds weights only; it does not describe the model")
                .expected("a model saved with `model.save(…)`, or its architecture beside the weights")
                .found(format!("{} weights:\n  {}", self.weights.len(), list.join("\n  ")))
                .help("write the architecture with `open(\"arch.json\", \"w\").write(model.to_json())` and give it with --arch arch.json")
        })
    }
}

/// Opens a Keras file, recognised by content. A directory that Keras 3 saved with `zipped=False` is one too, and so is the
/// `.weights.json` of weights in several files.
///
/// # Errors
/// `PR…` when it is something else (`IO0001` when it is not there), `H5…`/`ZP…` when it is damaged, `KR…` when it is no
/// model that can be read. Weights without an architecture are no error here; see [`KerasFile::require_graph`].
pub fn open(path: &Path, options: &OpenOptions) -> std::result::Result<KerasFile, Diagnostics> {
    if path.is_dir() {
        if path.join("config.json").is_file() {
            return finish(archive::read_directory(path, &options.limits), &path.display().to_string());
        }
        return Err(probe::directory(path).into());
    }
    let file = MappedFile::open(path)?;
    match sharded::weight_map(&file, &options.limits) {
        Some(map) => finish(sharded::read(path, &map, options), file.name()),
        None => open_bytes(&file, options),
    }
}

/// Opens a mapped file, or bytes in memory.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(file: &Arc<MappedFile>, options: &OpenOptions) -> std::result::Result<KerasFile, Diagnostics> {
    let read = match probe(file) {
        Some(Kind::Hdf5) => hdf5_model::read(file, options),
        Some(Kind::Archive) => archive::read(file, &options.limits),
        None if probe::is_zip(file.bytes()) => Err(archive::why_not(file, &options.limits).into()),
        None => Err(probe::unknown(file).into()),
    };
    finish(read, file.name())
}

fn finish(
    read: std::result::Result<KerasFile, Diagnostics>,
    name: &str,
) -> std::result::Result<KerasFile, Diagnostics> {
    read.map_err(|d| Diagnostics(d.0.into_iter().map(|d| d.in_file(name)).collect()))
}

/// Reads the architecture given beside the weights: `model.to_json()`, or the `config.json` of an archive.
pub(crate) fn read_arch(path: &Path, limits: &Limits) -> Result<Value> {
    let file = MappedFile::open(path)?;
    let config = json::parse(file.bytes(), "the architecture", file.name(), limits)?;
    if config.get("class_name").is_none() {
        return Err(Diagnostic::error(Code::KERAS_CONFIG, "the architecture has no `class_name` and `config`")
            .in_file(file.name())
            .help("it should be what `model.to_json()` returns"));
    }
    Ok(config)
}
