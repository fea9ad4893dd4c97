//! Keras 3 operations that measure how far a result is from a target (keras/src/ops/nn.py, 3.15, formulas of
//! keras/src/backend/tensorflow/nn.py).
//!
//! Owns: crossentropies and the peak signal-to-noise ratio as operations. Must never know: training.

use super::call::Call;
use super::operations_args as args;
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("BinaryCrossentropy", binary),
    row("CategoricalCrossentropy", categorical),
    row("SparseCategoricalCrossentropy", sparse),
    row("PSNR", psnr),
];

/// Target and output, the target in the type of the output.
fn both(c: &mut Call<'_>) -> Result<(ValueId, ValueId)> {
    let (target, output) = (args::value(c, 0, "target")?, args::value(c, 1, "output")?);
    Ok((c.b.cast(target, c.b.dtype(output))?, output))
}

/// The logarithm of a probability, which is kept away from 0 and 1.
fn log(b: &mut Builder, p: ValueId) -> Result<ValueId> {
    let p = core::clip(b, p, Some(core::EPSILON), Some(1.0 - core::EPSILON))?;
    b.unary(UnaryOp::Log, p)
}

fn binary(c: &mut Call<'_>) -> Result<ValueId> {
    let (target, output) = both(c)?;
    let from_logits = c.bool_or("from_logits", false)?;
    let b = &mut *c.b;
    if from_logits {
        // max(x, 0) − x·target + log(1 + exp(−|x|)), which does not overflow.
        let zero = b.scalar_like(output, 0.0);
        let above = b.binary(BinaryOp::Max, output, zero)?;
        let gain = b.binary(BinaryOp::Mul, output, target)?;
        let size = b.unary(UnaryOp::Abs, output)?;
        let below = b.unary(UnaryOp::Neg, size)?;
        let rest = b.unary(UnaryOp::Softplus, below)?;
        let apart = b.binary(BinaryOp::Sub, above, gain)?;
        return b.binary(BinaryOp::Add, apart, rest);
    }
    let one = b.scalar_like(output, 1.0);
    let p = core::clip(b, output, Some(core::EPSILON), Some(1.0 - core::EPSILON))?;
    let (q, other) = (b.binary(BinaryOp::Sub, one, p)?, b.binary(BinaryOp::Sub, one, target)?);
    let (log_p, log_q) = (b.unary(UnaryOp::Log, p)?, b.unary(UnaryOp::Log, q)?);
    let (hit, miss) = (b.binary(BinaryOp::Mul, target, log_p)?, b.binary(BinaryOp::Mul, other, log_q)?);
    let sum = b.binary(BinaryOp::Add, hit, miss)?;
    b.unary(UnaryOp::Neg, sum)
}

fn categorical(c: &mut Call<'_>) -> Result<ValueId> {
    let (target, output) = both(c)?;
    let axis = c.int_or("axis", -1)?;
    let log = if c.bool_or("from_logits", false)? {
        core::softmax(c.b, output, &[axis], true)?
    } else {
        let sum = c.b.reduce(ReduceKind::Sum, output, &[axis], true)?;
        let p = c.b.binary(BinaryOp::Div, output, sum)?;
        log(c.b, p)?
    };
    let gain = c.b.binary(BinaryOp::Mul, target, log)?;
    let sum = c.b.reduce(ReduceKind::Sum, gain, &[axis], false)?;
    c.b.unary(UnaryOp::Neg, sum)
}

/// The target is a class for each row.
fn sparse(c: &mut Call<'_>) -> Result<ValueId> {
    let (target, output) = (args::value(c, 0, "target")?, args::value(c, 1, "output")?);
    let logits = if c.bool_or("from_logits", false)? { output } else { log(c.b, output)? };
    let log = core::softmax(c.b, logits, &[-1], true)?;
    let target = c.b.cast(target, DType::I64)?;
    let at = if c.b.rank(target) == c.b.rank(output) { target } else { c.b.unsqueeze(target, &[-1])? };
    let picked = c.b.one(Op::GatherElements { axis: -1 }, &[log, at])?;
    let picked = c.b.squeeze(picked, &[-1])?;
    c.b.unary(UnaryOp::Neg, picked)
}

/// 20·log₁₀(max_val) − 10·log₁₀ of the mean square of what is between.
fn psnr(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, y) = (args::value(c, 0, "x1")?, args::value(c, 1, "x2")?);
    let most = c.opt_float("max_val")?.ok_or_else(|| c.missing_argument("max_val", "a number"))?;
    let apart = c.b.binary(BinaryOp::Sub, x, y)?;
    let square = core::square(c.b, apart)?;
    let mean = core::reduce(c.b, ReduceKind::Mean, square, None, false)?;
    let log = c.b.unary(UnaryOp::Log, mean)?;
    let noise = c.b.binary_scalar(BinaryOp::Mul, log, 10.0 / std::f64::consts::LN_10)?;
    let signal = c.b.scalar_like(noise, 20.0 * most.log10());
    c.b.binary(BinaryOp::Sub, signal, noise)
}
