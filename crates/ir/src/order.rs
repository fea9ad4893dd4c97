//! Places among others, and how many there are, that several front ends have in common.
//!
//! Owns: ranks, membership, counts. Must never know: whose op asks, in which type places are wanted.

use crate::builder::Builder;
use crate::core::{BinaryOp, ReduceKind};
use crate::{DType, Op, Tensor, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

impl Builder {
    /// How many of a vector's elements are below each element of `x` (or not above it, from the right); i64.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn ranks(&mut self, x: ValueId, edges: ValueId, right: bool) -> Result<ValueId> {
        let rank = self.rank(x) as i64;
        let x = self.unsqueeze(x, &[rank])?;
        let op = if right { BinaryOp::LessOrEqual } else { BinaryOp::Less };
        let below = self.binary(op, edges, x)?;
        let below = self.cast(below, DType::I64)?;
        self.reduce(ReduceKind::Sum, below, &[rank], false)
    }

    /// Whether each element is one of the others.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn is_in(&mut self, x: ValueId, others: ValueId) -> Result<ValueId> {
        let others = self.reshape(others, &[-1])?;
        let x = self.unsqueeze(x, &[-1])?;
        let equal = self.binary(BinaryOp::Equal, x, others)?;
        let counts = self.cast(equal, DType::I32)?;
        let found = self.reduce(ReduceKind::Sum, counts, &[-1], false)?;
        self.cast(found, DType::Bool)
    }

    /// Whether the target of each row of `x` is among its `k` (i64) largest; of equals, all are.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn in_top(&mut self, x: ValueId, target: ValueId, k: ValueId) -> Result<ValueId> {
        let at = self.cast(target, DType::I64)?;
        let at = self.unsqueeze(at, &[1])?;
        let own = self.one(Op::GatherElements { axis: 1 }, &[x, at])?;
        let above = self.binary(BinaryOp::Greater, x, own)?;
        let above = self.cast(above, DType::I64)?;
        let count = self.reduce(ReduceKind::Sum, above, &[1], false)?;
        self.binary(BinaryOp::Less, count, k)
    }

    /// 0, 1, 2, … below an i64 scalar.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn count_to(&mut self, n: ValueId) -> Result<ValueId> {
        let (zero, one) = (self.constant("", Tensor::int_scalar(0)), self.constant("", Tensor::int_scalar(1)));
        self.one(Op::Range, &[zero, n, one])
    }

    /// How often each number below `size` (an i64 scalar) stands in the last axis of `x`, or the sum of its weights; whether
    /// it stands there where `any`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn counts(
        &mut self,
        x: ValueId,
        size: ValueId,
        weights: Option<ValueId>,
        any: bool,
        dtype: DType,
    ) -> Result<ValueId> {
        let classes = self.count_to(size)?;
        let x = self.cast(x, DType::I64)?;
        let cells = self.unsqueeze(x, &[-1])?;
        let hits = self.binary(BinaryOp::Equal, cells, classes)?;
        let mut hits = self.cast(hits, dtype)?;
        if let Some(weights) = weights {
            let weights = self.unsqueeze(weights, &[-1])?;
            hits = self.binary(BinaryOp::Mul, hits, weights)?;
        }
        self.reduce(if any { ReduceKind::Max } else { ReduceKind::Sum }, hits, &[-2], false)
    }

    /// The different elements (or slices along an axis): values, first places, for each element which value, how often each
    /// stands. Types of which onnxruntime 1.32 does not find them go through one of which it does.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn unique(&mut self, x: ValueId, axis: Option<i64>, sorted: bool) -> Result<[ValueId; 4]> {
        let dtype = self.dtype(x);
        let wide = match dtype {
            DType::F16 | DType::BF16 => DType::F32,
            d if d.is_int() && d != DType::I8 => DType::I64,
            d => d,
        };
        let x = self.cast(x, wide)?;
        let results = self.add(Op::Unique { axis, sorted }, &[Some(x)])?;
        let &[values, first, inverse, counts] = results.as_slice() else {
            return Err(Diagnostic::error(Code::INTERNAL, "Unique has four results"));
        };
        Ok([self.cast(values, dtype)?, first, inverse, counts])
    }
}
