//! Windows of images as columns, and columns summed back into images: `unfold` and `fold` of PyTorch and Keras.
//!
//! Owns: the formulas, for images of channels × height × width. Must never know: whose op asks.

use crate::builder::Builder;
use crate::core::{DataLayout, KernelLayout, PadMode, Padding};
use crate::{Dim, Op, Tensor, ValueId};
use modelport_diag::Result;

/// How windows lie in an image, along its height and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Elements of a window.
    pub kernel: [usize; 2],
    /// How far apart they are.
    pub dilation: [usize; 2],
    /// Zeros around the image, on either side.
    pub padding: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
}

/// Windows of at most this many elements are taken from images whose sizes are open, by a slice each.
const MOST_SLICES: usize = 256;
/// Windows of at most this many elements are summed back, by a kernel of the square of that.
const MOST_ELEMENTS: usize = 4096;
/// Places of an axis at most.
const MOST_PLACES: usize = 1 << 22;

impl Windows {
    /// Along one axis of a known size: how many windows there are, and what is left over behind the last.
    fn count(&self, size: usize, axis: usize) -> Option<(usize, usize)> {
        let at = |v: &[usize; 2]| v.get(axis).copied();
        let extent = at(&self.dilation)?.checked_mul(at(&self.kernel)?.checked_sub(1)?)?.checked_add(1)?;
        let room = at(&self.padding)?.checked_mul(2)?.checked_add(size)?.checked_sub(extent)?;
        let stride = at(&self.stride)?;
        Some((room.checked_div(stride)? + 1, room.checked_rem(stride)?))
    }

    fn area(&self) -> Option<usize> {
        self.kernel[0].checked_mul(self.kernel[1]).filter(|n| *n > 0)
    }

    /// Why windows of an image of these sizes cannot be taken.
    pub fn why_not_taken(&self, sizes: [Option<usize>; 2]) -> Option<&'static str> {
        let [Some(h), Some(w)] = sizes else {
            let few = self.area().is_some_and(|n| n <= MOST_SLICES) && !self.stride.contains(&0);
            return (!few).then_some("windows of more than 256 elements of an image of unknown size");
        };
        for (axis, size) in [h, w].into_iter().enumerate() {
            match self.count(size, axis) {
                Some((n, _)) if n.saturating_mul(self.kernel[axis]) <= MOST_PLACES => {}
                Some(_) => return Some("windows that many are not converted"),
                None => return Some("the window does not fit the padded input"),
            }
        }
        None
    }

    /// Why columns cannot be summed into an image of these sizes.
    pub fn why_not_summed(&self, sizes: [usize; 2]) -> Option<&'static str> {
        if self.area().is_none_or(|n| n > MOST_ELEMENTS) {
            return Some("windows of more than 4096 elements");
        }
        let fits = sizes.iter().enumerate().all(|(axis, &size)| self.count(size, axis).is_some());
        (!fits).then_some("the window does not fit the output")
    }
}

impl Builder {
    /// The windows of a batch of images with a known number of channels: batch × (channels·window) × windows.
    ///
    /// # Errors
    /// As [`Builder::add`], and where [`Windows::why_not_taken`] says why.
    pub fn columns(&mut self, x: ValueId, channels: usize, windows: &Windows) -> Result<ValueId> {
        let size = |b: &Self, axis: usize| b.shape(x).get(axis).and_then(Dim::known);
        let sizes = [size(self, 2), size(self, 3)];
        let x = self.bordered(x, windows.padding)?;
        let area = windows.area().unwrap_or(1);
        let counts = [0, 1].map(|axis| sizes[axis].and_then(|n| windows.count(n, axis)));
        let [Some((oh, _)), Some((ow, _))] = counts else { return self.open_columns(x, channels * area, windows) };
        let rows = self.places(windows, 0, oh)?;
        let lines = self.places(windows, 1, ow)?;
        let x = self.one(Op::Gather { axis: 2 }, &[x, rows])?;
        let x = self.one(Op::Gather { axis: 4 }, &[x, lines])?;
        let x = self.transpose(x, &[0, 1, 2, 4, 3, 5])?;
        self.reshape(x, &[-1, (channels * area) as i64, (oh * ow) as i64])
    }

    /// The places in a padded axis that window element `k` of output `o` sees, as a matrix of elements by outputs.
    fn places(&mut self, windows: &Windows, axis: usize, outputs: usize) -> Result<ValueId> {
        let (kernel, dilation, stride) = (windows.kernel[axis], windows.dilation[axis], windows.stride[axis]);
        let of_element = |k: usize| (0..outputs).map(move |o| (o * stride + k * dilation) as i64);
        let at: Vec<i64> = (0..kernel).flat_map(of_element).collect();
        let at = self.ints(&at);
        self.reshape(at, &[kernel as i64, outputs as i64])
    }

    /// An image with zeros around it.
    fn bordered(&mut self, x: ValueId, [h, w]: [usize; 2]) -> Result<ValueId> {
        if h == 0 && w == 0 {
            return Ok(x);
        }
        let (h, w) = (h as i64, w as i64);
        let pads = self.ints(&[0, 0, h, w, 0, 0, h, w]);
        self.one(Op::Pad { mode: PadMode::Constant }, &[x, pads])
    }

    /// The windows of an image whose size is known only at run time: one slice for each element of the window.
    fn open_columns(&mut self, x: ValueId, depth: usize, windows: &Windows) -> Result<ValueId> {
        let [kh, kw] = windows.kernel;
        // Element `k` of a window begins at `k·dilation`; as many elements from the end stay behind it.
        let line = |b: &mut Self, x: ValueId, axis: usize, k: usize| {
            let (n, step, dilation) = (windows.kernel[axis], windows.stride[axis], windows.dilation[axis]);
            let behind = (n - 1 - k).saturating_mul(dilation) as i64;
            let end = if behind == 0 { i64::MAX } else { -behind };
            b.slice_axis(x, 2 + axis as i64, k.saturating_mul(dilation) as i64, end, step as i64)
        };
        let mut parts = Vec::with_capacity(kh * kw);
        for k in 0..kh {
            let rows = line(self, x, 0, k)?;
            for m in 0..kw {
                let part = line(self, rows, 1, m)?;
                parts.push(self.unsqueeze(part, &[2])?);
            }
        }
        let all = self.concat(&parts, 2)?;
        self.reshape(all, &[0, depth as i64, -1])
    }

    /// Columns of `depth` elements summed into images of `sizes`: a transposed convolution whose kernel puts each element
    /// in its place.
    ///
    /// # Errors
    /// As [`Builder::add`], and where [`Windows::why_not_summed`] says why.
    pub fn image_of_columns(
        &mut self,
        x: ValueId,
        depth: usize,
        sizes: [usize; 2],
        windows: &Windows,
    ) -> Result<ValueId> {
        let area = windows.area().unwrap_or(1);
        let channels = depth / area;
        let [(oh, below), (ow, beside)] = [0, 1].map(|axis| windows.count(sizes[axis], axis).unwrap_or_default());
        let x = self.reshape(x, &[-1, (channels * area) as i64, oh as i64, ow as i64])?;
        let mut places = vec![0.0; area * area];
        places.iter_mut().step_by(area + 1).for_each(|p| *p = 1.0);
        let [kh, kw] = windows.kernel;
        let one = Tensor::from_f64s(self.dtype(x), &[area, 1, kh, kw], &places)?;
        let one = self.constant("", one);
        let repeats = self.ints(&[channels as i64, 1, 1, 1]);
        let kernel = self.one(Op::Tile, &[one, repeats])?;
        let op = Op::ConvTranspose {
            strides: windows.stride.to_vec(),
            dilations: windows.dilation.to_vec(),
            padding: Padding::Explicit(windows.padding.iter().map(|&p| (p, p)).collect()),
            output_padding: vec![below, beside],
            output_shape: Vec::new(),
            groups: channels,
            data: DataLayout::ChannelsFirst,
            kernel: KernelLayout::InOutSpatial,
        };
        self.one(op, &[x, kernel])
    }
}
