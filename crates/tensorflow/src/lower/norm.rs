//! Normalisations (`core/ops/nn_ops.cc`). At inference: with the statistics that are operands; with those of the batch
//! where the graph says that it is training.

use super::activation::fused;
use super::call::Call;
use super::conv::along_channels;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind};
use modelport_ir::{Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("FusedBatchNorm", batch),
    row_many("FusedBatchNormV2", batch),
    row_many("FusedBatchNormV3", batch),
    row_many("_FusedBatchNormEx", batch_and_more),
    row("BatchNormWithGlobalNormalization", global),
    row("LRN", local_response),
];

/// The axis of channels of a value, and the axes of all else.
fn axes(data: DataLayout, rank: usize) -> (usize, Vec<i64>) {
    let channel = data.channel_axis(rank);
    (channel, (0..rank).filter(|a| *a != channel).map(|a| a as i64).collect())
}

/// (x, scale, offset, mean, variance) → (y, mean, variance, …).
fn batch(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, scale, offset] = c.three()?;
    let data = c.data_layout()?;
    let epsilon = c.float_or("epsilon", 1e-4)?;
    let dtype = c.b.dtype(x);
    // Half-precision values have statistics in single precision, and are computed with in that.
    let wide = c.b.cast(x, c.b.dtype(scale))?;
    let (channel, over) = axes(data, c.b.rank(x));
    if !c.bool_or("is_training", true)? {
        let (mean, variance) = (c.input(3)?, c.input(4)?);
        let y = c.b.one(Op::BatchNorm { axis: channel as i64, epsilon }, &[wide, scale, offset, mean, variance])?;
        return Ok(vec![c.b.cast(y, dtype)?, mean, variance, mean, variance]);
    }
    let mean = c.b.reduce(ReduceKind::Mean, wide, &over, true)?;
    let apart = c.b.binary(BinaryOp::Sub, wide, mean)?;
    let squares = f::square(c.b, apart)?;
    let variance = c.b.reduce(ReduceKind::Mean, squares, &over, true)?;
    let sum = c.b.binary_scalar(BinaryOp::Add, variance, epsilon)?;
    let root = c.b.unary(modelport_ir::core::UnaryOp::Sqrt, sum)?;
    let unit = c.b.binary(BinaryOp::Div, apart, root)?;
    let rank = c.b.rank(x);
    let (scale, offset) = (along_channels(c, scale, rank, data)?, along_channels(c, offset, rank, data)?);
    let y = c.b.binary(BinaryOp::Mul, unit, scale)?;
    let y = c.b.binary(BinaryOp::Add, y, offset)?;
    let y = c.b.cast(y, dtype)?;
    if (1..5).any(|i| c.uses(i)) {
        let (mean, variance) = (c.b.squeeze(mean, &over)?, c.b.squeeze(variance, &over)?);
        let unbiased = corrected(c, x, variance, &over)?;
        return Ok(vec![y, mean, unbiased, mean, variance]);
    }
    Ok(vec![y])
}

/// The variance of the sample: times n / (n − 1).
fn corrected(c: &mut Call<'_>, x: ValueId, variance: ValueId, over: &[i64]) -> Result<ValueId> {
    let sizes = over.iter().map(|&a| c.b.dim(x, a as usize)).collect::<Result<Vec<_>>>()?;
    let sizes = c.b.concat(&sizes, 0)?;
    let n = c.b.reduce(ReduceKind::Prod, sizes, &[0], false)?;
    let less = c.b.binary_scalar(BinaryOp::Sub, n, 1.0)?;
    let less = c.b.binary_scalar(BinaryOp::Max, less, 1.0)?;
    let dtype = c.b.dtype(variance);
    let (n, less) = (c.b.cast(n, dtype)?, c.b.cast(less, dtype)?);
    let factor = c.b.binary(BinaryOp::Div, n, less)?;
    c.b.binary(BinaryOp::Mul, variance, factor)
}

/// With a value that is added and an activation.
fn batch_and_more(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let mut results = batch(c)?;
    let Some(y) = results.first_mut() else { return Ok(results) };
    if c.int_or("num_side_inputs", 0)? > 0 {
        let side = c.input(5)?;
        *y = c.b.binary(BinaryOp::Add, *y, side)?;
    }
    let mode = c.str_or("activation_mode", "Identity")?.to_owned();
    if mode != "Identity" {
        *y = match fused(c.b, &mode, *y, 0.2) {
            Some(activated) => activated?,
            None => return Err(c.bad_value("activation_mode", "Identity or Relu", &mode)),
        };
    }
    Ok(results)
}

/// (x, mean, variance, beta, gamma), the oldest form.
fn global(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, mean, variance] = c.three()?;
    let (beta, mut gamma) = (c.input(3)?, c.input(4)?);
    let epsilon = c.float_or("variance_epsilon", 0.0)?;
    if !c.bool_or("scale_after_normalization", true)? {
        let n = c.b.shape(mean).first().and_then(Dim::known).unwrap_or(1);
        let ones = Tensor::from_f64s(c.b.dtype(x), &[n], &vec![1.0; n])?;
        gamma = c.b.constant("", ones);
    }
    let axis = c.b.rank(x).saturating_sub(1) as i64;
    c.b.one(Op::BatchNorm { axis, epsilon }, &[x, gamma, beta, mean, variance])
}

/// x / (bias + alpha · Σ of squares over 2·depth_radius + 1 channels)^beta; ONNX divides alpha by their number.
fn local_response(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    c.need_rank(x, 4)?;
    let radius = c.int_or("depth_radius", 5)?;
    let size = usize::try_from(radius.saturating_mul(2).saturating_add(1))
        .ok()
        .filter(|_| (0..1 << 30).contains(&radius))
        .ok_or_else(|| c.bad_value("depth_radius", "a number from 0 up", &radius.to_string()))?;
    let op = Op::Lrn {
        size,
        alpha: c.float_or("alpha", 1.0)? * size as f64,
        beta: c.float_or("beta", 0.5)?,
        bias: c.float_or("bias", 1.0)?,
        data: DataLayout::ChannelsLast,
    };
    c.b.one(op, &[x])
}
