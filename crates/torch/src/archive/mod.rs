//! Archives of every age: a pickle, and the storages that its persistent ids lead to.
//!
//! [`Zip`] gives members of a zip archive by name, [`Pickled`] a value tree whose tensors are lazy. Owns: containers,
//! storages, tensors in pickles. Must never know: what a pickle's other objects mean, graphs.

mod dtype;
mod legacy;
mod numpy;
mod pickled;
mod rebuild;
mod storage;
mod tar;
mod view;
mod zip;

pub(crate) use dtype::ScalarType;
pub(crate) use legacy::MAGIC;
pub(crate) use pickled::{Pickled, class_of};
pub(crate) use storage::{Source, Storage};
pub(crate) use tar::{is_tar, members as tar_members};
pub(crate) use view::strided;
pub(crate) use zip::{Zip, members};

use crate::probe::Kind;
use modelport_diag::{Limits, Result};
use modelport_storage::MappedFile;
use std::sync::Arc;

/// A file that `torch.save` wrote.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The pickle of what was saved.
    pub(crate) pickled: Pickled,
    /// What says which version wrote it: sentences for provenance.
    pub(crate) evidence: Vec<String>,
    /// The versions that write such files: `1.6 to 2.0`.
    pub(crate) version: Option<String>,
}

impl Archive {
    /// Opens what `torch.save` wrote, of the kind that a probe found.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn open(file: &Arc<MappedFile>, kind: Kind, limits: &Limits) -> Result<Self> {
        match kind {
            Kind::Legacy => legacy::open(file, limits),
            Kind::Tar => tar::open(file, limits),
            Kind::Pickle => {
                let pickle = pickled::parse(file.bytes().clone(), 0, file.name(), limits)?;
                Ok(Self { pickled: Pickled::plain(pickle, file), evidence: Vec::new(), version: None })
            }
            Kind::Zip | Kind::TorchScript | Kind::Exported => {
                let zip = Zip::open(file, limits)?;
                // torch 1.4 had another directory.
                let dir = if zip.has_directory("tensors/") { "tensors/" } else { "data/" };
                let pickled = zip.pickled("data.pkl", dir)?;
                let (version, evidence) = zip.version();
                Ok(Self { pickled, evidence, version })
            }
        }
    }
}
