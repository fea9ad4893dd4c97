//! V2 checkpoints: an `.index` that says where each tensor stands in the `.data` files (core/util/tensor_bundle, 2.21).
//!
//! Owns: header, entries, shards, strings, checksums of tensors. Must never know: whose variables the tensors are.

use super::slices;
use super::table::{Entries, damaged, mask};
use crate::dtype;
use crate::tensor_proto::known_shape;
use crate::wire::decode;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};
use modelport_proto::tensorflow::{BundleEntryProto, BundleHeaderProto};
use modelport_storage::{ByteRange, MappedFile};
use prost::encoding::decode_varint;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shards are files; nobody has more.
const MOST_SHARDS: i32 = 100_000;

/// An open bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Keys in order.
    pub(crate) keys: Vec<String>,
    entries: HashMap<Vec<u8>, BundleEntryProto>,
    shards: Shards,
    checksums: bool,
}

/// The data files, opened when something in them is asked for.
#[derive(Debug)]
struct Shards {
    prefix: PathBuf,
    count: i32,
    open: std::cell::RefCell<HashMap<i32, Arc<MappedFile>>>,
}

impl Shards {
    fn path(&self, id: i32) -> PathBuf {
        let mut name = self.prefix.as_os_str().to_owned();
        name.push(format!(".data-{id:05}-of-{:05}", self.count));
        PathBuf::from(name)
    }

    fn get(&self, id: i32) -> Result<Arc<MappedFile>> {
        if let Some(file) = self.open.borrow().get(&id) {
            return Ok(file.clone());
        }
        let path = self.path(id);
        if !path.exists() {
            return Err(Diagnostic::error(Code::TF_SHARD, "a data file of the checkpoint is missing")
                .in_file(path.display().to_string())
                .expected(format!("{} data files beside the index", self.count))
                .help("the files of a checkpoint belong together; copy all of them, under the names that they were saved with"));
        }
        let file = MappedFile::open(&path)?;
        self.open.borrow_mut().insert(id, file.clone());
        Ok(file)
    }
}

impl Bundle {
    /// The bundle whose index has these entries; `prefix` is the path without `.index`.
    ///
    /// # Errors
    /// `TF0007` when the header or an entry is damaged.
    pub(crate) fn new(entries: Entries, prefix: &Path, checksums: bool) -> Result<Self> {
        let mut rest = entries.into_iter();
        let header = rest.next().filter(|(key, _)| key.is_empty());
        let (_, header) = header.ok_or_else(|| damaged("the index has no header"))?;
        let header: BundleHeaderProto = decode(&header, "the header of the index")?;
        if header.endianness != 0 {
            return Err(damaged("the checkpoint was written on a big-endian machine")
                .help("load it in TensorFlow and save it again on this machine"));
        }
        if !(1..=MOST_SHARDS).contains(&header.num_shards) {
            return Err(damaged("the index counts its data files wrongly").found(format!("{}", header.num_shards)));
        }
        let mut keys = Vec::new();
        let mut entries = HashMap::new();
        for (key, value) in rest {
            // Parts of tensors stand under keys that begin with a zero.
            if key.first() != Some(&0) {
                keys.push(String::from_utf8_lossy(&key).into_owned());
            }
            entries.insert(key, decode(&value, "an entry of the index")?);
        }
        let shards = Shards { prefix: prefix.to_owned(), count: header.num_shards, open: Default::default() };
        Ok(Self { keys, entries, shards, checksums })
    }

    /// The tensor under a key; lazily, but for strings.
    ///
    /// # Errors
    /// `TF0008` when its data file is missing or too short, `TF0009` when its checksum is wrong and checksums are asked for.
    pub(crate) fn tensor(&self, key: &str) -> Result<Option<Tensor>> {
        let Some(entry) = self.entries.get(key.as_bytes()) else { return Ok(None) };
        let tensor = match entry.slices.as_slice() {
            [] => self.stored(entry),
            parts => self.partitioned(key, entry, parts.iter().map(slices::slice).collect()),
        };
        tensor.map(Some).map_err(|d| d.at_node(key))
    }

    fn partitioned(&self, key: &str, entry: &BundleEntryProto, parts: Vec<slices::Slice>) -> Result<Tensor> {
        let mut found = Vec::new();
        for part in parts {
            let stored = self.entries.get(&slices::key(key, &part));
            let stored = stored.ok_or_else(|| damaged("a part of a partitioned variable is not in the index"))?;
            found.push((part, self.stored(stored)?));
        }
        slices::assemble(&known_shape(entry.shape.as_ref())?, found)
    }

    fn stored(&self, entry: &BundleEntryProto) -> Result<Tensor> {
        let shape = known_shape(entry.shape.as_ref())?;
        let Some(dtype) = dtype::dtype(entry.dtype) else {
            return Err(damaged(format!("the tensor has elements of type {}", dtype::name(entry.dtype))));
        };
        let shard = self.shards.get(entry.shard_id)?;
        let range = self.range(&shard, entry)?;
        if dtype == DType::Str {
            return strings(&range, shape, entry.crc32c);
        }
        if self.checksums {
            check(&range, entry.crc32c)?;
        }
        Tensor::from_range(dtype, shape, range)
    }

    fn range(&self, shard: &Arc<MappedFile>, entry: &BundleEntryProto) -> Result<ByteRange> {
        let place = u64::try_from(entry.offset).ok().zip(u64::try_from(entry.size).ok());
        let range = place.and_then(|(offset, size)| ByteRange::new(shard.clone(), offset, size).ok());
        range.ok_or_else(|| {
            Diagnostic::error(Code::TF_SHARD, "the data file ends before the tensor that the index places in it")
                .in_file(shard.name())
                .expected(format!("{} bytes from byte {}", entry.size, entry.offset))
                .found(format!("a file of {} bytes", shard.len()))
                .help("the file was cut off, or belongs to another checkpoint than the index")
        })
    }
}

fn wrong_checksum(range: &ByteRange) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_CHECKSUM, "the bytes of a tensor do not have their checksum")
        .in_file(range.file().name())
        .at_byte(range.offset())
        .help("the data file was damaged, or belongs to another checkpoint than the index")
}

/// Holds the bytes of a range against their checksum, a piece at a time.
fn check(range: &ByteRange, stored: u32) -> Result<()> {
    let mut crc = 0;
    let mut buffer = vec![0; range.len().min(1 << 20) as usize];
    let mut at = 0;
    while at < range.len() {
        let len = (range.len() - at).min(buffer.len() as u64) as usize;
        let piece = buffer.get_mut(..len).unwrap_or_default();
        range.read_at(at, piece)?;
        crc = crc32c::crc32c_append(crc, piece);
        at += len as u64;
    }
    if mask(crc) == stored { Ok(()) } else { Err(wrong_checksum(range)) }
}

/// Strings: their lengths, a checksum of these, and the strings one after another. The checksum of the whole takes each
/// length as four bytes (`WriteStringTensor`), or eight where it needs them.
fn strings(range: &ByteRange, shape: Vec<usize>, stored: u32) -> Result<Tensor> {
    let mut rest = range.mapped();
    let cut = || damaged("the strings of a tensor end too early").in_file(range.file().name()).at_byte(range.offset());
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|n| *n <= rest.len());
    let count = count.ok_or_else(cut)?;
    let mut lengths = Vec::with_capacity(count);
    let mut crc = 0;
    for _ in 0..count {
        let len = decode_varint(&mut rest).map_err(|_| cut())?;
        crc = match u32::try_from(len) {
            Ok(short) => crc32c::crc32c_append(crc, &short.to_le_bytes()),
            Err(_) => crc32c::crc32c_append(crc, &len.to_le_bytes()),
        };
        lengths.push(usize::try_from(len).map_err(|_| cut())?);
    }
    let mut take = |len: usize| if len <= rest.len() { Ok(rest.split_to(len)) } else { Err(cut()) };
    let sum = take(4)?;
    if mask(crc).to_le_bytes() != sum[..] {
        return Err(wrong_checksum(range));
    }
    crc = crc32c::crc32c_append(crc, &sum);
    let mut all = Vec::with_capacity(count);
    for len in lengths {
        let text = take(len)?;
        crc = crc32c::crc32c_append(crc, &text);
        all.push(text.to_vec());
    }
    if mask(crc) != stored {
        return Err(wrong_checksum(range));
    }
    Tensor::from_strings(shape, all)
}
