//! Scattering by indices.

use super::Call;
use super::binary::{maximum, minimum};
use super::index::{element_places, tuple_places};
use crate::Array;
use crate::array::{Num, number, shaped};
use modelport_diag::Result;
use modelport_ir::core::ScatterReduction;

pub(super) fn elements(c: &Call<'_>, axis: i64, reduction: ScatterReduction) -> Result<Vec<Array>> {
    scatter(c, &element_places(c, axis)?, reduction)
}

pub(super) fn nd(c: &Call<'_>, reduction: ScatterReduction) -> Result<Vec<Array>> {
    scatter(c, &tuple_places(c, 0)?, reduction)
}

/// Element `i` of the updates goes to `places[i]`, in order.
fn scatter(c: &Call<'_>, places: &[usize], reduction: ScatterReduction) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    if reduction == ScatterReduction::None {
        let mut from: Vec<_> = (0..x.len()).map(|at| Some((0, at))).collect();
        places.iter().enumerate().for_each(|(update, &at)| from[at] = Some((1, update)));
        return Ok(vec![Array::gathered(&[x, c.x(2)?], x.shape(), &mut from.into_iter())?]);
    }
    number!(x.dtype(), T => {
        let mut out: Vec<T> = T::read(x)?.iter().copied().collect();
        for (&u, &i) in T::read(c.x(2)?)?.iter().zip(places) {
            out[i] = match reduction {
                ScatterReduction::None => u,
                ScatterReduction::Add => out[i] + u,
                ScatterReduction::Mul => out[i] * u,
                ScatterReduction::Max => maximum(out[i], u),
                ScatterReduction::Min => minimum(out[i], u),
            };
        }
        Ok(vec![T::store(shaped(x.shape(), out)?, x.dtype())?])
    })
}
