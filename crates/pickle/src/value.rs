//! [`Pickle`]: the values of a pickle in an arena. Owns: the data model. Must never know: opcodes.

use crate::depth::Extent;
use crate::{GlobalRef, Node};
use bytes::Bytes;

/// The number of a value in its [`Pickle`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Id(pub(crate) u32);

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One value. What it contains is given by number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// A larger integer: two's complement, little-endian.
    BigInt(Bytes),
    /// A float.
    Float(f64),
    /// A text; also a Python 2 `str` of ASCII characters. What is no Unicode in it was replaced by `U+FFFD`.
    Str(Box<str>),
    /// `bytes` or `bytearray`; also a Python 2 `str` that is not ASCII. A piece of the input, not a copy.
    Bytes(Bytes),
    /// `list`.
    List(Vec<Id>),
    /// `tuple`.
    Tuple(Vec<Id>),
    /// `dict`, in the order in which it was filled. A key that stands twice has its last value.
    Dict(Vec<(Id, Id)>),
    /// `set` or `frozenset` of protocol 4.
    Set(Vec<Id>),
    /// A class or function, by name: its place in [`Pickle::globals`].
    Global(u32),
    /// What a call or a constructor would have given.
    Object(Box<Object>),
    /// A persistent id: what it stands for is outside of the pickle.
    PersId(Id),
}

/// How an object would have come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// By a call of [`Object::class`], which may be a class or a function.
    Call,
    /// By `class.__new__(class, *args, **kwargs)`.
    New,
}

/// What a call or a constructor would have given: everything that the pickle says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// How it would have come about.
    pub made: Made,
    /// The class or function; a [`Value::Global`] in all pickles that Python writes by itself.
    pub class: Id,
    /// Positional arguments: a [`Value::Tuple`] in all pickles that Python writes by itself.
    pub args: Id,
    /// Keyword arguments: a dict.
    pub kwargs: Option<Id>,
    /// What `__setstate__` or `__dict__` would have been given.
    pub state: Option<Id>,
    /// What would have been appended.
    pub items: Vec<Id>,
    /// What would have been set by key.
    pub entries: Vec<(Id, Id)>,
    /// The byte of the opcode that makes it.
    pub at: usize,
}

/// A pickle that was read.
#[derive(Clone, Debug)]
pub struct Pickle {
    pub(crate) values: Vec<Value>,
    pub(crate) root: Id,
    pub(crate) globals: Vec<GlobalRef>,
    pub(crate) protocol: u8,
    pub(crate) consumed: usize,
    pub(crate) extent: Extent,
}

impl Pickle {
    /// The value that it would have given.
    pub fn root(&self) -> Node<'_> {
        self.node(self.root)
    }

    /// A value as a node.
    pub fn node(&self, id: Id) -> Node<'_> {
        Node::new(self, id)
    }

    /// A value by number.
    pub fn value(&self, id: Id) -> &Value {
        self.values.get(id.index()).unwrap_or(&Value::None)
    }

    /// All values in the order in which they came about.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        (0..self.values.len() as u32).map(Id)
    }

    /// The number of values in the arena.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none; never the case.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Everything that it names, once each, in the order of the first mention.
    pub fn globals(&self) -> &[GlobalRef] {
        &self.globals
    }

    /// Whether a value contains itself.
    pub fn is_recursive(&self) -> bool {
        self.extent.recursive
    }

    /// How many values there would be if none stood in several places; `u64::MAX` where they are more than that. A value
    /// inside of itself counts once.
    pub fn unfolded(&self) -> u64 {
        self.extent.unfolded
    }

    /// The protocol that it announces; 0 where it announces none (protocols 0 and 1).
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The number of bytes that it takes, its end mark included: another one may follow in the same file.
    pub fn consumed(&self) -> usize {
        self.consumed
    }
}
