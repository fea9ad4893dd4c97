//! TensorFlow's element types: the numbers of the enum `DataType` (tensorflow/core/framework/types.proto, 2.21). Owns: their
//! names and what the IR calls them. Must never know: tensors.

use modelport_ir::DType;

/// Name of each number from 1, and the IR's type; the quantised types are the integers that they are stored as.
const TYPES: &[(&str, Option<DType>)] = &[
    ("FLOAT", Some(DType::F32)),
    ("DOUBLE", Some(DType::F64)),
    ("INT32", Some(DType::I32)),
    ("UINT8", Some(DType::U8)),
    ("INT16", Some(DType::I16)),
    ("INT8", Some(DType::I8)),
    ("STRING", Some(DType::Str)),
    ("COMPLEX64", Some(DType::C64)),
    ("INT64", Some(DType::I64)),
    ("BOOL", Some(DType::Bool)),
    ("QINT8", Some(DType::I8)),
    ("QUINT8", Some(DType::U8)),
    ("QINT32", Some(DType::I32)),
    ("BFLOAT16", Some(DType::BF16)),
    ("QINT16", Some(DType::I16)),
    ("QUINT16", Some(DType::U16)),
    ("UINT16", Some(DType::U16)),
    ("COMPLEX128", Some(DType::C128)),
    ("HALF", Some(DType::F16)),
    ("RESOURCE", None),
    ("VARIANT", None),
    ("UINT32", Some(DType::U32)),
    ("UINT64", Some(DType::U64)),
    ("FLOAT8_E5M2", Some(DType::F8E5M2)),
    ("FLOAT8_E4M3FN", Some(DType::F8E4M3)),
    ("FLOAT8_E4M3FNUZ", None),
    ("FLOAT8_E4M3B11FNUZ", None),
    ("FLOAT8_E5M2FNUZ", None),
    ("INT4", None),
    ("UINT4", None),
    ("INT2", None),
    ("UINT2", None),
];

/// Types of references are these plus a hundred.
const REF: i32 = 100;

fn row(number: i32) -> Option<&'static (&'static str, Option<DType>)> {
    let number = if number > REF { number - REF } else { number };
    TYPES.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// The IR's type, unless it has none: resources, variants, unknown numbers.
pub(crate) fn dtype(number: i32) -> Option<DType> {
    row(number)?.1
}

/// The name without `DT_`, in lower case: `resource`.
pub(crate) fn name(number: i32) -> String {
    row(number).map_or_else(|| format!("type {number}"), |(name, _)| name.to_lowercase())
}

/// The number of `DT_FLOAT` or `DT_FLOAT_REF`, as text files spell it.
pub(crate) fn number(text: &str) -> Option<i32> {
    let name = text.strip_prefix("DT_")?;
    let (name, offset) = name.strip_suffix("_REF").map_or((name, 0), |n| (n, REF));
    if name == "INVALID" {
        return Some(0);
    }
    let at = TYPES.iter().position(|(n, _)| *n == name)?;
    Some(i32::try_from(at).ok()? + 1 + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_types_proto() {
        assert_eq!(
            (dtype(1), dtype(9), dtype(19), dtype(14)),
            (Some(DType::F32), Some(DType::I64), Some(DType::F16), Some(DType::BF16))
        );
        assert_eq!((dtype(101), dtype(20), name(20).as_str(), dtype(0)), (Some(DType::F32), None, "resource", None));
        assert_eq!(
            (number("DT_VARIANT"), number("DT_FLOAT_REF"), number("DT_FLOAT8_E4M3FN")),
            (Some(21), Some(101), Some(25))
        );
    }
}
