//! What a file is, without converting it.
//!
//! Owns: the facts and their JSON form, which is that of [`Inspection`], field by field. Must never know: how they are printed.

mod pickle;
mod show;

use crate::Outcome;
use crate::load::{LoadOptions, Model, dialect};
use crate::open::{Body, Opened, open};
pub use pickle::Global;
pub use show::Shown;
pub(crate) use show::{bytes, grouped};

use modelport_ir::{CoreGraph, Dialect, Graph, Node, Provenance, SourceGraph, SourceOp, Stage, Tensor, TensorType};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightInfo {
    /// The file's own name for it.
    pub name: String,
    /// Element type.
    pub dtype: String,
    /// Dimensions.
    pub shape: Vec<usize>,
}

/// One layer or operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its path in the model.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Elements of its weights.
    pub parameters: u64,
    /// The layers, inputs and weights that it takes.
    pub inputs: Vec<String>,
    /// Whether modelport has a lowering for it.
    pub supported: bool,
}

/// The weights of one element type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Element type.
    pub dtype: String,
    /// How many tensors.
    pub tensors: usize,
    /// Elements of all of them.
    pub parameters: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// What is known about a file. `modelport inspect --json` prints these fields by these names; lists are never left out, and
/// what is not known is `null`. Types are written as in `f32[N,224,224,3]`, where a word is a size known at run time only,
/// and `?` is a type that the file does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The path as given.
    pub file: String,
    /// What the file is: framework and save method.
    pub format: String,
    /// Who wrote it.
    pub framework: String,
    /// The version that wrote it, where the file says so.
    pub version: Option<String>,
    /// What in the file says so.
    pub evidence: Vec<String>,
    /// Anything more about its origin, as the file says it.
    pub details: BTreeMap<String, String>,
    /// Whether it holds a model; otherwise weights only.
    pub graph: bool,
    /// Why it holds none, or what is missing to read it.
    pub no_graph: Option<String>,
    /// Graph inputs with their types.
    pub inputs: Vec<(String, String)>,
    /// Graph outputs with their types.
    pub outputs: Vec<(String, String)>,
    /// Layers or operations in order; none for a file that holds weights only.
    pub layers: Vec<Layer>,
    /// How often each class of layer or operation stands in the model.
    pub ops: BTreeMap<String, usize>,
    /// All weights.
    pub weights: Vec<WeightInfo>,
    /// Elements of all weights.
    pub parameters: u64,
    /// Elements of those that are the state of an optimizer.
    pub optimizer_parameters: u64,
    /// The weights by element type, most bytes first.
    pub sizes: Vec<Size>,
    /// Classes that are neither known nor declared.
    pub custom: Vec<String>,
    /// Classes and functions that the file's pickle names, in the order of the file.
    pub globals: Vec<Global>,
    /// Devices that tensors were saved on; none where the format does not say.
    pub devices: Vec<String>,
    /// Whether the model can be converted; `null` without a model.
    pub converts: Option<bool>,
    /// Why not: the code and the message of each finding.
    pub problems: Vec<String>,
    /// The version rules that a conversion would apply.
    pub rules: Vec<String>,
    /// Choices that the reader made, as sentences for the user.
    pub notes: Vec<String>,
}

/// A file with what is known of it.
pub(crate) struct Examined {
    pub(crate) found: Inspection,
    pub(crate) weights: Vec<(String, Tensor)>,
    /// The framework's own ops, after the version rules.
    pub(crate) source: Option<SourceGraph>,
    /// The core graph, where the model can be lowered.
    pub(crate) core: Option<CoreGraph>,
}

/// Describes a file: a model, or weights only.
///
/// # Errors
/// When the file is neither, or is damaged.
pub fn inspect(path: &Path, options: &LoadOptions) -> Outcome<Inspection> {
    Ok(examine(path, options)?.found)
}

pub(crate) fn examine(path: &Path, options: &LoadOptions) -> Outcome<Examined> {
    let file = open(path, options)?;
    let mut found = weights_only(path, &file);
    let pickled = pickle::read(path, options);
    (found.globals, found.devices) = (pickled.globals, pickled.devices);
    let provenance = file.provenance.clone();
    let body = match file.body {
        Ok(Body::Source(graph)) => {
            let (graph, applied) = modelport_shim::apply(graph);
            found.rules = applied.into_iter().map(|a| format!("{}: {}", a.node, a.text)).collect();
            describe(&graph, options, &mut found);
            Some(Body::Source(graph))
        }
        Ok(core @ Body::Core(_)) => {
            // A file of ours says what it was converted from.
            if provenance.framework != "onnx" {
                found.format = format!("ONNX model, converted from: {}", found.format);
            }
            Some(core)
        }
        Err(why) => {
            found.no_graph = Some(why.message.clone());
            None
        }
    };
    found.graph = body.is_some();
    let (mut source, mut core) = (None, None);
    if let Some(body) = body {
        let notes = Vec::new();
        let model =
            Model { file: found.file.clone(), provenance, weights: Vec::new(), body, applied: Vec::new(), notes };
        core = lowered(&model, options, &mut found);
        if let Body::Source(graph) = model.body {
            source = Some(graph);
        }
    }
    for layer in &found.layers {
        *found.ops.entry(layer.class.clone()).or_default() += 1;
    }
    Ok(Examined { found, weights: file.weights, source, core })
}

/// What is known of a file without its graph.
fn weights_only(path: &Path, file: &Opened) -> Inspection {
    let one = |(name, t): &(String, Tensor)| WeightInfo {
        name: name.clone(),
        dtype: t.dtype().to_string(),
        shape: t.shape().to_vec(),
    };
    let elements = |keep: &dyn Fn(&str) -> bool| {
        file.weights.iter().filter(|(name, _)| keep(name)).map(|(_, t)| t.len() as u64).sum()
    };
    let Provenance { framework, version, format, evidence, details } = file.provenance.clone();
    Inspection {
        file: path.display().to_string(),
        format,
        framework,
        version,
        evidence,
        details,
        graph: false,
        no_graph: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        layers: Vec::new(),
        ops: BTreeMap::new(),
        weights: file.weights.iter().map(one).collect(),
        parameters: elements(&|_| true),
        optimizer_parameters: elements(&|name| name.starts_with("optimizer")),
        sizes: sizes(&file.weights),
        custom: Vec::new(),
        globals: Vec::new(),
        devices: Vec::new(),
        converts: None,
        problems: Vec::new(),
        rules: Vec::new(),
        notes: file.notes.clone(),
    }
}

fn sizes(weights: &[(String, Tensor)]) -> Vec<Size> {
    let mut all: BTreeMap<String, Size> = BTreeMap::new();
    for (_, t) in weights {
        let dtype = t.dtype().to_string();
        let size = all.entry(dtype.clone()).or_insert(Size { dtype, tensors: 0, parameters: 0, bytes: 0 });
        size.tensors += 1;
        size.parameters = size.parameters.saturating_add(t.len() as u64);
        size.bytes = size.bytes.saturating_add(t.byte_len() as u64);
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|s| std::cmp::Reverse(s.bytes));
    all
}

fn describe(graph: &SourceGraph, options: &LoadOptions, found: &mut Inspection) {
    let ty = |t: &Option<TensorType>| t.as_ref().map_or("?".to_owned(), TensorType::to_string);
    found.inputs = graph.inputs().iter().map(|&i| (graph.value(i).name.clone(), ty(graph.ty(i)))).collect();
    found.outputs = graph.outputs().iter().map(|o| (o.name.clone(), ty(graph.ty(o.value)))).collect();
    let dialect = dialect(graph);
    for node in graph.nodes() {
        let from = |id| graph.producer(id).map_or_else(|| graph.value(id).name.clone(), |n| n.name.clone());
        let supported = converts(dialect, &node.op);
        let class = node.op.name.clone();
        if !supported && options.custom.get(&class).is_none() && !found.custom.contains(&class) {
            found.custom.push(class.clone());
        }
        let operands = node.inputs.iter().flatten().filter_map(|&id| graph.constant(id));
        let tensors = node.op.weights.iter().map(|(_, t)| t).chain(operands.filter(|t| t.dtype().is_float()));
        found.layers.push(Layer {
            name: node.name.clone(),
            class,
            parameters: tensors.map(|t| t.len() as u64).sum(),
            inputs: node.inputs.iter().flatten().map(|&id| from(id)).collect(),
            supported,
        });
    }
}

fn converts(dialect: Dialect, op: &SourceOp) -> bool {
    match dialect {
        Dialect::TensorFlow => modelport_tensorflow::converts(op),
        Dialect::Torch => modelport_torch::converts(op),
        Dialect::Keras | Dialect::Onnx => modelport_keras::converts(op),
    }
}

/// Types of outputs, and whether a conversion would do, are known once the model is lowered. No weight is read for that.
fn lowered(model: &Model, options: &LoadOptions, found: &mut Inspection) -> Option<CoreGraph> {
    match model.lower(&options.custom) {
        Ok(core) => {
            found.converts = Some(true);
            found.inputs =
                core.inputs().iter().map(|&i| (core.value(i).name.clone(), core.ty(i).to_string())).collect();
            found.outputs = core.outputs().iter().map(|o| (o.name.clone(), core.ty(o.value).to_string())).collect();
            if found.layers.is_empty() {
                describe_core(&core, found);
            }
            Some(core)
        }
        Err(all) => {
            found.converts = Some(false);
            found.problems = all.0.iter().map(|d| format!("{}: {}", d.code, d.message)).collect();
            found.problems.dedup();
            None
        }
    }
}

fn describe_core(graph: &CoreGraph, found: &mut Inspection) {
    for node in graph.nodes() {
        let operands = node.inputs.iter().flatten();
        let parameters = operands.clone().filter_map(|&id| graph.constant(id)).map(|t| t.len() as u64).sum();
        let from = |&id| graph.producer(id).map_or_else(|| graph.value(id).name.clone(), |n| node_name(graph, n));
        found.layers.push(Layer {
            name: node_name(graph, node),
            class: node.op.name().to_owned(),
            parameters,
            inputs: operands.filter(|&&id| graph.constant(id).is_none()).map(from).collect(),
            supported: true,
        });
    }
}

/// The name of a node; one that has none goes by its first result.
pub(crate) fn node_name<S: Stage>(graph: &Graph<S>, node: &Node<S>) -> String {
    let result = || node.outputs.first().map_or(String::new(), |&o| graph.value(o).name.clone());
    if node.name.is_empty() { result() } else { node.name.clone() }
}
