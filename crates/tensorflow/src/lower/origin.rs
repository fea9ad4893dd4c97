//! Where an element of a computed shape comes from: a dimension of some value, scaled and shifted.
//!
//! Owns: reading shape arithmetic back. Must never know: ops of TensorFlow.

use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, Op, ValueId};

/// `factor · (dimension `axis` of `of`) + plus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sized {
    pub(super) of: ValueId,
    pub(super) axis: usize,
    pub(super) factor: i64,
    pub(super) plus: i64,
}

/// Steps that are followed back.
const STEPS: usize = 64;

/// The origin of element `i` of a small integer value.
pub(super) fn origin(b: &Builder, id: ValueId, i: usize) -> Option<Sized> {
    follow(b, id, i, STEPS)
}

fn number(b: &Builder, id: ValueId, i: usize) -> Option<i64> {
    let known = b.known(id)?;
    if known.0.len() == 1 { known.0.first()?.value() } else { known.0.get(i)?.value() }
}

fn follow(b: &Builder, id: ValueId, i: usize, steps: usize) -> Option<Sized> {
    let steps = steps.checked_sub(1)?;
    let node = b.graph().producer(id)?;
    let operand = |k: usize| node.inputs.get(k).copied().flatten();
    let x = operand(0)?;
    match &node.op {
        Op::Shape { start, .. } => {
            let first = if *start < 0 { start.checked_add(b.rank(x) as i64)? } else { *start };
            Some(Sized { of: x, axis: usize::try_from(first).ok()?.checked_add(i)?, factor: 1, plus: 0 })
        }
        Op::Cast { .. } | Op::Squeeze { .. } | Op::Unsqueeze { .. } | Op::Reshape { .. } if b.rank(x) <= 1 => {
            follow(b, x, i, steps)
        }
        Op::Gather { .. } => follow(b, x, usize::try_from(number(b, operand(1)?, i)?).ok()?, steps),
        Op::Slice => {
            let step = operand(4).map_or(Some(1), |s| number(b, s, 0))?;
            let start = number(b, operand(1)?, 0)?;
            let n = b.ty(x).elements()? as i64;
            let start = if start < 0 { start.checked_add(n)? } else { start };
            follow(b, x, usize::try_from(start.checked_add(step.checked_mul(i as i64)?)?).ok()?, steps)
        }
        Op::Concat { .. } => {
            let mut before = 0;
            for part in node.inputs.iter().flatten() {
                let n = b.ty(*part).elements()?;
                if i < before + n {
                    return follow(b, *part, i - before, steps);
                }
                before += n;
            }
            None
        }
        Op::Binary(op) => combine(b, *op, x, operand(1)?, i, steps),
        _ => None,
    }
}

fn combine(b: &Builder, op: BinaryOp, x: ValueId, y: ValueId, i: usize, steps: usize) -> Option<Sized> {
    let at = |id: ValueId| if b.ty(id).elements() == Some(1) { 0 } else { i };
    let (value, n) = match (number(b, x, i), number(b, y, i)) {
        (None, Some(n)) => (x, n),
        (Some(n), None) if op != BinaryOp::Sub => (y, n),
        _ => return None,
    };
    let s = follow(b, value, at(value), steps)?;
    match op {
        BinaryOp::Add => Some(Sized { plus: s.plus.checked_add(n)?, ..s }),
        BinaryOp::Sub => Some(Sized { plus: s.plus.checked_sub(n)?, ..s }),
        BinaryOp::Mul => Some(Sized { factor: s.factor.checked_mul(n)?, plus: s.plus.checked_mul(n)?, ..s }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use modelport_ir::{DType, Dim, TensorType};

    #[test]
    fn sizes_are_followed_to_the_value_that_has_them() {
        let mut b = Builder::new("t");
        let dims = [Dim::symbol("N"), Dim::Unknown, Dim::Unknown, Dim::Known(3)];
        let x = b.input("x", TensorType::new(DType::F32, dims.to_vec()));
        let shape = b.one(Op::Shape { start: 0, end: None }, &[x]).unwrap();
        let shape = b.cast(shape, DType::I32).unwrap();
        let h = b.slice_axis(shape, 0, 1, 2, 1).unwrap();
        let doubled = b.binary_scalar(BinaryOp::Mul, h, 2.0).unwrap();
        let more = b.binary_scalar(BinaryOp::Add, doubled, 1.0).unwrap();
        let one = b.constant("", modelport_ir::Tensor::ints(&[1]).cast(DType::I32).unwrap());
        let all = b.concat(&[one, more], 0).unwrap();
        assert_eq!(origin(&b, all, 1), Some(Sized { of: x, axis: 1, factor: 2, plus: 1 }));
        assert_eq!(origin(&b, all, 0), None);
    }
}
