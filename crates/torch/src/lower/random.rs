//! Random numbers (`aten/src/ATen/native/TensorFactories.cpp`, `Distributions.cpp`, torch 2.15): drawn anew in every run, from
//! the same distributions; the very numbers that PyTorch draws of a seed are its generator's own.
//!
//! Owns: distributions. Must never know: generators.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, DType, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::rand", |c| sized(c, UNIFORM)),
    row("aten::randn", |c| sized(c, NORMAL)),
    row("aten::rand_like", |c| like(c, UNIFORM)),
    row("aten::randn_like", |c| like(c, NORMAL)),
    row("aten::randint", |c| {
        let sizes = c.sizes("size")?;
        integers(c, &sizes, DType::I64)
    }),
    row("aten::randint_like", |c| {
        let x = c.tensor("self")?;
        let sizes = c.dims(x)?;
        integers(c, &sizes, c.b.dtype(x))
    }),
    row("aten::randperm", permutation),
    row("aten::bernoulli", bernoulli),
];

/// How numbers of a shape and a type are drawn.
type Draw = fn(&mut Builder, ValueId, DType, Option<f64>) -> Result<ValueId>;

const UNIFORM: Draw = Builder::drawn_evenly;
const NORMAL: Draw = Builder::drawn_normally;

fn drawn(c: &mut Call<'_>, draw: Draw, sizes: &[Size], to: DType) -> Result<ValueId> {
    let shape = c.vector(sizes)?;
    draw(c.b, shape, to, None)
}

fn sized(c: &mut Call<'_>, draw: Draw) -> Result<ValueId> {
    let (sizes, to) = (c.sizes("size")?, c.opt_dtype("dtype")?.unwrap_or(DType::F32));
    drawn(c, draw, &sizes, to)
}

fn like(c: &mut Call<'_>, draw: Draw) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let to = c.opt_dtype("dtype")?.unwrap_or(c.b.dtype(x));
    let sizes = c.dims(x)?;
    drawn(c, draw, &sizes, to)
}

/// Integers from `low` (0 where there is none) to `high`, without it.
fn integers(c: &mut Call<'_>, sizes: &[Size], own: DType) -> Result<ValueId> {
    let to = c.opt_dtype("dtype")?.unwrap_or(own);
    let bound = |c: &mut Call<'_>, name: &str| {
        let side = c.side(name)?.value;
        if c.rank(side) == 0 { Ok(side) } else { c.b.reshape(side, &[]) }
    };
    let high = bound(c, "high")?;
    let low = if c.arg("low").is_some() { bound(c, "low")? } else { c.b.scalar(DType::I64, 0.0) };
    let shape = c.vector(sizes)?;
    let all = c.b.drawn_integers(shape, [low, high], None)?;
    c.b.cast(all, to)
}

/// 0, 1, … below `n`, in the order of numbers drawn for them.
fn permutation(c: &mut Call<'_>) -> Result<ValueId> {
    let n = c.size("n")?.ok_or_else(|| c.bad("n", "a size"))?;
    let to = c.opt_dtype("dtype")?.unwrap_or(DType::I64);
    let keys = drawn(c, UNIFORM, &[n], DType::F32)?;
    let n = c.vector(&[n])?;
    let both = c.b.add(Op::TopK { axis: 0, largest: true, sorted: true }, &[Some(keys), Some(n)])?;
    let &[_, order] = both.as_slice() else { return Err(c.bad("n", "a size")) };
    c.b.cast(order, to)
}

/// 1 with the probability that is given, else 0: an element of `self`, or `p` for every element.
fn bernoulli(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (to, sizes) = (c.b.dtype(x), c.dims(x)?);
    let p = if c.arg("p").is_some() { c.side("p")?.value } else { x };
    let wide = if c.b.dtype(p) == DType::F64 && c.rank(p) > 0 { DType::F64 } else { DType::F32 };
    let p = c.b.cast(p, wide)?;
    let all = drawn(c, UNIFORM, &sizes, wide)?;
    let hit = c.b.binary(BinaryOp::Less, all, p)?;
    c.b.cast(hit, to)
}
