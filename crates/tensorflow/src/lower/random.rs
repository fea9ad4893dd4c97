//! Random numbers (`core/ops/random_ops.cc`, 2.21): drawn anew in every run, from the same distributions; the very numbers
//! that TensorFlow draws of a seed are its generators' own.
//!
//! Owns: distributions. Must never know: generators.

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
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

fn uniform(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, dtype, seed) = (c.x()?, c.dtype_or("dtype", DType::F32)?, seed(c)?);
    c.b.drawn_evenly(shape, dtype, seed)
}

fn normal(c: &mut Call<'_>) -> Result<ValueId> {
    let (shape, dtype, seed) = (c.x()?, c.dtype_or("dtype", DType::F32)?, seed(c)?);
    c.b.drawn_normally(shape, dtype, seed)
}

/// (shape, least, end) → integers from the least to the end, without it.
fn integers(c: &mut Call<'_>) -> Result<ValueId> {
    let ([shape, low, high], seed) = (c.three()?, seed(c)?);
    let all = c.b.drawn_integers(shape, [low, high], seed)?;
    c.b.cast(all, c.b.dtype(low))
}

/// (logits: [batch, classes], samples) → classes: [batch, samples].
fn multinomial(c: &mut Call<'_>) -> Result<ValueId> {
    let ([x, samples], seed) = (c.pair()?, seed(c)?);
    let to = c.dtype_or("output_dtype", DType::I64)?;
    if c.b.rank(x) != 2 {
        return Err(c.unsupported("the logits are not [batch, classes]"));
    }
    let samples = f::long_vector(c.b, samples)?;
    let chosen = c.b.drawn_classes(x, samples, seed)?;
    c.b.cast(chosen, to)
}

/// The rows in the order of numbers drawn for them.
fn shuffle(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    if c.b.rank(x) == 0 {
        return Ok(x);
    }
    let (n, seed) = (c.b.dim(x, 0)?, seed(c)?);
    let keys = c.b.drawn_evenly(n, DType::F32, seed)?;
    let [_, order] = f::top(c.b, keys, n, true)?;
    c.b.one(Op::Gather { axis: 0 }, &[x, order])
}
