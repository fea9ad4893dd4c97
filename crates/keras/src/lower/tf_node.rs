//! A `NodeDef` inside a Keras config: the message's bytes as text (TensorFlow 2.0 and 2.1), or the message as JSON (2.2 and
//! later; `MessageToDict`: numbers of 64 bits are texts, bytes are base64).
//!
//! Owns: taking either apart. Field numbers: `core/framework/{node_def,attr_value}.proto`. Must never know: what ops mean.

use modelport_ir::{Attr, DType};
use std::collections::BTreeMap;

/// What matters of a node.
pub(super) struct Node {
    pub(super) op: String,
    pub(super) attrs: BTreeMap<String, Attr>,
}

/// `None` when it is no node.
pub(super) fn read(written: &Attr) -> Option<Node> {
    match written {
        Attr::Str(message) => of_message(message.as_bytes()),
        Attr::Map(node) => {
            let op = node.get("op")?.as_str()?.to_owned();
            let attrs = node.get("attr").and_then(Attr::as_map).into_iter().flatten();
            Some(Node { op, attrs: attrs.filter_map(|(name, value)| Some((name.clone(), of_json(value)?))).collect() })
        }
        _ => None,
    }
}

/// An integer as JSON has it: as a text, where it is of 64 bits.
fn int(value: &Attr) -> Option<i64> {
    value.as_int().or_else(|| value.as_str()?.parse().ok())
}

fn of_json(value: &Attr) -> Option<Attr> {
    let (kind, value) = value.as_map()?.iter().next()?;
    match kind.as_str() {
        "b" => value.as_bool().map(Attr::Bool),
        "i" => int(value).map(Attr::Int),
        "f" => value.as_float().map(Attr::Float),
        "s" => String::from_utf8(base64(value.as_str()?)?).ok().map(Attr::Str),
        "type" => dtype_named(value.as_str()?).map(Attr::DType),
        "list" => {
            let list = value.as_map()?.get("i").and_then(Attr::as_list).unwrap_or_default();
            list.iter().map(|v| int(v).map(Attr::Int)).collect::<Option<_>>().map(Attr::List)
        }
        _ => None,
    }
}

/// TensorFlow's types: number in messages, name in JSON.
const TYPES: &[(u64, &str, DType)] = &[
    (1, "DT_FLOAT", DType::F32),
    (2, "DT_DOUBLE", DType::F64),
    (3, "DT_INT32", DType::I32),
    (4, "DT_UINT8", DType::U8),
    (5, "DT_INT16", DType::I16),
    (6, "DT_INT8", DType::I8),
    (9, "DT_INT64", DType::I64),
    (10, "DT_BOOL", DType::Bool),
    (14, "DT_BFLOAT16", DType::BF16),
    (17, "DT_UINT16", DType::U16),
    (19, "DT_HALF", DType::F16),
    (22, "DT_UINT32", DType::U32),
    (23, "DT_UINT64", DType::U64),
];

fn dtype_named(name: &str) -> Option<DType> {
    TYPES.iter().find(|(_, n, _)| *n == name).map(|(.., d)| *d)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(c)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// A field of a message: a number, or bytes.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in turn; ends at the first that is cut off.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let n = self.varint()?;
                Field::Bytes(self.take(usize::try_from(n).ok()?)?)
            }
            5 => Field::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

fn of_message(message: &[u8]) -> Option<Node> {
    let mut node = Node { op: String::new(), attrs: BTreeMap::new() };
    for field in Fields(message) {
        match field {
            (2, Field::Bytes(op)) => node.op = std::str::from_utf8(op).ok()?.to_owned(),
            (5, Field::Bytes(entry)) => {
                if let Some((name, value)) = entry_of(entry) {
                    node.attrs.insert(name, value);
                }
            }
            _ => {}
        }
    }
    (!node.op.is_empty()).then_some(node)
}

fn entry_of(entry: &[u8]) -> Option<(String, Attr)> {
    let (mut name, mut value) = (None, None);
    for field in Fields(entry) {
        match field {
            (1, Field::Bytes(key)) => name = std::str::from_utf8(key).ok().map(str::to_owned),
            (2, Field::Bytes(attr)) => value = value_of(attr),
            _ => {}
        }
    }
    name.zip(value)
}

fn value_of(attr: &[u8]) -> Option<Attr> {
    match Fields(attr).next()? {
        (1, Field::Bytes(list)) => {
            let mut numbers = Vec::new();
            for field in Fields(list) {
                match field {
                    (3, Field::Number(n)) => numbers.push(Attr::Int(n as i64)),
                    (3, Field::Bytes(packed)) => {
                        let mut packed = Fields(packed);
                        while let Some(n) = packed.varint() {
                            numbers.push(Attr::Int(n as i64));
                        }
                    }
                    _ => {}
                }
            }
            Some(Attr::List(numbers))
        }
        (2, Field::Bytes(text)) => std::str::from_utf8(text).ok().map(|t| Attr::Str(t.to_owned())),
        (3, Field::Number(n)) => Some(Attr::Int(n as i64)),
        (4, Field::Number(bits)) => Some(Attr::Float(f64::from(f32::from_bits(bits as u32)))),
        (5, Field::Number(b)) => Some(Attr::Bool(b != 0)),
        (6, Field::Number(n)) => TYPES.iter().find(|(number, ..)| *number == n).map(|(.., d)| Attr::DType(*d)),
        _ => None,
    }
}
