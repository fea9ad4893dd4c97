//! [`Array`]: a value of any element type. Owns: the closed set of element types and their bytes. Must never know: ops.

mod cast;
mod element;
mod num;
mod places;

pub use element::{Element, F8E4M3, F8E5M2};
pub use num::{Int, Number};
pub(crate) use num::{Num, Real, mapped, number, real};
pub(crate) use places::{FILL, Grid, broadcast, row_major, strides};

use half::{bf16, f16};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor, TensorType};
use ndarray::{ArrayD, IxDyn};

macro_rules! arrays {
    ($($variant:ident $ty:ty;)+) => {
        /// A value: elements of one type with a shape, in row-major order unless made otherwise.
        #[derive(Clone)]
        #[allow(missing_docs)]
        pub enum Array { $($variant(ArrayD<$ty>)),+ }

        impl Array {
            /// Element type.
            pub fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant),+ }
            }
            /// Dimensions.
            pub fn shape(&self) -> &[usize] {
                match self { $(Self::$variant(a) => a.shape()),+ }
            }
            /// The number of elements.
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(a) => a.len()),+ }
            }
        }

        $(impl From<ArrayD<$ty>> for Array {
            fn from(a: ArrayD<$ty>) -> Self { Self::$variant(a) }
        }
        impl element::Sealed for $ty {
            const DTYPE: DType = DType::$variant;
            fn view(a: &Array) -> Option<&ArrayD<Self>> {
                match a { Array::$variant(a) => Some(a), _ => None }
            }
            fn wrap(a: ArrayD<Self>) -> Array {
                Array::$variant(a)
            }
        }
        impl Element for $ty {})+

        /// Runs `$body` on the inner array, whatever its element type.
        macro_rules! each {
            ($array:expr, $a:ident => $body:expr) => { match $array { $($crate::Array::$variant($a) => $body),+ } };
        }
        pub(crate) use each;
    };
}

arrays! {
    F32 f32; F64 f64; F16 f16; BF16 bf16; I8 i8; I16 i16; I32 i32; I64 i64; U8 u8; U16 u16; U32 u32; U64 u64;
    Bool bool; F8E4M3 F8E4M3; F8E5M2 F8E5M2; Str Vec<u8>;
}

fn failed(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::RUN_FAILED, message.into())
}

/// A vector of elements in a shape.
pub(crate) fn shaped<T>(shape: &[usize], data: Vec<T>) -> Result<ArrayD<T>> {
    let n = data.len();
    ArrayD::from_shape_vec(IxDyn(shape), data)
        .map_err(|_| failed(format!("{n} elements do not make an array of shape {shape:?}")))
}

impl Array {
    /// An array of these elements, row-major.
    ///
    /// # Errors
    /// `RT0001` when their number does not fit the shape.
    pub fn from_vec<T: Element>(shape: &[usize], data: Vec<T>) -> Result<Self> {
        shaped(shape, data).map(T::wrap)
    }

    /// An array without dimensions.
    pub fn scalar<T: Element>(value: T) -> Self {
        T::wrap(ArrayD::from_elem(IxDyn(&[]), value))
    }

    /// The inner array, when its elements are of type `T`.
    pub fn view<T: Element>(&self) -> Option<&ArrayD<T>> {
        T::view(self)
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type with all dimensions known.
    pub fn ty(&self) -> TensorType {
        TensorType::known(self.dtype(), self.shape())
    }

    /// Reads a tensor.
    ///
    /// # Errors
    /// When its source cannot be read, or its elements are complex numbers (`RT0001`).
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        if let Some(strings) = tensor.strings() {
            return Self::from_vec(tensor.shape(), strings.to_vec());
        }
        element::decode(tensor.dtype(), tensor.shape(), &tensor.bytes()?)
    }

    /// As a tensor in memory.
    ///
    /// # Errors
    /// `IR0004` only if a type has another size than the IR says.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match self {
            Self::Str(a) => Tensor::from_strings(a.shape().to_vec(), row_major(a).into_owned()),
            _ => Tensor::from_bytes(self.dtype(), self.shape().to_vec(), element::encode(self)),
        }
    }

    /// Elements converted to another type: floats to integers as C does, numbers to strings as Python does.
    ///
    /// # Errors
    /// `RT0001` when a string is not a number, or the type is complex.
    pub fn cast(&self, to: DType) -> Result<Self> {
        cast::cast(self, to)
    }

    /// All elements as f64, row-major.
    ///
    /// # Errors
    /// `RT0001` for strings.
    pub fn to_f64s(&self) -> Result<Vec<f64>> {
        Ok(row_major(&f64::read(&self.cast(DType::F64)?)?.into_owned()).into_owned())
    }

    /// All elements of an integer or bool array as i64, row-major; u64 above `i64::MAX` saturates.
    ///
    /// # Errors
    /// `RT0001` for other types.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        Ok(Int::read(self)?.iter().map(|i| i64::try_from(i.0).unwrap_or(i64::MAX)).collect())
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// `RT0001` when the number of elements differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        each!(self, a => shaped(shape, row_major(a).into_owned()).map(Array::from))
    }
}

/// As NumPy's `array_equal`: strings and numbers of one type and shape; NaN equals nothing.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        fn same<T: Element>(a: &ArrayD<T>, b: &Array) -> bool {
            b.view::<T>().is_some_and(|b| a.shape() == b.shape() && row_major(a) == row_major(b))
        }
        each!(self, a => same(a, other))
    }
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.cast(DType::Str).ok();
        let elements = text.as_ref().and_then(|t| t.view::<Vec<u8>>()).into_iter().flatten();
        let elements: Vec<_> = elements.take(32).map(|e| String::from_utf8_lossy(e)).collect();
        write!(f, "{} {}", self.ty(), elements.join(" "))
    }
}
