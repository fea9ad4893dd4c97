//! The three types that kernels compute in: f32 (also for f16, bf16 and 8-bit floats), f64, and wide integers.

use super::{Array, Element, F8E4M3, F8E5M2, row_major, shaped};
use half::{bf16, f16};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::DType;
use ndarray::{ArrayD, CowArray, IxDyn, LinalgScalar, NdFloat};
use std::num::Wrapping;

/// What integers of every type are computed in; storing wraps to the type, as two's complement does.
pub type Int = Wrapping<i128>;

/// A type that kernels compute in.
pub(crate) trait Num: LinalgScalar + PartialOrd + Send + Sync + Default {
    const ZERO: Self;
    const ONE: Self;
    /// The elements of an array of this class, converted; borrowed where they are of this type and row-major.
    fn read(a: &Array) -> Result<CowArray<'_, Self, IxDyn>>;
    /// The elements rounded to `dtype`, which is of this class.
    fn store(a: ArrayD<Self>, dtype: DType) -> Result<Array>;
    /// From a number that the type can hold.
    fn of(x: f64) -> Self;
    /// As f64.
    fn f64(self) -> f64;
    fn nan(self) -> bool;
}

/// A [`Num`] with roots and exponentials.
pub(crate) trait Real: Num + NdFloat {}
impl Real for f32 {}
impl Real for f64 {}

fn wrong(dtype: DType, what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::RUN_FAILED, format!("this is not computed for {what}")).found(dtype.name())
}

/// Borrowed when row-major, so that kernels may take its slice.
fn borrow<T: Clone>(a: &ArrayD<T>) -> Result<CowArray<'_, T, IxDyn>> {
    if a.is_standard_layout() { Ok(CowArray::from(a.view())) } else { owned(a, T::clone) }
}

fn owned<'a, T: Clone, U>(a: &ArrayD<T>, f: impl Fn(&T) -> U) -> Result<CowArray<'a, U, IxDyn>> {
    shaped(a.shape(), row_major(a).iter().map(f).collect()).map(CowArray::from)
}

/// All elements converted, as an array of the type they are converted to.
fn stored<T: Clone, U: Element>(a: &ArrayD<T>, f: impl Fn(&T) -> U) -> Result<Array> {
    Array::from_vec(a.shape(), row_major(a).iter().map(f).collect())
}

/// `f` of every element, rounded to `dtype`. One loop for all functions: a call for each element costs little.
pub(crate) fn mapped<T: Num>(x: &CowArray<'_, T, IxDyn>, dtype: DType, f: &dyn Fn(T) -> T) -> Result<Array> {
    let out = x.iter().map(|&v| f(v)).collect();
    T::store(shaped(x.shape(), out)?, dtype)
}

impl Num for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn read(a: &Array) -> Result<CowArray<'_, Self, IxDyn>> {
        match a {
            Array::F32(a) => borrow(a),
            Array::F16(a) => owned(a, |x| x.to_f32()),
            Array::BF16(a) => owned(a, |x| x.to_f32()),
            Array::F8E4M3(a) => owned(a, |x| x.to_f64() as f32),
            Array::F8E5M2(a) => owned(a, |x| x.to_f64() as f32),
            _ => Err(wrong(a.dtype(), "this element type")),
        }
    }
    fn store(a: ArrayD<Self>, dtype: DType) -> Result<Array> {
        match dtype {
            DType::F32 => Ok(a.into()),
            DType::F16 => stored(&a, |&x| f16::from_f32(x)),
            DType::BF16 => stored(&a, |&x| bf16::from_f32(x)),
            DType::F8E4M3 => stored(&a, |&x| F8E4M3::from_f64(x.into())),
            DType::F8E5M2 => stored(&a, |&x| F8E5M2::from_f64(x.into())),
            _ => Err(wrong(dtype, "this element type")),
        }
    }
    fn of(x: f64) -> Self {
        x as f32
    }
    fn f64(self) -> f64 {
        self.into()
    }
    fn nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Num for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    fn read(a: &Array) -> Result<CowArray<'_, Self, IxDyn>> {
        match a {
            Array::F64(a) => borrow(a),
            _ => Err(wrong(a.dtype(), "this element type")),
        }
    }
    fn store(a: ArrayD<Self>, dtype: DType) -> Result<Array> {
        match dtype {
            DType::F64 => Ok(a.into()),
            _ => Err(wrong(dtype, "this element type")),
        }
    }
    fn of(x: f64) -> Self {
        x
    }
    fn f64(self) -> f64 {
        self
    }
    fn nan(self) -> bool {
        f64::is_nan(self)
    }
}

impl Num for Int {
    const ZERO: Self = Wrapping(0);
    const ONE: Self = Wrapping(1);
    fn read(a: &Array) -> Result<CowArray<'_, Self, IxDyn>> {
        match a {
            Array::I8(a) => owned(a, |&x| Wrapping(x.into())),
            Array::I16(a) => owned(a, |&x| Wrapping(x.into())),
            Array::I32(a) => owned(a, |&x| Wrapping(x.into())),
            Array::I64(a) => owned(a, |&x| Wrapping(x.into())),
            Array::U8(a) => owned(a, |&x| Wrapping(x.into())),
            Array::U16(a) => owned(a, |&x| Wrapping(x.into())),
            Array::U32(a) => owned(a, |&x| Wrapping(x.into())),
            Array::U64(a) => owned(a, |&x| Wrapping(x.into())),
            Array::Bool(a) => owned(a, |&x| Wrapping(x.into())),
            _ => Err(wrong(a.dtype(), "other types than integers")),
        }
    }
    fn store(a: ArrayD<Self>, dtype: DType) -> Result<Array> {
        match dtype {
            DType::I8 => stored(&a, |&x| x.0 as i8),
            DType::I16 => stored(&a, |&x| x.0 as i16),
            DType::I32 => stored(&a, |&x| x.0 as i32),
            DType::I64 => stored(&a, |&x| x.0 as i64),
            DType::U8 => stored(&a, |&x| x.0 as u8),
            DType::U16 => stored(&a, |&x| x.0 as u16),
            DType::U32 => stored(&a, |&x| x.0 as u32),
            DType::U64 => stored(&a, |&x| x.0 as u64),
            DType::Bool => stored(&a, |&x| x.0 != 0),
            _ => Err(wrong(dtype, "other types than integers")),
        }
    }
    fn of(x: f64) -> Self {
        Wrapping(x as i128)
    }
    fn f64(self) -> f64 {
        self.0 as f64
    }
    fn nan(self) -> bool {
        false
    }
}

/// One element, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Of a floating-point type.
    Float(f64),
    /// Of an integer type or bool.
    Whole(i128),
}

/// Runs `$body` with `$T` the type that elements of `$dtype` are computed in.
macro_rules! number {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            d if d == modelport_ir::DType::F64 => {
                type $T = f64;
                $body
            }
            d if d.is_float() => {
                type $T = f32;
                $body
            }
            _ => {
                type $T = $crate::array::Int;
                $body
            }
        }
    };
}
pub(crate) use number;

/// As [`number`], for floating-point types only; others fail when they are read.
macro_rules! real {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            modelport_ir::DType::F64 => {
                type $T = f64;
                $body
            }
            _ => {
                type $T = f32;
                $body
            }
        }
    };
}
pub(crate) use real;
