//! The graph of a model as it is drawn: nodes with what is told of them, in blocks, laid out.
//!
//! Owns: what is said of a node, and the data that the page's script draws from. Must never know: how a script draws.

mod attributes;
mod blocks;
mod levels;

use crate::inspect::{Examined, node_name};
use modelport_ir::tensor::Place;
use modelport_ir::{CoreGraph, Def, Graph, SourceGraph, Stage, Tensor, TensorType, ValueId};
use serde::Serialize;
use std::collections::HashMap;

/// Names longer than this are cut.
const LONGEST: usize = 300;
/// Small constants are shown by their elements.
const FEW: usize = 8;
/// Nodes beyond which no page could show a graph.
const TOO_MANY: usize = 50_000;

/// A box that stands for a node, an input or an output.
#[derive(Debug, Default, Serialize)]
pub(crate) struct DrawnNode {
    /// Its path.
    pub(crate) name: String,
    /// Its class or op; empty for inputs and outputs.
    pub(crate) op: String,
    /// The part of the path that stands in its box.
    pub(crate) short: String,
    /// `input`, `output`, `node`, or `unknown` for what is not converted.
    pub(crate) kind: &'static str,
    /// The family that gives its colour.
    pub(crate) family: &'static str,
    /// Its results with their types, as far as they are known.
    pub(crate) results: Vec<(String, String)>,
    /// Its operands: the node that each comes from, and its name.
    pub(crate) inputs: Vec<(Option<usize>, String)>,
    /// Attributes as text.
    pub(crate) attributes: Vec<(String, String)>,
    /// Weights: name in the node, type or elements, and the row of the table of weights.
    pub(crate) weights: Vec<(String, String, Option<usize>)>,
}

/// Everything that the script needs.
#[derive(Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) nodes: Vec<DrawnNode>,
    /// The first is the whole graph.
    pub(crate) levels: Vec<levels::Level>,
}

/// The rows of the table of weights, by where their elements are.
type Rows = HashMap<Place, usize>;

/// The graph of a file: that of the framework's own ops where there is one.
///
/// # Errors
/// The reason why there is none.
pub(crate) fn drawing(file: &Examined) -> Result<Drawing, String> {
    let count = |n: usize| if n > TOO_MANY { Err(format!("{n} nodes are too many to be drawn")) } else { Ok(()) };
    let places = file.weights.iter().enumerate().filter_map(|(i, (_, t))| Some((t.source()?, i)));
    let rows = places.collect();
    let nodes = match (&file.source, &file.core) {
        (Some(graph), core) => {
            count(graph.nodes().len())?;
            source(graph, core.as_ref(), file, &rows)
        }
        (None, Some(core)) => {
            count(core.nodes().len())?;
            core_nodes(core, &rows)
        }
        (None, None) => {
            return Err(file.found.no_graph.clone().unwrap_or_else(|| "the file holds no graph".to_owned()));
        }
    };
    let inner = |n: &DrawnNode| n.kind != "input" && n.kind != "output";
    let paths = nodes.iter().map(|n| inner(n).then_some(n.name.as_str())).collect();
    let levels = levels::levels(&nodes, &blocks::Plan { paths, next: next(&nodes) });
    Ok(Drawing { nodes, levels })
}

/// The nodes that each leads to.
fn next(nodes: &[DrawnNode]) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); nodes.len()];
    for (to, node) in nodes.iter().enumerate() {
        for from in node.inputs.iter().filter_map(|(from, _)| *from).filter(|&from| from < to) {
            if next[from].last() != Some(&to) {
                next[from].push(to);
            }
        }
    }
    next
}

/// Text of a file, not longer than a page can bear.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn source(graph: &SourceGraph, core: Option<&CoreGraph>, file: &Examined, rows: &Rows) -> Vec<DrawnNode> {
    // A lowered graph has the types that a framework's graph lacks; results keep their names.
    let known: HashMap<&str, &TensorType> =
        core.into_iter().flat_map(CoreGraph::values).map(|(_, v)| (v.name.as_str(), &v.ty)).collect();
    let supported: HashMap<&str, bool> = file.found.layers.iter().map(|l| (l.name.as_str(), l.supported)).collect();
    let ty = |id: ValueId| {
        let value = graph.value(id);
        let ty = known.get(value.name.as_str()).copied().or(value.ty.as_ref());
        ty.map_or(String::new(), TensorType::to_string)
    };
    let mut nodes = skeleton(graph, &ty, rows);
    let at = graph.inputs().len();
    for (drawn, node) in nodes.iter_mut().skip(at).zip(graph.nodes()) {
        if supported.get(node.name.as_str()) == Some(&false) {
            drawn.kind = "unknown";
        }
        drawn.op = cut(&node.op.name, LONGEST);
        let attrs = node.op.attrs.iter().filter(|(k, v)| *k != "name" || v.as_str() != Some(&node.name));
        drawn.attributes = attributes::of(attrs.map(|(k, v)| (k.as_str(), v)));
        let own = node.op.weights.iter().map(|(name, t)| (cut(name, LONGEST), t.ty().to_string(), row(t, rows)));
        drawn.weights.extend(own);
    }
    finish(nodes)
}

fn core_nodes(graph: &CoreGraph, rows: &Rows) -> Vec<DrawnNode> {
    let ty = |id: ValueId| graph.ty(id).to_string();
    let mut nodes = skeleton(graph, &ty, rows);
    let at = graph.inputs().len();
    for (drawn, node) in nodes.iter_mut().skip(at).zip(graph.nodes()) {
        drawn.op = node.op.name().to_owned();
        let attrs = node.op.attrs();
        drawn.attributes = attributes::of(attrs.iter().map(|(k, v)| (*k, v)));
    }
    finish(nodes)
}

fn finish(mut nodes: Vec<DrawnNode>) -> Vec<DrawnNode> {
    for node in &mut nodes {
        node.family = family(&node.op);
        node.short = short(&node.name, &node.op).to_owned();
    }
    nodes
}

fn row(tensor: &Tensor, rows: &Rows) -> Option<usize> {
    rows.get(&tensor.source()?).copied()
}

/// Inputs, nodes and outputs with their operands and results; constants are the weights of those that take them.
fn skeleton<S: Stage>(graph: &Graph<S>, ty: &dyn Fn(ValueId) -> String, rows: &Rows) -> Vec<DrawnNode> {
    let offset = graph.inputs().len();
    let name = |id: ValueId| cut(&graph.value(id).name, LONGEST);
    let from = |id: ValueId| match &graph.value(id).def {
        Def::Input => graph.inputs().iter().position(|&i| i == id),
        Def::Const(_) => None,
        Def::Node(node, _) => Some(offset + node.0 as usize),
    };
    let mut nodes: Vec<DrawnNode> = Vec::with_capacity(offset + graph.nodes().len() + graph.outputs().len());
    for &id in graph.inputs() {
        let results = vec![(name(id), ty(id))];
        nodes.push(DrawnNode { name: name(id), kind: "input", results, ..DrawnNode::default() });
    }
    for node in graph.nodes() {
        let mut drawn = DrawnNode { name: cut(&node_name(graph, node), LONGEST), kind: "node", ..DrawnNode::default() };
        drawn.results = node.outputs.iter().map(|&o| (name(o), ty(o))).collect();
        for &id in node.inputs.iter().flatten() {
            match graph.constant(id) {
                Some(tensor) => {
                    drawn.weights.push((name(id), attributes::tensor(tensor), row(tensor, rows)));
                }
                None => drawn.inputs.push((from(id), name(id))),
            }
        }
        nodes.push(drawn);
    }
    for output in graph.outputs() {
        let inputs = vec![(from(output.value), name(output.value))];
        let results = vec![(cut(&output.name, LONGEST), ty(output.value))];
        nodes.push(DrawnNode {
            name: cut(&output.name, LONGEST),
            kind: "output",
            inputs,
            results,
            ..DrawnNode::default()
        });
    }
    nodes
}

/// The end of a path; where that is only the op's name once more, the piece before it.
fn short<'a>(path: &'a str, op: &str) -> &'a str {
    let mut pieces = path.rsplit('/').filter(|p| !p.is_empty());
    let last = pieces.next().unwrap_or(path);
    let op = op.rsplit(':').next().unwrap_or(op).split('.').next().unwrap_or(op);
    if last.eq_ignore_ascii_case(op) { pieces.next().unwrap_or(last) } else { last }
}

/// Words in the names of ops, and the family that they tell.
const FAMILIES: &[(&str, &[&str])] = &[
    ("conv", &["conv"]),
    ("norm", &["norm", "lrn"]),
    ("recurrent", &["lstm", "gru", "rnn", "recurrent", "attention"]),
    ("dense", &["dense", "linear", "matmul", "gemm", "einsum", "addmm", "bmm", "aten::mm", "embedding", "dot"]),
    ("pool", &["pool", "reducemean", "mean", "reducesum", "reducemax", "resize", "upsampl"]),
    (
        "activation",
        &[
            "relu",
            "sigmoid",
            "tanh",
            "softmax",
            "gelu",
            "elu",
            "silu",
            "swish",
            "activation",
            "softplus",
            "softsign",
            "clip",
            "hardtanh",
            "mish",
            "erf",
        ],
    ),
    (
        "shape",
        &[
            "reshape",
            "flatten",
            "transpose",
            "permute",
            "concat",
            "cat",
            "slice",
            "split",
            "squeeze",
            "pad",
            "stack",
            "expand",
            "view",
            "gather",
            "select",
            "tile",
            "shape",
            "crop",
            "repeat",
            "chunk",
            "identity",
            "dropout",
        ],
    ),
];

fn family(op: &str) -> &'static str {
    let op = op.to_ascii_lowercase();
    let found = FAMILIES.iter().find(|(_, words)| words.iter().any(|w| op.contains(w)));
    found.map_or("other", |(name, _)| name)
}
