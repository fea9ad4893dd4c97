//! Modules in pickles: objects whose state has `_parameters`, `_buffers` and `_modules` (`torch/nn/modules/module.py`).

use crate::archive::{Pickled, class_of};
use crate::modules::is_module;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use modelport_pickle::{Id, Node};
use std::collections::HashSet;

/// Classes that hold the model in a child.
const WRAPPERS: &[(&str, &str)] = &[
    ("DataParallel", "module"),
    ("DistributedDataParallel", "module"),
    ("AveragedModel", "module"),
    ("OptimizedModule", "_orig_mod"),
];

/// The module inside of wrappers that change nothing.
pub(super) fn unwrapped<'a>(node: Node<'a>, notes: &mut Vec<String>) -> Node<'a> {
    let mut node = node;
    for _ in 0..WRAPPERS.len() {
        let Some(class) = class_of(node) else { break };
        let inner = WRAPPERS
            .iter()
            .find(|(name, _)| *name == &*class.name && class.module.starts_with("torch."))
            .and_then(|(_, child)| node.attr("_modules")?.get(child));
        let Some(inner) = inner.filter(|i| is_module(*i)) else { break };
        notes.push(format!("the model is the one inside of the {}", class.name));
        node = inner;
    }
    node
}

/// The weights that a module's `state_dict` would have. A module in several places has them under each name.
pub(super) fn weights(pickled: &Pickled, module: Node<'_>) -> Vec<(String, Result<Tensor>)> {
    let mut walk = Walk { pickled, open: HashSet::new(), found: Vec::new() };
    walk.module(module, "");
    walk.found
}

struct Walk<'a> {
    pickled: &'a Pickled,
    /// The modules that the walk is in.
    open: HashSet<Id>,
    found: Vec<(String, Result<Tensor>)>,
}

/// Names that a model may have: a module that stands in many modules that stand in many has exponentially many.
const MOST_NAMES: usize = 100_000;

impl Walk<'_> {
    fn module(&mut self, module: Node<'_>, prefix: &str) {
        if self.found.len() > MOST_NAMES || !self.open.insert(module.id()) {
            return;
        }
        let hidden: Vec<_> = module
            .attr("_non_persistent_buffers_set")
            .and_then(|s| Some(s.items()?.filter_map(|i| i.str().map(str::to_owned)).collect()))
            .unwrap_or_default();
        for (key, kind) in [("_parameters", "parameter"), ("_buffers", "buffer")] {
            for (name, value) in entries(module, key) {
                if value.is_none() || (kind == "buffer" && hidden.contains(&name)) {
                    continue;
                }
                let tensor = self.pickled.tensor(value).unwrap_or_else(|| {
                    Err(Diagnostic::error(Code::TORCH_ARCHIVE, format!("a {kind} is no tensor"))
                        .found(value.to_string()))
                });
                self.found.push((format!("{prefix}{name}"), tensor));
            }
        }
        for (name, child) in entries(module, "_modules") {
            if child.object().is_some() {
                self.module(child, &format!("{prefix}{name}."));
            }
        }
        self.open.remove(&module.id());
    }
}

fn entries<'a>(module: Node<'a>, key: &str) -> Vec<(String, Node<'a>)> {
    let entries = module.attr(key).and_then(Node::entries).unwrap_or_default();
    entries.into_iter().filter_map(|(k, v)| Some((k.str()?.to_owned(), v))).collect()
}
