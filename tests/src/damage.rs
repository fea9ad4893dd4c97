//! Damage to files: truncation, flipped bytes, and flipped bytes inside a zip archive whose checksums still hold.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::rng::Rng;

/// The first `percent` of a hundred.
pub fn truncated(bytes: &[u8], percent: usize) -> Vec<u8> {
    bytes.iter().take(bytes.len() * percent / 100).copied().collect()
}

/// Changes one to eight bytes: neighbours half of the time, otherwise anywhere.
pub fn flip(bytes: &mut [u8], rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let count = if rng.below(2) == 0 { 1 } else { 1 + rng.below(8) };
    let together = rng.below(2) == 0;
    let start = rng.below(bytes.len());
    for i in 0..count {
        let at = if together { (start + i) % bytes.len() } else { rng.below(bytes.len()) };
        let value = match rng.below(4) {
            0 => 0x00,
            1 => 0xff,
            2 => bytes.get(at).map_or(0, |b| b ^ (1 << rng.below(8))),
            _ => rng.next_u64() as u8,
        };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
}

/// A file that damage is done to.
#[derive(Clone, Debug)]
pub struct Victim {
    bytes: Vec<u8>,
    /// Members of a zip archive; empty for other files.
    members: Vec<(String, Vec<u8>)>,
}

impl Victim {
    /// Takes a whole file.
    pub fn new(bytes: Vec<u8>) -> Self {
        let members = if bytes.starts_with(b"PK") { members(&bytes).unwrap_or_default() } else { Vec::new() };
        Self { bytes, members }
    }

    /// The file as it was.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file with bytes flipped. Of an archive, every second time a member is damaged and packed again: a flip in the
    /// archive itself mostly ends at the checksum.
    pub fn flipped(&self, rng: &mut Rng) -> Vec<u8> {
        if !self.members.is_empty() && rng.below(2) == 0 {
            let mut members = self.members.clone();
            let at = rng.below(members.len());
            if let Some((_, bytes)) = members.get_mut(at) {
                flip(bytes, rng);
            }
            if let Some(packed) = packed(&members) {
                return packed;
            }
        }
        let mut bytes = self.bytes.clone();
        flip(&mut bytes, rng);
        bytes
    }
}

fn members(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    (0..archive.len())
        .map(|i| {
            let mut member = archive.by_index(i).ok()?;
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).ok()?;
            Some((member.name().ok()?.into_owned(), bytes))
        })
        .collect()
}

/// A stored archive, as Keras writes it.
fn packed(members: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(name.as_str(), stored).ok()?;
        zip.write_all(bytes).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_survives_packing() {
        let before = vec![("config.json".to_owned(), b"{}".to_vec()), ("a/b".to_owned(), vec![7; 100])];
        let bytes = packed(&before).unwrap();
        assert_eq!(members(&bytes).unwrap(), before);
    }

    #[test]
    fn flips_change_something_and_are_repeatable() {
        let victim = Victim::new(vec![1; 1000]);
        let mutants = || Vec::from_iter((0..20).scan(Rng::of("x"), |r, _| Some(victim.flipped(r))));
        assert_eq!(mutants(), mutants());
        assert!(mutants().iter().filter(|m| m.as_slice() != victim.bytes()).count() > 15);
        assert_eq!(truncated(victim.bytes(), 25).len(), 250);
    }
}
