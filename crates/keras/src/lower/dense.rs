//! `Dense`, `EinsumDense`, `Embedding` (`keras/src/layers/core`); `MaxoutDense`, `Highway` (keras 1.2.2
//! `layers/core.py`, gone since 2.4).

use super::call::Call;
use super::conv::bias;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Attr, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Dense", dense).passes_mask(),
    row("EinsumDense", einsum_dense),
    row("Embedding", embedding),
    row("ReversibleEmbedding", |c| {
        let reversed = c.arg(1, "reverse").and_then(Attr::as_bool).unwrap_or(false);
        if reversed { un_embedding(c) } else { embedding(c) }
    }),
    row("MaxoutDense", maxout_dense),
    row("Highway", highway),
];

fn dense(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let kernel = c.weight("kernel")?;
    let bias = bias(c)?;
    let y = match (bias, c.b.rank(x)) {
        (Some(_), 2) => {
            let op = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
            c.b.one_opt(op, &[Some(x), Some(kernel), bias])?
        }
        (Some(bias), _) => {
            let y = c.b.one(Op::MatMul, &[x, kernel])?;
            c.b.binary(BinaryOp::Add, y, bias)?
        }
        (None, _) => c.b.one(Op::MatMul, &[x, kernel])?,
    };
    c.activate(y, "activation")
}

fn einsum_dense(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let kernel = c.weight("kernel")?;
    let equation = c.opt_str("equation")?.ok_or_else(|| c.missing_argument("equation", "an Einstein sum"))?.to_owned();
    let mut y = c.b.one(Op::Einsum { equation }, &[x, kernel])?;
    if c.opt_str("bias_axes")?.is_some_and(|axes| !axes.is_empty()) {
        // The bias is stored with the 1s that make it broadcast.
        let bias = c.weight("bias")?;
        y = c.b.binary(BinaryOp::Add, y, bias)?;
    }
    c.activate(y, "activation")
}

fn embedding(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let at = if matches!(c.b.dtype(x), DType::I32 | DType::I64) { x } else { c.b.cast(x, DType::I32)? };
    if c.bool_or("mask_zero", false)? {
        let zero = c.b.scalar_like(x, 0.0);
        let is_zero = c.b.binary(BinaryOp::Equal, x, zero)?;
        let mask = c.b.unary(UnaryOp::Not, is_zero)?;
        c.set_mask(0, Some(mask));
    }
    let table = c.weight("embeddings")?;
    c.b.one(Op::Gather { axis: 0 }, &[table, at])
}

/// Back from vectors to a number for each word (`keras/src/layers/core/reversible_embedding.py`).
fn un_embedding(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let kernel = if c.bool_or("tie_weights", true)? {
        let table = c.weight("embeddings")?;
        c.b.transpose(table, &[1, 0])?
    } else {
        c.weight("reverse_embeddings")?
    };
    let dtype = match c.op.attr("reverse_dtype") {
        Some(given) => super::operations_args::dtype_of(given)
            .ok_or_else(|| c.bad_argument("reverse_dtype", "a type", &super::config::show(given)))?,
        None => c.b.dtype(x),
    };
    let (x, kernel) = (c.b.cast(x, dtype)?, c.b.cast(kernel, dtype)?);
    let logits = c.b.one(Op::MatMul, &[x, kernel])?;
    let Some(cap) = c.opt_float("logit_soft_cap")? else { return Ok(logits) };
    let part = c.b.binary_scalar(BinaryOp::Div, logits, cap)?;
    let part = c.b.unary(UnaryOp::Tanh, part)?;
    c.b.binary_scalar(BinaryOp::Mul, part, cap)
}

/// The largest of several linear layers: `max over k of x·W[k] + b[k]`.
fn maxout_dense(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let kernel = c.weight("W")?;
    let x = c.b.unsqueeze(x, &[0])?;
    let mut y = c.b.one(Op::MatMul, &[x, kernel])?;
    if let Some(bias) = c.opt_weight("b")? {
        let bias = c.b.unsqueeze(bias, &[1])?;
        y = c.b.binary(BinaryOp::Add, y, bias)?;
    }
    c.b.reduce(ReduceKind::Max, y, &[0], false)
}

/// `t·activation(x·W + b) + (1 − t)·x`, where `t = sigmoid(x·W_carry + b_carry)`.
fn highway(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let gate = linear(c, x, "W_carry", "b_carry")?;
    let gate = c.b.unary(UnaryOp::Sigmoid, gate)?;
    let y = linear(c, x, "W", "b")?;
    let y = c.activate(y, "activation")?;
    let transformed = c.b.binary(BinaryOp::Mul, y, gate)?;
    let one = c.b.scalar_like(gate, 1.0);
    let carried = c.b.binary(BinaryOp::Sub, one, gate)?;
    let carried = c.b.binary(BinaryOp::Mul, carried, x)?;
    c.b.binary(BinaryOp::Add, transformed, carried)
}

fn linear(c: &mut Call<'_>, x: ValueId, kernel: &str, bias: &str) -> Result<ValueId> {
    let kernel = c.weight(kernel)?;
    let y = c.b.one(Op::MatMul, &[x, kernel])?;
    match c.opt_weight(bias)? {
        Some(bias) => c.b.binary(BinaryOp::Add, y, bias),
        None => Ok(y),
    }
}
