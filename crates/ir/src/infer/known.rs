//! Partially known integer values: what shape arithmetic computes on.

use crate::{Dim, Tensor};

/// One element of a small integer value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KnownInt {
    /// The number.
    Value(i64),
    /// The size of a symbolic dimension.
    Dim(Dim),
    /// Nothing is known.
    Unknown,
}

impl KnownInt {
    /// The element as a dimension; negative numbers are not one.
    pub fn to_dim(&self) -> Dim {
        match self {
            Self::Value(v) => usize::try_from(*v).map_or(Dim::Unknown, Dim::Known),
            Self::Dim(d) => d.clone(),
            Self::Unknown => Dim::Unknown,
        }
    }

    /// The number, where it is known.
    pub fn value(&self) -> Option<i64> {
        match self {
            Self::Value(v) => Some(*v),
            Self::Dim(Dim::Known(n)) => i64::try_from(*n).ok(),
            _ => None,
        }
    }
}

impl From<&Dim> for KnownInt {
    fn from(d: &Dim) -> Self {
        match d {
            Dim::Known(n) => Self::Value(*n as i64),
            Dim::Symbol(_) => Self::Dim(d.clone()),
            Dim::Unknown => Self::Unknown,
        }
    }
}

/// The elements of an integer scalar or vector as far as they are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known(pub Vec<KnownInt>);

/// Values longer than this are data, not shapes.
const MOST: usize = 64;

impl Known {
    /// The elements of a small integer constant of rank 0 or 1.
    pub fn of_constant(tensor: &Tensor) -> Option<Self> {
        if tensor.rank() > 1 || tensor.len() > MOST || !tensor.dtype().is_int() {
            return None;
        }
        Some(Self(tensor.to_i64s().ok()?.into_iter().map(KnownInt::Value).collect()))
    }

    /// All elements, where all are numbers.
    pub fn values(&self) -> Option<Vec<i64>> {
        self.0.iter().map(KnownInt::value).collect()
    }
}
