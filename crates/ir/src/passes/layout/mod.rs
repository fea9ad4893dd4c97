//! The layout pass: every op that has a layout becomes channels-first.
//!
//! Each node has one form or two ([`forms`]), each value one of two layouts: that of the source graph, or channels-first.
//! A transpose is needed where a value is wanted in another layout than it is made in. Choosing forms so that
//! transposes cost least is a minimum cut ([`flow`]), solved for the whole graph at once; [`emit`] then builds it.
//!
//! Owns: layouts. Must never know: which target wants them.

mod dense;
mod elementwise;
mod emit;
mod flow;
mod forms;
mod movement;
mod norm;
mod plan;
mod reduce;
mod windows;

use super::optimize::tidy;
use super::{InputLayout, prune};
use crate::CoreGraph;

/// Rewrites a graph so that every op that has a layout is channels-first, with as few transposes as there can be.
/// Constants are permuted lazily. Names of inputs, outputs and nodes are kept.
///
/// Bodies of control flow are rewritten on their own, with their signatures kept.
pub fn channels_first(graph: &CoreGraph, inputs: InputLayout) -> CoreGraph {
    let graph = prune(graph);
    let plan = plan::plan(&graph, inputs);
    let rewritten = emit::emit(&graph, &plan);
    debug_assert!(rewritten.is_ok(), "{rewritten:?}");
    // Should the builder refuse a node all the same, the writer meets channels-last ops and names them.
    rewritten.map_or(graph, |g| tidy(&g))
}
