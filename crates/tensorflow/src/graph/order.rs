//! Which nodes of a body are needed for some tensors, and in which order.
//!
//! Owns: the walk backwards from what is wanted; control inputs are not followed. Must never know: what ops mean.

use super::body::{Body, Ref, graph_error};
use super::library::Library;
use modelport_diag::Result;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What has to be put into the graph.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The nodes, each after those that it depends on.
    pub(crate) order: Vec<usize>,
    /// The data inputs of each of them.
    pub(crate) inputs: HashMap<usize, Vec<Ref>>,
    /// Which outputs of each are used.
    pub(crate) used: HashMap<usize, BTreeSet<usize>>,
}

/// The nodes that the tensors `wanted` need; tensors in `fed` are there already.
///
/// # Errors
/// `TF0002` when a node that is referred to is not there, or nodes depend on each other in a circle.
pub(crate) fn plan(body: &Body, library: &Library, wanted: &[Ref], fed: &HashSet<Ref>) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut state = vec![State::New; body.nodes.len()];
    for root in wanted {
        plan.visit(body, library, *root, fed, &mut state)?;
    }
    Ok(plan)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

impl Plan {
    fn visit(
        &mut self,
        body: &Body,
        library: &Library,
        root: Ref,
        fed: &HashSet<Ref>,
        state: &mut [State],
    ) -> Result<()> {
        // A path through the graph: each node with how many of its inputs were followed. Graphs are deeper than stacks.
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut next = Some(root);
        loop {
            if let Some(Ref::Node(at, output)) = next.filter(|r| !fed.contains(r)) {
                self.used.entry(at).or_default().insert(output);
                match state.get(at) {
                    Some(State::New) => {
                        self.open(body, library, at)?;
                        state[at] = State::Open;
                        path.push((at, 0));
                    }
                    Some(State::Open) => return Err(circle(body, at, &path)),
                    _ => {}
                }
            }
            let Some((at, followed)) = path.last_mut() else { return Ok(()) };
            next = self.inputs.get(at).and_then(|i| i.get(*followed)).copied();
            *followed += 1;
            if next.is_none() {
                state[*at] = State::Done;
                self.order.push(*at);
                path.pop();
            }
        }
    }

    fn open(&mut self, body: &Body, library: &Library, at: usize) -> Result<()> {
        let node = body.node(at)?;
        let mut inputs = Vec::with_capacity(node.input.len());
        for text in node.input.iter().filter(|t| !t.starts_with('^')) {
            inputs.push(body.resolve(library, text, &node.name)?);
        }
        self.inputs.insert(at, inputs);
        Ok(())
    }
}

fn circle(body: &Body, at: usize, path: &[(usize, usize)]) -> Box<modelport_diag::Diagnostic> {
    let name = |i: &usize| body.nodes.get(*i).map_or("", |n| n.name.as_str());
    let from = path.iter().position(|(i, _)| *i == at).unwrap_or(0);
    let names: Vec<_> = path.iter().skip(from).map(|(i, _)| name(i)).take(8).collect();
    graph_error("nodes depend on each other in a circle", name(&at)).found(names.join(" <- "))
}
