//! HDF5 files: attributes as strings, datasets as lazy tensors, groups by path.
//!
//! Owns: everything that touches the `hdf5-reader` library. Must never know: Keras' layout of groups and names.

mod dataset;
mod guard;
mod headers;

use guard::{GuardedStorage, guarded};
use hdf5_reader::group::Group;
use hdf5_reader::{Attribute, Datatype, Hdf5File, OpenOptions};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::Tensor;
use modelport_storage::ByteRange;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The signature of a superblock (HDF5 File Format Specification 3.0, II.A).
pub(crate) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Whether a superblock stands at 0, 512, 1024, … as the specification allows for user blocks.
pub(crate) fn has_signature(bytes: &[u8]) -> bool {
    let doubled = std::iter::successors(Some(512usize), |at| at.checked_mul(2));
    std::iter::once(0).chain(doubled).take_while(|&at| at < bytes.len()).any(|at| bytes[at..].starts_with(SIGNATURE))
}

/// An open HDF5 file.
pub(crate) struct H5 {
    file: Hdf5File,
    storage: Arc<GuardedStorage>,
    range: ByteRange,
    name: String,
    limits: Limits,
}

/// Names of a group's members.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Sub-groups.
    pub(crate) groups: Vec<String>,
    /// Datasets.
    pub(crate) datasets: Vec<String>,
}

impl H5 {
    /// Reads the superblock of the HDF5 file that `range` is, a whole file or a member of an archive.
    pub(crate) fn open(range: ByteRange, name: String, limits: &Limits) -> Result<Self> {
        let storage = Arc::new(GuardedStorage::new(range.mapped()));
        let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
        let unpacked = len.saturating_mul(usize::try_from(limits.expansion).unwrap_or(usize::MAX));
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(unpacked.min(hdf5_reader::DEFAULT_MAX_CHUNK_BYTES))
            .with_max_read_bytes(unpacked)
            .with_max_object_header_bytes(len.min(hdf5_reader::DEFAULT_MAX_OBJECT_HEADER_BYTES));
        let lent = storage.clone();
        let file = guarded(&name, "the HDF5 superblock", || Hdf5File::from_storage_with_options(lent, options))?;
        let h5 = Self { file, storage, range, name, limits: *limits };
        h5.check_length()?;
        Ok(h5)
    }

    /// The superblock says where the file ends; what is cut off would only be missed much later.
    fn check_length(&self) -> Result<()> {
        let end = self.file.superblock().eof_address;
        if end == u64::MAX || end <= self.range.len() {
            return Ok(());
        }
        Err(Diagnostic::error(Code::IO_TRUNCATED, "the file ends before its HDF5 superblock says")
            .in_file(self.name())
            .expected(format!("{end} bytes"))
            .found(format!("{} bytes", self.range.len()))
            .help("the file was cut off while it was copied or downloaded; get it again"))
    }

    /// The file's name for diagnostics.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The group at `path`; an empty path is the root.
    pub(crate) fn group(&self, path: &str) -> Result<Group> {
        guarded(self.name(), &format!("group `{path}`"), || self.file.group(path))
    }

    /// A group directly inside another.
    pub(crate) fn child(&self, parent: &Group, name: &str) -> Result<Group> {
        guarded(self.name(), &format!("group `{}/{name}`", parent.name()), || parent.group(name))
    }

    /// The members of a group.
    pub(crate) fn members(&self, group: &Group) -> Result<Members> {
        let what = format!("group `{}`", group.name());
        let (groups, datasets) = guarded(self.name(), &what, || group.member_names())?;
        if groups.len() + datasets.len() > self.limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, format!("{what} has too many members")).in_file(self.name()));
        }
        Ok(Members { groups, datasets })
    }

    /// The string attributes of a group; scalars have one element. Attributes of other types are left out.
    pub(crate) fn attributes(&self, group: &Group) -> Result<BTreeMap<String, Vec<String>>> {
        let what = format!("the attributes of group `{}`", group.name());
        let all = guarded(self.name(), &what, || group.attributes())?;
        Ok(all.into_iter().filter_map(|a| Some((a.name.clone(), strings(&a)?))).collect())
    }

    /// The dataset `name` (a path) below `group`, lazily.
    pub(crate) fn tensor(&self, group: &Group, name: &str) -> Result<Tensor> {
        let (dirs, last) = name.rsplit_once('/').unwrap_or(("", name));
        let what = format!("dataset `{}/{name}`", group.name());
        let dataset = guarded(self.name(), &what, || {
            let mut at = group.clone();
            for part in dirs.split('/').filter(|p| !p.is_empty()) {
                at = at.group(part)?;
            }
            at.dataset(last)
        })?;
        self.to_tensor(dataset, &what)
    }
}

/// The elements of a string attribute: fixed or variable length, text or bytes. An empty array of any type is an empty
/// list, because numpy writes `[]` as f64.
fn strings(attribute: &Attribute) -> Option<Vec<String>> {
    if attribute.num_elements().ok()? == 0 {
        return Some(Vec::new());
    }
    if attribute.shape.is_empty() {
        return attribute.read_string().ok().map(|s| vec![s]);
    }
    match &attribute.datatype {
        Datatype::String { .. } | Datatype::VarLen { .. } => attribute.read_strings().ok(),
        _ => None,
    }
}
