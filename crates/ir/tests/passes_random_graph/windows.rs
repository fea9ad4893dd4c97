//! Steps of ops that have a layout.

use super::{Random, batch};
use modelport_ir::core::{
    CoordinateMode, DataLayout, DepthToSpaceMode, KernelLayout, NearestMode, Padding, PoolKind, ResizeMode,
};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

impl Random {
    fn moves(&mut self, spatial: usize) -> (Vec<usize>, Vec<usize>) {
        let strides: Vec<usize> = (0..spatial).map(|_| 1 + usize::from(self.below(4) == 0)).collect();
        let dilations = (0..spatial).map(|i| if strides[i] == 1 && self.below(5) == 0 { 2 } else { 1 }).collect();
        (strides, dilations)
    }

    fn padding(&mut self, spatial: usize) -> Padding {
        match self.below(4) {
            0 => Padding::SameUpper,
            1 => Padding::SameLower,
            2 => Padding::valid(spatial),
            _ => Padding::Explicit((0..spatial).map(|_| (self.below(2), self.below(2))).collect()),
        }
    }

    /// Whether windows fit axes whose sizes inference does not know: it can refuse only what it sees.
    fn fits_open_axes(&self, x: ValueId, data: DataLayout, extents: &[usize], padding: &Padding) -> bool {
        let Padding::Explicit(pads) = padding else { return true };
        let first = if data == DataLayout::ChannelsFirst { 2 } else { 1 };
        let spatial = self.b.shape(x).iter().skip(first);
        spatial.zip(extents).zip(pads).all(|((dim, &extent), &(before, after))| match dim {
            Dim::Known(_) => true,
            Dim::Symbol(_) => extent <= batch() + before + after,
            Dim::Unknown => extent <= 1 + before + after,
        })
    }

    fn kernel(&mut self, layout: KernelLayout, rank: usize, size: usize, input: usize, output: usize) -> ValueId {
        let axes = layout.axes(rank);
        let mut shape = vec![size; rank];
        shape[axes.in_axis] = input;
        shape[axes.out_axis] = output;
        let w = self.weights(&shape, 0.0);
        // A kernel that is not constant.
        if self.below(12) == 0 {
            let x = self.b.graph().inputs()[0];
            let mean = self.b.reduce(modelport_ir::core::ReduceKind::Mean, x, &[], false).ok();
            return mean.and_then(|m| self.b.binary(modelport_ir::core::BinaryOp::Add, w, m).ok()).unwrap_or(w);
        }
        w
    }

    pub(crate) fn convolution(&mut self, x: ValueId) -> Option<ValueId> {
        let (rank, data) = (self.b.rank(x), self.layout());
        if rank < 3 {
            return None;
        }
        let channels = self.known(x, data.channel_axis(rank)).filter(|&c| c <= 16)?;
        let groups = if self.below(3) == 0 { channels } else { 1 };
        let filters = if groups > 1 { groups * (1 + self.below(2)) } else { 1 + self.below(5) };
        let kernels = [KernelLayout::SpatialInOut, KernelLayout::OutInSpatial];
        let kernel = kernels[usize::from(self.below(4) == 0)];
        let size = 1 + self.below(3);
        let w = self.kernel(kernel, rank, size, channels / groups, filters);
        let (strides, dilations) = self.moves(rank - 2);
        let padding = self.padding(rank - 2);
        let extents: Vec<usize> = dilations.iter().map(|d| (size - 1) * d + 1).collect();
        if !self.fits_open_axes(x, data, &extents, &padding) {
            return None;
        }
        let mut inputs = vec![x, w];
        if self.flip() {
            inputs.push(self.weights(&[filters], 0.0));
        }
        self.b.one(Op::Conv { strides, dilations, padding, groups, data, kernel }, &inputs).ok()
    }

    pub(crate) fn transposed_convolution(&mut self, x: ValueId) -> Option<ValueId> {
        let (rank, data) = (self.b.rank(x), self.layout());
        if rank < 3 {
            return None;
        }
        let channels = self.known(x, data.channel_axis(rank)).filter(|&c| c <= 16)?;
        let groups = if self.below(3) == 0 { channels } else { 1 };
        let out = if groups > 1 { 1 + self.below(2) } else { 1 + self.below(4) };
        let size = 2 + self.below(2);
        let kernel = KernelLayout::SpatialOutIn;
        let w = self.kernel(kernel, rank, size, channels, out);
        let padding = if self.flip() { Padding::SameUpper } else { Padding::valid(rank - 2) };
        let ones = vec![1; rank - 2];
        let strides = (0..rank - 2).map(|_| 1 + self.below(2)).collect();
        let op = Op::ConvTranspose {
            strides,
            dilations: ones,
            padding,
            output_padding: vec![],
            output_shape: vec![],
            groups,
            data,
            kernel,
        };
        self.b.one(op, &[x, w]).ok()
    }

    pub(crate) fn pool(&mut self, x: ValueId) -> Option<ValueId> {
        let (rank, data) = (self.b.rank(x), self.layout());
        if rank < 3 {
            return None;
        }
        let kinds = [PoolKind::Max, PoolKind::Average, PoolKind::Max, PoolKind::Average];
        let kind = kinds[self.below(kinds.len())];
        let size = 2 + self.below(2);
        let strides = (0..rank - 2).map(|_| 1 + self.below(2)).collect();
        let padding = match self.below(3) {
            0 => Padding::SameUpper,
            1 => Padding::valid(rank - 2),
            _ => Padding::Explicit(vec![(self.below(2), self.below(2)); rank - 2]),
        };
        if !self.fits_open_axes(x, data, &vec![size; rank - 2], &padding) {
            return None;
        }
        let op = Op::Pool {
            kind,
            window: vec![size; rank - 2],
            strides,
            dilations: vec![1; rank - 2],
            padding,
            ceil_mode: self.below(4) == 0,
            count_include_pad: self.below(3) == 0,
            data,
        };
        self.b.one(op, &[x]).ok()
    }

    pub(crate) fn norm(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        if rank < 2 {
            return None;
        }
        let axis = if self.below(4) == 0 { 1 } else { rank - 1 };
        let n = self.known(x, axis)?;
        let gamma = self.weights(&[n], 1.0);
        let (beta, mean) = (self.weights(&[n], 0.0), self.weights(&[n], 0.0));
        let variance = self.weights(&[n], 1.1);
        self.b.one(Op::BatchNorm { axis: axis as i64, epsilon: 1e-3 }, &[x, gamma, beta, mean, variance]).ok()
    }

    pub(crate) fn channel_norm(&mut self, x: ValueId) -> Option<ValueId> {
        let (rank, data) = (self.b.rank(x), self.layout());
        if rank < 3 {
            return None;
        }
        if self.below(3) == 0 {
            let axis = if self.flip() { rank - 1 } else { 1 };
            let shape: Option<Vec<usize>> = (axis..rank).map(|a| self.known(x, a)).collect();
            let (s, t) = (self.weights(&shape.clone()?, 1.0), self.weights(&shape?, 0.0));
            return self.b.one(Op::LayerNorm { axis: axis as i64, epsilon: 1e-2 }, &[x, s, t]).ok();
        }
        let n = self.known(x, data.channel_axis(rank))?;
        let (s, t) = (self.weights(&[n], 1.0), self.weights(&[n], 0.0));
        match self.below(3) {
            0 => self.b.one(Op::InstanceNorm { epsilon: 1e-2, data }, &[x, s, t]).ok(),
            1 => self.b.one(Op::GroupNorm { groups: n, epsilon: 1e-2, data }, &[x, s, t]).ok(),
            _ => self.b.one(Op::Lrn { size: 3, alpha: 0.1, beta: 0.75, bias: 1.0, data }, &[x]).ok(),
        }
    }

    pub(crate) fn resize(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        if rank < 3 {
            return None;
        }
        let channels = self.known(x, rank - 1)?;
        if rank == 4 && (channels.is_multiple_of(4) && self.flip() || self.below(4) == 0) {
            let data = if self.flip() { DataLayout::ChannelsFirst } else { DataLayout::ChannelsLast };
            return match self.flip() {
                true => self.b.one(Op::SpaceToDepth { block: 2, data }, &[x]).ok(),
                false => self.b.one(Op::DepthToSpace { block: 2, mode: DepthToSpaceMode::Dcr, data }, &[x]).ok(),
            };
        }
        let axes: Vec<i64> =
            if self.below(4) == 0 { vec![self.below(rank - 1) as i64 + 1] } else { (1..rank as i64 - 1).collect() };
        let op = Op::Resize {
            mode: if self.flip() { ResizeMode::Nearest } else { ResizeMode::Linear },
            coordinates: CoordinateMode::HalfPixel,
            nearest: NearestMode::RoundPreferFloor,
            cubic_a: -0.75,
            antialias: false,
            exclude_outside: false,
            extrapolation: 0.0,
            axes: axes.clone(),
        };
        if self.flip() {
            let scales: Vec<f64> = axes.iter().map(|_| 1.0 + self.below(2) as f64).collect();
            let scales = self.b.constant("scales", Tensor::from_f64s(DType::F32, &[axes.len()], &scales).unwrap());
            return self.b.one_opt(op, &[Some(x), Some(scales), None]).ok();
        }
        let sizes: Vec<i64> = axes.iter().map(|_| 2 + self.below(6) as i64).collect();
        let sizes = self.b.ints(&sizes);
        self.b.one_opt(op, &[Some(x), None, Some(sizes)]).ok()
    }
}
