//! The memo: values by number. Python numbers them without gaps; numbers with gaps cost no more than their entries.

use crate::Id;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Memo {
    /// Entries 0, 1, 2, …
    dense: Vec<Option<Id>>,
    sparse: HashMap<u32, Id>,
    /// Entries that were put, as `MEMOIZE` counts them.
    count: u32,
}

impl Memo {
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    pub(super) fn put(&mut self, key: u32, id: Id) {
        let at = key as usize;
        if at == self.dense.len() + 1 {
            // Python 2's cPickle begins with 1.
            self.dense.push(None);
        }
        if at == self.dense.len() {
            self.dense.push(self.sparse.remove(&key));
        }
        let old = match self.dense.get_mut(at) {
            Some(slot) => slot.replace(id),
            None => self.sparse.insert(key, id),
        };
        if old.is_none() {
            self.count = self.count.saturating_add(1);
        }
    }

    pub(super) fn get(&self, key: u32) -> Option<Id> {
        self.dense.get(key as usize).copied().flatten().or_else(|| self.sparse.get(&key).copied())
    }
}
