//! The fixture tree: a directory with a model and an `io.npz` is a case.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A model with recorded inputs and outputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// Path below `fixtures/`: `ops/keras/Dense/k3_relu`.
    pub name: String,
    /// The model file.
    pub model: PathBuf,
    /// The architecture, for weights only.
    pub arch: Option<PathBuf>,
    /// Recorded inputs and outputs.
    pub golden: PathBuf,
}

/// The fixture tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// Every case, sorted by name.
pub fn cases() -> Vec<Case> {
    let root = root();
    let mut found = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        let entries = entries(&dir);
        found.extend(case(&root, &dir, &entries));
        todo.extend(entries.into_iter().filter(|p| p.is_dir()));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn case(root: &Path, dir: &Path, entries: &[PathBuf]) -> Option<Case> {
    let golden = entries.iter().find(|p| p.ends_with("io.npz"))?.clone();
    let model = entries.iter().find(|p| is_model(p))?.clone();
    let arch = entries.iter().find(|p| p.ends_with("arch.json")).cloned();
    let name = dir.strip_prefix(root).ok()?.display().to_string();
    Some(Case { name, model, arch, golden })
}

/// Whether a file is the model of its directory.
pub fn is_model(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with("model.") || name.starts_with("weights.") || name.ends_with(".weights.h5")
}

/// The declarations that a model needs: `custom.layers` beside it.
pub fn custom(model: &Path) -> Option<PathBuf> {
    Some(model.parent()?.join("custom.layers")).filter(|p| p.is_file())
}

/// What is in a directory, sorted; nothing when it cannot be read.
pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}
