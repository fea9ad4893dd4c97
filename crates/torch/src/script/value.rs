//! Values of the evaluation: what Python would hold, with tensors symbolic.
//!
//! Owns: the data model. Lists, dicts, objects and tensors lie in a heap and are referred to by number, so that what is
//! shared stays shared, cycles do no harm and changes can be undone. Must never know: what operations do.

use super::ast::Func;
use modelport_ir::{DType, TensorType};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// The number of an object in the heap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Ref(pub(super) u32);

/// The number of a value of the graph that is being built, across all its bodies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Handle(pub(super) u32);

/// Variables of a function.
pub(super) type Env = HashMap<Rc<str>, Value>;

/// The type of a number that is known at run time only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Int,
    Float,
    Bool,
}

impl Kind {
    /// The element type of the 0-d tensor that stands for it.
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::Int => DType::I64,
            Self::Float => DType::F64,
            Self::Bool => DType::Bool,
        }
    }
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    Str(Rc<str>),
    Device(Rc<str>),
    /// A number that is known at run time only.
    Num(Kind, Handle),
    Tensor(Ref),
    List(Ref),
    Tuple(Ref),
    Dict(Ref),
    Object(Ref),
    Enum(Rc<EnumMember>),
    /// A dotted name that is no variable: `torch.nn`, `__torch__.f`.
    Path(Rc<str>),
    /// A nested function with the variables around it.
    Closure(Rc<Func>, Rc<Env>),
    /// What no branch has given a value, or what the conversion cannot follow and why; an error once it is used.
    Lost(Rc<str>),
}

/// A member of an enum.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EnumMember {
    pub(super) class: Rc<str>,
    pub(super) name: Rc<str>,
    pub(super) value: Plain,
}

/// A value without identity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    Str(Rc<str>),
    Device(Rc<str>),
}

/// Something in the heap.
#[derive(Clone, Debug)]
pub(super) enum Obj {
    Tensor(Cell),
    List(Vec<Value>),
    /// Items, and the class of a `NamedTuple`.
    Tuple(Vec<Value>, Option<Rc<str>>),
    Dict(Dict),
    Object(Object),
}

/// A dict; `open` ones are inputs of the model that gain an entry (and an input) for each key that is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Dict {
    pub(super) entries: Vec<(Value, Value)>,
    pub(super) open: bool,
}

/// A module or another object of a class with code.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) class: Rc<str>,
    pub(super) attrs: BTreeMap<Rc<str>, Value>,
    /// Its path in the model: `features.0`.
    pub(super) path: Rc<str>,
}

/// A tensor: a box whose content in-place operations replace.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) value: Handle,
    /// Counts changes.
    pub(super) changes: u32,
    /// Whether its elements lie in order, so that a reshape of it is a view.
    pub(super) dense: bool,
    pub(super) view: Option<Rc<View>>,
    /// The count of changes of the base that `value` reflects.
    pub(super) seen: u32,
}

/// How a tensor is a window on another.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) base: Ref,
    pub(super) op: Rc<str>,
    pub(super) args: Vec<Value>,
    /// Which of several results.
    pub(super) pick: usize,
}

impl Value {
    /// A string.
    pub(super) fn str(s: &str) -> Self {
        Self::Str(s.into())
    }

    /// What Python calls its type, for diagnostics.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) | Self::Num(Kind::Bool, _) => "bool",
            Self::Int(_) | Self::Num(Kind::Int, _) => "int",
            Self::Float(_) | Self::Num(Kind::Float, _) => "float",
            Self::Complex(..) => "complex",
            Self::Str(_) => "str",
            Self::Device(_) => "device",
            Self::Tensor(_) => "Tensor",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Object(_) => "object",
            Self::Enum(_) => "enum",
            Self::Path(_) | Self::Closure(..) => "function",
            Self::Lost(_) => "unknown",
        }
    }

    /// The value without identity, if it is one.
    pub(super) fn plain(&self) -> Option<Plain> {
        Some(match self {
            Self::None => Plain::None,
            Self::Bool(b) => Plain::Bool(*b),
            Self::Int(i) => Plain::Int(*i),
            Self::Float(f) => Plain::Float(*f),
            Self::Complex(re, im) => Plain::Complex(*re, *im),
            Self::Str(s) => Plain::Str(s.clone()),
            Self::Device(s) => Plain::Device(s.clone()),
            _ => return None,
        })
    }

    /// The number, if it is one that is known.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Int(i) => Some(*i as f64),
            Self::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The kind of number that it is, known or not.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::Bool(_) => Some(Kind::Bool),
            Self::Int(_) => Some(Kind::Int),
            Self::Float(_) => Some(Kind::Float),
            Self::Num(k, _) => Some(*k),
            _ => None,
        }
    }
}

impl From<Plain> for Value {
    fn from(p: Plain) -> Self {
        match p {
            Plain::None => Self::None,
            Plain::Bool(b) => Self::Bool(b),
            Plain::Int(i) => Self::Int(i),
            Plain::Float(f) => Self::Float(f),
            Plain::Complex(re, im) => Self::Complex(re, im),
            Plain::Str(s) => Self::Str(s),
            Plain::Device(s) => Self::Device(s),
        }
    }
}

/// What can be said of both types.
pub(super) fn join(a: Option<TensorType>, b: Option<TensorType>) -> Option<TensorType> {
    let (a, b) = (a?, b?);
    if a.dtype != b.dtype || a.rank() != b.rank() {
        return None;
    }
    let pairs = a.shape.into_iter().zip(b.shape);
    let shape = pairs.map(|(x, y)| if x == y { x } else { modelport_ir::Dim::Unknown }).collect::<Vec<_>>();
    Some(TensorType::new(a.dtype, shape))
}

/// Numbers of element types in TorchScript (`c10/core/ScalarType.h`).
const DTYPES: &[(i64, DType)] = &[
    (0, DType::U8),
    (1, DType::I8),
    (2, DType::I16),
    (3, DType::I32),
    (4, DType::I64),
    (5, DType::F16),
    (6, DType::F32),
    (7, DType::F64),
    (9, DType::C64),
    (10, DType::C128),
    (11, DType::Bool),
    (15, DType::BF16),
    (23, DType::F8E5M2),
    (24, DType::F8E4M3),
    (27, DType::U16),
    (28, DType::U32),
    (29, DType::U64),
];

/// The element type with this number.
pub(super) fn dtype_of(number: i64) -> Option<DType> {
    DTYPES.iter().find(|(n, _)| *n == number).map(|(_, d)| *d)
}

/// The number of an element type.
pub(super) fn number_of(dtype: DType) -> i64 {
    DTYPES.iter().find(|(_, d)| *d == dtype).map_or(6, |(n, _)| *n)
}

/// Whether two values are one.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Num(k, x), Value::Num(l, y)) => k == l && x == y,
        (Value::Tensor(x), Value::Tensor(y))
        | (Value::List(x), Value::List(y))
        | (Value::Tuple(x), Value::Tuple(y))
        | (Value::Dict(x), Value::Dict(y))
        | (Value::Object(x), Value::Object(y)) => x == y,
        (Value::Enum(x), Value::Enum(y)) => x == y,
        (Value::Path(x), Value::Path(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits(),
        (Value::Closure(x, _), Value::Closure(y, _)) => Rc::ptr_eq(x, y),
        (Value::Lost(_), Value::Lost(_)) => true,
        _ => a.plain().is_some_and(|p| Some(p) == b.plain()),
    }
}
