//! Every core op is written at every opset that has it, and read back; at the newest opset as the same graph.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cases;

use modelport_diag::{Code, Limits};
use modelport_ir::{CoreGraph, Op};
use modelport_onnx::{NEWEST_OPSET, OLDEST_OPSET, WriteOptions, equivalent, normal_form, read_bytes, to_bytes};
use modelport_storage::MappedFile;
use std::collections::BTreeSet;

fn at(opset: i64) -> WriteOptions<'static> {
    WriteOptions { opset: Some(opset), ..WriteOptions::default() }
}

fn back(bytes: Vec<u8>) -> CoreGraph {
    read_bytes(MappedFile::from_bytes("case.onnx", bytes), &Limits::default()).unwrap_or_else(|d| panic!("{d}"))
}

#[test]
fn the_newest_opset_gives_the_same_graph_back() {
    for (name, graph) in cases::all() {
        let bytes = to_bytes(&graph, &at(NEWEST_OPSET)).unwrap_or_else(|d| panic!("{name}: {d}"));
        let read = back(bytes);
        modelport_ir::verify(&read).unwrap_or_else(|d| panic!("{name}: {d}"));
        equivalent(&graph, &read).unwrap_or_else(|d| panic!("{name}: {d}"));
    }
}

/// Older opsets write some ops out, so only signatures stay: names, types, and that it can be read.
#[test]
fn older_opsets_are_read_with_the_same_signature() {
    let mut written = 0;
    for (name, graph) in cases::all() {
        for opset in OLDEST_OPSET..NEWEST_OPSET {
            let bytes = match to_bytes(&graph, &at(opset)) {
                Ok(bytes) => bytes,
                Err(all) => {
                    assert!(all.0.iter().all(|d| d.code == Code::ONNX_OPSET && !d.help.is_empty()), "{name}: {all}");
                    continue;
                }
            };
            written += 1;
            let read = back(bytes);
            modelport_ir::verify(&read).unwrap_or_else(|d| panic!("{name} at {opset}: {d}"));
            assert_eq!(read.outputs().len(), graph.outputs().len());
            for (a, b) in graph.outputs().iter().zip(read.outputs()) {
                let (x, y) = (graph.ty(a.value), read.ty(b.value));
                assert_eq!((x.dtype, x.rank()), (y.dtype, y.rank()), "{name} at {opset}: output {}", a.name);
            }
        }
    }
    assert!(written > 4000, "{written}");
}

/// The number of operators that one core op takes where it has an equal in ONNX.
#[test]
fn ops_with_an_equal_take_one_node() {
    for (name, graph) in cases::all() {
        let plain =
            ["Mod-f32", "Neg-u8", "BatchNorm-last", "ReverseSequence-far", "outputs", "Reduce-", "Resize-nearest"];
        if plain.iter().any(|p| name.starts_with(p)) {
            continue;
        }
        assert!(normal_form(&graph).unwrap().nodes().len() <= 1, "{name}");
    }
}

#[test]
fn every_core_op_has_a_case() {
    let mut seen = BTreeSet::new();
    for (_, graph) in cases::all() {
        seen.extend(graph.nodes().iter().map(|n| n.op.name()));
    }
    let missing: Vec<_> = Op::all_names().into_iter().filter(|n| !seen.contains(n) && *n != "Custom").collect();
    assert!(missing.is_empty(), "{missing:?}");
}
