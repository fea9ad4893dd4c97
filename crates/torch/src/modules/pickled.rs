//! The tree of modules out of the object graph of a pickle. Classes are names here; their code is not in the file.
//!
//! Owns: how `nn.Module` pickles itself: its `__dict__` with `_parameters`, `_buffers` and `_modules`
//! (`torch/nn/modules/module.py`, the same since torch 0.1). Must never know: what a class computes, how tensors are
//! stored.

use super::reparametrised::{SPECTRAL_NORM, WEIGHT_NORM};
use super::tree::{Module, Slot};
use crate::architectures::recognise;
use crate::model;
use crate::open::OpenOptions;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{Attr, SourceGraph, Tensor};
use modelport_pickle::{Id, Node};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Finds the tensor that a value of the pickle stands for; `None` when it is none.
pub(crate) type Tensors<'a> = dyn Fn(Node<'_>) -> Option<Result<Tensor>> + 'a;

/// The graph of a pickled module; `notes` takes what the user should know.
///
/// # Errors
/// When the tree is damaged, or a class is used in a way that is not supported.
pub(crate) fn graph(
    tensors: &Tensors<'_>,
    module: Node<'_>,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<SourceGraph> {
    let read = read(module, tensors, &options.limits)?;
    notes.extend(read.notes);
    let mut weights = Vec::new();
    if options.arch.is_some() || super::find(&read.root).is_ok_and(|f| f.is_none()) {
        read.root.each_tensor("", &mut |name, slot| {
            weights.extend(slot.tensor.clone().map(|t| (name.to_owned(), t)));
        });
    }
    if options.arch.is_some() {
        return model::of_weights(&weights, options, notes);
    }
    // A copy of torchvision's code under another name.
    if !weights.is_empty()
        && let Ok(found) = recognise::find(&weights, None, None)
    {
        let mut root = (*read.root).clone();
        root.attrs.insert("@like".to_owned(), Attr::Str(found.name));
        return model::of_module(&root, options, notes);
    }
    model::of_module(&read.root, options, notes)
}

/// Whether a value is an `nn.Module`.
pub(crate) fn is_module(node: Node<'_>) -> bool {
    node.object().is_some() && dict(node).is_some_and(|d| d.get("_modules").is_some() && d.get("_parameters").is_some())
}

/// The `__dict__` of an object.
fn dict(node: Node<'_>) -> Option<Node<'_>> {
    let state = node.state()?;
    if state.entries().is_some() { Some(state) } else { state.first().filter(|s| s.entries().is_some()) }
}

/// Full name of an object's class. Until torch 1.5, and in the legacy format, classes of modules stand behind a persistent
/// id with their source code: `("module", class, file, source)`.
fn class(node: Node<'_>) -> Option<String> {
    let object = node.object()?;
    let given = node.pickle().node(object.class);
    let itself = given.persistent_id().and_then(|id| id.item(1)).unwrap_or(given);
    let global = itself.global()?;
    // Protocols 0 and 1 call a function with the class.
    let global = match &*global.name {
        "_reconstructor" | "__newobj__" => {
            let given = node.arg(0)?;
            given.persistent_id().and_then(|id| id.item(1)).unwrap_or(given).global()?
        }
        _ => global,
    };
    Some(format!("{}.{}", global.module, global.name))
}

/// Attributes of every module that say nothing about what it computes.
const PLUMBING: &[&str] = &[
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
    "_is_full_backward_hook",
    "_backend",
    "_version",
];

/// A tree that was read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The root.
    pub(crate) root: Rc<Module>,
    /// Sentences for the user.
    pub(crate) notes: Vec<String>,
}

/// Reads the tree below a module.
///
/// # Errors
/// When it contains itself, or is larger than the limits.
pub(crate) fn read(root: Node<'_>, tensors: &Tensors<'_>, limits: &Limits) -> Result<Read> {
    let mut reader = Reader { tensors, limits, done: HashMap::new(), open: Vec::new(), notes: Vec::new() };
    let (module, _) = reader.module(root, "")?;
    if module.bool_or("training", false) {
        reader.notes.push("the model was saved in training mode; it is converted as in eval mode".to_owned());
    }
    Ok(Read { root: module, notes: reader.notes })
}

struct Reader<'a> {
    tensors: &'a Tensors<'a>,
    limits: &'a Limits,
    /// Modules by value, with how many modules their trees have.
    done: HashMap<Id, (Rc<Module>, usize)>,
    /// Those whose trees are being read.
    open: Vec<Id>,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn module(&mut self, node: Node<'_>, path: &str) -> Result<(Rc<Module>, usize)> {
        if let Some(done) = self.done.get(&node.id()) {
            return Ok(done.clone());
        }
        self.limits.check_depth(self.open.len(), "the tree of modules")?;
        let damaged = |what: &str| {
            Diagnostic::error(Code::TORCH_MODULE, format!("a module of the pickle {what}")).at_node(path.to_owned())
        };
        if self.open.contains(&node.id()) {
            return Err(damaged("contains itself"));
        }
        let (Some(class), Some(state)) = (class(node), dict(node)) else {
            return Err(damaged("is no object with a class and a state").found(node.to_string()));
        };
        self.open.push(node.id());
        let mut module = Module::new(class);
        for (key, value) in state.entries().unwrap_or_default() {
            let Some(key) = key.str().filter(|k| !PLUMBING.contains(k)) else { continue };
            if let Some(attr) = attribute(value, 0) {
                module.attrs.insert(key.to_owned(), attr);
            }
        }
        self.hooks(state, &mut module, path);
        for kind in ["_parameters", "_buffers"] {
            for (name, value) in state.get(kind).and_then(Node::entries).unwrap_or_default() {
                let (Some(name), Some(tensor)) = (name.str(), (self.tensors)(value)) else { continue };
                let tensor = tensor.map_err(|d| d.at_node(super::join(path, name)))?;
                let slot = Slot { shape: tensor.shape().to_vec(), tensor: Some(tensor), optional: false };
                module.tensors.push((name.to_owned(), slot));
            }
        }
        let mut size = 1usize;
        for (name, value) in state.get("_modules").and_then(Node::entries).unwrap_or_default() {
            let Some(name) = name.str().filter(|_| !value.is_none()) else { continue };
            let (child, below) = self.module(value, &super::join(path, name))?;
            size = size.saturating_add(below);
            module.children.push((name.to_owned(), child));
        }
        if size > self.limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the tree of modules is larger than is plausible")
                .expected(format!("at most {}", self.limits.objects)));
        }
        self.open.pop();
        let done = (Rc::new(module), size);
        self.done.insert(node.id(), done.clone());
        Ok(done)
    }

    /// Hooks are functions whose code is not in the file.
    fn hooks(&mut self, state: Node<'_>, module: &mut Module, path: &str) {
        for kind in ["_forward_hooks", "_forward_pre_hooks"] {
            for (_, hook) in state.get(kind).and_then(Node::entries).unwrap_or_default() {
                let name = match (hook.global(), class(hook)) {
                    (Some(g), _) => format!("{}.{}", g.module, g.name),
                    (None, Some(c)) => c,
                    (None, None) => hook.to_string(),
                };
                let kind = match name.rsplit('.').next() {
                    Some("WeightNorm") => Some(WEIGHT_NORM),
                    Some("SpectralNorm") => Some(SPECTRAL_NORM),
                    _ => None,
                };
                let weight = hook.attr("name").and_then(Node::str);
                if let (Some(kind), Some(weight)) = (kind, weight) {
                    let dim = hook.attr("dim").and_then(Node::int).map_or(Attr::None, Attr::Int);
                    let entry = Attr::List(vec![Attr::Str(weight.to_owned()), dim]);
                    match module.attrs.entry(kind.to_owned()).or_insert_with(|| Attr::List(Vec::new())) {
                        Attr::List(all) => all.push(entry),
                        other => *other = Attr::List(vec![entry]),
                    }
                    continue;
                }
                let at = if path.is_empty() { module.short() } else { path };
                self.notes.push(format!("`{at}` has a hook `{name}`, whose code is not in the file: it is left out"));
            }
        }
    }
}

/// Attributes deeper than this are data, not arguments.
const DEEPEST: usize = 6;
/// Lists longer than this are data, not arguments.
const LONGEST: usize = 4096;

/// Plain data as an attribute; classes and functions by name.
fn attribute(node: Node<'_>, depth: usize) -> Option<Attr> {
    if depth > DEEPEST {
        return None;
    }
    if node.is_none() {
        return Some(Attr::None);
    }
    if let Some(b) = node.bool() {
        return Some(Attr::Bool(b));
    }
    if let Some(i) = node.int() {
        return Some(Attr::Int(i));
    }
    if let Some(f) = node.float() {
        return Some(Attr::Float(f));
    }
    if let Some(s) = node.str() {
        return Some(Attr::Str(s.to_owned()));
    }
    if let Some(g) = node.global() {
        return Some(Attr::Str(format!("{}.{}", g.module, g.name)));
    }
    if let Some(ints) = node.object().and_then(|_| node.ints()) {
        return Some(Attr::List(ints.into_iter().map(Attr::Int).collect()));
    }
    if let Some(items) = node.items() {
        if items.len() > LONGEST {
            return None;
        }
        return items.map(|i| attribute(i, depth + 1)).collect::<Option<_>>().map(Attr::List);
    }
    let entries = node.entries()?;
    if entries.len() > LONGEST {
        return None;
    }
    let pair = |(k, v): (Node<'_>, Node<'_>)| Some((k.str()?.to_owned(), attribute(v, depth + 1)?));
    entries.into_iter().map(pair).collect::<Option<BTreeMap<_, _>>>().map(Attr::Map)
}
