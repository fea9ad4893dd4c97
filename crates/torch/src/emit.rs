//! [`Emit`]: the builder of graphs of ATen ops, the one form that every kind of PyTorch file is brought into.
//!
//! Owns: how a call is written down in a source graph (`@args`, `@kwargs`, `{"@input": i}`) and how control flow carries
//! what its bodies use. Must never know: file formats, core ops.
//!
//! A **call** is a node named after its ATen op (`aten::conv2d`, `aten::add.Tensor`); the attribute `@args` is the list of
//! positional arguments as they were written, `@kwargs` the map of those by keyword. A tensor argument is
//! `Map{"@input": i}`, operand `i` of the node, also inside lists. A number that is known only at run time (a symbolic
//! size) is a value too: 0-d, i64 or f64, the result of `aten::sym_size.int`, `aten::Int`, `aten::mul.int` and so on.
//!
//! **`prim::If`**: operand 0 is the condition; `then_branch` and `else_branch` are graphs, `then_inputs` and
//! `else_inputs` say which operands their inputs are. **`prim::Loop`**: operands are the trip count (absent: no bound), the
//! condition (absent: true), the carried values (attribute `carried` counts them), then what the `body` uses; the body's
//! inputs are the iteration (a number), the carried values and the rest, its outputs the next condition and the next
//! carried values.

use crate::lower::Typing;
use modelport_ir::{Attr, DType, Dialect, Dim, SourceGraph, SourceOp, Tensor, TensorType, ValueId};
use std::collections::{BTreeMap, HashMap};

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Real and imaginary part of a complex number.
    Complex(f64, f64),
    /// A string; devices, layouts and memory formats too.
    Str(String),
    /// An element type.
    DType(DType),
    /// A tensor, or a number that is known only at run time.
    Value(ValueId),
    /// A list or tuple.
    List(Vec<Arg>),
}

macro_rules! from {
    ($($ty:ty => $variant:ident;)+) => {$(
        impl From<$ty> for Arg {
            fn from(v: $ty) -> Self {
                Self::$variant(v.into())
            }
        }
    )+};
}

from! {
    bool => Bool;
    i64 => Int;
    f64 => Float;
    &str => Str;
    String => Str;
    DType => DType;
    ValueId => Value;
    Vec<Arg> => List;
}

impl From<&[i64]> for Arg {
    fn from(v: &[i64]) -> Self {
        Self::List(v.iter().map(|&i| Self::Int(i)).collect())
    }
}

impl<const N: usize> From<[i64; N]> for Arg {
    fn from(v: [i64; N]) -> Self {
        v.as_slice().into()
    }
}

impl From<&[ValueId]> for Arg {
    fn from(v: &[ValueId]) -> Self {
        Self::List(v.iter().map(|&i| Self::Value(i)).collect())
    }
}

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::None, Into::into)
    }
}

/// Builds a graph of ATen ops call by call.
#[derive(Debug)]
pub struct Emit {
    graph: SourceGraph,
    scope: Vec<String>,
    /// How often a node's name was wanted, so that each is given once.
    names: HashMap<String, usize>,
    /// In a body of control flow: values outside, and the inputs that stand for them.
    captures: Vec<(ValueId, ValueId)>,
    /// Types of all values so far, found by lowering them.
    typing: Typing,
}

impl Emit {
    /// Starts an empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        let graph = SourceGraph::new(name);
        Self { graph, scope: Vec::new(), names: HashMap::new(), captures: Vec::new(), typing: Typing::default() }
    }

    /// The graph as built so far.
    pub fn graph(&self) -> &SourceGraph {
        &self.graph
    }

    /// The graph as built so far, for its provenance and names.
    pub fn graph_mut(&mut self) -> &mut SourceGraph {
        &mut self.graph
    }

    /// Ends building.
    pub fn finish(self) -> SourceGraph {
        self.graph
    }

    /// Enters a module: nodes that follow are named below it (`features/0/conv2d`).
    pub fn push_scope(&mut self, name: impl Into<String>) {
        self.scope.push(name.into());
    }

    /// Leaves the innermost module.
    pub fn pop_scope(&mut self) {
        self.scope.pop();
    }

    /// The path of the module that nodes are named below.
    pub fn scope(&self) -> String {
        self.scope.join("/")
    }

    /// Adds a graph input; without a type one is assumed from its uses, or given by the user.
    pub fn input(&mut self, name: impl Into<String>, ty: Option<TensorType>) -> ValueId {
        self.graph.add_input(name, ty)
    }

    /// Adds a constant; a parameter's or buffer's name is its key in the `state_dict`.
    pub fn constant(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        let ty = Some(tensor.ty());
        self.graph.add_typed_const(name, ty, tensor)
    }

    /// Names a value as a graph output.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) {
        self.graph.add_output(name, value);
    }

    /// Calls an op that has `results` results. A list of tensors (`aten::chunk`) is as many results as it has elements.
    pub fn call(&mut self, op: &str, args: Vec<Arg>, kwargs: Vec<(&str, Arg)>, results: usize) -> Vec<ValueId> {
        let name = self.node_name(op);
        self.call_named(&name, op, args, kwargs, results)
    }

    /// As [`Emit::call`], under a name that the file gives.
    pub fn call_named(
        &mut self,
        name: &str,
        op: &str,
        args: Vec<Arg>,
        kwargs: Vec<(&str, Arg)>,
        results: usize,
    ) -> Vec<ValueId> {
        let mut operands = Vec::new();
        let mut source = SourceOp::new(Dialect::Torch, op);
        let args = args.into_iter().map(|a| self.attr(a, &mut operands)).collect();
        source.attrs.insert("@args".to_owned(), Attr::List(args));
        if !kwargs.is_empty() {
            let kwargs = kwargs.into_iter().map(|(k, a)| (k.to_owned(), self.attr(a, &mut operands))).collect();
            source.attrs.insert("@kwargs".to_owned(), Attr::Map(kwargs));
        }
        self.add(name, source, operands.into_iter().map(Some).collect(), results)
    }

    /// Calls an op with one result and no keyword arguments.
    pub fn one(&mut self, op: &str, args: Vec<Arg>) -> ValueId {
        self.one_with(op, args, Vec::new())
    }

    /// Calls an op with one result.
    pub fn one_with(&mut self, op: &str, args: Vec<Arg>, kwargs: Vec<(&str, Arg)>) -> ValueId {
        let results = self.call(op, args, kwargs, 1);
        // One result was asked for.
        results.first().copied().unwrap_or(ValueId(0))
    }

    /// Adds a call that is put together already.
    pub fn call_op(&mut self, op: SourceOp, operands: Vec<ValueId>, results: usize) -> Vec<ValueId> {
        let name = self.node_name(&op.name);
        self.add(&name, op, operands.into_iter().map(Some).collect(), results)
    }

    /// Forgets the outputs that were named.
    pub fn clear_outputs(&mut self) {
        self.graph.clear_outputs();
    }

    /// Starts the body of a branch or loop. For a loop, add the iteration and the carried values as inputs first; all
    /// else that the body uses comes in by [`Emit::capture`].
    pub fn body(&self, name: impl Into<String>) -> Self {
        let mut body = Self::new(name);
        body.scope.clone_from(&self.scope);
        body
    }

    /// The input of this body that stands for `value` of the graph around it.
    pub fn capture(&mut self, outer: &mut Self, value: ValueId) -> ValueId {
        if let Some(&(_, inner)) = self.captures.iter().find(|(v, _)| *v == value) {
            return inner;
        }
        let ty = outer.ty(value);
        let inner = self.graph.add_input(outer.graph.value(value).name.clone(), ty);
        self.captures.push((value, inner));
        inner
    }

    /// A branch that depends on data; both bodies have the same number of outputs.
    pub fn branch(&mut self, cond: ValueId, then_branch: Self, else_branch: Self) -> Vec<ValueId> {
        let results = then_branch.graph.outputs().len();
        let mut operands = vec![Some(cond)];
        let mut op = SourceOp::new(Dialect::Torch, "prim::If");
        for (key, inputs, body) in
            [("then_branch", "then_inputs", then_branch), ("else_branch", "else_inputs", else_branch)]
        {
            let indices = body.captures.iter().map(|&(v, _)| Attr::Int(position(&mut operands, v)));
            op.attrs.insert(inputs.to_owned(), Attr::List(indices.collect()));
            op.attrs.insert(key.to_owned(), Attr::Graph(Box::new(body.graph)));
        }
        let name = self.node_name("prim::If");
        self.add(&name, op, operands, results)
    }

    /// A loop that depends on data: at most `trips` times, and while the condition holds.
    pub fn repeat(
        &mut self,
        trips: Option<ValueId>,
        cond: Option<ValueId>,
        carried: &[ValueId],
        body: Self,
    ) -> Vec<ValueId> {
        let mut op = SourceOp::new(Dialect::Torch, "prim::Loop");
        let mut operands = vec![trips, cond];
        operands.extend(carried.iter().copied().map(Some));
        operands.extend(body.captures.iter().map(|&(v, _)| Some(v)));
        op.attrs.insert("carried".to_owned(), Attr::Int(carried.len() as i64));
        op.attrs.insert("body".to_owned(), Attr::Graph(Box::new(body.graph)));
        let name = self.node_name("prim::Loop");
        self.add(&name, op, operands, carried.len())
    }

    /// What is known of a value's type: everything before it is lowered for that, as far as the inputs' types are known.
    pub fn ty(&mut self, value: ValueId) -> Option<TensorType> {
        if let Some(ty) = self.graph.ty(value) {
            return Some(ty.clone());
        }
        self.typing.value(&self.graph, value).map(|(b, o)| o.ty(b))
    }

    /// The number that a value certainly is: a size that is known, arithmetic on such.
    pub fn known_int(&mut self, value: ValueId) -> Option<i64> {
        let (b, o) = self.typing.value(&self.graph, value)?;
        let known = b.known(o.value)?;
        if known.0.len() == 1 { known.0.first().and_then(modelport_ir::infer::KnownInt::value) } else { None }
    }

    /// The size of a dimension, where it is known; negative ones count from the end.
    pub fn size(&mut self, value: ValueId, dim: i64) -> Option<usize> {
        let shape = self.ty(value)?.shape;
        let dim = if dim < 0 { dim.checked_add(shape.len() as i64)? } else { dim };
        shape.get(usize::try_from(dim).ok()?).and_then(Dim::known)
    }

    fn add(&mut self, name: &str, op: SourceOp, operands: Vec<Option<ValueId>>, results: usize) -> Vec<ValueId> {
        let named = |i: usize| (if i == 0 { name.to_owned() } else { format!("{name}:{i}") }, None);
        self.graph.add_node(op, operands, name, (0..results).map(named).collect())
    }

    /// A name for the next node: the path of the module and the op, with a number from the second on.
    fn node_name(&mut self, op: &str) -> String {
        let short = op.rsplit("::").next().unwrap_or(op);
        let short = short.split('.').next().unwrap_or(short);
        let mut name = self.scope();
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(short);
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 { format!("{name}_{}", *count - 1) } else { name }
    }

    /// The argument as an attribute; values become operands.
    fn attr(&mut self, arg: Arg, operands: &mut Vec<ValueId>) -> Attr {
        let value = match arg {
            Arg::None => return Attr::None,
            Arg::Bool(b) => return Attr::Bool(b),
            Arg::Int(i) => return Attr::Int(i),
            Arg::Float(f) => return Attr::Float(f),
            Arg::Str(s) => return Attr::Str(s),
            Arg::DType(d) => return Attr::DType(d),
            Arg::List(list) => return Attr::List(list.into_iter().map(|a| self.attr(a, operands)).collect()),
            Arg::Complex(re, im) => self.constant("", Tensor::complex_scalar(re, im)),
            Arg::Value(v) => v,
        };
        let i = operands.iter().position(|&o| o == value).unwrap_or_else(|| {
            operands.push(value);
            operands.len() - 1
        });
        Attr::Map(BTreeMap::from([("@input".to_owned(), Attr::Int(i as i64))]))
    }
}

/// The index of a value among the operands, where it is put if it is not there.
fn position(operands: &mut Vec<Option<ValueId>>, value: ValueId) -> i64 {
    let i = operands.iter().position(|&o| o == Some(value)).unwrap_or_else(|| {
        operands.push(Some(value));
        operands.len() - 1
    });
    i as i64
}
