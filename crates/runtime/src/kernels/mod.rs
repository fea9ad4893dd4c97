//! One kernel for every core op. [`apply`] is the only place that lists all.
//!
//! Owns: what ops compute. Operands were held against inference before a kernel sees them, so ranks, axes and
//! dimensions fit; values (indices, lengths, boxes) are checked here. Must never know: graphs beyond one node.

mod activation;
mod binary;
mod call;
mod control;
mod conv;
mod einsum;
mod generate;
mod grid;
mod index;
mod lines;
mod matmul;
mod movement;
mod norm;
mod pool;
mod quant;
mod random;
mod reduce;
mod regions;
mod resize;
mod rnn;
mod scatter;
mod select;
mod special;
mod transposed;
mod unary;
mod windows;

pub(crate) use call::Call;

use crate::Array;
use modelport_diag::Result;
use modelport_ir::Op;

/// The results of an op on operands that fit it.
pub(crate) fn apply(c: &Call<'_>) -> Result<Vec<Array>> {
    match c.op {
        Op::Unary(u) => unary::unary(c, *u),
        Op::Binary(b) => binary::binary(c, *b),
        Op::Elu { .. }
        | Op::Selu { .. }
        | Op::Celu { .. }
        | Op::LeakyRelu { .. }
        | Op::HardSigmoid { .. }
        | Op::ThresholdedRelu { .. }
        | Op::Shrink { .. }
        | Op::Gelu { .. } => activation::activation(c),
        Op::Clip => activation::clip(c),
        Op::Softmax { axis } => lines::softmax(c, *axis, false),
        Op::LogSoftmax { axis } => lines::softmax(c, *axis, true),
        Op::Hardmax { axis } => lines::hardmax(c, *axis),
        Op::LpNorm { axis, p } => lines::lp_norm(c, *axis, *p),
        Op::Cast { to } => Ok(vec![c.x(0)?.cast(*to)?]),
        Op::Where => movement::choose(c),
        Op::Reduce { kind, axes, .. } => reduce::reduce(c, *kind, axes),
        Op::ArgReduce { kind, axis, select_last, .. } => lines::arg(c, *kind, *axis, *select_last),
        Op::CumSum { axis, exclusive, reverse } => lines::running(c, *axis, *exclusive, *reverse, false),
        Op::CumProd { axis, exclusive, reverse } => lines::running(c, *axis, *exclusive, *reverse, true),
        Op::TopK { axis, largest, .. } => lines::top_k(c, *axis, *largest),
        Op::MatMul => matmul::matmul(c),
        Op::Gemm { alpha, beta, trans_a, trans_b } => matmul::gemm(c, *alpha, *beta, *trans_a, *trans_b),
        Op::Einsum { equation } => einsum::einsum(c, equation),
        Op::Conv { strides, dilations, padding, groups, data, kernel } => {
            conv::conv(c, &windows::Moves { strides, dilations, padding }, *groups, *data, *kernel)
        }
        Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups, data, kernel } => {
            let moves = windows::Moves { strides, dilations, padding };
            transposed::transposed(c, &moves, (output_padding, output_shape), *groups, (*data, *kernel))
        }
        Op::Pool { kind, window, strides, dilations, padding, count_include_pad, data, .. } => {
            pool::pool(c, *kind, window, &windows::Moves { strides, dilations, padding }, *count_include_pad, *data)
        }
        Op::MaxPoolWithIndex { window, strides, dilations, padding, .. } => {
            pool::max_with_index(c, window, &windows::Moves { strides, dilations, padding })
        }
        Op::BatchNorm { axis, epsilon } => norm::batch(c, *axis, *epsilon),
        Op::LayerNorm { axis, epsilon } => norm::trailing(c, *axis, *epsilon, true),
        Op::RmsNorm { axis, epsilon } => norm::trailing(c, *axis, *epsilon, false),
        Op::InstanceNorm { epsilon, data } => norm::grouped(c, None, *epsilon, *data),
        Op::GroupNorm { groups, epsilon, data } => norm::grouped(c, Some(*groups), *epsilon, *data),
        Op::Lrn { size, alpha, beta, bias, data } => norm::lrn(c, *size, [*alpha, *beta, *bias], *data),
        Op::Reshape { .. } | Op::Flatten { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. } => movement::reshaped(c),
        Op::Transpose { perm } => movement::transpose(c, perm),
        Op::Expand => movement::expand(c),
        Op::Tile => movement::tile(c),
        Op::Concat { axis } => movement::concat(c, *axis),
        Op::Split { axis, sizes } => movement::split(c, *axis, sizes),
        Op::Slice => movement::slice(c),
        Op::Pad { mode } => movement::pad(c, *mode),
        Op::Gather { axis } => index::gather(c, *axis),
        Op::GatherElements { axis } => index::gather_elements(c, *axis),
        Op::GatherNd { batch_dims } => index::gather_nd(c, *batch_dims),
        Op::ScatterElements { axis, reduction } => scatter::elements(c, *axis, *reduction),
        Op::ScatterNd { reduction } => scatter::nd(c, *reduction),
        Op::OneHot { axis } => generate::one_hot(c, *axis),
        Op::Shape { start, end } => generate::shape(c, *start, *end),
        Op::Size => generate::size(c),
        Op::Range => generate::range(c),
        Op::NonZero => select::non_zero(c),
        Op::Compress { axis } => select::compress(c, *axis),
        Op::Unique { axis, sorted } => select::unique(c, *axis, *sorted),
        Op::Trilu { upper } => generate::trilu(c, *upper),
        Op::EyeLike { k, .. } => generate::eye(c, *k),
        Op::RandomUniform { low, high, seed, .. } => random::uniform(c, *low, *high, *seed),
        Op::RandomNormal { mean, scale, seed, .. } => random::normal(c, *mean, *scale, *seed),
        Op::ReverseSequence { batch_axis, time_axis } => index::reverse_sequence(c, *batch_axis, *time_axis),
        Op::DepthToSpace { block, mode, data } => movement::depth_to_space(c, *block, *mode, *data),
        Op::SpaceToDepth { block, data } => movement::space_to_depth(c, *block, *data),
        Op::Resize { .. } => resize::resize(c),
        Op::GridSample { mode, padding, align_corners } => grid::grid_sample(c, *mode, *padding, *align_corners),
        Op::RoiAlign { .. } => regions::roi_align(c),
        Op::NonMaxSuppression { center_point_box } => regions::suppression(c, *center_point_box),
        Op::Lstm { hidden, direction, activations, clip, input_forget } => {
            let spec = rnn::Spec { hidden: *hidden, direction: *direction, activations, clip: *clip };
            rnn::lstm(c, &spec, *input_forget)
        }
        Op::Gru { hidden, direction, activations, clip, linear_before_reset } => {
            let spec = rnn::Spec { hidden: *hidden, direction: *direction, activations, clip: *clip };
            rnn::gru(c, &spec, *linear_before_reset)
        }
        Op::Rnn { hidden, direction, activations, clip } => {
            rnn::rnn(c, &rnn::Spec { hidden: *hidden, direction: *direction, activations, clip: *clip })
        }
        Op::QuantizeLinear { axis, to, saturate, block } => quant::quantize(c, *axis, *to, *saturate, *block),
        Op::DequantizeLinear { axis, block } => quant::dequantize(c, *axis, *block),
        Op::If { then_branch, else_branch } => control::branch(c, then_branch, else_branch),
        Op::Loop { carried, body } => control::repeat(c, *carried, body),
        Op::Custom { domain, op_type, .. } => Err(c
            .error(format!("`{domain}:{op_type}` is known to its own runtime only"))
            .help("compare this model with outputs recorded by its framework")),
    }
}
