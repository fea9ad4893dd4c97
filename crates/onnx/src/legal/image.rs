//! Resampling and regions: coordinate modes and axes that came with later opsets.

use super::{Legal, Operands};
use modelport_diag::Result;
use modelport_ir::core::{CoordinateMode, DataLayout, GridMode, NearestMode, ResizeMode};
use modelport_ir::{Dim, Op, Tensor, ValueId};

impl Legal {
    /// The replacement of an image op, when it needs one.
    pub(super) fn image(&mut self, op: &Op, p: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let Some(x) = p.first().copied().flatten() else { return Ok(None) };
        match op {
            Op::Resize { .. } => return self.resize(op, x, p).map(Some),
            Op::GridSample { .. } => {
                self.since(16, "GridSample")?;
                if let Op::GridSample { mode, .. } = op
                    && self.b.rank(x) != 4
                {
                    self.since(20, if *mode == GridMode::Cubic { "GridSample" } else { "GridSample of volumes" })?;
                }
            }
            Op::RoiAlign { half_pixel: true, .. } => self.since(16, "RoiAlign with half-pixel coordinates")?,
            Op::DepthToSpace { data, .. } | Op::SpaceToDepth { data, .. } => {
                self.layout(*data == DataLayout::ChannelsFirst, op)?;
            }
            _ => {}
        }
        Ok(None)
    }

    fn resize(&mut self, op: &Op, x: ValueId, p: Operands<'_>) -> Result<Vec<ValueId>> {
        let mut op = op.clone();
        let (mut scales, mut sizes) = (p.get(1).copied().flatten(), p.get(2).copied().flatten());
        if let Op::Resize { mode, coordinates, nearest, antialias, axes, cubic_a, exclude_outside, .. } = &mut op {
            if *mode != ResizeMode::Cubic {
                (*cubic_a, *exclude_outside) = (-0.75, *exclude_outside && *antialias);
            }
            if *mode != ResizeMode::Nearest {
                *nearest = NearestMode::RoundPreferFloor;
            }
            if *antialias {
                self.since(18, "Resize with antialias")?;
            }
            if *coordinates == CoordinateMode::HalfPixelSymmetric && sizes.is_some() {
                // The two differ only where scale times input is not a whole number.
                *coordinates = CoordinateMode::HalfPixel;
            }
            self.coordinates(coordinates, nearest, *mode)?;
            let rank = self.b.rank(x);
            let mut at: Vec<usize> = axes.iter().map(|&a| self.axis(a, x)).collect();
            if at.is_empty() {
                at = (0..rank).collect();
            }
            if let Some(exact) = self.exact_scales(x, sizes, &at, *mode)? {
                (scales, sizes) = (Some(exact), None);
            }
            let constant = scales.and_then(|s| self.b.as_constant(s)).map(Tensor::to_f64s).transpose()?;
            if let Some(factors) = constant {
                scales = Some(self.scales_of_all(&factors, &at, rank)?);
                axes.clear();
            } else if at.iter().copied().eq(0..rank) {
                axes.clear();
            } else if sizes.is_some() || self.opset < 18 {
                // Since 18 there is `axes`, but onnxruntime 1.32 fails to move a Transpose across it.
                self.sizes_of_all(x, scales, &mut sizes, &at)?;
                axes.clear();
            }
        }
        self.plain(op, &[Some(x), scales, sizes])
    }

    /// Modes that an opset does not have, by those that mean the same.
    fn coordinates(&self, mode: &mut CoordinateMode, nearest: &mut NearestMode, kind: ResizeMode) -> Result<()> {
        match mode {
            CoordinateMode::TfHalfPixelForNn => {
                if kind == ResizeMode::Nearest && *nearest == NearestMode::Floor {
                    // floor((x + 1/2)/s) is (x + 1/2)/s - 1/2 rounded, halves up.
                    (*mode, *nearest) = (CoordinateMode::HalfPixel, NearestMode::RoundPreferCeil);
                } else if self.opset > 12 {
                    return Err(self.not_at("Resize with tf_half_pixel_for_nn", None));
                }
                Ok(())
            }
            CoordinateMode::HalfPixelSymmetric => self.since(19, "Resize with half_pixel_symmetric"),
            _ => Ok(()),
        }
    }

    /// Scales that lead to `sizes`, when all sizes are known: the form that every runtime has. Nearest neighbours jump,
    /// so there the scales must be exact; elsewhere f32 is what runtimes compute from the sizes themselves.
    fn exact_scales(
        &mut self,
        x: ValueId,
        sizes: Option<ValueId>,
        axes: &[usize],
        mode: ResizeMode,
    ) -> Result<Option<ValueId>> {
        let Some(sizes) = sizes.and_then(|s| self.b.as_constant(s)).map(Tensor::to_i64s).transpose()? else {
            return Ok(None);
        };
        let mut scales = Vec::with_capacity(sizes.len());
        for (&size, &axis) in sizes.iter().zip(axes) {
            let Some(&Dim::Known(n)) = self.b.shape(x).get(axis) else { return Ok(None) };
            let nearest = size as f32 / n as f32;
            let product = |scale: f32| f64::from(scale) * n as f64;
            let exact = product(nearest) == size as f64;
            // Shape inference rounds the product down: in f32 in some versions of onnx, in f64 in others.
            let scale = if product(nearest) < size as f64 { nearest.next_up() } else { nearest };
            let reaches = n > 0
                && scale > 0.0
                && product(scale).floor() == size as f64
                && (n as f32 * scale).floor() == size as f32;
            if !reaches || (mode == ResizeMode::Nearest && !exact) {
                return Ok(None);
            }
            scales.push(scale);
        }
        Ok(Some(self.b.constant("", Tensor::floats(&scales))))
    }

    fn scales_of_all(&mut self, factors: &[f64], axes: &[usize], rank: usize) -> Result<ValueId> {
        let mut all = vec![1.0f32; rank];
        for (&f, &axis) in factors.iter().zip(axes) {
            if let Some(slot) = all.get_mut(axis) {
                *slot = f as f32;
            }
        }
        Ok(self.b.constant("", Tensor::floats(&all)))
    }

    /// Sizes for every axis, taken from `x` where it is not resized.
    fn sizes_of_all(
        &mut self,
        x: ValueId,
        scales: Option<ValueId>,
        sizes: &mut Option<ValueId>,
        axes: &[usize],
    ) -> Result<()> {
        let (None, Some(given)) = (scales, *sizes) else {
            return self.since(18, "Resize of some axes by scales that are computed");
        };
        let mut parts = Vec::new();
        for axis in 0..self.b.rank(x) {
            parts.push(match axes.iter().position(|&a| a == axis) {
                Some(i) => self.b.slice_axis(given, 0, i as i64, i as i64 + 1, 1)?,
                None => self.one(Op::Shape { start: axis as i64, end: Some(axis as i64 + 1) }, &[x])?,
            });
        }
        *sizes = Some(self.one(Op::Concat { axis: 0 }, &parts)?);
        Ok(())
    }
}
