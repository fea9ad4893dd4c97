//! Normalisations: missing parameters are made up, missing operators written out.

use super::{Legal, Operands};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

impl Legal {
    /// The replacement of a normalisation, when it needs one.
    pub(super) fn norm(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let Some(x) = p.first().copied().flatten() else { return Ok(None) };
        let (scale, bias) = (p.get(1).copied().flatten(), p.get(2).copied().flatten());
        let one = match op {
            Op::BatchNorm { axis, epsilon } if self.axis(*axis, x) != 1 => {
                self.batch_norm(self.axis(*axis, x), *epsilon, p)?
            }
            Op::LayerNorm { axis, epsilon } => self.layer_norm(x, scale, bias, (*axis, *epsilon))?,
            Op::RmsNorm { axis, epsilon } => self.rms_norm(x, scale, (*axis, *epsilon))?,
            Op::GroupNorm { groups, epsilon, data } => {
                self.layout(*data == DataLayout::ChannelsFirst, op)?;
                self.group_norm(x, scale, bias, (*groups, *epsilon))?
            }
            Op::InstanceNorm { data, .. } | Op::Lrn { data, .. } => {
                self.layout(*data == DataLayout::ChannelsFirst, op)?;
                None
            }
            _ => None,
        };
        Ok(one.map(|id| vec![id]))
    }

    /// A vector over `axis` in a shape that broadcasts to `rank` dimensions.
    fn along(&mut self, vector: ValueId, axis: usize, rank: usize) -> Result<ValueId> {
        if axis + 1 == rank {
            return Ok(vector);
        }
        let mut shape = vec![1; rank.saturating_sub(axis)];
        if let Some(first) = shape.first_mut() {
            *first = -1;
        }
        let shape = self.b.ints(&shape);
        self.one(Op::Reshape { allow_zero: false }, &[vector, shape])
    }

    /// ONNX normalises axis 1 only: elsewhere it is a multiplication and an addition.
    fn batch_norm(&mut self, axis: usize, epsilon: f64, p: Operands<'_>) -> Result<Option<ValueId>> {
        let &[Some(x), Some(scale), Some(bias), Some(mean), Some(variance)] = p else { return Ok(None) };
        let rank = self.b.rank(x);
        let variance = self.scalar(BinaryOp::Add, variance, epsilon)?;
        let deviation = self.unary(UnaryOp::Sqrt, variance)?;
        let factor = self.binary(BinaryOp::Div, scale, deviation)?;
        let moved = self.binary(BinaryOp::Mul, mean, factor)?;
        let offset = self.binary(BinaryOp::Sub, bias, moved)?;
        let factor = self.along(factor, axis, rank)?;
        let offset = self.along(offset, axis, rank)?;
        let y = self.binary(BinaryOp::Mul, x, factor)?;
        self.binary(BinaryOp::Add, y, offset).map(Some)
    }

    /// Ones in the dimensions of `x` from `axis` on, when they are known.
    fn ones_like(&mut self, x: ValueId, axis: usize) -> Result<Option<ValueId>> {
        let dims: Option<Vec<usize>> = self.b.shape(x).iter().skip(axis).map(modelport_ir::Dim::known).collect();
        let Some(dims) = dims else { return Ok(None) };
        let n = dims.iter().product();
        let ones = Tensor::from_f64s(self.b.dtype(x), &dims, &vec![1.0; n])?;
        Ok(Some(self.b.constant("", ones)))
    }

    fn trailing(&self, axis: usize, x: ValueId) -> Vec<i64> {
        (axis as i64..self.b.rank(x) as i64).collect()
    }

    /// `x` divided by the root of its mean square over the axes; halves are computed in f32 as ONNX does.
    fn by_root_mean_square(&mut self, x: ValueId, axes: &[i64], epsilon: f64) -> Result<ValueId> {
        let square = self.binary(BinaryOp::Mul, x, x)?;
        let mean = Op::Reduce { kind: ReduceKind::Mean, axes: axes.to_vec(), keepdims: true };
        let mean = self.one(mean, &[square])?;
        let mean = self.scalar(BinaryOp::Add, mean, epsilon)?;
        let root = self.unary(UnaryOp::Sqrt, mean)?;
        self.binary(BinaryOp::Div, x, root)
    }

    fn stash(&mut self, x: ValueId) -> Result<ValueId> {
        if matches!(self.b.dtype(x), DType::F16 | DType::BF16) { self.cast(x, DType::F32) } else { Ok(x) }
    }

    fn scaled(&mut self, y: ValueId, like: ValueId, scale: Option<ValueId>, bias: Option<ValueId>) -> Result<ValueId> {
        let mut y = self.cast(y, self.b.dtype(like))?;
        if let Some(scale) = scale {
            y = self.binary(BinaryOp::Mul, y, scale)?;
        }
        match bias {
            Some(bias) => self.binary(BinaryOp::Add, y, bias),
            None => Ok(y),
        }
    }

    fn layer_norm(
        &mut self,
        x: ValueId,
        scale: Option<ValueId>,
        bias: Option<ValueId>,
        (axis, epsilon): (i64, f64),
    ) -> Result<Option<ValueId>> {
        let at = self.axis(axis, x);
        if self.opset >= 17 {
            if scale.is_some() {
                return Ok(None);
            }
            if let Some(ones) = self.ones_like(x, at)? {
                let results = self.plain(Op::LayerNorm { axis, epsilon }, &[Some(x), Some(ones), bias])?;
                return Ok(results.first().copied());
            }
        }
        let axes = self.trailing(at, x);
        let wide = self.stash(x)?;
        let mean = self.one(Op::Reduce { kind: ReduceKind::Mean, axes: axes.clone(), keepdims: true }, &[wide])?;
        let centred = self.binary(BinaryOp::Sub, wide, mean)?;
        let y = self.by_root_mean_square(centred, &axes, epsilon)?;
        self.scaled(y, x, scale, bias).map(Some)
    }

    fn rms_norm(&mut self, x: ValueId, scale: Option<ValueId>, (axis, epsilon): (i64, f64)) -> Result<Option<ValueId>> {
        let at = self.axis(axis, x);
        if self.opset >= 23 {
            if scale.is_some() {
                return Ok(None);
            }
            if let Some(ones) = self.ones_like(x, at)? {
                let results = self.plain(Op::RmsNorm { axis, epsilon }, &[Some(x), Some(ones)])?;
                return Ok(results.first().copied());
            }
        }
        let axes = self.trailing(at, x);
        let wide = self.stash(x)?;
        let y = self.by_root_mean_square(wide, &axes, epsilon)?;
        self.scaled(y, x, scale, None).map(Some)
    }

    /// A vector of `n` equal numbers of the type of `like`.
    fn filled(&mut self, like: ValueId, n: usize, value: f64) -> Result<ValueId> {
        let tensor = Tensor::from_f64s(self.b.dtype(like), &[n], &vec![value; n])?;
        Ok(self.b.constant("", tensor))
    }

    /// Opset 21 has it per channel; before, an instance normalisation over groups is scaled afterwards.
    fn group_norm(
        &mut self,
        x: ValueId,
        scale: Option<ValueId>,
        bias: Option<ValueId>,
        (groups, epsilon): (usize, f64),
    ) -> Result<Option<ValueId>> {
        let channels = self.b.shape(x).get(1).and_then(modelport_ir::Dim::known);
        if self.opset >= 21 {
            if scale.is_some() && bias.is_some() {
                return Ok(None);
            }
            if let Some(n) = channels {
                let scale = scale.map_or_else(|| self.filled(x, n, 1.0), Ok)?;
                let bias = bias.map_or_else(|| self.filled(x, n, 0.0), Ok)?;
                let op = Op::GroupNorm { groups, epsilon, data: DataLayout::ChannelsFirst };
                return Ok(self.plain(op, &[Some(x), Some(scale), Some(bias)])?.first().copied());
            }
        }
        let rank = self.b.rank(x);
        let shape = self.shape_of(x)?;
        let grouped = self.b.ints(&[0, groups as i64, -1]);
        let y = self.one(Op::Reshape { allow_zero: false }, &[x, grouped])?;
        let (ones, zeros) = (self.filled(x, groups, 1.0)?, self.filled(x, groups, 0.0)?);
        let y = self.one(Op::InstanceNorm { epsilon, data: DataLayout::ChannelsFirst }, &[y, ones, zeros])?;
        let y = self.one(Op::Reshape { allow_zero: false }, &[y, shape])?;
        let scale = scale.map(|s| self.along(s, 1, rank)).transpose()?;
        let bias = bias.map(|b| self.along(b, 1, rank)).transpose()?;
        self.scaled(y, x, scale, bias).map(Some)
    }
}
