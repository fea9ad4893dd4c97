//! Formulas of one value or two, element by element, that several front ends have in common.
//!
//! Owns: what takes more than one core op. Must never know: whose op asks, how types are promoted.

use crate::builder::Builder;
use crate::core::{BinaryOp, UnaryOp};
use crate::{DType, Op, ValueId};
use modelport_diag::Result;

impl Builder {
    /// `x` where the condition holds, else `y`. Types that onnxruntime 1.32 does not choose between go through one that it
    /// does.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn choose(&mut self, condition: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        let dtype = self.dtype(x);
        let wide = match dtype {
            DType::Bool => DType::U8,
            DType::I8 | DType::I16 | DType::U16 => DType::I32,
            DType::U32 => DType::I64,
            DType::F16 | DType::BF16 => DType::F32,
            _ => dtype,
        };
        let (x, y) = (self.cast(x, wide)?, self.cast(y, wide)?);
        let z = self.one(Op::Where, &[condition, x, y])?;
        self.cast(z, dtype)
    }

    /// x / y, 0 where y is 0.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn divide_no_nan(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        let (zero, one) = (self.scalar_like(y, 0.0), self.scalar_like(y, 1.0));
        let void = self.binary(BinaryOp::Equal, y, zero)?;
        let divisor = self.choose(void, one, y)?;
        let quotient = self.binary(BinaryOp::Div, x, divisor)?;
        self.choose(void, zero, quotient)
    }

    /// `c0 + c1·x + c2·x² + …`
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn polynomial(&mut self, x: ValueId, coefficients: &[f64]) -> Result<ValueId> {
        let mut rest = coefficients.iter().rev();
        let mut y = self.scalar_like(x, rest.next().copied().unwrap_or(0.0));
        for &c in rest {
            y = self.binary(BinaryOp::Mul, y, x)?;
            y = self.binary_scalar(BinaryOp::Add, y, c)?;
        }
        Ok(y)
    }

    /// sin(πx) / πx, 1 at 0.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn sinc(&mut self, x: ValueId) -> Result<ValueId> {
        let (zero, one) = (self.scalar_like(x, 0.0), self.scalar_like(x, 1.0));
        let at_zero = self.binary(BinaryOp::Equal, x, zero)?;
        let angle = self.binary_scalar(BinaryOp::Mul, x, std::f64::consts::PI)?;
        let sine = self.unary(UnaryOp::Sin, angle)?;
        let safe = self.one(Op::Where, &[at_zero, one, angle])?;
        let ratio = self.binary(BinaryOp::Div, sine, safe)?;
        self.one(Op::Where, &[at_zero, one, ratio])
    }

    /// Whether a number is below 0; −0 has a sign too: its reciprocal is below zero.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn sign_bit(&mut self, x: ValueId) -> Result<ValueId> {
        let zero = self.scalar_like(x, 0.0);
        let below = self.binary(BinaryOp::Less, x, zero)?;
        if !self.dtype(x).is_float() {
            return Ok(below);
        }
        let inverse = self.unary(UnaryOp::Reciprocal, x)?;
        let inverse = self.binary(BinaryOp::Less, inverse, zero)?;
        self.binary(BinaryOp::Or, below, inverse)
    }

    /// The logarithm of the sum of two powers, in units of `ln`: the larger one plus what the smaller one adds.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn log_add_exp(&mut self, x: ValueId, y: ValueId, ln: f64) -> Result<ValueId> {
        let high = self.binary(BinaryOp::Max, x, y)?;
        let low = self.binary(BinaryOp::Min, x, y)?;
        let gap = self.binary(BinaryOp::Sub, low, high)?;
        let gap = if ln == 1.0 { gap } else { self.binary_scalar(BinaryOp::Mul, gap, ln)? };
        let rest = self.unary(UnaryOp::Softplus, gap)?;
        let rest = if ln == 1.0 { rest } else { self.binary_scalar(BinaryOp::Div, rest, ln)? };
        self.binary(BinaryOp::Add, high, rest)
    }

    /// `both`, an extremum of `x` and `y`, without what is no number: then it is the other one.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn ignoring_nan(&mut self, both: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        if !self.dtype(x).is_float() {
            return Ok(both);
        }
        let (x_nan, y_nan) = (self.unary(UnaryOp::IsNaN, x)?, self.unary(UnaryOp::IsNaN, y)?);
        let out = self.one(Op::Where, &[y_nan, x, both])?;
        self.one(Op::Where, &[x_nan, y, out])
    }

    /// The distance of `x` from `y`, and whether it is at most `atol + rtol·|y|`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn near(&mut self, x: ValueId, y: ValueId, [rtol, atol]: [f64; 2]) -> Result<[ValueId; 2]> {
        let gap = self.binary(BinaryOp::Sub, x, y)?;
        let gap = self.unary(UnaryOp::Abs, gap)?;
        let allowed = self.unary(UnaryOp::Abs, y)?;
        let allowed = self.binary_scalar(BinaryOp::Mul, allowed, rtol)?;
        let allowed = self.binary_scalar(BinaryOp::Add, allowed, atol)?;
        Ok([gap, self.binary(BinaryOp::LessOrEqual, gap, allowed)?])
    }

    /// Whether two values are equal or [near](Builder::near), and neither is infinitely far.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn close(&mut self, x: ValueId, y: ValueId, tolerances: [f64; 2]) -> Result<ValueId> {
        let equal = self.binary(BinaryOp::Equal, x, y)?;
        let to = if self.dtype(x).is_float() { self.dtype(x) } else { DType::F32 };
        let (x, y) = (self.cast(x, to)?, self.cast(y, to)?);
        let [gap, near] = self.near(x, y, tolerances)?;
        let infinite = self.unary(UnaryOp::IsInf, gap)?;
        let finite = self.unary(UnaryOp::Not, infinite)?;
        let near = self.binary(BinaryOp::And, near, finite)?;
        self.binary(BinaryOp::Or, equal, near)
    }

    /// `found`, or both are no numbers.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn or_both_nan(&mut self, found: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        let (a, b) = (self.unary(UnaryOp::IsNaN, x)?, self.unary(UnaryOp::IsNaN, y)?);
        let both = self.binary(BinaryOp::And, a, b)?;
        self.binary(BinaryOp::Or, found, both)
    }
}
