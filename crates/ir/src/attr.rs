//! [`Attr`]: attribute values of source ops as they stood in the file, and of core ops in the text form.

use crate::{DType, SourceGraph, SourceOp, Tensor};
use std::collections::BTreeMap;

/// An attribute value of any framework.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// Python's `None`, JSON's `null`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Str(String),
    /// A sequence.
    List(Vec<Attr>),
    /// A mapping with string keys.
    Map(BTreeMap<String, Attr>),
    /// An element type.
    DType(DType),
    /// A tensor, lazily.
    Tensor(Tensor),
    /// An op inside an op: a wrapper's layer, with its own weights.
    Op(Box<SourceOp>),
    /// A graph inside an op: a wrapped model, a branch, a function body.
    Graph(Box<SourceGraph>),
}

impl Attr {
    /// The integer, also when it stands as a float without fraction.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Float(f) if f.fract() == 0.0 && f.abs() < 9.0e15 => Some(*f as i64),
            _ => None,
        }
    }

    /// The number as a float.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Attr]> {
        match self {
            Self::List(l) => Some(l),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Attr>> {
        match self {
            Self::Map(m) => Some(m),
            _ => None,
        }
    }

    /// All elements of a list as integers.
    pub fn as_ints(&self) -> Option<Vec<i64>> {
        self.as_list()?.iter().map(Attr::as_int).collect()
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}
