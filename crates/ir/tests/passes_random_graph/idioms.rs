//! Steps of several ops as models have them: what the passes have rules for.

use super::{Random, formulas};
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind, UnaryOp};
use modelport_ir::{Op, ValueId};

impl Random {
    pub(crate) fn idiom(&mut self, x: ValueId) -> Option<ValueId> {
        match self.below(8) {
            0 => self.normalised(x),
            1 => self.padded(x),
            2 => self.flattened(x),
            3 => self.excited(x),
            4..=6 => self.formula(x),
            _ => self.shuffled(x),
        }
    }

    /// What is one op.
    fn formula(&mut self, x: ValueId) -> Option<ValueId> {
        let (kind, rank, mut seed) = (self.below(6), self.b.rank(x), self.below(1 << 20));
        let mut choose = move |n: usize| {
            seed = (seed * 1_664_525 + 1_013_904_223) % (1 << 31);
            (seed >> 8) % n
        };
        match kind {
            0 => formulas::hard_sigmoid(&mut self.b, x, &mut choose),
            1 => formulas::hard_swish(&mut self.b, x, &mut choose),
            2 => {
                let inner = self.b.shape(x).last()?.known().filter(|&n| n <= 600)?;
                let w = self.weights(&[inner, 3], 0.0);
                formulas::tensordot(&mut self.b, x, w)
            }
            3 => formulas::layer_norm(&mut self.b, x, 1 + choose(rank - 1), &mut choose),
            _ => formulas::gelu(&mut self.b, x, kind == 4, &mut choose),
        }
    }

    /// Convolution, factors and terms per channel, rectifier.
    fn normalised(&mut self, x: ValueId) -> Option<ValueId> {
        let mut y = match self.below(3) {
            0 => self.transposed_convolution(x)?,
            1 => self.dense(x)?,
            _ => self.convolution(x)?,
        };
        for _ in 0..1 + self.below(2) {
            y = match self.below(4) {
                0 => self.with_constant(y)?,
                1 => {
                    let channels = self.b.shape(y).last()?.known()?;
                    let c = self.weights(&[channels], 0.0);
                    self.b.binary(BinaryOp::Add, y, c).ok()?
                }
                _ => self.norm(y)?,
            };
        }
        self.activation(y)
    }

    /// A pad before a window.
    fn padded(&mut self, x: ValueId) -> Option<ValueId> {
        let x = if self.flip() { self.b.unary(UnaryOp::Relu, x).ok()? } else { x };
        let rank = self.b.rank(x);
        let inside = |i: usize| i > 0 && i + 1 < rank;
        let pads: Vec<i64> = (0..2 * rank).map(|i| if inside(i % rank) { self.below(3) as i64 } else { 0 }).collect();
        let pads = self.b.ints(&pads);
        let value = if self.below(3) == 0 { f64::NEG_INFINITY } else { 0.0 };
        let value = self.b.scalar_like(x, value);
        let only_zero = self.flip();
        let mut inputs = vec![x, pads];
        if !only_zero {
            inputs.push(value);
        }
        let y = self.b.one(Op::Pad { mode: PadMode::Constant }, &inputs).ok()?;
        if only_zero && self.flip() { self.convolution(y) } else { self.pool(y) }
    }

    /// A classifier's end, or two.
    fn flattened(&mut self, x: ValueId) -> Option<ValueId> {
        if self.b.rank(x) < 3 {
            return None;
        }
        let x = self.convolution(x)?;
        let y = self.b.one(Op::Flatten { axis: 1 }, &[x]).ok()?;
        let z = self.dense(y)?;
        if self.flip() {
            let units = self.known(z, 1)?;
            let inner = self.known(y, 1)?;
            let w = self.weights(&[units, inner], 0.0);
            let op = Op::Gemm { alpha: 0.5, beta: 1.5, trans_a: false, trans_b: true };
            let c = self.weights(&[units], 0.0);
            let other = self.b.one(op, &[y, w, c]).ok()?;
            return self.b.binary(BinaryOp::Add, z, other).ok();
        }
        self.norm(z)
    }

    /// Squeeze and excite.
    fn excited(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        let channels = self.b.shape(x).last()?.known()?;
        let x = self.convolution(x).filter(|_| rank >= 3)?;
        let axes: Vec<i64> = (1..rank as i64 - 1).collect();
        let channels = self.b.shape(x).last()?.known().unwrap_or(channels);
        let keep = self.flip();
        let z = self.b.reduce(ReduceKind::Mean, x, &axes, keep).ok()?;
        let mut shape = vec![1; rank];
        shape[0] = -1;
        shape[rank - 1] = channels as i64;
        let z = self.b.reshape(z, &shape).ok()?;
        let w = self.weights(&[channels, channels], 0.0);
        let z =
            if self.flip() { self.b.one(Op::MatMul, &[z, w]).ok()? } else { self.b.unary(UnaryOp::Tanh, z).ok()? };
        self.b.binary(BinaryOp::Mul, x, z).ok()
    }

    /// Channels regrouped and shuffled.
    fn shuffled(&mut self, x: ValueId) -> Option<ValueId> {
        let dims: Option<Vec<i64>> = self.b.shape(x).iter().skip(1).map(|d| d.known().map(|n| n as i64)).collect();
        let dims = dims.filter(|d| d.len() == 3 && d[2] % 2 == 0)?;
        let y = self.b.reshape(x, &[-1, dims[0], dims[1], 2, dims[2] / 2]).ok()?;
        let y = self.b.transpose(y, &[0, 1, 2, 4, 3]).ok()?;
        self.b.reshape(y, &[-1, dims[0], dims[1], dims[2]]).ok()
    }
}
