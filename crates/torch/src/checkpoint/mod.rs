//! Finding the weights in what `torch.save` wrote: a `state_dict`, a checkpoint with one somewhere in it, or a module.
//!
//! Owns: where trainers put weights, and what they put before names. Must never know: containers, graphs.

mod candidates;
mod fuse;
mod module;
mod names;
mod report;

use crate::archive::Pickled;
use crate::open::OpenOptions;
use crate::probe::Kind;
use candidates::{Candidate, Content};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::Tensor;
use modelport_pickle::{Id, Node};
use std::collections::BTreeMap;

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The weights, by the names of the `state_dict`.
    pub(crate) weights: Vec<(String, Tensor)>,
    /// The whole module, when there is one.
    pub(crate) module: Option<Id>,
    /// Choices, as sentences for the user.
    pub(crate) notes: Vec<String>,
    /// What else the file says about its origin.
    pub(crate) details: BTreeMap<String, String>,
}

/// Finds the weights.
///
/// # Errors
/// When there are none, the key that was asked for is not there, or tensors are damaged: all of them.
pub(crate) fn find(pickled: &Pickled, kind: Kind, options: &OpenOptions) -> std::result::Result<Found, Diagnostics> {
    let root = pickled.root();
    let mut notes = Vec::new();
    report::names(pickled.pickle(), &mut notes);
    let details = details(root);
    let chosen = choose(pickled, kind, options, &mut notes)?;
    let mut problems = Diagnostics::default();
    let (mut weights, module) = match chosen.content {
        Content::Module => {
            let inner = module::unwrapped(chosen.node, &mut notes);
            (module::weights(pickled, inner), Some(inner.id()))
        }
        Content::Tensors(_) => (tensors(pickled, chosen.node, &mut notes), None),
    };
    let mut sound = Vec::with_capacity(weights.len());
    let mut left_out = Vec::new();
    for (name, tensor) in weights.drain(..) {
        match tensor {
            Ok(tensor) => sound.push((name, tensor)),
            Err(d) if d.code == Code::TORCH_UNSUPPORTED_TENSOR => left_out.push((name, d)),
            Err(d) => problems.push(d.at_node(name)),
        }
    }
    report::left_out(&left_out, sound.is_empty(), &mut notes, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    if module.is_none() {
        let lightning = details.contains_key("pytorch-lightning");
        sound = fuse::parametrizations(names::stripped(sound, lightning, &mut notes), &mut notes)?;
    }
    Ok(Found { weights: sound, module, notes, details })
}

/// The candidate that holds the model's weights.
fn choose<'a>(
    pickled: &'a Pickled,
    kind: Kind,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<Candidate<'a>> {
    let all = candidates::all(pickled);
    if let Some(key) = &options.weights_key {
        return at_key(pickled, key, &all);
    }
    let Some(best) = all.iter().max_by_key(|c| c.rank()).cloned() else {
        return Err(report::nothing(pickled, kind));
    };
    if !best.path.is_empty() {
        let others: Vec<_> = all.iter().filter(|c| c.path != best.path).map(|c| c.to_string()).collect();
        let mut note = format!("the weights are those under `{}`", best.path);
        if !others.is_empty() {
            note += &format!("; there are also {} (--weights-key chooses)", others.join(", "));
        }
        notes.push(note);
    }
    Ok(best)
}

/// The value under a dotted path; keys may have dots themselves.
fn at_key<'a>(pickled: &'a Pickled, key: &str, all: &[Candidate<'a>]) -> Result<Candidate<'a>> {
    let found = candidates::at(pickled.root(), key).and_then(|node| candidates::candidate(pickled, node, key));
    found.ok_or_else(|| {
        let known: Vec<_> = all.iter().filter(|c| !c.path.is_empty()).map(|c| c.to_string()).collect();
        let d = Diagnostic::error(Code::USAGE, format!("there are no weights under the key `{key}`"));
        match known.is_empty() {
            true => d.help("the file holds weights at its root only; leave --weights-key out"),
            false => d.expected(known.join(", ")),
        }
    })
}

/// The tensors of a dict, in its order; what is no tensor is left out, and said so.
fn tensors(pickled: &Pickled, dict: Node<'_>, notes: &mut Vec<String>) -> Vec<(String, Result<Tensor>)> {
    let mut found: Vec<(String, Result<Tensor>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut others = Vec::new();
    for (key, value) in dict.entries().unwrap_or_default() {
        let Some(name) = candidates::key_text(key) else { continue };
        match pickled.tensor(value) {
            Some(tensor) => match places.get(&name) {
                // A key that stands twice has its last value.
                Some(&at) => found[at] = (name, tensor),
                None => {
                    places.insert(name.clone(), found.len());
                    found.push((name, tensor));
                }
            },
            None if !value.is_none() => others.push(name),
            None => {}
        }
    }
    if !others.is_empty() {
        notes.push(format!("entries that are no tensors are left out: {}", report::listed(&others)));
    }
    found
}

/// What a checkpoint says about its origin.
fn details(root: Node<'_>) -> BTreeMap<String, String> {
    let mut details = BTreeMap::new();
    let mut put = |name: &str, key: &str| {
        let value = root.get(key);
        if let Some(text) = value.and_then(|v| v.str().map(str::to_owned).or_else(|| v.int().map(|i| i.to_string()))) {
            details.insert(name.to_owned(), text);
        }
    };
    put("pytorch-lightning", "pytorch-lightning_version");
    put("epoch", "epoch");
    put("global_step", "global_step");
    put("arch", "arch");
    details
}
