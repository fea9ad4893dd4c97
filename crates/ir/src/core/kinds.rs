//! Attribute enums of core ops.

use crate::{DType, Dim};

macro_rules! named {
    ($($(#[doc = $doc:literal])+ $enum:ident { $($(#[doc = $vdoc:literal])* $name:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum $enum { $($(#[doc = $vdoc])* #[allow(missing_docs)] $name),+ }

        impl $enum {
            /// All of them.
            pub const ALL: &[$enum] = &[$($enum::$name),+];
            /// The name in the text form.
            pub fn name(self) -> &'static str { match self { $($enum::$name => $text),+ } }
            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $($text => Some($enum::$name),)+ _ => None } }
        }
    )+};
}

named! {
    /// Elementwise ops of one operand and no attributes.
    UnaryOp {
        Identity = "Identity", Abs = "Abs", Neg = "Neg", Exp = "Exp", Log = "Log", Sqrt = "Sqrt",
        Reciprocal = "Reciprocal", Floor = "Floor", Ceil = "Ceil",
        /// To the nearest integer, halves to even.
        Round = "Round",
        Sign = "Sign", Sin = "Sin", Cos = "Cos", Tan = "Tan", Asin = "Asin", Acos = "Acos", Atan = "Atan",
        Sinh = "Sinh", Cosh = "Cosh", Asinh = "Asinh", Acosh = "Acosh", Atanh = "Atanh", Erf = "Erf",
        /// Of bool.
        Not = "Not",
        /// Of integers.
        BitwiseNot = "BitwiseNot",
        /// To bool.
        IsNaN = "IsNaN",
        /// To bool; both signs.
        IsInf = "IsInf",
        Relu = "Relu", Sigmoid = "Sigmoid", Tanh = "Tanh", Softplus = "Softplus", Softsign = "Softsign",
        /// `x·clamp(x/6 + 1/2, 0, 1)`.
        HardSwish = "HardSwish",
        /// `x·tanh(softplus(x))`.
        Mish = "Mish",
    }
    /// Elementwise ops of two operands and no attributes.
    BinaryOp {
        Add = "Add", Sub = "Sub", Mul = "Mul",
        /// Of integers: truncated.
        Div = "Div",
        /// Both operands of one type.
        Pow = "Pow",
        /// Sign of the divisor (Python's `%`).
        Mod = "Mod",
        /// Sign of the dividend (C's `fmod`).
        Fmod = "Fmod",
        Max = "Max", Min = "Min",
        /// `x` if positive, else `slope·x`; the slope broadcasts to x.
        PRelu = "PRelu",
        And = "And", Or = "Or", Xor = "Xor",
        BitwiseAnd = "BitwiseAnd", BitwiseOr = "BitwiseOr", BitwiseXor = "BitwiseXor",
        /// Unsigned operands.
        ShiftLeft = "ShiftLeft",
        /// Unsigned operands.
        ShiftRight = "ShiftRight",
        /// To bool, as all that follow.
        Equal = "Equal", Greater = "Greater", GreaterOrEqual = "GreaterOrEqual", Less = "Less",
        LessOrEqual = "LessOrEqual",
    }
    /// What a reduction computes.
    ReduceKind {
        Sum = "sum", Mean = "mean", Max = "max", Min = "min", Prod = "prod", L1 = "l1", L2 = "l2",
        LogSum = "log_sum", LogSumExp = "log_sum_exp", SumSquare = "sum_square",
    }
    /// Which extremum an [`crate::Op::ArgReduce`] looks for.
    ArgKind { Max = "max", Min = "min" }
    /// What a pool computes.
    PoolKind {
        Max = "max", Average = "average",
        /// The 2-norm.
        L2 = "l2",
    }
    /// Where the channel axis is.
    DataLayout {
        /// N, C, spatial…
        ChannelsFirst = "channels_first",
        /// N, spatial…, C
        ChannelsLast = "channels_last",
    }
    /// The axes of a convolution kernel. "In" is per group.
    KernelLayout {
        /// out, in/groups, spatial… (ONNX and torch `Conv`).
        OutInSpatial = "oi_spatial",
        /// in, out/groups, spatial… (ONNX and torch `ConvTranspose`).
        InOutSpatial = "io_spatial",
        /// spatial…, in/groups, out (Keras and TensorFlow).
        SpatialInOut = "spatial_io",
        /// spatial…, out, in (Keras and TensorFlow transposed convolution).
        SpatialOutIn = "spatial_oi",
    }
    /// How a pad is filled.
    PadMode { Constant = "constant", Reflect = "reflect", Edge = "edge", Wrap = "wrap" }
    /// What a scatter does where an element is there already.
    ScatterReduction { None = "none", Add = "add", Mul = "mul", Max = "max", Min = "min" }
    /// Order of the channels in [`crate::Op::DepthToSpace`].
    DepthToSpaceMode {
        /// depth, column, row.
        Dcr = "dcr",
        /// column, row, depth.
        Crd = "crd",
    }
    /// Interpolation.
    ResizeMode { Nearest = "nearest", Linear = "linear", Cubic = "cubic" }
    /// How output positions map to input positions, as ONNX's `coordinate_transformation_mode`.
    CoordinateMode {
        HalfPixel = "half_pixel", HalfPixelSymmetric = "half_pixel_symmetric",
        PytorchHalfPixel = "pytorch_half_pixel", AlignCorners = "align_corners", Asymmetric = "asymmetric",
        /// TensorFlow 1's nearest with `half_pixel_centers`.
        TfHalfPixelForNn = "tf_half_pixel_for_nn",
    }
    /// How nearest-neighbour positions round, as ONNX's `nearest_mode`.
    NearestMode {
        RoundPreferFloor = "round_prefer_floor", RoundPreferCeil = "round_prefer_ceil", Floor = "floor",
        Ceil = "ceil",
    }
    /// Interpolation of [`crate::Op::GridSample`].
    GridMode { Linear = "linear", Nearest = "nearest", Cubic = "cubic" }
    /// What [`crate::Op::GridSample`] sees outside.
    GridPadding { Zeros = "zeros", Border = "border", Reflection = "reflection" }
    /// Direction of a recurrent op.
    Direction { Forward = "forward", Reverse = "reverse", Bidirectional = "bidirectional" }
}

impl Direction {
    /// 2 for bidirectional, else 1.
    pub fn count(self) -> usize {
        if self == Self::Bidirectional { 2 } else { 1 }
    }
}

impl DataLayout {
    /// The channel axis of a tensor of `rank`.
    pub fn channel_axis(self, rank: usize) -> usize {
        match self {
            Self::ChannelsFirst => 1.min(rank.saturating_sub(1)),
            Self::ChannelsLast => rank.saturating_sub(1),
        }
    }

    /// The spatial axes of a tensor of `rank`, in order.
    pub fn spatial_axes(self, rank: usize) -> std::ops::Range<usize> {
        match self {
            Self::ChannelsFirst => 2.min(rank)..rank,
            Self::ChannelsLast => 1.min(rank)..rank.saturating_sub(1).max(1.min(rank)),
        }
    }
}

/// The axes of one kernel layout at a certain rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelAxes {
    /// The axis of output channels (per group for transposed convolutions).
    pub out_axis: usize,
    /// The axis of input channels (per group for convolutions).
    pub in_axis: usize,
    /// The first spatial axis.
    pub spatial: usize,
}

impl KernelLayout {
    /// The axes of a kernel of `rank` dimensions (2 + spatial ones; at least 2).
    pub fn axes(self, rank: usize) -> KernelAxes {
        let last = rank.saturating_sub(1);
        let (out_axis, in_axis, spatial) = match self {
            Self::OutInSpatial => (0, 1, 2),
            Self::InOutSpatial => (1, 0, 2),
            Self::SpatialInOut => (last, last.saturating_sub(1), 0),
            Self::SpatialOutIn => (last.saturating_sub(1), last, 0),
        };
        KernelAxes { out_axis, in_axis, spatial }
    }
}

/// Padding of a convolution or pool; symbolic until the writer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Padding {
    /// Output size is ceil(input / stride); the odd element goes to the end.
    SameUpper,
    /// As [`Padding::SameUpper`], with the odd element at the start.
    SameLower,
    /// Elements before and after each spatial axis; `Explicit` of zeros is "valid".
    Explicit(Vec<(usize, usize)>),
}

impl Padding {
    /// No padding over `spatial` axes.
    pub fn valid(spatial: usize) -> Self {
        Self::Explicit(vec![(0, 0); spatial])
    }

    /// The elements before and after an axis of `size`, for a window of `extent` (dilated) moving by `stride`.
    pub fn resolve(&self, axis: usize, size: usize, extent: usize, stride: usize) -> (usize, usize) {
        let total = || (size.div_ceil(stride).saturating_sub(1) * stride + extent).saturating_sub(size);
        match self {
            Self::SameUpper => (total() / 2, total() - total() / 2),
            Self::SameLower => (total() - total() / 2, total() / 2),
            Self::Explicit(pads) => pads.get(axis).copied().unwrap_or((0, 0)),
        }
    }
}

/// An activation inside a recurrent op, with its attributes where it has any.
#[derive(Clone, PartialEq, Debug)]
pub enum RnnActivation {
    /// Rectified.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// Logistic.
    Sigmoid,
    /// x.
    Affine(f64, f64),
    /// Slope below zero.
    LeakyRelu(f64),
    /// Zero below the threshold.
    ThresholdedRelu(f64),
    /// `alpha·tanh(beta·x)`.
    ScaledTanh(f64, f64),
    /// `clamp(alpha·x + beta, 0, 1)`.
    HardSigmoid(f64, f64),
    /// Exponential below zero.
    Elu(f64),
    /// `x / (1 + |x|)`.
    Softsign,
    /// `log(1 + exp(x))`.
    Softplus,
}

/// The type of a result of [`crate::Op::Custom`].
#[derive(Clone, PartialEq, Debug)]
pub struct CustomResult {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<Dim>,
}
