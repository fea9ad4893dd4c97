//! Shapes, gathering, scattering, quantisation.

use super::{Legal, Operands};
use modelport_diag::Result;
use modelport_ir::core::{PadMode, ScatterReduction};
use modelport_ir::{DType, Op, Tensor, ValueId};

impl Legal {
    /// The replacement of an op that moves elements, or quantises, when it needs one.
    pub(super) fn movement(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        if op.draws() {
            return self.random(op, p).map(Some);
        }
        let Some(x) = p.first().copied().flatten() else { return Ok(None) };
        match op {
            Op::Squeeze { axes } | Op::Unsqueeze { axes } if axes.is_empty() => return Ok(Some(vec![x])),
            Op::Reshape { allow_zero: true } => return self.reshape(p).map(Some),
            Op::Shape { start, end } if self.opset < 15 && (*start != 0 || end.is_some()) => {
                let all = self.one(Op::Shape { start: 0, end: None }, &[x])?;
                return Ok(Some(vec![self.b.slice_axis(all, 0, *start, end.unwrap_or(i64::MAX), 1)?]));
            }
            Op::Trilu { upper } if self.opset < 14 => {
                return self.triangle(x, p.get(1).copied().flatten(), *upper).map(Some);
            }
            Op::Pad { mode: PadMode::Wrap } => self.since(19, "Pad with mode wrap")?,
            Op::GatherNd { batch_dims: 1.. } => self.since(12, "GatherND with batch_dims")?,
            Op::ScatterElements { reduction, .. } | Op::ScatterNd { reduction } => self.scatter(*reduction)?,
            Op::ReverseSequence { batch_axis, time_axis } => {
                return self.reverse_sequence(x, p, (self.axis(*batch_axis, x), self.axis(*time_axis, x))).map(Some);
            }
            Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. } => return self.quantised(op, p),
            _ => {}
        }
        Ok(None)
    }

    /// Shapes are constant, or a tensor has them. Half-precision numbers are drawn as f32, for which every runtime has a kernel.
    fn random(&mut self, op: &Op, p: Operands<'_>) -> Result<Vec<ValueId>> {
        let (Op::RandomUniform { dtype, .. } | Op::RandomNormal { dtype, .. }) = op else { return Ok(Vec::new()) };
        let operand = |i: usize| p.get(i).copied().flatten();
        let like = match (operand(0), operand(1)) {
            (Some(shape), _) if self.b.as_constant(shape).is_some() => return self.drawn(op, *dtype, &[Some(shape)]),
            (Some(shape), _) => {
                let zero = self.b.scalar(DType::F32, 0.0);
                self.one(Op::Expand, &[zero, shape])?
            }
            (None, Some(like)) => like,
            (None, None) => return self.b.add(op.clone(), p),
        };
        match self.b.ty(like).static_shape() {
            Some(shape) => {
                let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
                let shape = self.b.ints(&shape);
                self.drawn(op, *dtype, &[Some(shape)])
            }
            None => self.drawn(op, *dtype, &[None, Some(like)]),
        }
    }

    fn drawn(&mut self, op: &Op, to: DType, p: Operands<'_>) -> Result<Vec<ValueId>> {
        let mut op = op.clone();
        if let Op::RandomUniform { dtype, .. } | Op::RandomNormal { dtype, .. } = &mut op
            && matches!(to, DType::F16 | DType::BF16)
        {
            *dtype = DType::F32;
        }
        let drawn = self.b.add(op, p)?;
        drawn.into_iter().map(|y| self.cast(y, to)).collect()
    }

    /// 0 as a dimension can be told from "copy" only since opset 14; most shapes have no 0.
    fn reshape(&mut self, p: Operands<'_>) -> Result<Vec<ValueId>> {
        let target = p.get(1).copied().flatten().and_then(|s| self.b.as_constant(s));
        let plain = match target {
            Some(shape) => !shape.to_i64s()?.contains(&0),
            None => false,
        };
        if !plain {
            self.since(14, "Reshape with allowzero")?;
        }
        self.plain(Op::Reshape { allow_zero: !plain }, p)
    }

    fn scatter(&self, reduction: ScatterReduction) -> Result<()> {
        match reduction {
            ScatterReduction::None => Ok(()),
            ScatterReduction::Add | ScatterReduction::Mul => self.since(16, "a scatter that adds or multiplies"),
            ScatterReduction::Max | ScatterReduction::Min => self.since(18, "a scatter that takes the extremum"),
        }
    }

    /// A constant mask selects the triangle; both sizes must be known.
    fn triangle(&mut self, x: ValueId, k: Option<ValueId>, upper: bool) -> Result<Vec<ValueId>> {
        let k = match k {
            None => Some(0),
            Some(k) => self.b.as_constant(k).map(Tensor::to_i64s).transpose()?.and_then(|v| v.first().copied()),
        };
        let dims: Vec<_> = self.b.shape(x).iter().rev().take(2).map(modelport_ir::Dim::known).collect();
        let (Some(k), &[Some(columns), Some(rows)]) = (k, dims.as_slice()) else {
            return Err(self.not_at("Trilu of unknown size", Some(14)));
        };
        let inside = |r: i64, c: i64| if upper { c - r >= k } else { c - r <= k };
        let cells = (0..rows as i64).flat_map(|r| (0..columns as i64).map(move |c| u8::from(inside(r, c))));
        let mask = Tensor::from_bytes(DType::Bool, vec![rows, columns], cells.collect::<Vec<_>>())?;
        let mask = self.b.constant("", mask);
        let zero = self.b.scalar_like(x, 0.0);
        Ok(vec![self.one(Op::Where, &[mask, x, zero])?])
    }

    /// ONNX has batch and time on the first two axes, in either order.
    fn reverse_sequence(&mut self, x: ValueId, p: Operands<'_>, (batch, time): (usize, usize)) -> Result<Vec<ValueId>> {
        let op = |batch_axis, time_axis| Op::ReverseSequence { batch_axis, time_axis };
        if batch < 2 && time < 2 {
            return self.plain(op(batch as i64, time as i64), p);
        }
        let rest = (0..self.b.rank(x)).filter(|&a| a != batch && a != time);
        let perm: Vec<usize> = [batch, time].into_iter().chain(rest).collect();
        let mut back = vec![0; perm.len()];
        for (i, &from) in perm.iter().enumerate() {
            if let Some(slot) = back.get_mut(from) {
                *slot = i;
            }
        }
        let moved = self.one(Op::Transpose { perm }, &[x])?;
        let y = self.plain(op(0, 1), &[Some(moved), p.get(1).copied().flatten()])?;
        let y = y.first().copied().unwrap_or(moved);
        Ok(vec![self.one(Op::Transpose { perm: back }, &[y])?])
    }

    /// The type of a quantised value stands in the zero point before opset 21, which is then made up.
    fn quantised(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let (Op::QuantizeLinear { block, .. } | Op::DequantizeLinear { block, .. }) = op else { return Ok(None) };
        let Some(scale) = p.get(1).copied().flatten() else { return Ok(None) };
        if *block > 0 {
            self.since(21, "quantisation in blocks")?;
        }
        if self.b.ty(scale).elements() != Some(1) {
            self.since(13, "quantisation along an axis")?;
        }
        let Op::QuantizeLinear { to, .. } = op else { return Ok(None) };
        let first = match to {
            DType::U8 | DType::I8 => 10,
            DType::F8E4M3 | DType::F8E5M2 => 19,
            _ => 21,
        };
        self.since(first, &format!("quantisation to {to}"))?;
        if p.get(2).copied().flatten().is_some() || *to == DType::U8 || self.opset >= 21 {
            return Ok(None);
        }
        let Some(shape) = self.b.ty(scale).static_shape() else {
            return Err(self.not_at("quantisation without zero point", Some(21)));
        };
        let n: usize = shape.iter().product();
        let zero = Tensor::from_bytes(*to, shape, vec![0; n * to.size()])?;
        let zero = self.b.constant("", zero);
        self.plain(op.clone(), &[p.first().copied().flatten(), Some(scale), Some(zero)]).map(Some)
    }
}
