//! Which element types the key operand of each operator has a kernel for in onnxruntime 1.32 on a CPU: extracted with its
//! `get_all_opkernel_def`, the newest kernel of each operator. Operators that run on all that ONNX allows are left out.
//!
//! ONNX allows more types than any runtime computes with. An op on a type without a kernel is written on a wider one,
//! which every runtime takes as well.

use crate::types::bit;
use modelport_ir::DType;

/// Sorted by operator; bits as in [`crate::types`].
#[rustfmt::skip]
const ROWS: &[(&str, u32)] = &[
    ("Abs", 0x00ff3),
    ("Acos", 0x00001),
    ("Acosh", 0x00001),
    ("Add", 0x00ff3),
    ("ArgMax", 0x001d3),
    ("ArgMin", 0x001d3),
    ("Asin", 0x00001),
    ("Asinh", 0x00001),
    ("Atan", 0x00001),
    ("Atanh", 0x00001),
    ("AveragePool", 0x00001),
    ("BatchNormalization", 0x00003),
    ("Ceil", 0x00003),
    ("Clip", 0x00dd7),
    ("Compress", 0x21fff),
    ("Concat", 0x21fff),
    ("Conv", 0x00001),
    ("ConvTranspose", 0x00001),
    ("Cos", 0x00003),
    ("Cosh", 0x00001),
    ("CumProd", 0x00cc3),
    ("CumSum", 0x000c3),
    ("DepthToSpace", 0x00113),
    ("Div", 0x00ff3),
    ("Einsum", 0x000cb),
    ("Elu", 0x00001),
    ("Equal", 0x21ff3),
    ("Erf", 0x00001),
    ("Exp", 0x00003),
    ("Expand", 0x21ff7),
    ("EyeLike", 0x008c3),
    ("Flatten", 0x21fff),
    ("Floor", 0x00003),
    ("GRU", 0x00003),
    ("Gather", 0x21fff),
    ("GatherElements", 0x21fff),
    ("GatherND", 0x21fff),
    ("Gelu", 0x00001),
    ("Gemm", 0x00003),
    ("GlobalAveragePool", 0x00001),
    ("Greater", 0x00ff3),
    ("GreaterOrEqual", 0x00ff3),
    ("GridSample", 0x00003),
    ("HardSigmoid", 0x00001),
    ("Hardmax", 0x00001),
    ("Identity", 0x27fff),
    ("InstanceNormalization", 0x00001),
    ("LRN", 0x00001),
    ("LSTM", 0x00003),
    ("LeakyRelu", 0x00001),
    ("Less", 0x00ff3),
    ("LessOrEqual", 0x00ff3),
    ("Log", 0x00003),
    ("LogSoftmax", 0x00003),
    ("LpNormalization", 0x00003),
    ("LpPool", 0x00001),
    ("MatMul", 0x00cc3),
    ("Max", 0x00dd7),
    ("MaxPool", 0x00113),
    ("Min", 0x00dd7),
    ("Mod", 0x00ff7),
    ("Mul", 0x00ff3),
    ("Neg", 0x000f3),
    ("NonZero", 0x011c1),
    ("OneHot", 0x200c9),
    ("PRelu", 0x00001),
    ("Pad", 0x01ddb),
    ("Pow", 0x000c3),
    ("QuantizeLinear", 0x00005),
    ("RMSNormalization", 0x00007),
    ("RNN", 0x00001),
    ("Range", 0x000e3),
    ("Reciprocal", 0x00003),
    ("ReduceL1", 0x000c3),
    ("ReduceL2", 0x000c3),
    ("ReduceLogSum", 0x000c3),
    ("ReduceLogSumExp", 0x000c3),
    ("ReduceMax", 0x011d3),
    ("ReduceMean", 0x000c3),
    ("ReduceMin", 0x011d3),
    ("ReduceProd", 0x000c3),
    ("ReduceSum", 0x000c3),
    ("ReduceSumSquare", 0x000c3),
    ("Relu", 0x00053),
    ("Reshape", 0x27fff),
    ("Resize", 0x00151),
    ("ReverseSequence", 0x21fff),
    ("RoiAlign", 0x00003),
    ("Round", 0x00007),
    ("ScatterElements", 0x21fff),
    ("ScatterND", 0x21fff),
    ("Selu", 0x00001),
    ("Shape", 0x27fff),
    ("Sigmoid", 0x00003),
    ("Sin", 0x00003),
    ("Sinh", 0x00001),
    ("Size", 0x21ff3),
    ("Slice", 0x21fff),
    ("Softmax", 0x00003),
    ("Softplus", 0x00001),
    ("Softsign", 0x00001),
    ("SpaceToDepth", 0x00113),
    ("Split", 0x21fff),
    ("Sqrt", 0x00003),
    ("Squeeze", 0x21fff),
    ("Sub", 0x00ff3),
    ("Tan", 0x00001),
    ("Tanh", 0x00003),
    ("ThresholdedRelu", 0x00001),
    ("Tile", 0x21ff3),
    ("TopK", 0x001f3),
    ("Transpose", 0x27fff),
    ("Trilu", 0x010c3),
    ("Unique", 0x2009b),
    ("Unsqueeze", 0x21fff),
    ("Where", 0x205d3),
];

/// Whether onnxruntime has a kernel. It casts half-precision floats itself where it has none; f64 has no wider type, and in
/// a narrower one results would not be those of f64.
pub(crate) fn exists(op: &str, dtype: DType) -> bool {
    let found = ROWS.binary_search_by(|(name, _)| (*name).cmp(op)).ok().and_then(|i| ROWS.get(i));
    matches!(dtype, DType::F16 | DType::BF16 | DType::F64) || found.is_none_or(|(_, mask)| mask & bit(dtype) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_answer() {
        assert!(ROWS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(!exists("Where", DType::Bool) && exists("Where", DType::U8));
        assert!(exists("Identity", DType::U16));
    }
}
