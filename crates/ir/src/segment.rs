//! Rows reduced by segment, that several front ends have in common (`core/kernels/segment_reduction_ops_impl.h` of TensorFlow
//! 2.21).
//!
//! Owns: what empty segments are. Must never know: whose op asks.

use crate::builder::Builder;
use crate::core::{BinaryOp, ScatterReduction, UnaryOp};
use crate::{DType, Op, Tensor, ValueId};
use modelport_diag::Result;

/// What becomes of the rows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their sum divided by the square root of their number.
    SqrtN,
    /// Their product.
    Prod,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

impl Builder {
    /// The finite number that no other of the type is above (`least`) or below.
    ///
    /// # Errors
    /// As [`Tensor::from_bytes`].
    pub fn extreme(&mut self, dtype: DType, least: bool) -> Result<ValueId> {
        let size = dtype.size();
        let bytes: Vec<u8> = match dtype {
            DType::F32 => (if least { f32::MIN } else { f32::MAX }).to_le_bytes().to_vec(),
            DType::F64 => (if least { f64::MIN } else { f64::MAX }).to_le_bytes().to_vec(),
            DType::F16 => (if least { 0xfbff_u16 } else { 0x7bff }).to_le_bytes().to_vec(),
            DType::BF16 => (if least { 0xff7f_u16 } else { 0x7f7f }).to_le_bytes().to_vec(),
            d if d.is_signed_int() => {
                let mut bytes = vec![if least { 0 } else { 0xff }; size];
                if let Some(top) = bytes.last_mut() {
                    *top = if least { 0x80 } else { 0x7f };
                }
                bytes
            }
            _ => vec![if least { 0 } else { 0xff }; size],
        };
        Ok(self.constant("", Tensor::from_bytes(dtype, vec![], bytes)?))
    }

    /// Zeros of a shape, with updates of the same element (tuples `at`, i64) summed. Bool has no kernels that scatter: it goes
    /// through i32.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn scattered(&mut self, at: ValueId, updates: ValueId, shape: ValueId) -> Result<ValueId> {
        let dtype = self.dtype(updates);
        let values = if dtype == DType::Bool { self.cast(updates, DType::I32)? } else { updates };
        let zero = self.scalar_like(values, 0.0);
        let blank = self.one(Op::Expand, &[zero, shape])?;
        let y = self.one(Op::ScatterNd { reduction: ScatterReduction::Add }, &[blank, at, values])?;
        self.cast(y, dtype)
    }

    /// One more than the last of a vector of numbers: how many segments there are where they are sorted (i64[1]).
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn one_more_than_last(&mut self, ids: ValueId) -> Result<ValueId> {
        let end = self.ints(&[-1]);
        let last = self.one(Op::Gather { axis: 0 }, &[ids, end])?;
        self.binary_scalar(BinaryOp::Add, last, 1.0)
    }

    /// Rows of `x` reduced by `ids` (i64[rows]) to `count` (i64[1]) rows. Empty segments are 0 (1 for products), or the bound
    /// of the type where `bounds`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn segments(
        &mut self,
        kind: Segment,
        x: ValueId,
        ids: ValueId,
        count: ValueId,
        bounds: bool,
    ) -> Result<ValueId> {
        let start = match kind {
            Segment::Max => self.extreme(self.dtype(x), true)?,
            Segment::Min => self.extreme(self.dtype(x), false)?,
            Segment::Prod => self.scalar_like(x, 1.0),
            _ => self.scalar_like(x, 0.0),
        };
        let reduction = match kind {
            Segment::Prod => ScatterReduction::Mul,
            Segment::Max => ScatterReduction::Max,
            Segment::Min => ScatterReduction::Min,
            _ => ScatterReduction::Add,
        };
        let shape = if self.rank(x) > 1 {
            let tail = self.one(Op::Shape { start: 1, end: None }, &[x])?;
            self.concat(&[count, tail], 0)?
        } else {
            count
        };
        let blank = self.one(Op::Expand, &[start, shape])?;
        let tuples = self.unsqueeze(ids, &[1])?;
        let y = self.one(Op::ScatterNd { reduction }, &[blank, tuples, x])?;
        match kind {
            Segment::Mean | Segment::SqrtN => {
                let n = self.segment_sizes(x, tuples, count)?;
                let n = self.binary_scalar(BinaryOp::Max, n, 1.0)?;
                let n = if kind == Segment::SqrtN { self.unary(UnaryOp::Sqrt, n)? } else { n };
                self.binary(BinaryOp::Div, y, n)
            }
            Segment::Max | Segment::Min if !bounds => {
                let n = self.segment_sizes(x, tuples, count)?;
                let empty = self.binary_scalar(BinaryOp::Equal, n, 0.0)?;
                let zero = self.scalar_like(y, 0.0);
                self.choose(empty, zero, y)
            }
            _ => Ok(y),
        }
    }

    /// As [`Builder::segments`], where rows of negative ids belong nowhere: they go to a segment more, which is cut off.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn unsorted_segments(&mut self, kind: Segment, x: ValueId, ids: ValueId, count: ValueId) -> Result<ValueId> {
        let known = self.known(ids).and_then(crate::infer::Known::values);
        if known.is_some_and(|v| v.iter().all(|i| *i >= 0)) {
            return self.segments(kind, x, ids, count, true);
        }
        let negative = self.binary_scalar(BinaryOp::Less, ids, 0.0)?;
        let ids = self.choose(negative, count, ids)?;
        let more = self.binary_scalar(BinaryOp::Add, count, 1.0)?;
        let y = self.segments(kind, x, ids, more, true)?;
        let (zero, axis) = (self.ints(&[0]), self.ints(&[0]));
        self.one(Op::Slice, &[y, zero, count, axis])
    }

    /// The number of rows in each segment, in the type of `x`, with dimensions of 1 behind.
    fn segment_sizes(&mut self, x: ValueId, tuples: ValueId, count: ValueId) -> Result<ValueId> {
        let (zero, one) = (self.scalar_like(x, 0.0), self.scalar_like(x, 1.0));
        let blank = self.one(Op::Expand, &[zero, count])?;
        let n = self.dim(tuples, 0)?;
        let ones = self.one(Op::Expand, &[one, n])?;
        let sums = self.one(Op::ScatterNd { reduction: ScatterReduction::Add }, &[blank, tuples, ones])?;
        let axes: Vec<i64> = (1..self.rank(x) as i64).collect();
        if axes.is_empty() { Ok(sums) } else { self.unsqueeze(sums, &axes) }
    }
}
