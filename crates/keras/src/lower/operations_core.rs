//! What operations of Keras 3 and functions of TensorFlow have in common, on the builder alone.
//!
//! Owns: formulas that take more than one core op. Must never know: how arguments are written.

use super::recurrent_shapes::{self as shapes, From};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{ArgKind, BinaryOp, PadMode, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Dim, Op, ValueId};

/// `keras.config.epsilon()`, unless a program changed it.
pub(super) const EPSILON: f64 = 1e-7;

/// The axis counted from the front.
pub(super) fn axis_in(axis: i64, rank: usize) -> Result<usize> {
    let at = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    at.and_then(|a| usize::try_from(a).ok())
        .filter(|&a| a < rank)
        .ok_or_else(|| Diagnostic::error(Code::KERAS_ARGUMENT, format!("axis {axis} is outside of rank {rank}")))
}

/// x as floating point.
pub(super) fn float(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    if b.dtype(x).is_float() { Ok(x) } else { b.cast(x, DType::F32) }
}

/// All dimensions as one.
pub(super) fn ravel(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    b.reshape(x, &[-1])
}

/// Reduces `axes` (all when `None`). Of no axes at all, the value itself.
pub(super) fn reduce(
    b: &mut Builder,
    kind: ReduceKind,
    x: ValueId,
    axes: Option<&[i64]>,
    keepdims: bool,
) -> Result<ValueId> {
    let rank = b.rank(x);
    match axes {
        None if rank == 0 => Ok(x),
        None => b.reduce(kind, x, &[], keepdims),
        Some([]) => Ok(x),
        Some(axes) => b.reduce(kind, x, axes, keepdims),
    }
}

/// Whether all (`Min`) or any (`Max`) elements are true.
pub(super) fn truth(
    b: &mut Builder,
    kind: ReduceKind,
    x: ValueId,
    axes: Option<&[i64]>,
    keepdims: bool,
) -> Result<ValueId> {
    let x = b.cast(x, DType::Bool)?;
    let x = b.cast(x, DType::I32)?;
    let y = reduce(b, kind, x, axes, keepdims)?;
    b.cast(y, DType::Bool)
}

/// The variance over `axes`, of the population.
pub(super) fn variance(b: &mut Builder, x: ValueId, axes: Option<&[i64]>, keepdims: bool) -> Result<ValueId> {
    let x = float(b, x)?;
    let mean = reduce(b, ReduceKind::Mean, x, axes, true)?;
    let apart = b.binary(BinaryOp::Sub, x, mean)?;
    let squared = b.binary(BinaryOp::Mul, apart, apart)?;
    reduce(b, ReduceKind::Mean, squared, axes, keepdims)
}

/// The index of the extremum along `axis` (of the raveled value when `None`), as `to`.
pub(super) fn arg_reduce(
    b: &mut Builder,
    kind: ArgKind,
    x: ValueId,
    axis: Option<i64>,
    keepdims: bool,
    to: DType,
) -> Result<ValueId> {
    let rank = b.rank(x);
    let (flat, axis) = match axis {
        Some(a) => (x, a),
        None => (ravel(b, x)?, 0),
    };
    let y = b.one(Op::ArgReduce { kind, axis, keepdims, select_last: false }, &[flat])?;
    let y = b.cast(y, to)?;
    if keepdims && b.rank(y) != rank { b.reshape(y, &vec![1; rank]) } else { Ok(y) }
}

/// x·x.
pub(super) fn square(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    b.binary(BinaryOp::Mul, x, x)
}

/// 1/√x.
pub(super) fn rsqrt(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let root = b.unary(UnaryOp::Sqrt, x)?;
    b.unary(UnaryOp::Reciprocal, root)
}

/// log(1 + x).
pub(super) fn log1p(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let x = b.binary_scalar(BinaryOp::Add, x, 1.0)?;
    b.unary(UnaryOp::Log, x)
}

/// exp(x) − 1.
pub(super) fn expm1(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let e = b.unary(UnaryOp::Exp, x)?;
    b.binary_scalar(BinaryOp::Sub, e, 1.0)
}

/// Not equal.
pub(super) fn differs(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let same = b.binary(BinaryOp::Equal, x, y)?;
    b.unary(UnaryOp::Not, same)
}

/// The quotient rounded down: of integers as Python's `//`.
pub(super) fn floor_divide(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    if b.dtype(x).is_float() {
        let q = b.binary(BinaryOp::Div, x, y)?;
        return b.unary(UnaryOp::Floor, q);
    }
    // x − (x mod y) divides without rest.
    let rest = b.binary(BinaryOp::Mod, x, y)?;
    let even = b.binary(BinaryOp::Sub, x, rest)?;
    b.binary(BinaryOp::Div, even, y)
}

/// Reverses the order of `axes` (all when `None`).
pub(super) fn flip(b: &mut Builder, x: ValueId, axes: Option<&[i64]>) -> Result<ValueId> {
    let all: Vec<i64> = (0..b.rank(x) as i64).collect();
    let axes = axes.unwrap_or(&all);
    b.flipped(x, axes)
}

/// Values of one type, joined along a new axis.
pub(super) fn stack(b: &mut Builder, parts: &[ValueId], axis: i64) -> Result<ValueId> {
    let mut wide = Vec::with_capacity(parts.len());
    for &p in parts {
        wide.push(b.unsqueeze(p, &[axis])?);
    }
    let rank = parts.first().map_or(0, |&p| b.rank(p)) + 1;
    let axis = axis_in(axis, rank)? as i64;
    b.concat(&wide, axis)
}

/// How a value is split.
pub(super) enum Pieces {
    /// So many equal ones.
    Equal(i64),
    /// Of these sizes; one may be −1.
    Sizes(Vec<i64>),
    /// Cut before these positions.
    Before(Vec<i64>),
}

/// More pieces than this are damage, not a model.
const MOST_PIECES: i64 = 1 << 16;

/// Splits along a known axis.
pub(super) fn split(b: &mut Builder, x: ValueId, pieces: Pieces, axis: i64) -> Result<Vec<ValueId>> {
    let at = axis_in(axis, b.rank(x))?;
    let misfit = || Diagnostic::error(Code::KERAS_ARGUMENT, "the pieces of a split do not fit the value");
    let n = b.shape(x).get(at).and_then(Dim::known).ok_or_else(|| {
        Diagnostic::error(Code::KERAS_UNSUPPORTED, "the axis that is split must have a size known at conversion")
    })? as i64;
    let many = match &pieces {
        Pieces::Equal(k) => *k > MOST_PIECES,
        Pieces::Sizes(list) | Pieces::Before(list) => list.len() as i64 > MOST_PIECES,
    };
    if many {
        return Err(misfit().expected(format!("at most {MOST_PIECES} pieces")));
    }
    let sizes = match pieces {
        Pieces::Equal(k) if k > 0 && n % k == 0 => vec![n / k; usize::try_from(k).map_err(|_| misfit())?],
        Pieces::Equal(_) => return Err(misfit().expected(format!("a divisor of {n}"))),
        Pieces::Sizes(mut sizes) => {
            let known = sizes.iter().filter(|s| **s >= 0).fold(0i64, |a, s| a.saturating_add(*s));
            sizes.iter_mut().filter(|s| **s < 0).for_each(|s| *s = n.saturating_sub(known));
            sizes
        }
        Pieces::Before(cuts) => {
            let mut ends: Vec<i64> = cuts.iter().map(|&c| (if c < 0 { c + n } else { c }).clamp(0, n)).collect();
            ends.push(n);
            let starts = std::iter::once(0).chain(ends.iter().copied());
            starts.zip(&ends).map(|(a, &e)| (e - a).max(0)).collect()
        }
    };
    if sizes.iter().map(|&s| i128::from(s)).sum::<i128>() != i128::from(n) {
        return Err(misfit().expected(format!("{n} elements")).found(format!("{sizes:?}")));
    }
    let sizes = sizes.into_iter().map(usize::try_from).collect::<std::result::Result<Vec<_>, _>>();
    b.add(Op::Split { axis: at as i64, sizes: sizes.map_err(|_| misfit())? }, &[Some(x)])
}

/// Cuts along a known axis, which disappears.
pub(super) fn unstack(b: &mut Builder, x: ValueId, axis: i64) -> Result<Vec<ValueId>> {
    let at = axis_in(axis, b.rank(x))?;
    let n = b.shape(x).get(at).and_then(Dim::known).unwrap_or(0) as i64;
    let pieces = split(b, x, Pieces::Equal(n), at as i64)?;
    pieces.into_iter().map(|p| b.squeeze(p, &[at as i64])).collect()
}

/// Pads each axis by (before, after).
pub(super) fn pad(b: &mut Builder, x: ValueId, pads: &[(i64, i64)], mode: &str, value: f64) -> Result<ValueId> {
    let begins = pads.iter().map(|p| p.0);
    let widths: Vec<i64> = begins.chain(pads.iter().map(|p| p.1)).collect();
    let widths = b.ints(&widths);
    let constant = |b: &mut Builder| {
        let value = b.scalar_like(x, value);
        b.one(Op::Pad { mode: PadMode::Constant }, &[x, widths, value])
    };
    let mode = match mode.to_ascii_lowercase().as_str() {
        "constant" => return constant(b),
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => PadMode::Wrap,
        // The edge is repeated once: a reflection about the element's outer side.
        "symmetric" if pads.iter().all(|p| p.0 <= 1 && p.1 <= 1) => PadMode::Edge,
        other => {
            return Err(Diagnostic::error(Code::KERAS_UNSUPPORTED, format!("padding mode `{other}` has no lowering"))
                .expected("constant, reflect, or symmetric by at most 1"));
        }
    };
    b.one(Op::Pad { mode }, &[x, widths])
}

/// Moves every element by `shift` along `axis`, around the end.
pub(super) fn roll(b: &mut Builder, x: ValueId, shift: i64, axis: i64) -> Result<ValueId> {
    let at = axis_in(axis, b.rank(x))? as i64;
    let shift = match b.shape(x).get(at as usize).and_then(Dim::known) {
        Some(0) => return Ok(x),
        Some(n) => shift.rem_euclid(n as i64),
        None => shift,
    };
    if shift == 0 {
        return Ok(x);
    }
    let tail = b.slice_axis(x, at, shift.saturating_neg(), i64::MAX, 1)?;
    let head = b.slice_axis(x, at, 0, shift.saturating_neg(), 1)?;
    b.concat(&[tail, head], at)
}

/// Every element along `axis`, repeated.
pub(super) fn repeat(b: &mut Builder, x: ValueId, repeats: i64, axis: i64) -> Result<ValueId> {
    let rank = b.rank(x);
    let at = axis_in(axis, rank)?;
    let wide = b.unsqueeze(x, &[at as i64 + 1])?;
    let mut counts = vec![1; rank + 1];
    if let Some(c) = counts.get_mut(at + 1) {
        *c = repeats;
    }
    let counts = b.ints(&counts);
    let tiled = b.one(Op::Tile, &[wide, counts])?;
    let merged = match b.shape(x).get(at).and_then(Dim::known) {
        Some(n) => From::Size((n as i64).saturating_mul(repeats)),
        None => From::Size(-1),
    };
    let dims: Vec<From> = (0..rank).map(|a| if a == at { merged } else { From::Dim(x, a) }).collect();
    shapes::reshape(b, tiled, &dims)
}

/// Sorted along `axis`: values and their indices (i64).
pub(super) fn sort(b: &mut Builder, x: ValueId, axis: i64, descending: bool) -> Result<[ValueId; 2]> {
    let at = axis_in(axis, b.rank(x))?;
    let n = b.dim(x, at)?;
    top(b, x, n, at as i64, descending)
}

/// The `k` (i64[1]) largest or smallest.
pub(super) fn top(b: &mut Builder, x: ValueId, k: ValueId, axis: i64, largest: bool) -> Result<[ValueId; 2]> {
    let results = b.add(Op::TopK { axis, largest, sorted: true }, &[Some(x), Some(k)])?;
    match results.as_slice() {
        &[values, indices] => Ok([values, indices]),
        _ => Err(Diagnostic::error(Code::INTERNAL, "TopK has two results")),
    }
}

/// The matrix product; vectors and integers as NumPy takes them.
pub(super) fn matmul(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    b.one(Op::MatMul, &[x, y])
}

/// `x` with the value of `like`'s shape.
pub(super) fn filled_like(b: &mut Builder, like: ValueId, value: ValueId) -> Result<ValueId> {
    let shape = b.one(Op::Shape { start: 0, end: None }, &[like])?;
    b.one(Op::Expand, &[value, shape])
}

/// x / √max(Σx², epsilon) over `axes`, as `tf.math.l2_normalize`.
pub(super) fn l2_normalize(b: &mut Builder, x: ValueId, axes: Option<&[i64]>, epsilon: f64) -> Result<ValueId> {
    let squares = reduce(b, ReduceKind::SumSquare, x, axes, true)?;
    let least = b.scalar_like(x, epsilon);
    let bounded = b.binary(BinaryOp::Max, squares, least)?;
    let root = b.unary(UnaryOp::Sqrt, bounded)?;
    b.binary(BinaryOp::Div, x, root)
}

/// Softmax (or its logarithm) over one axis or several.
pub(super) fn softmax(b: &mut Builder, x: ValueId, axes: &[i64], log: bool) -> Result<ValueId> {
    if let &[axis] = axes {
        return b.one(if log { Op::LogSoftmax { axis } } else { Op::Softmax { axis } }, &[x]);
    }
    let total = b.reduce(ReduceKind::LogSumExp, x, axes, true)?;
    let y = b.binary(BinaryOp::Sub, x, total)?;
    if log { Ok(y) } else { b.unary(UnaryOp::Exp, y) }
}

/// x limited to [low, high], either of which may be absent.
pub(super) fn clip(b: &mut Builder, x: ValueId, low: Option<f64>, high: Option<f64>) -> Result<ValueId> {
    let low = low.map(|v| b.scalar_like(x, v));
    let high = high.map(|v| b.scalar_like(x, v));
    b.one_opt(Op::Clip, &[Some(x), low, high])
}

/// An Einstein sum of two operands as a matrix product where it is one of matrices with leading batch axes; else as it
/// is written.
pub(super) fn einsum(b: &mut Builder, equation: &str, operands: &[ValueId]) -> Result<ValueId> {
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    if let (Some((x, y, out)), &[p, q]) = (two_terms(&text), operands)
        && x.len() >= 2
        && y.len() >= 2
    {
        let (batch, i, k) = tail(&x);
        let plain = |last: [char; 2]| [batch, &last].concat();
        for (swap_x, i, k) in [(false, i, k), (true, k, i)] {
            let Some(&j) = y.iter().rev().find(|c| **c != k && !batch.contains(c)) else { continue };
            let distinct = i != j && !x.contains(&j);
            if !distinct || out != plain([i, j]) {
                continue;
            }
            let swap_y = match () {
                () if y == plain([k, j]) => false,
                () if y == plain([j, k]) => true,
                () => continue,
            };
            let p = if swap_x { b.transposed(p)? } else { p };
            let q = if swap_y { b.transposed(q)? } else { q };
            return matmul(b, p, q);
        }
    }
    b.one(Op::Einsum { equation: text }, operands)
}

/// The labels of both operands and the result, when each stands once an operand.
fn two_terms(text: &str) -> Option<(Vec<char>, Vec<char>, Vec<char>)> {
    let (left, out) = text.split_once("->")?;
    let (x, y) = left.split_once(',')?;
    let labels = |t: &str| {
        let l: Vec<char> = t.chars().collect();
        let once = l.iter().enumerate().all(|(i, c)| c.is_alphabetic() && !l.iter().skip(i + 1).any(|d| d == c));
        once.then_some(l)
    };
    Some((labels(x)?, labels(y)?, labels(out)?))
}

/// The leading labels and the last two.
fn tail(labels: &[char]) -> (&[char], char, char) {
    match labels {
        [batch @ .., i, k] => (batch, *i, *k),
        _ => (&[], ' ', ' '),
    }
}
