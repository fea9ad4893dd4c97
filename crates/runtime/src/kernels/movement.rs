//! Ops that move elements and compute nothing, whatever the element type.

use super::Call;
use crate::Array;
use crate::array::{FILL, Grid, broadcast, strides};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, DepthToSpaceMode, PadMode};

/// Where each element of the result stands in `x`: at `maps[0][i], maps[1][j], …` for index `i, j, …`.
fn grid(x: &Array, mut maps: Vec<Vec<usize>>) -> Grid {
    for (map, step) in maps.iter_mut().zip(strides(x.shape())) {
        map.iter_mut().filter(|i| **i != FILL).for_each(|i| *i *= step);
    }
    Grid::new(maps)
}

/// Calls `f` with every index into a shape, row-major.
pub(super) fn each_index(shape: &[usize], f: &mut dyn FnMut(&[usize])) {
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

/// The array whose element at `i, j, …` is that of `x` at `maps[0][i], maps[1][j], …`.
pub(super) fn picked(x: &Array, maps: Vec<Vec<usize>>) -> Result<Array> {
    let shape: Vec<usize> = maps.iter().map(Vec::len).collect();
    Array::gathered(&[x], &shape, &mut grid(x, maps).map(|at| at.map(|at| (0, at))))
}

/// Maps that leave every axis as it is.
pub(super) fn identity(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().map(|&n| (0..n).collect()).collect()
}

pub(super) fn reshaped(c: &Call<'_>) -> Result<Vec<Array>> {
    Ok(vec![c.x(0)?.reshape(&c.shape(0)?)?])
}

/// Axis `i` of the result is axis `perm[i]` of `x`.
fn permuted(x: &Array, perm: &[usize]) -> Result<Array> {
    let (from, steps) = (x.shape(), strides(x.shape()));
    let shape: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    let offsets = perm.iter().map(|&axis| (0..from[axis]).map(|i| i * steps[axis]).collect()).collect();
    Array::gathered(&[x], &shape, &mut Grid::new(offsets).map(|at| at.map(|at| (0, at))))
}

pub(super) fn transpose(c: &Call<'_>, perm: &[usize]) -> Result<Vec<Array>> {
    Ok(vec![permuted(c.x(0)?, perm)?])
}

/// Where each element of a result of `shape` stands in an operand that broadcasts to it.
fn spread(c: &Call<'_>, x: &Array, shape: &[usize]) -> Result<Grid> {
    broadcast(x.shape(), shape).ok_or_else(|| c.error("the operands do not broadcast"))
}

pub(super) fn expand(c: &Call<'_>) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let mut places = spread(c, x, &shape)?.map(|at| at.map(|at| (0, at)));
    Ok(vec![Array::gathered(&[x], &shape, &mut places)?])
}

pub(super) fn choose(c: &Call<'_>) -> Result<Vec<Array>> {
    let (cond, x, y, shape) = (c.x(0)?, c.x(1)?, c.x(2)?, c.shape(0)?);
    let truths: Vec<bool> = c.of::<bool>(0)?.iter().copied().collect();
    let operands = spread(c, x, &shape)?.zip(spread(c, y, &shape)?);
    let mut places = spread(c, cond, &shape)?.zip(operands).map(|(cond, (x, y))| match cond {
        Some(at) if truths[at] => x.map(|at| (0, at)),
        _ => y.map(|at| (1, at)),
    });
    Ok(vec![Array::gathered(&[x, y], &shape, &mut places)?])
}

pub(super) fn tile(c: &Call<'_>) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let maps: Vec<_> = shape.iter().zip(x.shape()).map(|(&to, &n)| (0..to).map(|i| i % n.max(1)).collect()).collect();
    Ok(vec![picked(x, maps)?])
}

pub(super) fn concat(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    let parts = (0..c.operands.len()).map(|i| c.x(i)).collect::<Result<Vec<_>>>()?;
    let shape = c.shape(0)?;
    let axis = c.axis(axis, shape.len())?;
    let outer: usize = shape[..axis].iter().product();
    // The elements of each part that stand together in the result.
    let runs: Vec<usize> = parts.iter().map(|p| p.shape()[axis..].iter().product()).collect();
    let mut places = (0..outer).flat_map(|o| {
        let run = move |(part, &n): (usize, &usize)| (o * n..(o + 1) * n).map(move |at| Some((part, at)));
        runs.iter().enumerate().flat_map(run)
    });
    Ok(vec![Array::gathered(&parts, &shape, &mut places)?])
}

pub(super) fn split(c: &Call<'_>, axis: i64, sizes: &[usize]) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let mut start = 0;
    let mut pieces = Vec::with_capacity(sizes.len());
    for &n in sizes {
        let mut maps = identity(x.shape());
        maps[axis] = (start..start + n).collect();
        pieces.push(picked(x, maps)?);
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
    Ok(vec![picked(x, maps)?])
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
    let value = c.opt(2).filter(|v| !v.is_empty());
    let sources: Vec<&Array> = std::iter::once(x).chain(value).collect();
    let fill = value.map(|_| (1, 0));
    let mut places = grid(x, maps).map(|at| at.map(|at| (0, at)).or(fill));
    Ok(vec![Array::gathered(&sources, &shape, &mut places)?])
}

/// Reshaped to `split`, axes reordered, reshaped to the result's shape.
fn blocks(c: &Call<'_>, split: &[usize], perm: &[usize]) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?.reshape(split)?, c.shape(0)?);
    Ok(vec![permuted(&x, perm)?.reshape(&shape)?])
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
