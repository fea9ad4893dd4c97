//! Random numbers (`core/ops/random_ops.cc`, 2.21): drawn anew in every run, from the same distributions; the very numbers
//! that TensorFlow draws of a seed are its generators' own.
//!
//! Owns: distributions. Must never know: generators.

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("RandomUniform", uniform),
    row("RandomStandardNormal", normal),
    row("RandomUniformInt", integers),
    row("Multinomial", multinomial),
    row("RandomShuffle", shuffle),
];

/// What a generator begins with; two zeros mean that it is not said. Single precision has all integers below 2^24.
pub(super) fn seed(c: &Call<'_>) -> Result<Option<f64>> {
    let (seed, more) = (c.int_or("seed", 0)?, c.int_or("seed2", 0)?);
    let all = seed.wrapping_mul(31).wrapping_add(more).rem_euclid(1 << 24);
    Ok(((seed, more) != (0, 0)).then_some(all as f64))
}

/// Numbers from 0 (with) to `high` (without).
fn drawn(c: &mut Call<'_>, shape: ValueId, dtype: DType, high: f64) -> Result<ValueId> {
    let seed = seed(c)?;
    let shape = c.b.cast(shape, DType::I64)?;
    c.b.one(Op::RandomUniform { dtype, low: 0.0, high, seed }, &[shape])
}

/// The type that numbers are drawn in.
fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

fn uniform(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, dtype) = (c.x()?, c.dtype_or("dtype", DType::F32)?);
    // Short types would round what is nearly 1 up to it: theirs end with the largest number below.
    let high = match dtype {
        DType::F16 => 1.0 - 0.5f64.powi(11),
        DType::BF16 => 1.0 - 0.5f64.powi(8),
        _ => 1.0,
    };
    let all = drawn(c, shape, wide(dtype), high)?;
    c.b.cast(all, dtype)
}

fn normal(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, to, seed) = (c.x()?, c.dtype_or("dtype", DType::F32)?, seed(c)?);
    let shape = c.b.cast(shape, DType::I64)?;
    let all = c.b.one(Op::RandomNormal { dtype: wide(to), mean: 0.0, scale: 1.0, seed }, &[shape])?;
    c.b.cast(all, to)
}

/// (shape, least, end) → integers from the least to the end, without it. Spans of more than 2^53 are drawn in steps.
fn integers(c: &mut Call<'_>) -> Result<ValueId> {
    let [shape, low, high] = c.three()?;
    let to = c.b.dtype(low);
    let (low, high) = (c.b.cast(low, DType::I64)?, c.b.cast(high, DType::I64)?);
    let span = c.b.binary(BinaryOp::Sub, high, low)?;
    let span = c.b.cast(span, DType::F64)?;
    let all = drawn(c, shape, DType::F64, 1.0)?;
    let all = c.b.binary(BinaryOp::Mul, all, span)?;
    let all = c.b.unary(UnaryOp::Floor, all)?;
    let all = c.b.cast(all, DType::I64)?;
    let all = c.b.binary(BinaryOp::Add, all, low)?;
    c.b.cast(all, to)
}

/// (logits: [batch, classes], samples) → classes: [batch, samples]. The largest logit after noise of Gumbel's distribution was
/// added is drawn with the probabilities of the softmax.
fn multinomial(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, samples] = c.pair()?;
    let to = c.dtype_or("output_dtype", DType::I64)?;
    if c.b.rank(x) != 2 {
        return Err(c.unsupported("the logits are not [batch, classes]"));
    }
    let x = c.b.cast(x, wide(c.b.dtype(x)))?;
    let (batch, classes) = (c.b.dim(x, 0)?, c.b.dim(x, 1)?);
    let samples = f::long_vector(c.b, samples)?;
    let shape = c.b.concat(&[batch, samples, classes], 0)?;
    let mut noise = drawn(c, shape, c.b.dtype(x), 1.0)?;
    for _ in 0..2 {
        let log = c.b.unary(UnaryOp::Log, noise)?;
        noise = c.b.unary(UnaryOp::Neg, log)?;
    }
    let each = c.b.unsqueeze(x, &[1])?;
    let noisy = c.b.binary(BinaryOp::Add, each, noise)?;
    let op = Op::ArgReduce { kind: ArgKind::Max, axis: 2, keepdims: false, select_last: false };
    let chosen = c.b.one(op, &[noisy])?;
    c.b.cast(chosen, to)
}

/// The rows in the order of numbers drawn for them.
fn shuffle(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    if c.b.rank(x) == 0 {
        return Ok(x);
    }
    let n = c.b.dim(x, 0)?;
    let keys = drawn(c, n, DType::F32, 1.0)?;
    let [_, order] = f::top(c.b, keys, n, true)?;
    c.b.one(Op::Gather { axis: 0 }, &[x, order])
}
