//! PyTorch's element types, by dtype name and by storage class.
//!
//! The names are those of `torch/storage.py` (`_dtype_to_storage_type_map`, `_new_dtypes`) of torch 1.0 to 2.15.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::DType;

/// An element type of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScalarType {
    /// `float32`.
    pub(crate) name: &'static str,
    /// Bytes an element.
    pub(crate) size: usize,
    /// The same type in the IR, where it has one.
    pub(crate) dtype: Option<DType>,
}

/// Name, other name, storage class without `Storage`, bytes, type in the IR.
type Row = (&'static str, &'static str, &'static str, usize, Option<DType>);

const ROWS: &[Row] = &[
    ("float32", "float", "Float", 4, Some(DType::F32)),
    ("float64", "double", "Double", 8, Some(DType::F64)),
    ("float16", "half", "Half", 2, Some(DType::F16)),
    ("bfloat16", "", "BFloat16", 2, Some(DType::BF16)),
    ("int8", "", "Char", 1, Some(DType::I8)),
    ("uint8", "", "Byte", 1, Some(DType::U8)),
    ("int16", "short", "Short", 2, Some(DType::I16)),
    ("int32", "int", "Int", 4, Some(DType::I32)),
    ("int64", "long", "Long", 8, Some(DType::I64)),
    ("bool", "", "Bool", 1, Some(DType::Bool)),
    ("complex64", "cfloat", "ComplexFloat", 8, Some(DType::C64)),
    ("complex128", "cdouble", "ComplexDouble", 16, Some(DType::C128)),
    ("uint16", "", "", 2, Some(DType::U16)),
    ("uint32", "", "", 4, Some(DType::U32)),
    ("uint64", "", "", 8, Some(DType::U64)),
    ("float8_e4m3fn", "", "", 1, Some(DType::F8E4M3)),
    ("float8_e5m2", "", "", 1, Some(DType::F8E5M2)),
    ("float8_e4m3fnuz", "", "", 1, None),
    ("float8_e5m2fnuz", "", "", 1, None),
    ("float8_e8m0fnu", "", "", 1, None),
    ("float4_e2m1fn_x2", "", "", 1, None),
    ("complex32", "chalf", "ComplexHalf", 4, None),
    ("bcomplex32", "", "", 4, None),
    ("qint8", "", "QInt8", 1, None),
    ("quint8", "", "QUInt8", 1, None),
    ("qint32", "", "QInt32", 4, None),
    ("quint4x2", "", "QUInt4x2", 1, None),
    ("quint2x4", "", "QUInt2x4", 1, None),
    ("bits8", "", "", 1, None),
    ("bits16", "", "", 2, None),
    ("bits1x8", "", "", 1, None),
    ("bits2x4", "", "", 1, None),
    ("bits4x2", "", "", 1, None),
];

impl ScalarType {
    fn of(row: &Row) -> Self {
        Self { name: row.0, size: row.3, dtype: row.4 }
    }

    /// By the name of a `torch.dtype`: `float32`, also `float`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        ROWS.iter().find(|r| r.0 == name || (r.1 == name && !name.is_empty())).map(Self::of)
    }

    /// By the name of a storage class: `FloatStorage`.
    pub(crate) fn of_storage(class: &str) -> Option<Self> {
        let name = class.strip_suffix("Storage").filter(|n| !n.is_empty())?;
        ROWS.iter().find(|r| r.2 == name).map(Self::of)
    }

    /// By the name of a tensor class: `FloatTensor`.
    pub(crate) fn of_tensor(class: &str) -> Option<Self> {
        let name = class.strip_suffix("Tensor").filter(|n| !n.is_empty())?;
        ROWS.iter().find(|r| r.2 == name).map(Self::of)
    }

    /// The type in the IR.
    ///
    /// # Errors
    /// `TO0003` when it has none.
    pub(crate) fn require(self) -> Result<DType> {
        self.dtype.ok_or_else(|| {
            let what = if self.name.starts_with('q') { "the tensor is quantised" } else { "no target has its type" };
            Diagnostic::error(Code::TORCH_UNSUPPORTED_TENSOR, format!("{what}: its elements are {}", self.name))
                .help("convert it to float32 in PyTorch (`dequantize()`, `float()`) and save again")
        })
    }
}
