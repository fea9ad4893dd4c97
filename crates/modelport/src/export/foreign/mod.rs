//! Weights under the names and in the layout of another framework, for the layers that both have.
//!
//! Owns: which convention a file follows, and its weights by layer. Must never know: how a tensor is written.

mod to_keras;
mod to_torch;

use super::Named;
use super::Names;
use super::native::{is_keras, layers, named};
use crate::open::{Body, Opened};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::Place;
use modelport_ir::{Attr, DType, SourceGraph, Tensor};
use std::collections::{BTreeMap, HashMap};

/// The weights of one layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Its path, with the separator of the names that are wanted.
    pub(super) path: String,
    /// Class of Keras or op of torch; empty where the file holds weights only.
    pub(super) class: String,
    /// Groups of a torch convolution, where a graph says so.
    pub(super) groups: Option<usize>,
    /// The backward half of a Keras `Bidirectional`.
    pub(super) backward: bool,
    /// Weights by their names within the layer.
    pub(super) weights: Vec<(String, Tensor)>,
}

impl Layer {
    pub(super) fn get(&self, name: &str) -> Option<&Tensor> {
        self.weights.iter().find(|(n, _)| n == name).map(|(_, t)| t)
    }
}

/// What a translation of one layer gives; `None` where the other framework has no such layer.
pub(super) type Translated = Option<Vec<(String, Tensor)>>;

/// The weights of a file as `names` spells them.
///
/// # Errors
/// `US0001` when the file follows no framework's convention.
pub(super) fn translated(opened: &Opened, names: Names) -> Result<Named> {
    let mut found = named(opened)?;
    let torch = names == Names::Torch;
    if is_torch(opened)? == torch {
        return Ok(found);
    }
    let layers = if torch { of_keras(opened, found.tensors) } else { of_torch(opened, found.tensors) };
    let (mut tensors, mut kept) = (Vec::new(), Vec::new());
    let separator = if torch { '.' } else { '/' };
    for (index, layer) in layers.into_iter().enumerate() {
        let done =
            if torch { to_torch::layer(&layer, &mut found.notes)? } else { to_keras::layer(&layer, names, index)? };
        let in_layer = |name: &str| match layer.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}{separator}{name}"),
        };
        match done {
            Some(done) => tensors.extend(done.into_iter().map(|(name, t)| (in_layer(&name), t))),
            None => {
                kept.push(layer.path.clone());
                let name = |n: &str| in_layer(&n.replace(['/', '.'], &separator.to_string()));
                tensors.extend(layer.weights.iter().map(|(n, t)| (name(n), t.clone())));
            }
        }
    }
    if let Some(first) = kept.first() {
        let more = if kept.len() > 1 { format!(" and {} more", kept.len() - 1) } else { String::new() };
        found.notes.push(format!("the weights of `{first}`{more} keep their layout: such a layer has no counterpart"));
    }
    if torch && has_flatten(opened) {
        found
            .notes
            .push("a layer after a Flatten takes its inputs in another order where channels come first".to_owned());
    }
    found.tensors = tensors;
    Ok(found)
}

/// Whether a file's weights are named and laid out as torch does it; otherwise as Keras does.
fn is_torch(opened: &Opened) -> Result<bool> {
    let metadata = opened.stored.as_ref().map(|s| &s.metadata);
    let says = |key: &str| metadata.and_then(|m| m.get(key)).map(String::as_str);
    let framework = says("modelport.framework").unwrap_or(&opened.provenance.framework);
    match (says("format"), framework) {
        (Some("pt"), _) => Ok(true),
        (Some("tf"), _) => Ok(false),
        (_, "torch") => Ok(true),
        (_, f) if f.contains("keras") || f == "tensorflow" => Ok(false),
        _ => Err(Diagnostic::error(Code::USAGE, "the names of these weights follow no framework's convention")
            .help("leave --names away to keep them as they are")),
    }
}

fn has_flatten(opened: &Opened) -> bool {
    matches!(&opened.body, Ok(Body::Source(g)) if is_keras(opened) && g.nodes().iter().any(|n| n.op.name == "Flatten"))
}

/// The layers of a Keras file; of a TensorFlow file the variables that stand in one scope.
fn of_keras(opened: &Opened, tensors: Vec<(String, Tensor)>) -> Vec<Layer> {
    let Ok(Body::Source(graph)) = &opened.body else { return scopes(tensors, '/') };
    if !is_keras(opened) {
        return scopes(tensors, '/');
    }
    let halves = halves(graph);
    let one = |l: super::native::Layer<'_>| {
        let (path, backward) = halves.get(&l.path).cloned().unwrap_or((l.path.clone(), false));
        let weights = l.op.weights.iter().filter(|(_, t)| t.dtype() != DType::Str).cloned().collect();
        Layer { path: path.replace('/', "."), class: l.op.name.clone(), backward, weights, ..Layer::default() }
    };
    layers(graph).into_iter().map(one).collect()
}

/// The layers inside of `Bidirectional`s, which in torch are one layer: by their paths, that of the whole and whether they
/// go backwards.
fn halves(graph: &SourceGraph) -> HashMap<String, (String, bool)> {
    let mut all = HashMap::new();
    for node in graph.nodes().iter().filter(|n| n.op.name == "Bidirectional") {
        for (key, backward) in [("forward_layer", false), ("layer", false), ("backward_layer", true)] {
            if let Some(Attr::Op(op)) = node.op.attr(key) {
                let name = op.attr("name").and_then(Attr::as_str).unwrap_or(&op.name);
                all.entry(format!("{}/{name}", node.name)).or_insert((node.name.clone(), backward));
            }
        }
    }
    all
}

/// The layers of a torch file, with what its graph says of them.
fn of_torch(opened: &Opened, tensors: Vec<(String, Tensor)>) -> Vec<Layer> {
    let ops = match &opened.body {
        Ok(Body::Source(graph)) => users(graph),
        _ => HashMap::new(),
    };
    let mut layers = scopes(tensors, '.');
    for layer in &mut layers {
        let user = layer.get("weight").and_then(Tensor::source).and_then(|place| ops.get(&place));
        if let Some((op, groups)) = user {
            (layer.class, layer.groups) = (op.clone(), *groups);
        }
        layer.path = layer.path.replace('.', "/");
    }
    layers
}

/// The op that takes each weight, and the groups of a convolution.
fn users(graph: &SourceGraph) -> HashMap<Place, (String, Option<usize>)> {
    let mut all = HashMap::new();
    for node in graph.nodes() {
        let list = node.op.attr("@args").and_then(Attr::as_list).unwrap_or_default();
        let position = if node.op.name.contains("convolution") { 8 } else { 6 };
        let given = node.op.attr("@kwargs").and_then(Attr::as_map).and_then(|m| m.get("groups"));
        let groups = given.or(list.get(position)).and_then(Attr::as_int).and_then(|n| usize::try_from(n).ok());
        let groups = node.op.name.contains("conv").then(|| groups.unwrap_or(1));
        for place in node.inputs.iter().flatten().filter_map(|&id| graph.constant(id)?.source()) {
            all.entry(place).or_insert_with(|| (node.op.name.clone(), groups));
        }
    }
    all
}

/// Weights whose names are alike up to the last separator, in the order of the file.
fn scopes(tensors: Vec<(String, Tensor)>, separator: char) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (path, own) = name.rsplit_once(separator).unwrap_or(("", &name));
        let at = *known.entry(path.to_owned()).or_insert_with(|| {
            let path = if separator == '/' { path.replace('/', ".") } else { path.to_owned() };
            layers.push(Layer { path, ..Layer::default() });
            layers.len() - 1
        });
        if let Some(layer) = layers.get_mut(at) {
            layer.weights.push((own.to_owned(), tensor));
        }
    }
    layers
}

/// The axes of a convolution's kernel in the other order: `[…, in, out]` and `[out, in, …]`.
pub(super) fn kernel(t: &Tensor, to_torch: bool) -> Result<Tensor> {
    let rank = t.rank();
    let spatial = rank.saturating_sub(2);
    let perm: Vec<_> =
        if to_torch { (spatial..rank).rev().chain(0..spatial).collect() } else { (2..rank).chain([1, 0]).collect() };
    t.permute(&perm)
}

/// The gates of a GRU in the other order: update and reset change places.
pub(super) fn gates(t: &Tensor, axis: usize) -> Result<Tensor> {
    let units = t.shape().get(axis).copied().unwrap_or(0) / 3;
    let gate = |i: usize| t.narrow(axis, i * units, units);
    Tensor::concat(&[gate(1)?, gate(0)?, gate(2)?], axis)
}

/// A vector of one number.
pub(super) fn filled(dtype: DType, len: usize, x: f64) -> Result<Tensor> {
    let mut bytes = Vec::with_capacity(len * dtype.size());
    (0..len).for_each(|_| modelport_ir::tensor::encode_f64(dtype, x, &mut bytes));
    Tensor::from_bytes(dtype, vec![len], bytes)
}
