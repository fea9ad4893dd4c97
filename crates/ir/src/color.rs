//! Colours of images whose last axis is red, green and blue, or hue, saturation and value.
//!
//! Owns: the formulas (TensorFlow 2.15 `core/kernels/image/colorspace_op.h`). Must never know: whose op asks.

use crate::builder::Builder;
use crate::core::{BinaryOp, ReduceKind, UnaryOp};
use crate::{Op, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

impl Builder {
    /// The three channels of an image, each with a last axis of 1.
    ///
    /// # Errors
    /// When the last axis is none of three.
    pub fn channels(&mut self, x: ValueId) -> Result<[ValueId; 3]> {
        let split = self.add(Op::Split { axis: -1, sizes: vec![1; 3] }, &[Some(x)])?;
        split.try_into().map_err(|_| Diagnostic::error(Code::INTERNAL, "an image has three channels"))
    }

    /// Hue, saturation and value, all in [0, 1], of colours in [0, 1].
    ///
    /// # Errors
    /// As [`Builder::channels`].
    pub fn rgb_to_hsv(&mut self, x: ValueId) -> Result<ValueId> {
        let [r, g, b] = self.channels(x)?;
        let most = self.reduce(ReduceKind::Max, x, &[-1], true)?;
        let least = self.reduce(ReduceKind::Min, x, &[-1], true)?;
        let range = self.binary(BinaryOp::Sub, most, least)?;
        let (zero, one, sixth) = (self.scalar_like(x, 0.0), self.scalar_like(x, 1.0), self.scalar_like(x, 1.0 / 6.0));
        let saturation = self.divide_no_nan(range, most)?;
        let norm = self.divide_no_nan(sixth, range)?;
        let side = |b: &mut Self, p, q, turn: f64| {
            let apart = b.binary(BinaryOp::Sub, p, q)?;
            let part = b.binary(BinaryOp::Mul, norm, apart)?;
            b.binary_scalar(BinaryOp::Add, part, turn)
        };
        let (red, green, blue) = (side(self, g, b, 0.0)?, side(self, b, r, 2.0 / 6.0)?, side(self, r, g, 4.0 / 6.0)?);
        let (is_red, is_green) = (self.binary(BinaryOp::Equal, r, most)?, self.binary(BinaryOp::Equal, g, most)?);
        let rest = self.choose(is_green, green, blue)?;
        let hue = self.choose(is_red, red, rest)?;
        let colourless = self.binary(BinaryOp::Equal, range, zero)?;
        let hue = self.choose(colourless, zero, hue)?;
        let negative = self.binary(BinaryOp::Less, hue, zero)?;
        let turned = self.binary(BinaryOp::Add, hue, one)?;
        let hue = self.choose(negative, turned, hue)?;
        self.concat(&[hue, saturation, most], -1)
    }

    /// The inverse of [`Builder::rgb_to_hsv`].
    ///
    /// # Errors
    /// As [`Builder::channels`].
    pub fn hsv_to_rgb(&mut self, x: ValueId) -> Result<ValueId> {
        let [h, s, v] = self.channels(x)?;
        let sixths = self.binary_scalar(BinaryOp::Mul, h, 6.0)?;
        let (zero, one) = (self.scalar_like(x, 0.0), self.scalar_like(x, 1.0));
        let bump = |b: &mut Self, centre: f64, sign: f64, shift: f64| {
            let apart = b.binary_scalar(BinaryOp::Sub, sixths, centre)?;
            let size = b.unary(UnaryOp::Abs, apart)?;
            let scaled = b.binary_scalar(BinaryOp::Mul, size, sign)?;
            let moved = b.binary_scalar(BinaryOp::Add, scaled, shift)?;
            b.one(Op::Clip, &[moved, zero, one])
        };
        let colours = [bump(self, 3.0, 1.0, -1.0)?, bump(self, 2.0, -1.0, 2.0)?, bump(self, 4.0, -1.0, 2.0)?];
        let pale = self.binary(BinaryOp::Sub, one, s)?;
        let mut out = Vec::with_capacity(3);
        for colour in colours {
            let strong = self.binary(BinaryOp::Mul, s, colour)?;
            let mix = self.binary(BinaryOp::Add, pale, strong)?;
            out.push(self.binary(BinaryOp::Mul, mix, v)?);
        }
        self.concat(&out, -1)
    }
}
