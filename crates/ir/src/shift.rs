//! Bits moved to the left and to the right, as TensorFlow moves them (`core/kernels/cwise_ops.h` of 2.21).
//!
//! Owns: counts that are too large, signs. Must never know: whose op asks.

use crate::builder::Builder;
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, ValueId};
use modelport_diag::Result;

/// An unsigned type that shifts can be carried out in.
fn unsigned(dtype: DType) -> DType {
    match dtype.size() {
        1 => DType::U8,
        8 => DType::U64,
        _ => DType::U32,
    }
}

/// Shift counts are limited to 0 … bits − 1 (`left_shift_op`).
fn count(b: &mut Builder, y: ValueId, dtype: DType, to: DType) -> Result<ValueId> {
    let most = (dtype.size() * 8 - 1) as f64;
    let y = if b.dtype(y).size() < 4 { b.cast(y, DType::I32)? } else { y };
    let y = if b.dtype(y).is_signed_int() { b.binary_scalar(BinaryOp::Max, y, 0.0)? } else { y };
    let y = b.binary_scalar(BinaryOp::Min, y, most)?;
    b.cast(y, to)
}

impl Builder {
    /// The bits of `x` moved by `y` places up.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn shift_left(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        let dtype = self.dtype(x);
        let wide = unsigned(dtype);
        let (y, bits) = (count(self, y, dtype, wide)?, self.cast(x, wide)?);
        let shifted = self.binary(BinaryOp::ShiftLeft, bits, y)?;
        self.cast(shifted, dtype)
    }

    /// The bits of `x` moved by `y` places down. Of signed integers: the sign bit is shifted in, which is ~(~x >> y) of
    /// negative numbers.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn shift_right(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        let from = self.dtype(x);
        // Smaller integers are not chosen between by every runtime.
        let x = if from.is_signed_int() && from.size() < 4 { self.cast(x, DType::I32)? } else { x };
        let dtype = self.dtype(x);
        let wide = unsigned(dtype);
        let y = count(self, y, from, wide)?;
        let shift = |b: &mut Builder, x: ValueId| {
            let bits = b.cast(x, wide)?;
            let shifted = b.binary(BinaryOp::ShiftRight, bits, y)?;
            b.cast(shifted, dtype)
        };
        if !dtype.is_signed_int() {
            return shift(self, x);
        }
        let negative = self.binary_scalar(BinaryOp::Less, x, 0.0)?;
        let mirrored = self.unary(UnaryOp::BitwiseNot, x)?;
        let positive = self.choose(negative, mirrored, x)?;
        let shifted = shift(self, positive)?;
        let back = self.unary(UnaryOp::BitwiseNot, shifted)?;
        let y = self.choose(negative, back, shifted)?;
        self.cast(y, from)
    }
}
