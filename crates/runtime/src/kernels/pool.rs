//! Pools.

use super::Call;
use super::reduce::lowest;
use super::windows::{BEYOND, Moves, PAD, Windows, channels_last, from_last, sizes};
use crate::Array;
use crate::array::{Num, number};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, PoolKind};

pub(super) fn pool(
    c: &Call<'_>,
    kind: PoolKind,
    window: &[usize],
    m: &Moves<'_>,
    include_pad: bool,
    data: DataLayout,
) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let dtype = x.dtype();
    let (_, input, channels) = sizes(x.shape(), data);
    let (batch, output, _) = sizes(&shape, data);
    let windows = Windows::new(c, m, &input, window, &output)?;
    number!(dtype, T => {
        let x = T::read(x)?;
        let x = channels_last(&x, data);
        let x = x.as_slice().ok_or_else(|| c.error("data are not contiguous"))?;
        let image: usize = input.iter().product();
        let mut result = vec![lowest::<T>(dtype); batch * windows.positions * channels];
        let (mut offsets, mut spare) = (Vec::new(), Vec::new());
        for (row, out) in result.chunks_mut(channels.max(1)).enumerate() {
            windows.offsets(row % windows.positions, &mut offsets, &mut spare);
            let first = row / windows.positions * image;
            let inside = offsets.iter().filter(|&&at| at < BEYOND).map(|at| &x[(first + at) * channels..][..channels]);
            match kind {
                PoolKind::Max => inside.for_each(|x| out.iter_mut().zip(x).for_each(|(o, &v)| *o = super::binary::maximum(v, *o))),
                PoolKind::Average => {
                    let count = offsets.iter().filter(|&&at| at < BEYOND || (include_pad && at == PAD)).count();
                    summed(out, inside, |v| v, |sum| sum / count.max(1) as f64);
                }
                PoolKind::L2 => summed(out, inside, |v| v * v, f64::sqrt),
            }
        }
        Ok(vec![T::store(from_last(result, &shape, data)?, dtype)?])
    })
}

/// `end(Σ each(x))` for each channel, in f64.
fn summed<'a, T: Num>(
    out: &mut [T],
    inside: impl Iterator<Item = &'a [T]>,
    each: impl Fn(f64) -> f64,
    end: impl Fn(f64) -> f64,
) {
    let mut sums = vec![0.0; out.len()];
    inside.for_each(|x| sums.iter_mut().zip(x).for_each(|(s, &v)| *s += each(v.f64())));
    out.iter_mut().zip(sums).for_each(|(o, s)| *o = T::of(end(s)));
}

pub(super) fn max_with_index(c: &Call<'_>, window: &[usize], m: &Moves<'_>) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let (batch, input, channels) = sizes(x.shape(), DataLayout::ChannelsFirst);
    let output = &shape[2..];
    let windows = Windows::new(c, m, &input, window, output)?;
    number!(x.dtype(), T => {
        let data = T::read(x)?;
        let data = data.as_slice().ok_or_else(|| c.error("data are not contiguous"))?;
        let image: usize = input.iter().product();
        let total = batch * channels * windows.positions;
        let (mut values, mut places) = (Vec::with_capacity(total), Vec::with_capacity(total));
        let (mut offsets, mut spare) = (Vec::new(), Vec::new());
        for plane in 0..batch * channels {
            for at in 0..windows.positions {
                windows.offsets(at, &mut offsets, &mut spare);
                let (mut best, mut place) = (lowest::<T>(x.dtype()), None);
                for at in offsets.iter().filter(|&&at| at < BEYOND).map(|at| plane * image + at) {
                    let v = data[at];
                    if place.is_none() || v > best || (v.nan() && !best.nan()) {
                        (best, place) = (v, Some(at));
                    }
                }
                values.push(best);
                // A window of nothing but padding has no index.
                places.push(place.map_or(-1, |at| at as i64));
            }
        }
        let values = T::store(crate::array::shaped(&shape, values)?, x.dtype())?;
        Ok(vec![values, Array::from_vec(&shape, places)?])
    })
}
