//! Opening a safetensors file, or the index of several: [`open`] and what it gives.
//!
//! Owns: names, aliases and provenance of what was read. Must never know: frameworks, beyond the one word with which a file
//! names the one that it was written for.

use crate::header::{self, Header, Placed};
use crate::{Element, index};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_ir::{DType, Provenance, Tensor};
use modelport_storage::{ByteRange, MappedFile};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A tensor as it stands in the file, of any element type that the format has.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its bytes, not read yet.
    pub range: ByteRange,
}

impl Stored {
    fn new(placed: Placed) -> Result<Self> {
        let shape = placed.shape.iter().map(|&d| usize::try_from(d)).collect::<std::result::Result<_, _>>();
        let too_large = |_| Diagnostic::error(Code::SAFETENSORS_DATA, "a dimension is larger than memory can be");
        let shape = shape.map_err(too_large)?;
        Ok(Self { name: placed.name, element: placed.element, shape, range: placed.range })
    }

    /// The tensor, where modelport computes with its type.
    pub fn tensor(&self) -> Option<Tensor> {
        Tensor::from_range(self.element.dtype()?, self.shape.clone(), self.range.clone()).ok()
    }

    /// The bytes, as a tensor without a meaning.
    pub(crate) fn raw(&self) -> Result<Tensor> {
        Tensor::from_range(DType::U8, vec![self.range.len() as usize], self.range.clone())
    }
}

/// An opened safetensors file, or all files of an index; the tensors are still on disk.
#[derive(Clone, Debug)]
pub struct SafetensorsFile {
    /// Who wrote it, as far as its metadata says.
    pub provenance: Provenance,
    /// The metadata, of all shards together.
    pub metadata: BTreeMap<String, String>,
    /// Every tensor, in the order of the bytes.
    pub stored: Vec<Stored>,
    /// The tensors that modelport computes with, and the further names that the metadata gives them.
    pub weights: Vec<(String, Tensor)>,
    /// What a user should know, as sentences.
    pub notes: Vec<String>,
}

/// Whether this is a safetensors file or the index of several.
pub fn probe(file: &MappedFile) -> bool {
    header::probe(file.bytes()) || index::probe(file)
}

/// Opens a safetensors file, or the `*.safetensors.index.json` of several, which must lie beside it.
///
/// # Errors
/// `ST…` for what the reference implementation refuses, `IO0001` when a file is missing; all findings at once.
pub fn open(path: &Path, limits: &Limits) -> std::result::Result<SafetensorsFile, Diagnostics> {
    let file = MappedFile::open(path)?;
    if index::probe(&file) {
        return index::read(path, &file, limits);
    }
    open_bytes(&file)
}

/// Opens one mapped file, or bytes in memory.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(file: &Arc<MappedFile>) -> std::result::Result<SafetensorsFile, Diagnostics> {
    let (metadata, stored) = stored(file)?;
    Ok(SafetensorsFile::new("safetensors", metadata, stored))
}

/// Metadata and tensors of one file.
pub(crate) fn stored(
    file: &Arc<MappedFile>,
) -> std::result::Result<(BTreeMap<String, String>, Vec<Stored>), Diagnostics> {
    let Header { metadata, tensors } = header::read(file)?;
    let stored = tensors.into_iter().map(Stored::new).collect::<Result<_>>()?;
    Ok((metadata.into_iter().collect(), stored))
}

impl SafetensorsFile {
    pub(crate) fn new(format: &str, metadata: BTreeMap<String, String>, stored: Vec<Stored>) -> Self {
        let provenance = provenance(format, &metadata);
        let mut weights: Vec<_> = stored.iter().filter_map(|s| Some((s.name.clone(), s.tensor()?))).collect();
        let by_name: BTreeMap<_, _> = weights.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
        let names: BTreeSet<_> = stored.iter().map(|s| s.name.as_str()).collect();
        // `safetensors.torch.save_model` notes a name that shares its storage as `name: the name that is stored`.
        for (name, target) in &metadata {
            if let Some(tensor) = by_name.get(target)
                && !names.contains(name.as_str())
            {
                weights.push((name.clone(), tensor.clone()));
            }
        }
        let foreign = stored.iter().filter(|s| s.element.dtype().is_none());
        let notes = foreign.map(|s| {
            format!("`{}` is of type {}, which modelport copies but does not compute with", s.name, s.element.name())
        });
        let notes = notes.collect();
        Self { provenance, metadata, stored, weights, notes }
    }

    /// The diagnostic that says what is missing for a graph.
    pub fn no_graph(&self) -> Box<Diagnostic> {
        let mut list: Vec<_> = self.weights.iter().take(12).map(|(name, t)| format!("{name}: {}", t.ty())).collect();
        if self.weights.len() > list.len() {
            list.push(format!("… and {} more", self.weights.len() - list.len()));
        }
        Diagnostic::error(Code::SAFETENSORS_WEIGHTS_ONLY, "a safetensors file holds weights only; it does not describe the model")
            .expected("the model that these weights belong to, beside them")
            .found(format!("{} weights:\n  {}", self.weights.len(), list.join("\n  ")))
            .help("give a file with the graph, whose weights these replace by name, with --graph MODEL; or the architecture with --arch")
    }
}

/// What the metadata says about the writer; `format` is a convention of Hugging Face.
fn provenance(format: &str, metadata: &BTreeMap<String, String>) -> Provenance {
    let get = |key: &str| metadata.get(key).cloned();
    let by_format = metadata.get("format").and_then(|f| match f.as_str() {
        "pt" => Some("torch"),
        "tf" => Some("tensorflow"),
        "flax" => Some("flax"),
        "mlx" => Some("mlx"),
        "np" => Some("numpy"),
        _ => None,
    });
    let mut evidence = Vec::new();
    if let Some(f) = get("format") {
        evidence.push(format!("metadata `format`: `{f}`"));
    }
    if let Some(v) = get("modelport.version") {
        evidence.push(format!("metadata `modelport.version`: written by modelport {v}"));
    }
    let details = metadata.iter().filter(|(key, _)| key.starts_with("modelport."));
    Provenance {
        framework: get("modelport.framework").unwrap_or_else(|| by_format.unwrap_or("unknown").to_owned()),
        version: get("modelport.framework_version"),
        format: format.to_owned(),
        evidence,
        details: details.map(|(k, v)| (k.clone(), v.clone())).collect(),
    }
}
