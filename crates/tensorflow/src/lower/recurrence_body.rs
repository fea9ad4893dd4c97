//! The body of a loop, asked what its values are: sums of products of one row and of the state with matrices that stay the
//! same, activations, counters.
//!
//! Owns: reading values of a loop's body back. Must never know: which recurrence they make.

use super::call::Call;
use super::origin;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, RnnActivation, UnaryOp};
use modelport_ir::{Builder, CoreGraph, Def, Dim, Op, ValueId};
use std::cell::Cell;

/// What a term of a sum is a product with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Side {
    /// The row of this time round.
    Input,
    /// The state.
    State,
    /// A product that the state is in.
    Reset(ValueId),
    /// It is a vector that stays the same.
    Bias,
}

/// Columns from `from` on of a matrix, or elements of a vector, that stays the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) side: Side,
    pub(super) value: ValueId,
    pub(super) from: i64,
}

/// Steps that are followed back in all; a body may be of any size.
const STEPS: usize = 1 << 12;
/// How deep sums are followed.
const DEPTH: usize = 8;

/// A body: (iteration, condition, carried…, passed…) → (condition, carried…, collected…).
pub(super) struct Body<'a> {
    graph: &'a CoreGraph,
    outer: &'a [ValueId],
    carried: usize,
    /// Carried values that count the times round, from 0.
    pub(super) counters: Vec<usize>,
    /// The width of a state.
    hidden: Option<usize>,
    steps: Cell<usize>,
}

impl<'a> Body<'a> {
    /// `outer`: what carried values start with, and what is passed; the first `carried` of them are carried.
    pub(super) fn new(b: &Builder, graph: &'a CoreGraph, outer: &'a [ValueId], carried: usize) -> Option<Self> {
        if graph.inputs().len() != outer.len() + 2 || carried > outer.len() || graph.outputs().len() <= carried {
            return None;
        }
        let mut body = Self { graph, outer, carried, counters: Vec::new(), hidden: None, steps: Cell::new(STEPS) };
        let zero = |i: usize| outer.get(i).and_then(|v| b.as_constant(*v)?.to_i64s().ok()) == Some(vec![0]);
        body.counters = (0..carried).filter(|&i| zero(i) && body.counts(i)).collect();
        let state = (0..carried).find(|i| !body.counters.contains(i)).and_then(|i| outer.get(i));
        body.hidden = state.and_then(|v| b.shape(*v).last()).and_then(Dim::known);
        Some(body)
    }

    fn counts(&self, i: usize) -> bool {
        let Some(next) = self.next(i) else { return false };
        let one = |v: ValueId| self.graph.constant(v).and_then(|t| t.to_i64s().ok()) == Some(vec![1]);
        self.both(next, BinaryOp::Add).into_iter().any(|[x, y]| self.carried(x) == Some(i) && one(y))
    }

    /// The op that makes a value, its operands, and which of its results the value is.
    fn made(&self, id: ValueId) -> Option<(&'a Op, Vec<ValueId>, usize)> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        let Def::Node(node, result) = self.graph.value(id).def else { return None };
        let node = self.graph.node(node);
        Some((&node.op, node.inputs.iter().copied().collect::<Option<_>>()?, result))
    }

    /// The value that an identity hands on.
    fn plain(&self, mut id: ValueId) -> ValueId {
        while let Some((Op::Unary(UnaryOp::Identity), operands, _)) = self.made(id) {
            let Some(&x) = operands.first() else { break };
            id = x;
        }
        id
    }

    fn argument(&self, id: ValueId) -> Option<usize> {
        let id = self.plain(id);
        self.graph.inputs().iter().position(|i| *i == id)?.checked_sub(2)
    }

    /// Which carried value this is, as it came in.
    pub(super) fn carried(&self, id: ValueId) -> Option<usize> {
        self.argument(id).filter(|&i| i < self.carried)
    }

    /// What carried value `i` becomes, or behind those, what is collected.
    pub(super) fn next(&self, i: usize) -> Option<ValueId> {
        self.graph.outputs().get(i + 1).map(|o| self.plain(o.value))
    }

    /// The operands of a binary op, in both orders.
    pub(super) fn both(&self, id: ValueId, op: BinaryOp) -> Vec<[ValueId; 2]> {
        match self.made(self.plain(id)) {
            Some((Op::Binary(own), operands, _)) if *own == op => match operands.as_slice() {
                &[x, y] => [[x, y], [y, x]].map(|pair| pair.map(|v| self.plain(v))).to_vec(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// An activation that recurrent ops have, and what it is of.
    pub(super) fn activation(&self, id: ValueId) -> Option<(RnnActivation, ValueId)> {
        let (op, operands, _) = self.made(self.plain(id))?;
        let how = match op {
            Op::Unary(UnaryOp::Sigmoid) => RnnActivation::Sigmoid,
            Op::Unary(UnaryOp::Tanh) => RnnActivation::Tanh,
            Op::Unary(UnaryOp::Relu) => RnnActivation::Relu,
            Op::Unary(UnaryOp::Softsign) => RnnActivation::Softsign,
            Op::HardSigmoid { alpha, beta } => RnnActivation::HardSigmoid(*alpha, *beta),
            _ => return None,
        };
        Some((how, self.plain(*operands.first()?)))
    }

    /// `x` of `1 − x`.
    pub(super) fn one_less(&self, id: ValueId) -> Option<ValueId> {
        let (op, operands, _) = self.made(self.plain(id))?;
        let &[one, x] = operands.as_slice() else { return None };
        let one = self.graph.constant(one).filter(|t| t.len() == 1)?.to_f64s().ok()?;
        (*op == Op::Binary(BinaryOp::Sub) && one == [1.0]).then(|| self.plain(x))
    }

    /// Whether a value is the same every time round.
    fn stays(&self, id: ValueId, depth: usize) -> bool {
        if self.graph.constant(id).is_some() || self.argument(id).is_some_and(|i| i >= self.carried) {
            return true;
        }
        let made = self.made(id).filter(|(op, ..)| depth > 0 && !matches!(op, Op::Loop { .. } | Op::If { .. }));
        made.is_some_and(|(_, operands, _)| !operands.is_empty() && operands.iter().all(|v| self.stays(*v, depth - 1)))
    }

    /// The tensor whose rows are gone through, when all rows are of one.
    pub(super) fn rows(&self) -> Option<ValueId> {
        let mut all = self.graph.nodes().iter().filter_map(|n| self.row(*n.outputs.first()?));
        let first = all.next()?;
        all.all(|x| x == first).then_some(first)
    }

    /// The outer tensor that a value is the row of this time round of.
    fn row(&self, id: ValueId) -> Option<ValueId> {
        let (Op::Gather { axis: 0 }, operands, _) = self.made(self.plain(id))? else { return None };
        let &[x, mut at] = operands.as_slice() else { return None };
        while let Some((Op::Cast { .. }, from, _)) = self.made(at) {
            at = *from.first()?;
        }
        self.carried(at).filter(|i| self.counters.contains(i))?;
        self.argument(x).filter(|&i| i >= self.carried).and_then(|i| self.outer.get(i)).copied()
    }

    /// The terms of a sum of products and biases that is as wide as the state.
    pub(super) fn sum(&self, id: ValueId) -> Option<Vec<Term>> {
        (self.width(id)? == self.hidden?).then(|| self.terms(id, DEPTH))?
    }

    fn width(&self, id: ValueId) -> Option<usize> {
        self.graph.ty(id).shape.last().and_then(Dim::known)
    }

    fn terms(&self, id: ValueId, depth: usize) -> Option<Vec<Term>> {
        let depth = depth.checked_sub(1)?;
        let id = self.plain(id);
        let (op, operands, result) = self.made(id)?;
        let from = match (op, operands.as_slice()) {
            (Op::MatMul, &[x, matrix]) => return self.product(x, matrix),
            (Op::Binary(BinaryOp::Add), &[x, y]) => {
                let mut all = Vec::new();
                for v in [x, y] {
                    let bias = self.graph.ty(v).rank() == 1 && self.stays(v, DEPTH);
                    (self.width(v)? == self.width(id)?).then_some(())?;
                    if bias {
                        all.push(Term { side: Side::Bias, value: v, from: 0 });
                    } else {
                        all.extend(self.terms(v, depth)?);
                    }
                }
                return Some(all);
            }
            (Op::Split { axis: 1 | -1, sizes }, _) => sizes.iter().take(result).sum::<usize>() as i64,
            (Op::Slice, _) => self.first_column(&operands)?,
            _ => return None,
        };
        let mut all = self.terms(*operands.first()?, depth)?;
        all.iter_mut().for_each(|t| t.from = t.from.saturating_add(from));
        Some(all)
    }

    fn product(&self, x: ValueId, matrix: ValueId) -> Option<Vec<Term>> {
        let side = if self.row(x).is_some() {
            Side::Input
        } else if self.carried(x).is_some_and(|i| !self.counters.contains(&i)) {
            Side::State
        } else {
            let factors = self.both(x, BinaryOp::Mul);
            factors.iter().any(|[h, _]| self.carried(*h).is_some()).then_some(Side::Reset(self.plain(x)))?
        };
        let fits = self.graph.ty(matrix).rank() == 2 && self.stays(matrix, DEPTH);
        fits.then(|| vec![Term { side, value: matrix, from: 0 }])
    }

    /// Where a slice of columns, which takes all rows, starts.
    fn first_column(&self, operands: &[ValueId]) -> Option<i64> {
        let &[x, ref bounds @ ..] = operands else { return None };
        let ints = |i: usize| bounds.get(i).and_then(|v| self.graph.constant(*v)?.to_i64s().ok());
        let (starts, ends) = (ints(0)?, ints(1)?);
        let axes = ints(2).unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = ints(3).unwrap_or_else(|| vec![1; starts.len()]);
        let width = self.width(x)? as i64;
        let mut from = 0;
        for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            match axis {
                1 | -1 => from = if start < 0 { start.checked_add(width)?.max(0) } else { start.min(width) },
                _ => (start == 0 && end >= i64::from(i32::MAX)).then_some(())?,
            }
            (step == 1).then_some(())?;
        }
        Some(from)
    }

    /// Whether the loop ends with the last row of `x`: every bound of the condition is their number.
    pub(super) fn runs_through(&self, b: &Builder, x: ValueId) -> bool {
        self.graph.outputs().first().is_some_and(|o| self.bounded(b, o.value, x, DEPTH))
    }

    fn bounded(&self, b: &Builder, condition: ValueId, x: ValueId, depth: usize) -> bool {
        let Some((op, operands, _)) = self.made(self.plain(condition)).filter(|_| depth > 0) else { return false };
        match (op, operands.as_slice()) {
            (Op::Binary(BinaryOp::And), &[a, c]) => {
                self.bounded(b, a, x, depth - 1) && self.bounded(b, c, x, depth - 1)
            }
            (Op::Binary(BinaryOp::Less), &[count, limit]) => {
                let count = self.plain(count);
                let counted = self.counters.iter().any(|&i| self.next(i) == Some(count));
                counted && self.is_length(b, limit, x)
            }
            _ => false,
        }
    }

    /// Whether a value that stays is the number of rows of `x`.
    fn is_length(&self, b: &Builder, limit: ValueId, x: ValueId) -> bool {
        let known = b.shape(x).first().and_then(Dim::known);
        if let Some(t) = self.graph.constant(limit) {
            return known.is_some()
                && t.to_i64s().ok().as_deref() == known.map(|n| [n as i64]).as_ref().map(|n| &n[..]);
        }
        let outer = self.argument(limit).filter(|&i| i >= self.carried).and_then(|i| self.outer.get(i));
        let size = outer.and_then(|v| origin::origin(b, *v, 0)).filter(|s| s.factor == 1 && s.plus == 0);
        size.is_some_and(|s| root(b, s.of, s.axis) == root(b, x, 0))
    }

    /// A value that stays, as one outside of the loop.
    pub(super) fn outside(&self, c: &mut Call<'_>, id: ValueId) -> Result<ValueId> {
        if let Some(&outer) = self.argument(id).and_then(|i| self.outer.get(i)) {
            return Ok(outer);
        }
        if let Some(tensor) = self.graph.constant(id) {
            return Ok(c.b.constant(self.graph.value(id).name.clone(), tensor.clone()));
        }
        let missing = || Diagnostic::error(Code::INTERNAL, "a value of a loop does not stay");
        let Def::Node(node, result) = self.graph.value(id).def else { return Err(missing()) };
        let node = self.graph.node(node);
        let mut operands = Vec::with_capacity(node.inputs.len());
        for operand in &node.inputs {
            operands.push(operand.map(|v| self.outside(c, v)).transpose()?);
        }
        c.b.add(node.op.clone(), &operands)?.get(result).copied().ok_or_else(missing)
    }
}

/// The value and its axis that a dimension comes from, before axes were reordered and turned round.
fn root(b: &Builder, mut id: ValueId, mut axis: usize) -> (ValueId, usize) {
    while let Some(node) = b.graph().producer(id) {
        let Some(x) = node.inputs.first().copied().flatten() else { break };
        let ints = |i: usize| node.inputs.get(i).copied().flatten().and_then(|v| b.as_constant(v)?.to_i64s().ok());
        match &node.op {
            Op::Unary(UnaryOp::Identity) => {}
            Op::Transpose { perm } => match perm.get(axis) {
                Some(&from) => axis = from,
                None => break,
            },
            Op::Slice => {
                let turned =
                    |v: Option<Vec<i64>>, is: &dyn Fn(i64) -> bool| v.is_some_and(|v| v.iter().all(|n| is(*n)));
                let whole = turned(ints(1), &|n| n == -1)
                    && turned(ints(2), &|n| n < -i64::from(i32::MAX))
                    && turned(ints(4), &|n| n == -1);
                if !whole {
                    break;
                }
            }
            _ => break,
        }
        id = x;
    }
    (id, axis)
}
