//! Messages out of bytes: decoding with our diagnostics, and reading single fields without decoding the rest.
//!
//! Owns: the wire format as far as `prost` does not. Must never know: what messages mean.

use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_proto::tensorflow::{FunctionDefLibrary, GraphDef, NodeDef, VersionDef};
use prost::Message;
use prost::bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Decodes a message; its byte fields stay views of `bytes`.
///
/// # Errors
/// `TF0001` when the bytes are no such message.
pub(crate) fn decode<M: Message + Default>(bytes: &Bytes, what: &str) -> Result<M> {
    M::decode(bytes.clone()).map_err(|e| damaged(format!("{what} cannot be decoded: {e}")))
}

pub(crate) fn damaged(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_DAMAGED, message)
        .help("the file was cut off or damaged while it was copied or downloaded; get it again")
}

/// The fields of a message, one by one: number and, where it has a length, content.
pub(crate) struct Fields {
    left: Bytes,
}

impl Fields {
    /// The fields of the message in `bytes`.
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { left: bytes }
    }

    /// The next field; fields of fixed size and numbers have no content. `None` at the end.
    pub(crate) fn next_field(&mut self) -> Result<Option<(u32, Option<Bytes>)>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let broken = |e: prost::DecodeError| damaged(format!("the protobuf message cannot be decoded: {e}"));
        let (number, wire) = decode_key(&mut self.left).map_err(broken)?;
        let content = match wire {
            WireType::Varint => {
                decode_varint(&mut self.left).map_err(broken)?;
                None
            }
            WireType::SixtyFourBit => self.take(8).map(|_| None)?,
            WireType::ThirtyTwoBit => self.take(4).map(|_| None)?,
            WireType::LengthDelimited => {
                let len = decode_varint(&mut self.left).map_err(broken)?;
                Some(self.take(len)?)
            }
            WireType::StartGroup | WireType::EndGroup => {
                return Err(damaged("the protobuf message holds a group, which TensorFlow never writes"));
            }
        };
        Ok(Some((number, content)))
    }

    fn take(&mut self, len: u64) -> Result<Bytes> {
        match usize::try_from(len).ok().filter(|n| *n <= self.left.len()) {
            Some(n) => Ok(self.left.split_to(n)),
            None => Err(damaged("a field reaches past the end of its message")
                .expected(format!("{len} bytes"))
                .found(format!("{} bytes", self.left.len()))),
        }
    }
}

/// The first field `number` of a message that has a length.
pub(crate) fn field(bytes: &Bytes, number: u32) -> Result<Option<Bytes>> {
    let mut fields = Fields::new(bytes.clone());
    while let Some((n, content)) = fields.next_field()? {
        if n == number && content.is_some() {
            return Ok(content);
        }
    }
    Ok(None)
}

/// Decodes a graph node by node, so that what nodes cost is bounded before they are there.
///
/// # Errors
/// `TF0001` when it is damaged, `IO0005` when it has more nodes than the limits allow.
pub(crate) fn graph(bytes: &Bytes, limits: &Limits) -> Result<GraphDef> {
    let mut graph = GraphDef::default();
    let mut fields = Fields::new(bytes.clone());
    while let Some((number, content)) = fields.next_field()? {
        match (number, content) {
            (1, Some(content)) => graph.node.push(node(&content, graph.node.len(), limits)?),
            (2, Some(content)) => {
                let library: FunctionDefLibrary = decode(&content, "the function library")?;
                graph.library.get_or_insert_default().function.extend(library.function);
            }
            (4, Some(content)) => graph.versions = Some(decode::<VersionDef>(&content, "the versions")?),
            _ => {}
        }
    }
    Ok(graph)
}

/// Decodes a node, the `count`th after others.
pub(crate) fn node(bytes: &Bytes, count: usize, limits: &Limits) -> Result<NodeDef> {
    let node: NodeDef = decode(bytes, "a node")?;
    if node.name.is_empty() || node.op.is_empty() {
        return Err(damaged("a node has no name or no op").found(format!("name `{}`, op `{}`", node.name, node.op)));
    }
    if count >= limits.objects {
        return Err(Diagnostic::error(Code::IO_LIMIT, "the graph has too many nodes")
            .expected(format!("at most {}", limits.objects)));
    }
    Ok(node)
}
