//! Small constants computed at once: elementwise ops, reductions, and elements picked by index.
//!
//! Sums, differences, products and quotients of narrower floats are computed in f64 and rounded once more, which
//! gives what the narrow type itself gives.

use super::axis_of;
use crate::core::{BinaryOp, ReduceKind, UnaryOp};
use crate::infer::Operand;
use crate::tensor::{decode_f64, encode_f64};
use crate::{DType, Op, Tensor, TensorType};
use modelport_diag::Result;

/// Results and operands with more elements are left to the runtime.
const MOST: usize = 4096;

/// The only result of `op` on small constants; `None` when it is not one that is computed here.
pub(super) fn fold(op: &Op, operands: &[Option<Operand<'_>>], results: &[TensorType]) -> Result<Option<Tensor>> {
    let [ty] = results else { return Ok(None) };
    let Some(shape) = ty.static_shape().filter(|_| ty.elements().is_some_and(|n| n <= MOST)) else { return Ok(None) };
    let small = |o: &Option<Operand<'_>>| o.and_then(|o| o.constant).filter(|t| t.len() <= MOST).cloned();
    let Some(x) = operands.iter().map(small).collect::<Option<Vec<Tensor>>>() else { return Ok(None) };
    match (op, x.as_slice()) {
        (Op::Unary(u), [x]) => numbers(x, ty.dtype, &shape, |v| unary(*u, v)),
        (Op::Binary(b), [x, y]) => binary(*b, x, y, ty.dtype, &shape),
        (Op::Where, [c, x, y]) => choose(c, x, y, &shape),
        (Op::Reduce { kind, axes, .. }, [x]) => reduce(*kind, axes, x, &shape),
        (Op::Expand, [x, _]) => picked(x, &shape, &broadcast(x.shape(), &shape)),
        (Op::Tile, [x, _]) => picked(x, &shape, &mapped(x.shape(), &shape, |i, n| i % n)),
        (Op::Gather { axis }, [x, at]) => gather(*axis, x, at, &shape),
        _ => Ok(None),
    }
}

/// For each element of the result, which element of the operand it comes from.
fn mapped(from: &[usize], to: &[usize], index: impl Fn(usize, usize) -> usize) -> Vec<usize> {
    let total: usize = to.iter().product();
    let skip = to.len().saturating_sub(from.len());
    let source = |mut at: usize| {
        let (mut offset, mut stride) = (0, 1);
        for (axis, &n) in to.iter().enumerate().rev() {
            if let Some(&m) = axis.checked_sub(skip).and_then(|a| from.get(a)) {
                offset += index(at % n, m.max(1)) * stride;
                stride *= m;
            }
            at /= n;
        }
        offset
    };
    (0..total).map(source).collect()
}

fn broadcast(from: &[usize], to: &[usize]) -> Vec<usize> {
    mapped(from, to, |i, n| if n == 1 { 0 } else { i })
}

/// The elements of `x` at `at`, whatever their type.
fn picked(x: &Tensor, shape: &[usize], at: &[usize]) -> Result<Option<Tensor>> {
    let size = x.dtype().size();
    if size == 0 {
        return Ok(None);
    }
    let bytes = x.bytes()?;
    let elements: Option<Vec<&[u8]>> = at.iter().map(|&i| bytes.get(i * size..(i + 1) * size)).collect();
    elements.map(|e| Tensor::from_bytes(x.dtype(), shape.to_vec(), e.concat())).transpose()
}

fn gather(axis: i64, x: &Tensor, at: &Tensor, shape: &[usize]) -> Result<Option<Tensor>> {
    let Some(axis) = axis_of(axis, x.rank()) else { return Ok(None) };
    let n = x.shape()[axis] as i64;
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let outer: usize = x.shape()[..axis].iter().product();
    let rows = at.to_i64s()?.into_iter().map(|i| if i < 0 { i.checked_add(n)? } else { i }.try_into().ok());
    let Some(rows) = rows.collect::<Option<Vec<usize>>>().filter(|r| r.iter().all(|&i| i < n as usize)) else {
        return Ok(None);
    };
    let mut from = Vec::with_capacity(outer * rows.len() * inner);
    for o in 0..outer {
        for r in &rows {
            from.extend((0..inner).map(|i| (o * n as usize + r) * inner + i));
        }
    }
    picked(x, shape, &from)
}

fn choose(c: &Tensor, x: &Tensor, y: &Tensor, shape: &[usize]) -> Result<Option<Tensor>> {
    let all = |t: &Tensor| picked(t, shape, &broadcast(t.shape(), shape));
    let (Some(x), Some(y), Some(c)) = (all(x)?, all(y)?, all(c)?) else { return Ok(None) };
    let (a, b, size) = (x.bytes()?, y.bytes()?, x.dtype().size());
    let pairs = a.chunks_exact(size).zip(b.chunks_exact(size));
    let out: Vec<u8> =
        c.to_i64s()?.iter().zip(pairs).flat_map(|(c, (x, y))| if *c != 0 { x } else { y }).copied().collect();
    Tensor::from_bytes(x.dtype(), shape.to_vec(), out).map(Some)
}

/// An element: floats as f64, integers and truth values exactly.
#[derive(Clone, Copy)]
enum Num {
    Float(f64),
    Int(i128),
}

fn decode(x: &Tensor) -> Result<Option<Vec<Num>>> {
    let dtype = x.dtype();
    if dtype == DType::U64 {
        let bytes = x.bytes()?;
        let word = |e: &[u8; 8]| Num::Int(u64::from_le_bytes(*e).into());
        return Ok(Some(bytes.as_chunks::<8>().0.iter().map(word).collect()));
    }
    if !(dtype.is_float() || dtype.is_int() || dtype == DType::Bool) {
        return Ok(None);
    }
    if dtype.is_float() {
        let bytes = x.bytes()?;
        return Ok(Some(bytes.chunks_exact(dtype.size()).map(|e| Num::Float(decode_f64(dtype, e))).collect()));
    }
    Ok(Some(x.to_i64s()?.into_iter().map(|i| Num::Int(i.into())).collect()))
}

/// A tensor of the numbers; `None` when one does not exist in the type.
fn encode(dtype: DType, shape: &[usize], values: &[Option<Num>]) -> Result<Option<Tensor>> {
    let mut bytes = Vec::with_capacity(values.len() * dtype.size());
    for v in values {
        match *v {
            Some(Num::Float(f)) if dtype.is_float() => encode_f64(dtype, f, &mut bytes),
            Some(Num::Int(i)) if fits(dtype, i) => {
                bytes.extend_from_slice(i.to_le_bytes().get(..dtype.size()).unwrap_or_default());
            }
            _ => return Ok(None),
        }
    }
    Tensor::from_bytes(dtype, shape.to_vec(), bytes).map(Some)
}

fn fits(dtype: DType, i: i128) -> bool {
    let bits = dtype.size() as u32 * 8;
    match dtype {
        DType::Bool => (0..=1).contains(&i),
        d if d.is_signed_int() => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&i),
        d if d.is_int() => (0..1i128 << bits).contains(&i),
        _ => false,
    }
}

fn numbers(x: &Tensor, dtype: DType, shape: &[usize], f: impl Fn(Num) -> Option<Num>) -> Result<Option<Tensor>> {
    let Some(values) = decode(x)? else { return Ok(None) };
    encode(dtype, shape, &values.into_iter().map(f).collect::<Vec<_>>())
}

fn unary(op: UnaryOp, v: Num) -> Option<Num> {
    use UnaryOp::*;
    Some(match v {
        Num::Float(x) => Num::Float(match op {
            Abs => x.abs(),
            Neg => -x,
            Exp => x.exp(),
            Log => x.ln(),
            Sqrt => x.sqrt(),
            Reciprocal => 1.0 / x,
            Floor => x.floor(),
            Ceil => x.ceil(),
            Round => x.round_ties_even(),
            Tanh => x.tanh(),
            Sigmoid => 1.0 / (1.0 + (-x).exp()),
            _ => return None,
        }),
        Num::Int(i) => Num::Int(match op {
            Abs => i.abs(),
            Neg => -i,
            Sign => i.signum(),
            Relu => i.max(0),
            Not => 1 - i,
            _ => return None,
        }),
    })
}

fn binary(op: BinaryOp, x: &Tensor, y: &Tensor, dtype: DType, shape: &[usize]) -> Result<Option<Tensor>> {
    let (Some(a), Some(b)) = (decode(x)?, decode(y)?) else { return Ok(None) };
    let (i, j) = (broadcast(x.shape(), shape), broadcast(y.shape(), shape));
    let pair = |(&i, &j): (&usize, &usize)| two(op, *a.get(i)?, *b.get(j)?);
    encode(dtype, shape, &i.iter().zip(&j).map(pair).collect::<Vec<_>>())
}

fn two(op: BinaryOp, x: Num, y: Num) -> Option<Num> {
    use BinaryOp::*;
    let truth = |t: bool| Some(Num::Int(t.into()));
    match (x, y) {
        (Num::Float(x), Num::Float(y)) => match op {
            Add => Some(Num::Float(x + y)),
            Sub => Some(Num::Float(x - y)),
            Mul => Some(Num::Float(x * y)),
            Div => Some(Num::Float(x / y)),
            Pow => Some(Num::Float(x.powf(y))),
            // NaN wins in ONNX and NumPy, not in `f64::max`.
            Max if !x.is_nan() && !y.is_nan() => Some(Num::Float(x.max(y))),
            Min if !x.is_nan() && !y.is_nan() => Some(Num::Float(x.min(y))),
            Equal => truth(x == y),
            Greater => truth(x > y),
            GreaterOrEqual => truth(x >= y),
            Less => truth(x < y),
            LessOrEqual => truth(x <= y),
            _ => None,
        },
        (Num::Int(x), Num::Int(y)) => match op {
            Add => Some(Num::Int(x + y)),
            Sub => Some(Num::Int(x - y)),
            Mul => x.checked_mul(y).map(Num::Int),
            Div => x.checked_div(y).map(Num::Int),
            Mod => x.checked_rem(y).map(|r| Num::Int(if r != 0 && (r < 0) != (y < 0) { r + y } else { r })),
            Fmod => x.checked_rem(y).map(Num::Int),
            Max => Some(Num::Int(x.max(y))),
            Min => Some(Num::Int(x.min(y))),
            Equal => truth(x == y),
            Greater => truth(x > y),
            GreaterOrEqual => truth(x >= y),
            Less => truth(x < y),
            LessOrEqual => truth(x <= y),
            And | BitwiseAnd => Some(Num::Int(x & y)),
            Or | BitwiseOr => Some(Num::Int(x | y)),
            Xor | BitwiseXor => Some(Num::Int(x ^ y)),
            ShiftLeft if x >= 0 && (0..64).contains(&y) => Some(Num::Int(x << y)),
            ShiftRight if x >= 0 && (0..64).contains(&y) => Some(Num::Int(x >> y)),
            _ => None,
        },
        _ => None,
    }
}

fn reduce(kind: ReduceKind, axes: &[i64], x: &Tensor, shape: &[usize]) -> Result<Option<Tensor>> {
    let axes: Option<Vec<usize>> = axes.iter().map(|&a| axis_of(a, x.rank())).collect();
    let (Some(axes), Some(values)) = (axes, decode(x)?) else { return Ok(None) };
    let (op, start) = match kind {
        ReduceKind::Sum | ReduceKind::Mean => (BinaryOp::Add, Some(0)),
        ReduceKind::Prod => (BinaryOp::Mul, Some(1)),
        ReduceKind::Max => (BinaryOp::Max, None),
        ReduceKind::Min => (BinaryOp::Min, None),
        _ => return Ok(None),
    };
    if values.is_empty() || (kind == ReduceKind::Mean && !x.dtype().is_float()) {
        return Ok(None);
    }
    let reduced = |a: usize| axes.is_empty() || axes.contains(&a);
    let kept: Vec<_> = x.shape().iter().enumerate().map(|(a, &n)| if reduced(a) { 1 } else { n }).collect();
    let begin = start.map(|s: i32| if x.dtype().is_float() { Num::Float(s.into()) } else { Num::Int(s.into()) });
    let mut out = vec![begin; kept.iter().product()];
    let mut seen = vec![false; out.len()];
    for (at, &v) in broadcast(&kept, x.shape()).into_iter().zip(&values) {
        let (Some(sum), Some(seen)) = (out.get_mut(at), seen.get_mut(at)) else { return Ok(None) };
        let first = !std::mem::replace(seen, true) && begin.is_none();
        *sum = if first { Some(v) } else { sum.and_then(|s| two(op, s, v)) };
    }
    if kind == ReduceKind::Mean {
        let n = (values.len() / out.len()) as f64;
        out.iter_mut().for_each(|v| *v = v.and_then(|v| two(BinaryOp::Div, v, Num::Float(n))));
    }
    encode(x.dtype(), shape, &out)
}
