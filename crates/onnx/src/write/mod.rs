//! The writer: a core graph that is channels-first, as an ONNX model at a chosen opset.
//!
//! Sizes are computed before a byte is written; weights go from their source to the target one at a time. Must never
//! know: frameworks.

mod attributes;
mod emit;
mod node;
mod stream;

use crate::wire::Message;
use crate::{legal, opset};
use emit::Emitter;
use modelport_diag::{Diagnostics, Result};
use modelport_ir::{CoreGraph, Provenance};
use modelport_storage::AtomicFile;
use std::path::{Path, PathBuf};
use stream::{Layout, Sink};

/// How to write.
#[derive(Default)]
pub struct WriteOptions<'a> {
    /// The opset; the newest that the released onnxruntime runs when absent.
    pub opset: Option<i64>,
    /// Weights in a file of their own beside the model, also when they would fit into it.
    pub external_data: bool,
    /// Called with the bytes done and the bytes in all.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// What stands in the model as the version of its producer.
    pub producer_version: String,
}

impl std::fmt::Debug for WriteOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteOptions")
            .field("opset", &self.opset)
            .field("external_data", &self.external_data)
            .field("producer_version", &self.producer_version)
            .finish_non_exhaustive()
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of all files.
    pub bytes: u64,
    /// Nodes, those of bodies included.
    pub nodes: usize,
    /// The opset of the default domain.
    pub opset: i64,
    /// The model's IR version.
    pub ir_version: i64,
    /// Data files beside the model.
    pub external: Vec<PathBuf>,
}

/// Writes `graph` to `path`; the target appears whole or stays as it was.
///
/// With external data, the data file is `<path>.data`. Both files are written in full before either gets its name; the
/// data file gets it first. Files that are replaced are replaced by what is on the disk already (see [`AtomicFile`]).
///
/// # Errors
/// `OX0001` for every node that the opset cannot express, `IN0001` for a layout that is not channels-first, `IO…` when
/// a source cannot be read or the target not written.
pub fn write(graph: &CoreGraph, path: &Path, options: &WriteOptions<'_>) -> std::result::Result<Written, Diagnostics> {
    let opset = opset::choose(options.opset, graph)?;
    let legal = legal::legalize(graph, opset)?;
    Ok(write_legal(&legal, path, opset, options)?)
}

/// The model as bytes in memory, for tests and small models; weights are always inside.
///
/// # Errors
/// As [`write`].
pub fn to_bytes(graph: &CoreGraph, options: &WriteOptions<'_>) -> std::result::Result<Vec<u8>, Diagnostics> {
    let opset = opset::choose(options.opset, graph)?;
    let legal = legal::legalize(graph, opset)?;
    let (emitter, head, body) = encode(&legal, opset, options)?;
    let layout = Layout::new(&head, &body, &emitter.weights, "", false);
    let mut sink = Sink::Memory(Vec::new());
    layout.stream(&mut sink, None, &|_| {})?;
    match sink {
        Sink::Memory(bytes) => Ok(bytes),
        Sink::File(_) => Ok(Vec::new()),
    }
}

fn encode(graph: &CoreGraph, opset: i64, options: &WriteOptions<'_>) -> Result<(Emitter, Message, Message)> {
    let mut emitter = Emitter::new(opset);
    let body = emitter.graph(graph, &[])?;
    let head = head(&emitter, &graph.provenance, options);
    Ok((emitter, head, body))
}

fn write_legal(graph: &CoreGraph, path: &Path, opset: i64, options: &WriteOptions<'_>) -> Result<Written> {
    let (emitter, head, body) = encode(graph, opset, options)?;
    let data_path = data_path(path);
    let location = data_path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let layout = Layout::new(&head, &body, &emitter.weights, &location, options.external_data);
    let total = layout.model + layout.data;
    let mut sink = Sink::File(AtomicFile::create(path)?);
    let data = if layout.data > 0 { Some(AtomicFile::create(&data_path)?) } else { None };
    layout.stream(&mut sink, data.as_ref(), &|done| {
        if let Some(progress) = options.progress {
            progress(done.min(total), total);
        }
    })?;
    let external = data.is_some().then_some(data_path).into_iter().collect();
    if let Some(data) = data {
        data.commit()?;
    }
    if let Sink::File(file) = sink {
        file.commit()?;
    }
    Ok(Written { bytes: total, nodes: emitter.nodes, opset, ir_version: opset::ir_version(opset), external })
}

fn data_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".data");
    path.with_file_name(name)
}

/// The fields of a `ModelProto` beside its graph.
fn head(emitter: &Emitter, provenance: &Provenance, options: &WriteOptions<'_>) -> Message {
    let mut m = Message::default();
    m.int(1, opset::ir_version(emitter.opset));
    m.text(2, "modelport");
    if !options.producer_version.is_empty() {
        m.text(3, &options.producer_version);
    }
    let domains = emitter.domains.iter().filter(|d| !d.is_empty()).map(|d| (d.as_str(), 1));
    for (domain, version) in std::iter::once(("", emitter.opset)).chain(domains) {
        let mut import = Message::default();
        import.text(1, domain);
        import.int(2, version);
        m.message(8, &import);
    }
    let version = provenance.version.clone().unwrap_or_default();
    let facts =
        [("framework", &provenance.framework), ("framework_version", &version), ("source_format", &provenance.format)];
    for (key, value) in facts.into_iter().filter(|(_, v)| !v.is_empty()) {
        let mut entry = Message::default();
        entry.text(1, key);
        entry.text(2, value);
        m.message(14, &entry);
    }
    m
}
