//! Random inputs have sizes that the graph can take.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, Padding};
use modelport_ir::{Builder, CoreGraph, DType, Dim, Op, Tensor, TensorType};
use modelport_runtime::verify::{interpret, random_inputs};

fn input(b: &mut Builder, name: &str, shape: &[Dim]) -> modelport_ir::ValueId {
    b.input(name, TensorType::new(DType::F32, shape.to_vec()))
}

fn shapes(graph: &CoreGraph) -> Vec<Vec<usize>> {
    random_inputs(graph, 0).unwrap().iter().map(|(_, t)| t.shape().to_vec()).collect()
}

/// A window of `size` elements over the second axis of the input.
fn windowed(length: Dim, size: usize) -> CoreGraph {
    let mut b = Builder::new("audio");
    let x = input(&mut b, "x", &[Dim::symbol("N"), Dim::Known(1), length]);
    let window = b.constant("w", Tensor::from_f64s(DType::F32, &[1, 1, size], &vec![0.01; size]).unwrap());
    let (data, kernel) = (DataLayout::ChannelsFirst, KernelLayout::OutInSpatial);
    let (strides, dilations, padding) = (vec![128], vec![1], Padding::valid(1));
    let y = b.one(Op::Conv { strides, dilations, padding, groups: 1, data, kernel }, &[x, window]).unwrap();
    b.output("y", y);
    b.finish()
}

#[test]
fn a_window_larger_than_the_usual_size_gets_a_longer_input() {
    let graph = windowed(Dim::symbol("T"), 512);
    assert_eq!(shapes(&graph), [[2, 1, 576]]);
    interpret(&graph, &random_inputs(&graph, 0).unwrap()).unwrap();
}

#[test]
fn what_no_size_fits_has_the_usual_one() {
    assert_eq!(shapes(&windowed(Dim::symbol("T"), 1 << 17)), [[2, 1, 9]]);
}

#[test]
fn one_symbol_is_one_size_on_every_axis() {
    let mut b = Builder::new("state");
    let state = input(&mut b, "state", &[Dim::Known(2), Dim::symbol("batch"), Dim::Known(3)]);
    let x = input(&mut b, "x", &[Dim::symbol("batch"), Dim::Known(3)]);
    let y = b.binary(BinaryOp::Add, state, x).unwrap();
    b.output("y", y);
    let graph = b.finish();
    assert_eq!(shapes(&graph), [vec![2, 2, 3], vec![2, 3]]);
    interpret(&graph, &random_inputs(&graph, 0).unwrap()).unwrap();
}
