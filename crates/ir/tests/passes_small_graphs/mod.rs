//! Layers to build small graphs of, and how their nodes are listed.

use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, PadMode, Padding};
use modelport_ir::passes::{InputLayout, channels_first, optimize};
use modelport_ir::{Builder, CoreGraph, DType, Dim, Op, Tensor, TensorType, ValueId, verify};

/// Names of ops, in order.
pub(crate) fn ops(graph: &CoreGraph) -> Vec<&'static str> {
    verify(graph).unwrap_or_else(|d| panic!("{d:?}"));
    graph.nodes().iter().map(|n| n.op.name()).collect()
}

pub(crate) fn image(b: &mut Builder, size: usize, channels: usize) -> ValueId {
    input(b, &[size, size, channels])
}

pub(crate) fn input(b: &mut Builder, dims: &[usize]) -> ValueId {
    let shape: Vec<Dim> = std::iter::once(Dim::symbol("N")).chain(dims.iter().map(|&n| Dim::Known(n))).collect();
    b.input("x", TensorType::new(DType::F32, shape))
}

pub(crate) fn weights(b: &mut Builder, name: &str, shape: &[usize]) -> ValueId {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| ((i * 7919 + name.len() * 31) % 97) as f64 / 97.0 - 0.4).collect();
    b.constant(name, Tensor::from_f64s(DType::F32, shape, &values).unwrap())
}

pub(crate) fn conv(b: &mut Builder, name: &str, x: ValueId, filters: usize, size: usize, groups: usize) -> ValueId {
    let rank = b.rank(x);
    let channels = b.shape(x)[rank - 1].known().unwrap();
    let mut shape = vec![size; rank - 2];
    shape.extend([channels / groups, filters]);
    b.push_scope(name);
    let w = weights(b, &format!("{name}/kernel"), &shape);
    let ones = vec![1; rank - 2];
    let op = Op::Conv {
        strides: ones.clone(),
        dilations: ones,
        padding: Padding::SameUpper,
        groups,
        data: DataLayout::ChannelsLast,
        kernel: KernelLayout::SpatialInOut,
    };
    let y = b.one(op, &[x, w]).unwrap();
    b.graph_mut().set_name(y, name);
    b.pop_scope();
    y
}

pub(crate) fn norm(b: &mut Builder, name: &str, x: ValueId) -> ValueId {
    let axis = b.rank(x) - 1;
    let n = b.shape(x)[axis].known().unwrap();
    b.push_scope(name);
    let mut inputs = vec![x];
    for p in ["gamma", "beta", "mean"] {
        inputs.push(weights(b, &format!("{name}/{p}"), &[n]));
    }
    let variance: Vec<f64> = (0..n).map(|i| 0.5 + i as f64).collect();
    inputs.push(b.constant("variance", Tensor::from_f64s(DType::F32, &[n], &variance).unwrap()));
    let y = b.one(Op::BatchNorm { axis: axis as i64, epsilon: 1e-3 }, &inputs).unwrap();
    b.graph_mut().set_name(y, name);
    b.pop_scope();
    y
}

pub(crate) fn relu6(b: &mut Builder, x: ValueId) -> ValueId {
    let low = b.scalar_like(x, 0.0);
    let high = b.scalar_like(x, 6.0);
    b.one(Op::Clip, &[x, low, high]).unwrap()
}

pub(crate) fn dense(b: &mut Builder, name: &str, x: ValueId, units: usize) -> ValueId {
    let inner = b.shape(x).last().and_then(Dim::known).unwrap();
    let w = weights(b, &format!("{name}/kernel"), &[inner, units]);
    let c = weights(b, &format!("{name}/bias"), &[units]);
    let y = b.one(Op::MatMul, &[x, w]).unwrap();
    b.binary(BinaryOp::Add, y, c).unwrap()
}

pub(crate) fn pad(b: &mut Builder, x: ValueId, before: i64, after: i64) -> ValueId {
    let pads = b.ints(&[0, before, before, 0, 0, after, after, 0]);
    b.one(Op::Pad { mode: PadMode::Constant }, &[x, pads]).unwrap()
}

pub(crate) fn done(mut b: Builder, y: ValueId) -> CoreGraph {
    b.output("y", y);
    b.finish()
}

/// Both passes, as the ONNX writer wants them.
pub(crate) fn both(graph: &CoreGraph, layout: InputLayout) -> CoreGraph {
    let optimized = optimize(graph);
    ops(&optimized);
    let out = channels_first(&optimized, layout);
    let last = |op: &Op| format!("{op:?}").contains("ChannelsLast");
    assert!(!out.nodes().iter().any(|n| last(&n.op)), "{:?}", ops(&out));
    out
}
