//! Weights of a Keras model in a checkpoint of TF2, layer by layer: what an architecture given beside can be joined with.
//!
//! Keras names the layers of a model that have weights `layer_with_weights-0`, … (keras/src/engine/functional.py 2.15,
//! `_layer_checkpoint_dependencies`); Keras 3 numbers all layers below `_operations` (keras/src/ops/function.py 3.15). Below
//! them hang inner layers and variables, in the order in which they were made.
//!
//! Owns: the walk through the objects. Must never know: what layers are.

use crate::checkpoint::Checkpoint;
use modelport_diag::Result;
use modelport_ir::Tensor;
use modelport_proto::tensorflow::TrackableObjectGraph;
use std::collections::HashSet;

/// The weights of one outermost layer in Keras's order: those that are trained, then the others.
pub type LayerWeights = (String, Vec<(String, Tensor)>);

const LAYER: &str = "layer_with_weights-";
const LIST: &str = "_operations";

/// Variables that are not trained, by their name.
fn is_statistic(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    matches!(last, "moving_mean" | "moving_variance" | "mean" | "variance" | "count")
}

/// The layers of the first model among the objects of a checkpoint.
///
/// # Errors
/// When the objects or their tensors are damaged.
pub(crate) fn layers(checkpoint: &Checkpoint) -> Result<Vec<LayerWeights>> {
    let Some(objects) = checkpoint.objects()? else { return Ok(Vec::new()) };
    let Some((model, prefix)) = model_of(&objects) else { return Ok(Vec::new()) };
    let mut numbered: Vec<(usize, usize)> = Vec::new();
    for child in objects.nodes.get(model).map(|n| n.children.as_slice()).unwrap_or_default() {
        let number = child.local_name.strip_prefix(prefix).and_then(|n| n.parse().ok());
        numbered.extend(number.zip(usize::try_from(child.node_id).ok()));
    }
    numbered.sort_unstable();
    let mut all = Vec::new();
    for (number, node) in numbered {
        let name = format!("{}{number}", if prefix.is_empty() { "_operations/" } else { prefix });
        let mut weights = Vec::new();
        for (path, key) in variables(&objects, node) {
            if let Some(tensor) = checkpoint.tensor(&key)? {
                weights.push((path, tensor));
            }
        }
        let (others, mut trained): (Vec<_>, Vec<_>) = weights.into_iter().partition(|(path, _)| is_statistic(path));
        trained.extend(others);
        if !trained.is_empty() {
            all.push((name, trained));
        }
    }
    Ok(all)
}

/// The object that has layers, nearest to the first, and what their names begin with.
fn model_of(objects: &TrackableObjectGraph) -> Option<(usize, &'static str)> {
    let mut seen = HashSet::new();
    let mut next = std::collections::VecDeque::from([0usize]);
    while let Some(at) = next.pop_front() {
        let Some(object) = objects.nodes.get(at).filter(|_| seen.insert(at)) else { continue };
        if object.children.iter().any(|c| c.local_name.starts_with(LAYER)) {
            return Some((at, LAYER));
        }
        if let Some(list) = object.children.iter().find(|c| c.local_name == LIST) {
            return usize::try_from(list.node_id).ok().map(|at| (at, ""));
        }
        next.extend(object.children.iter().filter_map(|c| usize::try_from(c.node_id).ok()));
    }
    None
}

/// Paths and keys of the variables of a layer and of what hangs on it, each once.
fn variables(objects: &TrackableObjectGraph, root: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut next = vec![(root, String::new())];
    while let Some((at, path)) = next.pop() {
        let Some(object) = objects.nodes.get(at).filter(|_| seen.insert(at)) else { continue };
        let values = object.attributes.iter().filter(|t| t.name == "VARIABLE_VALUE");
        found.extend(values.map(|t| (path.clone(), t.checkpoint_key.clone())));
        for child in object.children.iter().rev() {
            let inner = if path.is_empty() { child.local_name.clone() } else { format!("{path}/{}", child.local_name) };
            next.extend(usize::try_from(child.node_id).ok().map(|id| (id, inner)));
        }
    }
    found
}
