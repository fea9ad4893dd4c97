//! Lookup tables and variables that a run of the model changes: what is in the file is not what they always hold.
//!
//! Owns: the walk through what runs with the outputs, control inputs and whole functions included. Must never know: what
//! tables and variables hold.

use super::attrs::{function_of, list_attr};
use super::body::{Body, Ref};
use super::{Parts, is_mutable_table};
use modelport_proto::tensorflow::NodeDef;
use std::collections::HashSet;
use std::rc::Rc;

/// Ops that change what is their first operand (core/ops/lookup_ops.cc, resource_variable_ops.cc, state_ops.cc, 2.21).
const CHANGES: &[&str] = &[
    "Assign",
    "AssignAdd",
    "AssignAddVariableOp",
    "AssignSub",
    "AssignSubVariableOp",
    "AssignVariableOp",
    "LookupTableImport",
    "LookupTableImportV2",
    "LookupTableInsert",
    "LookupTableInsertV2",
    "LookupTableRemoveV2",
];

/// A call: what is called, and which of the arguments can change.
type Call = (String, Vec<Option<String>>);

struct Walk<'a> {
    parts: &'a Parts,
    changed: HashSet<String>,
    called: HashSet<Call>,
    next: Vec<(Rc<Body>, Call)>,
}

/// The tables and variables that change when the tensors `wanted` are computed, by the node that makes each; tensors in `fed`
/// are there. When there is more to walk through than `most` nodes, it may be any.
pub(super) fn changed(parts: &Parts, wanted: &[Ref], fed: &HashSet<Ref>, mut most: usize) -> HashSet<String> {
    let all: HashSet<String> = parts.main.nodes.iter().filter(|n| can_change(n)).map(|n| n.name.clone()).collect();
    if all.is_empty() {
        return all;
    }
    let mut walk = Walk { parts, changed: HashSet::new(), called: HashSet::new(), next: Vec::new() };
    for node in running(parts, wanted, fed) {
        walk.look(&parts.main, node, &[]);
    }
    while let Some((body, (_, arguments))) = walk.next.pop() {
        let Some(left) = most.checked_sub(body.nodes.len()) else { return all };
        most = left;
        for node in &body.nodes {
            walk.look(&body, node, &arguments);
        }
    }
    walk.changed
}

fn can_change(node: &NodeDef) -> bool {
    is_mutable_table(node) || matches!(node.op.as_str(), "VarHandleOp" | "Variable" | "VariableV2")
}

/// The nodes of the main graph that run with some tensors.
fn running<'a>(parts: &'a Parts, wanted: &[Ref], fed: &HashSet<Ref>) -> Vec<&'a NodeDef> {
    let main = &parts.main;
    let node = |at: &Ref| match at {
        Ref::Node(node, _) if !fed.contains(at) => Some(*node),
        _ => None,
    };
    let mut seen = HashSet::new();
    let mut next: Vec<usize> = wanted.iter().filter_map(node).collect();
    while let Some(at) = next.pop() {
        let Some(found) = main.nodes.get(at).filter(|_| seen.insert(at)) else { continue };
        next.extend(found.input.iter().filter_map(|text| match text.strip_prefix('^') {
            Some(name) => main.find(name),
            None => node(&main.resolve(&parts.library, text, "").ok()?),
        }));
    }
    seen.iter().filter_map(|at| main.nodes.get(*at)).collect()
}

impl Walk<'_> {
    /// What one node changes itself, and the functions that it calls.
    fn look(&mut self, body: &Body, node: &NodeDef, arguments: &[Option<String>]) {
        let library = &self.parts.library;
        let changing = |text: &String| match body.through(library, text)? {
            Ref::Arg(at) => arguments.get(at).cloned().flatten(),
            Ref::Node(at, _) => body.nodes.get(at).filter(|n| can_change(n)).map(|n| n.name.clone()),
        };
        let mut operands = node.input.iter().filter(|t| !t.starts_with('^'));
        if CHANGES.contains(&node.op.as_str()) {
            self.changed.extend(operands.next().and_then(changing));
            return;
        }
        // The first operand of these says which function runs, or where.
        let chooses = ["If", "StatelessIf", "_If", "Case", "StatelessCase", "RemoteCall"].contains(&node.op.as_str());
        let given: Vec<_> = operands.skip(usize::from(chooses)).map(changing).collect();
        for name in functions(node).into_iter().chain(library.has(&node.op).then(|| node.op.clone())) {
            let call = (name, given.clone());
            if let Ok(function) = library.get(&call.0)
                && self.called.insert(call.clone())
            {
                self.next.push((function, call));
            }
        }
    }
}

/// The functions that a node's attributes name.
fn functions(node: &NodeDef) -> Vec<String> {
    let branches = list_attr(node, "branches").map(|list| list.func).unwrap_or_default();
    node.attr.values().filter_map(function_of).chain(branches).map(|function| function.name).collect()
}
