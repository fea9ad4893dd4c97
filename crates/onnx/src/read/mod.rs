//! The reader: an ONNX model of opset 7 or later as a core graph.
//!
//! Weights stay in the file. What the core ops cannot express is reported for all nodes at once. Must never know:
//! frameworks, the interpreter.

mod decode;
mod function;
mod node;
mod ops;
mod tensor;

use crate::wire::Fields;
use bytes::Bytes;
use decode::{DimP, GraphP, NodeP, ValueP};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits, Result};
use modelport_ir::{Builder, CoreGraph, Dim, Provenance, Tensor, TensorType, ValueId};
use modelport_storage::MappedFile;
use node::At;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tensor::Files;

/// Recognises an ONNX model by content: `ir_version` first, as every exporter writes it, then a graph of the opsets that
/// are imported.
pub fn probe(file: &Arc<MappedFile>) -> bool {
    let bytes = file.bytes();
    let model = || decode::model(Fields::new(bytes, 0)).is_ok_and(|m| m.graph.is_some() && !m.opsets.is_empty());
    matches!(bytes.first(), Some(0x08 | 0x0a | 0x3a | 0x42)) && model()
}

/// Reads the ONNX model at `path`; external data is looked for in its directory.
///
/// # Errors
/// `OX0002` when the file is damaged, `OX0003` for every node that the core ops cannot express, `IO…` when it cannot
/// be opened.
pub fn read(path: &Path, limits: &Limits) -> std::result::Result<CoreGraph, Diagnostics> {
    let file = MappedFile::open(path)?;
    read_from(file, path.parent().map(Path::to_owned), limits, &[])
}

/// As [`read`], with some graph inputs fixed: they become constants and are no inputs any more. Models that compute
/// axes or lengths from inputs can be expressed so when those are known.
///
/// # Errors
/// As [`read`].
pub fn read_fixed(
    path: &Path,
    limits: &Limits,
    fixed: &[(String, Tensor)],
) -> std::result::Result<CoreGraph, Diagnostics> {
    let file = MappedFile::open(path)?;
    read_from(file, path.parent().map(Path::to_owned), limits, fixed)
}

/// Reads an ONNX model that is mapped or in memory; external data is looked for beside the file that it is named after.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(file: Arc<MappedFile>, limits: &Limits) -> std::result::Result<CoreGraph, Diagnostics> {
    let directory = file.file().and_then(|_| Path::new(file.name()).parent().map(Path::to_owned));
    read_from(file, directory, limits, &[])
}

fn read_from(
    file: Arc<MappedFile>,
    directory: Option<PathBuf>,
    limits: &Limits,
    fixed: &[(String, Tensor)],
) -> std::result::Result<CoreGraph, Diagnostics> {
    let bytes = file.bytes().clone();
    let located = |d: Box<Diagnostic>| d.in_file(file.name());
    let model = decode::model(Fields::new(&bytes, 0)).map_err(located)?;
    let graph = model.graph.ok_or_else(|| located(not_a_model()))?;
    let graph = decode::graph(graph, limits).map_err(located)?;
    let opset = opset_of(&model.opsets).unwrap_or(0);
    if !(7..=crate::opset::NEWEST).contains(&opset) {
        let d = Diagnostic::error(Code::ONNX_UNSUPPORTED, format!("models of opset {opset} are not supported"))
            .expected(format!("an opset of ai.onnx from 7 to {}", crate::opset::NEWEST));
        return Err(located(d).into());
    }
    let mut shared = Shared {
        files: Files::new(file.clone(), directory),
        opset,
        limits: *limits,
        functions: model.functions.into_iter().map(|(name, f)| (name, f.place())).collect(),
        bytes: bytes.clone(),
        work: 0,
        problems: Diagnostics::default(),
    };
    let mut reader = Reader::new(&graph.name, &mut shared, 0);
    reader.b.graph_mut().provenance = provenance(model.producer, model.producer_version, &model.metadata, opset);
    let read = reader.whole(&graph, fixed);
    let result = reader.b.finish();
    shared.problems.keep(read);
    if shared.problems.has_errors() {
        let located = shared.problems.0.into_iter().map(|d| d.in_file(file.name())).collect();
        return Err(Diagnostics(located));
    }
    Ok(result)
}

fn not_a_model() -> Box<Diagnostic> {
    Diagnostic::error(Code::ONNX_READ, "the file is not an ONNX model: it has no graph")
}

/// Our own files say which framework the model came from.
fn provenance(producer: String, version: String, metadata: &[(String, String)], opset: i64) -> Provenance {
    let get = |key: &str| metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    let mut p = Provenance {
        framework: get("framework").unwrap_or_else(|| "onnx".into()),
        version: get("framework_version"),
        format: get("source_format").unwrap_or_else(|| "ONNX model".into()),
        ..Provenance::default()
    };
    let by = match (producer.as_str(), version.as_str()) {
        ("", _) => "names no producer".to_owned(),
        (name, "") => format!("producer `{name}`"),
        (name, version) => format!("producer `{name} {version}`"),
    };
    p.evidence.push(format!("ModelProto: {by}, opset {opset}"));
    p
}

/// What all graphs of a model share.
struct Shared {
    files: Files,
    opset: i64,
    limits: Limits,
    /// Where the functions stand in the file, by domain and name.
    functions: HashMap<(String, String), Range<usize>>,
    bytes: Bytes,
    /// Nodes of functions read so far.
    work: usize,
    problems: Diagnostics,
}

/// A graph while it is read.
struct Reader<'s> {
    b: Builder,
    values: HashMap<String, ValueId>,
    named: HashSet<ValueId>,
    shared: &'s mut Shared,
    depth: usize,
    /// Inside a function: its inputs that the call does not give, and how deeply calls are nested.
    absent: HashSet<String>,
    calls: usize,
}

impl<'s> Reader<'s> {
    fn new(name: &str, shared: &'s mut Shared, depth: usize) -> Self {
        let (values, named, absent) = (HashMap::new(), HashSet::new(), HashSet::new());
        Self { b: Builder::new(name), values, named, shared, depth, absent, calls: 0 }
    }

    /// All of a main graph.
    fn whole(&mut self, g: &GraphP<'_>, fixed: &[(String, Tensor)]) -> Result<()> {
        let tensors = self.tensors(g)?;
        for v in &g.inputs {
            // Before IR version 4 initializers stand among the inputs, as defaults.
            if let Some((name, tensor)) = fixed.iter().find(|(name, _)| *name == v.name) {
                let id = self.b.constant(name.clone(), tensor.clone());
                self.values.insert(name.clone(), id);
            } else if !tensors.contains(&v.name) {
                let ty = declared(v)?;
                let id = self.b.input(v.name.clone(), ty);
                self.values.insert(v.name.clone(), id);
            }
        }
        self.nodes_and_outputs(g)
    }

    /// Initializers become constants.
    fn tensors(&mut self, g: &GraphP<'_>) -> Result<HashSet<String>> {
        if g.sparse {
            return Err(Diagnostic::error(Code::ONNX_UNSUPPORTED, "sparse initializers are not supported"));
        }
        let mut names = HashSet::new();
        for &f in &g.tensors {
            let (name, tensor) = self.shared.files.tensor(f)?;
            let id = self.b.constant(name.clone(), tensor);
            self.values.insert(name.clone(), id);
            names.insert(name);
        }
        Ok(names)
    }

    fn nodes_and_outputs(&mut self, g: &GraphP<'_>) -> Result<()> {
        let mut failed = false;
        for node in &g.nodes {
            let located = |d: Box<Diagnostic>| d.at_byte(node.at).at_node(label(node));
            match self.node(node) {
                Ok(Some(())) => {}
                Ok(None) => failed = true,
                Err(d) => {
                    failed = true;
                    self.shared.problems.push(located(d));
                }
            }
        }
        for name in &g.outputs {
            match self.values.get(name) {
                Some(&id) => self.b.output(name.clone(), id),
                None if failed => {}
                None => return Err(undefined(name)),
            }
        }
        Ok(())
    }

    /// Reads a node; `None` when its operands failed before.
    fn node(&mut self, n: &NodeP<'_>) -> Result<Option<()>> {
        let mut inputs = Vec::with_capacity(n.inputs.len());
        for name in &n.inputs {
            match self.values.get(name) {
                _ if name.is_empty() || self.absent.contains(name) => inputs.push(None),
                Some(&id) => inputs.push(Some(id)),
                None if self.shared.problems.has_errors() => return Ok(None),
                None => return Err(undefined(name)),
            }
        }
        if let Some(a) = n.attrs.iter().find(|a| !a.reference.is_empty()) {
            let what = format!("`{}`: a branch or loop body that refers to an attribute of its function", n.op_type);
            return Err(Diagnostic::error(Code::ONNX_UNSUPPORTED, what).at_attribute(&a.name));
        }
        if let Some(place) = self.called(n) {
            let Some(results) = self.call(n, place, &inputs)? else { return Ok(None) };
            return self.results(n, &results).map(Some);
        }
        let at = At::new(n, self.shared.opset, inputs);
        if !n.domain.is_empty() && n.domain != "ai.onnx" {
            return Err(at.unsupported(&format!("the domain `{}`", n.domain)));
        }
        self.b.push_scope(n.name.clone());
        let results = ops::read(self, &at);
        self.b.pop_scope();
        let results = results?;
        if let Some(name) = at.ignored() {
            return Err(at.unsupported(&format!("attribute `{name}`")).at_attribute(name));
        }
        self.results(n, &results).map(Some)
    }

    /// Gives the results of a node their names.
    fn results(&mut self, n: &NodeP<'_>, results: &[ValueId]) -> Result<()> {
        for (i, name) in n.outputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let lacks = || Diagnostic::error(Code::ONNX_UNSUPPORTED, format!("`{}` has no result {i}", n.op_type));
            let id = *results.get(i).ok_or_else(lacks)?;
            if self.b.graph().producer(id).is_some() && self.named.insert(id) {
                self.b.graph_mut().set_name(id, name.clone());
            }
            self.values.insert(name.clone(), id);
        }
        Ok(())
    }
}

/// The version of ONNX's own ops.
fn opset_of(opsets: &[(String, i64)]) -> Option<i64> {
    opsets.iter().find(|(domain, _)| domain.is_empty() || domain == "ai.onnx").map(|(_, version)| *version)
}

fn undefined(name: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::ONNX_READ, format!("value `{name}` is used before it is defined"))
        .help("the nodes of an ONNX graph must be in topological order")
}

fn label(n: &NodeP<'_>) -> String {
    let name = if n.name.is_empty() { n.outputs.first().map_or("", String::as_str) } else { &n.name };
    format!("{name} ({})", n.op_type)
}

/// The type that a graph input declares.
fn declared(v: &ValueP) -> Result<TensorType> {
    let bad = |what: String| Diagnostic::error(Code::ONNX_UNSUPPORTED, what).at_node(v.name.clone());
    let code = v.elem.ok_or_else(|| bad("a graph input that is not a tensor is not supported".into()))?;
    let dtype = crate::code::dtype(code)
        .ok_or_else(|| bad(format!("a graph input of {} is not supported", crate::code::name(code))))?;
    let dims = v.dims.as_ref().ok_or_else(|| bad("a graph input of unknown rank is not supported".into()))?;
    let shape: Vec<Dim> = dims
        .iter()
        .map(|d| match d {
            DimP::Value(n) => usize::try_from(*n).map_or(Dim::Unknown, Dim::Known),
            DimP::Param(s) if !s.is_empty() => Dim::symbol(s),
            _ => Dim::Unknown,
        })
        .collect();
    Ok(TensorType::new(dtype, shape))
}
