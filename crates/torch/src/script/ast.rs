//! The syntax tree of archived code.
//!
//! Owns: the shape of programs. Must never know: what they mean.

use std::rc::Rc;

/// An expression and the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) at: u32,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Imaginary(f64),
    Str(Rc<str>),
    Name(Rc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attr(Box<Expr>, Rc<str>),
    Call(Box<Expr>, Vec<Expr>, Vec<(Rc<str>, Expr)>),
    Index(Box<Expr>, Box<Expr>),
    /// `start:stop:step` inside of brackets.
    Slice(Option<Box<Expr>>, Option<Box<Expr>>, Option<Box<Expr>>),
    Unary(&'static str, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// Value, condition, other value.
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// A statement and the byte where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stmt {
    pub(super) kind: StmtKind,
    pub(super) at: u32,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StmtKind {
    /// Target, annotation, value.
    Assign(Expr, Option<Expr>, Expr),
    /// `target += value`: target, operator, value.
    Augment(Expr, &'static str, Expr),
    /// `name : Type` without a value.
    Annotate(Expr, Expr),
    Expr(Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    /// Target, iterated value, body.
    For(Expr, Expr, Vec<Stmt>),
    With(Vec<(Expr, Option<Expr>)>, Vec<Stmt>),
    Return(Option<Expr>),
    Raise(Option<Expr>),
    Assert(Expr, Option<Expr>),
    Def(Rc<Func>),
    Class(Rc<Class>),
    Pass,
    Break,
    Continue,
}

/// A function or method.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Func {
    pub(super) name: Rc<str>,
    pub(super) params: Vec<Param>,
    pub(super) returns: Option<Expr>,
    pub(super) body: Vec<Stmt>,
    pub(super) at: u32,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Param {
    pub(super) name: Rc<str>,
    pub(super) ty: Option<Expr>,
    pub(super) default: Option<Expr>,
}

/// A class: a module, an object, a `NamedTuple`, an `Enum` or an interface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    pub(super) name: Rc<str>,
    pub(super) bases: Vec<Expr>,
    pub(super) body: Vec<Stmt>,
    pub(super) at: u32,
}

impl Expr {
    /// The dotted name that the expression spells: `torch.nn.functional`.
    pub(super) fn dotted(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(n) => Some(n.to_string()),
            ExprKind::Attr(base, name) => Some(format!("{}.{name}", base.dotted()?)),
            _ => None,
        }
    }
}
