//! Two convolutions of one pixel with nothing between them are one, where that costs little: the narrow value between
//! them is neither written nor read. In a MobileNetV2 that is the end of the first block and the start of the second.

use super::super::net::Net;
use super::linear::bias;
use crate::core::Padding;
use crate::{DType, NodeId, Op, Tensor};

/// Channels between the two up to which moving the value costs more than what is computed instead.
const NARROW: usize = 32;
/// Weights beyond which they are not read here.
const MOST: usize = 1 << 16;

/// A convolution of one pixel as a matrix.
struct Pointwise {
    /// By output channel, then by input channel.
    matrix: Vec<f64>,
    bias: Vec<f64>,
    inputs: usize,
    outputs: usize,
}

/// Merges a convolution of one pixel into the one after it.
pub(super) fn pairs(net: &mut Net, id: NodeId) -> bool {
    merge(net, id).is_some()
}

fn merge(net: &mut Net, id: NodeId) -> Option<()> {
    let maker = net.only_maker(id, 0)?;
    let (Op::Conv { data, kernel, .. }, Op::Conv { data: before, .. }) = (&net.node(id).op, &net.node(maker).op) else {
        return None;
    };
    let (op, axes) = (net.node(id).op.clone(), kernel.axes(net.constant(id, 1)?.rank()));
    if data != before {
        return None;
    }
    let (first, second) = (pointwise(net, maker)?, pointwise(net, id)?);
    let middle = first.outputs;
    // At most half as much again is computed, in exchange for a value less.
    let cheap = 2 * first.inputs * second.outputs <= 3 * middle * (first.inputs + second.outputs);
    if middle != second.inputs || middle > NARROW || !cheap {
        return None;
    }
    let merged = compose(&first, &second);
    let mut shape = net.constant(id, 1)?.shape().to_vec();
    *shape.get_mut(axes.in_axis)? = first.inputs;
    let weights = ordered(&merged, axes.out_axis < axes.in_axis);
    let weights = Tensor::from_f64s(DType::F32, &shape, &weights).ok()?;
    let terms = Tensor::from_f64s(DType::F32, &[merged.outputs], &merged.bias).ok()?;
    let name = |i: usize, otherwise: &str| {
        let own = net.input(id, i).map(|v| net.name(v).to_owned());
        own.unwrap_or_else(|| format!("{}/{otherwise}", net.node(id).name))
    };
    let (kernel_name, bias_name) = (name(1, "kernel"), name(2, "bias"));
    let x = net.input(maker, 0);
    let weights = net.add_const(kernel_name, weights);
    let terms = net.add_const(bias_name, terms);
    net.set(id, op, vec![x, Some(weights), Some(terms)]);
    Some(())
}

fn pointwise(net: &Net, node: NodeId) -> Option<Pointwise> {
    let Op::Conv { strides, padding, groups: 1, kernel, .. } = &net.node(node).op else { return None };
    let weights = net.constant(node, 1).filter(|w| w.dtype() == DType::F32 && w.len() <= MOST)?;
    let axes = kernel.axes(weights.rank());
    let (outputs, inputs) = (*weights.shape().get(axes.out_axis)?, *weights.shape().get(axes.in_axis)?);
    let unpadded = match padding {
        Padding::Explicit(pads) => pads.iter().all(|p| *p == (0, 0)),
        Padding::SameUpper | Padding::SameLower => true,
    };
    if weights.len() != outputs * inputs || !unpadded || strides.iter().any(|&s| s != 1) {
        return None;
    }
    let bias = bias(net, node, outputs)?;
    let values = weights.to_f64s().ok()?;
    let given = Pointwise { matrix: values, bias, inputs, outputs };
    let by_output = axes.out_axis < axes.in_axis;
    let matrix = if by_output { given.matrix } else { transposed(&given.matrix, inputs, outputs) };
    Some(Pointwise { matrix, ..given })
}

fn transposed(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| (0..rows).filter_map(move |r| matrix.get(r * columns + c).copied())).collect()
}

fn ordered(p: &Pointwise, by_output: bool) -> Vec<f64> {
    if by_output { p.matrix.clone() } else { transposed(&p.matrix, p.outputs, p.inputs) }
}

/// `second · first`, computed in f64.
fn compose(first: &Pointwise, second: &Pointwise) -> Pointwise {
    let mut matrix = Vec::with_capacity(second.outputs * first.inputs);
    let mut bias = Vec::with_capacity(second.outputs);
    for (row, term) in second.matrix.chunks_exact(second.inputs.max(1)).zip(&second.bias) {
        let mut sum = vec![0.0; first.inputs];
        for (w, line) in row.iter().zip(first.matrix.chunks_exact(first.inputs.max(1))) {
            sum.iter_mut().zip(line).for_each(|(s, v)| *s += w * v);
        }
        matrix.extend(sum);
        bias.push(term + row.iter().zip(&first.bias).map(|(w, b)| w * b).sum::<f64>());
    }
    Pointwise { matrix, bias, inputs: first.inputs, outputs: second.outputs }
}
