//! `torch.save` of 0.1: a tar archive with the members `sys_info`, `pickle`, `tensors` and `storages`
//! (`torch/serialization.py`, `legacy_load` in `_legacy_load`).
//!
//! Owns: the little of tar that Python's `tarfile` writes for it, and the binary records in its members.

use super::Archive;
use super::dtype::ScalarType;
use super::pickled::{self, Pickled, Storages, damaged, key, storage_type};
use super::storage::{Source, Storage};
use super::view::strided;
use modelport_diag::{Limits, Result};
use modelport_ir::Tensor;
use modelport_pickle::{Node, Pickle};
use modelport_storage::{ByteRange, Cursor, MappedFile};
use std::collections::HashMap;
use std::sync::Arc;

const BLOCK: u64 = 512;

/// The regular files of a tar archive.
pub(crate) fn members(file: &Arc<MappedFile>) -> Vec<(String, ByteRange)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(header) = header(file, at)
        && found.len() < 64
    {
        let Some(size) = octal(&header[124..136]) else { break };
        let Ok(range) = ByteRange::new(file.clone(), at + BLOCK, size) else { break };
        if matches!(header[156], b'0' | 0) {
            let name = header[..100].split(|b| *b == 0).next().unwrap_or_default();
            found.push((String::from_utf8_lossy(name).trim_start_matches("./").to_owned(), range));
        }
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
    }
    found
}

/// Whether the file begins like a tar archive.
pub(crate) fn is_tar(file: &Arc<MappedFile>) -> bool {
    file.bytes().get(257..262) == Some(b"ustar") && header(file, 0).is_some()
}

fn header(file: &Arc<MappedFile>, at: u64) -> Option<[u8; BLOCK as usize]> {
    let mut block = [0; BLOCK as usize];
    ByteRange::new(file.clone(), at, BLOCK).ok()?.read_at(0, &mut block).ok()?;
    block.iter().any(|b| *b != 0).then_some(block)
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(|c: char| c == '\0' || c == ' ');
    u64::from_str_radix(text, 8).ok()
}

/// Opens a tar archive of 0.1.
pub(super) fn open(file: &Arc<MappedFile>, limits: &Limits) -> Result<Archive> {
    let members = members(file);
    let find = |name: &str| {
        members.iter().find(|(n, _)| n == name).map(|(_, r)| r.clone()).ok_or_else(|| {
            damaged(format!("the archive has no member `{name}`, or is cut off before it")).in_file(file.name())
        })
    };
    let mut storages = Records::new(find("storages")?, "storages", limits);
    let storages = storages.storages()?;
    let tensors = Records::new(find("tensors")?, "tensors", limits).tensors(&storages)?;
    let pickle = find("pickle")?;
    let place = format!("{}!pickle", file.name());
    let pickle = pickled::parse(pickle.mapped(), 0, &place, limits)?;
    let pickled = Pickled::new(pickle, Storages::Tar(storages, tensors), file);
    let evidence = vec!["the file is a tar archive with storages and tensors".to_owned()];
    Ok(Archive { pickled, evidence, version: Some("0.1".to_owned()) })
}

/// Pickles and binary records that follow each other in a member.
struct Records<'a> {
    range: ByteRange,
    name: String,
    at: usize,
    limits: &'a Limits,
}

impl<'a> Records<'a> {
    fn new(range: ByteRange, name: &str, limits: &'a Limits) -> Self {
        let name = format!("{}!{name}", range.file().name());
        Self { range, name, at: 0, limits }
    }

    fn pickle(&mut self) -> Result<Pickle> {
        let bytes = self.range.mapped();
        let rest = bytes.slice(self.at.min(bytes.len())..);
        let pickle = pickled::parse(rest, self.at as u64, &self.name, self.limits)?;
        self.at += pickle.consumed();
        Ok(pickle)
    }

    fn count(&mut self) -> Result<i64> {
        let pickle = self.pickle()?;
        pickle.root().int().ok_or_else(|| damaged("a number of records is none").in_file(&*self.name))
    }

    fn numbers<const N: usize>(&mut self, bytes: usize) -> Result<Vec<[u8; N]>> {
        let all = self.range.mapped();
        let mut cursor = Cursor::new(all.get(self.at..).unwrap_or_default());
        let piece = cursor.take(bytes).map_err(|d| d.in_file(&*self.name))?;
        self.at += bytes;
        Ok(piece.as_chunks::<N>().0.to_vec())
    }

    fn longs(&mut self, n: usize) -> Result<Vec<i64>> {
        let bytes = n.checked_mul(8).ok_or_else(|| damaged("a tensor has too many axes"))?;
        Ok(self.numbers::<8>(bytes)?.into_iter().map(i64::from_le_bytes).collect())
    }

    /// A count, for each storage the pickle `(key, device, class)`, its number of elements and its data; then the list of
    /// views `(key, key of the whole, offset, elements)`.
    fn storages(&mut self) -> Result<HashMap<String, Storage>> {
        let mut found = HashMap::new();
        for _ in 0..self.count()? {
            let pickle = self.pickle()?;
            let root = pickle.root();
            let (Some(name), Some(class)) = (root.item(0).and_then(key), root.item(2)) else {
                return Err(damaged(format!("a storage is described by {root}")).in_file(&*self.name));
            };
            let scalar = storage_type(class)?;
            let count = self.longs(1)?.first().copied().unwrap_or(0);
            let len = u64::try_from(count).ok().and_then(|n| n.checked_mul(scalar.map_or(1, |s| s.size as u64)));
            let len = len.ok_or_else(|| damaged(format!("storage `{name}` has {count} elements")))?;
            let source = Source::Range(self.range.slice(self.at as u64, len)?);
            self.at += len as usize;
            found.insert(name.clone(), Storage { key: name, scalar, source, start: 0, len, big_endian: false });
        }
        let views = self.pickle()?;
        for view in views.root().items().into_iter().flatten() {
            let (name, storage) = storage_view(view, &found)
                .ok_or_else(|| damaged("a view reaches outside of its storage").in_file(&*self.name))?;
            found.insert(name, storage);
        }
        Ok(found)
    }

    /// A count, for each tensor the pickle `(key, storage, class)`, then 4 bytes rank, 4 bytes nothing, shape, strides,
    /// offset.
    fn tensors(&mut self, storages: &HashMap<String, Storage>) -> Result<HashMap<String, Tensor>> {
        let mut found = HashMap::new();
        for _ in 0..self.count()? {
            let pickle = self.pickle()?;
            let root = pickle.root();
            let storage = root.item(1).and_then(key).and_then(|k| storages.get(&k));
            let (Some(name), Some(storage)) = (root.item(0).and_then(key), storage) else {
                return Err(damaged(format!("a tensor is described by {root}")).in_file(&*self.name));
            };
            let rank = self.numbers::<4>(8)?.first().map_or(0, |b| i32::from_le_bytes(*b));
            let rank = usize::try_from(rank).map_err(|_| damaged("a tensor has a negative number of axes"))?;
            let (shape, strides) = (self.longs(rank)?, self.longs(rank)?);
            let offset = self.longs(1)?.first().copied().unwrap_or(0);
            let scalar = storage.scalar.or_else(|| ScalarType::named("uint8"));
            let scalar = scalar.ok_or_else(|| damaged("a storage without a type"))?;
            let tensor = strided(storage, scalar, offset, &shape, &strides).map_err(|d| d.in_file(&*self.name))?;
            found.insert(name, tensor);
        }
        Ok(found)
    }
}

fn storage_view(view: Node<'_>, storages: &HashMap<String, Storage>) -> Option<(String, Storage)> {
    let whole = storages.get(&key(view.item(1)?)?)?;
    let size = whole.scalar.map_or(1, |s| s.size as u64);
    let number = |i| u64::try_from(view.item(i)?.int()?).ok()?.checked_mul(size);
    let (start, len) = (number(2)?, number(3)?);
    (start.checked_add(len)? <= whole.len).then_some(())?;
    let name = key(view.item(0)?)?;
    Some((name.clone(), Storage { key: name, start: whole.start + start, len, ..whole.clone() }))
}
