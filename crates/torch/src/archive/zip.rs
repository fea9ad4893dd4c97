//! [`Zip`]: the archives of torch 1.4 (TorchScript) and 1.6 (`torch.save`) on, and of `torch.export`.
//!
//! All members stand below one directory that has the file's name. Members are stored, so storages are ranges of the file;
//! packed ones, as other programs write them, are unpacked when they are needed. Owns: names of members, what they say
//! about the version (`caffe2/serialize/versions.h`; see also `torch/serialization.py`, `_save`).

use super::pickled::{self, Pickled, Storages, damaged, is_meta, key, storage_type};
use super::storage::{Packed, Source, Storage};
use bytes::Bytes;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_pickle::Node;
use modelport_storage::{ByteRange, MappedFile, ZipArchive};
use std::sync::Arc;

/// A zip archive of PyTorch's.
#[derive(Clone, Debug)]
pub(crate) struct Zip {
    archive: Arc<ZipArchive>,
    /// What stands before all names: `model/`, or nothing.
    prefix: String,
    /// The piece of an outer file that this archive is.
    outer: Option<ByteRange>,
    limits: Limits,
    big_endian: bool,
}

impl Zip {
    /// Opens a file.
    ///
    /// # Errors
    /// `ZP0001` when the archive is damaged.
    pub(crate) fn open(file: &Arc<MappedFile>, limits: &Limits) -> Result<Self> {
        let archive = ZipArchive::open(file.clone(), *limits)?;
        let prefix = prefix(archive.members().iter().map(|m| &*m.name));
        let mut zip = Self { archive: Arc::new(archive), prefix, outer: None, limits: *limits, big_endian: false };
        zip.big_endian = zip.has("byteorder") && zip.bytes("byteorder")?.trim_ascii() == b"big";
        Ok(zip)
    }

    /// Opens an archive that is a piece of another file: a member of an archive. Its storages are ranges of that file.
    ///
    /// # Errors
    /// As [`Zip::open`].
    pub(crate) fn within(range: ByteRange, name: &str, limits: &Limits) -> Result<Self> {
        let file = MappedFile::from_bytes(format!("{}!{name}", range.file().name()), range.mapped());
        Ok(Self { outer: Some(range), ..Self::open(&file, limits)? })
    }

    /// The names of all members without the common directory, in the order of the archive.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.archive.members().iter().filter_map(|m| m.name.strip_prefix(&self.prefix))
    }

    /// Whether there is this member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.archive.find(&self.full(name)).is_some()
    }

    /// Whether there are members below a directory.
    pub(crate) fn has_directory(&self, dir: &str) -> bool {
        self.names().any(|n| n.starts_with(dir))
    }

    /// The name of the file, for diagnostics, with a member's.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}!{}", self.archive.file().name(), self.full(name))
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A member's bytes: metadata, not weights.
    ///
    /// # Errors
    /// When there is none, or it is too large or damaged.
    pub(crate) fn bytes(&self, name: &str) -> Result<Bytes> {
        self.archive.metadata(&self.full(name))
    }

    /// A member as a file of its own: in the archive as it is when stored, unpacked otherwise.
    ///
    /// # Errors
    /// As [`Zip::bytes`].
    pub(crate) fn range(&self, name: &str) -> Result<ByteRange> {
        self.rebased(self.archive.range(&self.full(name))?)
    }

    /// A range of the inner file as one of the outer.
    fn rebased(&self, range: ByteRange) -> Result<ByteRange> {
        match &self.outer {
            Some(outer) if Arc::ptr_eq(range.file(), self.archive.file()) => outer.slice(range.offset(), range.len()),
            _ => Ok(range),
        }
    }

    /// Where a member's bytes are, and how many; nothing is unpacked.
    ///
    /// # Errors
    /// `ZP0002` when there is none.
    pub(crate) fn source(&self, name: &str) -> Result<(Source, u64)> {
        let full = self.full(name);
        let member = self.archive.find(&full).ok_or_else(|| {
            Diagnostic::error(Code::ZIP_MEMBER, format!("the archive has no member `{full}`, which its pickle names"))
                .in_file(self.archive.file().name())
                .help("the archive was packed again without it; get the file again")
        })?;
        let source = match member.stored {
            true => Source::Range(self.range(name)?),
            false => {
                self.archive.check_size(member)?;
                Source::Packed(Arc::new(Packed::new(self.archive.clone(), &full, member.size)))
            }
        };
        Ok((source, member.size))
    }

    /// A member as a storage without a type.
    ///
    /// # Errors
    /// As [`Zip::source`].
    pub(crate) fn member_storage(&self, name: &str) -> Result<Storage> {
        let (source, len) = self.source(name)?;
        Ok(Storage { key: name.to_owned(), scalar: None, source, start: 0, len, big_endian: self.big_endian })
    }

    /// A member that is a pickle, whose storages are members below the directory `dir`.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub(crate) fn pickled(&self, name: &str, dir: &str) -> Result<Pickled> {
        let pickle = pickled::parse(self.bytes(name)?, 0, &self.place(name), &self.limits)?;
        let storages = Storages::Members(Arc::new(self.clone()), dir.to_owned());
        Ok(Pickled::new(pickle, storages, self.archive.file()))
    }

    /// A pickle of `None`, for archives that have none.
    ///
    /// # Errors
    /// Never, but parsing may fail.
    pub(crate) fn nothing(&self) -> Result<Pickled> {
        let pickle = pickled::parse(Bytes::from_static(b"\x80\x02N."), 0, "nothing", &self.limits)?;
        Ok(Pickled::plain(pickle, self.archive.file()))
    }

    /// The storage of a persistent id `('storage', class, key, device, elements)`.
    pub(super) fn storage(&self, id: Node<'_>, dir: &str) -> Result<Storage> {
        let parts: Vec<_> = id.items().into_iter().flatten().collect();
        let [tag, class, name, location, count, ..] = parts.as_slice() else {
            return Err(damaged(format!("a persistent id is {id}")));
        };
        let (Some(name), Some(count), Some("storage")) = (key(*name), count.int(), tag.str()) else {
            return Err(damaged("a persistent id is no storage's"));
        };
        let scalar = storage_type(*class)?;
        let len = u64::try_from(count).ok().and_then(|n| n.checked_mul(scalar.map_or(1, |s| s.size as u64)));
        let len = len.ok_or_else(|| damaged(format!("storage `{name}` has {count} elements")))?;
        if is_meta(*location) {
            return Ok(Storage { key: name, scalar, source: Source::Nowhere, start: 0, len, big_endian: false });
        }
        let storage = self.member_storage(&format!("{dir}{name}"))?;
        if storage.len < len {
            return Err(damaged(format!("storage `{name}` is shorter than the pickle says"))
                .in_file(self.place(&format!("{dir}{name}")))
                .expected(format!("{len} bytes"))
                .found(format!("{} bytes", storage.len)));
        }
        Ok(Storage { key: name, scalar, len, ..storage })
    }

    /// The versions of PyTorch that write such archives, and what says so.
    pub(crate) fn version(&self) -> (Option<String>, Vec<String>) {
        let mut evidence = Vec::new();
        let format = ["version", ".data/version"].iter().find_map(|name| {
            let text = self.bytes(name).ok().filter(|_| self.has(name))?;
            let number: u32 = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
            evidence.push(format!("`{name}` says format {number}"));
            Some(number)
        });
        let mut written = |member: &str, since| {
            let there = self.has(member);
            if there {
                evidence.push(format!("`{member}` is written since torch {since}"));
            }
            there
        };
        let version = match (written("byteorder", "2.1"), written(".format_version", "2.7"), format) {
            (_, true, _) => "2.7 or later",
            (true, false, _) => "2.1 to 2.6",
            (false, false, Some(1)) => "1.3 to 1.4",
            (false, false, Some(2)) => "1.5",
            (false, false, Some(_)) => "1.6 or later",
            (false, false, None) => return (None, evidence),
        };
        (Some(version.to_owned()), evidence)
    }
}

/// What stands before the names of all members: the directory of `data.pkl`, or the one that all members share.
pub(crate) fn prefix<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    let pickle = names.clone().filter_map(|n| n.strip_suffix("data.pkl").filter(|p| p.is_empty() || p.ends_with('/')));
    if let Some(prefix) = pickle.min_by_key(|p| p.len()) {
        return prefix.to_owned();
    }
    let first = names.clone().next().and_then(|n| Some(n.split_once('/')?.0)).map(|top| format!("{top}/"));
    first.filter(|top| names.clone().all(|n| n.starts_with(top.as_str()))).unwrap_or_default()
}

/// The names of a zip archive's members without their common directory, for probing.
pub(crate) fn members(file: &Arc<MappedFile>) -> Option<Vec<String>> {
    let archive = ZipArchive::open(file.clone(), Limits::default()).ok()?;
    let prefix = prefix(archive.members().iter().map(|m| &*m.name));
    Some(archive.members().iter().filter_map(|m| m.name.strip_prefix(&prefix).map(str::to_owned)).collect())
}
