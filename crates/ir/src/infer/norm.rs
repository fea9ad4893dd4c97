//! Normalisations.

use super::context::{Ctx, Out, like};
use crate::core::DataLayout;

pub(super) fn batch(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(5, 5)?;
    let x = c.float(0)?;
    c.same_dtype(1, x.dtype)?;
    let dim = &x.shape[c.axis(axis, x.rank())?];
    for i in 1..5 {
        c.vector_of(i, dim)?;
    }
    like(x)
}

/// Layer and RMS normalisation: parameters have the dimensions from `axis` on.
pub(super) fn trailing(c: Ctx<'_>, axis: i64, most: usize) -> Out {
    c.arity(1, most)?;
    let x = c.float(0)?;
    c.same_dtype(1, x.dtype)?;
    let axis = c.axis(axis, x.rank())?;
    for i in 1..most {
        let Some(p) = c.opt(i) else { continue };
        c.rank(i, x.rank() - axis)?;
        for (a, b) in p.shape.iter().zip(&x.shape[axis..]) {
            c.equal(a, b, &format!("the dimensions of operand {i} and the normalised ones"))?;
        }
    }
    like(x)
}

/// Instance (parameters required) and group normalisation: parameters are vectors over channels.
pub(super) fn channels(c: Ctx<'_>, data: DataLayout, groups: Option<usize>) -> Out {
    c.arity(if groups.is_some() { 1 } else { 3 }, 3)?;
    let x = c.float(0)?;
    c.same_dtype(1, x.dtype)?;
    c.require(x.rank() >= 2, || format!("operand 0 must have batch and channel axes, has type {x}"))?;
    let dim = &x.shape[data.channel_axis(x.rank())];
    if let (Some(g), Some(n)) = (groups, dim.known()) {
        c.require(g > 0 && n % g == 0, || format!("{n} channels do not divide into {g} groups"))?;
    }
    for i in 1..3 {
        if groups.is_none() || c.opt(i).is_some() {
            c.vector_of(i, dim)?;
        }
    }
    like(x)
}

pub(super) fn lrn(c: Ctx<'_>) -> Out {
    c.arity(1, 1)?;
    let x = c.float(0)?;
    c.require(x.rank() >= 2, || format!("operand 0 must have batch and channel axes, has type {x}"))?;
    like(x)
}
