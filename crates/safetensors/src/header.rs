//! The header: parsed strictly, and held against the bytes that follow it.
//!
//! Source: `read_metadata` and `Metadata::validate` of huggingface/safetensors 0.8. Beyond the reference, a name that stands
//! twice is refused everywhere, as the format's description demands.
//!
//! Owns: what makes a header valid. Must never know: who reads it.

use crate::Element;
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_storage::{ByteRange, MappedFile};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::sync::Arc;

/// Bytes of the header's length.
const PREFIX: u64 = 8;
/// Headers end here, in the reference implementation too.
pub(crate) const MOST: u64 = 100_000_000;
/// The member of a header that is no tensor.
pub(crate) const METADATA: &str = "__metadata__";

/// What a header says of one tensor, checked.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) name: String,
    pub(crate) element: Element,
    pub(crate) shape: Vec<u64>,
    pub(crate) range: ByteRange,
}

/// A header whose tensors are in the order of their bytes.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) tensors: Vec<Placed>,
}

/// Whether the bytes are, or were before they were damaged, a safetensors file: a length and a JSON object.
pub(crate) fn probe(bytes: &[u8]) -> bool {
    let Some((prefix, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let opened = rest.first() == Some(&b'{') && matches!(rest.get(1), Some(b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
    // No other format that is read here begins with a length below 2^40 and `{"`.
    opened && (2..1 << 40).contains(&u64::from_le_bytes(*prefix))
}

/// Reads and checks the header of a whole file.
pub(crate) fn read(file: &Arc<MappedFile>) -> std::result::Result<Header, Diagnostics> {
    let (text, data) = split(file)?;
    let raw: RawHeader = serde_json::from_str(text).map_err(|e| {
        damaged(file, format!("the header is no JSON that describes tensors: {e}")).expected(
            "an object with `dtype`, `shape` and `data_offsets` for each tensor, and `__metadata__` of strings",
        )
    })?;
    place(file, raw, data)
}

/// The header's text, and where the tensors begin.
fn split(file: &Arc<MappedFile>) -> Result<(&str, u64)> {
    let bytes = file.bytes();
    let Some((prefix, _)) = bytes.split_first_chunk::<8>() else {
        return Err(damaged(file, "the file is shorter than the length of a header".to_owned()));
    };
    let len = u64::from_le_bytes(*prefix);
    if len > MOST {
        return Err(damaged(file, "the header is too large".to_owned())
            .expected(format!("at most {MOST} bytes"))
            .found(format!("{len} bytes")));
    }
    let end = PREFIX + len;
    let Some(header) = bytes.get(PREFIX as usize..end as usize) else {
        return Err(damaged(file, "the file ends inside its header".to_owned())
            .expected(format!("{end} bytes"))
            .found(format!("{} bytes", file.len()))
            .help("the file was cut off while it was copied or downloaded; get it again"));
    };
    let text = std::str::from_utf8(header)
        .map_err(|e| damaged(file, "the header is not UTF-8".to_owned()).at_byte(PREFIX + e.valid_up_to() as u64))?;
    Ok((text, end))
}

/// Holds every tensor against its type, its neighbours and the end of the file; all findings at once.
fn place(file: &Arc<MappedFile>, raw: RawHeader, data: u64) -> std::result::Result<Header, Diagnostics> {
    let mut all = Diagnostics::default();
    let mut tensors = raw.tensors;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for twice in tensors.windows(2).filter(|w| w[0].0 == w[1].0) {
        all.push(damaged(file, format!("the header describes `{}` twice", twice[0].0)));
    }
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut at = 0;
    let mut placed = Vec::with_capacity(tensors.len());
    for (name, info) in tensors {
        let (begin, end) = info.data_offsets;
        if begin != at || end < begin {
            let what = if begin < at { "overlaps the tensor before it" } else { "leaves a hole before it" };
            let what = if end < begin { "ends before it begins" } else { what };
            all.push(
                misplaced(file, &name, format!("`{name}` {what}"))
                    .expected(format!("data from byte {at} on"))
                    .found(format!("bytes {begin} to {end}")),
            );
        }
        at = end.max(at);
        match checked(file, &name, &info, data) {
            Ok((element, range)) => placed.push(Placed { name, element, shape: info.shape, range }),
            Err(d) => all.push(d),
        }
    }
    if all.0.is_empty() && data.checked_add(at) != Some(file.len()) {
        let end = data.saturating_add(at);
        let what = if end > file.len() { "ends before" } else { "goes on after" };
        let help = "the file was cut off, or something was appended; get it again";
        all.push(
            damaged(file, format!("the file {what} its last tensor"))
                .expected(format!("{end} bytes"))
                .found(format!("{} bytes", file.len()))
                .help(help),
        );
    }
    if all.0.is_empty() { Ok(Header { metadata: raw.metadata, tensors: placed }) } else { Err(all) }
}

/// A tensor's type and bytes.
fn checked(file: &Arc<MappedFile>, name: &str, info: &RawInfo, data: u64) -> Result<(Element, ByteRange)> {
    let Some(element) = Element::from_name(&info.dtype) else {
        let known: Vec<_> = Element::ALL.iter().map(|e| e.name()).collect();
        let what = format!("`{name}` has the unknown type `{}`", info.dtype);
        return Err(Diagnostic::error(Code::SAFETENSORS_DTYPE, what)
            .in_file(file.name())
            .at_node(name)
            .expected(known.join(", ")));
    };
    let (begin, end) = info.data_offsets;
    let len = end.saturating_sub(begin);
    if element.byte_len(&info.shape) != Some(len) {
        let want = element.byte_len(&info.shape).map_or("more than can be".to_owned(), |n| format!("{n} bytes"));
        return Err(misplaced(file, name, format!("the data of `{name}` does not fit its type and shape"))
            .expected(format!("{want} for {}{:?}", element.name(), info.shape))
            .found(format!("{len} bytes")));
    }
    let range = ByteRange::new(file.clone(), data.saturating_add(begin), len).map_err(|d| d.at_node(name))?;
    Ok((element, range))
}

fn damaged(file: &MappedFile, what: String) -> Box<Diagnostic> {
    Diagnostic::error(Code::SAFETENSORS_HEADER, what).in_file(file.name())
}

fn misplaced(file: &MappedFile, name: &str, what: String) -> Box<Diagnostic> {
    Diagnostic::error(Code::SAFETENSORS_DATA, what).in_file(file.name()).at_node(name)
}

/// The header as it stands in the file, in its order.
struct RawHeader {
    metadata: Vec<(String, String)>,
    tensors: Vec<(String, RawInfo)>,
}

#[derive(Deserialize)]
struct RawInfo {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<RawHeader, A::Error> {
                let (mut metadata, mut tensors) = (None, Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name != METADATA {
                        tensors.push((name, map.next_value()?));
                    } else if metadata.replace(map.next_value::<Option<Strings>>()?).is_some() {
                        return Err(A::Error::custom(format!("`{METADATA}` stands twice")));
                    }
                }
                let metadata = metadata.flatten().map(|s| s.0).unwrap_or_default();
                Ok(RawHeader { metadata, tensors })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// An object of strings, each name once.
struct Strings(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Strings, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry::<String, String>()? {
                    all.push(entry);
                }
                all.sort();
                match all.windows(2).find(|w| w[0].0 == w[1].0) {
                    Some(twice) => Err(A::Error::custom(format!("`{}` stands twice", twice[0].0))),
                    None => Ok(Strings(all)),
                }
            }
        }
        deserializer.deserialize_map(Members)
    }
}
