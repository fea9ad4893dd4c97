//! A TensorFlow model read as far as a diagnosis needs: kind, tags, signatures, versions, the ops that it uses.
//!
//! Owns: telling a SavedModel from a graph, also under each other's names. Must never know: versions of frameworks.

use crate::doctor::tables;
use crate::doctor::version::Version;
use crate::doctor::wire::{self, Fields};
use modelport_storage::MappedFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SavedModel,
    Graph,
    TextGraph,
    Checkpoint,
}

/// How an op is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    pub(crate) count: usize,
    /// The first node that uses it.
    pub(crate) first: String,
    pub(crate) attrs: BTreeSet<String>,
    /// Whether some use has channels before rows.
    pub(crate) channels_first: bool,
}

/// A model's facts.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) kind: Kind,
    pub(crate) tags: Vec<Vec<String>>,
    pub(crate) signatures: Vec<String>,
    pub(crate) tensorflow: Option<String>,
    pub(crate) producer: Option<u64>,
    pub(crate) ops: BTreeMap<String, Used>,
    /// Names of the graph's own functions, which are called like ops.
    pub(crate) functions: BTreeSet<String>,
    pub(crate) needs_variables: bool,
    pub(crate) has_variables: bool,
    pub(crate) keras_metadata: bool,
    pub(crate) in_saved_model: bool,
    /// The directory below, when the SavedModel is there.
    pub(crate) below: Option<String>,
    pub(crate) index: bool,
    pub(crate) broken: bool,
}

/// Reads a model's facts; `None` when it is none of TensorFlow's.
pub(crate) fn read(path: &Path) -> Option<File> {
    if path.is_dir() {
        return directory(path);
    }
    if let Some(checkpoint) = checkpoint(path) {
        return Some(checkpoint);
    }
    let mapped = MappedFile::open(path).ok()?;
    let bytes = mapped.bytes();
    if text_graph(bytes) {
        return Some(empty(Kind::TextGraph));
    }
    let mut file = binary(bytes)?;
    file.in_saved_model = path.file_name().is_some_and(|n| n == "saved_model.pb");
    beside(&mut file, path.parent().unwrap_or(Path::new(".")));
    Some(file)
}

fn directory(path: &Path) -> Option<File> {
    let pb = path.join("saved_model.pb");
    if pb.is_file() {
        let mut file = binary(MappedFile::open(&pb).ok()?.bytes())?;
        file.in_saved_model = true;
        beside(&mut file, path);
        return Some(file);
    }
    let inner = std::fs::read_dir(path).ok()?.flatten().map(|e| e.path());
    let mut inner: Vec<_> = inner.filter(|p| p.join("saved_model.pb").is_file()).take(16).collect();
    inner.sort();
    let first = inner.first()?;
    let mut file = directory(first)?;
    file.below = Some(first.display().to_string());
    Some(file)
}

fn beside(file: &mut File, directory: &Path) {
    file.has_variables = directory.join("variables").join("variables.index").is_file();
    // The Keras metadata is a file of its own since 2.5, and in the object graph before.
    file.keras_metadata |= directory.join("keras_metadata.pb").is_file();
}

fn empty(kind: Kind) -> File {
    File {
        kind,
        tags: Vec::new(),
        signatures: Vec::new(),
        tensorflow: None,
        producer: None,
        ops: BTreeMap::new(),
        functions: BTreeSet::new(),
        needs_variables: false,
        has_variables: false,
        keras_metadata: false,
        in_saved_model: false,
        below: None,
        index: false,
        broken: false,
    }
}

/// A checkpoint by its prefix or by one of its files.
fn checkpoint(path: &Path) -> Option<File> {
    let name = path.display().to_string();
    let prefix = [".index", ".data-", ".meta"].into_iter().find_map(|e| name.rsplit_once(e).map(|(p, _)| p.to_owned()));
    let prefix = prefix.filter(|_| path.is_file()).unwrap_or_else(|| name.clone());
    let index = Path::new(&format!("{prefix}.index")).is_file();
    let any = |end: &str| {
        let parent = Path::new(&prefix).parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let start = format!("{}{end}", Path::new(&prefix).file_name()?.to_string_lossy());
        let mut entries = std::fs::read_dir(parent).ok()?.flatten();
        entries.find(|e| e.file_name().to_string_lossy().starts_with(&start)).map(|_| ())
    };
    let data = any(".data-").is_some();
    let piece = name != prefix;
    if !(index || data) || (path.is_file() && !piece) {
        return None;
    }
    let mut file = empty(Kind::Checkpoint);
    file.index = index && data;
    Some(file)
}

fn text_graph(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start();
    (start.starts_with("node {")
        || start.starts_with("node{")
        || start.starts_with("meta_graphs {")
        || start.starts_with("saved_model_schema_version"))
        && text.contains("op:") | text.contains("meta_graph") | text.contains("name:")
}

/// A SavedModel has its schema version and meta graphs; a graph begins with a node.
fn binary(bytes: &[u8]) -> Option<File> {
    let meta = |m: &[u8]| wire::bytes(m, 2).is_some_and(|g| wire::all(g, 1).next().is_some_and(is_node));
    if wire::all(bytes, 2).any(meta) {
        return Some(saved_model(bytes));
    }
    if !wire::all(bytes, 1).next().is_some_and(is_node) {
        return None;
    }
    let mut file = empty(Kind::Graph);
    file.graph(bytes);
    Some(file)
}

/// Whether a message has a name and an op as a node has.
fn is_node(message: &[u8]) -> bool {
    let op = wire::text(message, 2);
    let plain = |t: &str| !t.is_empty() && t.chars().all(|c| c.is_ascii_graphic());
    plain(&wire::text(message, 1)) && plain(&op) && op.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn saved_model(bytes: &[u8]) -> File {
    let mut file = empty(Kind::SavedModel);
    for meta in wire::all(bytes, 2) {
        let info = wire::bytes(meta, 1).unwrap_or_default();
        file.tags.push(wire::all(info, 4).map(|t| String::from_utf8_lossy(t).into_owned()).collect());
        file.tensorflow = Some(wire::text(info, 5)).filter(|v| !v.is_empty()).or(file.tensorflow.take());
        file.signatures.extend(wire::all(meta, 5).map(|e| wire::text(e, 1)));
        if let Some(graph) = wire::bytes(meta, 2) {
            file.graph(graph);
        }
        let objects = wire::bytes(meta, 7).unwrap_or_default();
        file.keras_metadata |= contains(objects, b"_tf_keras_");
    }
    // The initial signature of every SavedModel is no signature of the model's.
    file.signatures.retain(|s| !s.starts_with("__saved_model"));
    let mut fields = Fields::new(bytes);
    fields.by_ref().count();
    file.broken = fields.broken;
    file
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|w| w == word)
}

impl File {
    /// The nodes, those of functions included.
    fn graph(&mut self, graph: &[u8]) {
        let mut fields = Fields::new(graph);
        fields.by_ref().count();
        self.broken |= fields.broken;
        for node in wire::all(graph, 1) {
            self.node(node);
        }
        for library in wire::all(graph, 2) {
            for function in wire::all(library, 1) {
                self.functions.insert(wire::text(wire::bytes(function, 1).unwrap_or_default(), 1));
                for node in wire::all(function, 3) {
                    self.node(node);
                }
            }
        }
        self.producer = wire::bytes(graph, 4).and_then(|v| wire::number(v, 1)).or(self.producer);
    }

    fn node(&mut self, node: &[u8]) {
        let op = wire::text(node, 2);
        self.needs_variables |= matches!(op.as_str(), "VarHandleOp" | "VariableV2" | "Variable");
        let used = self.ops.entry(op).or_default();
        if used.count == 0 {
            used.first = wire::text(node, 1);
        }
        used.count += 1;
        for entry in wire::all(node, 5) {
            let key = wire::text(entry, 1);
            // AttrValue.s
            used.channels_first |=
                key == "data_format" && wire::bytes(entry, 2).is_some_and(|v| wire::bytes(v, 2) == Some(b"NCHW"));
            used.attrs.insert(key);
        }
    }

    /// The words for people.
    pub(crate) fn words(&self) -> String {
        match self.kind {
            Kind::SavedModel => "a TensorFlow SavedModel".to_owned(),
            Kind::Graph => "a TensorFlow graph (GraphDef)".to_owned(),
            Kind::TextGraph => "a TensorFlow graph as text".to_owned(),
            Kind::Checkpoint => "a TensorFlow checkpoint: variables without a graph".to_owned(),
        }
    }

    pub(crate) fn writer(&self) -> Option<String> {
        if let Some(version) = &self.tensorflow {
            return Some(format!("tensorflow {version}"));
        }
        let producer = self.producer?;
        let table = &tables::tensorflow().releases;
        let release = table.iter().filter(|(_, p)| *p <= producer).max_by_key(|(v, p)| (*p, Version::of(v)))?;
        Some(format!("tensorflow {} or about (its graphs have producer {})", release.0, release.1))
    }

    pub(crate) fn evidence(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(self.tensorflow.as_ref().map(|v| format!("tensorflow_version: {v}")));
        all.extend(self.producer.map(|p| format!("producer: {p}")));
        if self.kind == Kind::SavedModel {
            all.push(format!("tags: {}", self.tags.iter().map(|t| t.join(",")).collect::<Vec<_>>().join("; ")));
            all.push(format!("signatures: {}", self.signatures.join(", ")));
        }
        all
    }

    /// The releases that have all of its ops, as pip writes it.
    pub(crate) fn needed(&self) -> Option<String> {
        let table = tables::tensorflow();
        let ops = || self.ops.keys().filter_map(|op| table.ops.get(op.as_str()));
        let first = ops().map(|o| o.first).max_by_key(|v| Version::of(v))?;
        let last = ops().map(|o| o.last).min_by_key(|v| Version::of(v))?;
        let newest = table.releases.iter().map(|r| r.0).max_by_key(|v| Version::of(v))?;
        Some(if last == newest { format!(">={first}") } else { format!(">={first},<={last}") })
    }
}
