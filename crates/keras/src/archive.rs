//! `.keras` archives: `config.json`, `metadata.json` and the weights, in a zip file or a directory.
//!
//! Source: keras/src/saving/saving_lib.py (2.12 to 3.15); `variables.h5` in saving/experimental/saving_lib.py (2.11).
//! Owns: the members. Must never know: layers.

use crate::hdf5_model::{read_tree, tree_graph, tree_names};
use crate::json;
use crate::open::{Content, KerasFile};
use crate::probe::{self, Kind};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_ir::Provenance;
use modelport_storage::{ByteRange, MappedFile, ZipArchive};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// The weights by their names in newer and older archives.
const WEIGHTS: [&str; 2] = ["model.weights.h5", "variables.h5"];

/// The parts of a model, wherever they are.
struct Parts {
    file: String,
    config: Bytes,
    metadata: Option<Bytes>,
    weights: ByteRange,
    weights_name: String,
}

/// Reads an archive.
pub(crate) fn read(file: &Arc<MappedFile>, limits: &Limits) -> std::result::Result<KerasFile, Diagnostics> {
    let archive = ZipArchive::open(file.clone(), *limits)?;
    let config = archive.metadata("config.json").map_err(|d| d.help("the file was damaged or is no Keras model"))?;
    let metadata = archive.find("metadata.json").map(|_| archive.metadata("metadata.json")).transpose()?;
    let weights_name = weights_member(&|name| archive.find(name).is_some())?;
    let weights = archive.range(weights_name)?;
    let weights_name = format!("{}!{weights_name}", file.name());
    model(Parts { file: file.name().to_owned(), config, metadata, weights, weights_name }, limits)
}

/// Reads a directory saved with `zipped=False` (Keras 3.4 and later).
pub(crate) fn read_directory(path: &Path, limits: &Limits) -> std::result::Result<KerasFile, Diagnostics> {
    let open = |name: &str| MappedFile::open(&path.join(name));
    let metadata = path.join("metadata.json").is_file().then(|| open("metadata.json")).transpose()?;
    let weights_name = weights_member(&|name| path.join(name).is_file())?;
    let weights = open(weights_name)?;
    let parts = Parts {
        file: path.display().to_string(),
        config: open("config.json")?.bytes().clone(),
        metadata: metadata.map(|m| m.bytes().clone()),
        weights_name: weights.name().to_owned(),
        weights: ByteRange::whole(weights),
    };
    model(parts, limits)
}

fn weights_member(has: &dyn Fn(&str) -> bool) -> Result<&'static str> {
    if let Some(found) = WEIGHTS.into_iter().find(|name| has(name)) {
        return Ok(found);
    }
    if has("model.weights.npz") {
        return Err(Diagnostic::error(Code::KERAS_UNSUPPORTED, "the weights are stored as `model.weights.npz`")
            .help("save the model without `weights_format=\"npz\"`"));
    }
    Err(Diagnostic::error(Code::ZIP_MEMBER, "the archive has no weights")
        .expected("a member `model.weights.h5`")
        .help("the model was saved without weights, or the file was damaged"))
}

fn model(parts: Parts, limits: &Limits) -> std::result::Result<KerasFile, Diagnostics> {
    let config = json::parse(&parts.config, "`config.json`", &parts.file, limits)?;
    let metadata =
        parts.metadata.as_ref().map(|m| json::parse(m, "`metadata.json`", &parts.file, limits)).transpose()?;
    let provenance = provenance(metadata.as_ref());
    let tree = read_tree(parts.weights, parts.weights_name, limits)?;
    let graph = tree_graph(config, &tree, &provenance, *limits)?;
    let weights = tree_names(&tree);
    Ok(KerasFile { provenance, kind: Kind::Archive, content: Content::Model, weights, graph: Some(graph) })
}

fn provenance(metadata: Option<&Value>) -> Provenance {
    let text = |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str).map(str::to_owned);
    let version = text("keras_version");
    Provenance {
        framework: "keras".into(),
        evidence: version.iter().map(|v| format!("metadata.json: keras_version = {v}")).collect(),
        version,
        format: "Keras v3 archive (.keras)".into(),
        details: text("date_saved").map(|d| ("date_saved".to_owned(), d)).into_iter().collect(),
    }
}

/// Why a zip file is no Keras archive.
pub(crate) fn why_not(file: &Arc<MappedFile>, limits: &Limits) -> Box<Diagnostic> {
    let archive = match ZipArchive::open(file.clone(), *limits) {
        Ok(archive) => archive,
        Err(damage) => return damage,
    };
    let torch = archive.members().iter().any(|m| m.name.ends_with("/data.pkl") || m.name == "data.pkl");
    if torch {
        return Diagnostic::error(Code::PROBE_UNKNOWN, "this is a PyTorch file under another name, not a Keras model");
    }
    let names: Vec<_> = archive.members().iter().take(8).map(|m| m.name.as_str()).collect();
    probe::no_model(file, &names)
}
