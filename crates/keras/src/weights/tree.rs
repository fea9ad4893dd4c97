//! The weight store of `.keras` archives and Keras 3's `.weights.h5`: a tree of groups that follows the Python objects,
//! each with its own weights as `vars/0`, `vars/1`, ….
//!
//! Source: `_save_state` and `_save_container_state` of keras/src/saving/saving_lib.py (2.15, 3.15): a layer in a list is
//! addressed by its class name in snake case, numbered when there are several of the class.

use super::spec::PROJECTIONS;
use super::{Era, Named, give};
use crate::model::{Body, LayerId, Model};
use modelport_diag::Diagnostics;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The groups of a weight store.
#[derive(Debug, Default)]
pub(crate) struct WeightTree {
    /// Path of the object → its own variables in order, by their keys.
    pub(crate) vars: BTreeMap<String, Vec<Named>>,
}

impl WeightTree {
    /// Whether an object is stored at `path`.
    fn holds(&self, path: &str) -> bool {
        self.vars.contains_key(path) || self.below(path).next().is_some()
    }

    /// The stored objects below `path`, as the path's continuation.
    fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = format!("{path}/");
        let from = prefix.clone();
        self.vars.range(from..).map(|(p, _)| p.as_str()).map_while(move |p| p.strip_prefix(&prefix))
    }

    /// Whether any variable is stored at or below `path`.
    fn has_variables(&self, path: &str) -> bool {
        let own = |p: &str| self.vars.get(p).is_some_and(|v| !v.is_empty());
        own(path) || self.below(path).any(|rest| own(&format!("{path}/{rest}")))
    }

    /// The names of the objects directly in a container.
    fn members(&self, path: &str) -> BTreeSet<String> {
        self.below(path).filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect()
    }
}

/// Attaches the stored weights to the layers of a model.
pub(crate) fn assign(model: &mut Model, tree: &WeightTree) -> Diagnostics {
    // Keras 1 had no such store.
    let era = Era { keras1: false };
    let mut assigner = Assigner {
        tree,
        era,
        paths: HashMap::new(),
        by_shared_id: HashMap::new(),
        by_name: HashMap::new(),
        diagnostics: Diagnostics::default(),
    };
    assigner.index(model);
    let root = model.root;
    assigner.locate(model, root, "");
    let mut ids: Vec<_> = (0..model.layers.len()).map(LayerId).collect();
    ids.retain(|id| model.network(*id).is_none());
    for id in ids {
        let found = assigner.weights_of(model, id);
        give(model, id, era, found, &mut assigner.diagnostics);
    }
    assigner.diagnostics
}

/// How many layers are looked at for one that is the same object; a bound for files in which all claim to be.
const MOST_TWINS: usize = 16;

struct Assigner<'a> {
    tree: &'a WeightTree,
    era: Era,
    paths: HashMap<LayerId, String>,
    /// At most [`MOST_TWINS`] layers each.
    by_shared_id: HashMap<i64, Vec<LayerId>>,
    by_name: HashMap<String, Vec<LayerId>>,
    diagnostics: Diagnostics,
}

fn join(base: &str, part: &str) -> String {
    if base.is_empty() { part.to_owned() } else { format!("{base}/{part}") }
}

impl Assigner<'_> {
    fn index(&mut self, model: &Model) {
        let add = |list: &mut Vec<LayerId>, id| {
            if list.len() < MOST_TWINS {
                list.push(id)
            }
        };
        for (i, layer) in model.layers.iter().enumerate() {
            if let Some(shared) = layer.shared_id {
                add(self.by_shared_id.entry(shared).or_default(), LayerId(i));
            }
            add(self.by_name.entry(layer.name.clone()).or_default(), LayerId(i));
        }
    }

    /// Finds the path of every layer inside the one at `path`.
    fn locate(&mut self, model: &Model, id: LayerId, path: &str) {
        self.paths.insert(id, path.to_owned());
        match &model.layer(id).body {
            Body::Plain => {}
            Body::Network(network) => self.locate_network(model, &network.layers, path),
            Body::Slots(slots) => {
                let cells: Vec<_> = slots.iter().filter(|(n, _)| n.starts_with("cells/")).map(|(_, id)| *id).collect();
                self.locate_list(model, &cells, &join(path, "cells"));
                for (name, inner) in slots.iter().filter(|(n, _)| !n.starts_with("cells/")) {
                    let at = self.slot_path(path, name);
                    self.locate(model, *inner, &at);
                }
            }
        }
    }

    /// A Bidirectional layer of Keras 2 visits `layer`, which is the forward layer, before `forward_layer`.
    fn slot_path(&self, path: &str, name: &str) -> String {
        let own = join(path, name);
        let other = join(path, "layer");
        if name == "forward_layer" && !self.tree.has_variables(&own) && self.tree.holds(&other) { other } else { own }
    }

    /// Keras 2.12 to 2.14 visit the layers of a model by `_layer_checkpoint_dependencies` first, later versions by `layers`.
    fn locate_network(&mut self, model: &Model, layers: &[LayerId], path: &str) {
        let container = ["layers", "_layer_checkpoint_dependencies", "_self_tracked_trackables"]
            .into_iter()
            .map(|name| join(path, name))
            .find(|at| self.tree.holds(at));
        if let Some(container) = container {
            self.locate_list(model, layers, &container);
        }
    }

    fn locate_list(&mut self, model: &Model, layers: &[LayerId], container: &str) {
        let members = self.tree.members(container);
        let mut by_class: BTreeMap<String, Vec<LayerId>> = BTreeMap::new();
        for &id in layers {
            let class = python_class(&model.layer(id).class);
            let base = [snake_case(class, false), snake_case(class, true)];
            let known = base.iter().find(|b| members.contains(*b)).unwrap_or(&base[0]);
            by_class.entry(known.clone()).or_default().push(id);
        }
        for (base, ids) in by_class {
            let stored = numbered(&base, &members);
            let exact = |i: usize| if i == 0 { base.clone() } else { format!("{base}_{i}") };
            let visited = |id: &LayerId| self.twins(model, *id).any(|twin| self.paths.contains_key(&twin));
            let fresh: Vec<_> = ids.iter().copied().filter(|id| !visited(id)).collect();
            // A layer that stands twice in the container takes a number but is stored once (2.12 to 2.14), and one that was
            // visited before takes one in Keras 3 but not in Keras 2; so where the counts agree the order decides.
            let ids = if stored.len() == fresh.len() { fresh } else { ids };
            for (i, &id) in ids.iter().enumerate() {
                let name = if stored.len() == ids.len() { stored.get(i).cloned() } else { Some(exact(i)) };
                if let Some(name) = name.filter(|n| members.contains(n)) {
                    self.locate(model, id, &join(container, &name));
                }
            }
        }
    }

    /// The stored variables of a layer, where it or the object that it shares was stored.
    fn weights_of(&self, model: &Model, id: LayerId) -> Vec<Named> {
        if let Some(path) = self.paths.get(&id) {
            let found = self.at_path(model, id, path);
            if !found.is_empty() {
                return found;
            }
        }
        // An object that was visited before under another path is not stored again.
        let twins = self.twins(model, id);
        let stored = twins.filter_map(|twin| Some(self.at_path(model, twin, self.paths.get(&twin)?)));
        stored.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Other descriptions of what is, or seems to be, the same Python object: a layer used in a model and in one inside it.
    /// Not all of them carry a `shared_object_id`.
    fn twins<'m>(&self, model: &'m Model, id: LayerId) -> impl Iterator<Item = LayerId> + use<'m> {
        let layer = model.layer(id);
        let by_id = layer.shared_id.and_then(|id| self.by_shared_id.get(&id)).cloned().unwrap_or_default();
        let by_name = self.by_name.get(&layer.name).cloned().unwrap_or_default();
        let same = move |other: &LayerId| {
            let other = model.layer(*other);
            other.class == layer.class
                && (other.shared_id.is_some() && other.shared_id == layer.shared_id
                    || alike(&other.config, &layer.config))
        };
        by_id.into_iter().chain(by_name).filter(move |other| *other != id).filter(same)
    }

    fn at_path(&self, model: &Model, id: LayerId, path: &str) -> Vec<Named> {
        let layer = model.layer(id);
        let own = |at: &str| self.tree.vars.get(at).cloned().unwrap_or_default();
        let slots = self.era.slots(layer);
        if slots.as_ref().is_some_and(|s| s.iter().any(|s| s.name.starts_with("query/"))) {
            return PROJECTIONS.iter().flat_map(|p| own(&self.projection(path, p))).collect();
        }
        let mut found = own(path);
        if layer.class == "SpectralNormalization" && found.len() > 1 {
            // The wrapper holds the kernel of its layer as an attribute of its own, which is stored again.
            found.drain(..found.len() - 1);
        }
        if !found.is_empty() {
            return found;
        }
        // LSTM and its fellows keep their weights in a cell.
        let cell = own(&join(path, "cell"));
        if !cell.is_empty() && slots.as_ref().is_some_and(|s| !s.is_empty()) {
            return cell;
        }
        if slots.is_some() || !matches!(layer.body, Body::Plain) {
            return found;
        }
        // A class that is not built in: the variables of whatever it holds, by path.
        let inner = self.tree.below(path).filter(|rest| !super::is_random_state(rest));
        let named = inner.flat_map(|rest| {
            own(&join(path, rest)).into_iter().map(move |(key, t)| (format!("{}.{key}", rest.replace('/', ".")), t))
        });
        named.collect()
    }

    fn projection(&self, path: &str, name: &str) -> String {
        let stem = if name == "attention_output" { "output" } else { name };
        let candidates = [format!("{stem}_dense"), format!("_{stem}_dense")].map(|c| join(path, &c));
        let [first, second] = candidates;
        if self.tree.has_variables(&first) { first } else { second }
    }
}

/// The name of the Python class where it is not the one in the configuration.
fn python_class(class: &str) -> &str {
    match class {
        "GroupQueryAttention" => "GroupedQueryAttention",
        "Model" => "Functional",
        _ => class,
    }
}

/// Whether two configurations say the same; the ids of shared objects in them depend on which was written first.
fn alike(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let said = |m: &Map<String, Value>| m.keys().filter(|k| *k != "shared_object_id").count();
    let same = |(key, value): (&String, &Value)| match (value, b.get(key)) {
        _ if key == "shared_object_id" => true,
        (Value::Object(a), Some(Value::Object(b))) => alike(a, b),
        (a, b) => Some(a) == b,
    };
    said(a) == said(b) && a.iter().all(same)
}

/// The members `base`, `base_1`, `base_2`, … in the order of their numbers.
fn numbered(base: &str, members: &BTreeSet<String>) -> Vec<String> {
    let number = |m: &String| match m.strip_prefix(base)? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse::<usize>().ok().filter(|n| *n > 0),
    };
    let mut found: Vec<_> = members.iter().filter_map(|m| Some((number(m)?, m.clone()))).collect();
    found.sort();
    found.into_iter().map(|(_, m)| m).collect()
}

/// `DepthwiseConv2D` → `depthwise_conv2d`. Keras 2 counts digits as part of a word's tail
/// (keras/src/utils/naming.py 3.15, generic_utils.py 2.15, `to_snake_case`).
fn snake_case(class: &str, digits_continue: bool) -> String {
    let chars: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(i + 1);
        let starts_word = after.is_some_and(|a| a.is_ascii_lowercase() || (digits_continue && a.is_ascii_digit()));
        let border = before.is_some_and(|b| starts_word || b.is_ascii_lowercase());
        if c.is_ascii_uppercase() && border {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests;
