//! Texts of an HDF5 file's root group, replaced without moving a byte: the new text goes into a heap collection at the end of
//! the file, and the 16 bytes of the attribute that say where its text is are made to point there. Weights cannot be touched
//! by that, whatever their number, and there is no limit to a text's length.
//!
//! Source: HDF5 File Format Specification 3.0: superblock (II.A), object headers of version 1 (IV.A.1), attribute messages
//! (IV.A.2.m), which is what h5py writes unless told otherwise. Owns: those. Must never know: what the texts say.

use super::heap;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::{AtomicFile, ByteRange, MappedFile};
use std::path::Path;
use std::sync::Arc;

const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
/// More pieces than a header has; a bound for headers that lead back to themselves.
const MOST_BLOCKS: usize = 1024;

/// Writes `file` to `output` with other texts for these attributes of its root group.
pub(crate) fn write(file: &Arc<MappedFile>, output: &Path, texts: &[(&str, String)]) -> Result<()> {
    let superblock = Superblock::read(file.bytes())?;
    let attributes = attributes(file.bytes(), superblock.root)?;
    let end = (file.len()).next_multiple_of(8);
    let address = end.checked_sub(superblock.base).ok_or_else(|| cannot("its base address is past its end"))?;
    let objects: Vec<&str> = texts.iter().map(|(_, t)| t.as_str()).collect();
    let heap = heap::collection(&objects);
    let mut patches = vec![(superblock.end_at, (address + heap.len() as u64).to_le_bytes().to_vec())];
    for (i, (name, text)) in texts.iter().enumerate() {
        let Some(found) = attributes.iter().find(|a| a.name == *name) else {
            return Err(cannot(&format!("its root group has no plain attribute `{name}`")));
        };
        patches.push((found.data, found.refer(text, address, i as u32 + 1)?));
    }
    let mut target = AtomicFile::create(output)?;
    target.copy_range(&ByteRange::whole(file.clone()))?;
    target.write(&vec![0; (end - file.len()) as usize])?;
    target.write(&heap)?;
    for (at, bytes) in patches {
        target.write_at(&bytes, at)?;
    }
    target.commit()
}

fn cannot(why: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::REPAIR_LAYOUT, format!("this HDF5 file cannot be rewritten: {why}"))
        .help("files that h5py writes with its defaults can; copy this one with h5py, or with the tool h5repack")
}

fn bytes_at(bytes: &[u8], at: u64, len: u64) -> Result<&[u8]> {
    let range = usize::try_from(at).ok().zip(at.checked_add(len).and_then(|e| usize::try_from(e).ok()));
    range.and_then(|(a, b)| bytes.get(a..b)).ok_or_else(|| cannot("a structure reaches past its end"))
}

fn number(bytes: &[u8], at: u64, len: u64) -> Result<u64> {
    Ok(bytes_at(bytes, at, len)?.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
}

struct Superblock {
    base: u64,
    /// Where the end of the file is noted.
    end_at: u64,
    /// Where the root group's header is.
    root: u64,
}

impl Superblock {
    fn read(bytes: &[u8]) -> Result<Self> {
        if bytes_at(bytes, 0, 8)? != b"\x89HDF\r\n\x1a\n" {
            return Err(cannot("it does not begin with its superblock"));
        }
        let version = number(bytes, 8, 1)?;
        if version > 1 {
            return Err(cannot("it is in the layout of libver=\"latest\""));
        }
        if bytes_at(bytes, 13, 2)? != [8, 8] {
            return Err(cannot("its addresses are not of 8 bytes"));
        }
        let addresses = 24 + 4 * version;
        let base = number(bytes, addresses, 8)?;
        let root = number(bytes, addresses + 40, 8)?.checked_add(base);
        Ok(Self { base, end_at: addresses + 16, root: root.ok_or_else(|| cannot("its root group is nowhere"))? })
    }
}

/// An attribute, and where its value is.
struct Found {
    name: String,
    /// Class of its type: 3 is a string of fixed length, 9 of variable length.
    class: u8,
    data: u64,
    len: u64,
}

impl Found {
    /// The bytes with which the attribute's value becomes `text`.
    fn refer(&self, text: &str, address: u64, index: u32) -> Result<Vec<u8>> {
        match self.class {
            9 if self.len == 16 => {
                let len = u32::try_from(text.len()).map_err(|_| cannot("a text is larger than 4 GiB"))?;
                Ok([&len.to_le_bytes()[..], &address.to_le_bytes(), &index.to_le_bytes()].concat())
            }
            // Of a version the first parts say enough.
            3 if self.name == "keras_version" && text.len() as u64 > self.len => {
                let kept = text.get(..self.len as usize).and_then(|t| t.rsplit_once('.')).map_or("3", |(t, _)| t);
                self.refer(kept, address, index)
            }
            // JSON may end in spaces.
            3 if text.len() as u64 <= self.len => {
                let mut bytes = text.as_bytes().to_vec();
                bytes.resize(self.len as usize, if text.starts_with('{') { b' ' } else { 0 });
                Ok(bytes)
            }
            3 => Err(cannot(&format!("`{}` has room for {} bytes and needs {}", self.name, self.len, text.len()))),
            _ => Err(cannot(&format!("`{}` is no text", self.name))),
        }
    }
}

/// The attributes in the header at `at`.
fn attributes(bytes: &[u8], at: u64) -> Result<Vec<Found>> {
    if number(bytes, at, 1)? != 1 {
        return Err(cannot("its root group has a header of another version"));
    }
    let mut blocks = vec![(at + 16, number(bytes, at + 8, 4)?)];
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(&(start, len)) = blocks.get(next) {
        next += 1;
        let (mut at, end) = (start, start.saturating_add(len));
        bytes_at(bytes, start, len)?;
        while at + 8 <= end {
            let (kind, size) = (number(bytes, at, 2)? as u16, number(bytes, at + 2, 2)?);
            let shared = number(bytes, at + 4, 1)? & 2 != 0;
            match kind {
                CONTINUATION if blocks.len() < MOST_BLOCKS => {
                    blocks.push((number(bytes, at + 8, 8)?, number(bytes, at + 16, 8)?));
                }
                ATTRIBUTE if !shared => found.extend(attribute(bytes, at + 8)?),
                _ => {}
            }
            at += 8 + size;
        }
    }
    Ok(found)
}

/// An attribute message; `None` for one whose type or extent is shared.
fn attribute(bytes: &[u8], at: u64) -> Result<Option<Found>> {
    let version = number(bytes, at, 1)?;
    if version > 1 && number(bytes, at + 1, 1)? != 0 {
        return Ok(None);
    }
    let sizes = [number(bytes, at + 2, 2)?, number(bytes, at + 4, 2)?, number(bytes, at + 6, 2)?];
    let padded = |n: u64| if version == 1 { n.next_multiple_of(8) } else { n };
    let name_at = at + 8 + u64::from(version == 3);
    let name = bytes_at(bytes, name_at, sizes[0])?;
    let type_at = name_at + padded(sizes[0]);
    let extent_at = type_at + padded(sizes[1]);
    // Only a single text: an extent without dimensions.
    if number(bytes, extent_at + 1, 1)? != 0 {
        return Ok(None);
    }
    let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
    let class = (number(bytes, type_at, 1)? & 0x0f) as u8;
    Ok(Some(Found { name, class, data: extent_at + padded(sizes[2]), len: number(bytes, type_at + 4, 4)? }))
}
