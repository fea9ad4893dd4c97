//! Factors and terms per channel go into the convolution or matrix product before them.

use super::super::affine;
use super::super::net::Net;
use super::linear::{Linear, along, is_axis, linear};
use crate::core::BinaryOp;
use crate::{Dim, NodeId, Op, Tensor};

/// `scale·x + shift`, each where it is there.
struct Line {
    scale: Option<Vec<f64>>,
    shift: Option<Vec<f64>>,
}

/// Batch normalisation, or a sum, difference, product or quotient with a constant per channel.
pub(super) fn lines(net: &mut Net, id: NodeId) -> bool {
    let Some(at) = line_operand(net, id) else { return false };
    let Some(maker) = net.only_maker(id, at) else { return false };
    if let Some(found) = linear(net, maker) {
        return fold(net, id, at, &found);
    }
    behind_sum(net, id, at, maker).unwrap_or(false)
}

/// The operand that the line is of, when the node is one.
fn line_operand(net: &Net, id: NodeId) -> Option<usize> {
    match &net.node(id).op {
        Op::BatchNorm { .. } => Some(0),
        Op::Binary(BinaryOp::Add | BinaryOp::Mul) => [0, 1].into_iter().find(|&i| net.constant(id, 1 - i).is_some()),
        Op::Binary(BinaryOp::Sub | BinaryOp::Div) => net.constant(id, 1).map(|_| 0),
        _ => None,
    }
    .filter(|&at| {
        let (x, y) = (net.input(id, at), net.output(id));
        x.zip(y).is_some_and(|(x, y)| net.ty(x).rank() == net.ty(y).rank() && same_or_unknown(net, x, y))
    })
}

/// The constant must not make the value larger.
fn same_or_unknown(net: &Net, x: crate::ValueId, y: crate::ValueId) -> bool {
    net.ty(x).shape.iter().zip(&net.ty(y).shape).all(|(a, b)| a == b && *a != Dim::Known(0))
}

fn line(net: &Net, id: NodeId, at: usize, of: &Linear) -> Option<Line> {
    let rank = net.ty(net.output(id)?).rank();
    if let Op::BatchNorm { axis, epsilon } = &net.node(id).op {
        is_axis(*axis, rank, of.channel_axis).then_some(())?;
        let line = affine::of_batch_norm([1, 2, 3, 4].map(|i| net.constant(id, i)), *epsilon)?;
        (line.scale.len() == of.channels).then_some(())?;
        return Some(Line { scale: Some(line.scale), shift: Some(line.shift) });
    }
    let values = along(net.constant(id, 1 - at)?, rank, of.channel_axis, of.channels)?;
    let (scale, shift) = match &net.node(id).op {
        Op::Binary(BinaryOp::Add) => (None, Some(values)),
        Op::Binary(BinaryOp::Sub) => (None, Some(values.iter().map(|v| -v).collect())),
        Op::Binary(BinaryOp::Mul) => (Some(values), None),
        Op::Binary(BinaryOp::Div) => (Some(values.iter().map(|v| 1.0 / v).collect()), None),
        _ => return None,
    };
    let finite = |v: &Option<Vec<f64>>| v.iter().flatten().all(|v: &f64| v.is_finite());
    (finite(&scale) && finite(&shift)).then_some(Line { scale, shift })
}

fn fold(net: &mut Net, id: NodeId, at: usize, found: &Linear) -> bool {
    let Some(Line { scale, shift }) = line(net, id, at, found) else { return false };
    let (Some(old), Some(new)) = (net.output(id), net.output(found.node)) else { return false };
    if found.absorb(net, scale.as_deref(), shift.as_deref()) {
        net.become_value(old, new);
        return true;
    }
    // A matrix product has no bias: of a batch normalisation behind it a sum stays.
    let (true, Some(shift)) = (scale.is_some(), shift) else { return false };
    let shape = [found.channels];
    let Ok(term) = Tensor::from_f64s(net.ty(old).dtype, &shape, &shift) else { return false };
    let product = matches!(net.node(found.node).op, Op::MatMul);
    if !product || !found.absorb(net, scale.as_deref(), None) {
        return false;
    }
    let term = net.add_const(format!("{}/shift", net.node(id).name), term);
    net.set(id, Op::Binary(BinaryOp::Add), vec![Some(new), Some(term)]);
    true
}

/// A line behind a matrix product and a sum with a constant: both take their part.
fn behind_sum(net: &mut Net, id: NodeId, at: usize, sum: NodeId) -> Option<bool> {
    let x = line_operand(net, sum).filter(|_| matches!(net.node(sum).op, Op::Binary(BinaryOp::Add)))?;
    let mut found = linear(net, net.only_maker(sum, x)?)?;
    if !matches!(net.node(found.node).op, Op::MatMul) {
        return None;
    }
    let (old, new) = (net.output(id)?, net.output(sum)?);
    let rank = net.ty(new).rank();
    found.bias = along(net.constant(sum, 1 - x)?, rank, found.channel_axis, found.channels)?;
    let Line { scale, shift } = line(net, id, at, &found)?;
    let term =
        Tensor::from_f64s(net.ty(old).dtype, &[found.channels], &found.shifted(scale.as_deref(), shift.as_deref()));
    let (term, product) = (term.ok()?, net.output(found.node)?);
    if scale.is_some() && !found.absorb(net, scale.as_deref(), None) {
        return Some(false);
    }
    let name = net.name(net.input(sum, 1 - x)?).to_owned();
    let term = net.add_const(name, term);
    net.set(sum, Op::Binary(BinaryOp::Add), vec![Some(product), Some(term)]);
    net.become_value(old, new);
    Some(true)
}

/// A product of matrices plus a vector, whatever they are, is a `Gemm`.
pub(super) fn bias(net: &mut Net, id: NodeId) -> bool {
    let found = || {
        let out = net.output(id).filter(|_| matches!(net.node(id).op, Op::Binary(BinaryOp::Add)))?;
        let at = [0, 1]
            .into_iter()
            .find(|&i| net.only_maker(id, i).is_some_and(|n| matches!(net.node(n).op, Op::MatMul)))?;
        let (product, term) = (net.only_maker(id, at)?, net.input(id, 1 - at)?);
        let (a, b) = (net.input(product, 0)?, net.input(product, 1)?);
        let columns = net.ty(b).shape.last()?;
        let matrices = net.ty(a).rank() == 2 && net.ty(b).rank() == 2 && net.ty(out).dtype.is_float();
        let vector = net.ty(term).shape.as_slice() == std::slice::from_ref(columns) && columns.known().is_some();
        (matrices && vector).then_some(vec![Some(a), Some(b), Some(term)])
    };
    let Some(inputs) = found() else { return false };
    // The term may be made after the product, so the node of the sum is the one that changes.
    net.set(id, Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false }, inputs);
    true
}
