//! Formulas that take more than one core op, on the builder alone.
//!
//! Owns: arithmetic and shapes that several families need. Must never know: nodes and their attributes.

use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::infer::KnownInt;
use modelport_ir::{Builder, DType, Dim, Op, ValueId};

pub(super) type Out = Result<ValueId>;

// ---- arithmetic

/// x·x.
pub(super) fn square(b: &mut Builder, x: ValueId) -> Out {
    b.binary(BinaryOp::Mul, x, x)
}

/// 1/√x.
pub(super) fn rsqrt(b: &mut Builder, x: ValueId) -> Out {
    let root = b.unary(UnaryOp::Sqrt, x)?;
    b.unary(UnaryOp::Reciprocal, root)
}

/// Not equal.
pub(super) fn differs(b: &mut Builder, x: ValueId, y: ValueId) -> Out {
    let same = b.binary(BinaryOp::Equal, x, y)?;
    b.unary(UnaryOp::Not, same)
}

/// Whether x is 0.
pub(super) fn is_zero(b: &mut Builder, x: ValueId) -> Out {
    let zero = b.scalar_like(x, 0.0);
    b.binary(BinaryOp::Equal, x, zero)
}

/// Whether x is below a number.
pub(super) fn below(b: &mut Builder, x: ValueId, y: f64) -> Out {
    b.binary_scalar(BinaryOp::Less, x, y)
}

/// 0 where `condition`, else `x`.
pub(super) fn zero_where(b: &mut Builder, condition: ValueId, x: ValueId) -> Out {
    let zero = b.scalar_like(x, 0.0);
    b.choose(condition, zero, x)
}

/// Towards zero.
pub(super) fn truncate(b: &mut Builder, x: ValueId) -> Out {
    let (up, down) = (b.unary(UnaryOp::Ceil, x)?, b.unary(UnaryOp::Floor, x)?);
    let negative = below(b, x, 0.0)?;
    b.choose(negative, up, down)
}

/// x limited to [low, high], either of which may be absent.
pub(super) fn clip(b: &mut Builder, x: ValueId, low: Option<f64>, high: Option<f64>) -> Out {
    let low = low.map(|v| b.scalar_like(x, v));
    let high = high.map(|v| b.scalar_like(x, v));
    b.one_opt(Op::Clip, &[Some(x), low, high])
}

/// Reduces `axes`; of no axes at all, the value itself.
pub(super) fn reduce(b: &mut Builder, kind: ReduceKind, x: ValueId, axes: &[i64], keepdims: bool) -> Out {
    if axes.is_empty() { Ok(x) } else { b.reduce(kind, x, axes, keepdims) }
}

// ---- shapes

/// Where one dimension of a target shape comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// A number; −1 is inferred, 0 is copied.
    Size(i64),
    /// The dimension of a value at an axis.
    Dim(ValueId, usize),
    /// The dimension of a value at an axis, divided.
    Part(ValueId, usize, i64),
    /// The dimension of a value at an axis, multiplied.
    Times(ValueId, usize, i64),
}

/// An i64 vector of dimensions; those that are known fold to constants.
pub(super) fn vector(b: &mut Builder, dims: &[From]) -> Out {
    let mut parts = Vec::with_capacity(dims.len());
    for d in dims {
        parts.push(match *d {
            From::Size(n) => b.ints(&[n]),
            From::Dim(x, axis) => b.dim(x, axis)?,
            From::Part(x, axis, n) => {
                let (all, n) = (b.dim(x, axis)?, b.ints(&[n]));
                b.binary(BinaryOp::Div, all, n)?
            }
            From::Times(x, axis, n) => {
                let (one, n) = (b.dim(x, axis)?, b.ints(&[n]));
                b.binary(BinaryOp::Mul, one, n)?
            }
        });
    }
    match parts.as_slice() {
        [] => Ok(b.ints(&[])),
        [one] => Ok(*one),
        _ => b.concat(&parts, 0),
    }
}

/// `x` in the shape `dims`.
pub(super) fn reshape(b: &mut Builder, x: ValueId, dims: &[From]) -> Out {
    let shape = vector(b, dims)?;
    reshape_to(b, x, shape)
}

/// `x` in the shape that an i64 vector says. One dimension that is not known is left to be inferred, and those that stay
/// where they are, are copied, so that no shape is computed at run time.
pub(super) fn reshape_to(b: &mut Builder, x: ValueId, shape: ValueId) -> Out {
    if let Some(short) = shortened(b, x, shape) {
        let plain = b.ints(&short);
        let y = b.one(Op::Reshape { allow_zero: false }, &[x, plain])?;
        // A symbol that only the computed shape knows is worth the computation.
        let lost = b.known(shape).is_some_and(|k| {
            k.0.iter().zip(b.shape(y)).any(|(k, d)| matches!(k, KnownInt::Dim(Dim::Symbol(_))) && *d == Dim::Unknown)
        });
        if !lost {
            return Ok(y);
        }
    }
    let zero = b.known(shape).is_some_and(|k| k.0.contains(&KnownInt::Value(0)));
    b.one(Op::Reshape { allow_zero: zero }, &[x, shape])
}

/// The shape in numbers, where −1 and 0 can stand for what is not known.
fn shortened(b: &Builder, x: ValueId, shape: ValueId) -> Option<Vec<i64>> {
    let known = b.known(shape)?;
    if known.0.contains(&KnownInt::Value(0)) {
        return None;
    }
    let number = |(i, k): (usize, &KnownInt)| match k {
        KnownInt::Value(v) => Some(*v),
        KnownInt::Dim(d) if b.shape(x).get(i).is_some_and(|e| e.same(d)) => Some(0),
        _ => None,
    };
    let mut numbers: Vec<Option<i64>> = known.0.iter().enumerate().map(number).collect();
    let open: Vec<usize> = numbers.iter().enumerate().filter(|(_, n)| n.is_none()).map(|(i, _)| i).collect();
    let inferred = numbers.contains(&Some(-1));
    // A single copied dimension may as well be inferred, which every runtime folds.
    match open.as_slice() {
        [] => {}
        &[only] if !inferred => *numbers.get_mut(only)? = Some(-1),
        _ => return None,
    }
    numbers.into_iter().collect()
}

/// The shape of `x`, i64.
pub(super) fn shape_of(b: &mut Builder, x: ValueId) -> Out {
    b.one(Op::Shape { start: 0, end: None }, &[x])
}

/// All dimensions as one.
pub(super) fn ravel(b: &mut Builder, x: ValueId) -> Out {
    if b.rank(x) == 1 { Ok(x) } else { b.reshape(x, &[-1]) }
}

/// An integer operand as i64 vector: scalars get one dimension.
pub(super) fn long_vector(b: &mut Builder, x: ValueId) -> Out {
    let x = b.cast(x, DType::I64)?;
    if b.rank(x) == 0 { b.reshape(x, &[1]) } else { Ok(x) }
}

/// An operand of one element as scalar.
pub(super) fn scalar(b: &mut Builder, x: ValueId) -> Out {
    if b.rank(x) == 0 { Ok(x) } else { b.reshape(x, &[]) }
}

/// `value`, a scalar, in the shape of `like`.
pub(super) fn filled_like(b: &mut Builder, like: ValueId, value: ValueId) -> Out {
    let shape = shape_of(b, like)?;
    b.one(Op::Expand, &[value, shape])
}

/// 0, 1, 2, … below an i64 number of one element.
pub(super) fn count_to(b: &mut Builder, n: ValueId) -> Out {
    let n = scalar(b, n)?;
    b.count_to(n)
}

/// The last two axes exchanged.
pub(super) fn transposed(b: &mut Builder, x: ValueId) -> Out {
    if b.rank(x) < 2 {
        return Err(
            Diagnostic::error(Code::TF_OPERANDS, "a matrix has at least two dimensions").found(b.ty(x).to_string())
        );
    }
    b.transposed(x)
}

/// Values joined along a new axis.
pub(super) fn stack(b: &mut Builder, parts: &[ValueId], axis: i64) -> Out {
    let mut wide = Vec::with_capacity(parts.len());
    for &p in parts {
        wide.push(b.unsqueeze(p, &[axis])?);
    }
    match wide.as_slice() {
        [one] => Ok(*one),
        _ => b.concat(&wide, axis),
    }
}

/// Element `i` of an i64 vector, as i64[1].
pub(super) fn element(b: &mut Builder, vector: ValueId, i: usize) -> Out {
    b.slice_axis(vector, 0, i as i64, i as i64 + 1, 1)
}

/// The two results of an op.
pub(super) fn two(results: &[ValueId]) -> Result<[ValueId; 2]> {
    match results {
        &[a, b, ..] => Ok([a, b]),
        _ => Err(Diagnostic::error(Code::INTERNAL, "an op has too few results")),
    }
}

/// The `k` (i64[1]) largest along the last axis, with indices.
pub(super) fn top(b: &mut Builder, x: ValueId, k: ValueId, largest: bool) -> Result<[ValueId; 2]> {
    let results = b.add(Op::TopK { axis: -1, largest, sorted: true }, &[Some(x), Some(k)])?;
    two(&results)
}
