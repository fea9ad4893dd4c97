//! Dropping what no output needs.

use crate::{Core, CoreGraph, Def, Node, NodeId, Op, Output, Value, ValueId};

/// Drops nodes and values that no output needs; graph inputs stay.
pub fn prune(graph: &CoreGraph) -> CoreGraph {
    let needed = needed(graph);
    let mut out = CoreGraph::new(graph.name.clone());
    out.provenance = graph.provenance.clone();
    let mut values: Vec<Option<ValueId>> = vec![None; graph.values.len()];
    let mut nodes: Vec<Option<NodeId>> = vec![None; graph.nodes.len()];
    let live = |n: &Node<Core>| n.outputs.iter().any(|o| needed[o.index()]);
    for (count, (index, _)) in graph.nodes.iter().enumerate().filter(|(_, n)| live(n)).enumerate() {
        nodes[index] = Some(NodeId(count as u32));
    }
    for (index, value) in graph.values.iter().enumerate() {
        let def = match &value.def {
            Def::Input => Def::Input,
            Def::Const(t) if needed[index] => Def::Const(t.clone()),
            Def::Node(n, k) => match nodes[n.index()] {
                Some(n) => Def::Node(n, *k),
                None => continue,
            },
            Def::Const(_) => continue,
        };
        values[index] = Some(ValueId(out.values.len() as u32));
        out.values.push(Value { name: value.name.clone(), ty: value.ty.clone(), def });
    }
    let moved = |id: &ValueId| values[id.index()];
    out.inputs = graph.inputs.iter().filter_map(moved).collect();
    out.outputs =
        graph.outputs.iter().filter_map(|o| Some(Output { name: o.name.clone(), value: moved(&o.value)? })).collect();
    let kept = graph.nodes.iter().zip(&nodes).filter_map(|(n, at)| at.map(|_| n));
    out.nodes = kept.map(|n| moved_node(n, &moved)).collect();
    out
}

fn moved_node(node: &Node<Core>, moved: &impl Fn(&ValueId) -> Option<ValueId>) -> Node<Core> {
    Node {
        op: with_bodies(&node.op, &prune),
        inputs: node.inputs.iter().map(|i| i.as_ref().and_then(moved)).collect(),
        outputs: node.outputs.iter().filter_map(moved).collect(),
        name: node.name.clone(),
    }
}

/// The op with `pass` applied to the graphs inside of it.
pub(super) fn with_bodies(op: &Op, pass: &dyn Fn(&CoreGraph) -> CoreGraph) -> Op {
    match op {
        Op::If { then_branch, else_branch } => {
            Op::If { then_branch: Box::new(pass(then_branch)), else_branch: Box::new(pass(else_branch)) }
        }
        Op::Loop { carried, body } => Op::Loop { carried: *carried, body: Box::new(pass(body)) },
        _ => op.clone(),
    }
}

/// By value index: whether an output depends on it. Nodes are in topological order, so one walk backwards is enough.
fn needed(graph: &CoreGraph) -> Vec<bool> {
    let mut needed = vec![false; graph.values.len()];
    for output in &graph.outputs {
        needed[output.value.index()] = true;
    }
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|o| needed[o.index()]) {
            for input in node.inputs.iter().flatten() {
                needed[input.index()] = true;
            }
        }
    }
    needed
}
