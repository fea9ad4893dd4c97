//! What the user should know: names that a pickle has no business with, tensors that were left out, and what a file is
//! that holds no weights.

use super::candidates::is_optimizer;
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
    let (what, help) = what_it_is(pickled, kind);
    Diagnostic::error(Code::TORCH_NO_WEIGHTS, what)
        .expected("a dict of tensors by name (`state_dict`), a checkpoint with one in it, or a module")
        .found(format!("{}{}", outline(root), oddity(pickled.pickle())))
        .help(help)
}

/// Frameworks whose pickles are no networks, and what to do with those.
const OTHERS: &[(&str, &str)] = &[
    ("sklearn", "modelport converts neural networks; skl2onnx converts models of scikit-learn"),
    ("joblib", "modelport converts neural networks; skl2onnx converts models of scikit-learn"),
    ("xgboost", "modelport converts neural networks; onnxmltools converts models of xgboost"),
    ("lightgbm", "modelport converts neural networks; onnxmltools converts models of lightgbm"),
    ("pandas", "modelport converts neural networks, not tables"),
    ("transformers", "this is what stands beside the weights; give model.safetensors or pytorch_model.bin"),
    ("spacy", "modelport converts neural networks saved by PyTorch, TensorFlow and Keras"),
];

/// What a file without weights is, and what to do about it.
fn what_it_is(pickled: &Pickled, kind: Kind) -> (String, &'static str) {
    let names = |module: &str| pickled.pickle().globals().iter().any(|g| g.module.split('.').next() == Some(module));
    if let Some((module, help)) = OTHERS.iter().find(|(module, _)| names(module)) {
        return (format!("this is a pickle of {module}, which holds no weights of a network"), help);
    }
    let root = pickled.root();
    let optimizer =
        is_optimizer(root) || root.entries().unwrap_or_default().into_iter().any(|(_, value)| is_optimizer(value));
    if optimizer {
        let help = "save `model.state_dict()` too: an optimizer's state has none of the model's weights";
        return ("the file holds the state of an optimizer, and no weights of a model".to_owned(), help);
    }
    let what = match kind {
        Kind::Pickle => "this is a plain pickle, and there are no weights in it",
        _ => "there are no weights in the file",
    };
    (what.to_owned(), "save `model.state_dict()` with torch.save")
}

/// More values than anyone saves.
const BOMB: u64 = 1 << 40;

/// How a pickle that was made to exhaust its reader shows.
fn oddity(pickle: &Pickle) -> &'static str {
    match pickle.unfolded() {
        _ if pickle.is_recursive() => "; it contains itself",
        BOMB.. => "; its values stand in each other so often that no memory would hold them written out",
        _ => "",
    }
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
