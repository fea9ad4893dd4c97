//! Gathering, scattering, selecting by data.

use super::context::{Ctx, Out, like, one, product};
use crate::{DType, Dim, Shape, TensorType};

pub(super) fn gather(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(2, 2)?;
    let (x, at) = (c.ty(0)?, c.int(1)?);
    let axis = c.axis(axis, x.rank())?;
    let shape: Shape = x.shape[..axis].iter().chain(&at.shape).chain(&x.shape[axis + 1..]).cloned().collect();
    one(x.dtype, shape)
}

pub(super) fn gather_elements(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(2, 2)?;
    let (x, at) = (c.ty(0)?, c.int(1)?);
    c.axis(axis, x.rank())?;
    c.rank(1, x.rank())?;
    one(x.dtype, at.shape.clone())
}

/// The length of the index tuples: the last axis of the indices.
fn tuple(c: Ctx<'_>, x: &TensorType, at: &TensorType, batch: usize) -> modelport_diag::Result<usize> {
    let k = at
        .shape
        .last()
        .and_then(Dim::known)
        .ok_or_else(|| c.error("the last dimension of the indices is not known, so the result has no rank"))?;
    let fits = batch < at.rank() && batch.checked_add(k).is_some_and(|n| n <= x.rank());
    c.require(fits, || format!("indices of {k} numbers do not fit rank {}", x.rank()))?;
    Ok(k)
}

pub(super) fn gather_nd(c: Ctx<'_>, batch: usize) -> Out {
    c.arity(2, 2)?;
    let (x, at) = (c.ty(0)?, c.int(1)?);
    let k = tuple(c, x, at, batch)?;
    let mut shape = at.shape[..at.rank() - 1].to_vec();
    for (dim, want) in shape.iter_mut().zip(&x.shape).take(batch) {
        *dim = c.equal(dim, want, "batch dimensions")?;
    }
    shape.extend_from_slice(&x.shape[batch + k..]);
    one(x.dtype, shape)
}

pub(super) fn scatter_elements(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(3, 3)?;
    let (x, at) = (c.ty(0)?, c.int(1)?);
    c.axis(axis, x.rank())?;
    c.same_dtype(2, x.dtype)?;
    c.rank(1, x.rank())?;
    let updates = c.rank(2, x.rank())?;
    for (a, b) in at.shape.iter().zip(&updates.shape) {
        c.equal(a, b, "the dimensions of indices and updates")?;
    }
    like(x)
}

pub(super) fn scatter_nd(c: Ctx<'_>) -> Out {
    c.arity(3, 3)?;
    let (x, at) = (c.ty(0)?, c.int(1)?);
    c.same_dtype(2, x.dtype)?;
    let k = tuple(c, x, at, 0)?;
    let want: Shape = at.shape[..at.rank() - 1].iter().chain(&x.shape[k..]).cloned().collect();
    let updates = c.rank(2, want.len())?;
    for (a, b) in updates.shape.iter().zip(&want) {
        c.equal(a, b, "the dimensions of the updates and those they replace")?;
    }
    like(x)
}

pub(super) fn one_hot(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(3, 3)?;
    let at = c.numeric(0)?;
    let depth = c.ints(1)?;
    c.require(depth.len() == 1, || "the depth (operand 1) must be one number".to_owned())?;
    c.vector_of(2, &Dim::Known(2))?;
    let mut shape = at.shape.clone();
    shape.insert(c.axis(axis, at.rank() + 1)?, depth[0].to_dim());
    one(c.ty(2)?.dtype, shape)
}

pub(super) fn non_zero(c: Ctx<'_>) -> Out {
    c.arity(1, 1)?;
    one(DType::I64, vec![Dim::Known(c.ty(0)?.rank()), Dim::Unknown])
}

pub(super) fn compress(c: Ctx<'_>, axis: Option<i64>) -> Out {
    c.arity(2, 2)?;
    let x = c.ty(0)?;
    c.check(1, "bool", |d| d == DType::Bool)?;
    c.rank(1, 1)?;
    let Some(axis) = axis else { return one(x.dtype, vec![Dim::Unknown]) };
    let mut shape = x.shape.clone();
    shape[c.axis(axis, x.rank())?] = Dim::Unknown;
    one(x.dtype, shape)
}

pub(super) fn unique(c: Ctx<'_>, axis: Option<i64>) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let (shape, all) = match axis {
        None => (vec![Dim::Unknown], product(&x.shape)),
        Some(axis) => {
            let axis = c.axis(axis, x.rank())?;
            let mut shape = x.shape.clone();
            shape[axis] = Dim::Unknown;
            (shape, x.shape[axis].clone())
        }
    };
    let ints = |d: Dim| TensorType::new(DType::I64, vec![d]);
    Ok(vec![TensorType::new(x.dtype, shape), ints(Dim::Unknown), ints(all), ints(Dim::Unknown)])
}
