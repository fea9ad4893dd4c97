//! Putting weights into a tree by name, and what does not fit.
//!
//! Owns: the comparison of names and shapes. Must never know: any one architecture.

use super::keys::Keys;
use crate::modules::{Module, join};
use modelport_diag::Result;
use modelport_ir::DType;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How far weights fit a tree.
#[derive(Debug, Default)]
pub(crate) struct Fit {
    /// Keys that the architecture has and the file has not, with their shapes.
    pub(crate) missing: Vec<(String, Vec<usize>)>,
    /// Keys that the file has and the architecture has not.
    pub(crate) unexpected: Vec<String>,
    /// Keys of both whose shapes differ: expected, found.
    pub(crate) misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// How many fit.
    pub(crate) matched: usize,
}

impl Fit {
    /// Whether everything fits.
    pub(crate) fn exact(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshaped.is_empty()
    }

    /// The share that fits, of everything on both sides.
    pub(crate) fn score(&self) -> f64 {
        let all = self.matched + self.missing.len() + self.unexpected.len() + self.misshaped.len();
        self.matched as f64 / all.max(1) as f64
    }

    /// All differences, a line each, the first few of each kind.
    pub(crate) fn describe(&self) -> String {
        let mut lines = vec![format!("{} keys fit", self.matched)];
        let mut list = |what: &str, items: Vec<String>| {
            const SHOWN: usize = 8;
            if items.is_empty() {
                return;
            }
            lines.push(format!("{} {what}:", items.len()));
            let more = items.len().saturating_sub(SHOWN);
            lines.extend(items.into_iter().take(SHOWN).map(|i| format!("  {i}")));
            if more > 0 {
                lines.push(format!("  and {more} more"));
            }
        };
        let missing = self.missing.iter().map(|(k, s)| format!("{k} {s:?}"));
        list("missing", missing.collect());
        list("unexpected", self.unexpected.clone());
        let misshaped = self.misshaped.iter().map(|(k, e, f)| format!("{k}: expected {e:?}, found {f:?}"));
        list("of another shape", misshaped.collect());
        lines.join("\n")
    }
}

/// Compares a tree with the keys of a file.
pub(crate) fn fit(module: &Module, keys: &Keys<'_>) -> Fit {
    let mut fit = Fit::default();
    let mut wanted = BTreeSet::new();
    module.each_tensor("", &mut |name, slot| {
        wanted.insert(name.to_owned());
        match keys.shape(name) {
            Some(found) if found == slot.shape => fit.matched += 1,
            // A counter that some versions keep as one element.
            Some(_) if slot.optional => fit.matched += 1,
            Some(found) => fit.misshaped.push((name.to_owned(), slot.shape.clone(), found.to_vec())),
            None if slot.optional => {}
            None => fit.missing.push((name.to_owned(), slot.shape.clone())),
        }
    });
    fit.unexpected = keys.names().filter(|k| !wanted.contains(*k)).map(str::to_owned).collect();
    fit
}

/// The tree with the file's tensors in it, floats in `dtype` where one is given.
///
/// # Errors
/// When a tensor's type cannot be converted.
pub(crate) fn bind(module: &Module, keys: &Keys<'_>, prefix: &str, dtype: Option<DType>) -> Result<Module> {
    let mut bound = module.clone();
    for (name, slot) in &mut bound.tensors {
        let Some(tensor) = keys.tensor(&join(prefix, name)) else { continue };
        let to = dtype.filter(|_| tensor.dtype().is_float()).unwrap_or(tensor.dtype());
        slot.tensor = Some(tensor.cast(to)?);
    }
    for (name, child) in &mut bound.children {
        *child = Rc::new(bind(child, keys, &join(prefix, name), dtype)?);
    }
    Ok(bound)
}
