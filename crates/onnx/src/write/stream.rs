//! From encoded messages and lazy tensors to files: sizes first, then the bytes, each to its place.

use super::emit::Weight;
use crate::code;
use crate::wire::{Message, varint_len};
use modelport_diag::Result;
use modelport_ir::Tensor;
use modelport_ir::tensor::write_all;
use modelport_storage::AtomicFile;

/// Protobuf messages end here: 2 GiB less one.
const MOST: u64 = i32::MAX as u64;
/// Tensors shorter than this stay in the model: shapes, axes, scalars.
const INLINE: u64 = 1024;
/// Longer tensors start at a multiple of what every platform can map (Windows: 64 KiB), as onnxruntime wants it.
const MAPPED: u64 = 1 << 20;
/// Tensors up to this length are gathered in memory rather than written one by one.
const GATHERED: u64 = 16 << 10;

/// Where the bytes go: a file, or memory.
pub(super) enum Sink {
    File(AtomicFile),
    Memory(Vec<u8>),
}

impl Sink {
    /// Writes `bytes` at `at`, where the last ones ended unless this is a file.
    fn write(&mut self, bytes: &[u8], at: u64) -> Result<()> {
        match self {
            Self::File(f) => f.write_at(bytes, at),
            Self::Memory(m) => {
                m.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// The fields of a `TensorProto` before its data; strings are here whole.
pub(super) fn header(name: &str, tensor: &Tensor) -> Message {
    let mut m = Message::default();
    tensor.shape().iter().for_each(|&d| m.int(1, d as i64));
    m.int(2, code::of(tensor.dtype()));
    for s in tensor.strings().unwrap_or_default() {
        m.bytes(6, s);
    }
    if !name.is_empty() {
        m.text(8, name);
    }
    m
}

/// How one tensor is written.
struct Placed<'a> {
    header: Message,
    tensor: &'a Tensor,
    /// Where it is in the data file, unless its bytes follow the header.
    external: Option<u64>,
}

/// A model ready to be streamed.
pub(super) struct Layout<'a> {
    prefix: Message,
    tensors: Vec<Placed<'a>>,
    /// Bytes of the model file.
    pub(super) model: u64,
    /// Bytes of the data file; 0 when there is none.
    pub(super) data: u64,
}

impl<'a> Layout<'a> {
    /// Lays out `head` (fields of the model), `graph` (fields of the graph) and the tensors. `location` is the data
    /// file's name; it is used when `external` or when the model would be too large for protobuf.
    pub(super) fn new(head: &Message, graph: &Message, weights: &'a [Weight], location: &str, external: bool) -> Self {
        let inline = Self::place(head, graph, weights, None);
        if !external && inline.model <= MOST {
            return inline;
        }
        Self::place(head, graph, weights, Some(location))
    }

    fn place(head: &Message, graph: &Message, weights: &'a [Weight], location: Option<&str>) -> Self {
        let mut data = 0u64;
        let mut body = graph.len();
        let mut tensors = Vec::with_capacity(weights.len());
        for Weight { name, tensor } in weights {
            let mut header = header(name, tensor);
            let len = tensor.byte_len() as u64;
            let mut external = None;
            match location {
                Some(location) if len >= INLINE => {
                    let offset = data.next_multiple_of(if len >= MAPPED { 64 << 10 } else { 4096 });
                    outside(&mut header, location, offset, len);
                    external = Some(offset);
                    data = offset + len;
                }
                _ if tensor.strings().is_none() => header.prefix(9, len),
                _ => {}
            }
            let len = header.len() + if external.is_none() { len } else { 0 };
            body += 1 + varint_len(len) + len;
            tensors.push(Placed { header, tensor, external });
        }
        let mut prefix = head.clone();
        prefix.prefix(7, body);
        let model = prefix.len() + body;
        prefix.append(graph);
        Self { prefix, tensors, model, data }
    }

    /// Writes the data file, then the model: in a file, first all that is not a large tensor, each where it belongs.
    pub(super) fn stream(&self, model: &mut Sink, data: Option<&AtomicFile>, done: &dyn Fn(u64)) -> Result<()> {
        if let Some(data) = data {
            let outside: Vec<_> = self.tensors.iter().filter_map(|t| Some((t.external?, t.tensor))).collect();
            write_all(&outside, data, &mut |written| done(written))?;
        }
        let (mut pending, mut at, mut large) = (self.prefix.clone(), 0, Vec::new());
        for t in &self.tensors {
            let len = if t.external.is_none() { t.tensor.byte_len() as u64 } else { 0 };
            pending.prefix(5, t.header.len() + len);
            pending.append(&t.header);
            if len > GATHERED && matches!(model, Sink::File(_)) {
                at = flush(&mut pending, model, at)?;
                large.push((at, t.tensor));
                at += len;
            } else if len > 0 {
                pending.raw(&t.tensor.bytes()?);
                if pending.len() > 16 * GATHERED {
                    at = flush(&mut pending, model, at)?;
                }
            }
        }
        flush(&mut pending, model, at)?;
        if let Sink::File(file) = model {
            write_all(&large, file, &mut |written| done(self.data + written))?;
        }
        done(self.data + self.model);
        Ok(())
    }
}

/// Writes what is pending at `at`; where it ends is the result.
fn flush(pending: &mut Message, to: &mut Sink, at: u64) -> Result<u64> {
    to.write(pending.as_slice(), at)?;
    let end = at + pending.len();
    pending.clear();
    Ok(end)
}

/// `external_data` entries and `data_location = EXTERNAL`.
fn outside(header: &mut Message, location: &str, offset: u64, len: u64) {
    for (key, value) in [("location", location), ("offset", &offset.to_string()), ("length", &len.to_string())] {
        let mut entry = Message::default();
        entry.text(1, key);
        entry.text(2, value);
        header.message(13, &entry);
    }
    header.int(14, 1);
}
