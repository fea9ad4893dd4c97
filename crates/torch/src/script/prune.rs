//! Nodes that no output needs are dropped: what was folded while the code was evaluated leaves them behind.
//!
//! Owns: rebuilding a source graph of its live nodes, bodies included. Must never know: what ops mean.

use modelport_ir::{Attr, Def, SourceGraph, ValueId};
use std::collections::HashMap;

/// The graph without nodes that no output needs. Inputs stay.
pub(super) fn prune(graph: &SourceGraph) -> SourceGraph {
    let live = live_nodes(graph);
    let mut out = SourceGraph::new(graph.name.clone());
    out.provenance = graph.provenance.clone();
    let mut ids: HashMap<ValueId, ValueId> = HashMap::new();
    for &id in graph.inputs() {
        let v = graph.value(id);
        ids.insert(id, out.add_input(v.name.clone(), v.ty.clone()));
    }
    for (node, _) in graph.nodes().iter().zip(&live).filter(|(_, live)| **live) {
        let mut op = node.op.clone();
        for attr in op.attrs.values_mut() {
            if let Attr::Graph(body) = attr {
                **body = prune(body);
            }
        }
        let inputs = node.inputs.iter().map(|id| id.map(|id| value(graph, &mut out, &mut ids, id))).collect();
        let results = node.outputs.iter().map(|&id| (graph.value(id).name.clone(), graph.ty(id).clone())).collect();
        for (old, new) in node.outputs.iter().zip(out.add_node(op, inputs, node.name.clone(), results)) {
            ids.insert(*old, new);
        }
    }
    for output in graph.outputs() {
        let id = value(graph, &mut out, &mut ids, output.value);
        out.add_output(output.name.clone(), id);
    }
    out
}

/// A value in the new graph; constants are added when they are first used.
fn value(graph: &SourceGraph, out: &mut SourceGraph, ids: &mut HashMap<ValueId, ValueId>, id: ValueId) -> ValueId {
    if let Some(&new) = ids.get(&id) {
        return new;
    }
    let v = graph.value(id);
    let new = match &v.def {
        Def::Const(t) => out.add_typed_const(v.name.clone(), v.ty.clone(), t.clone()),
        // Inputs and results of live nodes are there already.
        _ => id,
    };
    ids.insert(id, new);
    new
}

fn live_nodes(graph: &SourceGraph) -> Vec<bool> {
    let mut live = vec![false; graph.nodes().len()];
    let mut work: Vec<ValueId> = graph.outputs().iter().map(|o| o.value).collect();
    while let Some(id) = work.pop() {
        if let Def::Node(n, _) = graph.value(id).def
            && let Some(slot @ false) = live.get_mut(n.0 as usize)
        {
            *slot = true;
            work.extend(graph.node(n).inputs.iter().flatten());
        }
    }
    live
}
