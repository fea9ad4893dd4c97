//! Memory that values share: PyTorch writes in place, and views see it. Here every write makes new values, and a view of
//! what was written is computed anew when it is read.
//!
//! Owns: which values are views of which, and what is out of date. Must never know: what ops do but how a view is written
//! through.

use super::call::Operand;
use std::collections::HashMap;
use std::rc::Rc;

/// One view op on the way from a storage to a value.
#[derive(Debug)]
pub(crate) struct Step {
    /// The step before.
    pub(crate) before: Option<Rc<Step>>,
    /// The node in the source graph.
    pub(crate) node: usize,
    /// Its operands; the one that is viewed is replaced when the step is taken again.
    pub(crate) operands: Vec<Operand>,
    /// Which operand is viewed.
    pub(crate) viewed: usize,
    /// Which result of the node this is.
    pub(crate) result: usize,
}

/// A value's place in a storage.
#[derive(Clone, Debug)]
struct View {
    storage: usize,
    last: Option<Rc<Step>>,
    version: u32,
}

#[derive(Debug)]
struct Storage {
    current: Operand,
    version: u32,
}

/// All storages of a graph, and the values in them by their index in the source graph.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    storages: Vec<Storage>,
    views: HashMap<usize, View>,
}

/// How a stale value comes from what its storage holds now.
pub(crate) struct Stale {
    pub(crate) root: Operand,
    /// Steps from the storage on.
    pub(crate) steps: Vec<Rc<Step>>,
}

impl Memory {
    fn storage(&mut self, value: usize, operand: Operand) -> View {
        if let Some(view) = self.views.get(&value) {
            return view.clone();
        }
        self.storages.push(Storage { current: operand, version: 0 });
        let view = View { storage: self.storages.len() - 1, last: None, version: 0 };
        self.views.insert(value, view.clone());
        view
    }

    /// `result` is a view of `base`.
    pub(crate) fn add_view(&mut self, base: usize, operand: Operand, result: usize, mut step: Step) {
        let view = self.storage(base, operand);
        step.before = view.last;
        let last = Some(Rc::new(step));
        let version = self.storages.get(view.storage).map_or(0, |s| s.version);
        self.views.insert(result, View { storage: view.storage, last, version });
    }

    /// `result` is the same memory as `base`.
    pub(crate) fn add_same(&mut self, base: usize, operand: Operand, result: usize) {
        let view = self.storage(base, operand);
        self.views.insert(result, view);
    }

    /// A value gets memory of its own.
    pub(crate) fn forget(&mut self, value: usize) {
        self.views.remove(&value);
    }

    /// What is needed to compute a value anew, when its storage was written since.
    pub(crate) fn stale(&self, value: usize) -> Option<Stale> {
        let view = self.views.get(&value)?;
        let storage = self.storages.get(view.storage)?;
        (view.version != storage.version).then(|| Stale { root: storage.current, steps: steps(view) })
    }

    /// The steps to a value, and what its storage holds.
    pub(crate) fn place(&mut self, value: usize, operand: Operand) -> Stale {
        let view = self.storage(value, operand);
        let root = self.storages.get(view.storage).map_or(operand, |s| s.current);
        Stale { root, steps: steps(&view) }
    }

    /// A value is up to date again.
    pub(crate) fn refreshed(&mut self, value: usize) {
        if let Some(view) = self.views.get_mut(&value) {
            view.version = self.storages.get(view.storage).map_or(0, |s| s.version);
        }
    }

    /// The storage of `value` was written, and holds `root` now.
    pub(crate) fn written(&mut self, value: usize, root: Operand) {
        if let Some(storage) = self.views.get(&value).and_then(|v| self.storages.get_mut(v.storage)) {
            storage.current = root;
            storage.version += 1;
        }
        self.refreshed(value);
    }
}

fn steps(view: &View) -> Vec<Rc<Step>> {
    let mut steps: Vec<_> = std::iter::successors(view.last.clone(), |s| s.before.clone()).collect();
    steps.reverse();
    steps
}

/// A long chain would be dropped by recursion; it is taken apart instead.
impl Drop for Step {
    fn drop(&mut self) {
        let mut next = self.before.take();
        while let Some(mut step) = next.and_then(Rc::into_inner) {
            next = step.before.take();
        }
    }
}
