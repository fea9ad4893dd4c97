//! Shape inference against the interpreter: random ops on random operands, in chains. What inference says of a result,
//! with the sizes of the inputs known and with symbols in their place, must hold for the value that comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod compute;
mod movement;
mod random;

use compute::{along, bits, elementwise, norms, products, windows};
use modelport_ir::{Builder, CoreGraph, Dim, Op, ValueId, verify};
use modelport_runtime::{Array, run_observed};
use movement::{images, indexing, matrices, moves, recurrent};
use proptest::prelude::*;
use random::{Dice, Random};

const FAMILIES: &[fn(&mut Random<'_>) -> Vec<ValueId>] =
    &[elementwise, bits, along, windows, windows, norms, products, moves, moves, indexing, matrices, images, recurrent];

/// A graph of one op of a family, followed by ops that take what came out whatever its shape.
fn graph(numbers: &[u32], symbolic: bool) -> (CoreGraph, Vec<Array>) {
    let dice = Dice { numbers, at: 0 };
    let mut r = Random { b: Builder::new("random"), inputs: Vec::new(), symbolic, dice };
    let family = r.dice.one_of(FAMILIES);
    let results = family(&mut r);
    for id in results {
        let shape = r.add(Op::Shape { start: 0, end: None }, &[id])[0];
        let flat = r.b.ints(&[-1]);
        let line = if r.b.ty(id).shape.contains(&Dim::Known(0)) {
            id
        } else {
            r.add(Op::Reshape { allow_zero: false }, &[id, flat])[0]
        };
        let back = r.add(Op::Reshape { allow_zero: true }, &[line, shape])[0];
        for v in [shape, line, back] {
            r.b.output("out", v);
        }
    }
    (r.b.finish(), r.inputs)
}

/// Whether an array is what a type says, equal symbols being equal sizes.
fn agrees(graph: &CoreGraph, id: ValueId, array: &Array) -> bool {
    let ty = graph.ty(id);
    let dim = |(d, &n): (&Dim, &usize)| match d {
        Dim::Known(k) => *k == n,
        Dim::Symbol(s) => s.strip_prefix('n') == Some(n.to_string().as_str()),
        Dim::Unknown => true,
    };
    ty.dtype == array.dtype() && ty.rank() == array.rank() && ty.shape.iter().zip(array.shape()).all(dim)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inference_holds_for_real_values(numbers in prop::collection::vec(any::<u32>(), 40), symbolic: bool) {
        let (graph, inputs) = graph(&numbers, symbolic);
        verify(&graph).unwrap();
        let mut wrong = Vec::new();
        let outputs = run_observed(&graph, inputs, &mut |node, values| {
            for (&id, value) in node.outputs.iter().zip(values) {
                if !agrees(&graph, id, value) {
                    wrong.push(format!("{:?}: {} is {}", node.op, graph.ty(id), value.ty()));
                }
            }
        });
        let outputs = outputs.map_err(|d| TestCaseError::fail(d.to_string()))?;
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for (output, value) in graph.outputs().iter().zip(&outputs) {
            prop_assert!(agrees(&graph, output.value, value), "{} is {}", graph.ty(output.value), value.ty());
        }
    }
}

#[test]
fn random_graphs_reach_every_op_but_those_with_bodies() {
    let mut seen = std::collections::BTreeSet::new();
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    for i in 0..6000 {
        let numbers: Vec<u32> = (0..40).map(|_| next()).collect();
        seen.extend(graph(&numbers, i % 2 == 0).0.nodes().iter().map(|n| n.op.name()));
    }
    let missing: Vec<_> = Op::all_names().into_iter().filter(|n| !seen.contains(n)).collect();
    assert_eq!(missing, ["If", "Loop", "Custom"]);
}
