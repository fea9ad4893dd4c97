//! [`Forward`]: walks a tree of modules as their `forward` would and writes the calls of ATen ops down. A module without
//! a row becomes an op of its own, for a declaration to lower.
//!
//! Owns: the walk, its bounds, names of parameters. Must never know: what a class computes, core ops.

use super::reparametrised::reparametrised;
use super::tree::Module;
use super::{Apply, find};
use crate::emit::{Arg, Emit};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{Attr, Tensor, ValueId};
use std::collections::BTreeSet;

/// What a module takes or gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val {
    /// A tensor.
    One(ValueId),
    /// A tuple or list.
    Many(Vec<Val>),
    /// `None`.
    Absent,
}

impl Val {
    /// The tensor, or the first of a tuple.
    pub(crate) fn first(&self) -> Option<ValueId> {
        match self {
            Self::One(v) => Some(*v),
            Self::Many(all) => all.first().and_then(Self::first),
            Self::Absent => None,
        }
    }
}

impl From<ValueId> for Val {
    fn from(v: ValueId) -> Self {
        Self::One(v)
    }
}

/// The walk over one tree.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Where calls are written down.
    pub(crate) emit: Emit,
    /// Sentences for the user.
    pub(crate) notes: BTreeSet<String>,
    /// The size of the image, where the architecture is built for one.
    pub(crate) image: Option<(usize, usize)>,
    path: Vec<String>,
    limits: Limits,
    calls: usize,
}

impl Forward {
    /// A walk that writes to an empty graph.
    pub(crate) fn new(name: &str, limits: Limits) -> Self {
        Self { emit: Emit::new(name), notes: BTreeSet::new(), image: None, path: Vec::new(), limits, calls: 0 }
    }

    /// Says where in the whole model this walk begins; for names of parameters.
    pub(crate) fn begin_at(&mut self, path: &str) {
        self.path = path.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    }

    /// The path of the module at work.
    pub(crate) fn path(&self) -> String {
        self.path.join(".")
    }

    /// Calls a module.
    ///
    /// # Errors
    /// When it is used in a way that no row supports.
    pub(crate) fn apply(&mut self, m: &Module, inputs: &[Val]) -> Result<Val> {
        self.limits.check_depth(self.path.len(), "the tree of modules")?;
        self.calls += 1;
        if self.calls > self.limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the model calls more modules than is plausible")
                .expected(format!("at most {}", self.limits.objects)));
        }
        let place = self.path();
        let result = match find(m)? {
            Some(Apply::One(f)) => self.one_of(m, inputs).and_then(|x| f(self, m, x)).map(Val::One),
            Some(Apply::Any(f)) => f(self, m, inputs),
            None => self.unknown(m, inputs),
        };
        result.map_err(|d| if place.is_empty() { d } else { d.at_node(place) })
    }

    fn one_of(&self, m: &Module, inputs: &[Val]) -> Result<ValueId> {
        match inputs {
            [Val::One(x)] => Ok(*x),
            _ => Err(self.arity(m, "one tensor", inputs)),
        }
    }

    /// A module is called with something else than it takes.
    pub(crate) fn arity(&self, m: &Module, expected: &str, inputs: &[Val]) -> Box<Diagnostic> {
        Diagnostic::error(Code::TORCH_MODULE, format!("a `{}` is called with other arguments than it takes", m.short()))
            .expected(expected)
            .found(format!("{} arguments", inputs.len()))
    }

    /// Something that the class can do and no row does.
    pub(crate) fn unsupported(&self, m: &Module, what: &str) -> Box<Diagnostic> {
        Diagnostic::error(Code::TORCH_MODULE, format!("a `{}` with {what} is not converted", m.short()))
    }

    /// Leaves a module of a class without a row in the graph, under its own name: a declaration may know it.
    fn unknown(&mut self, m: &Module, inputs: &[Val]) -> Result<Val> {
        let mut flat = Vec::new();
        for input in inputs {
            flatten(input, &mut flat);
        }
        let mut op = m.to_op();
        op.attrs.insert("@module".to_owned(), Attr::Str(self.path()));
        let name = if self.path.is_empty() { m.short().to_owned() } else { self.path.join("/") };
        let operands = flat.into_iter().map(Some).collect();
        let results = self.emit.graph_mut().add_node(op, operands, name.clone(), vec![(name, None)]);
        results
            .first()
            .copied()
            .map(Val::One)
            .ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a node without results"))
    }

    /// Does something inside of a named sub-module.
    ///
    /// # Errors
    /// Those of what is done.
    pub(crate) fn within<T>(&mut self, name: &str, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.path.push(name.to_owned());
        self.emit.push_scope(name);
        let result = f(self);
        self.emit.pop_scope();
        self.path.pop();
        result
    }

    /// Calls a sub-module with anything.
    ///
    /// # Errors
    /// When there is none of that name, or as [`Forward::apply`].
    pub(crate) fn child_with(&mut self, m: &Module, name: &str, inputs: &[Val]) -> Result<Val> {
        let child = m.child(name).cloned().ok_or_else(|| {
            Diagnostic::error(Code::TORCH_MODULE, format!("a `{}` has no sub-module `{name}`", m.short()))
                .found(m.children.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "))
        })?;
        self.within(name, |f| f.apply(&child, inputs))
    }

    /// Calls a sub-module that takes and gives one tensor.
    ///
    /// # Errors
    /// As [`Forward::child_with`].
    pub(crate) fn child(&mut self, m: &Module, name: &str, x: ValueId) -> Result<ValueId> {
        let result = self.child_with(m, name, &[Val::One(x)])?;
        result.first().ok_or_else(|| self.unsupported(m, &format!("a sub-module `{name}` that gives nothing")))
    }

    /// Calls sub-modules one after the other.
    ///
    /// # Errors
    /// As [`Forward::child_with`].
    pub(crate) fn chain(&mut self, m: &Module, names: &[&str], x: ValueId) -> Result<ValueId> {
        names.iter().try_fold(x, |x, name| self.child(m, name, x))
    }

    /// As [`Forward::child`], where the sub-module may be absent or `None` and is then left out.
    ///
    /// # Errors
    /// As [`Forward::child_with`].
    pub(crate) fn maybe(&mut self, m: &Module, name: &str, x: ValueId) -> Result<ValueId> {
        if m.child(name).is_some() { self.child(m, name, x) } else { Ok(x) }
    }

    /// A parameter or buffer as a value of the graph, named by its key in the `state_dict`.
    ///
    /// # Errors
    /// When the module has none of that name.
    pub(crate) fn param(&mut self, m: &Module, name: &str) -> Result<ValueId> {
        match self.param_or_none(m, name) {
            Arg::Value(v) => Ok(v),
            _ => Err(Diagnostic::error(
                Code::TORCH_MODULE,
                format!("a `{}` has no parameter or buffer `{name}`", m.short()),
            )),
        }
    }

    /// As [`Forward::param`], or `None`.
    pub(crate) fn param_or_none(&mut self, m: &Module, name: &str) -> Arg {
        if let Some(computed) = reparametrised(self, m, name) {
            return Arg::Value(computed);
        }
        m.tensor(name).cloned().map_or(Arg::None, |t| Arg::Value(self.constant(name, t)))
    }

    /// A constant below the module at work.
    pub(crate) fn constant(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let path = self.path();
        self.emit.constant(super::tree::join(&path, name), tensor)
    }

    /// Calls an op with one result.
    pub(crate) fn op(&mut self, op: &str, args: Vec<Arg>) -> ValueId {
        self.emit.one(op, args)
    }

    /// `a + b`
    pub(crate) fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.op("aten::add.Tensor", vec![a.into(), b.into()])
    }

    /// `torch.cat(parts, dim)`
    pub(crate) fn cat(&mut self, parts: &[ValueId], dim: i64) -> ValueId {
        self.op("aten::cat", vec![parts.into(), dim.into()])
    }

    /// `x.reshape(shape)`
    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[i64]) -> ValueId {
        self.op("aten::reshape", vec![x.into(), shape.into()])
    }

    /// `x.permute(dims)`
    pub(crate) fn permute(&mut self, x: ValueId, dims: &[i64]) -> ValueId {
        self.op("aten::permute", vec![x.into(), dims.into()])
    }

    /// `torch.flatten(x, 1)`
    pub(crate) fn flatten(&mut self, x: ValueId) -> ValueId {
        self.op("aten::flatten.using_ints", vec![x.into(), int(1), int(-1)])
    }

    /// `F.adaptive_avg_pool2d(x, size)`
    pub(crate) fn average(&mut self, x: ValueId, size: i64) -> ValueId {
        self.op("aten::adaptive_avg_pool2d", vec![x.into(), [size, size].into()])
    }

    /// `F.relu(x)`
    pub(crate) fn relu(&mut self, x: ValueId) -> ValueId {
        self.op("aten::relu", vec![x.into()])
    }
}

/// All tensors of a value.
pub(crate) fn flatten(value: &Val, into: &mut Vec<ValueId>) {
    match value {
        Val::One(v) => into.push(*v),
        Val::Many(all) => all.iter().for_each(|v| flatten(v, into)),
        Val::Absent => {}
    }
}

/// An integer argument.
pub(crate) fn int(i: i64) -> Arg {
    Arg::Int(i)
}

/// Integers as an argument.
pub(crate) fn ints(v: &[i64]) -> Arg {
    v.into()
}
