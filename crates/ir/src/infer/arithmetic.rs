//! Shape arithmetic: the elements of small integer results as far as they are known.

use super::context::Ctx;
use super::{Known, KnownInt, Operand, shape};
use crate::core::{BinaryOp, ReduceKind, UnaryOp};
use crate::{DType, Dim, Op, TensorType};

/// Results longer than this are data, not shapes.
const MOST: usize = 64;

/// The elements of the first result as far as they are known: shape arithmetic on small integer values.
pub fn known_results(op: &Op, operands: &[Option<Operand<'_>>], results: &[TensorType]) -> Option<Known> {
    let ty = results.first()?;
    let small = ty.rank() <= 1 && ty.elements().is_some_and(|n| n <= MOST);
    if !small || !(ty.dtype.is_int() || ty.dtype == DType::Bool) {
        return None;
    }
    let c = Ctx { name: op.name(), operands };
    let values = compute(op, c)?;
    // A number that the type cannot hold is left to the runtime.
    let fits = values.iter().all(|v| v.value().is_none_or(|v| holds(ty.dtype, v)));
    (fits && Some(values.len()) == ty.elements()).then_some(Known(values))
}

fn holds(dtype: DType, v: i64) -> bool {
    match dtype {
        DType::I8 => i8::try_from(v).is_ok(),
        DType::I16 => i16::try_from(v).is_ok(),
        DType::I32 => i32::try_from(v).is_ok(),
        DType::U8 => u8::try_from(v).is_ok(),
        DType::U16 => u16::try_from(v).is_ok(),
        DType::U32 => u32::try_from(v).is_ok(),
        DType::U64 => v >= 0,
        DType::Bool => (0..=1).contains(&v),
        _ => true,
    }
}

fn get(c: Ctx<'_>, i: usize) -> Option<Vec<KnownInt>> {
    let operand = c.operand(i)?;
    match (operand.known, operand.constant) {
        (Some(k), _) => Some(k.0.clone()),
        (None, Some(t)) if t.len() <= MOST && t.rank() <= 1 => {
            Some(t.to_i64s().ok()?.into_iter().map(KnownInt::Value).collect())
        }
        _ => None,
    }
}

fn compute(op: &Op, c: Ctx<'_>) -> Option<Vec<KnownInt>> {
    match op {
        Op::Shape { start, end } => {
            let x = &c.opt(0)?.shape;
            Some(x.get(shape::shape_range(x.len(), *start, *end))?.iter().map(KnownInt::from).collect())
        }
        Op::Size => Some(vec![KnownInt::from(&super::context::product(&c.opt(0)?.shape))]),
        Op::Unary(UnaryOp::Identity)
        | Op::Squeeze { .. }
        | Op::Unsqueeze { .. }
        | Op::Reshape { .. }
        | Op::Cast { .. } => get(c, 0),
        Op::Unary(UnaryOp::Neg) => {
            Some(get(c, 0)?.iter().map(|v| number(v.value().and_then(i64::checked_neg))).collect())
        }
        Op::Gather { .. } => {
            let (x, at) = (get(c, 0)?, get(c, 1)?);
            at.iter().map(|i| pick(&x, i)).collect()
        }
        Op::Slice => slice(c),
        Op::Concat { .. } => {
            let parts = (0..c.operands.len()).map(|i| {
                let n = c.opt(i)?.elements().filter(|&n| n <= MOST)?;
                Some(get(c, i).unwrap_or_else(|| vec![KnownInt::Unknown; n]))
            });
            Some(parts.collect::<Option<Vec<_>>>()?.concat())
        }
        Op::Binary(b) => pairwise(&get(c, 0)?, &get(c, 1)?, |x, y| binary(*b, x, y)),
        Op::Where => {
            let (x, y) = (get(c, 1)?, get(c, 2)?);
            let n = get(c, 0)?;
            let len = n.len().max(x.len()).max(y.len());
            (0..len).map(|i| choose(wrap(&n, i)?, wrap(&x, i)?, wrap(&y, i)?)).collect()
        }
        Op::Reduce { kind, .. } => reduce(*kind, &get(c, 0)?).map(|v| vec![v]),
        Op::Range => {
            let ends: Option<Vec<i64>> = (0..3).map(|i| get(c, i)?.first()?.value()).collect();
            let &[start, limit, delta] = ends?.as_slice() else { return None };
            let n = (i128::from(limit) - i128::from(start) + i128::from(delta) - i128::from(delta.signum()))
                .checked_div(delta.into())?;
            (0..usize::try_from(n.max(0)).ok().filter(|&n| n <= MOST)? as i64)
                .map(|i| Some(KnownInt::Value(start.checked_add(i.checked_mul(delta)?)?)))
                .collect()
        }
        Op::Expand => {
            let x = get(c, 0)?;
            let n = get(c, 1)?.first().map_or(Some(1), KnownInt::value)?;
            let n = usize::try_from(n).ok().filter(|&n| n <= MOST)?;
            if x.len() == 1 { Some(vec![x.first()?.clone(); n]) } else { Some(x) }
        }
        Op::Tile => {
            let (x, n) = (get(c, 0)?, get(c, 1)?);
            let n = n.first().map_or(Some(1), KnownInt::value)?;
            let n = usize::try_from(n).ok().filter(|&n| n <= MOST)?;
            Some(x.iter().cycle().take(x.len().checked_mul(n).filter(|&n| n <= MOST)?).cloned().collect())
        }
        _ => None,
    }
}

fn number(v: Option<i64>) -> KnownInt {
    v.map_or(KnownInt::Unknown, KnownInt::Value)
}

fn wrap(v: &[KnownInt], i: usize) -> Option<&KnownInt> {
    if v.len() == 1 { v.first() } else { v.get(i) }
}

fn pairwise(x: &[KnownInt], y: &[KnownInt], f: impl Fn(&KnownInt, &KnownInt) -> KnownInt) -> Option<Vec<KnownInt>> {
    let n = if x.len() == 1 { y.len() } else { x.len() };
    (0..n).map(|i| Some(f(wrap(x, i)?, wrap(y, i)?))).collect()
}

fn pick(x: &[KnownInt], at: &KnownInt) -> Option<KnownInt> {
    let Some(i) = at.value() else { return Some(KnownInt::Unknown) };
    let i = if i < 0 { i.checked_add(x.len() as i64)? } else { i };
    x.get(usize::try_from(i).ok()?).cloned()
}

fn slice(c: Ctx<'_>) -> Option<Vec<KnownInt>> {
    let x = get(c, 0)?;
    let plan = shape::slice_plan(c, 1).ok()??;
    let Some((_, [Some(start), Some(end), Some(step)])) = plan.first() else { return plan.is_empty().then_some(x) };
    let (first, n, step) = shape::clamp(x.len(), *start, *end, *step)?;
    (0..n as isize).map(|i| x.get(usize::try_from(first as isize + i * step).ok()?).cloned()).collect()
}

fn choose(c: &KnownInt, x: &KnownInt, y: &KnownInt) -> Option<KnownInt> {
    Some(match c.value() {
        Some(0) => y.clone(),
        Some(_) => x.clone(),
        None if x == y => x.clone(),
        None => KnownInt::Unknown,
    })
}

fn binary(op: BinaryOp, x: &KnownInt, y: &KnownInt) -> KnownInt {
    use BinaryOp::*;
    if let (Some(a), Some(b)) = (x.value(), y.value()) {
        return number(numbers(op, a, b));
    }
    let symbol = matches!(x, KnownInt::Dim(Dim::Symbol(_))) && x == y;
    match (op, x.value(), y.value()) {
        (Add | Sub, _, Some(0)) | (Mul | Div, _, Some(1)) => x.clone(),
        (Add, Some(0), _) | (Mul, Some(1), _) => y.clone(),
        (Mul, Some(0), _) | (Mul, _, Some(0)) => KnownInt::Value(0),
        (Sub, ..) if symbol => KnownInt::Value(0),
        (Max | Min, ..) if symbol => x.clone(),
        (Equal, ..) if symbol => KnownInt::Value(1),
        // A dimension is never negative.
        (Equal, Some(n), _) if n < 0 && matches!(y, KnownInt::Dim(_)) => KnownInt::Value(0),
        (Equal, _, Some(n)) if n < 0 && matches!(x, KnownInt::Dim(_)) => KnownInt::Value(0),
        _ => KnownInt::Unknown,
    }
}

fn numbers(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    use BinaryOp::*;
    match op {
        Add => a.checked_add(b),
        Sub => a.checked_sub(b),
        Mul => a.checked_mul(b),
        Div => a.checked_div(b),
        Mod => {
            let r = a.checked_rem(b)?;
            Some(if r != 0 && (r < 0) != (b < 0) { r + b } else { r })
        }
        Fmod => a.checked_rem(b),
        Pow => a.checked_pow(u32::try_from(b).ok()?),
        Max => Some(a.max(b)),
        Min => Some(a.min(b)),
        Equal => Some((a == b).into()),
        Greater => Some((a > b).into()),
        GreaterOrEqual => Some((a >= b).into()),
        Less => Some((a < b).into()),
        LessOrEqual => Some((a <= b).into()),
        And => Some((a != 0 && b != 0).into()),
        Or => Some((a != 0 || b != 0).into()),
        Xor => Some(((a != 0) != (b != 0)).into()),
        BitwiseAnd => Some(a & b),
        BitwiseOr => Some(a | b),
        BitwiseXor => Some(a ^ b),
        PRelu | ShiftLeft | ShiftRight => None,
    }
}

fn reduce(kind: ReduceKind, x: &[KnownInt]) -> Option<KnownInt> {
    let fold = |op, start: i64| x.iter().fold(KnownInt::Value(start), |a, v| binary(op, &a, v));
    match kind {
        ReduceKind::Sum => Some(fold(BinaryOp::Add, 0)),
        ReduceKind::Prod => Some(fold(BinaryOp::Mul, 1)),
        ReduceKind::Max => x.iter().cloned().reduce(|a, v| binary(BinaryOp::Max, &a, &v)),
        ReduceKind::Min => x.iter().cloned().reduce(|a, v| binary(BinaryOp::Min, &a, &v)),
        _ => None,
    }
}
