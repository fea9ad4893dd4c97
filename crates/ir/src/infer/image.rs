//! Images: resampling, regions, boxes, blocks.

use super::context::{Ctx, Out, one};
use crate::core::DataLayout;
use crate::{DType, Dim};

pub(super) fn resize(c: Ctx<'_>, axes: &[i64]) -> Out {
    c.arity(2, 3)?;
    let x = c.numeric(0)?;
    let axes = if axes.is_empty() { (0..x.rank()).collect() } else { c.axes(axes, x.rank())? };
    let mut shape = x.shape.clone();
    match (c.operand(1), c.operand(2)) {
        (Some(scales), None) => {
            c.float(1)?;
            c.vector_of(1, &Dim::Known(axes.len()))?;
            let scales = scales.constant.map(|t| t.to_f64s()).transpose()?;
            for (i, &axis) in axes.iter().enumerate() {
                shape[axis] = match (&shape[axis], scales.as_ref().and_then(|s| s.get(i))) {
                    (Dim::Known(n), Some(&s)) => Dim::Known((*n as f32 * s as f32).floor() as usize),
                    (d, Some(1.0)) => d.clone(),
                    _ => Dim::Unknown,
                };
            }
        }
        (None, Some(_)) => {
            let sizes = c.ints(2)?;
            c.require(sizes.len() == axes.len(), || format!("sizes (operand 2) must have {} elements", axes.len()))?;
            for (size, &axis) in sizes.iter().zip(&axes) {
                shape[axis] = size.to_dim();
            }
        }
        _ => return c.fail("exactly one of scales and sizes must be there"),
    }
    one(x.dtype, shape)
}

pub(super) fn grid_sample(c: Ctx<'_>) -> Out {
    c.arity(2, 2)?;
    let (x, grid) = (c.numeric(0)?, c.float(1)?);
    c.require(x.rank() >= 3, || "operand 0 must have batch, channel and spatial axes".to_owned())?;
    c.rank(1, x.rank())?;
    let last = x.rank() - 1;
    c.equal(&grid.shape[last], &Dim::Known(x.rank() - 2), "the last axis of the grid and the number of spatial axes")?;
    let mut shape = vec![c.equal(&x.shape[0], &grid.shape[0], "batch sizes")?, x.shape[1].clone()];
    shape.extend_from_slice(&grid.shape[1..last]);
    one(x.dtype, shape)
}

pub(super) fn roi_align(c: Ctx<'_>, height: usize, width: usize) -> Out {
    c.arity(3, 3)?;
    c.float(0)?;
    let (x, rois) = (c.rank(0, 4)?, c.rank(1, 2)?);
    c.equal(&rois.shape[1], &Dim::Known(4), "the numbers of a region and 4")?;
    c.int(2)?;
    c.vector_of(2, &rois.shape[0])?;
    one(x.dtype, vec![rois.shape[0].clone(), x.shape[1].clone(), Dim::Known(height), Dim::Known(width)])
}

pub(super) fn suppression(c: Ctx<'_>) -> Out {
    c.arity(2, 5)?;
    c.rank(0, 3)?;
    c.rank(1, 3)?;
    one(DType::I64, vec![Dim::Unknown, Dim::Known(3)])
}

/// `DepthToSpace` (`grow`) and `SpaceToDepth`.
pub(super) fn blocks(c: Ctx<'_>, block: usize, data: DataLayout, grow: bool) -> Out {
    c.arity(1, 1)?;
    let x = c.rank(0, 4)?;
    let square = block.checked_mul(block).filter(|&n| n > 0).ok_or_else(|| c.error(format!("block size {block}")))?;
    let scale = |d: &Dim, by: usize, up: bool| match d {
        Dim::Known(n) if up => Ok(n.checked_mul(by).map_or(Dim::Unknown, Dim::Known)),
        Dim::Known(n) if n % by == 0 => Ok(Dim::Known(n / by)),
        Dim::Known(n) => c.fail(format!("{n} does not divide by {by}")),
        _ => Ok(if by == 1 { d.clone() } else { Dim::Unknown }),
    };
    let mut shape = x.shape.clone();
    let channel = data.channel_axis(4);
    shape[channel] = scale(&shape[channel], square, !grow)?;
    for axis in data.spatial_axes(4) {
        shape[axis] = scale(&shape[axis], block, grow)?;
    }
    one(x.dtype, shape)
}
