//! Quantisation.

use super::context::{Ctx, Out, one};
use crate::DType;
use modelport_diag::Result;

pub(super) fn quantize(c: Ctx<'_>, axis: i64, to: DType, block: usize) -> Out {
    c.arity(2, 3)?;
    let x = c.numeric(0)?;
    parameters(c, axis, block)?;
    let fits = c.opt(2).is_none_or(|z| z.dtype == to);
    c.require(fits, || format!("the zero point (operand 2) must be of type {to}"))?;
    one(to, x.shape.clone())
}

pub(super) fn dequantize(c: Ctx<'_>, axis: i64, block: usize) -> Out {
    c.arity(2, 3)?;
    let x = c.numeric(0)?;
    parameters(c, axis, block)?;
    let fits = c.opt(2).is_none_or(|z| z.dtype == x.dtype);
    c.require(fits, || format!("the zero point (operand 2) must be of type {} like the values", x.dtype))?;
    one(c.ty(1)?.dtype, x.shape.clone())
}

/// Scale and zero point: per tensor, per axis, or per block of an axis.
fn parameters(c: Ctx<'_>, axis: i64, block: usize) -> Result<()> {
    let (x, scale) = (c.ty(0)?, c.float(1)?);
    if block > 0 {
        c.axis(axis, x.rank())?;
        c.rank(1, x.rank())?;
    } else if scale.rank() == 1 && x.rank() > 0 && scale.shape[0].known() != Some(1) {
        c.vector_of(1, &x.shape[c.axis(axis, x.rank())?])?;
    } else {
        c.require(scale.rank() <= 1, || "the scale (operand 1) must be a scalar or vector".to_owned())?;
    }
    if c.opt(2).is_some() {
        c.rank(2, scale.rank())?;
    }
    Ok(())
}
