//! The gradient of a table of embeddings.
//!
//! Semantics: `aten/src/ATen/native/Embedding.cpp` of PyTorch 2.15.

use super::{wide, zeros};
use crate::lower::call::Call;
use crate::lower::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction};
use modelport_ir::{DType, Op, ValueId};

pub(in super::super) const ROWS: &[Row] = &[row("aten::embedding_dense_backward", embedding)];

/// Each row of the table gets the sum of the gradients of its uses.
fn embedding(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, at) = (c.tensor("grad_output")?, c.tensor("indices")?);
    let narrow = c.b.dtype(grad);
    let mut grad = wide(c, grad)?;
    let at = c.b.cast(at, DType::I64)?;
    let rows = c.size("num_weights")?.ok_or_else(|| c.bad("num_weights", "a size"))?;
    let rows = c.vector(&[rows])?;
    let places = c.b.unsqueeze(at, &[-1])?;
    let add = Op::ScatterNd { reduction: ScatterReduction::Add };
    if c.flag("scale_grad_by_freq")? {
        let uses = zeros(c, grad, rows)?;
        let one = c.b.scalar_like(grad, 1.0);
        let shape = c.shape(at)?;
        let ones = c.b.one(Op::Expand, &[one, shape])?;
        let uses = c.b.one(add.clone(), &[uses, places, ones])?;
        let uses = c.b.one(Op::Gather { axis: 0 }, &[uses, at])?;
        let uses = c.b.unsqueeze(uses, &[-1])?;
        grad = c.binary(BinaryOp::Div, grad, uses)?;
    }
    let padding = c.int("padding_idx")?;
    if padding >= 0 {
        let padding = c.b.constant("", modelport_ir::Tensor::int_scalar(padding));
        let padded = c.binary(BinaryOp::Equal, places, padding)?;
        let zero = c.b.scalar_like(grad, 0.0);
        grad = c.choose(padded, zero, grad)?;
    }
    let width = c.b.one(Op::Shape { start: -1, end: None }, &[grad])?;
    let shape = c.b.concat(&[rows, width], 0)?;
    let table = zeros(c, grad, shape)?;
    let out = c.b.one(add, &[table, places, grad])?;
    c.b.cast(out, narrow)
}
