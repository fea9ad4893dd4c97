//! What is known of the types of values while a graph is being built: each call is lowered at once into a core graph
//! beside, whose inference gives dtype and shape, and folds what is constant.
//!
//! Owns: the core graph beside. Must never know: what ops mean (their rows do), Python.

use crate::lower::{Operand, find, lower_row, names};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Builder, SourceOp, Tensor, TensorType, ValueId};
use std::collections::HashMap;

/// The core graph beside a body, and which of its values stand for those of the body.
pub(super) struct Typing {
    b: Builder,
    values: HashMap<ValueId, Operand>,
}

/// Constants up to this many elements are computed with when the model is converted.
const FOLD: usize = 4096;

/// A result: its place in the core graph, and the tensor when it is constant.
pub(super) struct Typed {
    operand: Operand,
    pub(super) constant: Option<Tensor>,
}

impl Typed {
    /// Whether it may be written as a number of its own. What floating-point weights make stays an op: other weights may be
    /// put in their place.
    pub(super) fn folds(&self, of_weights: bool) -> bool {
        let fixed = |c: &Tensor| !of_weights || self.operand.number || !c.dtype().is_float();
        self.constant.as_ref().is_some_and(|c| c.len() <= FOLD && fixed(c))
    }
}

impl Typing {
    pub(super) fn new() -> Self {
        Self { b: Builder::new("types"), values: HashMap::new() }
    }

    /// A value whose type is known from elsewhere; `number` when it is no tensor to Python.
    pub(super) fn declare(&mut self, id: ValueId, ty: Option<TensorType>, number: bool) {
        if let Some(ty) = ty {
            let input = Operand::input(&mut self.b, "", ty);
            self.values.insert(id, Operand { number, ..input });
        }
    }

    /// A constant.
    pub(super) fn constant(&mut self, id: ValueId, tensor: &Tensor, number: bool) {
        if let Ok(constant) = Operand::constant(&mut self.b, "", tensor) {
            self.values.insert(id, Operand { number: number || constant.number, ..constant });
        }
    }

    /// The type of a value, where it is known.
    pub(super) fn ty(&self, id: ValueId) -> Option<TensorType> {
        self.values.get(&id).map(|o| o.ty(&self.b))
    }

    /// The integer that a value is, where shape arithmetic knows it.
    pub(super) fn int(&self, id: ValueId) -> Option<i64> {
        let o = self.values.get(&id)?;
        let known = self.b.known(o.value)?;
        match known.0.as_slice() {
            [one] => one.value(),
            _ => None,
        }
    }

    /// Results of a call.
    ///
    /// # Errors
    /// When an operand's type is not known, or the op has no lowering for these operands.
    pub(super) fn call(&mut self, op: &SourceOp, operands: &[ValueId], results: usize) -> Result<Vec<Typed>> {
        let name = names::parse(&op.name);
        let row = find(&name.base)
            .ok_or_else(|| Diagnostic::error(Code::TORCH_UNKNOWN_OP, format!("`{}` has no lowering", op.name)))?;
        let unknown = || Diagnostic::error(Code::TORCH_GRAPH, "the type of an operand is not known");
        let operands: Vec<Operand> =
            operands.iter().map(|id| self.values.get(id).copied().ok_or_else(unknown)).collect::<Result<_>>()?;
        let results = lower_row(&mut self.b, row, op, &name, &operands, results)?;
        let constant = |o: &Operand| self.b.as_constant(o.value).filter(|_| o.im.is_none()).cloned();
        Ok(results.into_iter().map(|operand| Typed { constant: constant(&operand), operand }).collect())
    }

    /// Says which values the results of a call are.
    pub(super) fn bind(&mut self, ids: &[ValueId], results: Vec<Typed>) {
        for (id, r) in ids.iter().zip(results) {
            self.values.insert(*id, r.operand);
        }
    }
}
