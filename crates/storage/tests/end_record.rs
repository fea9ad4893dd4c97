//! Archives as PyTorch ends them: with a zip64 end record that they do not need. Owns: that the directory is found whatever
//! the first member is called.
#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_diag::Limits;
use modelport_storage::{MappedFile, ZipArchive};

/// A stored archive of these members, ended as miniz does for PyTorch.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let at = u32::try_from(out.len()).unwrap();
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let mut common = vec![0u8; 10];
        common.extend(crc32(data).to_le_bytes());
        common.extend([size, size].concat());
        common.extend(length);
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(&common);
        directory.extend([0u8; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size, count) = (out.len() as u64, directory.len() as u64, members.len() as u64);
    out.extend(&directory);
    let end = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    [count, count, size, start].iter().for_each(|n| out.extend(n.to_le_bytes()));
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(end.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0");
    let short = u16::try_from(count).unwrap().to_le_bytes();
    out.extend([short, short].concat());
    out.extend(u32::try_from(size).unwrap().to_le_bytes());
    out.extend(u32::try_from(start).unwrap().to_le_bytes());
    out.extend([0, 0]);
    out
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &b| {
        (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

#[test]
fn the_directory_begins_where_the_end_record_says() {
    for length in 1..80 {
        let first = "n".repeat(length);
        let bytes = archive(&[(&first, b"one"), ("second", b"two"), ("third", b"three")]);
        let file = MappedFile::from_bytes("x.pt", bytes);
        let zip = ZipArchive::open(file, Limits::default());
        let zip = zip.unwrap_or_else(|e| panic!("a name of {length} bytes: {e}"));
        assert_eq!(zip.members().len(), 3);
        assert_eq!(zip.metadata(&first).unwrap().as_ref(), b"one");
    }
}
