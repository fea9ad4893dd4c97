//! What a pickle holds, and what `torch.load` says to it.
//!
//! Owns: state_dicts against models, prefixes, devices, attributes that came later. Must never know: containers.

use super::names::{self, Fate};
use super::{Case, Content};
use crate::doctor::diagnosis::{Cause, Finding, Level};
use crate::doctor::tables;
use crate::doctor::version::within;
use modelport_pickle::{Id, Node, Pickle, Value};
use std::collections::{BTreeSet, HashSet};

/// Keys that trainers put the weights under (threads of row 12).
const WEIGHTS: &[&str] =
    &["state_dict", "model_state_dict", "model_state", "model", "net", "network", "ema", "weights", "params"];
/// Prefixes that wrappers put before every key.
const PREFIXES: &[&str] = &["module.", "_orig_mod.", "model."];
/// Attributes that a module has got since, by class: the class's module path, the attribute, since when it is read
/// (pytorch issues 81306, 100935, 20756; `__setstate__` of torch 2.15 fills the others in).
const LATER: &[(&str, &str, &str, &str)] = &[
    ("torch.nn.modules.activation", "GELU", "approximate", "1.12"),
    ("torch.nn.modules.upsampling", "Upsample", "recompute_scale_factor", "1.11"),
];

/// What kind of thing is at the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Root {
    StateDict,
    Checkpoint,
    Model,
    Other,
}

fn root(pickle: &Pickle) -> Root {
    let root = pickle.root();
    if is_module(root) {
        return Root::Model;
    }
    let Some(entries) = root.entries() else { return Root::Other };
    let tensors = entries.iter().filter(|(_, v)| is_tensor(*v)).count();
    match (tensors, entries.iter().any(|(_, v)| is_module(*v) || v.entries().is_some())) {
        (0, true) => Root::Checkpoint,
        (0, false) => Root::Other,
        (n, _) if n * 2 > entries.len() => Root::StateDict,
        _ => Root::Checkpoint,
    }
}

fn is_tensor(node: Node<'_>) -> bool {
    node.class().is_some_and(|c| {
        (&*c.module == "torch._utils" || &*c.module == "torch._tensor") && c.name.starts_with("_rebuild_")
            || &*c.module == "torch.nn.parameter"
    })
}

/// Whether it is an object with the state of a `torch.nn.Module`.
fn is_module(node: Node<'_>) -> bool {
    node.attr("_modules").is_some() || node.attr("_parameters").is_some()
}

/// The key of a checkpoint under which a whole model stands, rather than its weights.
pub(crate) fn model_key(pickle: &Pickle) -> Option<&str> {
    let entries = if root(pickle) == Root::Checkpoint { pickle.root().entries()? } else { return None };
    entries.iter().find(|(_, v)| is_module(*v)).and_then(|(k, _)| k.str())
}

/// A few words on the content, to follow the container's.
pub(crate) fn content(pickle: &Pickle) -> &'static str {
    match root(pickle) {
        Root::StateDict => " with a state_dict",
        Root::Checkpoint => " with a checkpoint: a dictionary around the weights",
        Root::Model => " with a whole model",
        Root::Other => "",
    }
}

/// Everything that `torch.load` would meet.
pub(crate) fn findings(case: &Case<'_>) -> Content {
    let Some(pickle) = &case.file.pickle else { return Content::default() };
    let mut content = Content::default();
    named(case, pickle, &mut content);
    devices(pickle, &mut content.all);
    if root(pickle) == Root::Model {
        later(case, pickle, &mut content.all);
    }
    keys(pickle, &mut content.all);
    content
}

/// The names: classes that are not there, and what `weights_only` refuses first.
fn named(case: &Case<'_>, pickle: &Pickle, content: &mut Content) {
    let (torch, vision) = (case.torch(), case.torchvision());
    let mut missing = Vec::new();
    for name in pickle.globals() {
        let path = name.to_string();
        let short = name.name.rsplit('.').next().unwrap_or_default();
        let module = &*name.module;
        let found = match names::fate(name, &torch, &vision) {
            Fate::Known => continue,
            Fate::Program => {
                Finding::refused(Cause::CustomObjects, "the pickle of a whole model needs the program's own classes")
                    .row(7)
                    .error(format!("AttributeError: Can't get attribute '{short}' on <module '__main__' …>"))
            }
            Fate::Package => {
                let package = module.split('.').next().unwrap_or_default();
                Finding::refused(
                    Cause::CustomObjects,
                    format!("the pickle needs classes of the Python package `{package}`"),
                )
                .row(21)
                .error(format!("ModuleNotFoundError: No module named '{package}'"))
            }
            Fate::Moved(where_to) => {
                Finding::refused(Cause::Version, format!("`{path}` is not in torchvision {vision}: {where_to}"))
                    .row(23)
                    .error(format!("AttributeError: Can't get attribute '{short}' on <module '{module}' …>"))
            }
            Fate::NumPy2 => Finding::new(
                Cause::Version,
                Level::Depends,
                "the pickle names NumPy 2's `numpy._core`, which NumPy before 1.26 does not have",
            )
            .row(51)
            .error("ModuleNotFoundError: No module named 'numpy._core'"),
            Fate::Newer(versions) => {
                Finding::refused(Cause::Version, format!("`{path}` is not in torch {torch}; {versions} have it"))
                    .error(format!("AttributeError: module '{module}' has no attribute '{short}'"))
            }
        };
        missing.push(found.at(path));
    }
    if let Some(refused) = weights_only(case, pickle) {
        content.only_weights_only = true;
        content.all.push(refused);
    }
    content.all.extend(missing);
}

/// Since 2.6 `torch.load` reads weights only (torch_formats.tsv, area `default`).
fn weights_only(case: &Case<'_>, pickle: &Pickle) -> Option<Finding> {
    let torch = case.torch();
    let nearest = super::container::nearest(&torch);
    let default = tables::torch().iter().any(|f| {
        f.area == "default"
            && f.item.contains("weights_only")
            && f.value.starts_with("True")
            && within(f.versions, &nearest)
    });
    let refused: Vec<_> =
        pickle.globals().iter().filter(|g| !names::allowed(g, &torch)).map(ToString::to_string).collect();
    let first = refused.first()?;
    if !default {
        return None;
    }
    let text = format!(
        "_pickle.UnpicklingError: Weights only load failed. … WeightsUnpickler error: Unsupported global: GLOBAL {first} was not an allowed global by default."
    );
    let what = "`torch.load` reads weights only by default, and the pickle names what is not on its list";
    let mut found = Finding::refused(Cause::SaveMethod, what).row(2).error(text);
    found.places = refused;
    Some(found)
}

/// Tags of storages: where they were when they were saved.
fn devices(pickle: &Pickle, all: &mut Vec<Finding>) {
    let mut tags = BTreeSet::new();
    walk(pickle, &mut |node| {
        let Some(id) = node.persistent_id() else { return };
        // ('storage', class, key, location, numel)
        if id.item(0).and_then(Node::str) == Some("storage") {
            tags.extend(id.item(3).and_then(Node::str).map(str::to_owned));
        }
    });
    let other = |t: &&String| *t != "cpu" && !t.is_empty() && *t != "meta";
    for tag in tags.iter().filter(other) {
        let found = if tag.starts_with("cuda") {
            Finding::new(Cause::Device, Level::Depends, "tensors were saved on a CUDA device and load only where there is one")
                .row(5)
                .error("RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.")
        } else {
            let what = format!("tensors were saved on the device `{tag}`, whose backend must be installed");
            Finding::new(Cause::Device, Level::Depends, what)
                .row(40)
                .error(format!("RuntimeError: don't know how to restore data location of torch.storage.UntypedStorage (tagged with {tag})"))
        };
        all.push(found.at(tag.clone()));
    }
}

/// Modules that lack an attribute which their class reads by now.
fn later(case: &Case<'_>, pickle: &Pickle, all: &mut Vec<Finding>) {
    let torch = case.torch();
    walk(pickle, &mut |node| {
        for (module, class, attribute, since) in LATER {
            if node.is_class(module, class)
                && !torch.before(since)
                && node.state().is_some()
                && node.attr(attribute).is_none()
            {
                let what = format!(
                    "`{class}` was pickled before torch {since} and lacks `{attribute}`; it loads, and fails when it is run"
                );
                let text = format!("AttributeError: '{class}' object has no attribute '{attribute}'");
                all.push(Finding::refused(Cause::Version, what).row(22).error(text));
            }
        }
    });
}

/// What stands in the way of `model.load_state_dict`.
fn keys(pickle: &Pickle, all: &mut Vec<Finding>) {
    let kind = root(pickle);
    let node = pickle.root();
    let note = |cause, what: String| Finding::new(cause, Level::Note, what);
    let inner =
        WEIGHTS.iter().find_map(|k| Some((*k, node.get(k)?))).filter(|(_, v)| v.entries().is_some() || is_module(*v));
    match (kind, inner) {
        (Root::StateDict, _) => {
            let what =
                "the file holds tensors by name (a state_dict), not a model: `.eval()` and a call are not for it";
            let text = "AttributeError: 'collections.OrderedDict' object has no attribute 'eval'";
            all.push(note(Cause::SaveMethod, what.into()).row(20).row(19).error(text));
        }
        (Root::Checkpoint, Some((key, _))) => {
            let what = format!("the weights are inside the checkpoint under `{key}`");
            let text = "RuntimeError: Error(s) in loading state_dict: Missing key(s) in state_dict";
            all.push(note(Cause::SaveMethod, what).row(12).error(text));
        }
        _ => {}
    }
    if kind != Root::StateDict && kind != Root::Model {
        let what = "readers in other languages expect a dictionary of tensors at the root";
        all.push(note(Cause::SaveMethod, what.into()).row(54));
    }
    let dict = inner.map_or(node, |(_, v)| v);
    let names: Vec<_> = dict.entries().unwrap_or_default().into_iter().filter_map(|(k, _)| k.str()).collect();
    if let Some(prefix) = PREFIXES.iter().find(|p| !names.is_empty() && names.iter().all(|n| n.starts_with(**p))) {
        let what = format!("every key starts with `{prefix}`, which a model that is not wrapped does not expect");
        let text = format!(
            "RuntimeError: Error(s) in loading state_dict: Missing key(s) …, Unexpected key(s) in state_dict: \"{}\"",
            names.first().unwrap_or(&"")
        );
        all.push(note(Cause::SaveMethod, what).row(12).error(text));
    }
}

/// Visits every value that the root reaches, once.
fn walk(pickle: &Pickle, visit: &mut dyn FnMut(Node<'_>)) {
    let mut seen: HashSet<Id> = HashSet::new();
    let mut todo = vec![pickle.root().id()];
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        visit(pickle.node(id));
        match pickle.value(id) {
            Value::List(ids) | Value::Tuple(ids) | Value::Set(ids) => todo.extend(ids),
            Value::Dict(pairs) => todo.extend(pairs.iter().flat_map(|(k, v)| [*k, *v])),
            Value::PersId(inner) => todo.push(*inner),
            Value::Object(o) => {
                todo.extend([Some(o.class), Some(o.args), o.kwargs, o.state].into_iter().flatten());
                todo.extend(&o.items);
                todo.extend(o.entries.iter().flat_map(|(k, v)| [*k, *v]));
            }
            _ => {}
        }
    }
}
