//! The gradient of distances between the rows of two matrices.
//!
//! Semantics: `aten/src/ATen/native/cpu/DistanceOpsKernel.cpp` of PyTorch 2.15: where there is no distance there is no gradient.

use super::{mul, sub, sum};
use crate::lower::call::Call;
use crate::lower::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::core::{BinaryOp, UnaryOp};

pub(in super::super) const ROWS: &[Row] = &[row("aten::_cdist_backward", cdist)];

/// By the first of the two: `sign(d)·|d|ᵖ⁻¹ / distᵖ⁻¹` of the differences `d`, summed over the rows of the second.
fn cdist(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, x, y, dist) = (c.tensor("grad_output")?, c.tensor("x1")?, c.tensor("x2")?, c.tensor("cdist")?);
    let p = c.number("p")?;
    let (x, y) = (c.b.unsqueeze(x, &[-2])?, c.b.unsqueeze(y, &[-3])?);
    let difference = sub(c, x, y)?;
    let (grad, dist) = (c.b.unsqueeze(grad, &[-1])?, c.b.unsqueeze(dist, &[-1])?);
    let zero = c.b.scalar_like(dist, 0.0);
    let none = c.binary(BinaryOp::Equal, dist, zero)?;
    let one = c.b.scalar_like(dist, 1.0);
    let dist = c.choose(none, one, dist)?;
    let slope = if p == 2.0 {
        c.binary(BinaryOp::Div, difference, dist)?
    } else {
        let sign = c.unary(UnaryOp::Sign, difference)?;
        let size = c.unary(UnaryOp::Abs, difference)?;
        let part = if p.is_infinite() {
            // Compared as they are: a quotient of equal numbers may be below 1.
            let largest = c.binary(BinaryOp::GreaterOrEqual, size, dist)?;
            c.b.cast(largest, c.b.dtype(dist))?
        } else if p >= 1.0 {
            let part = c.binary(BinaryOp::Div, size, dist)?;
            c.with(BinaryOp::Pow, part, p - 1.0)?
        } else {
            return Err(c.bad("p", "1 or more"));
        };
        mul(c, sign, part)?
    };
    let slope = c.choose(none, zero, slope)?;
    let by_pair = mul(c, grad, slope)?;
    let axis = c.rank(by_pair).saturating_sub(2) as i64;
    sum(c, by_pair, &[axis])
}
