//! Version rules as rows: (dialect, op, versions) → rewrite of an old source op into today's spelling of the same
//! framework.
//!
//! Owns: what changed between versions of a framework, and which semantics the version that wrote a file had. Must
//! never know: core ops, files, writers. Today's spelling is that of Keras 3.15 and TensorFlow 2.21; where an old meaning has no name there, the op
//! gets a private one that lowerings know: activation `hard_sigmoid_keras2`, interpolation `bilinear_keras2`.
#![forbid(unsafe_code)]

mod rule;
mod rules;
mod version;
mod walk;

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

/// Rewrites every op of `graph`, and the ops and graphs inside their attributes, into today's spelling, with the
/// semantics of the version that wrote the file. What was changed is told; what was right already is not mentioned.
pub fn apply(graph: SourceGraph) -> (SourceGraph, Vec<Applied>) {
    walk::apply(graph)
}

/// The names of all rules with what each applies to, in the order in which they are tried.
pub fn rules() -> Vec<(&'static str, &'static [&'static str])> {
    rules::all().map(|r| (r.name, r.ops)).collect()
}
