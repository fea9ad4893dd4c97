//! Numbers of a seed that is in the file are constants; those of a seed that changes from run to run are drawn.

#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_ir::CustomLayers;
use modelport_tensorflow::{OpenOptions, lower, open};
use std::path::Path;

/// How many draws the graph of a fixture has.
fn draws(name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/tensorflow").join(name).join("model");
    let graph = open(&path, &OpenOptions::default()).unwrap().graph.unwrap();
    let core = lower(&graph, &CustomLayers::default()).unwrap();
    core.nodes().iter().filter(|n| n.op.name().starts_with("Random")).count()
}

#[test]
fn seeds_that_change_are_drawn() {
    assert!(draws("changing_seed") > 0);
    assert!(draws("random_generator") > 3);
    assert_eq!(draws("stateless_numbers"), 0);
}
