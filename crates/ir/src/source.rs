//! [`SourceOp`]: a framework's own op, with everything the file said about it.

use crate::{Attr, Tensor};
use std::collections::BTreeMap;
use std::fmt;

/// The vocabulary that a source op's name belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Dialect {
    /// Keras layer classes and Keras 3 operations.
    Keras,
    /// TensorFlow ops.
    TensorFlow,
    /// ATen ops and `torch.nn` modules.
    Torch,
    /// ONNX operators.
    Onnx,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keras => "keras",
            Self::TensorFlow => "tensorflow",
            Self::Torch => "torch",
            Self::Onnx => "onnx",
        })
    }
}

/// An op of a framework: class or op name, attributes as they stood in the file, and its weights, lazily.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceOp {
    /// Whose vocabulary [`SourceOp::name`] belongs to.
    pub dialect: Dialect,
    /// Layer class or op type: `DepthwiseConv2D`, `aten::conv2d`.
    pub name: String,
    /// The op's own version, where the dialect has one.
    pub version: Option<i64>,
    /// Arguments, configuration, attributes.
    pub attrs: BTreeMap<String, Attr>,
    /// The weights that belong to this op, in the framework's order, by the framework's names (`kernel`, `bias`).
    pub weights: Vec<(String, Tensor)>,
}

impl SourceOp {
    /// An op without attributes and weights.
    pub fn new(dialect: Dialect, name: impl Into<String>) -> Self {
        Self { dialect, name: name.into(), version: None, attrs: BTreeMap::new(), weights: Vec::new() }
    }

    /// An attribute, unless it is absent or `None`.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.get(name).filter(|a| !a.is_none())
    }

    /// A weight by name.
    pub fn weight(&self, name: &str) -> Option<&Tensor> {
        self.weights.iter().find(|(n, _)| n == name).map(|(_, t)| t)
    }
}
