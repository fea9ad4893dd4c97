//! Counts in version 1 object headers that the file does not back. The library reserves room for as many members as a
//! datatype counts, before it looks for them; headers of version 2 carry a checksum, these do not.
//!
//! Owns: where a datatype stands in a header, and what each of its members takes at least. Must never know: what it means.
//!
//! Source: HDF5 File Format Specification 3.0, IV.A (object headers, datatype and attribute messages); hdf5-reader 0.12,
//! src/messages/datatype.rs, `parse_compound`, `parse_enum`.

const DATATYPE: u16 = 0x03;
const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;

/// Class bits, version and size: what every datatype begins with.
const DATATYPE_PREFIX: usize = 8;
/// A member of a compound type: a name's end, an offset, a datatype.
const LEAST_FIELD: usize = 2 + DATATYPE_PREFIX;
/// A type within a type within a type …; the library has a limit too.
const DEPTH: usize = 32;

/// What was found in a run of messages.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// A datatype counts more members than its message has room for.
    pub(super) overcounts: bool,
    /// Other runs of messages: offset and length.
    pub(super) continuations: Vec<(u64, usize)>,
}

/// Looks through messages of a version 1 header, from the first message on.
pub(super) fn look(mut messages: &[u8]) -> Found {
    let mut found = Found::default();
    while let Some((&[t0, t1, s0, s1, ..], rest)) = messages.split_first_chunk::<8>() {
        let size = usize::from(u16::from_le_bytes([s0, s1]));
        let Some((data, after)) = rest.split_at_checked(size) else { break };
        match u16::from_le_bytes([t0, t1]) {
            DATATYPE => found.overcounts |= overcounts(data, DEPTH),
            ATTRIBUTE => found.overcounts |= datatype_of(data).is_some_and(|t| overcounts(t, DEPTH)),
            CONTINUATION => found.continuations.extend(continuation(data)),
            _ => {}
        }
        messages = after;
    }
    found
}

/// The datatype in an attribute message, and what follows it.
fn datatype_of(data: &[u8]) -> Option<&[u8]> {
    let (&[version, _, n0, n1, ..], rest) = data.split_first_chunk::<8>()?;
    let name = usize::from(u16::from_le_bytes([n0, n1]));
    match version {
        1 => rest.get(name.next_multiple_of(8)..),
        2 => rest.get(name..),
        // The name's character set.
        3 => rest.get(name + 1..),
        _ => None,
    }
}

fn continuation(data: &[u8]) -> Option<(u64, usize)> {
    let (offset, rest) = data.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    Some((u64::from_le_bytes(*offset), usize::try_from(length).ok()?))
}

/// Whether a datatype, or the one that it is made of, counts more members than bytes are left for.
fn overcounts(datatype: &[u8], depth: usize) -> bool {
    let Some((&[kind, c0, c1, ..], rest)) = datatype.split_first_chunk::<DATATYPE_PREFIX>() else { return false };
    let count = usize::from(u16::from_le_bytes([c0, c1]));
    let within = |base: Option<&[u8]>| depth > 0 && base.is_some_and(|b| overcounts(b, depth - 1));
    match (kind & 0x0f, kind >> 4) {
        (6, _) => count * LEAST_FIELD > rest.len(),
        (8, _) => count > rest.len() || within(Some(rest)),
        (9, _) => within(Some(rest)),
        (10, version) => {
            let rank = rest.first().map_or(0, |&r| usize::from(r));
            // Before version 3: reserved bytes, and a permutation.
            within(rest.get(if version < 3 { 4 + 8 * rank } else { 1 + 4 * rank }..))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, look};

    fn message(kind: u16, data: &[u8]) -> Vec<u8> {
        let size = u16::try_from(data.len()).unwrap_or(u16::MAX);
        [&kind.to_le_bytes(), &size.to_le_bytes(), [0; 4].as_slice(), data].concat()
    }

    fn compound(members: u16, bytes: usize) -> Vec<u8> {
        let [low, high] = members.to_le_bytes();
        [[0x16, low, high, 0, 8, 0, 0, 0].as_slice(), &vec![0; bytes]].concat()
    }

    #[test]
    fn a_count_is_held_against_the_room_it_has() {
        assert!(!look(&message(3, &compound(2, 20))).overcounts);
        assert!(look(&message(3, &compound(2, 19))).overcounts);
        let list = [[0x19, 0, 0, 0, 16, 0, 0, 0].as_slice(), &compound(40_000, 100)].concat();
        assert!(look(&message(3, &list)).overcounts, "a list of them");
        let name = [[1, 0, 5, 0, 8, 0, 8, 0].as_slice(), b"names\0\0\0", &list].concat();
        assert!(look(&message(12, &name)).overcounts, "an attribute's");
    }

    #[test]
    fn the_header_goes_on_elsewhere() {
        let data = [2048_u64.to_le_bytes(), 96_u64.to_le_bytes()].concat();
        let messages = [message(0, &[0; 8]), message(16, &data)].concat();
        assert_eq!(look(&messages), Found { overcounts: false, continuations: vec![(2048, 96)] });
    }
}
