//! A global heap collection of HDF5: where strings of variable length stand.
//!
//! Source: HDF5 File Format Specification 3.0, III.E. Owns: its bytes. Must never know: who refers to it.

/// Collections are not smaller than this.
const LEAST: usize = 4096;

/// A collection that holds `objects`, numbered from 1, and fills up with free space.
pub(crate) fn collection(objects: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for (i, text) in objects.iter().enumerate() {
        body.extend((i as u16 + 1).to_le_bytes());
        body.extend([0; 6]);
        body.extend((text.len() as u64).to_le_bytes());
        body.extend(text.as_bytes());
        body.resize(body.len().next_multiple_of(8), 0);
    }
    // What is left over belongs to object 0, whose header counts.
    let size = (16 + body.len() + 16).max(LEAST).next_multiple_of(8);
    let free = size - 16 - body.len();
    let mut bytes = b"GCOL\x01\0\0\0".to_vec();
    bytes.extend((size as u64).to_le_bytes());
    bytes.extend(body);
    bytes.extend([0; 8]);
    bytes.extend((free as u64).to_le_bytes());
    bytes.resize(size, 0);
    bytes
}
