//! Which element types the key operand of each ONNX operator takes, by opset: extracted from
//! `facts/onnx_ops.tsv` (onnx 1.23.2, `get_all_schemas_with_history`). The key operand is the first one, but the
//! values of `OneHot` and the first choice of `Where`.

use modelport_ir::DType;

/// Since an opset, this operator takes these types (bits in the order of [`bit`]).
type Row = (&'static str, &'static [(i64, u32)]);

/// Sorted by operator.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("Abs", &[(6, 0x00ff7), (13, 0x00fff)]),
    ("Acos", &[(7, 0x00007), (22, 0x0000f)]),
    ("Acosh", &[(9, 0x00007), (22, 0x0000f)]),
    ("Add", &[(7, 0x00cc7), (13, 0x00ccf), (14, 0x00fff)]),
    ("And", &[(7, 0x01000)]),
    ("ArgMax", &[(11, 0x00ff7), (13, 0x00fff)]),
    ("ArgMin", &[(11, 0x00ff7), (13, 0x00fff)]),
    ("Asin", &[(7, 0x00007), (22, 0x0000f)]),
    ("Asinh", &[(9, 0x00007), (22, 0x0000f)]),
    ("Atan", &[(7, 0x00007), (22, 0x0000f)]),
    ("Atanh", &[(9, 0x00007), (22, 0x0000f)]),
    ("AveragePool", &[(11, 0x00007), (22, 0x0000f)]),
    ("BatchNormalization", &[(9, 0x00007), (14, 0x0000f)]),
    ("BitShift", &[(11, 0x00f00), (28, 0x00ff0)]),
    ("BitwiseAnd", &[(18, 0x00ff0)]),
    ("BitwiseNot", &[(18, 0x00ff0)]),
    ("BitwiseOr", &[(18, 0x00ff0)]),
    ("BitwiseXor", &[(18, 0x00ff0)]),
    ("Cast", &[(9, 0x21ff7), (13, 0x21fff), (19, 0x27fff)]),
    ("Ceil", &[(6, 0x00007), (13, 0x0000f)]),
    ("Celu", &[(12, 0x00001), (28, 0x0000f)]),
    ("Clip", &[(11, 0x00007), (12, 0x00ff7), (13, 0x00fff)]),
    ("Compress", &[(11, 0x39ff7), (28, 0x39fff)]),
    ("Concat", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("Conv", &[(11, 0x00007), (22, 0x0000f)]),
    ("ConvTranspose", &[(11, 0x00007), (22, 0x0000f)]),
    ("Cos", &[(7, 0x00007), (22, 0x0000f)]),
    ("Cosh", &[(9, 0x00007), (22, 0x0000f)]),
    ("CumProd", &[(26, 0x00ccf)]),
    ("CumSum", &[(11, 0x00cc3), (14, 0x00ccf)]),
    ("DepthToSpace", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("DequantizeLinear", &[(10, 0x00150), (19, 0x06150), (21, 0x06370)]),
    ("Div", &[(7, 0x00cc7), (13, 0x00ccf), (14, 0x00fff)]),
    ("Einsum", &[(12, 0x00ff7), (28, 0x00fff)]),
    ("Elu", &[(6, 0x00007), (22, 0x0000f)]),
    ("Equal", &[(11, 0x01ff7), (13, 0x01fff), (19, 0x21fff)]),
    ("Erf", &[(9, 0x00ff7), (13, 0x0000f)]),
    ("Exp", &[(6, 0x00007), (13, 0x0000f)]),
    ("Expand", &[(8, 0x39ff7), (13, 0x39fff)]),
    ("EyeLike", &[(9, 0x01ff7), (22, 0x01fff)]),
    ("Flatten", &[(11, 0x39ff7), (13, 0x39fff), (21, 0x3ffff)]),
    ("Floor", &[(6, 0x00007), (13, 0x0000f)]),
    ("GRU", &[(7, 0x00007), (22, 0x0000f)]),
    ("Gather", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("GatherElements", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("GatherND", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("Gelu", &[(20, 0x0000f)]),
    ("Gemm", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("GlobalAveragePool", &[(1, 0x00007), (22, 0x0000f)]),
    ("Greater", &[(9, 0x00ff7), (13, 0x00fff)]),
    ("GreaterOrEqual", &[(12, 0x00ff7), (16, 0x00fff)]),
    ("GridSample", &[(16, 0x39ff7), (22, 0x39fff)]),
    ("GroupNormalization", &[(18, 0x0000f)]),
    ("HardSigmoid", &[(6, 0x00007), (22, 0x0000f)]),
    ("HardSwish", &[(14, 0x00007), (22, 0x0000f)]),
    ("Hardmax", &[(11, 0x00007), (13, 0x0000f)]),
    ("Identity", &[(1, 0x39ff7), (13, 0x39fff), (19, 0x3ffff)]),
    ("If", &[(11, 0x01000)]),
    ("InstanceNormalization", &[(6, 0x00007), (22, 0x0000f)]),
    ("IsInf", &[(10, 0x00003), (20, 0x0600f)]),
    ("IsNaN", &[(9, 0x00007), (13, 0x0000f), (20, 0x0600f)]),
    ("LRN", &[(1, 0x00007), (13, 0x0000f)]),
    ("LSTM", &[(7, 0x00007), (22, 0x0000f)]),
    ("LayerNormalization", &[(17, 0x0000f)]),
    ("LeakyRelu", &[(6, 0x00007), (16, 0x0000f)]),
    ("Less", &[(9, 0x00ff7), (13, 0x00fff)]),
    ("LessOrEqual", &[(12, 0x00ff7), (16, 0x00fff)]),
    ("Log", &[(6, 0x00007), (13, 0x0000f)]),
    ("LogSoftmax", &[(11, 0x00007), (13, 0x0000f)]),
    ("Loop", &[(11, 0x00080)]),
    ("LpNormalization", &[(1, 0x00007), (22, 0x0000f)]),
    ("LpPool", &[(11, 0x00007), (22, 0x0000f)]),
    ("MatMul", &[(9, 0x00cc7), (13, 0x00ccf)]),
    ("Max", &[(8, 0x00007), (12, 0x00ff7), (13, 0x00fff)]),
    ("MaxPool", &[(11, 0x00007), (12, 0x00117), (22, 0x0011f)]),
    ("Min", &[(8, 0x00007), (12, 0x00ff7), (13, 0x00fff)]),
    ("Mish", &[(18, 0x00007), (22, 0x0000f)]),
    ("Mod", &[(10, 0x00ff7), (13, 0x00fff)]),
    ("Mul", &[(7, 0x00cc7), (13, 0x00ccf), (14, 0x00fff)]),
    ("Neg", &[(6, 0x000f7), (13, 0x000ff)]),
    ("NonMaxSuppression", &[(11, 0x00001)]),
    ("NonZero", &[(9, 0x39ff7), (13, 0x39fff)]),
    ("Not", &[(1, 0x01000)]),
    ("OneHot", &[(11, 0x39ff7), (28, 0x39fff)]),
    ("Or", &[(7, 0x01000)]),
    ("PRelu", &[(9, 0x00cc7), (16, 0x00ccf)]),
    ("Pad", &[(11, 0x00ff7), (13, 0x39fff), (21, 0x3ffff)]),
    ("Pow", &[(7, 0x00007), (12, 0x000c7), (13, 0x000cf)]),
    ("QuantizeLinear", &[(10, 0x00041), (19, 0x0004d)]),
    ("RMSNormalization", &[(23, 0x0000f)]),
    ("RNN", &[(7, 0x00007), (22, 0x0000f)]),
    ("RandomNormal", &[(1, 0x00007), (22, 0x0000f)]),
    ("RandomUniform", &[(1, 0x00007), (22, 0x0000f)]),
    ("Range", &[(11, 0x000e3), (27, 0x000ef)]),
    ("Reciprocal", &[(6, 0x00007), (13, 0x0000f)]),
    ("ReduceL1", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("ReduceL2", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("ReduceLogSum", &[(11, 0x00cc7), (13, 0x00ccf), (28, 0x0000f)]),
    ("ReduceLogSumExp", &[(11, 0x00cc7), (13, 0x00ccf), (28, 0x0000f)]),
    ("ReduceMax", &[(11, 0x00cc7), (12, 0x00dd7), (13, 0x00ddf), (20, 0x01ddf)]),
    ("ReduceMean", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("ReduceMin", &[(11, 0x00cc7), (12, 0x00dd7), (13, 0x00ddf), (20, 0x01ddf)]),
    ("ReduceProd", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("ReduceSum", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("ReduceSumSquare", &[(11, 0x00cc7), (13, 0x00ccf)]),
    ("Relu", &[(6, 0x00007), (13, 0x0000f), (14, 0x000ff)]),
    ("Reshape", &[(5, 0x39ff7), (13, 0x39fff), (19, 0x3ffff)]),
    ("Resize", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("ReverseSequence", &[(10, 0x39ff7), (28, 0x39fff)]),
    ("RoiAlign", &[(10, 0x00007), (22, 0x0000f)]),
    ("Round", &[(11, 0x00007), (22, 0x0000f)]),
    ("ScatterElements", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("ScatterND", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("Selu", &[(6, 0x00007), (22, 0x0000f)]),
    ("Shape", &[(1, 0x39ff7), (13, 0x39fff), (19, 0x3ffff)]),
    ("Shrink", &[(9, 0x00ff7)]),
    ("Sigmoid", &[(6, 0x00007), (13, 0x0000f)]),
    ("Sign", &[(9, 0x00ff7), (13, 0x00fff)]),
    ("Sin", &[(7, 0x00007), (22, 0x0000f)]),
    ("Sinh", &[(9, 0x00007), (22, 0x0000f)]),
    ("Size", &[(1, 0x39ff7), (13, 0x39fff), (19, 0x3ffff)]),
    ("Slice", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("Softmax", &[(11, 0x00007), (13, 0x0000f)]),
    ("Softplus", &[(1, 0x00007), (22, 0x0000f)]),
    ("Softsign", &[(1, 0x00007), (22, 0x0000f)]),
    ("SpaceToDepth", &[(1, 0x39ff7), (13, 0x39fff)]),
    ("Split", &[(11, 0x39ff7), (13, 0x39fff)]),
    ("Sqrt", &[(6, 0x00007), (13, 0x0000f)]),
    ("Squeeze", &[(11, 0x39ff7), (13, 0x39fff), (21, 0x3ffff)]),
    ("Sub", &[(7, 0x00cc7), (13, 0x00ccf), (14, 0x00fff)]),
    ("Tan", &[(7, 0x00007), (22, 0x0000f)]),
    ("Tanh", &[(6, 0x00007), (13, 0x0000f)]),
    ("ThresholdedRelu", &[(10, 0x00007), (22, 0x0000f)]),
    ("Tile", &[(6, 0x39ff7), (13, 0x39fff)]),
    ("TopK", &[(11, 0x00ff7), (24, 0x00fff)]),
    ("Transpose", &[(1, 0x39ff7), (13, 0x39fff), (21, 0x3ffff)]),
    ("Trilu", &[(14, 0x39fff)]),
    ("Unique", &[(11, 0x39ff7), (28, 0x39fff)]),
    ("Unsqueeze", &[(11, 0x39ff7), (13, 0x39fff), (21, 0x3ffff)]),
    ("Where", &[(9, 0x39ff7), (16, 0x39fff)]),
    ("Xor", &[(7, 0x01000)]),
];

/// The bit of an element type in the masks.
pub(crate) fn bit(dtype: DType) -> u32 {
    use DType::*;
    let at = [F32, F64, F16, BF16, I8, I16, I32, I64, U8, U16, U32, U64, Bool, F8E4M3, F8E5M2, C64, C128, Str];
    at.iter().position(|&d| d == dtype).map_or(0, |i| 1 << i)
}

fn row(op: &str) -> Option<&'static [(i64, u32)]> {
    ROWS.binary_search_by(|(name, _)| (*name).cmp(op)).ok().and_then(|i| ROWS.get(i)).map(|r| r.1)
}

/// Whether `op` takes `dtype` at `opset`. Operators that are not in the table take everything.
pub(crate) fn accepts(op: &str, opset: i64, dtype: DType) -> bool {
    let Some(versions) = row(op) else { return true };
    versions.iter().rev().find(|(since, _)| *since <= opset).is_some_and(|(_, mask)| mask & bit(dtype) != 0)
}

/// The first opset from `least` on at which `op` takes `dtype`.
pub(crate) fn first_opset(op: &str, least: i64, dtype: DType) -> Option<i64> {
    (least..=crate::opset::NEWEST).find(|&o| accepts(op, o, dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_answer() {
        assert!(ROWS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(!accepts("Gelu", 19, DType::F32));
        assert!(accepts("Gelu", 20, DType::F32));
        assert!(!accepts("Add", 13, DType::I8));
        assert!(accepts("Add", 14, DType::I8));
        assert_eq!(first_opset("Relu", 11, DType::I32), Some(14));
    }
}
