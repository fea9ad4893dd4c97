//! Random graphs stay valid through the passes: types, names, and that nothing channels-last is left. The numbers are
//! compared in `crates/runtime/tests/passes.rs`.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

#[path = "passes_random_graph/mod.rs"]
mod random_graph;

use modelport_ir::passes::{InputLayout, channels_first, optimize};
use modelport_ir::{CoreGraph, verify};
use proptest::prelude::*;
use random_graph::{Step, random_graph};

fn types(graph: &CoreGraph) -> Vec<(String, usize)> {
    let inputs = graph.inputs().iter().map(|&i| (graph.value(i).name.clone(), graph.ty(i).rank()));
    inputs.chain(graph.outputs().iter().map(|o| (o.name.clone(), graph.ty(o.value).rank()))).collect()
}

fn valid(what: &str, graph: &CoreGraph, rewritten: &CoreGraph) {
    verify(rewritten).unwrap_or_else(|d| panic!("{what}: {d:?}"));
    assert_eq!(types(graph), types(rewritten), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passes_keep_graphs_valid(rank in 3usize..6, steps in prop::collection::vec(any::<Step>(), 1..30)) {
        let graph = random_graph(rank, &steps);
        verify(&graph).unwrap();
        let optimized = optimize(&graph);
        valid("optimize", &graph, &optimized);
        for (source, layout) in [(&graph, InputLayout::Keep), (&optimized, InputLayout::Nchw)] {
            let rewritten = channels_first(source, layout);
            valid("channels_first", &graph, &rewritten);
            let text = format!("{:?}", rewritten.nodes());
            prop_assert!(!["ChannelsLast", "SpatialInOut", "SpatialOutIn"].iter().any(|l| text.contains(l)));
        }
    }
}
