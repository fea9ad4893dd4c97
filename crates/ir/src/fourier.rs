//! Fourier transforms as products with matrices of cosines and sines. The matrices are made in the graph, where a runtime
//! computes them once; ONNX's `DFT` came with opset 17, and few runtimes have it.
//!
//! Owns: transforms along one axis, and of frames, without norms. Must never know: whose op asks, in what order axes are transformed.

use crate::builder::Builder;
use crate::complex::Pair;
use crate::core::{BinaryOp, DataLayout, KernelLayout, PadMode, Padding, UnaryOp};
use crate::{DType, Dim, Op, Tensor, ValueId};
use modelport_diag::Result;

/// Points beyond which a product with a matrix is no way to transform.
pub const MOST_POINTS: usize = 1 << 13;

impl Builder {
    /// Cosines and sines of 2π·j·k/n for j below `rows` and k below `columns`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn waves(&mut self, n: usize, rows: usize, columns: usize, dtype: DType) -> Result<[ValueId; 2]> {
        let mut side = |count: usize, axis: i64| {
            let [zero, end, one] = [0, count, 1].map(|v| self.constant("", Tensor::int_scalar(v as i64)));
            let numbers = self.one(Op::Range, &[zero, end, one])?;
            self.unsqueeze(numbers, &[axis])
        };
        let (j, k) = (side(rows, 1)?, side(columns, 0)?);
        let turns = self.binary(BinaryOp::Mul, j, k)?;
        // Whole turns are taken off while the numbers are exact.
        let n_value = self.constant("", Tensor::int_scalar(n as i64));
        let part = self.binary(BinaryOp::Mod, turns, n_value)?;
        let part = self.cast(part, dtype)?;
        let angle = self.binary_scalar(BinaryOp::Mul, part, std::f64::consts::TAU / n as f64)?;
        Ok([self.unary(UnaryOp::Cos, angle)?, self.unary(UnaryOp::Sin, angle)?])
    }

    /// x times a matrix along an axis.
    fn along(&mut self, x: ValueId, matrix: ValueId, axis: usize) -> Result<ValueId> {
        let rank = self.rank(x);
        if axis + 1 == rank {
            return self.one(Op::MatMul, &[x, matrix]);
        }
        if axis + 2 == rank {
            let turned = self.transpose(matrix, &[1, 0])?;
            return self.one(Op::MatMul, &[turned, x]);
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis, rank.saturating_sub(1));
        let moved = self.transpose(x, &perm)?;
        let product = self.one(Op::MatMul, &[moved, matrix])?;
        self.transpose(product, &perm)
    }

    /// The transform of `n` points, which are all along an axis; an inverse one is not divided by n.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fourier(&mut self, z: Pair, axis: usize, n: usize, inverse: bool) -> Result<Pair> {
        let [cos, sin] = self.waves(n, n, n, self.dtype(z.re))?;
        let sin = if inverse { sin } else { self.unary(UnaryOp::Neg, sin)? };
        let mut re = self.along(z.re, cos, axis)?;
        let mut im = self.along(z.re, sin, axis)?;
        if let Some(given) = z.im {
            let (first, second) = (self.along(given, sin, axis)?, self.along(given, cos, axis)?);
            re = self.binary(BinaryOp::Sub, re, first)?;
            im = self.binary(BinaryOp::Add, im, second)?;
        }
        Ok(Pair { re, im: Some(im) })
    }

    /// The first n/2 + 1 points of the transform of `n` real ones, which the others mirror.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fourier_half(&mut self, x: ValueId, axis: usize, n: usize) -> Result<Pair> {
        let [cos, sin] = self.waves(n, n, n / 2 + 1, self.dtype(x))?;
        let sin = self.unary(UnaryOp::Neg, sin)?;
        Ok(Pair { re: self.along(x, cos, axis)?, im: Some(self.along(x, sin, axis)?) })
    }

    /// The `n` real points whose transform begins with the n/2 + 1 of `z`, times n.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fourier_back(&mut self, z: Pair, axis: usize, n: usize) -> Result<ValueId> {
        let (half, dtype) = (n / 2 + 1, self.dtype(z.re));
        // The mirrored half counts by doubling; the first point, and the last of an even number, have no mirror image.
        let weight = |k: usize| if k == 0 || 2 * k == n { 1.0 } else { 2.0 };
        let weights = Tensor::from_f64s(dtype, &[half, 1], &(0..half).map(weight).collect::<Vec<f64>>())?;
        let weights = self.constant("", weights);
        let [cos, sin] = self.waves(n, half, n, dtype)?;
        let cos = self.binary(BinaryOp::Mul, cos, weights)?;
        let re = self.along(z.re, cos, axis)?;
        let Some(im) = z.im else { return Ok(re) };
        let sin = self.binary(BinaryOp::Mul, sin, weights)?;
        let im = self.along(im, sin, axis)?;
        self.binary(BinaryOp::Sub, re, im)
    }

    /// The first `points` points of the transforms of frames of n elements, `hop` apart, under a window of n:
    /// [batch, time] → [batch, points, frames]. A convolution with the waves under the window.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fourier_frames(&mut self, x: ValueId, window: ValueId, n: usize, hop: usize, points: usize) -> Result<Pair> {
        let kernel = self.windowed_waves(window, n, points)?;
        let (x, kernel) = (self.unsqueeze(x, &[1])?, self.unsqueeze(kernel, &[1])?);
        let op = Op::Conv {
            strides: vec![hop],
            dilations: vec![1],
            padding: Padding::valid(1),
            groups: 1,
            data: DataLayout::ChannelsFirst,
            kernel: KernelLayout::OutInSpatial,
        };
        let both = self.one(op, &[x, kernel])?;
        let count = points as i64;
        let re = self.slice_axis(both, 1, 0, count, 1)?;
        Ok(Pair { re, im: Some(self.slice_axis(both, 1, count, 2 * count, 1)?) })
    }

    /// Cosines and negated sines of the points under a window of n, one row each.
    fn windowed_waves(&mut self, window: ValueId, n: usize, points: usize) -> Result<ValueId> {
        let [cos, sin] = self.waves(n, points, n, self.dtype(window))?;
        let (cos, sin) = (self.binary(BinaryOp::Mul, cos, window)?, self.binary(BinaryOp::Mul, sin, window)?);
        let sin = self.unary(UnaryOp::Neg, sin)?;
        self.concat(&[cos, sin], 0)
    }

    /// The way back: [batch, points, frames] → [batch, time], the sums of the frames where they overlap, each under the window
    /// and times `factor`. Where there are fewer points than n, they are the half that the others mirror.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fourier_frames_back(
        &mut self,
        z: Pair,
        window: ValueId,
        [n, hop, points]: [usize; 3],
        factor: f64,
    ) -> Result<ValueId> {
        let kernel = self.windowed_waves(window, n, points)?;
        // Points that are mirrored count twice.
        let mirrored = |k: usize| points < n && k != 0 && 2 * k != n;
        let factors = (0..2 * points).map(|k| factor * if mirrored(k % points) { 2.0 } else { 1.0 });
        let factors: Vec<f64> = factors.collect();
        let factors = Tensor::from_f64s(self.dtype(kernel), &[factors.len(), 1], &factors)?;
        let factors = self.constant("", factors);
        let kernel = self.binary(BinaryOp::Mul, kernel, factors)?;
        let im = self.imaginary(z)?;
        let both = self.concat(&[z.re, im], 1)?;
        self.overlapped(both, kernel, hop)
    }

    /// (x: [batch, rows of the kernel, frames], kernel: [rows, n]) → their sums where they overlap: [batch, time].
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn overlapped(&mut self, x: ValueId, kernel: ValueId, hop: usize) -> Result<ValueId> {
        let kernel = self.unsqueeze(kernel, &[1])?;
        let op = Op::ConvTranspose {
            strides: vec![hop],
            dilations: vec![1],
            padding: Padding::valid(1),
            output_padding: vec![0],
            output_shape: Vec::new(),
            groups: 1,
            data: DataLayout::ChannelsFirst,
            kernel: KernelLayout::InOutSpatial,
        };
        let sums = self.one(op, &[x, kernel])?;
        self.squeeze(sums, &[1])
    }

    /// x cut or filled up with zeros to `n` elements along an axis.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn fitted(&mut self, x: ValueId, axis: usize, n: usize) -> Result<ValueId> {
        let known = self.shape(x).get(axis).and_then(Dim::known);
        if known == Some(n) {
            return Ok(x);
        }
        let x = if known.is_some_and(|k| k < n) { x } else { self.slice_axis(x, axis as i64, 0, n as i64, 1)? };
        if known.is_some_and(|k| k > n) {
            return Ok(x);
        }
        let rank = self.rank(x);
        let (all, size) = (self.ints(&[n as i64]), self.dim(x, axis)?);
        let lack = self.binary(BinaryOp::Sub, all, size)?;
        let head = self.ints(&vec![0; rank + axis]);
        let tail = self.ints(&vec![0; rank.saturating_sub(axis + 1)]);
        let widths = self.concat(&[head, lack, tail], 0)?;
        self.one(Op::Pad { mode: PadMode::Constant }, &[x, widths])
    }
}
