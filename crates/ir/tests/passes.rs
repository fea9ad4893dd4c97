//! The passes on small graphs: which nodes are left, in which order, and that the graph stays valid. Numbers are
//! compared before and after in `crates/runtime/tests/passes.rs`, where there is an interpreter.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

#[path = "passes_small_graphs/mod.rs"]
mod small_graphs;

use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, Padding, PoolKind, ReduceKind, UnaryOp};
use modelport_ir::passes::{InputLayout, optimize, prune};
use modelport_ir::{Builder, DType, Def, Dim, Op, Tensor, TensorType, ValueId};
use small_graphs::{both, conv, dense, done, image, input, norm, ops, pad, relu6, weights};

#[test]
fn what_no_output_needs_goes() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let unused = b.input("unused", TensorType::known(DType::F32, &[2]));
    conv(&mut b, "dead", x, 4, 3, 1);
    b.unary(UnaryOp::Relu, unused).unwrap();
    let y = b.unary(UnaryOp::Tanh, x).unwrap();
    b.output("y", y);
    let graph = prune(b.graph());
    assert_eq!(ops(&graph), ["Tanh"]);
    assert_eq!(graph.inputs().len(), 2);
    assert_eq!(graph.values().filter(|(_, v)| matches!(v.def, Def::Const(_))).count(), 0);
}

#[test]
fn a_batch_norm_goes_into_the_convolution() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = conv(&mut b, "conv", x, 4, 3, 1);
    let y = norm(&mut b, "bn", y);
    let y = relu6(&mut b, y);
    let graph = optimize(&done(b, y));
    assert_eq!(ops(&graph), ["Conv", "Clip"]);
    let conv = &graph.nodes()[0];
    assert_eq!((conv.name.as_str(), conv.inputs.len()), ("conv", 3));
    assert_eq!(graph.value(conv.outputs[0]).name, "bn");
}

#[test]
fn a_batch_norm_that_something_else_sees_before_stays() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = conv(&mut b, "conv", x, 4, 3, 1);
    let z = norm(&mut b, "bn", y);
    let y = b.binary(BinaryOp::Add, y, z).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Conv", "BatchNorm", "Add"]);
}

#[test]
fn matrix_products_take_bias_and_norm() {
    let mut b = Builder::new("g");
    let x = input(&mut b, &[8]);
    let y = dense(&mut b, "a", x, 6);
    let y = norm(&mut b, "bn", y);
    let y = dense(&mut b, "b", y, 5);
    assert_eq!(ops(&optimize(&done(b, y))), ["Gemm", "Gemm"]);

    let mut b = Builder::new("g");
    let x = input(&mut b, &[7, 8]);
    let y = dense(&mut b, "a", x, 6);
    let y = norm(&mut b, "bn", y);
    assert_eq!(ops(&optimize(&done(b, y))), ["MatMul", "Add"]);
}

#[test]
fn pads_go_into_windows_where_that_is_exact() {
    let pool = |kind, size: usize| Op::Pool {
        kind,
        window: vec![size, size],
        strides: vec![2, 2],
        dilations: vec![1, 1],
        padding: Padding::valid(2),
        ceil_mode: false,
        count_include_pad: false,
        data: DataLayout::ChannelsLast,
    };
    // ResNet: a convolution's pad, and a pool behind a rectifier.
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = pad(&mut b, x, 3, 3);
    let y = conv(&mut b, "conv", y, 4, 7, 1);
    let y = b.unary(UnaryOp::Relu, y).unwrap();
    let y = pad(&mut b, y, 1, 1);
    let y = b.one(pool(PoolKind::Max, 3), &[y]).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Conv", "Relu", "Pool"]);
    // Zeros may be the largest where values can be negative.
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = pad(&mut b, x, 1, 1);
    let y = b.one(pool(PoolKind::Max, 3), &[y]).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Pad", "Pool"]);
    // Windows that see nothing but padding.
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = pad(&mut b, x, 2, 2);
    let y = b.one(pool(PoolKind::Average, 2), &[y]).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Pad", "Pool"]);
}

#[test]
fn bounds_and_views_merge_and_equal_nodes_are_one() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = b.unary(UnaryOp::Relu, x).unwrap();
    let y = relu6(&mut b, y);
    let y = b.transpose(y, &[0, 3, 1, 2]).unwrap();
    let y = b.transpose(y, &[0, 2, 3, 1]).unwrap();
    let y = b.reshape(y, &[-1, 64, 3]).unwrap();
    let y = b.reshape(y, &[-1, 192]).unwrap();
    let y = b.binary_scalar(BinaryOp::Mul, y, 1.0).unwrap();
    let (s, t) = (b.unary(UnaryOp::Sin, y).unwrap(), b.unary(UnaryOp::Sin, y).unwrap());
    let y = b.binary(BinaryOp::Mul, s, t).unwrap();
    assert_eq!(ops(&optimize(&done(b, y))), ["Clip", "Reshape", "Sin", "Mul"]);
}

#[test]
fn outputs_stay_results_of_nodes_under_their_names() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = b.unary(UnaryOp::Identity, x).unwrap();
    let z = b.unary(UnaryOp::Relu, x).unwrap();
    let w = b.unary(UnaryOp::Identity, z).unwrap();
    b.graph_mut().set_name(w, "last");
    b.output("y", y);
    b.output("z", w);
    let graph = optimize(&b.finish());
    assert_eq!(ops(&graph), ["Identity", "Relu"]);
    assert_eq!(graph.value(graph.outputs()[1].value).name, "last");
}

/// MobileNetV2's parts: pads, depthwise convolutions, residual sums, pooling, a classifier.
fn mobile(b: &mut Builder) -> ValueId {
    let x = image(b, 32, 3);
    let y = conv(b, "stem", x, 8, 3, 1);
    let y = norm(b, "stem_bn", y);
    let stem = relu6(b, y);
    let y = conv(b, "expand", stem, 16, 1, 1);
    let y = norm(b, "expand_bn", y);
    let y = relu6(b, y);
    let y = pad(b, y, 0, 1);
    let y = conv(b, "depthwise", y, 16, 3, 16);
    let y = norm(b, "depthwise_bn", y);
    let y = relu6(b, y);
    let y = conv(b, "project", y, 8, 1, 1);
    let y = norm(b, "project_bn", y);
    let crop = (b.ints(&[0, 0]), b.ints(&[32, 32]), b.ints(&[1, 2]));
    let y = b.one(Op::Slice, &[y, crop.0, crop.1, crop.2]).unwrap();
    let y = b.binary(BinaryOp::Add, stem, y).unwrap();
    let y = b.reduce(ReduceKind::Mean, y, &[1, 2], false).unwrap();
    let y = dense(b, "predictions", y, 10);
    b.one(Op::Softmax { axis: 1 }, &[y]).unwrap()
}

#[test]
fn a_mobilenet_has_one_transpose() {
    let mut b = Builder::new("g");
    let y = mobile(&mut b);
    let graph = done(b, y);
    let want = ["Conv", "Clip", "Conv", "Clip", "Conv", "Clip", "Conv", "Slice", "Add", "Reduce", "Gemm", "Softmax"];
    let kept = both(&graph, InputLayout::Keep);
    assert_eq!(ops(&kept)[0], "Transpose");
    assert_eq!(ops(&kept)[1..], want);
    let moved = both(&graph, InputLayout::Nchw);
    assert_eq!(ops(&moved), want);
    let x = moved.inputs()[0];
    assert_eq!((moved.value(x).name.as_str(), moved.ty(x).to_string().as_str()), ("x", "f32[N,3,32,32]"));
}

#[test]
fn squeeze_and_excite_stays_channels_first() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = conv(&mut b, "a", x, 4, 3, 1);
    let z = b.reduce(ReduceKind::Mean, y, &[1, 2], false).unwrap();
    let z = b.reshape(z, &[-1, 1, 1, 4]).unwrap();
    let z = conv(&mut b, "reduce", z, 2, 1, 1);
    let z = b.unary(UnaryOp::Relu, z).unwrap();
    let z = conv(&mut b, "expand", z, 4, 1, 1);
    let z = b.unary(UnaryOp::Sigmoid, z).unwrap();
    let y = b.binary(BinaryOp::Mul, y, z).unwrap();
    let graph = both(&done(b, y), InputLayout::Nchw);
    assert_eq!(ops(&graph), ["Conv", "Reduce", "Conv", "Relu", "Conv", "Sigmoid", "Mul"]);
    assert_eq!(graph.ty(graph.outputs()[0].value).to_string(), "f32[N,4,8,8]");
}

#[test]
fn a_narrow_value_between_pointwise_convolutions_vanishes() {
    let pair = |middle: usize| {
        let mut b = Builder::new("g");
        let x = image(&mut b, 8, 32);
        let y = conv(&mut b, "project", x, middle, 1, 1);
        let y = conv(&mut b, "expand", y, 96, 1, 1);
        ops(&optimize(&done(b, y))).len()
    };
    // 32·96 products instead of 32·16 + 16·96 are worth a value less; instead of 32·8 + 8·96 they are not.
    assert_eq!((pair(16), pair(8)), (1, 2));
}

#[test]
fn concat_pool_and_norm_stay_channels_first() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = conv(&mut b, "a", x, 4, 3, 1);
    let z = norm(&mut b, "bn", y);
    let z = b.unary(UnaryOp::Relu, z).unwrap();
    let z = conv(&mut b, "b", z, 4, 3, 1);
    let y = b.concat(&[y, z], 3).unwrap();
    let y = norm(&mut b, "last", y);
    let y = b.one(Op::Flatten { axis: 1 }, &[y]).unwrap();
    let y = dense(&mut b, "d", y, 5);
    let graph = both(&done(b, y), InputLayout::Keep);
    let want = ["Transpose", "Conv", "BatchNorm", "Relu", "Conv", "Concat", "BatchNorm", "Flatten", "Gemm"];
    assert_eq!(ops(&graph).len(), want.len(), "{:?}", ops(&graph));
    assert!(ops(&graph).iter().filter(|o| **o == "Transpose").count() == 1);
}

#[test]
fn layer_norm_over_channels_wants_them_last() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let y = conv(&mut b, "a", x, 4, 3, 1);
    let (s, t) = (weights(&mut b, "s", &[4]), weights(&mut b, "tt", &[4]));
    let z = b.one(Op::LayerNorm { axis: 3, epsilon: 1e-6 }, &[y, s, t]).unwrap();
    let z = dense(&mut b, "up", z, 8);
    let z = b.one(Op::Gelu { approximate: false }, &[z]).unwrap();
    let z = dense(&mut b, "down", z, 4);
    let y = b.binary(BinaryOp::Add, y, z).unwrap();
    let y = conv(&mut b, "b", y, 4, 3, 1);
    let graph = both(&done(b, y), InputLayout::Nchw);
    assert_eq!(ops(&graph).iter().filter(|o| **o == "Transpose").count(), 2, "{:?}", ops(&graph));
}

#[test]
fn a_batch_norm_far_from_windows_is_a_product_and_a_sum() {
    let mut b = Builder::new("g");
    let x = input(&mut b, &[7, 8]);
    let y = b.one(Op::LayerNorm { axis: 2, epsilon: 1e-6 }, &[x]).unwrap();
    let y = norm(&mut b, "bn", y);
    let y = b.one(Op::LayerNorm { axis: 2, epsilon: 1e-6 }, &[y]).unwrap();
    assert_eq!(ops(&both(&done(b, y), InputLayout::Keep)), ["LayerNorm", "Mul", "Add", "LayerNorm"]);
}

#[test]
fn other_ranks_have_layouts_too() {
    for rank in [3, 5] {
        let mut b = Builder::new("g");
        let x = input(&mut b, &vec![6; rank - 1]);
        let y = conv(&mut b, "a", x, 4, 3, 1);
        let y = b.one(Op::Softmax { axis: -1 }, &[y]).unwrap();
        let y = conv(&mut b, "b", y, 4, 3, 1);
        let axes: Vec<i64> = (1..rank as i64 - 1).collect();
        let y = b.reduce(ReduceKind::Max, y, &axes, false).unwrap();
        assert_eq!(ops(&both(&done(b, y), InputLayout::Keep)), ["Transpose", "Conv", "Softmax", "Conv", "Reduce"]);
    }
}

#[test]
fn permutes_of_the_model_merge_with_those_of_the_layout() {
    let mut b = Builder::new("g");
    let x = b.input("x", TensorType::new(DType::F32, vec![Dim::symbol("N"), 3.into(), 8.into(), 8.into()]));
    let y = b.transpose(x, &[0, 2, 3, 1]).unwrap();
    let y = conv(&mut b, "a", y, 4, 3, 1);
    let y = b.transpose(y, &[0, 3, 1, 2]).unwrap();
    assert_eq!(ops(&both(&done(b, y), InputLayout::Keep)), ["Conv"]);
}

#[test]
fn a_graph_without_windows_is_left_alone() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 4);
    let y = b.one(Op::Softmax { axis: -1 }, &[x]).unwrap();
    let graph = both(&done(b, y), InputLayout::Nchw);
    assert_eq!(ops(&graph), ["Softmax"]);
    assert_eq!(graph.ty(graph.inputs()[0]).to_string(), "f32[N,8,8,4]");
}

/// Bytes that must not be read.
#[derive(Debug)]
struct Unread;

impl modelport_ir::tensor::LazyBytes for Unread {
    fn read(&self) -> modelport_diag::Result<Vec<u8>> {
        panic!("a pass read a weight")
    }
    fn describe(&self) -> String {
        "unread".into()
    }
}

#[test]
fn weights_are_not_read() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 3);
    let lazy = |shape: &[usize]| Tensor::from_lazy(DType::F32, shape.to_vec(), std::sync::Arc::new(Unread)).unwrap();
    let w = b.constant("kernel", lazy(&[3, 3, 3, 4]));
    let op = Op::Conv {
        strides: vec![1, 1],
        dilations: vec![1, 1],
        padding: Padding::SameUpper,
        groups: 1,
        data: DataLayout::ChannelsLast,
        kernel: KernelLayout::SpatialInOut,
    };
    let y = b.one(op, &[x, w]).unwrap();
    let y = norm(&mut b, "bn", y);
    let y = b.reshape(y, &[-1, 256]).unwrap();
    let w = b.constant("dense", lazy(&[256, 10]));
    let c = weights(&mut b, "bias", &[10]);
    let y = b.one(Op::MatMul, &[y, w]).unwrap();
    let y = b.binary(BinaryOp::Add, y, c).unwrap();
    let y = norm(&mut b, "last", y);
    let graph = both(&done(b, y), InputLayout::Nchw);
    assert_eq!(ops(&graph), ["Conv", "Reshape", "Gemm"]);
}

#[test]
fn bodies_are_rewritten_too() {
    let body = |filters: usize| {
        let mut b = Builder::new("body");
        let x = b.input("x", TensorType::known(DType::F32, &[1, 8, 8, 3]));
        let y = conv(&mut b, &format!("c{filters}"), x, 4, 3, 1);
        let y = norm(&mut b, "bn", y);
        let y = if filters > 1 { b.unary(UnaryOp::Identity, y).unwrap() } else { y };
        done(b, y)
    };
    let mut b = Builder::new("g");
    let cond = b.input("cond", TensorType::known(DType::Bool, &[]));
    let x = b.input("x", TensorType::known(DType::F32, &[1, 8, 8, 3]));
    let op = Op::If { then_branch: Box::new(body(1)), else_branch: Box::new(body(2)) };
    let y = b.one(op, &[cond, x]).unwrap();
    let graph = both(&done(b, y), InputLayout::Keep);
    let Op::If { then_branch, else_branch } = &graph.nodes()[0].op else { panic!("an If") };
    assert_eq!(ops(then_branch), ["Transpose", "Conv", "Transpose"]);
    assert_eq!(ops(else_branch), ["Transpose", "Conv", "Transpose"]);
}

#[test]
fn long_and_wide_graphs_take_linear_time() {
    let mut b = Builder::new("g");
    let x = image(&mut b, 8, 4);
    let mut y = x;
    let mut all = vec![x];
    for i in 0..600 {
        y = conv(&mut b, &format!("c{i}"), y, 4, 1, 1);
        y = norm(&mut b, &format!("n{i}"), y);
        y = b.unary(UnaryOp::Relu, y).unwrap();
        y = b.one(Op::LayerNorm { axis: 3, epsilon: 1e-6 }, &[y]).unwrap();
        y = b.binary(BinaryOp::Add, y, x).unwrap();
        all.push(y);
    }
    let y = b.concat(&all, 3).unwrap();
    let graph = done(b, y);
    let start = std::time::Instant::now();
    let out = both(&graph, InputLayout::Keep);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert!(ops(&out).iter().filter(|o| **o == "Transpose").count() <= 1201);
}
