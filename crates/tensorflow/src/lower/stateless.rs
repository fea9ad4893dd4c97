//! Random numbers that are a function of a seed (`core/ops/stateless_random_ops.cc`, `stateless_random_ops_v2.cc`, 2.21). Those of
//! a seed that is known are what TensorFlow computes on a CPU, as constants; a seed that is itself drawn gives ordinary draws.
//!
//! Owns: which of the two it is, and how many numbers a model may hold. Must never know: how the generator works.

use super::call::Call;
use super::formula as f;
use super::philox::{Law, Made, Philox, numbers};
use super::truncated::truncated;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Op, Tensor, ValueId};
use std::collections::HashSet;

pub(crate) const ROWS: &[Row] = &[
    row("StatelessRandomUniform", |c| reals(c, Law::Even)),
    row("StatelessRandomUniformV2", |c| reals(c, Law::Even)),
    row("StatelessRandomNormal", |c| reals(c, Law::Normal)),
    row("StatelessRandomNormalV2", |c| reals(c, Law::Normal)),
    row("StatelessTruncatedNormal", |c| reals(c, Law::Truncated)),
    row("StatelessTruncatedNormalV2", |c| reals(c, Law::Truncated)),
    row("StatelessRandomUniformInt", integers),
    row("StatelessRandomUniformIntV2", integers),
    row("StatelessRandomUniformFullInt", all_integers),
    row("StatelessRandomUniformFullIntV2", all_integers),
    row("StatelessMultinomial", multinomial),
    row_many("StatelessRandomGetKeyCounter", state),
    row_many("StatelessRandomGetKeyCounterAlg", state),
    row("StatelessRandomGetAlg", |c| Ok(algorithm(c))),
];

/// Numbers that the seeds of one model may become: a file of a few bytes asks for any number of them.
const MOST: usize = 1 << 20;

/// The numbers of Philox, and of whichever generator a device has; a CPU has this one (`framework/rng_alg.h`).
const PHILOX: [i64; 2] = [1, 3];

/// Where numbers come from.
enum From {
    Seed(Philox),
    /// Seeds that are drawn themselves: others in each run.
    Draw,
}

/// What the numbers of an op come from. Its operands are the seed, or key, counter and algorithm from `i` on.
fn from(c: &Call<'_>, i: usize) -> Result<From> {
    let by_state = c.op.name.ends_with("V2");
    let operands = if by_state { vec![c.input(i)?, c.input(i + 1)?] } else { vec![c.input(i)?] };
    let words: Option<Vec<_>> = operands.iter().map(|&v| c.b.as_constant(v)).collect();
    let Some(words) = words else {
        return if operands.iter().any(|&v| is_drawn(c.b, v)) { Ok(From::Draw) } else { Err(of_an_input(c)) };
    };
    if by_state && !PHILOX.contains(&c.int_operand(i + 2, "alg")?) {
        return Err(c.unsupported("TensorFlow has no other generator than Philox on a CPU"));
    }
    let words = words.into_iter().map(|t| if t.len() > 2 { Ok(Vec::new()) } else { words_of(t) });
    let words = words.collect::<Result<Vec<_>>>()?;
    match *words.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
        [&[a, b]] => Ok(From::Seed(Philox::of_seed([a, b]))),
        [&[key], &[low, high]] => Ok(From::Seed(Philox::of_state(key, [low, high]))),
        _ => Err(c.unsupported("a seed is two integers; a key is one, and its counter two")),
    }
}

fn of_an_input(c: &Call<'_>) -> Box<modelport_diag::Diagnostic> {
    c.unsupported("the numbers are a function of a seed that is known only when the model runs")
        .expected("a seed that is constant, or drawn itself")
        .help("give the seed as a constant where the model is saved, or cut the graph behind the op with `--inputs`")
}

/// The integers of a constant as unsigned words of 64 bits.
fn words_of(tensor: &Tensor) -> Result<Vec<u64>> {
    let bytes = tensor.cast(DType::U64)?.bytes()?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|e| u64::from_le_bytes(*e)).collect())
}

/// Whether a value is computed of draws and constants alone.
fn is_drawn(b: &Builder, value: ValueId) -> bool {
    let (mut seen, mut next, mut drawn) = (HashSet::new(), vec![value], false);
    while let Some(value) = next.pop() {
        if b.as_constant(value).is_some() || !seen.insert(value) {
            continue;
        }
        match b.graph().producer(value) {
            Some(node) if node.op.draws() => drawn = true,
            Some(node) if !node.inputs.is_empty() && node.op.bodies().next().is_none() => {
                next.extend(node.inputs.iter().flatten())
            }
            _ => return false,
        }
    }
    drawn
}

/// The numbers of a generator as a constant of the shape that is asked for.
fn made(c: &mut Call<'_>, philox: Philox, made: Made, to: DType, shape: Option<Vec<i64>>) -> Result<ValueId> {
    let shape = shape.and_then(|s| s.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<Vec<_>>>());
    let Some(shape) = shape else {
        let message = "how many numbers there are of the seed is known only when the model runs";
        return Err(c
            .unsupported(message)
            .help("give sizes with `--input-type`, for example `--input-type x=f32[8,224,224,3]`"));
    };
    let n = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let all = n.and_then(|n| n.checked_add(c.memory.drawn)).filter(|all| *all <= MOST);
    let Some(all) = all else {
        return Err(c
            .unsupported("the seeds of the model stand for more numbers than a converted model may hold")
            .expected(format!("at most {MOST}"))
            .found(format!("{shape:?} here"))
            .help("cut the graph behind the op with `--inputs`"));
    };
    c.memory.drawn = all;
    let tensor = numbers(philox, made, to, shape)?;
    Ok(c.b.constant(c.b.scope(), tensor))
}

/// (shape, seed or key, counter and algorithm)
fn reals(c: &mut Call<'_>, law: Law) -> Result<ValueId> {
    let (shape, to) = (c.x()?, c.dtype_or("dtype", DType::F32)?);
    if !to.is_float() {
        return Err(c.bad_value("dtype", "real numbers", to.name()));
    }
    match (from(c, 1)?, law) {
        (From::Seed(philox), law) => {
            let asked = c.opt_ints(0)?;
            made(c, philox, Made::Reals(law), to, asked)
        }
        (From::Draw, Law::Even) => c.b.drawn_evenly(shape, to, None),
        (From::Draw, Law::Normal) => c.b.drawn_normally(shape, to, None),
        (From::Draw, Law::Truncated) => truncated(c.b, shape, to, None),
    }
}

/// (shape, seed or key, counter and algorithm, least, end) → integers from the least to the end, without it.
fn integers(c: &mut Call<'_>) -> Result<ValueId> {
    let low = if c.op.name.ends_with("V2") { 4 } else { 2 };
    let to = c.b.dtype(c.input(low)?);
    if !matches!(to, DType::I32 | DType::I64) {
        return Err(c.bad_value("dtype", "i32 or i64", to.name()));
    }
    let philox = match from(c, 1)? {
        From::Seed(philox) => philox,
        From::Draw => {
            let (shape, bounds) = (c.x()?, [c.input(low)?, c.input(low + 1)?]);
            let all = c.b.drawn_integers(shape, bounds, None)?;
            return c.b.cast(all, to);
        }
    };
    let (low, high) = (c.int_operand(low, "minval")?, c.int_operand(low + 1, "maxval")?);
    if low >= high {
        return Err(c.unsupported("the least number is not below the end").found(format!("{low} and {high}")));
    }
    let asked = c.opt_ints(0)?;
    made(c, philox, Made::Integers(low, high.wrapping_sub(low) as u64), to, asked)
}

/// (shape, seed or key, counter and algorithm) → any integers of the type.
fn all_integers(c: &mut Call<'_>) -> Result<ValueId> {
    let to = c.dtype_or("dtype", DType::U64)?;
    if !to.is_int() || to.size() < 4 {
        return Err(c.bad_value("dtype", "integers of 32 or 64 bits", to.name()));
    }
    match from(c, 1)? {
        From::Seed(philox) => {
            let asked = c.opt_ints(0)?;
            made(c, philox, Made::AnyIntegers, to, asked)
        }
        From::Draw => {
            let shape = c.x()?;
            let bounds = [c.b.scalar(DType::I64, 0.0), c.b.scalar(DType::I64, f64::from(u32::MAX) + 1.0)];
            let low = c.b.drawn_integers(shape, bounds, None)?;
            if to.size() < 8 {
                return c.b.cast(low, to);
            }
            let high = c.b.drawn_integers(shape, bounds, None)?;
            let high = c.b.binary(BinaryOp::Mul, high, bounds[1])?;
            let all = c.b.binary(BinaryOp::Add, high, low)?;
            c.b.cast(all, to)
        }
    }
}

/// (seed) → key, counter, and in the older op the algorithm.
fn state(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let seed = c.x()?;
    let long = |words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        Tensor::from_bytes(DType::U64, vec![words.len()], bytes)
    };
    let (key, counter) = match from(c, 0)? {
        From::Seed(philox) => {
            let (key, counter) = philox.state();
            (c.b.constant("", long(&[key])?), c.b.constant("", long(&counter)?))
        }
        // Nothing is made of these but other draws.
        From::Draw => {
            let seed = c.b.cast(seed, DType::U64)?;
            (c.b.slice_axis(seed, 0, 0, 1, 1)?, seed)
        }
    };
    Ok(vec![key, counter, algorithm(c)])
}

fn algorithm(c: &mut Call<'_>) -> ValueId {
    c.b.scalar(DType::I32, PHILOX[0] as f64)
}

/// The work that TensorFlow gives to one thread (`Shard` in core/util/work_sharder.cc, Eigen's `TensorCostModel`): of more,
/// the numbers depend on how many threads there are.
const WORK_OF_ONE_THREAD: f64 = 100_000.0;

/// (logits: [batch, classes], samples, seed) → classes: [batch, samples]. The first class whose summed probability is above a
/// number between 0 and the sum of all (`core/kernels/multinomial_op.cc`).
fn multinomial(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, samples] = c.pair()?;
    let to = c.dtype_or("output_dtype", DType::I64)?;
    c.need_rank(x, 2)?;
    let From::Seed(philox) = from(c, 2)? else {
        let samples = f::long_vector(c.b, samples)?;
        let chosen = c.b.drawn_classes(x, samples, None)?;
        return c.b.cast(chosen, to);
    };
    let (batch, classes) = (c.known_dim(x, 0)?, c.known_dim(x, 1)?);
    let samples = c.int_operand(1, "num_samples")?;
    let work = 50.0 * (samples as f64 * (classes as f64).log2() + classes as f64) * batch as f64;
    if batch > 1 && work > WORK_OF_ONE_THREAD {
        return Err(
            c.unsupported("TensorFlow draws so many classes of one seed differently on different numbers of threads")
        );
    }
    let dice = made(c, philox, Made::Reals(Law::Even), DType::F64, Some(vec![batch as i64, samples, 1]))?;
    let sums = summed(c.b, x)?;
    let total = c.b.slice_axis(sums, 1, -1, i64::MAX, 1)?;
    let total = c.b.unsqueeze(total, &[1])?;
    let sought = c.b.binary(BinaryOp::Mul, dice, total)?;
    let sums = c.b.unsqueeze(sums, &[1])?;
    let passed = c.b.binary(BinaryOp::LessOrEqual, sums, sought)?;
    let passed = c.b.cast(passed, DType::I64)?;
    let chosen = c.b.reduce(ReduceKind::Sum, passed, &[2], false)?;
    c.b.cast(chosen, to)
}

/// The probabilities of the classes up to each, times a factor. What is not finite is no class.
fn summed(b: &mut Builder, logits: ValueId) -> Result<ValueId> {
    let x = b.cast(logits, DType::F64)?;
    let size = b.unary(UnaryOp::Abs, x)?;
    let infinite = b.scalar(DType::F64, f64::INFINITY);
    let finite = b.binary(BinaryOp::Less, size, infinite)?;
    let none = b.scalar(DType::F64, f64::NEG_INFINITY);
    let x = b.choose(finite, x, none)?;
    let most = b.reduce(ReduceKind::Max, x, &[1], true)?;
    let x = b.binary(BinaryOp::Sub, x, most)?;
    let x = b.unary(UnaryOp::Exp, x)?;
    b.one(Op::CumSum { axis: 1, exclusive: false, reverse: false }, &[x])
}
