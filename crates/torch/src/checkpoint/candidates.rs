//! Where in a checkpoint weights may be.

use crate::archive::{Pickled, class_of};
use crate::modules::is_module;
use modelport_pickle::{Id, Node, Value};
use std::collections::HashSet;
use std::fmt;

/// How deep checkpoints hide weights.
const DEPTH: usize = 3;

/// Keys under which trainers save the model, the surest first.
const PREFERRED: &[&str] = &[
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "params_ema",
    "model_ema",
    "ema",
    "state_dict_ema",
    "ema_state_dict",
    "teacher",
    "student",
    "generator",
    "netG",
    "G",
    "encoder",
    "backbone",
];

/// Beginnings of keys under which there are tensors that are no weights.
const EXCLUDED: &[&str] =
    &["optim", "opt_", "scheduler", "lr_", "scaler", "amp", "rng", "random", "loops", "callbacks", "hparams", "hyper"];

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A dict with this many tensors.
    Tensors(usize),
    /// A module.
    Module,
}

/// A place where weights may be.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// Keys on the way, joined by dots.
    pub(super) path: String,
    pub(super) node: Node<'a>,
    pub(super) content: Content,
    /// Whether everything in the dict is a tensor.
    pure: bool,
}

impl Candidate<'_> {
    /// The larger, the likelier: a whole module or `state_dict` at the root, then what stands under a known key, then what
    /// has the most tensors.
    pub(super) fn rank(&self) -> (bool, usize, usize, usize) {
        let key = self.path.rsplit('.').next().unwrap_or("");
        let known = PREFERRED.iter().position(|p| *p == key).map_or(0, |at| PREFERRED.len() - at);
        let sure = self.path.is_empty() && self.pure;
        let tensors = match self.content {
            Content::Tensors(n) => n,
            Content::Module => usize::MAX,
        };
        let depth = self.path.matches('.').count();
        (sure, known, tensors, usize::MAX - depth)
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the root" } else { &self.path };
        match self.content {
            Content::Tensors(1) => write!(f, "`{path}` (1 tensor)"),
            Content::Tensors(n) => write!(f, "`{path}` ({n} tensors)"),
            Content::Module => write!(f, "`{path}` (a module)"),
        }
    }
}

/// All places where weights may be.
pub(super) fn all(pickled: &Pickled) -> Vec<Candidate<'_>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    search(pickled, pickled.root(), "", 0, &mut seen, &mut found);
    found
}

fn search<'a>(
    pickled: &'a Pickled,
    node: Node<'a>,
    path: &str,
    depth: usize,
    seen: &mut HashSet<Id>,
    found: &mut Vec<Candidate<'a>>,
) {
    if !seen.insert(node.id()) {
        return;
    }
    let candidate = candidate(pickled, node, path);
    let sure = candidate.as_ref().is_some_and(|c| c.pure);
    found.extend(candidate);
    if sure || depth >= DEPTH || is_optimizer(node) {
        return;
    }
    for (key, child) in children(node) {
        if !EXCLUDED.iter().any(|e| key.to_lowercase().starts_with(e)) {
            let path = if path.is_empty() { key } else { format!("{path}.{key}") };
            search(pickled, child, &path, depth + 1, seen, found);
        }
    }
}

/// What a node is, when there are weights right in it.
pub(super) fn candidate<'a>(pickled: &'a Pickled, node: Node<'a>, path: &str) -> Option<Candidate<'a>> {
    let new = |content, pure| Some(Candidate { path: path.to_owned(), node, content, pure });
    if is_module(node) {
        return new(Content::Module, true);
    }
    let entries = node.entries()?;
    let named = entries.iter().filter(|(k, _)| key_text(*k).is_some());
    let (mut tensors, mut others) = (0, 0);
    for (_, value) in named {
        match pickled.tensor(*value) {
            Some(_) => tensors += 1,
            None if value.is_none() || is_extra_state(*value) => {}
            None => others += 1,
        }
    }
    // A `state_dict` may have a few entries of other kinds; a checkpoint with a loss in it is none.
    if tensors > 0 { new(Content::Tensors(tensors), others * 10 <= tensors) } else { None }
}

/// The `state_dict` of an optimizer (`torch/optim/optimizer.py`): its tensors are averages of gradients.
pub(super) fn is_optimizer(node: Node<'_>) -> bool {
    node.get("param_groups").is_some_and(|g| matches!(g.value(), Value::List(_))) && node.get("state").is_some()
}

fn is_extra_state(value: Node<'_>) -> bool {
    matches!(value.value(), Value::Int(_) | Value::Float(_) | Value::Bool(_))
}

fn children<'a>(node: Node<'a>) -> Vec<(String, Node<'a>)> {
    if let Some(entries) = node.entries() {
        return entries.into_iter().filter_map(|(k, v)| Some((key_text(k)?, v))).collect();
    }
    match node.value() {
        // An object around a model, such as fastai's Learner: its attributes.
        Value::Object(_) if !class_of(node).is_some_and(|c| c.module.starts_with("torch.optim")) => {
            let entries = node.state().and_then(Node::entries).unwrap_or_default();
            entries.into_iter().filter_map(|(k, v)| Some((key_text(k)?, v))).collect()
        }
        Value::List(_) | Value::Tuple(_) => {
            node.items().into_iter().flatten().take(16).enumerate().map(|(i, v)| (i.to_string(), v)).collect()
        }
        _ => Vec::new(),
    }
}

/// The value under a dotted path. Of keys that have dots themselves, the longest that fits is tried first.
pub(super) fn at<'a>(node: Node<'a>, path: &str) -> Option<Node<'a>> {
    let children = children(node);
    if let Some((_, child)) = children.iter().rev().find(|(k, _)| k == path) {
        return Some(*child);
    }
    let dots: Vec<_> = path.match_indices('.').map(|(i, _)| i).collect();
    dots.into_iter().rev().find_map(|dot| {
        let (key, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
        let (_, child) = children.iter().rev().find(|(k, _)| k == key)?;
        at(*child, rest)
    })
}

/// A key of a dict that can be a weight's name.
pub(super) fn key_text(key: Node<'_>) -> Option<String> {
    key.str().map(str::to_owned).or_else(|| key.int().map(|i| i.to_string()))
}
