//! Connections: both dialects, shared layers and models, dictionaries, damaged graphs.

use super::build;
use crate::model;
use modelport_diag::{Code, Limits, Result};
use modelport_ir::{Attr, Dim, SourceGraph};
use serde_json::{Value, json};

fn graph(config: Value) -> Result<SourceGraph> {
    build(&model::parse(config, &Limits::default())?)
}

fn input(name: &str) -> Value {
    json!({"class_name": "InputLayer", "name": name, "config": {"name": name, "batch_input_shape": [null, 4, null]},
           "inbound_nodes": []})
}

fn layer(class: &str, name: &str, nodes: Value) -> Value {
    json!({"class_name": class, "name": name, "config": {"name": name}, "inbound_nodes": nodes})
}

fn functional(name: &str, layers: Value, inputs: Value, outputs: Value) -> Value {
    let config = json!({"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs});
    json!({"class_name": "Functional", "name": name, "config": config})
}

fn names(graph: &SourceGraph) -> Vec<&str> {
    graph.nodes().iter().map(|n| n.name.as_str()).collect()
}

fn at_input(i: i64) -> Attr {
    Attr::Map([("@input".to_owned(), Attr::Int(i))].into())
}

#[test]
fn a_layer_called_twice_gives_two_nodes() {
    let layers = json!([
        input("x"),
        layer("Add", "both", json!([[["d", 0, 0, {}], ["d", 1, 0, {}]]])),
        layer("Dense", "d", json!([[["x", 0, 0, {}]], [["x", 0, 0, {}]]])),
    ]);
    let g = graph(functional("m", layers, json!([["x", 0, 0]]), json!([["both", 0, 0]]))).unwrap();
    assert_eq!(names(&g), ["d", "d_1", "both"]);
    assert_eq!(g.nodes()[2].op.attrs["@args"], Attr::List(vec![Attr::List(vec![at_input(0), at_input(1)])]));
    let ty = g.ty(g.inputs()[0]).as_ref().unwrap();
    assert_eq!(ty.shape, [Dim::symbol("N"), Dim::Known(4), Dim::symbol("x_2")]);
    assert_eq!(g.outputs()[0].name, "both");
}

/// Keras 2 counts the calls of a model from 1, Keras 3 those of a Sequential from 0.
#[test]
fn models_are_inlined_once_a_call() {
    let inner = json!([input("i"), layer("Dense", "d", json!([[["i", 0, 0, {}]]]))]);
    for first in [0, 1] {
        let mut encoder = functional("encoder", inner.clone(), json!(["i", 0, 0]), json!(["d", 0, 0]));
        encoder["inbound_nodes"] = json!([[["a", 0, 0, {}]], [["b", 0, 0, {}]]]);
        let dot = layer("Dot", "dot", json!([[["encoder", first, 0, {}], ["encoder", first + 1, 0, {}]]]));
        let layers = json!([input("a"), input("b"), encoder, dot]);
        let outputs = json!([["dot", 0, 0], ["encoder", first, 0], ["encoder", first + 1, 0]]);
        let g = graph(functional("m", layers, json!([["a", 0, 0], ["b", 0, 0]]), outputs)).unwrap();
        assert_eq!(names(&g), ["encoder/d", "encoder_1/d", "dot"]);
        let outputs: Vec<_> = g.outputs().iter().map(|o| o.name.as_str()).collect();
        assert_eq!(outputs, ["dot", "encoder", "encoder_1"]);
    }
}

#[test]
fn tensors_and_constants_are_found_in_arguments() {
    let node = json!([
        ["x", 0, 0, {"y": ["x", 0, 0], "axis": -1, "names": ["a", 1, 2]}],
    ]);
    let layers = json!([
        input("x"),
        layer("TFOpLambda", "sub", node),
        layer("TFOpLambda", "from", json!([["_CONSTANT_VALUE", -1, 2.5, {"y": ["sub", 0, 0], "name": null}]])),
    ]);
    let g = graph(functional("m", layers, json!([["x", 0, 0]]), json!([["from", 0, 0]]))).unwrap();
    let sub = &g.nodes()[0];
    assert_eq!(sub.inputs.len(), 1, "a tensor that is used twice stands once");
    assert_eq!(sub.op.attrs["@args"], Attr::List(vec![at_input(0)]));
    let kwargs = sub.op.attrs["@kwargs"].as_map().unwrap();
    assert_eq!(kwargs["y"], at_input(0));
    assert_eq!(kwargs["axis"], Attr::Int(-1));
    // No layer is called `a`, so this is a list.
    assert!(kwargs["names"].as_list().is_some());
    assert_eq!(g.nodes()[1].op.attrs["@args"], Attr::List(vec![Attr::Float(2.5)]));
}

#[test]
fn keras_3_arguments_keep_their_structure() {
    let tensor = |t: usize| json!({"class_name": "__keras_tensor__", "config": {"shape": [null], "dtype": "float32", "keras_history": ["s", 0, t]}});
    let x = json!({"class_name": "__keras_tensor__", "config": {"shape": [null], "dtype": "float32", "keras_history": ["x", 0, 0]}});
    let key = json!({"class_name": "__tuple__", "config": {"items": [
        {"class_name": "__slice__", "config": {"start": 1, "stop": null, "step": null}}, 0]}});
    let layers = json!([
        input("x"),
        layer("Split", "s", json!([{"args": [x], "kwargs": {"axis": 1}}])),
        layer("Concatenate", "c", json!([{"args": [[tensor(1), tensor(0), tensor(1)]], "kwargs": {}}])),
        layer("GetItem", "g", json!([{"args": [tensor(2), key], "kwargs": {}}])),
    ]);
    let g =
        graph(functional("m", layers, json!({"x": ["x", 0, 0]}), json!({"c": ["c", 0, 0], "g": ["g", 0, 0]}))).unwrap();
    assert_eq!(g.nodes()[0].outputs.len(), 3);
    let concat = g.nodes().iter().find(|n| n.name == "c").unwrap();
    assert_eq!(concat.op.attrs["@args"], Attr::List(vec![Attr::List(vec![at_input(0), at_input(1), at_input(0)])]));
    let item = g.nodes().iter().find(|n| n.name == "g").unwrap();
    let Attr::List(args) = &item.op.attrs["@args"] else { panic!() };
    assert_eq!(args[1].as_list().unwrap()[1], Attr::Int(0));
}

#[test]
fn wrappers_hold_their_layers() {
    let lstm = json!({"class_name": "LSTM", "config": {"name": "forward_lstm", "units": 3, "go_backwards": false}});
    let layers = json!([
        {"class_name": "Bidirectional", "config": {"name": "bi", "layer": lstm, "batch_input_shape": [null, 5, 2], "dtype": "mixed_float16"}},
    ]);
    let g = graph(json!({"class_name": "Sequential", "config": layers})).unwrap();
    let op = &g.nodes()[0].op;
    let Attr::Op(backward) = &op.attrs["backward_layer"] else { panic!() };
    assert_eq!(backward.attrs["go_backwards"], Attr::Bool(true));
    assert_eq!(backward.attrs["name"], Attr::Str("backward_lstm".into()));
    assert!(matches!(op.attrs["forward_layer"], Attr::Op(_)));
    assert_eq!(op.attrs["@compute_dtype"], Attr::DType(modelport_ir::DType::F16));
    assert_eq!(g.value(g.inputs()[0]).name, "bi_input");
}

#[test]
fn a_keras_1_sequential_may_start_with_branches() {
    let branch = |name: &str| {
        json!({"class_name": "Sequential", "config": [
            {"class_name": "Dense", "config": {"name": name, "batch_input_shape": [null, 3], "input_dtype": "float32"}}]})
    };
    let merge = json!({"class_name": "Merge", "config": {"name": "merge", "mode": "sum", "layers": [branch("l"), branch("r")]}});
    let dense = json!({"class_name": "Dense", "config": {"name": "out"}});
    let g = graph(json!({"class_name": "Sequential", "config": [merge, dense]})).unwrap();
    assert_eq!(g.inputs().len(), 2);
    assert_eq!(g.nodes().len(), 4);
    assert_eq!(g.nodes()[2].inputs.len(), 2);
}

fn refused(config: Value) -> Code {
    graph(config).unwrap_err().code
}

#[test]
fn damaged_connections_are_refused() {
    let model = |layers: Value, output: Value| functional("m", layers, json!([["x", 0, 0]]), output);
    let cycle = json!([
        input("x"),
        layer("Add", "a", json!([[["x", 0, 0, {}], ["b", 0, 0, {}]]])),
        layer("ReLU", "b", json!([[["a", 0, 0, {}]]])),
    ]);
    assert_eq!(refused(model(cycle, json!([["b", 0, 0]]))), Code::KERAS_GRAPH);
    let missing = json!([input("x"), layer("ReLU", "b", json!([[["nobody", 0, 0, {}]]]))]);
    assert_eq!(refused(model(missing, json!([["b", 0, 0]]))), Code::KERAS_GRAPH);
    let node = json!([input("x"), layer("ReLU", "b", json!([[["x", 7, 0, {}]]]))]);
    assert_eq!(refused(model(node, json!([["b", 0, 0]]))), Code::KERAS_GRAPH);
    let result = json!([input("x"), layer("ReLU", "b", json!([[["x", 0, 4_000_000_000_u64, {}]]]))]);
    assert_eq!(refused(model(result, json!([["b", 0, 0]]))), Code::KERAS_GRAPH);
    let twice = json!([input("x"), input("x")]);
    assert_eq!(refused(model(twice, json!([["x", 0, 0]]))), Code::KERAS_CONFIG);
    assert_eq!(refused(json!({"class_name": "MyModel", "config": {"units": 3}})), Code::KERAS_UNSUPPORTED);
    assert_eq!(refused(json!({"class_name": "Sequential", "config": {"layers": []}})), Code::KERAS_CONFIG);
}

/// Each level calls the one inside twice: 2^30 nodes from a few kilobytes.
#[test]
fn exponential_nesting_is_refused() {
    let mut inner = functional(
        "m0",
        json!([input("i"), layer("ReLU", "r", json!([[["i", 0, 0, {}]]]))]),
        json!(["i", 0, 0]),
        json!(["r", 0, 0]),
    );
    for level in 1..30 {
        let name = inner["name"].clone();
        inner["inbound_nodes"] = json!([[["i", 0, 0, {}]], [[name, 1, 0, {}]]]);
        let outputs = json!([name, 2, 0]);
        inner = functional(&format!("m{level}"), json!([input("i"), inner]), json!(["i", 0, 0]), outputs);
    }
    assert_eq!(refused(inner), Code::IO_LIMIT);
}
