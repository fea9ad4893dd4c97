//! Random graphs give the same numbers before and after the passes.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

#[path = "../../ir/tests/passes_random_graph/mod.rs"]
mod random_graph;

use modelport_ir::passes::{InputLayout, channels_first, optimize};
use modelport_ir::{CoreGraph, Op, verify};
use modelport_runtime::{Array, run};
use proptest::prelude::*;
use random_graph::{Step, batch, random_graph};

/// Inputs in a sane range, never constant.
fn inputs(graph: &CoreGraph) -> Vec<Array> {
    let mut state = 12345u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let shapes = graph.inputs().iter().map(|&id| graph.ty(id).shape.iter().map(|d| d.known().unwrap_or(batch())));
    let mut array = |shape: Vec<usize>| {
        let n = shape.iter().product();
        Array::from_vec(&shape, (0..n).map(|_| next()).collect::<Vec<f32>>()).unwrap()
    };
    shapes.map(|shape| array(shape.collect())).collect()
}

fn channels_second(a: &Array) -> Array {
    let rank = a.rank();
    let mut axes = vec![0, rank - 1];
    axes.extend(1..rank - 1);
    let moved = a.view::<f32>().unwrap().clone().permuted_axes(axes);
    let shape = moved.shape().to_vec();
    Array::from_vec(&shape, moved.iter().copied().collect::<Vec<f32>>()).unwrap()
}

/// The largest difference against the largest magnitude; infinite when the shapes differ.
fn distance(want: &Array, got: &Array) -> f64 {
    if want.shape() != got.shape() {
        return f64::INFINITY;
    }
    let (want, got) = (want.to_f64s().unwrap(), got.to_f64s().unwrap());
    let top = want.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    let one = |(a, b): (&f64, &f64)| if a.to_bits() == b.to_bits() { 0.0 } else { (a - b).abs() / top };
    want.iter().zip(&got).map(one).fold(0.0f64, |m, e| if e > m || e.is_nan() { e } else { m })
}

fn channels_first_only(graph: &CoreGraph) {
    for node in graph.nodes() {
        let text = format!("{:?}", node.op);
        assert!(!["ChannelsLast", "SpatialInOut", "SpatialOutIn"].iter().any(|l| text.contains(l)), "{text}");
        if let Op::BatchNorm { axis, .. } = node.op {
            assert_eq!(axis, 1);
        }
    }
}

/// Runs a rewritten graph on the same inputs and holds its outputs against those of the graph as it was.
fn check(what: &str, graph: &CoreGraph, rewritten: &CoreGraph, given: &[Array], want: &[Array]) {
    verify(rewritten).unwrap_or_else(|d| panic!("{what}: {d:?}"));
    let names = |g: &CoreGraph| -> (Vec<String>, Vec<String>) {
        (
            g.inputs().iter().map(|&i| g.value(i).name.clone()).collect(),
            g.outputs().iter().map(|o| o.name.clone()).collect(),
        )
    };
    assert_eq!(names(graph), names(rewritten), "{what}");
    // The dimensions of inputs are chosen so that a moved channel axis shows.
    let moved = graph.inputs().iter().zip(rewritten.inputs()).map(|(&a, &b)| graph.ty(a) != rewritten.ty(b));
    let inputs = given.iter().zip(moved).map(|(a, m)| if m { channels_second(a) } else { a.clone() }).collect();
    let got = run(rewritten, inputs).unwrap_or_else(|d| panic!("{what}: {d:?}"));
    for (i, (want, got)) in want.iter().zip(&got).enumerate() {
        let mut error = distance(want, got);
        if what.contains("nchw") && want.rank() >= 4 {
            error = error.min(distance(&channels_second(want), got));
        }
        assert!(error < 1e-4, "{what}: output {i} differs by {error:e}, shapes {:?} {:?}", want.shape(), got.shape());
    }
}

fn same_numbers(rank: usize, steps: &[Step]) {
    let graph = random_graph(rank, steps);
    verify(&graph).unwrap();
    let given = inputs(&graph);
    let want = run(&graph, given.clone()).unwrap_or_else(|d| panic!("as built: {d:?}"));
    let sane = |v: f64| v.is_finite() && v.abs() < 1e6;
    if !want.iter().all(|a| a.to_f64s().unwrap().into_iter().all(sane)) {
        return;
    }
    let optimized = optimize(&graph);
    check("optimize", &graph, &optimized, &given, &want);
    assert!(optimized.nodes().len() <= graph.nodes().len());
    for (what, source) in [("as built", &graph), ("optimized", &optimized)] {
        let kept = channels_first(source, InputLayout::Keep);
        channels_first_only(&kept);
        check(&format!("{what}, channels first"), &graph, &kept, &given, &want);
        let moved = channels_first(source, InputLayout::Nchw);
        channels_first_only(&moved);
        check(&format!("{what}, nchw"), &graph, &moved, &given, &want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("CASES").map_or(300, |c| c.parse().unwrap()), max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passes_keep_the_numbers(rank in 3usize..6, steps in prop::collection::vec(any::<Step>(), 1..14)) {
        same_numbers(rank, &steps);
    }
}
