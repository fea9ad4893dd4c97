//! Random numbers as every front end asks for them: from uniform and normal draws, in types that a runtime draws.
//!
//! Owns: the formulas of distributions. Must never know: whose op asks, how a seed is written in a file.

use crate::builder::Builder;
use crate::core::{ArgKind, BinaryOp, UnaryOp};
use crate::{DType, Dim, Op, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

/// The type that numbers of a type are drawn in: runtimes draw no shorter ones.
pub fn wide(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

impl Builder {
    /// (shape: i64\[r\]) → numbers from 0 (with) to 1 (without).
    ///
    /// # Errors
    /// When the shape is no vector of integers.
    pub fn drawn_evenly(&mut self, shape: ValueId, dtype: DType, seed: Option<f64>) -> Result<ValueId> {
        // Short types would round what is nearly 1 up to it: theirs end with the largest number below.
        let high = match dtype {
            DType::F16 => 1.0 - 0.5f64.powi(11),
            DType::BF16 => 1.0 - 0.5f64.powi(8),
            _ => 1.0,
        };
        self.drawn(Op::RandomUniform { dtype: wide(dtype), low: 0.0, high, seed }, shape, dtype)
    }

    /// (shape: i64\[r\]) → numbers of the normal distribution of mean 0 and deviation 1.
    ///
    /// # Errors
    /// When the shape is no vector of integers.
    pub fn drawn_normally(&mut self, shape: ValueId, dtype: DType, seed: Option<f64>) -> Result<ValueId> {
        self.drawn(Op::RandomNormal { dtype: wide(dtype), mean: 0.0, scale: 1.0, seed }, shape, dtype)
    }

    /// A number alone is drawn as a vector of one: runtimes differ on shapes without dimensions.
    fn drawn(&mut self, op: Op, shape: ValueId, to: DType) -> Result<ValueId> {
        let alone = self.shape(shape).first().and_then(Dim::known) == Some(0);
        let shape = if alone { self.ints(&[1]) } else { self.cast(shape, DType::I64)? };
        let all = self.one(op, &[shape])?;
        let all = if alone { self.reshape(all, &[])? } else { all };
        self.cast(all, to)
    }

    /// (shape: i64\[r\]) and two integers → integers of type i64 from `low` to `high`, without it. Spans of more than 2^53 are
    /// drawn in steps.
    ///
    /// # Errors
    /// When the shape is no vector of integers, or the bounds do not broadcast to it.
    pub fn drawn_integers(&mut self, shape: ValueId, bounds: [ValueId; 2], seed: Option<f64>) -> Result<ValueId> {
        let [low, high] = bounds;
        let (low, high) = (self.cast(low, DType::I64)?, self.cast(high, DType::I64)?);
        let span = self.binary(BinaryOp::Sub, high, low)?;
        let span = self.cast(span, DType::F64)?;
        let all = self.drawn_evenly(shape, DType::F64, seed)?;
        let all = self.binary(BinaryOp::Mul, all, span)?;
        let all = self.unary(UnaryOp::Floor, all)?;
        let all = self.cast(all, DType::I64)?;
        self.binary(BinaryOp::Add, all, low)
    }

    /// Noise after which the largest logit is drawn with the probability that the softmax says.
    fn gumbel(&mut self, shape: ValueId, dtype: DType, seed: Option<f64>) -> Result<ValueId> {
        let mut noise = self.drawn_evenly(shape, dtype, seed)?;
        for _ in 0..2 {
            let log = self.unary(UnaryOp::Log, noise)?;
            noise = self.unary(UnaryOp::Neg, log)?;
        }
        Ok(noise)
    }

    /// (logits: \[batch, classes\], number of samples: i64\[1\]) → classes of type i64: \[batch, samples\], drawn with the
    /// probabilities of the softmax: the largest logit after noise of Gumbel's distribution was added.
    ///
    /// # Errors
    /// When the logits have another rank.
    pub fn drawn_classes(&mut self, logits: ValueId, samples: ValueId, seed: Option<f64>) -> Result<ValueId> {
        let logits = self.cast(logits, wide(self.dtype(logits)))?;
        let (batch, classes) = (self.dim(logits, 0)?, self.dim(logits, 1)?);
        let shape = self.concat(&[batch, samples, classes], 0)?;
        let noise = self.gumbel(shape, self.dtype(logits), seed)?;
        let each = self.unsqueeze(logits, &[1])?;
        let noisy = self.binary(BinaryOp::Add, each, noise)?;
        self.one(Op::ArgReduce { kind: ArgKind::Max, axis: 2, keepdims: false, select_last: false }, &[noisy])
    }

    /// As [`Builder::drawn_classes`], where no class is drawn twice: the largest logits after noise was added.
    ///
    /// # Errors
    /// When the logits have another rank.
    pub fn drawn_distinct(&mut self, logits: ValueId, samples: ValueId, seed: Option<f64>) -> Result<ValueId> {
        let logits = self.cast(logits, wide(self.dtype(logits)))?;
        let shape = self.one(Op::Shape { start: 0, end: None }, &[logits])?;
        let noise = self.gumbel(shape, self.dtype(logits), seed)?;
        let noisy = self.binary(BinaryOp::Add, logits, noise)?;
        let both = self.add(Op::TopK { axis: 1, largest: true, sorted: true }, &[Some(noisy), Some(samples)])?;
        let places = both.get(1).copied();
        places.ok_or_else(|| Diagnostic::error(Code::INTERNAL, "TopK has no places"))
    }
}
