//! Windows that move over the spatial axes: where each element of each window lies in the input.
//!
//! Convolutions and pools see data as batch × position × channel, whatever the layout; this file converts.

use super::Call;
use crate::array::{Num, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use modelport_ir::core::{DataLayout, Padding};
use ndarray::{ArrayD, ArrayViewD, CowArray, IxDyn};

/// How a window moves.
pub(super) struct Moves<'a> {
    pub(super) strides: &'a [usize],
    pub(super) dilations: &'a [usize],
    pub(super) padding: &'a Padding,
}

impl Moves<'_> {
    /// The elements that a window of `n` spans along spatial axis `i`.
    pub(super) fn extent(&self, i: usize, n: usize) -> usize {
        n.saturating_sub(1).saturating_mul(self.dilations[i]).saturating_add(1)
    }
}

/// In place of an offset: the element is padding.
pub(super) const PAD: usize = usize::MAX;
/// In place of an offset: the element is beyond even the padding (`ceil_mode`).
pub(super) const BEYOND: usize = usize::MAX - 1;

/// The windows of one op.
pub(super) struct Windows {
    /// For each spatial axis: input size, window size, and for each output index and window index the input index.
    axes: Vec<(usize, usize, Vec<usize>)>,
    output: Vec<usize>,
    /// Elements in one window.
    pub(super) len: usize,
    /// Positions of the window.
    pub(super) positions: usize,
}

impl Windows {
    pub(super) fn new(
        c: &Call<'_>,
        m: &Moves<'_>,
        input: &[usize],
        window: &[usize],
        output: &[usize],
    ) -> Result<Self> {
        c.check_size(DType::U64, window)?;
        let mut axes = Vec::with_capacity(input.len());
        for (i, ((&n, &k), &out)) in input.iter().zip(window).zip(output).enumerate() {
            c.check_size(DType::U64, &[k, out])?;
            let (before, after) = m.padding.resolve(i, n, m.extent(i, k), m.strides[i]);
            let (size, before, after) = (n as i128, before as i128, after as i128);
            let mut table = Vec::with_capacity(k * out);
            for o in 0..out {
                for w in 0..k {
                    let at = o as i128 * m.strides[i] as i128 + w as i128 * m.dilations[i] as i128 - before;
                    table.push(match at {
                        at if at >= size + after => BEYOND,
                        at if (0..size).contains(&at) => at as usize,
                        _ => PAD,
                    });
                }
            }
            axes.push((n, k, table));
        }
        let (len, positions) = (window.iter().product(), output.iter().product());
        Ok(Self { axes, output: output.to_vec(), len, positions })
    }

    /// Whether each window is the one element at its own position.
    pub(super) fn is_identity(&self) -> bool {
        self.len == 1
            && self.axes.iter().all(|(n, _, table)| table.len() == *n && table.iter().enumerate().all(|(i, &t)| i == t))
    }

    /// The positions in the input of the elements of window `at`, row-major, in `out`.
    pub(super) fn offsets(&self, at: usize, out: &mut Vec<usize>, spare: &mut Vec<usize>) {
        out.clear();
        out.push(0);
        let mut rest = self.positions;
        let mut at = at;
        for ((n, k, table), &count) in self.axes.iter().zip(&self.output) {
            rest /= count.max(1);
            let (o, left) = (at / rest.max(1), at % rest.max(1));
            at = left;
            spare.clear();
            for &base in out.iter() {
                spare.extend(table[o * k..(o + 1) * k].iter().map(|&t| match (base, t) {
                    (BEYOND, _) | (_, BEYOND) => BEYOND,
                    (PAD, _) | (_, PAD) => PAD,
                    _ => base * n + t,
                }));
            }
            std::mem::swap(out, spare);
        }
    }
}

/// The order of axes that puts channels last.
fn to_last(rank: usize, data: DataLayout) -> Vec<usize> {
    let mut order = vec![0];
    order.extend(data.spatial_axes(rank));
    order.push(data.channel_axis(rank));
    order
}

/// The elements as batch, spatial…, channel; copied only when they stand otherwise.
pub(super) fn channels_last<'a, T: Num>(x: &'a CowArray<'_, T, IxDyn>, data: DataLayout) -> CowArray<'a, T, IxDyn> {
    let view: ArrayViewD<'a, T> = x.view().permuted_axes(to_last(x.ndim(), data));
    if view.is_standard_layout() { view.into() } else { view.as_standard_layout().into_owned().into() }
}

/// Sizes of a value of `shape`: batch, spatial axes, channels.
pub(super) fn sizes(shape: &[usize], data: DataLayout) -> (usize, Vec<usize>, usize) {
    let rank = shape.len();
    (shape[0], data.spatial_axes(rank).map(|a| shape[a]).collect(), shape[data.channel_axis(rank)])
}

/// A result of batch, spatial…, channel as a value of `shape` in its layout.
pub(super) fn from_last<T: Num>(out: Vec<T>, shape: &[usize], data: DataLayout) -> Result<ArrayD<T>> {
    let order = to_last(shape.len(), data);
    let last: Vec<usize> = order.iter().map(|&a| shape[a]).collect();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, &a)| back[a] = i);
    let out = shaped(&last, out)?;
    Ok(match data {
        DataLayout::ChannelsLast => out,
        DataLayout::ChannelsFirst => out.permuted_axes(back).as_standard_layout().into_owned(),
    })
}
