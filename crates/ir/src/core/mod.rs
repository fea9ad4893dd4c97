//! The closed set of core ops. Named as ONNX names them where the meaning is ONNX's latest; functional, version-free,
//! rank-generic. Operands are listed in each op's documentation, optional ones with `?`.
//!
//! A new op is one entry here; missing inference, kernels or writer arms are then compile errors.

mod attrs;
mod kinds;

pub use attrs::{AttrError, AttrField};
pub use kinds::*;

use crate::{Attr, CoreGraph, DType};
use std::collections::BTreeMap;

macro_rules! core_ops {
    ($($(#[doc = $doc:literal])+ $name:ident $({ $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty),* $(,)? })?;)+) => {
        /// A core op with its attributes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op {
            /// One operand, elementwise, same type out (predicates: bool out).
            Unary(UnaryOp),
            /// Two operands of equal dtype, elementwise with NumPy broadcasting.
            Binary(BinaryOp),
            $($(#[doc = $doc])+ $name $({ $($(#[doc = $fdoc])* #[allow(missing_docs)] $field: $ty),* })?),+
        }

        impl Op {
            /// The name in the text form.
            pub fn name(&self) -> &'static str {
                match self {
                    Op::Unary(u) => u.name(),
                    Op::Binary(b) => b.name(),
                    $(Op::$name { .. } => stringify!($name)),+
                }
            }

            /// The attributes, in declaration order.
            pub fn attrs(&self) -> Vec<(&'static str, Attr)> {
                match self {
                    Op::Unary(_) | Op::Binary(_) => Vec::new(),
                    $(Op::$name $({ $($field),* })? => vec![$($((stringify!($field), AttrField::to_attr($field))),*)?]),+
                }
            }

            /// The op called `name` with these attributes; absent ones take their [`AttrField::absent`] value.
            ///
            /// # Errors
            /// When there is no such op, an attribute is unknown, required and absent, or of another type.
            pub fn from_attrs(name: &str, mut attrs: BTreeMap<String, Attr>) -> Result<Self, AttrError> {
                if let Some(u) = UnaryOp::from_name(name) { attrs::finish(attrs)?; return Ok(Op::Unary(u)) }
                if let Some(b) = BinaryOp::from_name(name) { attrs::finish(attrs)?; return Ok(Op::Binary(b)) }
                let op = match name {
                    $(stringify!($name) => Op::$name $({ $($field: attrs::take(&mut attrs, stringify!($field))?),* })?,)+
                    _ => return Err(AttrError::UnknownOp(name.to_owned())),
                };
                attrs::finish(attrs)?;
                Ok(op)
            }

            /// The names of all ops, for listings and for tests that want one case each.
            pub fn all_names() -> Vec<&'static str> {
                let mut names: Vec<_> = UnaryOp::ALL.iter().map(|u| u.name()).collect();
                names.extend(BinaryOp::ALL.iter().map(|b| b.name()));
                names.extend([$(stringify!($name)),+]);
                names
            }
        }
    };
}

core_ops! {
    // ---- activations with attributes: (x)
    /// `x` if positive, else `alpha·(exp(x)−1)`.
    Elu { alpha: f64 };
    /// `gamma·(x if positive, else alpha·(exp(x)−1))`.
    Selu { alpha: f64, gamma: f64 };
    /// `max(0,x) + min(0, alpha·(exp(x/alpha)−1))`.
    Celu { alpha: f64 };
    /// `x` if positive, else `alpha·x`.
    LeakyRelu { alpha: f64 };
    /// `clamp(alpha·x + beta, 0, 1)`.
    HardSigmoid { alpha: f64, beta: f64 };
    /// `x` if above `alpha`, else 0.
    ThresholdedRelu { alpha: f64 };
    /// `x − bias` above `lambd`, `x + bias` below `−lambd`, else 0.
    Shrink { bias: f64, lambd: f64 };
    /// Gaussian error linear unit; by `erf`, or by `tanh` when `approximate`.
    Gelu { approximate: bool };
    /// (x, min?, max?): bounds are scalars of x's dtype.
    Clip;
    /// (x) exponentials that sum to 1 along `axis`.
    Softmax { axis: i64 };
    /// (x) logarithm of [`Op::Softmax`].
    LogSoftmax { axis: i64 };
    /// (x) 1 at the first maximum along `axis`, else 0.
    Hardmax { axis: i64 };
    /// (x) converted to `to`.
    Cast { to: DType };
    /// (cond: bool, x, y): x where cond, else y; broadcasting.
    Where;

    // ---- reductions: (x)
    /// Reduces `axes` (all when empty).
    Reduce { kind: ReduceKind, axes: Vec<i64>, keepdims: bool };
    /// Index (i64) of the largest or smallest element along `axis`.
    ArgReduce { kind: ArgKind, axis: i64, keepdims: bool, select_last: bool };
    /// Running sum along `axis`.
    CumSum { axis: i64, exclusive: bool, reverse: bool };
    /// Running product along `axis`.
    CumProd { axis: i64, exclusive: bool, reverse: bool };
    /// (x) → (values, indices: i64): the `k` (operand: i64[1]) largest or smallest along `axis`.
    TopK { axis: i64, largest: bool, sorted: bool };

    // ---- linear algebra
    /// (a, b) as NumPy's matmul.
    MatMul;
    /// (a: 2-D, b: 2-D, c?): `alpha·a'·b' + beta·c`.
    Gemm { alpha: f64, beta: f64, trans_a: bool, trans_b: bool };
    /// (x…) by the equation, as NumPy's einsum.
    Einsum { equation: String };
    /// (x, w, b?) convolution of any spatial rank.
    Conv { strides: Vec<usize>, dilations: Vec<usize>, padding: Padding, groups: usize, data: DataLayout, kernel: KernelLayout };
    /// (x, w, b?) transposed convolution; `output_padding` adds to one side, `output_shape` (spatial) overrides it when not empty.
    ConvTranspose { strides: Vec<usize>, dilations: Vec<usize>, padding: Padding, output_padding: Vec<usize>, output_shape: Vec<usize>, groups: usize, data: DataLayout, kernel: KernelLayout };
    /// (x) windows reduced. `count_include_pad` is for averages; an `Lp` pool uses `p`.
    Pool { kind: PoolKind, window: Vec<usize>, strides: Vec<usize>, dilations: Vec<usize>, padding: Padding, ceil_mode: bool, count_include_pad: bool, data: DataLayout };
    /// (x) → (max, index: i64 into the flattened channels-first input).
    MaxPoolWithIndex { window: Vec<usize>, strides: Vec<usize>, dilations: Vec<usize>, padding: Padding, ceil_mode: bool };

    // ---- normalisation
    /// (x, scale, bias, mean, variance), all 1-D of the length of `axis`.
    BatchNorm { axis: i64, epsilon: f64 };
    /// (x, scale?, bias?): over `axis` and all after it; scale and bias have those dimensions.
    LayerNorm { axis: i64, epsilon: f64 };
    /// (x, scale?): divided by the root mean square over `axis` and all after it.
    RmsNorm { axis: i64, epsilon: f64 };
    /// (x, scale, bias), 1-D per channel: over the spatial axes of each channel.
    InstanceNorm { epsilon: f64, data: DataLayout };
    /// (x, scale?, bias?), 1-D per channel: over the spatial axes and channels of each group.
    GroupNorm { groups: usize, epsilon: f64, data: DataLayout };
    /// (x): divided by its `p`-norm along `axis`, as ONNX's LpNormalization (no epsilon).
    LpNorm { axis: i64, p: i64 };
    /// (x): local response over `size` channels, as ONNX's LRN.
    Lrn { size: usize, alpha: f64, beta: f64, bias: f64, data: DataLayout };

    // ---- shape and movement
    /// (x, shape: i64[r]); −1 is inferred; 0 copies the input's dimension unless `allow_zero`.
    Reshape { allow_zero: bool };
    /// (x) axis i of the result is axis `perm[i]`.
    Transpose { perm: Vec<usize> };
    /// (x) to 2-D: dimensions before and from `axis` on are multiplied.
    Flatten { axis: i64 };
    /// (x) without the dimensions `axes`, which are 1.
    Squeeze { axes: Vec<i64> };
    /// (x) with dimensions of 1 at `axes` of the result.
    Unsqueeze { axes: Vec<i64> };
    /// (x, shape: i64[r]) broadcast, both ways as NumPy does.
    Expand;
    /// (x, repeats: i64[rank]).
    Tile;
    /// (x…) joined along `axis`.
    Concat { axis: i64 };
    /// (x) → pieces of the lengths `sizes` along `axis`.
    Split { axis: i64, sizes: Vec<usize> };
    /// (x, starts, ends, axes?, steps?): i64 vectors with ONNX's clamping.
    Slice;
    /// (x, pads: i64[2·rank] begins then ends, value?: scalar); negative pads crop.
    Pad { mode: PadMode };
    /// (x, indices) along `axis`; negative indices count from the end.
    Gather { axis: i64 };
    /// (x, indices) of x's rank.
    GatherElements { axis: i64 };
    /// (x, indices).
    GatherNd { batch_dims: usize };
    /// (x, indices, updates).
    ScatterElements { axis: i64, reduction: ScatterReduction };
    /// (x, indices, updates).
    ScatterNd { reduction: ScatterReduction };
    /// (indices, depth: scalar or i64[1], values: [off, on]).
    OneHot { axis: i64 };
    /// (x) → its dimensions `start..end` (of all when `end` is absent), i64[n].
    Shape { start: i64, end: Option<i64> };
    /// (x) → number of elements, i64 scalar.
    Size;
    /// (start, limit, delta): scalars of one type.
    Range;
    /// (x: bool or number) → indices i64[rank, n].
    NonZero;
    /// (x, condition: bool[n]) elements or slices along `axis` (flattened when absent).
    Compress { axis: Option<i64> };
    /// (x) → (values, first index, inverse, counts).
    Unique { axis: Option<i64>, sorted: bool };
    /// (x, k?: i64 scalar) upper or lower triangle.
    Trilu { upper: bool };
    /// (x: 2-D) identity-like matrix of x's shape.
    EyeLike { dtype: Option<DType>, k: i64 };
    /// (shape?: i64[r], like?) → numbers drawn evenly from `low` (with) to `high` (without), of the shape or of like's shape;
    /// exactly one of the two is there. Each use draws anew: no two are ever one, and none is constant. `seed` is what a
    /// runtime begins with.
    RandomUniform { dtype: DType, low: f64, high: f64, seed: Option<f64> };
    /// (shape?: i64[r], like?) → numbers drawn from the normal distribution; otherwise as [`Op::RandomUniform`].
    RandomNormal { dtype: DType, mean: f64, scale: f64, seed: Option<f64> };
    /// (x, sequence_lengths: i64[batch]).
    ReverseSequence { batch_axis: i64, time_axis: i64 };
    /// (x) channels to space.
    DepthToSpace { block: usize, mode: DepthToSpaceMode, data: DataLayout };
    /// (x) space to channels, in ONNX's (DCR) channel order.
    SpaceToDepth { block: usize, data: DataLayout };

    // ---- images
    /// (x, scales?: f32[n], sizes?: i64[n]) resampled over `axes`; exactly one of scales and sizes is there.
    Resize { mode: ResizeMode, coordinates: CoordinateMode, nearest: NearestMode, cubic_a: f64, antialias: bool, exclude_outside: bool, extrapolation: f64, axes: Vec<i64> };
    /// (x: channels first, grid).
    GridSample { mode: GridMode, padding: GridPadding, align_corners: bool };
    /// (x: channels first, rois: [n,4], batch_indices: i64[n]).
    RoiAlign { average: bool, output_height: usize, output_width: usize, sampling_ratio: usize, spatial_scale: f64, half_pixel: bool };
    /// (boxes, scores, max_output?: i64, iou_threshold?, score_threshold?) → i64[n,3].
    NonMaxSuppression { center_point_box: bool };

    // ---- recurrent, all in ONNX's gate order and layout 0 (time, batch, feature)
    /// (x, w, r, b?, sequence_lengths?: i32, h0?, c0?, p?) → (y, h, c). Gates i,o,f,c.
    Lstm { hidden: usize, direction: Direction, activations: Vec<RnnActivation>, clip: Option<f64>, input_forget: bool };
    /// (x, w, r, b?, sequence_lengths?, h0?) → (y, h). Gates z,r,h.
    Gru { hidden: usize, direction: Direction, activations: Vec<RnnActivation>, clip: Option<f64>, linear_before_reset: bool };
    /// (x, w, r, b?, sequence_lengths?, h0?) → (y, h).
    Rnn { hidden: usize, direction: Direction, activations: Vec<RnnActivation>, clip: Option<f64> };

    // ---- quantisation: scale and zero point per tensor, or per `axis`, or per block
    /// (x, scale, zero_point?) → `to`.
    QuantizeLinear { axis: i64, to: DType, saturate: bool, block: usize };
    /// (x, scale, zero_point?) → float.
    DequantizeLinear { axis: i64, block: usize };

    // ---- control flow: bodies are closed, what they use is passed in
    /// (cond: bool scalar, captures…) → outputs of the branch taken; captures are both branches' inputs.
    If { then_branch: Box<CoreGraph>, else_branch: Box<CoreGraph> };
    /// (trip_count?: i64, cond?: bool, carried…, captures…) → (carried…, scan outputs…).
    /// Body: (iteration: i64, cond, carried…, captures…) → (cond, carried…, scan elements…).
    Loop { carried: usize, body: Box<CoreGraph> };

    // ---- the way out
    /// (x…) an op that only the target runtime knows (`--allow-custom-ops`); `results` are the types of its outputs.
    Custom { domain: String, op_type: String, attributes: BTreeMap<String, Attr>, results: Vec<CustomResult> };
}

impl Op {
    /// The graphs inside of control flow.
    pub fn bodies(&self) -> impl Iterator<Item = &CoreGraph> {
        let both = match self {
            Op::If { then_branch, else_branch } => [Some(then_branch), Some(else_branch)],
            Op::Loop { body, .. } => [Some(body), None],
            _ => [None, None],
        };
        both.into_iter().flatten().map(Box::as_ref)
    }

    /// Whether it draws random numbers itself: each node of it gives others.
    pub fn draws(&self) -> bool {
        matches!(self, Op::RandomUniform { .. } | Op::RandomNormal { .. })
    }
}

impl CoreGraph {
    /// The name of the first node that draws random numbers, also inside of control flow.
    pub fn draws(&self) -> Option<&str> {
        self.nodes().iter().find_map(|node| {
            if node.op.draws() { Some(node.name.as_str()) } else { node.op.bodies().find_map(CoreGraph::draws) }
        })
    }
}
