//! Telling what a path is by its content. Owns: signatures. Must never know: how a format is read.

use crate::wire::{Fields, field};
use modelport_storage::MappedFile;
use prost::bytes::Bytes;
use std::path::Path;

/// What kind of TensorFlow model this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A SavedModel directory, or its `saved_model.pb`.
    SavedModel,
    /// A frozen GraphDef, binary or text.
    GraphDef,
    /// A checkpoint: V1 or V2, with or without its `.meta`.
    Checkpoint,
}

/// Recognises a TensorFlow model by content. The path may also be the prefix of a checkpoint's files.
pub fn probe(path: &Path) -> Option<Kind> {
    if path.is_dir() {
        return None;
    }
    let file = MappedFile::open(path).ok()?;
    message(file.bytes()).filter(|k| *k == Kind::GraphDef)
}

/// What a binary message is, by its first field: a GraphDef starts with a node, which has a name and an op; a SavedModel
/// with its schema version or a meta graph, which holds a graph.
pub(crate) fn message(bytes: &Bytes) -> Option<Kind> {
    let mut fields = Fields::new(bytes.clone());
    // Versions and functions may stand before the nodes, but TensorFlow writes fields in the order of their numbers.
    for _ in 0..4 {
        match fields.next_field().ok()?? {
            (1, Some(node)) => return is_node(&node).then_some(Kind::GraphDef),
            (1, None) => {}
            (2, Some(content)) => {
                let graph = field(&content, 2).ok()??;
                let mut nodes = Fields::new(graph);
                let is_graph = matches!(nodes.next_field(), Ok(Some((1, Some(n)))) if is_node(&n));
                return is_graph.then_some(Kind::SavedModel);
            }
            (3 | 4, _) => {}
            _ => return None,
        }
    }
    None
}

/// Whether a message has a name and an op like a node.
fn is_node(bytes: &Bytes) -> bool {
    let text = |n| field(bytes, n).ok().flatten().filter(|b| !b.is_empty() && b.iter().all(|c| c.is_ascii_graphic()));
    let op = text(2).filter(|op| op.first().is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_'));
    text(1).is_some() && op.is_some()
}
