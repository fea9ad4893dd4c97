//! The one model inside of a trainer's module: what stands before the names of all its weights (`net.`, `backbone.`), and
//! losses and metrics that have weights of their own.
//!
//! Owns: those names. Must never know: architectures. A model with a second part, such as a head of its own, is never cut.

use modelport_ir::Tensor;

type Weights = Vec<(String, Tensor)>;

/// Parts of the first component of names that are no model's.
const BESIDE: &[&str] = &["criterion", "loss", "metric", "accuracy", "auroc"];

/// The weights under shorter names, and what to say about that; `None` where no name gets shorter and none is left out.
pub(super) fn within(weights: &[(String, Tensor)]) -> Option<(Weights, Vec<String>)> {
    let beside = |name: &str| {
        let first = name.split('.').next().unwrap_or("").to_lowercase();
        BESIDE.iter().any(|b| first.contains(b))
    };
    let (left, ours): (Vec<_>, Vec<_>) = weights.iter().partition(|(name, _)| beside(name));
    let prefix = common(ours.iter().map(|(name, _)| name.as_str()))?;
    if prefix.is_empty() && left.is_empty() {
        return None;
    }
    let short = ours.iter().filter_map(|(name, t)| Some((name.strip_prefix(prefix)?.to_owned(), t.clone()))).collect();
    let mut notes = Vec::new();
    if !prefix.is_empty() {
        notes.push(format!("`{prefix}` is taken away from the names of {} weights", ours.len()));
    }
    if !left.is_empty() {
        let names: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
        notes.push(format!("left out, since a loss or metric is not part of the model: {}", names.join(", ")));
    }
    Some((short, notes))
}

/// The whole components, each with its dot, that all names begin with; `None` without a name.
fn common<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = names.next()?;
    let whole = first.rfind('.').and_then(|dot| first.get(..=dot)).unwrap_or("");
    Some(names.fold(whole, |mut prefix, name| {
        while !name.starts_with(prefix) {
            let shorter = prefix.trim_end_matches('.').rfind('.').and_then(|dot| prefix.get(..=dot));
            prefix = shorter.unwrap_or("");
        }
        prefix
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(names: &[&str]) -> Option<(Vec<String>, usize)> {
        let weights: Vec<_> = names.iter().map(|n| ((*n).to_owned(), Tensor::ints(&[1]))).collect();
        within(&weights).map(|(w, notes)| (w.into_iter().map(|(n, _)| n).collect(), notes.len()))
    }

    #[test]
    fn what_all_names_begin_with_goes() {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(short(&["net.a.w", "net.b"]), Some((owned(&["a.w", "b"]), 1)));
        assert_eq!(short(&["a.b.c.w", "a.b.d.w"]), Some((owned(&["c.w", "d.w"]), 1)));
        assert_eq!(short(&["net.a", "criterion.weight", "net.b"]), Some((owned(&["a", "b"]), 2)));
        assert_eq!(short(&["a.w", "train_loss.w", "b.w"]), Some((owned(&["a.w", "b.w"]), 1)));
        // A second part of the model stays, and so do names that only look alike.
        assert_eq!(short(&["net.a", "head.b"]), None);
        assert_eq!(short(&["net.a", "network.b"]), None);
        assert_eq!(short(&["a", "b"]), None);
        assert_eq!(short(&["criterion.weight"]), None);
    }
}
