//! Folding and merging: fewer nodes, the same numbers up to rounding.
//!
//! A rule looks at one node and those around it, and edits the [`Net`] or leaves it. Rules run over all nodes until none
//! applies. A new rule is a line in [`RULES`].

mod bounds;
mod cse;
mod fuse;
mod identity;
mod idioms;
mod linear;
mod pads;
mod pointwise;
mod views;

use super::net::Net;
use super::prune;
use crate::{CoreGraph, NodeId};

/// Edits the graph around a node; whether it did.
type Rule = fn(&mut Net, NodeId) -> bool;

/// All rules, simplest first.
const RULES: &[Rule] = &[
    identity::noop,
    views::transposes,
    views::views,
    views::keepdims,
    identity::casts,
    bounds::clips,
    pads::pads,
    fuse::lines,
    fuse::bias,
    pointwise::pairs,
];

/// The rules that clean up after the layout pass.
const TIDY: &[Rule] = &[identity::noop, views::transposes, views::views];

/// Times that the rules run over the whole graph: each run merges whole chains, so few are needed.
const MOST_RUNS: usize = 16;

/// Folds and merges what can be without changing the numbers by more than rounding: constants into weights, by lazy
/// recipes; pads into windows; nodes that do nothing or the same twice. Names of inputs, outputs and nodes are kept.
pub fn optimize(graph: &CoreGraph) -> CoreGraph {
    let mut net = Net::new(&prune(graph));
    cse::merge(&mut net);
    run(&mut net, idioms::RULES);
    if run(&mut net, RULES) {
        cse::merge(&mut net);
    }
    finish(&net, graph, &optimize)
}

/// Removes transposes and views that cancel.
pub(super) fn tidy(graph: &CoreGraph) -> CoreGraph {
    let mut net = Net::new(graph);
    if run(&mut net, TIDY) { finish(&net, graph, &CoreGraph::clone) } else { graph.clone() }
}

/// An edit that breaks the graph would be a defect of a rule, which tests must see; the graph as it was is still right.
fn finish(net: &Net, graph: &CoreGraph, body: &dyn Fn(&CoreGraph) -> CoreGraph) -> CoreGraph {
    let finished = net.finish(body);
    debug_assert!(finished.is_ok(), "{finished:?}");
    finished.unwrap_or_else(|_| prune(graph))
}

fn run(net: &mut Net, rules: &[Rule]) -> bool {
    let mut changed = false;
    for _ in 0..MOST_RUNS {
        let mut again = false;
        for id in net.ids() {
            for rule in rules {
                again |= !net.is_dead(id) && rule(net, id);
            }
        }
        changed |= again;
        if !again {
            break;
        }
    }
    changed
}
