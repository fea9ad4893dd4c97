//! Ops that move elements and compute nothing, whatever the element type.

use super::Call;
use crate::Array;
use crate::array::{Element, each, shaped};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, DepthToSpaceMode, PadMode};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};

/// In a map of [`pick`]: no element of the operand, but the fill.
pub(super) const FILL: usize = usize::MAX;

/// A view as an array in row-major order.
pub(super) fn own<T: Clone>(view: ArrayViewD<'_, T>) -> ArrayD<T> {
    view.as_standard_layout().into_owned()
}

/// The array whose element at `i, j, …` is that of `x` at `maps[0][i], maps[1][j], …`.
pub(super) fn pick<T: Element>(x: &ArrayD<T>, maps: &[Vec<usize>], fill: &T) -> Result<ArrayD<T>> {
    let shape: Vec<usize> = maps.iter().map(Vec::len).collect();
    let x = x.as_standard_layout();
    let data: Vec<T> = match (x.as_slice(), maps.split_last()) {
        (Some(data), None) => data.to_vec(),
        (Some(data), Some((last, outer))) => {
            let mut out = Vec::with_capacity(shape.iter().product());
            each_index(&shape[..outer.len()], |index| {
                let row = index
                    .iter()
                    .zip(outer)
                    .zip(x.shape())
                    .try_fold(0, |base, ((&i, map), &n)| (map[i] != FILL).then(|| base * n + map[i]));
                let base = row.map(|r| r * x.shape()[outer.len()]);
                out.extend(last.iter().map(|&i| match base {
                    Some(base) if i != FILL => data[base + i].clone(),
                    _ => fill.clone(),
                }));
            });
            out
        }
        (None, _) => Vec::new(),
    };
    shaped(&shape, data)
}

/// Calls `f` with every index into a shape, row-major.
pub(super) fn each_index(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; shape.len()];
    loop {
        f(&index);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// [`pick`] for any element type, without fill.
pub(super) fn picked(x: &Array, maps: &[Vec<usize>]) -> Result<Array> {
    each!(x, a => Ok(pick(a, maps, &Default::default())?.into()))
}

/// Maps that leave every axis as it is.
pub(super) fn identity(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().map(|&n| (0..n).collect()).collect()
}

pub(super) fn reshaped(c: &Call<'_>) -> Result<Vec<Array>> {
    Ok(vec![c.x(0)?.reshape(&c.shape(0)?)?])
}

pub(super) fn transpose(c: &Call<'_>, perm: &[usize]) -> Result<Vec<Array>> {
    each!(c.x(0)?, a => Ok(vec![own(a.view().permuted_axes(perm)).into()]))
}

pub(super) fn expand(c: &Call<'_>) -> Result<Vec<Array>> {
    let shape = c.shape(0)?;
    each!(c.x(0)?, a => {
        let view = a.broadcast(IxDyn(&shape)).ok_or_else(|| c.error("the operand does not broadcast"))?;
        Ok(vec![own(view).into()])
    })
}

pub(super) fn choose(c: &Call<'_>) -> Result<Vec<Array>> {
    fn pair<T: Element>(c: &Call<'_>, x: &ArrayD<T>) -> Result<Vec<Array>> {
        let shape = c.shape(0)?;
        let differ = || c.error("the operands do not broadcast");
        let cond = c.of::<bool>(0)?.broadcast(IxDyn(&shape)).ok_or_else(differ)?;
        let x = x.broadcast(IxDyn(&shape)).ok_or_else(differ)?;
        let y = c.of::<T>(2)?.broadcast(IxDyn(&shape)).ok_or_else(differ)?;
        let all = cond.iter().zip(x.iter().zip(y.iter()));
        Ok(vec![Array::from_vec(&shape, all.map(|(&c, (x, y))| if c { x } else { y }.clone()).collect())?])
    }
    each!(c.x(1)?, a => pair(c, a))
}

pub(super) fn tile(c: &Call<'_>) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let maps: Vec<_> = shape.iter().zip(x.shape()).map(|(&to, &n)| (0..to).map(|i| i % n.max(1)).collect()).collect();
    Ok(vec![picked(x, &maps)?])
}

pub(super) fn concat(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    fn join<T: Element>(c: &Call<'_>, axis: Axis, _first: &ArrayD<T>) -> Result<Vec<Array>> {
        let parts = (0..c.operands.len()).map(|i| Ok(c.of::<T>(i)?.view())).collect::<Result<Vec<_>>>()?;
        let joined = ndarray::concatenate(axis, &parts).map_err(|_| c.error("the operands do not join"))?;
        Ok(vec![T::wrap(own(joined.view()))])
    }
    let x = c.x(0)?;
    let axis = Axis(c.axis(axis, x.rank())?);
    each!(x, a => join(c, axis, a))
}

pub(super) fn split(c: &Call<'_>, axis: i64, sizes: &[usize]) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = Axis(c.axis(axis, x.rank())?);
    let mut start = 0;
    let mut pieces = Vec::with_capacity(sizes.len());
    for &n in sizes {
        pieces.push(each!(x, a => own(a.slice_axis(axis, Slice::from(start..start + n))).into()));
        start += n;
    }
    Ok(pieces)
}

/// First index and step along one axis, with ONNX's clamping; the length is inference's.
fn first(n: usize, start: i64, step: i64) -> i128 {
    let n = n as i128;
    let start = if start < 0 { i128::from(start) + n } else { i128::from(start) };
    if step > 0 { start.clamp(0, n) } else { start.clamp(-1, n - 1) }
}

pub(super) fn slice(c: &Call<'_>) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let starts = c.ints(1)?;
    let axes = c.opt(3).map_or_else(|| Ok((0..starts.len() as i64).collect()), Array::to_i64s)?;
    let steps = c.opt(4).map_or_else(|| Ok(vec![1; starts.len()]), Array::to_i64s)?;
    let mut maps = identity(x.shape());
    for ((&start, axis), &step) in starts.iter().zip(axes).zip(&steps) {
        let axis = c.axis(axis, x.rank())?;
        let begin = first(x.shape()[axis], start, step);
        maps[axis] = (0..shape[axis] as i128).map(|i| (begin + i * i128::from(step)) as usize).collect();
        let inside = maps[axis].iter().all(|&i| i < x.shape()[axis]);
        c.require(inside, || format!("the slice reaches outside of axis {axis}"))?;
    }
    Ok(vec![picked(x, &maps)?])
}

/// Where element `i` (counted from the first original one) of a padded axis of `n` comes from.
fn padded(mode: PadMode, i: i128, n: i128) -> usize {
    let at = match mode {
        PadMode::Constant if (0..n).contains(&i) => i,
        PadMode::Constant => return FILL,
        PadMode::Edge => i.clamp(0, n - 1),
        PadMode::Wrap => i.rem_euclid(n),
        PadMode::Reflect if n == 1 => 0,
        PadMode::Reflect => {
            let r = i.rem_euclid(2 * (n - 1));
            r.min(2 * (n - 1) - r)
        }
    };
    at as usize
}

pub(super) fn pad(c: &Call<'_>, mode: PadMode) -> Result<Vec<Array>> {
    let (x, shape, pads) = (c.x(0)?, c.shape(0)?, c.ints(1)?);
    let mut maps = Vec::with_capacity(shape.len());
    for (axis, (&n, &to)) in x.shape().iter().zip(&shape).enumerate() {
        let before = i128::from(pads[axis]);
        c.require(n > 0 || to == 0 || mode == PadMode::Constant, || {
            "an empty axis has nothing to pad with".to_owned()
        })?;
        maps.push((0..to as i128).map(|i| padded(mode, i - before, n as i128)).collect());
    }
    fn fill<T: Element>(c: &Call<'_>, x: &ArrayD<T>, maps: &[Vec<usize>]) -> Result<Vec<Array>> {
        let value = match c.opt(2) {
            Some(_) => c.of::<T>(2)?.first().cloned().unwrap_or_default(),
            None => T::default(),
        };
        Ok(vec![T::wrap(pick(x, maps, &value)?)])
    }
    each!(x, a => fill(c, a, &maps))
}

/// Reshaped to `split`, axes reordered, reshaped to the result's shape.
fn blocks(c: &Call<'_>, split: &[usize], perm: &[usize]) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?.reshape(split)?, c.shape(0)?);
    each!(&x, a => Ok(vec![Array::from(own(a.view().permuted_axes(perm))).reshape(&shape)?]))
}

pub(super) fn depth_to_space(
    c: &Call<'_>,
    block: usize,
    mode: DepthToSpaceMode,
    data: DataLayout,
) -> Result<Vec<Array>> {
    let &[n, a, b, d] = c.x(0)?.shape() else { return Err(c.error("operand 0 must have rank 4")) };
    let depth = match data {
        DataLayout::ChannelsFirst => a / (block * block),
        DataLayout::ChannelsLast => d / (block * block),
    };
    match (data, mode) {
        (DataLayout::ChannelsFirst, DepthToSpaceMode::Dcr) => {
            blocks(c, &[n, block, block, depth, b, d], &[0, 3, 4, 1, 5, 2])
        }
        (DataLayout::ChannelsFirst, DepthToSpaceMode::Crd) => {
            blocks(c, &[n, depth, block, block, b, d], &[0, 1, 4, 2, 5, 3])
        }
        (DataLayout::ChannelsLast, DepthToSpaceMode::Dcr) => {
            blocks(c, &[n, a, b, block, block, depth], &[0, 1, 3, 2, 4, 5])
        }
        (DataLayout::ChannelsLast, DepthToSpaceMode::Crd) => {
            blocks(c, &[n, a, b, depth, block, block], &[0, 1, 4, 2, 5, 3])
        }
    }
}

pub(super) fn space_to_depth(c: &Call<'_>, block: usize, data: DataLayout) -> Result<Vec<Array>> {
    let &[n, a, b, d] = c.x(0)?.shape() else { return Err(c.error("operand 0 must have rank 4")) };
    match data {
        DataLayout::ChannelsFirst => blocks(c, &[n, a, b / block, block, d / block, block], &[0, 3, 5, 1, 2, 4]),
        DataLayout::ChannelsLast => blocks(c, &[n, a / block, block, b / block, block, d], &[0, 1, 3, 2, 4, 5]),
    }
}
