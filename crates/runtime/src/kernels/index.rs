//! Gathering by indices.

use super::Call;
use super::movement::{each_index, identity, picked};
use crate::Array;
use crate::array::strides;
use modelport_diag::Result;

/// The elements of `x` at these places of its row-major order.
fn taken(x: &Array, places: &[usize], shape: &[usize]) -> Result<Array> {
    Array::gathered(&[x], shape, &mut places.iter().map(|&at| Some((0, at))))
}

pub(super) fn gather(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let n = x.shape()[axis];
    let mut maps = identity(x.shape());
    maps[axis] = c.ints(1)?.into_iter().map(|i| c.index(i, n)).collect::<Result<_>>()?;
    Ok(vec![picked(x, maps)?.reshape(&c.shape(0)?)?])
}

/// For each element of the indices, the place in `x` that has their position on all axes but `axis`.
pub(super) fn element_places(c: &Call<'_>, axis: i64) -> Result<Vec<usize>> {
    let (x, at) = (c.x(0)?, c.x(1)?);
    let axis = c.axis(axis, x.rank())?;
    let inside = at.shape().iter().zip(x.shape()).enumerate().all(|(a, (i, n))| a == axis || i <= n);
    c.require(inside || at.is_empty(), || "the indices are larger than the data".to_owned())?;
    let (strides, n) = (strides(x.shape()), x.shape()[axis]);
    let mut values = c.ints(1)?.into_iter();
    let mut places = Vec::with_capacity(at.len());
    let mut wrong = None;
    each_index(at.shape(), &mut |index| {
        let value = values.next().unwrap_or_default();
        match c.index(value, n) {
            Ok(value) => {
                let sum: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
                places.push(sum - index[axis] * strides[axis] + value * strides[axis]);
            }
            Err(d) => wrong = wrong.take().or(Some(d)),
        }
    });
    wrong.map_or(Ok(places), Err)
}

pub(super) fn gather_elements(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    Ok(vec![taken(c.x(0)?, &element_places(c, axis)?, &c.shape(0)?)?])
}

/// For each tuple of indices, the places of the slice of `x` that it names.
pub(super) fn tuple_places(c: &Call<'_>, batch: usize) -> Result<Vec<usize>> {
    let (x, at) = (c.x(0)?, c.x(1)?);
    let k = at.shape().last().copied().unwrap_or(0);
    let strides = strides(x.shape());
    let slice: usize = x.shape()[batch + k..].iter().product();
    let (batches, image) = (x.shape()[..batch].iter().product::<usize>(), x.shape()[batch..].iter().product::<usize>());
    let tuples: usize = at.shape()[..at.rank() - 1].iter().product();
    let values = c.ints(1)?;
    let mut places = Vec::with_capacity(tuples.saturating_mul(slice).min(1 << 20));
    for t in 0..tuples {
        let mut place = t * batches / tuples * image;
        for (j, &i) in values[t * k..(t + 1) * k].iter().enumerate() {
            place += c.index(i, x.shape()[batch + j])? * strides[batch + j];
        }
        places.extend(place..place + slice);
    }
    Ok(places)
}

pub(super) fn gather_nd(c: &Call<'_>, batch: usize) -> Result<Vec<Array>> {
    Ok(vec![taken(c.x(0)?, &tuple_places(c, batch)?, &c.shape(0)?)?])
}

pub(super) fn reverse_sequence(c: &Call<'_>, batch: i64, time: i64) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let (batch, time) = (c.axis(batch, x.rank())?, c.axis(time, x.rank())?);
    let n = x.shape()[time];
    let lengths = c.ints(1)?;
    let fits = lengths.iter().all(|&l| usize::try_from(l).is_ok_and(|l| l <= n));
    c.require(fits, || format!("sequence lengths must be between 0 and {n}"))?;
    let strides = strides(x.shape());
    let mut places = Vec::with_capacity(x.len());
    each_index(x.shape(), &mut |index| {
        let length = lengths[index[batch]] as usize;
        let t = if index[time] < length { length - 1 - index[time] } else { index[time] };
        let sum: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
        places.push(sum - index[time] * strides[time] + t * strides[time]);
    });
    Ok(vec![taken(x, &places, x.shape())?])
}
