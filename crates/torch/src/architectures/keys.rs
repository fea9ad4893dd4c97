//! [`Keys`]: the names and shapes of a `state_dict`, which is all that tells an architecture.
//!
//! Owns: looking keys up, and spellings of old releases. Must never know: any one architecture.

use modelport_ir::Tensor;
use std::collections::BTreeMap;

/// Names and tensors, in today's spelling.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    by_name: BTreeMap<String, &'a Tensor>,
    /// Keys that profilers leave behind.
    pub(crate) ignored: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// All weights of a file.
    pub(crate) fn new(weights: &'a [(String, Tensor)]) -> Self {
        let mut by_name = BTreeMap::new();
        let mut ignored = Vec::new();
        for (name, tensor) in weights {
            // The counters of `thop`, a popular profiler.
            if matches!(name.rsplit('.').next(), Some("total_ops" | "total_params")) {
                ignored.push(name.as_str());
            } else {
                by_name.insert(today(name), tensor);
            }
        }
        Self { by_name, ignored }
    }

    /// A tensor.
    pub(crate) fn tensor(&self, key: &str) -> Option<&'a Tensor> {
        self.by_name.get(key).copied()
    }

    /// All keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, key: &str) -> Option<&'a [usize]> {
        self.tensor(key).map(Tensor::shape)
    }

    /// One dimension of a tensor.
    pub(crate) fn dim(&self, key: &str, axis: usize) -> Option<usize> {
        self.shape(key)?.get(axis).copied()
    }

    /// Whether there is such a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.by_name.contains_key(key)
    }

    /// Whether anything stands below a module.
    pub(crate) fn below(&self, module: &str) -> bool {
        let prefix = format!("{module}.");
        self.by_name.range(prefix.clone()..).next().is_some_and(|(k, _)| k.starts_with(&prefix))
    }

    /// How many modules `prefix0`, `prefix1`, … there are without a gap, from `first` on.
    pub(crate) fn run(&self, prefix: &str, first: usize) -> usize {
        (first..).take_while(|i| self.below(&format!("{prefix}{i}"))).count()
    }
}

/// A key as today's classes spell it: `_DenseLayer` had dots in the names of its modules until torchvision 0.2.1
/// (`norm.1`), the transformer's MLP had `linear_1` and `linear_2` in 0.12.
fn today(key: &str) -> String {
    if key.contains("denselayer") {
        for part in ["norm", "relu", "conv"] {
            for n in ["1", "2"] {
                let old = format!(".{part}.{n}.");
                if key.contains(&old) {
                    return key.replace(&old, &format!(".{part}{n}."));
                }
            }
        }
    }
    if key.contains(".mlp.linear_") {
        return key.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3.");
    }
    key.to_owned()
}
