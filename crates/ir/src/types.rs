//! Dimensions, shapes and tensor types.

use crate::DType;
use std::fmt;
use std::sync::Arc;

/// One dimension of a shape.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Dim {
    /// Known when the model is converted.
    Known(usize),
    /// Known only at run time; equal symbols mean equal sizes.
    Symbol(Arc<str>),
    /// Nothing is known.
    Unknown,
}

impl Dim {
    /// A symbolic dimension.
    pub fn symbol(name: &str) -> Self {
        Self::Symbol(name.into())
    }

    /// The size, where it is known.
    pub fn known(&self) -> Option<usize> {
        match self {
            Self::Known(n) => Some(*n),
            _ => None,
        }
    }

    /// Whether two dimensions are certainly the same size.
    pub fn same(&self, other: &Self) -> bool {
        self == other && *self != Self::Unknown
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Self {
        Self::Known(n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(n) => write!(f, "{n}"),
            Self::Symbol(s) => f.write_str(s),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// The dimensions of a tensor, outermost first; the rank is always known.
pub type Shape = Vec<Dim>;

/// What is known about a value before the model runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TensorType {
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first.
    pub shape: Shape,
}

impl TensorType {
    /// A type of `dtype` elements in `shape`.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// A type all of whose dimensions are known.
    pub fn known(dtype: DType, shape: &[usize]) -> Self {
        Self { dtype, shape: shape.iter().map(|&n| Dim::Known(n)).collect() }
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// All dimensions, where all are known.
    pub fn static_shape(&self) -> Option<Vec<usize>> {
        self.shape.iter().map(Dim::known).collect()
    }

    /// The number of elements, where all dimensions are known.
    pub fn elements(&self) -> Option<usize> {
        self.static_shape()?.iter().try_fold(1usize, |a, &b| a.checked_mul(b))
    }
}

/// `f32[N,224,224,3]`
impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, d) in self.shape.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{d}")?;
        }
        f.write_str("]")
    }
}
