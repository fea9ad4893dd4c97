//! Declarations of custom layers:
//!
//! ```text
//! # y = x·w + b, with the weights by the names that the file gives them
//! layer CustomLayer(x) {
//!   weights w, b
//!   config units: int, slope: float = 0.0
//!   y = Add(MatMul(x, w), b)
//!   return LeakyRelu{alpha=slope}(y)
//! }
//! ```
//! A file holds any number of layers, named by their class (a `Lambda` by its layer name, in quotes if need be).
//! - Inputs are the tensors that the layer is called with; `xs...` as the last one takes all that are left, and
//!   `Concat{axis=-1}(xs...)` passes them on.
//! - Weights are found by name; if the file has other names but as many weights, by position. `w = "dense/kernel"` and
//!   `w = 0` say which one is meant; `b?` may be absent and is then an absent operand. Floating-point weights are cast to
//!   the layer's compute dtype.
//! - Config keys are read from the layer's config: `int`, `float`, `bool`, `str`, `list` or `any`, with a default after
//!   `=`. They stand for attribute values and for constants.
//! - Statements bind results of core ops: `name = Op{attribute=value}(operands)`, calls may nest, names may begin with `%`.
//!   A number as operand takes the dtype of the other operands, a list of whole numbers is an i64 vector, `f32(1.5)` and
//!   `i32[1, 2]` say their dtype; `_` is an absent operand.
//! - A layer that holds other modules calls them by name: `modules fc, act = "layers.1"`, then `act(fc(x))`.
//! - `return` ends the layer.

mod lower;
mod parse;
mod template;

pub use parse::parse_custom;
pub use template::print_declaration_template;

use crate::{Attr, DType};

/// A custom layer as declared; its body is a [`crate::CustomLayer`].
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The class, or the name of a `Lambda` layer.
    pub name: String,
    inputs: Vec<String>,
    /// Whether the last input takes all that are left.
    rest: bool,
    weights: Vec<Weight>,
    /// Modules inside of the layer: the name here, and the name there.
    modules: Vec<(String, String)>,
    config: Vec<Config>,
    body: Vec<Statement>,
    results: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
struct Weight {
    name: String,
    file: Option<FileWeight>,
    optional: bool,
}

/// Which weight of the file is meant.
#[derive(Clone, Debug, PartialEq)]
enum FileWeight {
    Name(String),
    Index(usize),
}

#[derive(Clone, Debug, PartialEq)]
struct Config {
    name: String,
    kind: Kind,
    default: Option<Attr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Float,
    Bool,
    Str,
    List,
    Any,
}

const KINDS: &[(&str, Kind)] = &[
    ("int", Kind::Int),
    ("float", Kind::Float),
    ("bool", Kind::Bool),
    ("str", Kind::Str),
    ("list", Kind::List),
    ("any", Kind::Any),
];

impl Kind {
    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, k)| *k == self).map_or("any", |(n, _)| n)
    }

    fn fits(self, attr: &Attr) -> bool {
        match self {
            Self::Int => attr.as_int().is_some(),
            Self::Float => attr.as_float().is_some(),
            Self::Bool => attr.as_bool().is_some(),
            Self::Str => attr.as_str().is_some(),
            Self::List => attr.as_list().is_some(),
            Self::Any => true,
        }
    }
}

/// `a, b = …`
#[derive(Clone, Debug, PartialEq)]
struct Statement {
    line: usize,
    targets: Vec<String>,
    call: Call,
}

#[derive(Clone, Debug, PartialEq)]
struct Call {
    line: usize,
    op: String,
    /// Whether it is not a core op but a module of the layer.
    module: bool,
    attrs: Vec<(String, Value)>,
    operands: Vec<Expr>,
}

/// An operand.
#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Name(String),
    /// All values of the last input.
    Rest(String),
    Absent,
    /// A number or truth value, or a list of them; of `dtype` where that is said.
    Literal {
        line: usize,
        dtype: Option<DType>,
        value: Value,
    },
    Call(Call),
}

/// An attribute value, or part of one.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Plain(Attr),
    Config(String),
    List(Vec<Value>),
}
