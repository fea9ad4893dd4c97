//! References between calls, and an order in which every call follows those that it depends on.
//!
//! Owns: the numbering of calls in the two dialects. Must never know: values' meaning.

use super::{Env, graph_error};
use crate::model::{LayerId, Model, Network, TensorRef};
use modelport_diag::Result;
use modelport_ir::ValueId;
use std::collections::{BTreeSet, HashMap};

/// More results than any layer has.
const MOST_RESULTS: usize = 4096;

/// What the calls and outputs of one network refer to.
pub(super) struct Refs<'a> {
    by_name: HashMap<&'a str, LayerId>,
    /// The number that the file gives to a layer's first call: 1 for a model, which has one from its own making
    /// (`get_config` in keras/src/engine/functional.py 2.15 and src/models/functional.py 3.15), else 0.
    offsets: HashMap<LayerId, usize>,
    /// How many results of a call are used.
    results: HashMap<(LayerId, usize), usize>,
}

impl<'a> Refs<'a> {
    pub(super) fn new(model: &'a Model, network: &'a Network) -> Result<Self> {
        let by_name: HashMap<_, _> = network.layers.iter().map(|&id| (model.layer(id).name.as_str(), id)).collect();
        let mut refs = Self { by_name, offsets: HashMap::new(), results: HashMap::new() };
        let calls = network.layers.iter().flat_map(|id| &model.layer(*id).calls);
        let mut used: Vec<&TensorRef> = calls.flat_map(|c| c.tensors()).collect();
        used.extend(&network.outputs);
        let mut last_call: HashMap<LayerId, usize> = HashMap::new();
        for r in used {
            let id = refs.layer(&r.layer)?;
            if r.tensor >= MOST_RESULTS {
                return Err(graph_error(format!("result {} of this layer is used", r.tensor), &r.layer));
            }
            let count = refs.results.entry((id, r.node)).or_insert(1);
            *count = (*count).max(r.tensor + 1);
            let last = last_call.entry(id).or_insert(0);
            *last = (*last).max(r.node);
        }
        // Every call in the file is used, so the highest number that is used tells where counting starts; Sequential
        // models count from 1 in Keras 2 and from 0 in Keras 3.
        for (id, last) in last_call {
            let calls = model.layer(id).calls.len();
            refs.offsets.insert(id, usize::from(model.network(id).is_some() && calls > 0 && last >= calls));
        }
        Ok(refs)
    }

    pub(super) fn layer(&self, name: &str) -> Result<LayerId> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| graph_error("a connection names a layer that is not there".into(), name))
    }

    pub(super) fn offset(&self, id: LayerId) -> usize {
        self.offsets.get(&id).copied().unwrap_or(0)
    }

    pub(super) fn results(&self, id: LayerId, node: usize) -> usize {
        self.results.get(&(id, node)).copied().unwrap_or(1)
    }

    /// The value that a reference stands for.
    pub(super) fn value(&self, env: &Env, r: &TensorRef) -> Result<ValueId> {
        let results = env.get(&(self.layer(&r.layer)?, r.node));
        results.and_then(|v| v.get(r.tensor)).copied().ok_or_else(|| {
            graph_error(format!("result {} of call {} of this layer is used, but not made", r.tensor, r.node), &r.layer)
        })
    }
}

/// All calls of a network, each after those that it depends on, else in the order of the file.
pub(super) fn calls(model: &Model, network: &Network, refs: &Refs, given: &Env) -> Result<Vec<(LayerId, usize)>> {
    let mut items = Vec::new();
    for &id in &network.layers {
        let nodes = (0..model.layer(id).calls.len()).map(|i| (id, i + refs.offset(id)));
        items.extend(nodes.filter(|item| !given.contains_key(item)));
    }
    let index: HashMap<_, _> = items.iter().enumerate().map(|(i, item)| (*item, i)).collect();
    let mut waiting = vec![0usize; items.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    for (i, (id, node)) in items.iter().enumerate() {
        let Some(call) = model.layer(*id).calls.get(node - refs.offset(*id)) else { continue };
        let mut needed = BTreeSet::new();
        for r in call.tensors() {
            let source = (refs.layer(&r.layer)?, r.node);
            if given.contains_key(&source) {
                continue;
            }
            needed.insert(*index.get(&source).ok_or_else(|| {
                graph_error(format!("call {} of this layer is used, but not in the file", r.node), &r.layer)
            })?);
        }
        waiting[i] = needed.len();
        needed.iter().for_each(|n| users[*n].push(i));
    }
    let mut ready: BTreeSet<usize> = (0..items.len()).filter(|i| waiting[*i] == 0).collect();
    let mut out = Vec::with_capacity(items.len());
    while let Some(i) = ready.pop_first() {
        out.push(items[i]);
        for &user in &users[i] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.insert(user);
            }
        }
    }
    if out.len() < items.len() {
        let stuck = (0..items.len()).find(|i| waiting[*i] > 0).map_or("", |i| model.layer(items[i].0).name.as_str());
        return Err(graph_error("the connections between layers form a cycle".into(), stuck));
    }
    Ok(out)
}
