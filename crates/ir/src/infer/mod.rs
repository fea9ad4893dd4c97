//! Type and shape inference: the types of an op's results from those of its operands, and shape arithmetic.
//!
//! Owns: what every core op accepts. Must never know: kernels, frameworks. One file per family of ops; [`infer`] is
//! the only place that lists all.

mod arithmetic;
mod context;
mod control;
mod conv;
mod elementwise;
mod image;
mod index;
mod known;
mod linalg;
mod norm;
mod quant;
mod reduce;
mod reshape;
mod rnn;
mod shape;
#[cfg(test)]
mod tests;

pub use arithmetic::known_results;
pub use known::{Known, KnownInt};
pub(crate) use shape::clamp as clamp_slice;

use crate::{Op, Tensor, TensorType};
use context::Ctx;
use conv::{Moves, Transposed};
use modelport_diag::Result;

/// What is known of an operand.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its type.
    pub ty: &'a TensorType,
    /// Its tensor, when it is constant.
    pub constant: Option<&'a Tensor>,
    /// Its elements as far as they are known, when it is a small integer value.
    pub known: Option<&'a Known>,
}

/// The types of the results of `op` on `operands`.
///
/// # Errors
/// `IR0001` when the operands do not fit the op.
pub fn infer(op: &Op, operands: &[Option<Operand<'_>>]) -> Result<Vec<TensorType>> {
    let c = Ctx { name: op.name(), operands };
    match op {
        Op::Unary(u) => elementwise::unary(c, *u),
        Op::Binary(b) => elementwise::binary(c, *b),
        Op::Elu { .. }
        | Op::Selu { .. }
        | Op::Celu { .. }
        | Op::LeakyRelu { .. }
        | Op::HardSigmoid { .. }
        | Op::ThresholdedRelu { .. }
        | Op::Shrink { .. }
        | Op::Gelu { .. } => elementwise::activation(c),
        Op::Clip => elementwise::clip(c),
        Op::Softmax { axis } | Op::LogSoftmax { axis } | Op::Hardmax { axis } | Op::LpNorm { axis, .. } => {
            elementwise::along(c, *axis)
        }
        Op::Cast { to } => elementwise::cast(c, *to),
        Op::Where => elementwise::choose(c),
        Op::Reduce { kind, axes, keepdims } => reduce::reduce(c, *kind, axes, *keepdims),
        Op::ArgReduce { axis, keepdims, .. } => reduce::arg(c, *axis, *keepdims),
        Op::CumSum { axis, .. } | Op::CumProd { axis, .. } => reduce::running(c, *axis),
        Op::TopK { axis, .. } => reduce::top_k(c, *axis),
        Op::MatMul => linalg::matmul(c),
        Op::Gemm { trans_a, trans_b, .. } => linalg::gemm(c, *trans_a, *trans_b),
        Op::Einsum { equation } => linalg::einsum(c, equation),
        Op::Conv { strides, dilations, padding, groups, data, kernel } => {
            conv::conv(c, &Moves { strides, dilations, padding, ceil: false }, *groups, *data, *kernel)
        }
        Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups, data, kernel } => {
            let moves = Moves { strides, dilations, padding, ceil: false };
            conv::transposed(c, &moves, &Transposed { output_padding, output_shape }, *groups, (*data, *kernel))
        }
        Op::Pool { window, strides, dilations, padding, ceil_mode, data, .. } => {
            conv::pool(c, &Moves { strides, dilations, padding, ceil: *ceil_mode }, window, *data)
        }
        Op::MaxPoolWithIndex { window, strides, dilations, padding, ceil_mode } => {
            conv::pool_with_index(c, &Moves { strides, dilations, padding, ceil: *ceil_mode }, window)
        }
        Op::BatchNorm { axis, .. } => norm::batch(c, *axis),
        Op::LayerNorm { axis, .. } => norm::trailing(c, *axis, 3),
        Op::RmsNorm { axis, .. } => norm::trailing(c, *axis, 2),
        Op::InstanceNorm { data, .. } => norm::channels(c, *data, None),
        Op::GroupNorm { groups, data, .. } => norm::channels(c, *data, Some(*groups)),
        Op::Lrn { .. } => norm::lrn(c),
        Op::Reshape { allow_zero } => reshape::reshape(c, *allow_zero),
        Op::Transpose { perm } => shape::transpose(c, perm),
        Op::Flatten { axis } => shape::flatten(c, *axis),
        Op::Squeeze { axes } => shape::squeeze(c, axes),
        Op::Unsqueeze { axes } => shape::unsqueeze(c, axes),
        Op::Expand => shape::expand(c),
        Op::Tile => shape::tile(c),
        Op::Concat { axis } => shape::concat(c, *axis),
        Op::Split { axis, sizes } => shape::split(c, *axis, sizes),
        Op::Slice => shape::slice(c),
        Op::Pad { .. } => shape::pad(c),
        Op::Gather { axis } => index::gather(c, *axis),
        Op::GatherElements { axis } => index::gather_elements(c, *axis),
        Op::GatherNd { batch_dims } => index::gather_nd(c, *batch_dims),
        Op::ScatterElements { axis, .. } => index::scatter_elements(c, *axis),
        Op::ScatterNd { .. } => index::scatter_nd(c),
        Op::OneHot { axis } => index::one_hot(c, *axis),
        Op::Shape { start, end } => shape::shape_of(c, *start, *end),
        Op::Size => shape::size_of(c),
        Op::Range => shape::range(c),
        Op::NonZero => index::non_zero(c),
        Op::Compress { axis } => index::compress(c, *axis),
        Op::Unique { axis, .. } => index::unique(c, *axis),
        Op::Trilu { .. } => shape::matrix(c),
        Op::EyeLike { dtype, .. } => shape::eye(c, *dtype),
        Op::RandomUniform { dtype, .. } | Op::RandomNormal { dtype, .. } => shape::random(c, *dtype),
        Op::ReverseSequence { batch_axis, time_axis } => shape::reverse_sequence(c, *batch_axis, *time_axis),
        Op::DepthToSpace { block, data, .. } => image::blocks(c, *block, *data, true),
        Op::SpaceToDepth { block, data } => image::blocks(c, *block, *data, false),
        Op::Resize { axes, .. } => image::resize(c, axes),
        Op::GridSample { .. } => image::grid_sample(c),
        Op::RoiAlign { output_height, output_width, .. } => image::roi_align(c, *output_height, *output_width),
        Op::NonMaxSuppression { .. } => image::suppression(c),
        Op::Lstm { hidden, direction, .. } => rnn::recurrent(c, *hidden, *direction, 4, 2),
        Op::Gru { hidden, direction, .. } => rnn::recurrent(c, *hidden, *direction, 3, 1),
        Op::Rnn { hidden, direction, .. } => rnn::recurrent(c, *hidden, *direction, 1, 1),
        Op::QuantizeLinear { axis, to, block, .. } => quant::quantize(c, *axis, *to, *block),
        Op::DequantizeLinear { axis, block } => quant::dequantize(c, *axis, *block),
        Op::If { then_branch, else_branch } => control::branch(c, then_branch, else_branch),
        Op::Loop { carried, body } => control::repeat(c, *carried, body),
        Op::Custom { results, .. } => control::custom(results),
    }
}

/// The axes that a slice cuts, each with start, end and step, when all are known.
pub(crate) fn sliced_axes(op: &Op, operands: &[Option<Operand<'_>>], rank: usize) -> Option<Vec<(usize, [i64; 3])>> {
    let plan = shape::slice_plan(Ctx { name: op.name(), operands }, rank).ok()??;
    plan.into_iter().map(|(axis, [s, e, t])| Some((axis, [s?, e?, t?]))).collect()
}
