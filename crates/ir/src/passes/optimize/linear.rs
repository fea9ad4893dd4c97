//! Convolutions and matrix products with constant weights: what a factor or a term per output channel can go into.

use super::super::axes;
use super::super::net::Net;
use crate::{DType, NodeId, Op, Tensor};

/// Numbers per channel beyond which they are weights and not read.
const MOST: usize = 1 << 20;

/// An op that is linear in its first operand.
pub(super) struct Linear {
    pub(super) node: NodeId,
    weights: Tensor,
    /// The axis of the weights that output channels lie along, and how many of its elements belong to one channel.
    axis: (usize, usize),
    /// Output channels.
    pub(super) channels: usize,
    /// The axis of the result that they lie along.
    pub(super) channel_axis: usize,
    /// What is added per channel; zeros when nothing is.
    pub(super) bias: Vec<f64>,
}

/// The node, when it is linear with constant weights and bias.
pub(super) fn linear(net: &Net, node: NodeId) -> Option<Linear> {
    let out = net.ty(net.output(node)?);
    let rank = out.rank();
    let weights = net.constant(node, 1)?.clone();
    let of = |axis: usize, per: usize, channel_axis: usize| {
        let channels = weights.shape().get(axis)?.checked_div(per)?;
        let bias = bias(net, node, channels)?;
        let weights = weights.clone();
        (out.dtype.is_float() && channels <= MOST).then_some(Linear {
            node,
            weights,
            axis: (axis, per),
            channels,
            channel_axis,
            bias,
        })
    };
    match &net.node(node).op {
        Op::Conv { data, kernel, .. } => of(kernel.axes(rank).out_axis, 1, data.channel_axis(rank)),
        Op::ConvTranspose { groups, data, kernel, .. } => {
            let k = kernel.axes(rank);
            match (*groups, weights.shape().get(k.out_axis)?) {
                (1, _) => of(k.out_axis, 1, data.channel_axis(rank)),
                (g, 1) => of(k.in_axis, weights.shape().get(k.in_axis)?.checked_div(g)?, data.channel_axis(rank)),
                _ => None,
            }
        }
        Op::Gemm { trans_b, .. } => of(usize::from(!trans_b), 1, 1),
        Op::MatMul if weights.rank() == 2 && rank >= 2 => of(1, 1, rank - 1),
        _ => None,
    }
}

/// What a node adds per channel; zeros when nothing.
pub(super) fn bias(net: &Net, node: NodeId, channels: usize) -> Option<Vec<f64>> {
    let (at, factor) = match &net.node(node).op {
        Op::Gemm { beta, .. } => (2, *beta),
        Op::MatMul => return Some(vec![0.0; channels]),
        _ => (2, 1.0),
    };
    if net.input(node, at).is_none() {
        return Some(vec![0.0; channels]);
    }
    let rank = net.constant(node, at)?.rank().max(1);
    let values = along(net.constant(node, at)?, rank, rank - 1, channels)?;
    Some(values.iter().map(|v| v * factor).collect())
}

/// The numbers of a constant that differ along one axis of a value of `rank` at most.
pub(super) fn along(tensor: &Tensor, rank: usize, axis: usize, channels: usize) -> Option<Vec<f64>> {
    if tensor.len() == 1 && tensor.rank() <= rank {
        return Some(vec![tensor.to_f64s().ok()?.first().copied()?; channels]);
    }
    let at = axis.checked_sub(rank.checked_sub(tensor.rank())?)?;
    let fits = tensor.shape().get(at) == Some(&channels) && tensor.len() == channels && channels <= MOST;
    fits.then(|| tensor.to_f64s().ok()).flatten()
}

impl Linear {
    /// Puts `scale·x + shift` per channel into weights and bias; false when the op cannot hold it.
    pub(super) fn absorb(&self, net: &mut Net, scale: Option<&[f64]>, shift: Option<&[f64]>) -> bool {
        let Some(out) = net.output(self.node) else { return false };
        let rank = net.ty(out).rank();
        let product = matches!(net.node(self.node).op, Op::MatMul);
        if !self.may_scale(net, scale) || (product && shift.is_some() && rank != 2) {
            return false;
        }
        let Some(weights) = self.scaled(scale) else { return false };
        let op = match net.node(self.node).op.clone() {
            Op::MatMul if shift.is_some() => Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false },
            Op::Gemm { alpha, trans_a, trans_b, .. } => Op::Gemm { alpha, beta: 1.0, trans_a, trans_b },
            op => op,
        };
        let mut inputs = vec![net.input(self.node, 0), net.input(self.node, 1)];
        if scale.is_some() {
            let name = net.input(self.node, 1).map(|id| net.name(id).to_owned()).unwrap_or_default();
            inputs[1] = Some(net.add_const(name, weights));
        }
        let had = net.input(self.node, 2);
        if had.is_some() || shift.is_some() {
            let name = had.map_or_else(|| format!("{}/bias", net.node(self.node).name), |id| net.name(id).to_owned());
            let Ok(bias) = Tensor::from_f64s(net.ty(out).dtype, &[self.channels], &self.shifted(scale, shift)) else {
                return false;
            };
            inputs.push(Some(net.add_const(name, bias)));
        }
        net.set(self.node, op, inputs);
        true
    }

    /// The bias after the line is applied.
    pub(super) fn shifted(&self, scale: Option<&[f64]>, shift: Option<&[f64]>) -> Vec<f64> {
        let at = |line: Option<&[f64]>, i: usize, none: f64| line.and_then(|l| l.get(i)).copied().unwrap_or(none);
        self.bias.iter().enumerate().map(|(i, b)| b * at(scale, i, 1.0) + at(shift, i, 0.0)).collect()
    }

    fn scaled(&self, scale: Option<&[f64]>) -> Option<Tensor> {
        let Some(scale) = scale else { return Some(self.weights.clone()) };
        let (axis, per) = self.axis;
        let factors: Vec<f64> = scale.iter().flat_map(|&s| std::iter::repeat_n(s, per)).collect();
        self.weights.scale(axis, factors.into()).ok()
    }

    /// Narrow floats would lose what large and small factors take; weights that others use would be there twice.
    fn may_scale(&self, net: &Net, scale: Option<&[f64]>) -> bool {
        let Some(scale) = scale else { return true };
        let wide = matches!(self.weights.dtype(), DType::F32 | DType::F64);
        let shared = net.input(self.node, 1).is_some_and(|id| net.uses(id) > 1);
        let tame = |s: &f64| (1.0 / 16.0..=16.0).contains(&s.abs()) || *s == 0.0;
        (wide || scale.iter().all(tame)) && (!shared || self.weights.len() <= 1 << 16)
    }
}

/// The position of an axis, for a batch normalisation over a result.
pub(super) fn is_axis(axis: i64, rank: usize, want: usize) -> bool {
    axes::normal(axis, rank) == Some(want)
}
