//! Weights under the names that their framework uses for them.
//!
//! A Keras file names datasets and groups; the variables' own names are `layer/kernel`, which the model says where the file
//! holds one. Owns: those names. Must never know: other frameworks' conventions.

use super::Named;
use crate::open::{Body, Opened};
use modelport_diag::Result;
use modelport_ir::tensor::Place;
use modelport_ir::{Attr, DType, SourceGraph, SourceOp, Tensor};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The weights of an opened file under its framework's names.
pub(crate) fn named(opened: &Opened) -> Result<Named> {
    let tensors = match &opened.body {
        Ok(Body::Source(graph)) if is_keras(opened) => layers(graph).into_iter().flat_map(Layer::named).collect(),
        _ if is_keras(opened) => variables(&opened.weights),
        _ => opened.weights.clone(),
    };
    let (kept, strings): (Vec<_>, Vec<_>) = tensors.into_iter().partition(|(_, t)| t.dtype() != DType::Str);
    let notes = strings.iter().map(|(name, _)| format!("`{name}` holds strings and is left out"));
    let metadata = opened.stored.as_ref().map_or_else(BTreeMap::new, |s| s.metadata.clone());
    Ok(Named { tensors: kept, metadata, notes: notes.collect() })
}

/// Whether a Keras reader made this.
pub(crate) fn is_keras(opened: &Opened) -> bool {
    opened.stored.is_none() && opened.provenance.framework.contains("keras")
}

/// A layer with the weights that it owns.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    /// Its path, with slashes.
    pub(crate) path: String,
    /// Its class, arguments and weights.
    pub(crate) op: &'a SourceOp,
}

impl Layer<'_> {
    fn named(self) -> Vec<(String, Tensor)> {
        self.op.weights.iter().map(|(name, t)| (format!("{}/{name}", self.path), t.clone())).collect()
    }
}

/// Every layer that owns weights, once: a layer that is called twice, or stands in a model that is, has one set of them.
pub(crate) fn layers(graph: &SourceGraph) -> Vec<Layer<'_>> {
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    for node in graph.nodes() {
        collect(&node.name, &node.op, &mut seen, &mut all);
    }
    all
}

fn collect<'a>(path: &str, op: &'a SourceOp, seen: &mut HashSet<Vec<Option<Place>>>, all: &mut Vec<Layer<'a>>) {
    let places: Vec<_> = op.weights.iter().map(|(_, t)| t.source()).collect();
    if !op.weights.is_empty() && (places.contains(&None) || seen.insert(places)) {
        all.push(Layer { path: path.to_owned(), op });
    }
    for attr in op.attrs.values() {
        inside(path, attr, seen, all);
    }
}

fn inside<'a>(path: &str, attr: &'a Attr, seen: &mut HashSet<Vec<Option<Place>>>, all: &mut Vec<Layer<'a>>) {
    match attr {
        Attr::Op(op) => {
            let name = op.attr("name").and_then(Attr::as_str).unwrap_or(&op.name);
            collect(&format!("{path}/{name}"), op, seen, all);
        }
        Attr::Graph(graph) => {
            for node in graph.nodes() {
                collect(&format!("{path}/{}", node.name), &node.op, seen, all);
            }
        }
        Attr::List(list) => list.iter().for_each(|a| inside(path, a, seen, all)),
        Attr::Map(map) => map.values().for_each(|a| inside(path, a, seen, all)),
        _ => {}
    }
}

/// Names of variables from those of datasets: `model_weights/conv/conv/kernel:0` is `conv/kernel`, unless two would then be
/// named alike. The optimizer's state is no weight of the model.
fn variables(weights: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let model: Vec<_> = weights.iter().filter(|(n, _)| !n.starts_with("optimizer")).collect();
    let plain = |n: &str| {
        let n = n.strip_prefix("model_weights/").unwrap_or(n);
        n.rsplit_once(':').map_or(n, |(name, number)| if number == "0" { name } else { n }).to_owned()
    };
    let short = |n: &str| {
        let n = plain(n);
        let inner = n.split_once('/').map(|(_, rest)| rest).filter(|rest| rest.contains('/') && !n.contains("/vars/"));
        inner.map_or_else(|| n.clone(), str::to_owned)
    };
    let distinct: BTreeSet<_> = model.iter().map(|(n, _)| short(n)).collect();
    let clear = distinct.len() == model.len();
    let name = |n: &str| if clear { short(n) } else { plain(n) };
    model.into_iter().map(|(n, t)| (name(n), t.clone())).collect()
}
