//! Lowering: a Keras source graph becomes a core graph, layer call by layer call.
//!
//! Owns: what every Keras layer and operation means, in the spelling of Keras 3.15. One family of layers a file, one row
//! a class. Must never know: file formats, older spellings (the shim has rewritten those), writers.

mod activation;
mod call;
mod config;
mod driver;
mod unknown;

pub use driver::lower;

use call::Call;
use modelport_diag::Result;
use modelport_ir::ValueId;

/// What a row's function returns.
#[derive(Clone, Copy)]
pub(crate) enum Lower {
    /// A layer with one result.
    One(fn(&mut Call<'_>) -> Result<ValueId>),
    /// A layer with any number of results.
    Many(fn(&mut Call<'_>) -> Result<Vec<ValueId>>),
}

/// What becomes of the mask of the first input, unless the function says otherwise with [`Call::set_mask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskRule {
    /// The layer does not support masking: its result has no mask.
    Stop,
    /// The layer hands the mask on (`supports_masking = True` without a `compute_mask` of its own).
    Pass,
}

/// A layer class or operation and its lowering.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Class name without module and package.
    pub(crate) name: &'static str,
    /// Inserts the core ops of one call.
    pub(crate) lower: Lower,
    /// What becomes of the mask.
    pub(crate) mask: MaskRule,
}

impl Row {
    /// The layer hands the mask of its first input on.
    pub(crate) const fn passes_mask(mut self) -> Self {
        self.mask = MaskRule::Pass;
        self
    }
}

/// A row of a layer with one result.
pub(crate) const fn row(name: &'static str, lower: fn(&mut Call<'_>) -> Result<ValueId>) -> Row {
    Row { name, lower: Lower::One(lower), mask: MaskRule::Stop }
}

/// A row of a layer with any number of results.
pub(crate) const fn row_many(name: &'static str, lower: fn(&mut Call<'_>) -> Result<Vec<ValueId>>) -> Row {
    Row { name, lower: Lower::Many(lower), mask: MaskRule::Stop }
}

/// The families; this list changes only when one is added.
const FAMILIES: &[&[Row]] = &[];

/// The row of a class.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    FAMILIES.iter().flat_map(|f| f.iter()).find(|r| r.name == name)
}

/// The names of all layer classes and operations that have a lowering, in the order of the families.
pub fn supported() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|f| f.iter()).map(|r| r.name).collect()
}

#[cfg(test)]
mod tests {
    use super::supported;

    #[test]
    fn no_class_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for name in supported() {
            assert!(seen.insert(name), "{name} stands twice");
        }
    }
}
