//! What wrappers put before the names of weights: `module.` of DataParallel, `_orig_mod.` of `torch.compile`, `model.` of
//! Lightning.

use modelport_ir::Tensor;
use std::collections::HashSet;

/// Components that wrappers put anywhere in a name.
const ANYWHERE: &[&str] = &["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."];

/// The weights by the names that the bare model has; what is taken away is said.
pub(super) fn stripped(
    mut weights: Vec<(String, Tensor)>,
    lightning: bool,
    notes: &mut Vec<String>,
) -> Vec<(String, Tensor)> {
    let averaged = weights.iter().any(|(n, _)| n == "n_averaged");
    if averaged && weights.iter().all(|(n, _)| n == "n_averaged" || n.starts_with("module.")) {
        weights.retain(|(n, _)| n != "n_averaged");
        notes.push("`n_averaged`, which counts the averaged models, is left out".to_owned());
    }
    for component in ANYWHERE {
        let renamed = |n: &str| match n.strip_prefix(component) {
            Some(rest) => rest.replace(&format!(".{component}"), "."),
            None => n.replace(&format!(".{component}"), "."),
        };
        rename(&mut weights, &renamed, component, notes);
    }
    let first = if lightning { &["module.", "model."][..] } else { &["module."][..] };
    for prefix in first {
        while !weights.is_empty() && weights.iter().all(|(n, _)| n.starts_with(prefix)) {
            let renamed = |n: &str| n.strip_prefix(prefix).unwrap_or(n).to_owned();
            if !rename(&mut weights, &renamed, prefix, notes) {
                break;
            }
        }
    }
    weights
}

/// Renames all weights, unless two would have one name or one would have none.
fn rename(
    weights: &mut [(String, Tensor)],
    renamed: &dyn Fn(&str) -> String,
    what: &str,
    notes: &mut Vec<String>,
) -> bool {
    let new: Vec<_> = weights.iter().map(|(n, _)| renamed(n)).collect();
    let changed = weights.iter().zip(&new).filter(|((old, _), new)| old != *new).count();
    let distinct: HashSet<_> = new.iter().filter(|n| !n.is_empty()).collect();
    if changed == 0 || distinct.len() < new.len() {
        return false;
    }
    for ((name, _), new) in weights.iter_mut().zip(new) {
        *name = new;
    }
    notes.push(format!("`{what}` is taken away from the names of {changed} weights"));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(names: &[&str], lightning: bool) -> (Vec<String>, usize) {
        let weights = names.iter().map(|n| ((*n).to_owned(), Tensor::ints(&[1]))).collect();
        let mut notes = Vec::new();
        let stripped = stripped(weights, lightning, &mut notes);
        (stripped.into_iter().map(|(n, _)| n).collect(), notes.len())
    }

    #[test]
    fn wrappers_names_go() {
        assert_eq!(strip(&["module.a.w", "module.b"], false), (vec!["a.w".into(), "b".into()], 1));
        assert_eq!(strip(&["module.a", "b"], false), (vec!["module.a".into(), "b".into()], 0));
        assert_eq!(strip(&["_orig_mod.a", "_orig_mod.b._orig_mod.c"], false), (vec!["a".into(), "b.c".into()], 1));
        assert_eq!(strip(&["module._orig_mod.a"], false), (vec!["a".into()], 2));
        assert_eq!(strip(&["model.a"], false), (vec!["model.a".into()], 0));
        assert_eq!(strip(&["model.a"], true), (vec!["a".into()], 1));
        assert_eq!(strip(&["n_averaged", "module.a"], false), (vec!["a".into()], 2));
        assert_eq!(strip(&["module."], false), (vec!["module.".into()], 0));
        // Two weights would have one name.
        assert_eq!(strip(&["a._orig_mod.b", "a.b"], false), (vec!["a._orig_mod.b".into(), "a.b".into()], 0));
    }
}
