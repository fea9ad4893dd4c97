//! Telling what a path is by its content, and which files belong to it. Owns: signatures, layouts of directories. Must never
//! know: how a format is read.

use crate::checkpoint::{self, Paths, is_table};
use crate::text;
use crate::wire::{Fields, field};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_storage::MappedFile;
use prost::bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// The files that a path means.
pub(crate) enum Located {
    /// A SavedModel's message in the wire format, and its directory.
    SavedModel { dir: PathBuf, file: Arc<MappedFile>, note: Option<String> },
    /// A GraphDef in the wire format.
    Graph { file: Arc<MappedFile>, note: Option<String> },
    /// A checkpoint.
    Checkpoint(Paths),
}

/// Recognises a TensorFlow model by content. The path may also be the prefix of a checkpoint's files, or a directory that
/// holds a model or is part of one.
pub fn probe(path: &Path) -> Option<Kind> {
    if path.is_dir() {
        let known = saved_model_in(path).is_some() || checkpoint::find(path).is_some() || nested(path).is_some();
        return known.then_some(if saved_model_in(path).is_some() { Kind::SavedModel } else { Kind::Checkpoint });
    }
    if checkpoint::find(path).is_some() {
        return Some(Kind::Checkpoint);
    }
    let file = MappedFile::open(path).ok()?;
    if is_table(file.bytes()) {
        return Some(Kind::Checkpoint);
    }
    match message(file.bytes()).or_else(|| text::kind(file.bytes()))? {
        Message::SavedModel => Some(Kind::SavedModel),
        Message::Graph => Some(Kind::GraphDef),
        Message::MetaGraph => Some(Kind::Checkpoint),
    }
}

/// The file of a SavedModel's message.
pub(crate) fn saved_model_in(dir: &Path) -> Option<PathBuf> {
    ["saved_model.pb", "saved_model.pbtxt"].iter().map(|n| dir.join(n)).find(|p| p.is_file())
}

/// The SavedModel that a directory holds or is a part of.
fn nested(dir: &Path) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).ok()?.filter_map(|e| Some(e.ok()?.path())).take(1000);
    let mut inside: Vec<PathBuf> = entries.filter(|p| p.is_dir() && saved_model_in(p).is_some()).collect();
    inside.sort();
    (!inside.is_empty()).then_some(inside)
}

/// What a path means.
///
/// # Errors
/// When it means nothing, or several things.
pub(crate) fn locate(path: &Path) -> Result<Located> {
    if path.is_dir() {
        return directory(path);
    }
    if let Some(found) = checkpoint::find(path) {
        return found.map(Located::Checkpoint);
    }
    let file = MappedFile::open(path)?;
    if is_table(file.bytes()) {
        return Ok(Located::Checkpoint(Paths::table(path)));
    }
    contents(path, file)
}

/// A file that is one message.
fn contents(path: &Path, file: Arc<MappedFile>) -> Result<Located> {
    let (kind, file) = match message(file.bytes()) {
        Some(kind) => (kind, file),
        None => match text::kind(file.bytes()) {
            Some(kind) => (kind, text::file(&file, kind)?),
            None => return Err(unknown(&file)),
        },
    };
    match kind {
        Message::Graph => Ok(Located::Graph { file, note: None }),
        Message::SavedModel => {
            let dir = path.parent().map_or_else(PathBuf::new, Path::to_owned);
            let note = format!("this is the graph of a SavedModel; its directory is read, {}", shown(&dir));
            Ok(Located::SavedModel { dir, file, note: Some(note) })
        }
        Message::MetaGraph => Err(Diagnostic::error(Code::TF_PATH, "this is the graph of a checkpoint by itself")
            .in_file(file.name())
            .expected("the checkpoint beside it: its index and data files under the same name")
            .help("the files of a checkpoint belong together; copy all of them")),
    }
}

/// A directory for people.
pub(crate) fn shown(dir: &Path) -> String {
    if dir.as_os_str().is_empty() { ".".to_owned() } else { dir.display().to_string() }
}

fn unknown(file: &MappedFile) -> Box<Diagnostic> {
    // The first fields of the messages that TensorFlow writes: a number, or a message as field 1 or 2.
    if matches!(file.bytes().first(), Some(0x08 | 0x0a | 0x12)) {
        let mut fields = Fields::new(file.bytes().clone());
        let broken = (0..6).find_map(|_| fields.next_field().err());
        if let Some(broken) = broken {
            return broken.in_file(file.name());
        }
    }
    Diagnostic::error(Code::TF_DAMAGED, "this is no TensorFlow model, or it is damaged")
        .in_file(file.name())
        .help("a SavedModel's `saved_model.pb` and a frozen graph are protobuf messages; this is neither")
}

fn directory(path: &Path) -> Result<Located> {
    if let Some(message_file) = saved_model_in(path) {
        return match contents(&message_file, MappedFile::open(&message_file)?)? {
            Located::SavedModel { dir, file, .. } => Ok(Located::SavedModel { dir, file, note: None }),
            Located::Graph { file, .. } => {
                let note = format!("{} is no SavedModel, but a frozen graph under its name", message_file.display());
                Ok(Located::Graph { file, note: Some(note) })
            }
            other => Ok(other),
        };
    }
    let here = |code, message: &str| Diagnostic::error(code, message).in_file(path.display().to_string());
    let parent = path.canonicalize().ok().and_then(|p| p.parent().map(Path::to_owned));
    if path.join("variables.index").is_file() && parent.as_deref().and_then(saved_model_in).is_some() {
        return Err(here(Code::TF_PATH, "these are the variables of a SavedModel, not the model")
            .help("give the directory above, which holds `saved_model.pb`"));
    }
    if let Some(found) = checkpoint::find(path) {
        return found.map(Located::Checkpoint);
    }
    let inside = nested(path).unwrap_or_default();
    let list: Vec<_> = inside.iter().map(|p| p.display().to_string()).collect();
    Err(here(Code::TF_PATH, "this directory is no SavedModel; it holds one or several")
        .found(list.join(", "))
        .help("give the directory that holds `saved_model.pb` itself"))
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// `saved_model.pb`.
    SavedModel,
    /// A GraphDef.
    Graph,
    /// A `.meta`.
    MetaGraph,
}

/// What a binary message is, by its first fields: a GraphDef starts with a node, which has a name and an op; a SavedModel
/// with its schema version or a meta graph, which holds a graph; a MetaGraphDef with its information, then a graph.
pub(crate) fn message(bytes: &Bytes) -> Option<Message> {
    let mut fields = Fields::new(bytes.clone());
    let mut after_information = false;
    // Versions and functions may stand before the nodes, but TensorFlow writes fields in the order of their numbers.
    for _ in 0..6 {
        match fields.next_field().ok()?? {
            (1, Some(node)) if is_node(&node) => return Some(Message::Graph),
            (1, Some(_)) => after_information = true,
            (2, Some(graph)) if after_information => return is_graph(graph).then_some(Message::MetaGraph),
            (2, Some(content)) => {
                let graph = field(&content, 2).ok()??;
                return is_graph(graph).then_some(Message::SavedModel);
            }
            (1, None) | (3 | 4, _) => {}
            _ => return None,
        }
    }
    None
}

fn is_graph(bytes: Bytes) -> bool {
    matches!(Fields::new(bytes).next_field(), Ok(Some((1, Some(n)))) if is_node(&n))
}

/// Whether a message has a name and an op like a node.
fn is_node(bytes: &Bytes) -> bool {
    let text = |n| field(bytes, n).ok().flatten().filter(|b| !b.is_empty() && b.iter().all(|c| c.is_ascii_graphic()));
    let op = text(2).filter(|op| op.first().is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_'));
    text(1).is_some() && op.is_some()
}
