//! [`Pickled`]: a pickle together with the storages of its persistent ids.
//!
//! Owns: what persistent ids mean in each container. Must never know: how tensors are put together ([`super::rebuild`]).

use super::dtype::ScalarType;
use super::storage::Storage;
use super::zip::Zip;
use super::{legacy, numpy, rebuild};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::Tensor;
use modelport_pickle::{GlobalRef, Node, Pickle};
use modelport_storage::MappedFile;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads a pickle that stands `base` bytes into the file or member `name`.
pub(super) fn parse(bytes: Bytes, base: u64, name: &str, limits: &Limits) -> Result<Pickle> {
    modelport_pickle::parse(bytes, limits).map_err(|mut d| {
        d.location.byte = d.location.byte.map(|b| b + base);
        d.in_file(name)
    })
}

/// Where persistent ids lead.
#[derive(Debug)]
pub(super) enum Storages {
    /// Members of a zip archive below a directory.
    Members(Arc<Zip>, String),
    /// Storages that stand one after the other, and what is wrong with them if anything is.
    Legacy(HashMap<String, Storage>),
    /// Storages and tensors by number.
    Tar(HashMap<String, Storage>, HashMap<String, Tensor>),
    /// There are none.
    Nowhere,
}

/// A pickle with its storages.
#[derive(Debug)]
pub(crate) struct Pickled {
    pickle: Pickle,
    storages: Storages,
    /// The file, for data that stands in the pickle itself.
    file: Arc<MappedFile>,
}

impl Pickled {
    pub(super) fn new(pickle: Pickle, storages: Storages, file: &Arc<MappedFile>) -> Self {
        Self { pickle, storages, file: file.clone() }
    }

    /// A pickle without storages.
    pub(crate) fn plain(pickle: Pickle, file: &Arc<MappedFile>) -> Self {
        Self::new(pickle, Storages::Nowhere, file)
    }

    /// The value tree.
    pub(crate) fn pickle(&self) -> &Pickle {
        &self.pickle
    }

    /// What was saved.
    pub(crate) fn root(&self) -> Node<'_> {
        self.pickle.root()
    }

    /// The tensor that a value is: a `torch.Tensor`, a parameter, a numpy array or scalar. `None` when it is no tensor.
    pub(crate) fn tensor(&self, node: Node<'_>) -> Option<Result<Tensor>> {
        match &self.storages {
            Storages::Tar(_, tensors) => {
                if let Some(id) = node.persistent_id() {
                    return tensors.get(&key(id)?).cloned().map(Ok);
                }
            }
            Storages::Members(..) | Storages::Legacy(_) | Storages::Nowhere => {}
        }
        rebuild::tensor(self, node, 0).or_else(|| numpy::tensor(node, &self.file))
    }

    /// The storage that a value is.
    pub(super) fn storage(&self, node: Node<'_>) -> Result<Storage> {
        if node.is_class("torch.storage", "_load_from_bytes") {
            return self.nested(node);
        }
        let Some(id) = node.persistent_id() else {
            return Err(damaged(format!("a tensor has {node} where its storage should be")));
        };
        match &self.storages {
            Storages::Members(zip, dir) => zip.storage(id, dir),
            Storages::Legacy(storages) => legacy::storage(id, storages),
            Storages::Tar(storages, _) => key(id)
                .and_then(|k| storages.get(&k).cloned())
                .ok_or_else(|| damaged(format!("there is no storage {id}"))),
            Storages::Nowhere => Err(damaged("a plain pickle names a storage outside of it")),
        }
    }

    /// A storage in a plain pickle: bytes that are a file of `torch.save` on their own.
    fn nested(&self, node: Node<'_>) -> Result<Storage> {
        let bytes = match node.arg(0).map(Node::value) {
            Some(modelport_pickle::Value::Bytes(bytes)) => bytes.clone(),
            _ => return Err(damaged("a storage without its bytes")),
        };
        let within = MappedFile::from_bytes(self.file.name(), bytes);
        let inner = legacy::open(&within, &Limits::default())?.pickled;
        match &inner.storages {
            Storages::Legacy(storages) => {
                let id = inner.root().persistent_id().ok_or_else(|| damaged("a storage that is something else"))?;
                legacy::storage(id, storages)
            }
            _ => Err(damaged("a storage that is something else")),
        }
    }

    /// The bytes of the file, for ranges of it.
    pub(super) fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }
}

/// The class of an object; the legacy format hangs the source code of a module's class onto it.
pub(crate) fn class_of<'a>(node: Node<'a>) -> Option<&'a GlobalRef> {
    let object = node.object()?;
    let class = node.pickle().node(object.class);
    class.global().or_else(|| class.persistent_id()?.items()?.find_map(Node::global))
}

pub(super) fn damaged(what: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_ARCHIVE, what)
}

/// A key as text; it is a number in old files.
pub(super) fn key(node: Node<'_>) -> Option<String> {
    node.str().map(str::to_owned).or_else(|| node.int().map(|i| i.to_string()))
}

/// The element type that a storage class says; `None` inside when it is untyped.
pub(super) fn storage_type(node: Node<'_>) -> Result<Option<ScalarType>> {
    let global = node.global().ok_or_else(|| damaged(format!("the class of a storage is {node}")))?;
    if matches!(&*global.name, "UntypedStorage" | "_UntypedStorage") {
        return Ok(None);
    }
    let torch = global.module.split('.').next() == Some("torch");
    match ScalarType::of_storage(&global.name).filter(|_| torch) {
        Some(scalar) => Ok(Some(scalar)),
        None => Err(damaged(format!("there is no storage class {global}"))),
    }
}

/// Whether a device has no memory.
pub(super) fn is_meta(location: Node<'_>) -> bool {
    location.str() == Some("meta")
}
