//! Loops that are a recurrence become the recurrent op; loops that nearly are one stay loops. That the numbers are right is
//! for `tests/tests/corpus.rs`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use modelport_ir::{CoreGraph, CustomLayers, Op};
use modelport_tensorflow::{OpenOptions, lower, open};
use std::path::Path;

fn core(path: &str, outputs: &[&str]) -> CoreGraph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/tensorflow").join(path);
    let options = OpenOptions { outputs: outputs.iter().map(|o| (*o).to_owned()).collect(), ..OpenOptions::default() };
    let source = open(&path, &options).unwrap().graph.unwrap();
    lower(&source, &CustomLayers::default()).unwrap()
}

/// How many LSTMs, GRUs, simple recurrences and loops there are.
fn counts(graph: &CoreGraph) -> [usize; 4] {
    let count = |is: fn(&Op) -> bool| graph.nodes().iter().filter(|n| is(&n.op)).count();
    [
        count(|op| matches!(op, Op::Lstm { .. })),
        count(|op| matches!(op, Op::Gru { .. })),
        count(|op| matches!(op, Op::Rnn { .. })),
        count(|op| matches!(op, Op::Loop { .. })),
    ]
}

#[test]
fn layers_of_keras_are_recurrent_ops() {
    // Both directions of an LSTM; GRUs that reset after and before the product, one from behind.
    assert_eq!(counts(&core("recurrent_k2/model", &[])), [2, 2, 1, 0]);
    assert_eq!(counts(&core("recurrent_export/model", &[])), [1, 1, 1, 0]);
}

#[test]
fn a_masked_layer_keeps_its_loop() {
    // Rows that are masked leave the state as it was, in the middle of a sequence too.
    assert_eq!(counts(&core("masked_k2/model", &[])), [0, 0, 0, 1]);
}

#[test]
fn what_is_recurrent() {
    for (output, wanted) in
        [("is_lstm", [1, 0, 0, 0]), ("is_gru", [0, 1, 0, 0]), ("is_simple", [0, 0, 1, 0]), ("started", [0, 0, 1, 0])]
    {
        assert_eq!(counts(&core("nearly_recurrent/model.pb", &[output])), wanted, "{output}");
    }
}

#[test]
fn what_nearly_is() {
    let gates = ["hard_output", "peephole", "shortcut", "turned_gru", "reset_of_less", "residual", "elu"];
    let around = ["doubled", "cells", "not_the_last", "from_behind", "counted"];
    for output in gates.iter().chain(&around) {
        assert_eq!(counts(&core("nearly_recurrent/model.pb", &[output])), [0, 0, 0, 1], "{output}");
    }
}
