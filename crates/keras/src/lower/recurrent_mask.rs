//! Masked sequences, exactly as Keras iterates over them: a masked step leaves the states as they are and repeats the
//! output before it (zeros at the start).
//!
//! Because masked steps change nothing, the steps that count are moved to the front, in the order of iteration, run
//! without a mask, and spread back to where they belong. This holds for any mask, not only for padding at the end.
//!
//! Owns: that rearrangement. Must never know: cells.

use super::recurrent_shapes::{self as shapes, From};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{Builder, DType, Op, ValueId};

/// How the steps of a masked sequence move.
pub(super) struct Compaction {
    /// bool, batch × time.
    mask: ValueId,
    /// i64, batch × time: which step comes k-th.
    order: ValueId,
    /// i64, batch × time: which step's output stands here, where [`Compaction::live`].
    place: ValueId,
    /// bool, batch × time: whether any step up to here counts.
    live: ValueId,
    /// i64, batch: the number of steps that count.
    count: ValueId,
    backwards: bool,
}

impl Compaction {
    /// Plans for a mask, bool, batch × time.
    pub(super) fn plan(b: &mut Builder, mask: ValueId, backwards: bool) -> Result<Self> {
        let mask = b.cast(mask, DType::Bool)?;
        let time = b.dim(mask, 1)?;
        let (zero, one, minus) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, 1.0), b.scalar(DType::I64, -1.0));
        let n = b.squeeze(time, &[0])?;
        let steps = if backwards {
            let last = b.binary(BinaryOp::Sub, n, one)?;
            b.one(Op::Range, &[last, minus, minus])?
        } else {
            b.one(Op::Range, &[zero, n, one])?
        };
        let behind = b.binary(BinaryOp::Add, steps, time)?;
        let key = b.one(Op::Where, &[mask, steps, behind])?;
        let sorted = b.add(Op::TopK { axis: 1, largest: false, sorted: true }, &[Some(key), Some(time)])?;
        let order = *sorted.get(1).ok_or_else(|| Diagnostic::error(Code::INTERNAL, "TopK has two results"))?;
        let ones = b.cast(mask, DType::I64)?;
        let upto = b.one(Op::CumSum { axis: 1, exclusive: false, reverse: backwards }, &[ones])?;
        let live = b.binary(BinaryOp::Greater, upto, zero)?;
        let before = b.binary(BinaryOp::Sub, upto, one)?;
        let place = b.one(Op::Where, &[live, before, zero])?;
        let count = b.reduce(ReduceKind::Sum, ones, &[1], false)?;
        Ok(Self { mask, order, place, live, count, backwards })
    }

    /// The steps of `x` (batch, time, …) at `index` (batch × n).
    fn pick(b: &mut Builder, x: ValueId, index: ValueId) -> Result<ValueId> {
        let rank = b.rank(x);
        let mut dims = vec![From::Dim(index, 0), From::Dim(index, 1)];
        dims.extend((2..rank).map(|a| From::Dim(x, a)));
        let shape = shapes::vector(b, &dims)?;
        let index = widened(b, index, rank)?;
        let index = b.one(Op::Expand, &[index, shape])?;
        b.one(Op::GatherElements { axis: 1 }, &[x, index])
    }

    /// `x` (batch, time, …) with the steps that count first, in the order of iteration.
    pub(super) fn compact(&self, b: &mut Builder, x: ValueId) -> Result<ValueId> {
        Self::pick(b, x, self.order)
    }

    /// Outputs (batch, time, …) of the compacted steps, in the order of the original time axis.
    pub(super) fn spread(&self, b: &mut Builder, y: ValueId, zero_masked: bool) -> Result<ValueId> {
        let spread = Self::pick(b, y, self.place)?;
        let shown = if zero_masked { self.mask } else { self.live };
        where_or_zero(b, shown, spread)
    }

    /// The output of the last step, without the time axis.
    pub(super) fn last(&self, b: &mut Builder, y: ValueId, zero_masked: bool) -> Result<ValueId> {
        // The place of the step that is iterated last says which output stands there.
        let (start, end) = if self.backwards { (0, 1) } else { (-1, i64::MAX) };
        let place = b.slice_axis(self.place, 1, start, end, 1)?;
        let shown = if zero_masked { self.mask } else { self.live };
        let shown = b.slice_axis(shown, 1, start, end, 1)?;
        let last = Self::pick(b, y, place)?;
        let last = where_or_zero(b, shown, last)?;
        b.squeeze(last, &[1])
    }

    /// The number of steps that count, as the lengths that recurrences take.
    pub(super) fn lengths(&self, b: &mut Builder) -> Result<ValueId> {
        b.cast(self.count, DType::I32)
    }

    /// A final state, which is the initial one (or zeros) where no step counts.
    pub(super) fn state(&self, b: &mut Builder, state: ValueId, initial: Option<ValueId>) -> Result<ValueId> {
        let zero = b.scalar(DType::I64, 0.0);
        let any = b.binary(BinaryOp::Greater, self.count, zero)?;
        match initial {
            Some(initial) => {
                let any = widened(b, any, b.rank(state))?;
                b.one(Op::Where, &[any, state, initial])
            }
            None => where_or_zero(b, any, state),
        }
    }
}

/// `x` with trailing dimensions of 1 up to `rank`.
fn widened(b: &mut Builder, x: ValueId, rank: usize) -> Result<ValueId> {
    let axes: Vec<i64> = (b.rank(x)..rank).map(|a| a as i64).collect();
    if axes.is_empty() { Ok(x) } else { b.unsqueeze(x, &axes) }
}

/// `y` where `shown` (of y's leading dimensions), else 0.
fn where_or_zero(b: &mut Builder, shown: ValueId, y: ValueId) -> Result<ValueId> {
    let shown = widened(b, shown, b.rank(y))?;
    let zero = b.scalar_like(y, 0.0);
    b.one(Op::Where, &[shown, y, zero])
}
