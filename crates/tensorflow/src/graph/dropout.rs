//! Dropout that keeps everything: graphs of TF1 hold it, with the probability as a placeholder or a branch that says so
//! (`nn.dropout` in python/ops/nn_ops.py, 1.4 to 2.21). What it masks goes through untouched; nothing random is left.
//!
//! Owns: which masks are all true, whatever numbers are drawn. Must never know: what other ops compute.

use super::{Item, Results, node::one};
use modelport_ir::{SourceGraph, ValueId};
use std::collections::HashMap;

/// A mask is this many ops behind the numbers that are drawn at most.
const DEPTH: usize = 12;

/// The operand that a mask which is all true lets through, where `op` masks with such a one.
pub(super) fn kept(graph: &SourceGraph, op: &str, inputs: &[Item]) -> Option<Results> {
    let at = |i: usize| inputs.get(i).and_then(Item::value);
    let all = |i: usize| at(i).is_some_and(|value| is_true(graph, value, DEPTH));
    let through = match op {
        "Select" | "SelectV2" if all(0) => at(1),
        "Mul" if all(1) => at(0),
        "Mul" if all(0) => at(1),
        _ => None,
    };
    through.map(|value| one(Item::Value(value)))
}

/// Whether a value is a mask over random numbers that is all ones.
fn is_true(graph: &SourceGraph, value: ValueId, depth: usize) -> bool {
    let Some(node) = graph.producer(value).filter(|_| depth > 0) else { return false };
    let operand = |i: usize| node.inputs.get(i).copied().flatten();
    let range = |i: usize| operand(i).and_then(|v| range(graph, v, depth - 1));
    match node.op.name.as_str() {
        "Cast" | "Identity" => operand(0).is_some_and(|v| is_true(graph, v, depth - 1)),
        "GreaterEqual" => range(0).zip(range(1)).is_some_and(|(x, y)| x.random && !y.random && x.low >= y.high),
        "Floor" => range(0).is_some_and(|x| x.random && x.low == 1.0 && x.high <= 2.0),
        _ => false,
    }
}

/// The numbers that a value may have. Those that are drawn stay below the upper end.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    random: bool,
}

fn range(graph: &SourceGraph, value: ValueId, depth: usize) -> Option<Range> {
    if let Some(tensor) = graph.constant(value) {
        let number =
            tensor.to_f64s().ok().filter(|_| tensor.len() == 1 && tensor.dtype().is_float())?.first().copied()?;
        return Some(Range { low: number, high: number, random: false });
    }
    let node = graph.producer(value).filter(|_| depth > 0)?;
    let operand = |i: usize| range(graph, node.inputs.get(i).copied().flatten()?, depth - 1);
    match node.op.name.as_str() {
        "RandomUniform" | "StatelessRandomUniform" | "StatelessRandomUniformV2" => {
            Some(Range { low: 0.0, high: 1.0, random: true })
        }
        "Identity" => operand(0),
        "Add" | "AddV2" => join(operand(0)?, operand(1)?, |a, b| a + b),
        "Sub" => {
            let y = operand(1).filter(|y| !y.random)?;
            join(operand(0)?, y, |a, b| a - b)
        }
        "Mul" => {
            let (x, y) = (operand(0)?, operand(1)?);
            // A negative factor would turn the ends around.
            if x.low < 0.0 || y.low < 0.0 { None } else { join(x, y, |a, b| a * b) }
        }
        _ => None,
    }
}

fn join(x: Range, y: Range, f: impl Fn(f64, f64) -> f64) -> Option<Range> {
    let random = x.random || y.random;
    (!(x.random && y.random)).then(|| Range { low: f(x.low, y.low), high: f(x.high, y.high), random })
}

/// A graph without the nodes that nothing takes; its inputs stay.
pub(super) fn prune(graph: &SourceGraph) -> SourceGraph {
    let mut needed = vec![false; graph.values().count()];
    let mark = |needed: &mut [bool], id: ValueId| {
        if let Some(slot) = needed.get_mut(id.0 as usize) {
            *slot = true;
        }
    };
    graph.outputs().iter().for_each(|o| mark(&mut needed, o.value));
    let is = |needed: &[bool], id: ValueId| needed.get(id.0 as usize).copied().unwrap_or(false);
    for node in graph.nodes().iter().rev() {
        if node.outputs.iter().any(|o| is(&needed, *o)) {
            node.inputs.iter().flatten().for_each(|i| mark(&mut needed, *i));
        }
    }
    let mut pruned = SourceGraph::new(graph.name.clone());
    pruned.provenance = graph.provenance.clone();
    let mut map = HashMap::new();
    for id in graph.inputs() {
        let value = graph.value(*id);
        map.insert(*id, pruned.add_input(value.name.clone(), value.ty.clone()));
    }
    for (id, value) in graph.values().filter(|(id, _)| is(&needed, *id)) {
        if let Some(tensor) = graph.constant(id) {
            map.insert(id, pruned.add_typed_const(value.name.clone(), value.ty.clone(), tensor.clone()));
        }
    }
    for node in graph.nodes().iter().filter(|n| n.outputs.iter().any(|o| is(&needed, *o))) {
        let inputs = node.inputs.iter().map(|i| i.and_then(|i| map.get(&i).copied())).collect();
        let results = node.outputs.iter().map(|o| (graph.value(*o).name.clone(), graph.ty(*o).clone())).collect();
        let made = pruned.add_node(node.op.clone(), inputs, node.name.clone(), results);
        map.extend(node.outputs.iter().copied().zip(made));
    }
    for output in graph.outputs() {
        if let Some(value) = map.get(&output.value) {
            pruned.add_output(output.name.clone(), *value);
        }
    }
    pruned
}
