//! Convolutions and pools: layouts are checked, padding becomes numbers.

use super::{Legal, Operands};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding, PoolKind};
use modelport_ir::{Dim, Op, ValueId};

/// Elements that a dilated window spans.
fn extent(window: usize, dilation: usize) -> usize {
    window.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// Padding in numbers for spatial `dims`, where they decide it: also with unknown sizes when the stride is 1.
fn resolved(padding: &Padding, dims: &[Dim], extents: &[usize], strides: &[usize]) -> Padding {
    if matches!(padding, Padding::Explicit(_)) {
        return padding.clone();
    }
    let pair = |(i, ((dim, &extent), &stride)): (usize, ((&Dim, &usize), &usize))| match dim {
        Dim::Known(n) => Some(padding.resolve(i, *n, extent, stride)),
        _ if stride == 1 => Some(padding.resolve(i, 1, extent, 1)),
        _ => None,
    };
    let all = dims.iter().zip(extents).zip(strides).enumerate().map(pair).collect::<Option<Vec<_>>>();
    all.map_or_else(|| padding.clone(), Padding::Explicit)
}

impl Legal {
    /// The replacement of a convolution or pool, when it needs one.
    pub(super) fn convolution(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let Some(x) = p.first().copied().flatten() else { return Ok(None) };
        let legal = match op {
            Op::Conv { data, kernel, .. } => {
                self.layout(*data == DataLayout::ChannelsFirst && *kernel == KernelLayout::OutInSpatial, op)?;
                self.conv(op, x, p)
            }
            Op::ConvTranspose { data, kernel, .. } => {
                self.layout(*data == DataLayout::ChannelsFirst && *kernel == KernelLayout::InOutSpatial, op)?;
                self.transposed(op, x, p)
            }
            Op::Pool { data, .. } => {
                self.layout(*data == DataLayout::ChannelsFirst, op)?;
                self.pool(op, x)?
            }
            Op::MaxPoolWithIndex { window, strides, dilations, padding, ceil_mode } => Op::MaxPoolWithIndex {
                padding: self.pads_of(x, padding, window, dilations, strides),
                window: window.clone(),
                strides: strides.clone(),
                dilations: dilations.clone(),
                ceil_mode: *ceil_mode,
            },
            _ => return Ok(None),
        };
        self.plain(legal, p).map(Some)
    }

    fn spatial(&self, x: ValueId) -> &[Dim] {
        self.b.shape(x).get(2..).unwrap_or_default()
    }

    fn pads_of(
        &self,
        x: ValueId,
        padding: &Padding,
        window: &[usize],
        dilations: &[usize],
        strides: &[usize],
    ) -> Padding {
        let extents: Vec<_> = window.iter().zip(dilations).map(|(&w, &d)| extent(w, d)).collect();
        resolved(padding, self.spatial(x), &extents, strides)
    }

    fn window_of(&self, p: Operands<'_>) -> Option<Vec<usize>> {
        let w = p.get(1).copied().flatten()?;
        self.spatial(w).iter().map(Dim::known).collect()
    }

    fn conv(&self, op: &Op, x: ValueId, p: Operands<'_>) -> Op {
        let mut op = op.clone();
        if let (Op::Conv { padding, dilations, strides, .. }, Some(window)) = (&mut op, self.window_of(p)) {
            *padding = self.pads_of(x, padding, &window, dilations, strides);
        }
        op
    }

    /// "Same" means input · stride here, which fixes the padding whatever the size. ONNX 1.x runtimes disagree on
    /// `auto_pad` of transposed convolutions, so numbers are written.
    fn transposed(&self, op: &Op, x: ValueId, p: Operands<'_>) -> Op {
        let mut op = op.clone();
        let Some(window) = self.window_of(p) else { return op };
        let dims = self.spatial(x).to_vec();
        if let Op::ConvTranspose { padding, dilations, strides, output_padding, output_shape, .. } = &mut op {
            let mut pairs = Vec::with_capacity(dims.len());
            let mut extra = vec![0; dims.len()];
            for (i, dim) in dims.iter().enumerate() {
                let at = |v: &[usize], otherwise: usize| v.get(i).copied().unwrap_or(otherwise);
                let stride = at(strides, 1) as i64;
                let more = extent(at(&window, 1), at(dilations, 1)) as i64 + at(output_padding, 0) as i64;
                // Elements to take away in all, relative to input · stride.
                let wanted = match (output_shape.get(i), dim) {
                    (None, _) if matches!(padding, Padding::Explicit(_)) => None,
                    (None, _) => Some(more - stride),
                    (Some(&out), Dim::Known(n)) => Some((*n as i64 - 1) * stride + more - out as i64),
                    (Some(_), _) => return op,
                };
                let (pair, add) = crop(padding, i, wanted, at(output_padding, 0));
                pairs.push(pair);
                extra[i] = add;
            }
            *padding = Padding::Explicit(pairs);
            *output_padding = if extra.iter().all(|&n| n == 0) { Vec::new() } else { extra };
            output_shape.clear();
        }
        op
    }

    fn pool(&self, op: &Op, x: ValueId) -> Result<Op> {
        let mut op = op.clone();
        if let Op::Pool { kind, window, strides, dilations, padding, ceil_mode, count_include_pad, .. } = &mut op {
            *padding = self.pads_of(x, padding, window, dilations, strides);
            let dilated = dilations.iter().any(|&d| d != 1);
            match kind {
                PoolKind::Max => *count_include_pad = false,
                PoolKind::Average if dilated => self.since(19, "AveragePool with dilations")?,
                PoolKind::L2 if dilated || *ceil_mode => self.since(18, "LpPool with dilations or ceil_mode")?,
                _ => {}
            }
            if matches!(kind, PoolKind::L2) || *padding == Padding::valid(window.len()) {
                // Without padding there is nothing to count; an exception is a last window that reaches outside.
                *count_include_pad &= *ceil_mode && *kind == PoolKind::Average;
            }
        }
        Ok(op)
    }
}

/// Splits what a transposed convolution takes away on axis `i`; what it lacks is added at the end.
fn crop(padding: &Padding, i: usize, wanted: Option<i64>, output_padding: usize) -> ((usize, usize), usize) {
    let given = padding.resolve(i, 1, 1, 1);
    let Some(total) = wanted else { return (given, output_padding) };
    let lack = usize::try_from(-total).unwrap_or(0);
    let total = usize::try_from(total).unwrap_or(0);
    let pair = match padding {
        Padding::SameUpper => (total / 2, total - total / 2),
        Padding::SameLower => (total - total / 2, total / 2),
        Padding::Explicit(_) => (given.0.min(total), total - given.0.min(total)),
    };
    (pair, output_padding + lack)
}
