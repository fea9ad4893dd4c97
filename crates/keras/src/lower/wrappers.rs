//! `TimeDistributed` (keras/src/layers/rnn/time_distributed.py, 3.15).
//!
//! Owns: merging batch and time, so that the inner layer or model runs once over all steps. Must never know: what it wraps.

use super::call::{Call, Operand};
use super::recurrent_shapes::{self as shapes, From};
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::ValueId;

pub(crate) const ROWS: &[Row] = &[row_many("TimeDistributed", time_distributed)];

fn time_distributed(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.x()?;
    if call.b.rank(x) < 3 {
        return Err(call
            .unsupported("it needs inputs of at least 3 dimensions")
            .expected("batch, time, features")
            .found(call.b.ty(x).to_string()));
    }
    let outer = call.inputs.clone();
    let mut inner = Vec::with_capacity(outer.len());
    for o in &outer {
        let mask = o.mask.filter(|&m| call.b.rank(m) > 2);
        let mask = match mask {
            Some(m) => Some(merge(call, m)?),
            None => None,
        };
        inner.push(Operand { value: merge(call, o.value)?, mask });
    }
    let results = call.lower_inner("layer", &inner)?;
    let mut out = Vec::with_capacity(results.len());
    for (i, r) in results.iter().enumerate() {
        out.push(part(call, r.value, x)?);
        call.set_mask(i, outer.first().and_then(|o| o.mask));
    }
    Ok(out)
}

/// Batch and time as one axis.
fn merge(call: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let mut dims = vec![From::Size(-1)];
    dims.extend((2..call.b.rank(x)).map(|a| From::Dim(x, a)));
    shapes::reshape(call.b, x, &dims)
}

/// The merged axis of `y` as batch and time of `x` again.
fn part(call: &mut Call<'_>, y: ValueId, x: ValueId) -> Result<ValueId> {
    let mut dims = vec![From::Dim(x, 0), From::Dim(x, 1)];
    dims.extend((1..call.b.rank(y)).map(|a| From::Dim(y, a)));
    shapes::reshape(call.b, y, &dims)
}
