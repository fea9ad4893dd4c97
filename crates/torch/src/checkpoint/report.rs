//! What the user should know: names that a pickle has no business with, tensors that were left out, and what a file is
//! that holds no weights.

use crate::archive::{Pickled, class_of};
use crate::probe::Kind;
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_pickle::{Node, Pickle, Trust};

/// A few names of many: `a, b, c and 9 more`.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<_> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Says which suspicious names the pickle has.
pub(super) fn names(pickle: &Pickle, notes: &mut Vec<String>) {
    let bad: Vec<_> = pickle.globals().iter().filter(|g| g.trust == Trust::Suspicious).collect();
    let called: Vec<_> = bad.iter().filter(|g| g.called).map(|g| g.to_string()).collect();
    let named: Vec<_> = bad.iter().filter(|g| !g.called).map(|g| g.to_string()).collect();
    if !called.is_empty() {
        notes.push(format!(
            "the file is not safe to load in Python: that would call {}. Nothing of it was executed here",
            listed(&called)
        ));
    }
    if !named.is_empty() {
        notes.push(format!(
            "the file names {}, which saved models do not need. Nothing of it was executed here",
            listed(&named)
        ));
    }
}

/// Tensors that no target has are left out; when nothing else is there, that is the error.
pub(super) fn left_out(
    tensors: &[(String, Box<Diagnostic>)],
    all: bool,
    notes: &mut Vec<String>,
    problems: &mut Diagnostics,
) {
    if all {
        for (name, d) in tensors {
            problems.push(d.clone().at_node(name.clone()));
        }
        return;
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, d) in tensors {
        match reasons.iter_mut().find(|(reason, _)| *reason == d.message) {
            Some((_, names)) => names.push(name),
            None => reasons.push((&d.message, vec![name])),
        }
    }
    for (reason, names) in reasons {
        notes.push(format!("left out: {} ({reason})", listed(&names)));
    }
}

/// The diagnostic for a file without weights.
pub(super) fn nothing(pickled: &Pickled, kind: Kind) -> Box<Diagnostic> {
    let root = pickled.root();
    if pickled.tensor(root).is_some() {
        return Diagnostic::error(Code::TORCH_NO_WEIGHTS, "the file holds a single tensor, not the weights of a model")
            .help("save `model.state_dict()`, or the whole model");
    }
    let frameworks: Vec<_> = ["sklearn", "joblib", "xgboost", "lightgbm", "pandas", "transformers", "spacy"]
        .iter()
        .filter(|f| pickled.pickle().globals().iter().any(|g| g.module.split('.').next() == Some(f)))
        .collect();
    let what = match frameworks.first() {
        Some(framework) => format!("this is a pickle of {framework}, which holds no weights of a network"),
        None if kind == Kind::Pickle => "this is a plain pickle, and there are no weights in it".to_owned(),
        None => "there are no weights in the file".to_owned(),
    };
    Diagnostic::error(Code::TORCH_NO_WEIGHTS, what)
        .expected("a dict of tensors by name (`state_dict`), a checkpoint with one in it, or a module")
        .found(outline(root))
        .help("save `model.state_dict()` with torch.save")
}

/// What the root is, with the keys of a dict.
fn outline(root: Node<'_>) -> String {
    let what = match class_of(root) {
        Some(class) => format!("an object of class {class}"),
        None => root.to_string(),
    };
    let keys: Vec<_> = root.entries().unwrap_or_default().into_iter().map(|(k, v)| format!("{k}: {v}")).collect();
    if keys.is_empty() { what } else { format!("{what}: {}", listed(&keys)) }
}
