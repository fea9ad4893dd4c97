//! Text files, `.pbtxt`: brought into the wire format, so that everything behind reads one format.
//!
//! Owns: protobuf's text format. Must never know: what messages mean.

mod lexer;
mod schema;

use crate::dtype;
use crate::probe::Message;
use lexer::{Lexer, Token};
use modelport_diag::{Limits, Result};
use modelport_storage::MappedFile;
use prost::bytes::Bytes;
use prost::encoding::encode_varint;
use schema::{Fields, Kind};
use std::sync::Arc;

/// What a text is, by the first field.
pub(crate) fn kind(bytes: &[u8]) -> Option<Message> {
    let mut lexer = Lexer::new(bytes);
    let Ok(Token::Word(word)) = lexer.next_token() else { return None };
    let message = match word {
        "node" | "versions" | "library" => Message::Graph,
        "saved_model_schema_version" | "meta_graphs" => Message::SavedModel,
        "meta_info_def" | "graph_def" => Message::MetaGraph,
        _ => return None,
    };
    matches!(lexer.next_token(), Ok(Token::Mark(b'{' | b':' | b'<'))).then_some(message)
}

/// The same message in the wire format, under the same name.
///
/// # Errors
/// `TF0001` when the text cannot be read.
pub(crate) fn file(text: &MappedFile, kind: Message) -> Result<Arc<MappedFile>> {
    let message = match kind {
        Message::SavedModel => "SavedModel",
        Message::Graph => "GraphDef",
        Message::MetaGraph => "MetaGraphDef",
    };
    let mut reader = Reader { lexer: Lexer::new(text.bytes()), limits: Limits::default() };
    let bytes = reader.message(schema::fields(message), None, 0).map_err(|d| d.in_file(text.name()))?;
    Ok(MappedFile::from_bytes(text.name(), Bytes::from(bytes)))
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    limits: Limits,
}

impl Reader<'_> {
    /// The fields up to the mark that closes the message, or the end.
    fn message(&mut self, fields: Fields, close: Option<u8>, depth: usize) -> Result<Vec<u8>> {
        self.limits.check_depth(depth, "a message")?;
        let mut out = Vec::new();
        loop {
            let name = match self.lexer.next_token()? {
                Token::End if close.is_none() => return Ok(out),
                Token::Mark(mark) if Some(mark) == close => return Ok(out),
                Token::Mark(b'[') => {
                    // An extension or the content of an Any; nothing here reads one.
                    while !matches!(self.lexer.next_token()?, Token::Mark(b']') | Token::End) {}
                    ""
                }
                Token::Word(name) => name,
                _ => return Err(self.lexer.error("a field's name is expected")),
            };
            self.lexer.take(b':');
            let field = fields.iter().find(|(n, _, _)| *n == name).map(|(_, number, kind)| (*number, *kind));
            if self.lexer.take(b'[') {
                while !self.lexer.take(b']') {
                    self.value(field, depth, &mut out)?;
                    self.lexer.take(b',');
                }
            } else {
                self.value(field, depth, &mut out)?;
            }
            let _ = self.lexer.take(b',') || self.lexer.take(b';');
        }
    }

    /// One value of a field; of an unknown one it is read past.
    fn value(&mut self, field: Option<(u32, Kind)>, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        let open = match self.lexer.peek()? {
            Token::Mark(b'{') => Some(b'}'),
            Token::Mark(b'<') => Some(b'>'),
            Token::End => return Err(self.lexer.error("it ends inside a message")),
            _ => None,
        };
        if let Some(close) = open {
            self.lexer.next_token()?;
            let fields = match field {
                Some((_, Kind::Message(name))) => schema::fields(name),
                _ => &[],
            };
            let content = self.message(fields, Some(close), depth + 1)?;
            if let Some((number, Kind::Message(_))) = field {
                bytes(out, number, &content);
            }
            return Ok(());
        }
        let negative = self.lexer.take(b'-');
        match (self.lexer.next_token()?, field) {
            (Token::Text(text), Some((number, Kind::Text))) => bytes(out, number, &text),
            (Token::Word(word), Some((number, kind))) => self.number(word, negative, number, kind, out)?,
            (Token::Text(_) | Token::Word(_), _) => {}
            _ => return Err(self.lexer.error("a value is expected")),
        }
        Ok(())
    }

    fn number(&self, word: &str, negative: bool, field: u32, kind: Kind, out: &mut Vec<u8>) -> Result<()> {
        let wrong = || self.lexer.error(&format!("`{word}` is no value for this field"));
        match kind {
            Kind::Int | Kind::Enum => {
                let value = integer(word).or_else(|| names(word)).ok_or_else(wrong)?;
                encode_varint(u64::from(field) << 3, out);
                encode_varint(if negative { value.wrapping_neg() } else { value }, out);
            }
            Kind::Float => {
                let value = float(word).ok_or_else(wrong)? as f32;
                encode_varint(u64::from(field) << 3 | 5, out);
                out.extend_from_slice(&(if negative { -value } else { value }).to_le_bytes());
            }
            Kind::Double => {
                let value = float(word).ok_or_else(wrong)?;
                encode_varint(u64::from(field) << 3 | 1, out);
                out.extend_from_slice(&(if negative { -value } else { value }).to_le_bytes());
            }
            Kind::Text | Kind::Message(_) => return Err(wrong()),
        }
        Ok(())
    }
}

fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    encode_varint(u64::from(field) << 3 | 2, out);
    encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn integer(word: &str) -> Option<u64> {
    if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if word.len() > 1 && word.starts_with('0') {
        return u64::from_str_radix(word, 8).ok();
    }
    word.parse().ok()
}

/// Words that stand for numbers.
fn names(word: &str) -> Option<u64> {
    match word {
        "true" | "True" | "t" | "V1" => Some(1),
        "false" | "False" | "f" | "LEGACY" => Some(0),
        "V2" => Some(2),
        _ => dtype::number(word).and_then(|n| u64::try_from(n).ok()),
    }
}

fn float(word: &str) -> Option<f64> {
    let word =
        word.strip_suffix(['f', 'F']).filter(|w| w.ends_with(|c: char| c.is_ascii_digit() || c == '.')).unwrap_or(word);
    match word.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_proto::tensorflow::attr_value::Value;
    use modelport_proto::tensorflow::{GraphDef, TensorProto};
    use prost::Message as _;

    const TEXT: &[u8] = b"node { name: \"x\" op: 'Const' input: [\"a\", \"^b\"] device: \"/cpu\"\n\
        attr { key: \"value\" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: -1.5 float_val: inf } } }\n\
        experimental_debug_info { original_node_names: \"q\" } }\nversions < producer: 24 >";

    #[test]
    fn a_text_becomes_its_wire_format() {
        assert_eq!(kind(TEXT), Some(Message::Graph));
        let wire = file(&MappedFile::from_bytes("t", TEXT.to_vec()), Message::Graph).unwrap();
        let graph = GraphDef::decode(wire.bytes().clone()).unwrap();
        assert_eq!((graph.versions.unwrap().producer, graph.node[0].input.len()), (24, 2));
        let Some(Value::Tensor(bytes)) = &graph.node[0].attr["value"].value else { panic!("no tensor") };
        let tensor = TensorProto::decode(bytes.clone()).unwrap();
        assert_eq!((tensor.dtype, tensor.float_val), (1, vec![-1.5, f32::INFINITY]));
    }

    #[test]
    fn damage_ends_in_a_diagnostic() {
        for text in [&b"node { name: "[..], b"node { name: \"x\"", b"node { 3 }", b"node { attr ["] {
            assert!(file(&MappedFile::from_bytes("t", text.to_vec()), Message::Graph).is_err());
        }
        let deep = b"node {".repeat(100_000);
        assert!(file(&MappedFile::from_bytes("t", deep), Message::Graph).is_err());
    }
}
