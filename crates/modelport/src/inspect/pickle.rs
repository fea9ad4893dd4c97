//! What a pickle names: classes, functions, and the devices of its tensors.
//!
//! Owns: how names and devices are told from a pickle. Must never know: what the names mean to a version of torch.

use crate::doctor::torch;
use crate::load::LoadOptions;
use modelport_pickle::{Node, Trust};
use modelport_storage::MappedFile;
use serde::Serialize;
use std::path::Path;

/// A class or function that a pickle names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Global {
    /// Module and name, as they stand in the file.
    pub name: String,
    /// Whether loading the file in Python would call it.
    pub called: bool,
    /// `known`: of the framework; `suspicious`: has no place in a model; `unknown`: of the model's author, or of a library.
    pub trust: &'static str,
}

/// What was found; nothing in a file that holds no pickle.
#[derive(Default)]
pub(crate) struct Pickled {
    pub(crate) globals: Vec<Global>,
    pub(crate) devices: Vec<String>,
}

/// Reads the names of a PyTorch file's pickle.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Pickled {
    let file = if path.is_file() { MappedFile::open(path).ok() } else { None };
    let Some(file) = file.filter(|f| modelport_torch::probe(f).is_some()) else { return Pickled::default() };
    let Ok(Some(torch::File { pickle: Some(pickle), .. })) = torch::read(&file, &options.limits) else {
        return Pickled::default();
    };
    let globals = pickle.globals().iter().map(|g| Global {
        name: g.to_string(),
        called: g.called,
        trust: match g.trust {
            Trust::Harmless | Trust::Known => "known",
            Trust::Suspicious => "suspicious",
            Trust::Unknown => "unknown",
        },
    });
    let globals = globals.collect();
    let mut devices: Vec<String> = Vec::new();
    for node in pickle.ids().map(|id| pickle.node(id)) {
        // ('storage', class, key, location, numel)
        let Some(id) = node.persistent_id() else { continue };
        let device = id.item(3).and_then(Node::str).filter(|_| id.item(0).and_then(Node::str) == Some("storage"));
        if let Some(device) = device.filter(|d| !devices.iter().any(|known| known == d)) {
            devices.push(device.to_owned());
        }
    }
    Pickled { globals, devices }
}
