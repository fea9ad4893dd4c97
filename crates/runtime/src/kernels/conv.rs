//! Convolutions: windows are copied into rows of a matrix (im2col) and multiplied; depthwise ones are summed directly.

use super::Call;
use super::matmul::{into, threads};
use super::windows::{BEYOND, Moves, Windows, channels_last, from_last, sizes};
use crate::Array;
use crate::array::{Num, number};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout};
use ndarray::{ArrayD, ArrayView2, ArrayViewMut2, Axis, CowArray, IxDyn, Slice};

/// Elements of the matrix of windows that are made at a time.
const BLOCK: usize = 1 << 17;

/// A kernel as window × input channel of the group × output channel.
pub(super) fn kernel_last<T: Num>(w: &CowArray<'_, T, IxDyn>, layout: KernelLayout) -> (ArrayD<T>, Vec<usize>) {
    let axes = layout.axes(w.ndim());
    let mut order: Vec<usize> = (axes.spatial..axes.spatial + w.ndim() - 2).collect();
    order.extend([axes.in_axis, axes.out_axis]);
    let kernel = w.view().permuted_axes(order).as_standard_layout().into_owned();
    let window = kernel.shape()[..kernel.ndim() - 2].to_vec();
    (kernel, window)
}

/// One convolution, seen as rows of output channels, one for each position of each image.
struct Rows<'a, T> {
    x: &'a [T],
    w: &'a [T],
    windows: &'a Windows,
    /// Positions of one input image.
    image: usize,
    /// Input channels of all groups and of one, output channels of all groups.
    channels: usize,
    inner: usize,
    out: usize,
    groups: usize,
}

pub(super) fn conv(
    c: &Call<'_>,
    m: &Moves<'_>,
    groups: usize,
    data: DataLayout,
    layout: KernelLayout,
) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let (_, input, channels) = sizes(x.shape(), data);
    let (batch, output, out) = sizes(&shape, data);
    number!(x.dtype(), T => {
        let x = T::read(x)?;
        let x = channels_last(&x, data);
        let (kernel, window) = kernel_last(&T::read(c.x(1)?)?, layout);
        let windows = Windows::new(c, m, &input, &window, &output)?;
        let plain = || c.error("data are not contiguous");
        let rows = Rows {
            x: x.as_slice().ok_or_else(plain)?,
            w: kernel.as_slice().ok_or_else(plain)?,
            windows: &windows,
            image: input.iter().product(),
            channels,
            inner: channels / groups,
            out,
            groups,
        };
        let mut result = vec![T::ZERO; batch * windows.positions * out];
        rows.run(&mut result);
        if let Some(bias) = c.opt(2) {
            add_bias(&mut result, &T::read(bias)?);
        }
        Ok(vec![T::store(from_last(result, &shape, data)?, c.dtype())?])
    })
}

/// Adds a number to each channel, which come last.
pub(super) fn add_bias<T: Num>(out: &mut [T], bias: &CowArray<'_, T, IxDyn>) {
    if !bias.is_empty() {
        out.chunks_exact_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(o, &b)| *o = *o + b));
    }
}

impl<T: Num> Rows<'_, T> {
    /// All rows, shared out to threads.
    fn run(&self, result: &mut [T]) {
        if result.is_empty() {
            return;
        }
        let rows = result.len() / self.out;
        let work = result.len().saturating_mul(self.windows.len).saturating_mul(self.inner);
        let step = rows.div_ceil(if work < BLOCK { 1 } else { threads() });
        std::thread::scope(|s| {
            for (i, part) in result.chunks_mut(step * self.out).enumerate() {
                s.spawn(move || self.part(i * step, part));
            }
        });
    }

    /// Rows from `first` on.
    fn part(&self, first: usize, out: &mut [T]) {
        if self.inner == 1 && self.groups > 1 {
            return self.depthwise(first, out);
        }
        let width = self.windows.len * self.inner;
        let block = (BLOCK / width.max(1)).max(1);
        let mut columns = Vec::new();
        for (i, part) in out.chunks_mut(block * self.out).enumerate() {
            let first = first + i * block;
            for group in 0..self.groups {
                self.multiply(group, first, part, &mut columns);
            }
        }
    }

    /// The channels of one group of some rows.
    fn multiply(&self, group: usize, first: usize, out: &mut [T], columns: &mut Vec<T>) {
        let rows = out.len() / self.out;
        let (width, each) = (self.windows.len * self.inner, self.out / self.groups);
        let (from, to) = (group * each, (group + 1) * each);
        let Ok(w) = ArrayView2::from_shape((width, self.out), self.w) else { return };
        let Ok(mut out) = ArrayViewMut2::from_shape((rows, self.out), out) else { return };
        let span = Slice::from(from..to);
        let (w, out) = (w.slice_axis(Axis(1), span), out.slice_axis_mut(Axis(1), span));
        if self.windows.is_identity() {
            let x = &self.x[first * self.channels..(first + rows) * self.channels];
            let Ok(x) = ArrayView2::from_shape((rows, self.channels), x) else { return };
            return into(x.slice_axis(Axis(1), Slice::from(group * self.inner..(group + 1) * self.inner)), w, out);
        }
        self.copy_windows(group, first, rows, columns);
        if let Ok(x) = ArrayView2::from_shape((rows, width), columns.as_slice()) {
            into(x, w, out);
        }
    }

    /// im2col: one row for each window, window × channel of the group.
    fn copy_windows(&self, group: usize, first: usize, rows: usize, columns: &mut Vec<T>) {
        columns.clear();
        let (mut offsets, mut spare) = (Vec::new(), Vec::new());
        for row in first..first + rows {
            let image = row / self.windows.positions * self.image;
            self.windows.offsets(row % self.windows.positions, &mut offsets, &mut spare);
            for &at in &offsets {
                if at >= BEYOND {
                    columns.resize(columns.len() + self.inner, T::ZERO);
                } else {
                    let start = (image + at) * self.channels + group * self.inner;
                    columns.extend_from_slice(&self.x[start..start + self.inner]);
                }
            }
        }
    }

    /// One input channel a group.
    fn depthwise(&self, first: usize, out: &mut [T]) {
        let each = self.out / self.groups;
        let (mut offsets, mut spare) = (Vec::new(), Vec::new());
        for (i, out) in out.chunks_mut(self.out).enumerate() {
            let row = first + i;
            let image = row / self.windows.positions * self.image;
            self.windows.offsets(row % self.windows.positions, &mut offsets, &mut spare);
            for (k, &at) in offsets.iter().enumerate().filter(|(_, at)| **at < BEYOND) {
                let x = &self.x[(image + at) * self.channels..][..self.channels];
                let w = &self.w[k * self.out..][..self.out];
                if each == 1 {
                    out.iter_mut().zip(x).zip(w).for_each(|((o, &x), &w)| *o = *o + x * w);
                } else {
                    for ((out, &x), w) in out.chunks_mut(each).zip(x).zip(w.chunks(each)) {
                        out.iter_mut().zip(w).for_each(|(o, &w)| *o = *o + x * w);
                    }
                }
            }
        }
    }
}
