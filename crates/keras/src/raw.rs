//! What a Keras file says before anything is made of it: configurations as JSON, versions, names and shapes of weights.
//!
//! For `inspect` and `doctor`, which describe files whose model cannot be read. Owns: nothing but the view; the layouts
//! are those of the readers beside it. Must never know: what a layer means.

use crate::hdf5::H5;
use crate::open::OpenOptions;
use crate::probe::{self, Kind, probe};
use crate::store::{self, Attributes};
use crate::{archive, json};
use modelport_diag::{Diagnostics, Limits, Result};
use modelport_storage::{ByteRange, MappedFile, ZipArchive};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// How a Keras file was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaveMethod {
    /// `model.save("m.h5")`: configuration and weights in one HDF5 file.
    H5Model,
    /// `model.save_weights("w.h5")` of Keras 1 and 2.
    H5Weights,
    /// `model.save_weights("m.weights.h5")` of Keras 2.13 and later.
    TreeWeights,
    /// `model.save("m.keras")`.
    Archive,
    /// `model.save("dir", zipped=False)`.
    Directory,
}

/// Names and shapes of a layer's weights.
pub type LayerWeights = Vec<(String, Vec<usize>)>;

/// The raw facts of a file.
#[derive(Clone, Debug)]
pub struct RawFile {
    /// How it was saved.
    pub method: SaveMethod,
    /// The model's configuration.
    pub config: Option<Value>,
    /// The configuration of training, where the model was compiled.
    pub training: Option<Value>,
    /// The version that wrote it, as it stands in the file (`2.5.0-tf`).
    pub version: Option<String>,
    /// The backend, where the file says so.
    pub backend: Option<String>,
    /// Layers that own weights, with the names and shapes of these; for a tree the path of each group.
    pub weights: Vec<(String, LayerWeights)>,
}

/// Reads the raw facts.
///
/// # Errors
/// As [`crate::open`], but a model that cannot be understood is no error.
pub fn raw(path: &Path, limits: &Limits) -> std::result::Result<RawFile, Diagnostics> {
    if path.is_dir() && path.join("config.json").is_file() {
        return Ok(directory(path, limits)?);
    }
    if path.is_dir() {
        return Err(probe::directory(path).into());
    }
    let file = MappedFile::open(path)?;
    match probe(&file) {
        Some(Kind::Hdf5) => hdf5(&file, limits),
        Some(Kind::Archive) => Ok(archive_file(&file, limits)?),
        None if probe::is_zip(file.bytes()) => Err(archive::why_not(&file, limits).into()),
        None => Err(probe::unknown(&file).into()),
    }
}

fn hdf5(file: &Arc<MappedFile>, limits: &Limits) -> std::result::Result<RawFile, Diagnostics> {
    let h5 = H5::open(ByteRange::whole(file.clone()), file.name().to_owned(), limits)?;
    let root = h5.group("")?;
    let attributes = h5.attributes(&root)?;
    let text = |name: &str| store::list(&attributes, name).map(|parts| parts.concat());
    let parsed = |name: &str| {
        text(name).map(|t| json::parse(t.as_bytes(), &format!("the attribute `{name}`"), h5.name(), limits))
    };
    let mut found = RawFile {
        method: SaveMethod::H5Model,
        config: parsed("model_config").transpose()?,
        // A damaged configuration of training does not hinder anything.
        training: parsed("training_config").and_then(Result::ok),
        version: None,
        backend: None,
        weights: Vec::new(),
    };
    let groups = h5.members(&root)?.groups;
    let (group, path) = match groups.iter().any(|g| g == "model_weights") {
        true => (h5.group("model_weights")?, "model_weights"),
        false => (root, ""),
    };
    let inner = h5.attributes(&group)?;
    let find = |name| either(&attributes, &inner, name);
    (found.version, found.backend) = (find("keras_version"), find("backend"));
    match store::list(&inner, "layer_names") {
        Some(names) => {
            let layers = store::read_legacy(&h5, &group, path, names)?;
            let shapes = |l: crate::weights::LegacyLayer| {
                (l.name, l.weights.into_iter().map(|(n, t)| (n, t.shape().to_vec())).collect())
            };
            found.weights = layers.into_iter().map(shapes).collect();
        }
        None if found.config.is_none() => {
            found.weights = tree(&h5, limits)?;
            found.method = SaveMethod::TreeWeights;
            if found.weights.is_empty() {
                // Says what the file is instead.
                return crate::open_bytes(file, &OpenOptions { arch: None, limits: *limits }).map(|_| found);
            }
            return Ok(found);
        }
        None => {}
    }
    if found.config.is_none() {
        found.method = SaveMethod::H5Weights;
    }
    Ok(found)
}

fn either(root: &Attributes, group: &Attributes, name: &str) -> Option<String> {
    store::scalar(root, name).or_else(|| store::scalar(group, name)).map(str::to_owned)
}

type Shapes = Vec<(String, Vec<(String, Vec<usize>)>)>;

fn tree(h5: &H5, limits: &Limits) -> Result<Shapes> {
    let tree = store::read_tree(h5, limits)?;
    let shapes = tree.vars.iter().map(|(path, vars)| {
        (path.clone(), vars.iter().map(|(n, t)| (n.clone(), t.shape().to_vec())).collect::<Vec<_>>())
    });
    Ok(shapes.filter(|(_, v)| !v.is_empty()).collect())
}

fn archive_file(file: &Arc<MappedFile>, limits: &Limits) -> Result<RawFile> {
    let archive = ZipArchive::open(file.clone(), *limits)?;
    let parsed = |name: &str| -> Result<Option<Value>> {
        archive.find(name).map(|_| json::parse(&archive.metadata(name)?, name, file.name(), limits)).transpose()
    };
    let member = ["model.weights.h5", "variables.h5"].into_iter().find(|m| archive.find(m).is_some());
    let weights = match member {
        Some(name) => tree(&H5::open(archive.range(name)?, format!("{}!{name}", file.name()), limits)?, limits)?,
        None => Vec::new(),
    };
    Ok(assembled(SaveMethod::Archive, parsed("config.json")?, parsed("metadata.json")?.as_ref(), weights))
}

fn directory(path: &Path, limits: &Limits) -> Result<RawFile> {
    let parsed = |name: &str| -> Result<Option<Value>> {
        let at = path.join(name);
        let open = || MappedFile::open(&at).and_then(|f| json::parse(f.bytes(), name, f.name(), limits));
        at.is_file().then(open).transpose()
    };
    let at = path.join("model.weights.h5");
    let weights = match at.is_file() {
        true => {
            let file = MappedFile::open(&at)?;
            let name = file.name().to_owned();
            tree(&H5::open(ByteRange::whole(file), name, limits)?, limits)?
        }
        false => Vec::new(),
    };
    Ok(assembled(SaveMethod::Directory, parsed("config.json")?, parsed("metadata.json")?.as_ref(), weights))
}

fn assembled(method: SaveMethod, config: Option<Value>, metadata: Option<&Value>, weights: Shapes) -> RawFile {
    let version = metadata.and_then(|m| m.get("keras_version")).and_then(Value::as_str).map(str::to_owned);
    let training = config.as_ref().and_then(|c| c.get("compile_config")).filter(|c| !c.is_null()).cloned();
    RawFile { method, config, training, version, backend: None, weights }
}
