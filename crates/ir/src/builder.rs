//! [`Builder`]: how lowerings make core graphs. It infers dtype and shape at every insertion, folds constant
//! sub-graphs and shape arithmetic, and makes equal constants one.

use crate::core::{BinaryOp, ReduceKind, UnaryOp};
use crate::infer::{self, Known};
use crate::{CoreGraph, DType, Dim, Op, Tensor, TensorType, ValueId, fold};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::HashMap;

/// Builds a core graph node by node.
#[derive(Debug)]
pub struct Builder {
    graph: CoreGraph,
    /// Elements of small integer values as far as they are known: shape arithmetic.
    known: HashMap<ValueId, Known>,
    /// Constants by cheap key, to find equal ones.
    constants: HashMap<(DType, Vec<usize>), Vec<ValueId>>,
    scope: Vec<String>,
}

impl Builder {
    /// Starts an empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self { graph: CoreGraph::new(name), known: HashMap::new(), constants: HashMap::new(), scope: Vec::new() }
    }

    /// The graph as built so far.
    pub fn graph(&self) -> &CoreGraph {
        &self.graph
    }

    /// The graph as built so far, for provenance and names.
    pub fn graph_mut(&mut self) -> &mut CoreGraph {
        &mut self.graph
    }

    /// Ends building. Nodes that no output needs are dropped.
    pub fn finish(self) -> CoreGraph {
        crate::passes::prune(&self.graph)
    }

    /// Names the layer whose nodes come next; nested scopes join with `/`.
    pub fn push_scope(&mut self, name: impl Into<String>) {
        self.scope.push(name.into());
    }

    /// Leaves the innermost scope.
    pub fn pop_scope(&mut self) {
        self.scope.pop();
    }

    /// The path of the current scope.
    pub fn scope(&self) -> String {
        self.scope.join("/")
    }

    /// Adds a graph input.
    pub fn input(&mut self, name: impl Into<String>, ty: TensorType) -> ValueId {
        self.graph.add_input(name, ty)
    }

    /// Adds a graph output.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) {
        self.graph.add_output(name, value);
    }

    /// Adds a constant, or finds an equal one.
    pub fn constant(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        let key = (tensor.dtype(), tensor.shape().to_vec());
        let same = self.constants.get(&key).into_iter().flatten().copied();
        if let Some(id) = same.into_iter().find(|&id| self.graph.constant(id) == Some(&tensor)) {
            return id;
        }
        let known = Known::of_constant(&tensor);
        let id = self.graph.add_const(name, tensor);
        self.constants.entry(key).or_default().push(id);
        if let Some(known) = known {
            self.known.insert(id, known);
        }
        id
    }

    /// A constant i64 vector.
    pub fn ints(&mut self, values: &[i64]) -> ValueId {
        self.constant("", Tensor::ints(values))
    }

    /// A constant scalar.
    pub fn scalar(&mut self, dtype: DType, value: f64) -> ValueId {
        self.constant("", Tensor::scalar(dtype, value))
    }

    /// A constant scalar of the dtype of `like`.
    pub fn scalar_like(&mut self, like: ValueId, value: f64) -> ValueId {
        self.scalar(self.dtype(like), value)
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &TensorType {
        self.graph.ty(id)
    }

    /// The element type of a value.
    pub fn dtype(&self, id: ValueId) -> DType {
        self.ty(id).dtype
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> &[Dim] {
        &self.ty(id).shape
    }

    /// The rank of a value.
    pub fn rank(&self, id: ValueId) -> usize {
        self.ty(id).rank()
    }

    /// The tensor of a constant value.
    pub fn as_constant(&self, id: ValueId) -> Option<&Tensor> {
        self.graph.constant(id)
    }

    /// The elements of a small integer value as far as they are known (shape arithmetic).
    pub fn known(&self, id: ValueId) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Inserts an op, infers its results, folds it when all it needs is constant.
    ///
    /// # Errors
    /// `IR0001` when the operands do not fit.
    pub fn add(&mut self, op: Op, inputs: &[Option<ValueId>]) -> Result<Vec<ValueId>> {
        let name = self.scope();
        let located = |d: Box<Diagnostic>| if name.is_empty() { d } else { d.at_node(name.clone()) };
        let operands: Vec<_> = inputs.iter().map(|i| i.map(|id| self.operand(id))).collect();
        let results = infer::infer(&op, &operands).map_err(located)?;
        if let Some(folded) = fold::fold(&op, &operands, &results).map_err(located)? {
            return Ok(folded.into_iter().map(|t| self.constant("", t)).collect());
        }
        let known = infer::known_results(&op, &operands, &results);
        let named = results.into_iter().map(|ty| (name.clone(), ty)).collect();
        let ids = self.graph.add_node(op, inputs.to_vec(), name, named);
        if let (Some(known), Some(&first)) = (known, ids.first()) {
            self.known.insert(first, known);
        }
        Ok(ids)
    }

    fn operand(&self, id: ValueId) -> infer::Operand<'_> {
        infer::Operand { ty: self.graph.ty(id), constant: self.graph.constant(id), known: self.known.get(&id) }
    }

    /// Inserts an op with one result.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn one(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.one_opt(op, &inputs)
    }

    /// Inserts an op with one result and optional operands.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn one_opt(&mut self, op: Op, inputs: &[Option<ValueId>]) -> Result<ValueId> {
        let name = op.name();
        self.add(op, inputs)?
            .first()
            .copied()
            .ok_or_else(|| Diagnostic::error(Code::INTERNAL, format!("op {name} has no result")))
    }

    /// An elementwise op of one operand.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn unary(&mut self, op: UnaryOp, x: ValueId) -> Result<ValueId> {
        self.one(Op::Unary(op), &[x])
    }

    /// An elementwise op of two operands.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> Result<ValueId> {
        self.one(Op::Binary(op), &[x, y])
    }

    /// An elementwise op of a value and a scalar of its dtype.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn binary_scalar(&mut self, op: BinaryOp, x: ValueId, y: f64) -> Result<ValueId> {
        let y = self.scalar_like(x, y);
        self.binary(op, x, y)
    }

    /// Converts to `to` unless it is that already.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn cast(&mut self, x: ValueId, to: DType) -> Result<ValueId> {
        if self.dtype(x) == to { Ok(x) } else { self.one(Op::Cast { to }, &[x]) }
    }

    /// Reorders axes unless the order is that already.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn transpose(&mut self, x: ValueId, perm: &[usize]) -> Result<ValueId> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(x);
        }
        self.one(Op::Transpose { perm: perm.to_vec() }, &[x])
    }

    /// Reshapes to constant dimensions; −1 is inferred, 0 copies the operand's dimension.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn reshape(&mut self, x: ValueId, shape: &[i64]) -> Result<ValueId> {
        let shape = self.ints(shape);
        self.one(Op::Reshape { allow_zero: false }, &[x, shape])
    }

    /// Reduces `axes`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn reduce(&mut self, kind: ReduceKind, x: ValueId, axes: &[i64], keepdims: bool) -> Result<ValueId> {
        self.one(Op::Reduce { kind, axes: axes.to_vec(), keepdims }, &[x])
    }

    /// Adds dimensions of 1 at `axes` of the result.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn unsqueeze(&mut self, x: ValueId, axes: &[i64]) -> Result<ValueId> {
        self.one(Op::Unsqueeze { axes: axes.to_vec() }, &[x])
    }

    /// Removes the dimensions `axes`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn squeeze(&mut self, x: ValueId, axes: &[i64]) -> Result<ValueId> {
        self.one(Op::Squeeze { axes: axes.to_vec() }, &[x])
    }

    /// Takes `start..end` along one axis with a step; ONNX's clamping.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn slice_axis(&mut self, x: ValueId, axis: i64, start: i64, end: i64, step: i64) -> Result<ValueId> {
        let operands = [start, end, axis, step].map(|v| self.ints(&[v]));
        let [start, end, axis, step] = operands;
        self.one(Op::Slice, &[x, start, end, axis, step])
    }

    /// The size of one dimension as i64[1], folded when it is known.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn dim(&mut self, x: ValueId, axis: usize) -> Result<ValueId> {
        self.one(Op::Shape { start: axis as i64, end: Some(axis as i64 + 1) }, &[x])
    }

    /// An i64 vector of dimensions: known ones as constants, others taken from `x` at run time.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn concat(&mut self, parts: &[ValueId], axis: i64) -> Result<ValueId> {
        self.one(Op::Concat { axis }, parts)
    }
}

/// So that passes can rebuild a graph with the builder.
impl From<Builder> for CoreGraph {
    fn from(b: Builder) -> Self {
        b.finish()
    }
}
