//! Complex numbers as pairs of real values: ONNX runtimes compute with no others.
//!
//! Owns: pairs and their arithmetic. Must never know: whose op asks, what stands for a pair in a front end.

use crate::builder::Builder;
use crate::core::{BinaryOp, UnaryOp};
use crate::drawn::wide;
use crate::{DType, Op, Tensor, ValueId};
use modelport_diag::Result;

/// A complex value; without an imaginary part it is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The real part.
    pub re: ValueId,
    /// The imaginary part, of the same type.
    pub im: Option<ValueId>,
}

impl From<ValueId> for Pair {
    fn from(re: ValueId) -> Self {
        Self { re, im: None }
    }
}

/// The type of the parts of a complex type.
pub fn part_of(dtype: DType) -> Option<DType> {
    match dtype {
        DType::C64 => Some(DType::F32),
        DType::C128 => Some(DType::F64),
        _ => None,
    }
}

/// Constants beyond this many elements are not taken apart.
const MOST: usize = 1 << 24;

/// Real and imaginary part of a complex constant; `None` of one that is real or very large.
///
/// # Errors
/// When it cannot be read.
pub fn parts(tensor: &Tensor) -> Result<Option<[Tensor; 2]>> {
    let Some(dtype) = part_of(tensor.dtype()).filter(|_| tensor.len() <= MOST) else { return Ok(None) };
    let (shape, bytes) = (tensor.shape().to_vec(), tensor.bytes()?);
    let part = |at: usize| {
        let part = bytes.chunks_exact(dtype.size()).skip(at).step_by(2).flatten().copied();
        Tensor::from_bytes(dtype, shape.clone(), part.collect::<Vec<u8>>())
    };
    Ok(Some([part(0)?, part(1)?]))
}

impl Builder {
    /// The imaginary part as a value.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn imaginary(&mut self, z: Pair) -> Result<ValueId> {
        if let Some(im) = z.im {
            return Ok(im);
        }
        let (zero, shape) = (self.scalar_like(z.re, 0.0), self.one(Op::Shape { start: 0, end: None }, &[z.re])?);
        self.one(Op::Expand, &[zero, shape])
    }

    /// Both parts in a new last axis.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn joined(&mut self, z: Pair) -> Result<ValueId> {
        let axis = self.rank(z.re) as i64;
        let im = self.imaginary(z)?;
        let parts = [self.unsqueeze(z.re, &[axis])?, self.unsqueeze(im, &[axis])?];
        self.one(Op::Concat { axis }, &parts)
    }

    /// a − bi of a + bi.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn conjugate(&mut self, z: Pair) -> Result<Pair> {
        let im = z.im.map(|im| self.unary(UnaryOp::Neg, im)).transpose()?;
        Ok(Pair { re: z.re, im })
    }

    /// The distance from 0.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn magnitude(&mut self, z: Pair) -> Result<ValueId> {
        if z.im.is_none() {
            return self.unary(UnaryOp::Abs, z.re);
        }
        let squared = self.squared_magnitude(z)?;
        self.unary(UnaryOp::Sqrt, squared)
    }

    /// a² + b² of a + bi.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn squared_magnitude(&mut self, z: Pair) -> Result<ValueId> {
        let a = self.binary(BinaryOp::Mul, z.re, z.re)?;
        let Some(im) = z.im else { return Ok(a) };
        let b = self.binary(BinaryOp::Mul, im, im)?;
        self.binary(BinaryOp::Add, a, b)
    }

    /// The angle from the positive real numbers, from −π to π.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn angle(&mut self, z: Pair) -> Result<ValueId> {
        let im = self.imaginary(z)?;
        self.atan2(im, z.re)
    }

    /// The angle of the point (x, y).
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn atan2(&mut self, y: ValueId, x: ValueId) -> Result<ValueId> {
        let dtype = self.dtype(x);
        let (y, x) = (self.cast(y, wide(dtype))?, self.cast(x, wide(dtype))?);
        let ratio = self.binary(BinaryOp::Div, y, x)?;
        let angle = self.unary(UnaryOp::Atan, ratio)?;
        let [zero, pi, minus] = [0.0, std::f64::consts::PI, -std::f64::consts::PI].map(|v| self.scalar_like(x, v));
        let (left, below) = (self.binary(BinaryOp::Less, x, zero)?, self.binary(BinaryOp::Less, y, zero)?);
        let turn = self.one(Op::Where, &[below, minus, pi])?;
        let turn = self.one(Op::Where, &[left, turn, zero])?;
        let angle = self.binary(BinaryOp::Add, angle, turn)?;
        // 0/0 is no number, but the origin has the angle 0.
        let (no_x, no_y) = (self.binary(BinaryOp::Equal, x, zero)?, self.binary(BinaryOp::Equal, y, zero)?);
        let origin = self.binary(BinaryOp::And, no_x, no_y)?;
        let angle = self.one(Op::Where, &[origin, zero, angle])?;
        self.cast(angle, dtype)
    }

    /// The product of two values, where `times` is that of real ones.
    ///
    /// # Errors
    /// What `times` finds, and as [`Builder::add`].
    pub fn complex_product<T>(&mut self, x: Pair, y: Pair, mut times: T) -> Result<Pair>
    where
        T: FnMut(&mut Self, ValueId, ValueId) -> Result<ValueId>,
    {
        let mut re = times(self, x.re, y.re)?;
        if let (Some(a), Some(b)) = (x.im, y.im) {
            let both = times(self, a, b)?;
            re = self.binary(BinaryOp::Sub, re, both)?;
        }
        let right = y.im.map(|im| times(self, x.re, im)).transpose()?;
        let left = x.im.map(|im| times(self, im, y.re)).transpose()?;
        let im = match (right, left) {
            (Some(a), Some(b)) => Some(self.binary(BinaryOp::Add, a, b)?),
            (a, b) => a.or(b),
        };
        Ok(Pair { re, im })
    }

    /// The product of two values element by element.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn complex_times(&mut self, x: Pair, y: Pair) -> Result<Pair> {
        self.complex_product(x, y, |b, x, y| b.binary(BinaryOp::Mul, x, y))
    }

    /// Both parts times a real value.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn scaled(&mut self, z: Pair, by: ValueId) -> Result<Pair> {
        self.complex_times(z, by.into())
    }

    /// The value of a length at an angle.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn polar(&mut self, length: ValueId, angle: ValueId) -> Result<Pair> {
        let (cos, sin) = (self.unary(UnaryOp::Cos, angle)?, self.unary(UnaryOp::Sin, angle)?);
        let im = Some(self.binary(BinaryOp::Mul, length, sin)?);
        Ok(Pair { re: self.binary(BinaryOp::Mul, length, cos)?, im })
    }

    /// e to a complex power.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn complex_exp(&mut self, z: Pair) -> Result<Pair> {
        let length = self.unary(UnaryOp::Exp, z.re)?;
        let angle = self.imaginary(z)?;
        self.polar(length, angle)
    }
}
