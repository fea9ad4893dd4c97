//! Sizes for what a graph leaves open about its inputs.

use modelport_diag::Result;
use modelport_ir::{Builder, CoreGraph, Def, Dim, ValueId};
use std::collections::HashMap;

/// Images in a batch, where the batch is free.
const BATCH: usize = 2;
/// Other free dimensions: rows and columns of images, steps of sequences.
const SIDE: usize = 64;
const STEPS: usize = 9;
/// How often sizes are doubled for a graph that they are too small for: an audio model may want thousands of samples.
const DOUBLINGS: i32 = 12;
/// How often they are halved for one that wants less: some recognise lines of text that are 32 pixels high.
const HALVINGS: i32 = 2;
/// Elements that all inputs have together at most when sizes are made larger.
const MOST_ELEMENTS: usize = 1 << 26;

/// The shape of every input: the first sizes tried that all ops of the graph can take; where none are, the usual ones.
pub(super) fn shapes(graph: &CoreGraph) -> Vec<Vec<usize>> {
    let first = sized(graph, 0);
    let open = |d: &Dim| d.known().is_none();
    if !graph.inputs().iter().any(|&id| graph.ty(id).shape.iter().any(open)) {
        return first;
    }
    let elements = |shapes: &[Vec<usize>]| -> Option<usize> {
        shapes.iter().try_fold(0usize, |all, s| all.checked_add(s.iter().try_fold(1usize, |a, &b| a.checked_mul(b))?))
    };
    let others = (1..=DOUBLINGS).chain((1..=HALVINGS).map(|n| -n)).map(|doublings| sized(graph, doublings));
    let others = others.filter(|shapes| elements(shapes).is_some_and(|n| n <= MOST_ELEMENTS));
    std::iter::once(first.clone()).chain(others).find(|shapes| fits(graph, shapes).is_ok()).unwrap_or(first)
}

/// Sizes by rank and axis, the same for the same symbol: that of a batch is first somewhere.
fn sized(graph: &CoreGraph, doublings: i32) -> Vec<Vec<usize>> {
    let types = || graph.inputs().iter().map(|&id| graph.ty(id));
    let batches: Vec<&Dim> =
        types().filter_map(|ty| ty.shape.first()).filter(|d| matches!(d, Dim::Symbol(_))).collect();
    let mut named: HashMap<&Dim, usize> = HashMap::new();
    let size = |dim: &Dim, axis: usize, rank: usize| match dim {
        Dim::Known(n) => *n,
        _ if axis == 0 || batches.contains(&dim) => BATCH,
        _ => {
            let usual = if rank >= 4 { SIDE } else { STEPS };
            if doublings < 0 { usual >> -doublings } else { usual << doublings }
        }
    };
    types()
        .map(|ty| {
            let one = |(axis, dim)| {
                let own = size(dim, axis, ty.rank());
                if let Dim::Symbol(_) = dim { *named.entry(dim).or_insert(own) } else { own }
            };
            ty.shape.iter().enumerate().map(one).collect()
        })
        .collect()
}

/// Whether every op can take what it gets when the inputs have these shapes.
fn fits(graph: &CoreGraph, shapes: &[Vec<usize>]) -> Result<()> {
    let mut b = Builder::new(graph.name.clone());
    let mut values: HashMap<ValueId, ValueId> = HashMap::new();
    for (&id, shape) in graph.inputs().iter().zip(shapes) {
        let mut ty = graph.ty(id).clone();
        ty.shape = shape.iter().map(|&n| Dim::Known(n)).collect();
        values.insert(id, b.input(graph.value(id).name.clone(), ty));
    }
    for (id, value) in graph.values() {
        if let Def::Const(tensor) = &value.def {
            values.insert(id, b.constant("", tensor.clone()));
        }
    }
    for node in graph.nodes() {
        let operands: Vec<_> = node.inputs.iter().map(|i| i.as_ref().and_then(|i| values.get(i)).copied()).collect();
        values.extend(node.outputs.iter().copied().zip(b.add(node.op.clone(), &operands)?));
    }
    Ok(())
}
