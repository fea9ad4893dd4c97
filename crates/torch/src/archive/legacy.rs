//! `torch.save` before 1.6, and later with `_use_new_zipfile_serialization=False`: five pickles one after the other
//! (magic number, protocol, system, object, keys of storages), then the storages in the order of the keys, each with its
//! number of elements before it (`torch/serialization.py`, `_legacy_save` and `_legacy_load`).
//!
//! Storages are little-endian on every machine that wrote them.

use super::Archive;
use super::pickled::{self, Pickled, Storages, damaged, key, storage_type};
use super::storage::{Source, Storage};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_pickle::{Node, Pickle};
use modelport_storage::{ByteRange, MappedFile};
use std::collections::HashMap;
use std::sync::Arc;

/// The magic number as the pickle has it: 10 bytes, little-endian.
pub(crate) const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only protocol there has been.
const PROTOCOL: i64 = 1001;

/// Opens a legacy file.
pub(super) fn open(file: &Arc<MappedFile>, limits: &Limits) -> Result<Archive> {
    let mut at = 0;
    let mut next = |what: &str| -> Result<Pickle> {
        let rest = file.bytes().slice(at.min(file.bytes().len())..);
        let pickle = pickled::parse(rest, at as u64, file.name(), limits).map_err(|d| d.at_node(what))?;
        at += pickle.consumed();
        Ok(pickle)
    };
    next("the magic number")?;
    let protocol = next("the protocol")?.root().int();
    if protocol != Some(PROTOCOL) {
        return Err(damaged("the file has a protocol that no PyTorch has written")
            .in_file(file.name())
            .expected(PROTOCOL.to_string())
            .found(protocol.map_or("something else".to_owned(), |p| p.to_string())));
    }
    next("what the file says about the system")?;
    let pickle = next("the object")?;
    let keys = next("the keys of the storages")?;
    let storages = storages(file, &pickle, keys.root(), at as u64)?;
    let evidence = vec!["the file is of the format before 1.6: pickles one after the other".to_owned()];
    let pickled = Pickled::new(pickle, Storages::Legacy(storages), file);
    Ok(Archive { pickled, evidence, version: None })
}

/// The parts of a persistent id `('storage', class, key, device, elements, view)`.
struct Parts<'a> {
    class: Node<'a>,
    key: String,
    /// Elements of the whole storage.
    count: i64,
    /// `(key, offset, elements)` of a part of it.
    view: Option<Node<'a>>,
}

fn parts(id: Node<'_>) -> Option<Parts<'_>> {
    let all: Vec<_> = id.items()?.collect();
    let [tag, class, name, _device, count, rest @ ..] = all.as_slice() else { return None };
    let view = rest.first().copied().filter(|v| !v.is_none());
    (tag.str() == Some("storage")).then_some(())?;
    Some(Parts { class: *class, key: key(*name)?, count: count.int()?, view })
}

/// Finds all storages; they follow each other from the byte `at`.
fn storages(file: &Arc<MappedFile>, pickle: &Pickle, keys: Node<'_>, at: u64) -> Result<HashMap<String, Storage>> {
    let mut named: HashMap<String, Storage> = HashMap::new();
    for id in pickle.ids().filter_map(|id| pickle.node(id).persistent_id()).filter_map(parts) {
        let scalar = storage_type(id.class)?;
        let len = u64::try_from(id.count).ok().and_then(|n| n.checked_mul(scalar.map_or(1, |s| s.size as u64)));
        let len = len.ok_or_else(|| damaged(format!("storage `{}` has {} elements", id.key, id.count)))?;
        let new = Storage { key: id.key.clone(), scalar, source: Source::Nowhere, start: 0, len, big_endian: false };
        named.entry(id.key).or_insert(new);
    }
    let keys = keys.items().ok_or_else(|| damaged("the keys of the storages are no list").in_file(file.name()))?;
    let mut at = at;
    for name in keys {
        let name = key(name).ok_or_else(|| damaged("the key of a storage is no text").in_file(file.name()))?;
        let storage = named
            .get_mut(&name)
            .ok_or_else(|| damaged(format!("no tensor has the storage `{name}`")).in_file(file.name()))?;
        at = place(file, storage, at)?;
    }
    Ok(named)
}

/// Says where a storage is, and gives where the next one begins.
fn place(file: &Arc<MappedFile>, storage: &mut Storage, at: u64) -> Result<u64> {
    let cut_off = |found: u64| {
        Diagnostic::error(Code::IO_TRUNCATED, format!("the file ends in storage `{}`", storage.key))
            .in_file(file.name())
            .at_byte(at)
            .expected(format!("{} bytes of data", storage.len))
            .found(format!("{found} bytes"))
            .help("the file was cut off while it was copied or downloaded; get it again")
    };
    let left = file.len().saturating_sub(at);
    if left < 8 {
        return Err(cut_off(0));
    }
    let mut count = [0; 8];
    ByteRange::new(file.clone(), at, 8)?.read_at(0, &mut count)?;
    let size = storage.scalar.map_or(1, |s| s.size as u64);
    let len = u64::from_le_bytes(count).checked_mul(size);
    if len != Some(storage.len) {
        return Err(damaged(format!("storage `{}` has another length than the pickle says", storage.key))
            .in_file(file.name())
            .at_byte(at)
            .expected(format!("{} elements", storage.len / size))
            .found(format!("{}", u64::from_le_bytes(count))));
    }
    let data = at + 8;
    if left - 8 < storage.len {
        return Err(cut_off(left - 8));
    }
    storage.source = Source::Range(ByteRange::new(file.clone(), data, storage.len)?);
    Ok(data + storage.len)
}

/// The storage, or the part of it, that a persistent id means.
pub(super) fn storage(id: Node<'_>, storages: &HashMap<String, Storage>) -> Result<Storage> {
    let id = parts(id).ok_or_else(|| damaged(format!("a persistent id is {id}")))?;
    let whole = storages.get(&id.key).ok_or_else(|| damaged(format!("there is no storage `{}`", id.key)))?;
    if storage_type(id.class)? != whole.scalar {
        return Err(damaged(format!("storage `{}` has two types", id.key)));
    }
    let Some(view) = id.view else { return Ok(whole.clone()) };
    let size = whole.scalar.map_or(1, |s| s.size as u64);
    let number = |i| view.item(i).and_then(Node::int).and_then(|n| u64::try_from(n).ok()?.checked_mul(size));
    match (number(1), number(2)) {
        (Some(start), Some(len)) if start.checked_add(len).is_some_and(|end| end <= whole.len) => {
            Ok(Storage { start, len, ..whole.clone() })
        }
        _ => Err(damaged(format!("a view reaches outside of storage `{}`", id.key))),
    }
}
