//! Operators whose meaning changed while their name did not: the version of an archive says which meaning holds
//! (`torch/csrc/jit/operator_upgraders/version_map.cpp`, `upgraders_entry.cpp`).
//!
//! Owns: which operators carry a version. Must never know: what the older meanings are (rows of the shim do).

use super::machine::Machine;

/// Operators, and the version in which they got today's meaning.
const CHANGED: &[(&str, i64)] =
    &[("aten::div", 4), ("aten::full", 5), ("aten::linspace", 8), ("aten::logspace", 9), ("aten::gelu", 10)];

impl Machine {
    /// The version of an operator in this archive, where it means something else than today.
    pub(super) fn version_of(&self, op: &str) -> Option<i64> {
        let changed = CHANGED.iter().find(|(name, _)| *name == op)?;
        (self.op_version < changed.1).then_some(self.op_version)
    }
}
