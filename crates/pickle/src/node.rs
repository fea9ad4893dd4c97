//! [`Node`]: a value together with its pickle, for reading.
//!
//! Owns: what values mean in plain Python: a dict, an `OrderedDict` and a `defaultdict` all have entries. Must never know:
//! classes of frameworks.

use crate::{GlobalRef, Id, Made, Object, Pickle, Value};
use std::fmt;

/// A value in its pickle; a cheap copy.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pickle: &'a Pickle,
    id: Id,
}

impl<'a> Node<'a> {
    pub(crate) fn new(pickle: &'a Pickle, id: Id) -> Self {
        Self { pickle, id }
    }

    /// Its number: equal numbers in one pickle are the same object in Python.
    pub fn id(self) -> Id {
        self.id
    }

    /// The pickle that it belongs to.
    pub fn pickle(self) -> &'a Pickle {
        self.pickle
    }

    /// The value.
    pub fn value(self) -> &'a Value {
        self.pickle.value(self.id)
    }

    fn at(self, id: Id) -> Self {
        Self { pickle: self.pickle, id }
    }

    /// Whether it is `None`.
    pub fn is_none(self) -> bool {
        matches!(self.value(), Value::None)
    }

    /// A bool.
    pub fn bool(self) -> Option<bool> {
        match self.value() {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// An integer of 64 bits; a bool is one too, as in Python.
    pub fn int(self) -> Option<i64> {
        match self.value() {
            Value::Int(i) => Some(*i),
            Value::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    /// A number as a float.
    pub fn float(self) -> Option<f64> {
        match self.value() {
            Value::Float(f) => Some(*f),
            _ => self.int().map(|i| i as f64),
        }
    }

    /// A text, or bytes that are one.
    pub fn str(self) -> Option<&'a str> {
        match self.value() {
            Value::Str(s) => Some(s),
            Value::Bytes(b) => std::str::from_utf8(b).ok(),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set.
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Node<'a>> + DoubleEndedIterator> {
        let ids = match self.value() {
            Value::List(ids) | Value::Tuple(ids) | Value::Set(ids) => ids,
            Value::Object(o) if self.is_class("builtins", "set") || self.is_class("builtins", "frozenset") => {
                match self.at(o.args).first().map(Node::value) {
                    Some(Value::List(ids)) => ids,
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(ids.iter().map(move |&id| self.at(id)))
    }

    /// The first element of a list or tuple.
    pub fn first(self) -> Option<Node<'a>> {
        self.item(0)
    }

    /// An element of a list or tuple.
    pub fn item(self, index: usize) -> Option<Node<'a>> {
        match self.value() {
            Value::List(ids) | Value::Tuple(ids) => ids.get(index).map(|&id| self.at(id)),
            _ => None,
        }
    }

    /// Integers in a list or tuple (or in `torch.Size` and other subclasses of tuple), all of them.
    pub fn ints(self) -> Option<Vec<i64>> {
        match self.object() {
            Some(_) => self.arg(0)?.items()?.map(Node::int).collect(),
            None => self.items()?.map(Node::int).collect(),
        }
    }

    /// The object, when it is one.
    pub fn object(self) -> Option<&'a Object> {
        match self.value() {
            Value::Object(o) => Some(o),
            _ => None,
        }
    }

    /// The name, when it is a class or function itself.
    pub fn global(self) -> Option<&'a GlobalRef> {
        match self.value() {
            Value::Global(g) => self.pickle.globals().get(*g as usize),
            _ => None,
        }
    }

    /// Whether it is this class or function itself. Python 2's names of modules are taken for today's.
    pub fn is_global(self, module: &str, name: &str) -> bool {
        self.global().is_some_and(|g| same(g, module, name))
    }

    /// The class of an object, or the function that would have given it.
    pub fn class(self) -> Option<&'a GlobalRef> {
        self.at(self.object()?.class).global()
    }

    /// Whether it is an object of this class, or the result of this function.
    pub fn is_class(self, module: &str, name: &str) -> bool {
        self.class().is_some_and(|g| same(g, module, name))
    }

    /// An object's arguments: a tuple.
    pub fn args(self) -> Option<Node<'a>> {
        self.object().map(|o| self.at(o.args))
    }

    /// One of an object's arguments.
    pub fn arg(self, index: usize) -> Option<Node<'a>> {
        self.args()?.item(index)
    }

    /// An object's state.
    pub fn state(self) -> Option<Node<'a>> {
        self.object()?.state.map(|id| self.at(id))
    }

    /// What a persistent id is.
    pub fn persistent_id(self) -> Option<Node<'a>> {
        match self.value() {
            Value::PersId(id) => Some(self.at(*id)),
            _ => None,
        }
    }

    /// The entries of a dict, or of an object that is filled like one: `OrderedDict`, `defaultdict`, a subclass of dict.
    pub fn entries(self) -> Option<Vec<(Node<'a>, Node<'a>)>> {
        match self.value() {
            Value::Dict(pairs) => Some(pairs.iter().map(|&(k, v)| (self.at(k), self.at(v))).collect()),
            Value::Object(o) => {
                // Python 2 writes the pairs as an argument.
                let mut pairs = if self.is_dict_class() { self.pairs_argument(o) } else { Vec::new() };
                pairs.extend(o.entries.iter().map(|&(k, v)| (self.at(k), self.at(v))));
                (self.is_dict_class() || !o.entries.is_empty()).then_some(pairs)
            }
            _ => None,
        }
    }

    fn is_dict_class(self) -> bool {
        ["OrderedDict", "defaultdict", "Counter"].iter().any(|name| self.is_class("collections", name))
            || self.is_class("builtins", "dict")
    }

    fn pairs_argument(self, object: &Object) -> Vec<(Node<'a>, Node<'a>)> {
        if object.made == Made::New || self.is_class("collections", "defaultdict") {
            return Vec::new();
        }
        let Some(argument) = self.at(object.args).first() else { return Vec::new() };
        if let Value::Dict(pairs) = argument.value() {
            return pairs.iter().map(|&(k, v)| (self.at(k), self.at(v))).collect();
        }
        let Some(items) = argument.items() else { return Vec::new() };
        items.filter_map(|pair| Some((pair.item(0)?, pair.item(1)?))).collect()
    }

    /// The value under a key that is a text.
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        match self.value() {
            Value::Dict(pairs) => {
                pairs.iter().rev().find(|(k, _)| self.at(*k).str() == Some(key)).map(|&(_, v)| self.at(v))
            }
            _ => self.entries()?.into_iter().rev().find(|(k, _)| k.str() == Some(key)).map(|(_, v)| v),
        }
    }

    /// An attribute of an object: an entry of its state, or of the second part of a state `(dict, slots)`.
    pub fn attr(self, name: &str) -> Option<Node<'a>> {
        let state = self.state()?;
        match state.value() {
            Value::Tuple(_) => state.item(1).and_then(|s| s.get(name)).or_else(|| state.item(0)?.get(name)),
            _ => state.get(name),
        }
    }
}

/// Whether a name is this one; Python 2's modules go by today's names.
fn same(global: &GlobalRef, module: &str, name: &str) -> bool {
    let today = match &*global.module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        m => m,
    };
    today == module && &*global.name == name
}

/// For diagnostics: `a dict of 3`, `an object of class torch.nn.modules.conv.Conv2d`.
impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Value::None => f.write_str("None"),
            Value::Bool(true) => f.write_str("True"),
            Value::Bool(false) => f.write_str("False"),
            Value::Int(i) => write!(f, "{i}"),
            Value::BigInt(b) => write!(f, "an integer of {} bits", b.len() * 8),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Str(s) if s.chars().count() <= 60 => write!(f, "{s:?}"),
            Value::Str(s) => write!(f, "a text of {} characters", s.chars().count()),
            Value::Bytes(b) => write!(f, "{} bytes", b.len()),
            Value::List(v) => write!(f, "a list of {}", v.len()),
            Value::Tuple(v) => write!(f, "a tuple of {}", v.len()),
            Value::Dict(v) => write!(f, "a dict of {}", v.len()),
            Value::Set(v) => write!(f, "a set of {}", v.len()),
            Value::PersId(_) => f.write_str("a persistent id"),
            Value::Global(_) => match self.global() {
                Some(g) => write!(f, "the name {g}"),
                None => f.write_str("a name"),
            },
            Value::Object(o) => match (self.class(), o.made) {
                (Some(g), Made::New) => write!(f, "an object of class {g}"),
                (Some(g), Made::Call) => write!(f, "a {g}(…)"),
                (None, _) => f.write_str("an object"),
            },
        }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}: {self})", self.id.0)
    }
}
