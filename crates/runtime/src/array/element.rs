//! Element types and their little-endian bytes.

use super::{Array, each, row_major, shaped};
use half::{bf16, f16};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::DType;
use modelport_ir::tensor::{decode_f64, encode_f64};
use ndarray::ArrayD;

/// What only this crate implements for an element type.
pub trait Sealed: Sized {
    /// The IR's name for it.
    const DTYPE: DType;
    /// The inner array, when its elements are of this type.
    fn view(a: &Array) -> Option<&ArrayD<Self>>;
    /// The array of these elements.
    fn wrap(a: ArrayD<Self>) -> Array;
}

/// A type of elements.
pub trait Element: Sealed + Clone + Default + PartialEq + Send + Sync + 'static {}

/// An 8-bit float with 4 exponent bits, by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct F8E4M3(pub u8);

/// An 8-bit float with 5 exponent bits, by its code; infinities are codes 0x7c and 0xfc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct F8E5M2(pub u8);

macro_rules! f8 {
    ($($ty:ident)+) => {$(
        impl $ty {
            /// The nearest code; what is too large saturates.
            pub fn from_f64(x: f64) -> Self {
                let mut code = Vec::with_capacity(1);
                encode_f64(DType::$ty, x, &mut code);
                Self(code.first().copied().unwrap_or_default())
            }
            /// The value of the code.
            pub fn to_f64(self) -> f64 {
                decode_f64(DType::$ty, &[self.0])
            }
        }
    )+};
}
f8!(F8E4M3 F8E5M2);

/// An array from little-endian bytes.
pub(super) fn decode(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Array> {
    macro_rules! of {
        ($ty:ty, $size:literal) => {
            shaped(shape, bytes.as_chunks::<$size>().0.iter().map(|&e| <$ty>::from_le_bytes(e)).collect::<Vec<_>>())?
                .into()
        };
    }
    Ok(match dtype {
        DType::F32 => of!(f32, 4),
        DType::F64 => of!(f64, 8),
        DType::F16 => of!(f16, 2),
        DType::BF16 => of!(bf16, 2),
        DType::I8 => of!(i8, 1),
        DType::I16 => of!(i16, 2),
        DType::I32 => of!(i32, 4),
        DType::I64 => of!(i64, 8),
        DType::U8 => of!(u8, 1),
        DType::U16 => of!(u16, 2),
        DType::U32 => of!(u32, 4),
        DType::U64 => of!(u64, 8),
        DType::Bool => shaped(shape, bytes.iter().map(|&e| e != 0).collect())?.into(),
        DType::F8E4M3 => shaped(shape, bytes.iter().map(|&e| F8E4M3(e)).collect())?.into(),
        DType::F8E5M2 => shaped(shape, bytes.iter().map(|&e| F8E5M2(e)).collect())?.into(),
        DType::Str | DType::C64 | DType::C128 => {
            return Err(Diagnostic::error(Code::RUN_FAILED, format!("the interpreter has no {dtype} arithmetic")));
        }
    })
}

trait Bytes {
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! bytes {
    ($($ty:ty)+) => {$(impl Bytes for $ty {
        fn put(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.to_le_bytes());
        }
    })+};
}
bytes!(f32 f64 f16 bf16 i8 i16 i32 i64 u8 u16 u32 u64);

impl Bytes for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Bytes for F8E4M3 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

impl Bytes for F8E5M2 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

impl Bytes for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// The little-endian bytes of the elements; strings one after the other.
pub(super) fn encode(array: &Array) -> Vec<u8> {
    let mut out = Vec::with_capacity(array.len().saturating_mul(array.dtype().size()));
    each!(array, a => row_major(a).iter().for_each(|e| e.put(&mut out)));
    out
}
