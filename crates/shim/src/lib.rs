//! Version rules as rows: (dialect, op, versions) → rewrite of an old source op into today's spelling of the same
//! framework.
//!
//! Owns: what changed between versions of a framework. Must never know: core ops, files, writers.
#![forbid(unsafe_code)]

use modelport_ir::SourceGraph;

/// One rule that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Name of the rule.
    pub rule: &'static str,
    /// Path of the layer that it changed.
    pub node: String,
    /// What changed, as a sentence for the user.
    pub text: String,
}

/// Rewrites every op of `graph` into today's spelling, with the semantics of the version that wrote the file.
pub fn apply(graph: SourceGraph) -> (SourceGraph, Vec<Applied>) {
    (graph, Vec::new())
}
