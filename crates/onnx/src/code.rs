//! Element types as `TensorProto.DataType` numbers. Source: `onnx/onnx.proto` of onnx 1.23.

use modelport_ir::DType;

const CODES: &[(DType, i64)] = &[
    (DType::F32, 1),
    (DType::U8, 2),
    (DType::I8, 3),
    (DType::U16, 4),
    (DType::I16, 5),
    (DType::I32, 6),
    (DType::I64, 7),
    (DType::Str, 8),
    (DType::Bool, 9),
    (DType::F16, 10),
    (DType::F64, 11),
    (DType::U32, 12),
    (DType::U64, 13),
    (DType::C64, 14),
    (DType::C128, 15),
    (DType::BF16, 16),
    (DType::F8E4M3, 17),
    (DType::F8E5M2, 19),
];

/// The number of `dtype` in an ONNX file.
pub(crate) fn of(dtype: DType) -> i64 {
    CODES.iter().find(|(d, _)| *d == dtype).map_or(0, |(_, c)| *c)
}

/// The element type with this number, when the core has it.
pub(crate) fn dtype(code: i64) -> Option<DType> {
    CODES.iter().find(|(_, c)| *c == code).map(|(d, _)| *d)
}

/// The name that ONNX gives to a number, for diagnostics.
pub(crate) fn name(code: i64) -> String {
    dtype(code).map_or_else(|| format!("ONNX data type {code}"), |d| d.to_string())
}
