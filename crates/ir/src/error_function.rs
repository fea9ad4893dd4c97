//! The error function's complement and inverse, by series that are exact to single precision, and log(1 + x), which they need.
//!
//! Owns: special functions that several front ends have. Must never know: whose op asks.

use crate::ValueId;
use crate::builder::Builder;
use crate::core::{BinaryOp, UnaryOp};
use modelport_diag::Result;

/// Giles's polynomials in w − 5/2 and √w − 3 (M. Giles, Approximating the erfinv function, 2012).
const CENTRE: [f64; 9] = [
    1.501_409_41,
    0.246_640_727,
    -0.004_177_681_64,
    -0.001_253_725_03,
    0.000_218_580_87,
    -4.391_506_54e-6,
    -3.523_387_7e-6,
    3.432_739_39e-7,
    2.810_226_36e-8,
];
const TAIL: [f64; 9] = [
    2.832_976_82,
    1.001_674_06,
    0.009_438_870_47,
    -0.007_622_461_3,
    0.005_739_507_73,
    -0.003_673_428_44,
    0.001_349_343_22,
    0.000_100_950_558,
    -0.000_200_214_257,
];

impl Builder {
    /// log(1 + x). With u = 1 + x rounded, log(u)·x/(u − 1) is exact to the last digits where log(u) is not.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn log1p(&mut self, x: ValueId) -> Result<ValueId> {
        let u = self.binary_scalar(BinaryOp::Add, x, 1.0)?;
        let log = self.unary(UnaryOp::Log, u)?;
        let step = self.binary_scalar(BinaryOp::Sub, u, 1.0)?;
        let ratio = self.binary(BinaryOp::Div, x, step)?;
        let better = self.binary(BinaryOp::Mul, log, ratio)?;
        let small = self.unary(UnaryOp::Abs, x)?;
        let small = self.binary_scalar(BinaryOp::Less, small, 0.5)?;
        let none = self.binary_scalar(BinaryOp::Equal, step, 0.0)?;
        let better = self.choose(none, x, better)?;
        self.choose(small, better, log)
    }

    /// 1 − erf(x).
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn erf_complement(&mut self, x: ValueId) -> Result<ValueId> {
        let erf = self.unary(UnaryOp::Erf, x)?;
        let one = self.scalar_like(x, 1.0);
        self.binary(BinaryOp::Sub, one, erf)
    }

    /// erf⁻¹(x).
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn erf_inverse(&mut self, x: ValueId) -> Result<ValueId> {
        let square = self.binary(BinaryOp::Mul, x, x)?;
        let negated = self.unary(UnaryOp::Neg, square)?;
        let log = self.log1p(negated)?;
        let value = self.erf_inverse_at(x, log)?;
        // At the ends.
        let size = self.unary(UnaryOp::Abs, x)?;
        let end = self.binary_scalar(BinaryOp::Equal, size, 1.0)?;
        let infinite = self.binary_scalar(BinaryOp::Mul, x, f64::INFINITY)?;
        self.choose(end, infinite, value)
    }

    /// erf⁻¹(x), where log(1 − x²) is known.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn erf_inverse_at(&mut self, x: ValueId, log: ValueId) -> Result<ValueId> {
        let w = self.unary(UnaryOp::Neg, log)?;
        let near = self.binary_scalar(BinaryOp::Sub, w, 2.5)?;
        let root = self.unary(UnaryOp::Sqrt, w)?;
        let far = self.binary_scalar(BinaryOp::Sub, root, 3.0)?;
        let (centre, tail) = (self.polynomial(near, &CENTRE)?, self.polynomial(far, &TAIL)?);
        let central = self.binary_scalar(BinaryOp::Less, w, 5.0)?;
        let factor = self.choose(central, centre, tail)?;
        self.binary(BinaryOp::Mul, factor, x)
    }
}
