//! Sorted string tables, the container of `.index` files and of V1 checkpoints (tsl/lib/io/table_format.txt, `format.cc` and
//! `block.cc` of TensorFlow 2.21; the format is LevelDB's).
//!
//! Owns: footer, blocks, prefix compression of keys, snappy, block checksums. Must never know: what keys and values mean.

use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_storage::MappedFile;
use prost::bytes::Bytes;
use prost::encoding::decode_varint;

/// Length of what stands at the end: two handles, filled up, and the magic number.
const FOOTER: usize = 48;
const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();
/// After each block: its type and a checksum.
const TRAILER: usize = 5;

/// Keys in order with their values; values of blocks that are not compressed are views of the file.
pub(crate) type Entries = Vec<(Vec<u8>, Bytes)>;

pub(crate) fn damaged(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_INDEX, message)
        .help("the file was cut off or damaged while it was copied or downloaded; get it again")
}

/// Whether a file ends like a table.
pub(crate) fn is_table(bytes: &[u8]) -> bool {
    bytes.len() >= FOOTER && bytes.ends_with(&MAGIC)
}

/// The checksum of `parts`, as TensorFlow stores it (tsl/lib/hash/crc32c.h).
pub(crate) fn masked_crc(parts: &[&[u8]]) -> u32 {
    let crc = parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
    mask(crc)
}

/// A checksum of data that holds checksums is a poor one; hence the mask.
pub(crate) fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// All entries of a table.
///
/// # Errors
/// `TF0007` when it is no table or is damaged, `TF0009` when a checksum is wrong.
pub(crate) fn entries(file: &MappedFile, limits: &Limits) -> Result<Entries> {
    let bytes = file.bytes();
    if !is_table(bytes) {
        return Err(damaged("this is no table of tensors: its last bytes are not those of one"));
    }
    let mut footer = bytes.slice(bytes.len() - FOOTER..);
    handle(&mut footer)?;
    let index = block(bytes, handle(&mut footer)?, limits)?;
    let mut all = Vec::new();
    // Unpacked blocks may not be more than the file earns.
    let mut left = (bytes.len() as u64).saturating_mul(3).saturating_add(1 << 20);
    for (_, mut place) in pairs(&index, limits)? {
        let data = block(bytes, handle(&mut place)?, limits)?;
        left = left.checked_sub(data.len() as u64).ok_or_else(|| {
            Diagnostic::error(Code::IO_LIMIT, "the blocks of the table unpack to more than the file earns")
        })?;
        all.extend(pairs(&data, limits)?);
        if all.len() > limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the table has too many entries")
                .expected(format!("at most {}", limits.objects)));
        }
    }
    Ok(all)
}

/// Offset and length of a block.
fn handle(bytes: &mut Bytes) -> Result<(u64, u64)> {
    let mut number = || decode_varint(bytes).map_err(|_| damaged("the place of a block cannot be read"));
    Ok((number()?, number()?))
}

/// The content of a block, unpacked.
fn block(file: &Bytes, (offset, len): (u64, u64), limits: &Limits) -> Result<Bytes> {
    let place = || -> Option<(Bytes, Bytes)> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        let stop = end.checked_add(TRAILER).filter(|stop| *stop <= file.len())?;
        Some((file.slice(start..end), file.slice(end..stop)))
    };
    let (content, trailer) = place().ok_or_else(|| {
        damaged("a block lies outside of the file").at_byte(offset).expected(format!("{len} bytes and a checksum"))
    })?;
    let stored = trailer.get(1..).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    let kind = trailer.first().copied().unwrap_or(0);
    if masked_crc(&[&content, &[kind]]) != stored {
        return Err(Diagnostic::error(Code::TF_CHECKSUM, "a block of the index does not have its checksum")
            .at_byte(offset)
            .help("the file was damaged while it was copied or downloaded; get it again"));
    }
    match kind {
        0 => Ok(content),
        1 => unpack(&content, limits).map_err(|d| d.at_byte(offset)),
        other => Err(damaged(format!("a block is packed in an unknown way, {other}")).at_byte(offset)),
    }
}

fn unpack(content: &[u8], limits: &Limits) -> Result<Bytes> {
    let broken = |e: snap::Error| damaged(format!("a block cannot be unpacked: {e}"));
    let len = snap::raw::decompress_len(content).map_err(broken)? as u64;
    // Snappy's best ratio is about 21.
    if len > limits.metadata_bytes || len > content.len() as u64 * 32 {
        return Err(Diagnostic::error(Code::IO_LIMIT, "a packed block claims to be larger than it can be")
            .found(format!("{len} bytes from {}", content.len())));
    }
    snap::raw::Decoder::new().decompress_vec(content).map(Bytes::from).map_err(broken)
}

/// Keys and values of a block: each key is what it shares with the one before, and the rest.
fn pairs(block: &Bytes, limits: &Limits) -> Result<Entries> {
    let cut = || damaged("a block of the table ends too early");
    let restarts = block.len().checked_sub(4).and_then(|at| block.get(at..)?.try_into().ok());
    let restarts = restarts.map(u32::from_le_bytes).ok_or_else(cut)? as usize;
    let end = restarts.checked_mul(4).and_then(|n| block.len().checked_sub(n + 4)).ok_or_else(cut)?;
    let mut rest = block.slice(..end);
    let mut all: Entries = Vec::new();
    let mut key = Vec::new();
    // Keys that share much are longer than the bytes that spell them.
    let mut key_bytes = block.len() * 16 + (1 << 16);
    while !rest.is_empty() {
        let mut number = || decode_varint(&mut rest).ok().and_then(|n| usize::try_from(n).ok()).ok_or_else(cut);
        let (shared, own, len) = (number()?, number()?, number()?);
        if shared > key.len() || own > rest.len() || len > rest.len() - own {
            return Err(damaged("an entry of the table reaches past its block"));
        }
        key.truncate(shared);
        key.extend_from_slice(&rest.split_to(own));
        key_bytes = key_bytes
            .checked_sub(key.len())
            .filter(|_| all.len() <= limits.objects)
            .ok_or_else(|| Diagnostic::error(Code::IO_LIMIT, "the keys of the table are longer than the file earns"))?;
        all.push((key.clone(), rest.split_to(len)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one block.
    fn table(content: &[u8], kind: u8) -> Vec<u8> {
        let mut file = Vec::new();
        let mut push = |content: &[u8], kind: u8| {
            let at = file.len();
            file.extend_from_slice(content);
            file.push(kind);
            file.extend_from_slice(&masked_crc(&[content, &[kind]]).to_le_bytes());
            (at as u8, content.len() as u8)
        };
        let (at, len) = push(content, kind);
        let (index_at, index_len) = push(&[0, 1, 2, b'z', at, len, 0, 0, 0, 0, 1, 0, 0, 0], 0);
        let start = file.len();
        file.extend_from_slice(&[0, 0, index_at, index_len]);
        file.resize(start + 40, 0);
        file.extend_from_slice(&MAGIC);
        file
    }

    const BLOCK: &[u8] = &[0, 2, 1, b'a', b'b', 7, 1, 1, 1, b'c', 8, 0, 0, 0, 0, 1, 0, 0, 0];

    fn read(bytes: Vec<u8>) -> Result<Entries> {
        entries(&MappedFile::from_bytes("t", bytes), &Limits::default())
    }

    #[test]
    fn keys_share_their_beginnings() {
        let want: Entries =
            vec![(b"ab".to_vec(), Bytes::from_static(&[7])), (b"ac".to_vec(), Bytes::from_static(&[8]))];
        assert_eq!(read(table(BLOCK, 0)).unwrap(), want);
        let packed = snap::raw::Encoder::new().compress_vec(BLOCK).unwrap();
        assert_eq!(read(table(&packed, 1)).unwrap(), want);
    }

    #[test]
    fn damage_has_a_name() {
        let mut flipped = table(BLOCK, 0);
        flipped[4] ^= 1;
        assert_eq!(read(flipped).unwrap_err().code, Code::TF_CHECKSUM);
        let mut cut = table(BLOCK, 0);
        cut.pop();
        assert_eq!(read(cut).unwrap_err().code, Code::TF_INDEX);
        assert_eq!(read(table(&[0, 200, 1, 1, b'a'], 0)).unwrap_err().code, Code::TF_INDEX);
    }
}
