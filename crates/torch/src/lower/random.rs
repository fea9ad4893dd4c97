//! Random numbers (`aten/src/ATen/native/TensorFactories.cpp`, `Distributions.cpp`, torch 2.15): drawn anew in every run, from
//! the same distributions; the very numbers that PyTorch draws of a seed are its generator's own.
//!
//! Owns: distributions. Must never know: generators.

use super::call::Call;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{Builder, DType, Op, Tensor, ValueId};

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
    row("aten::bernoulli_functional", bernoulli),
    row("aten::normal", normal),
    row("aten::normal_functional", |c| {
        let all = like(c, NORMAL)?;
        spread(c, all, "std", "mean")
    }),
    row("aten::log_normal", |c| {
        let all = like(c, NORMAL)?;
        let all = spread(c, all, "std", "mean")?;
        c.unary(UnaryOp::Exp, all)
    }),
    row("aten::uniform", |c| {
        let (all, from, to) = (like(c, UNIFORM)?, c.number("from")?, c.number("to")?);
        let all = c.with(BinaryOp::Mul, all, to - from)?;
        c.with(BinaryOp::Add, all, from)
    }),
    row("aten::exponential", |c| {
        let (all, rate) = (log_of_rest(c)?, c.number("lambd")?);
        c.with(BinaryOp::Mul, all, -1.0 / rate)
    }),
    row("aten::cauchy", |c| {
        let all = like(c, UNIFORM)?;
        let all = c.with(BinaryOp::Sub, all, 0.5)?;
        let all = c.with(BinaryOp::Mul, all, std::f64::consts::PI)?;
        let all = c.unary(UnaryOp::Tan, all)?;
        spread(c, all, "sigma", "median")
    }),
    row("aten::geometric", |c| {
        let (all, p) = (log_of_rest(c)?, c.number("p")?);
        let all = c.with(BinaryOp::Div, all, (-p).ln_1p())?;
        let all = c.unary(UnaryOp::Ceil, all)?;
        let all = c.with(BinaryOp::Max, all, 1.0)?;
        cast_like(c, all)
    }),
    row("aten::random", any_integers),
    row("aten::multinomial", multinomial),
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

/// Numbers in the shape of `self`; where it is of integers, what is drawn is converted at the end.
fn like(c: &mut Call<'_>, draw: Draw) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let own = if c.b.dtype(x).is_float() { c.b.dtype(x) } else { DType::F32 };
    let to = c.opt_dtype("dtype")?.unwrap_or(own);
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

/// The logarithm of 1 minus numbers from 0 to 1 without it, which is finite.
fn log_of_rest(c: &mut Call<'_>) -> Result<ValueId> {
    let all = like(c, UNIFORM)?;
    let one = c.b.scalar_like(all, 1.0);
    let rest = c.binary(BinaryOp::Sub, one, all)?;
    c.unary(UnaryOp::Log, rest)
}

fn cast_like(c: &mut Call<'_>, all: ValueId) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.b.cast(all, c.b.dtype(x))
}

/// Numbers times one argument, plus another.
fn spread(c: &mut Call<'_>, all: ValueId, factor: &str, offset: &str) -> Result<ValueId> {
    let dtype = c.b.dtype(all);
    let (factor, offset) = (c.side(factor)?.value, c.side(offset)?.value);
    let (factor, offset) = (c.b.cast(factor, dtype)?, c.b.cast(offset, dtype)?);
    let all = c.binary(BinaryOp::Mul, all, factor)?;
    c.binary(BinaryOp::Add, all, offset)
}

/// Around `mean` with the deviation `std`, either of which may be a tensor; without one a `size` is given.
fn normal(c: &mut Call<'_>) -> Result<ValueId> {
    let all = if c.arg("size").is_some() {
        sized(c, NORMAL)?
    } else {
        let (mean, std) = c.float_pair("mean", "std")?;
        let both = c.binary(BinaryOp::Add, mean, std)?;
        let sizes = c.dims(both)?;
        drawn(c, NORMAL, &sizes, c.b.dtype(both))?
    };
    spread(c, all, "std", "mean")
}

/// Integers from `from` to `to`, without it; where they are not said, all that the type counts.
fn any_integers(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let from = c.opt_int("from")?.unwrap_or(0);
    // Floating-point types count to where they leave out the first integer.
    let most = match c.b.dtype(x) {
        DType::F64 => (1 << 53) + 1,
        DType::F32 => (1 << 24) + 1,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        _ => i64::MAX,
    };
    let to = c.opt_int("to")?.unwrap_or(most);
    let sizes = c.dims(x)?;
    let shape = c.vector(&sizes)?;
    let bounds = [from, to].map(|v| c.b.constant("", Tensor::int_scalar(v)));
    let all = c.b.drawn_integers(shape, bounds, None)?;
    cast_like(c, all)
}

/// Places in the last dimension, drawn with the probabilities there, which need not sum to 1.
fn multinomial(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let lone = c.rank(x) == 1;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    if c.rank(x) != 2 {
        return Err(c.bad("self", "probabilities [classes] or [batch, classes]"));
    }
    let samples = c.size("num_samples")?.ok_or_else(|| c.bad("num_samples", "a number"))?;
    let samples = c.vector(&[samples])?;
    let logits = c.unary(UnaryOp::Log, x)?;
    let replaced = c.flag("replacement")?;
    let drawn =
        if replaced { c.b.drawn_classes(logits, samples, None)? } else { c.b.drawn_distinct(logits, samples, None)? };
    if lone { c.b.squeeze(drawn, &[0]) } else { Ok(drawn) }
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
