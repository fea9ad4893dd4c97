//! How long the interpreter takes for a MobileNetV2 and a VGG16 at 224×224: `cargo run --release --example conv_speed`.
#![allow(clippy::print_stdout, reason = "it exists to print")]

use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding, PoolKind, ReduceKind};
use modelport_ir::{Builder, CoreGraph, DType, Op, Tensor, TensorType, ValueId};
use modelport_runtime::{Array, run};
use std::time::Instant;

/// Numbers of the size of trained weights for `inputs` inputs.
fn weights(b: &mut Builder, shape: &[usize], inputs: usize) -> Result<ValueId> {
    let n: usize = shape.iter().product();
    let scale = (2.0 / inputs as f32).sqrt();
    let bytes = (0..n).flat_map(|i| (((i * 7919) % 2003) as f32 / 1001.0 * scale - scale).to_le_bytes());
    let tensor = Tensor::from_bytes(DType::F32, shape.to_vec(), bytes.collect::<Vec<u8>>())?;
    Ok(b.graph_mut().add_const("w", tensor))
}

fn conv(b: &mut Builder, x: ValueId, size: usize, out: usize, stride: usize, depthwise: bool) -> Result<ValueId> {
    let channels = b.shape(x).last().and_then(|d| d.known()).unwrap_or(0);
    let (inner, groups) = if depthwise { (1, channels) } else { (channels, 1) };
    let w = weights(b, &[size, size, inner, out], size * size * inner)?;
    let op = Op::Conv {
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        padding: Padding::SameUpper,
        groups,
        data: DataLayout::ChannelsLast,
        kernel: KernelLayout::SpatialInOut,
    };
    b.one(op, &[x, w])
}

fn relu6(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let (low, high) = (b.scalar(DType::F32, 0.0), b.scalar(DType::F32, 6.0));
    b.one(Op::Clip, &[x, low, high])
}

fn mobilenet_v2() -> Result<CoreGraph> {
    let mut b = Builder::new("mobilenet_v2");
    let image = b.input("x", TensorType::known(DType::F32, &[1, 224, 224, 3]));
    let x = conv(&mut b, image, 3, 32, 2, false)?;
    let mut x = relu6(&mut b, x)?;
    let blocks =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
    let mut channels = 32;
    for (expand, out, repeats, stride) in blocks {
        for i in 0..repeats {
            let wide = channels * expand;
            let mut y = conv(&mut b, x, 1, wide, 1, false)?;
            y = relu6(&mut b, y)?;
            y = conv(&mut b, y, 3, wide, if i == 0 { stride } else { 1 }, true)?;
            y = relu6(&mut b, y)?;
            y = conv(&mut b, y, 1, out, 1, false)?;
            x = if i > 0 { b.binary(modelport_ir::core::BinaryOp::Add, x, y)? } else { y };
            channels = out;
        }
    }
    x = conv(&mut b, x, 1, 1280, 1, false)?;
    x = relu6(&mut b, x)?;
    x = b.reduce(ReduceKind::Mean, x, &[1, 2], false)?;
    let w = weights(&mut b, &[1280, 1000], 1280)?;
    let y = b.one(Op::MatMul, &[x, w])?;
    b.output("y", y);
    Ok(b.finish())
}

fn vgg16() -> Result<CoreGraph> {
    let mut b = Builder::new("vgg16");
    let mut x = b.input("x", TensorType::known(DType::F32, &[1, 224, 224, 3]));
    for (out, repeats) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
        for _ in 0..repeats {
            let y = conv(&mut b, x, 3, out, 1, false)?;
            x = b.unary(modelport_ir::core::UnaryOp::Relu, y)?;
        }
        let pool = Op::Pool {
            kind: PoolKind::Max,
            window: vec![2; 2],
            strides: vec![2; 2],
            dilations: vec![1; 2],
            padding: Padding::valid(2),
            ceil_mode: false,
            count_include_pad: false,
            data: DataLayout::ChannelsLast,
        };
        x = b.one(pool, &[x])?;
    }
    x = b.reshape(x, &[1, 25088])?;
    for (inputs, out) in [(25088, 4096), (4096, 4096), (4096, 1000)] {
        let w = weights(&mut b, &[inputs, out], inputs)?;
        x = b.one(Op::MatMul, &[x, w])?;
    }
    b.output("y", x);
    Ok(b.finish())
}

fn main() -> Result<()> {
    for graph in [mobilenet_v2()?, vgg16()?] {
        let image = (0..224 * 224 * 3).map(|i| (i % 255) as f32 / 127.5 - 1.0).collect();
        let image = Array::from_vec(&[1, 224, 224, 3], image)?;
        let start = Instant::now();
        let out = run(&graph, vec![image])?;
        let first = out.first().map(|y| y.to_f64s()).transpose()?.and_then(|y| y.first().copied());
        println!("{}: {:.2} s, first output {first:?}", graph.name, start.elapsed().as_secs_f64());
    }
    Ok(())
}
