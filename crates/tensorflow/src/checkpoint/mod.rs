//! Checkpoints of both kinds as tensors by key.
//!
//! Owns: which kind a file is, the names of objects in checkpoints of TF2. Must never know: graphs.

mod bundle;
mod paths;
mod slices;
mod table;
mod v1;

pub(crate) use paths::{Paths, find};
pub(crate) use slices::{Slice, parse};
pub(crate) use table::is_table;

use crate::wire::decode;
use bundle::Bundle;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::Tensor;
use modelport_proto::tensorflow::TrackableObjectGraph;
use modelport_storage::MappedFile;
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use v1::V1;

/// The key of the objects that a TF2 checkpoint holds (python/checkpoint/base.py, `OBJECT_GRAPH_PROTO_KEY`).
const OBJECTS: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// An open checkpoint.
#[derive(Debug)]
pub(crate) enum Checkpoint {
    /// An index with data files.
    V2(Bundle),
    /// One table.
    V1(V1),
}

impl Checkpoint {
    /// Opens the table `index`; `prefix` is what data files' names begin with.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn open(index: &Path, prefix: &Path, checksums: bool, limits: &Limits) -> Result<Self> {
        let file = MappedFile::open(index)?;
        let name = file.name().to_owned();
        let open = || -> Result<Self> {
            let entries = table::entries(&file, limits)?;
            if V1::is(&entries) {
                return Ok(Self::V1(V1::new(file, entries)?));
            }
            Ok(Self::V2(Bundle::new(entries, prefix, checksums)?))
        };
        open().map_err(|d| d.in_file(name))
    }

    /// All keys.
    pub(crate) fn keys(&self) -> &[String] {
        match self {
            Self::V2(bundle) => &bundle.keys,
            Self::V1(table) => &table.keys,
        }
    }

    /// The tensor under a key.
    ///
    /// # Errors
    /// When its data is missing or damaged.
    pub(crate) fn tensor(&self, key: &str) -> Result<Option<Tensor>> {
        match self {
            Self::V2(bundle) => bundle.tensor(key),
            Self::V1(table) => table.tensor(key),
        }
    }

    /// A part of the tensor under a key.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`], or when it reaches outside.
    pub(crate) fn part(&self, key: &str, slice: Option<&Slice>) -> Result<Option<Tensor>> {
        let Some(tensor) = self.tensor(key)? else { return Ok(None) };
        match slice {
            None => Ok(Some(tensor)),
            Some(slice) => slices::part(&tensor, slice).map(Some).map_err(|d| d.at_node(key)),
        }
    }

    /// Names of variables by key, as the objects of a TF2 checkpoint tell; empty for others.
    ///
    /// # Errors
    /// When the list of objects is damaged.
    pub(crate) fn full_names(&self) -> Result<BTreeMap<String, String>> {
        let mut names = BTreeMap::new();
        for object in self.objects()?.map(|o| o.nodes).unwrap_or_default() {
            for tensor in object.attributes.into_iter().filter(|t| !t.full_name.is_empty()) {
                names.insert(tensor.checkpoint_key, tensor.full_name);
            }
        }
        Ok(names)
    }

    /// The objects of a TF2 checkpoint.
    ///
    /// # Errors
    /// When they are damaged.
    pub(crate) fn objects(&self) -> Result<Option<TrackableObjectGraph>> {
        if !self.keys().iter().any(|k| k == OBJECTS) {
            return Ok(None);
        }
        let stored = self.tensor(OBJECTS)?.and_then(|t| t.strings().and_then(|s| s.first().cloned()));
        let Some(stored) = stored else {
            return Err(Diagnostic::error(Code::TF_INDEX, "the list of objects of the checkpoint is no string"));
        };
        decode(&Bytes::from(stored), "the list of objects of the checkpoint").map(Some)
    }

    /// All variables by the names that the file gives them: full names where they are unique, or else keys.
    ///
    /// # Errors
    /// When one is damaged.
    pub(crate) fn variables(&self) -> Result<Vec<(String, Tensor)>> {
        let names = self.full_names().unwrap_or_default();
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names.values() {
            *uses.entry(name).or_default() += 1;
        }
        let mut all = Vec::new();
        for key in self.keys().iter().filter(|k| *k != OBJECTS) {
            let name = names.get(key).filter(|n| uses.get(n.as_str()) == Some(&1)).unwrap_or(key);
            if let Some(tensor) = self.tensor(key)? {
                all.push((name.clone(), tensor));
            }
        }
        Ok(all)
    }
}
