//! Ops along one axis: softmaxes, running reductions, arguments of extrema, `TopK`.

use super::Call;
use crate::Array;
use crate::array::{Num, Real, number, real};
use modelport_diag::Result;
use modelport_ir::core::ArgKind;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use std::cmp::Ordering;

/// Calls `f` with every line of `x` along `axis` and the line of the result that it makes, `n` elements long.
pub(super) fn map_lines<T: Copy, U: Copy + Default>(
    x: ArrayViewD<'_, T>,
    axis: usize,
    n: usize,
    f: &mut dyn FnMut(&[T], &mut [U]),
) -> ArrayD<U> {
    let mut shape = x.shape().to_vec();
    if let Some(d) = shape.get_mut(axis) {
        *d = n;
    }
    let mut out = ArrayD::from_elem(IxDyn(&shape), U::default());
    let mut result = vec![U::default(); n];
    let mut line = Vec::with_capacity(x.len_of(Axis(axis)));
    for (from, mut to) in x.lanes(Axis(axis)).into_iter().zip(out.lanes_mut(Axis(axis))) {
        line.clear();
        line.extend(from.iter().copied());
        f(&line, &mut result);
        to.iter_mut().zip(&result).for_each(|(t, &r)| *t = r);
    }
    out
}

/// The largest element, NaN when there is one.
fn largest<T: Num>(line: &[T]) -> Option<T> {
    line.iter().copied().reduce(super::binary::maximum)
}

pub(super) fn softmax(c: &Call<'_>, axis: i64, log: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    real!(x.dtype(), T => {
        let x = T::read(x)?;
        let out = map_lines(x.view(), axis, x.len_of(Axis(axis)), &mut |line, out| softmax_line::<T>(line, out, log));
        Ok(vec![T::store(out, c.dtype())?])
    })
}

fn softmax_line<T: Real>(line: &[T], out: &mut [T], log: bool) {
    let Some(top) = largest(line) else { return };
    let sum: f64 = line.iter().map(|&x| (x - top).exp().f64()).sum();
    for (o, &x) in out.iter_mut().zip(line) {
        *o = if log { (x - top) - T::of(sum.ln()) } else { T::of((x - top).exp().f64() / sum) };
    }
}

pub(super) fn hardmax(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    real!(x.dtype(), T => {
        let x = T::read(x)?;
        let out = map_lines(x.view(), axis, x.len_of(Axis(axis)), &mut |line: &[T], out| {
            let at = extremum(line, ArgKind::Max, false);
            out.iter_mut().enumerate().for_each(|(i, o)| *o = if i == at { T::ONE } else { T::ZERO });
        });
        Ok(vec![T::store(out, c.dtype())?])
    })
}

pub(super) fn lp_norm(c: &Call<'_>, axis: i64, p: i64) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    c.require(p == 1 || p == 2, || format!("p is 1 or 2, not {p}"))?;
    real!(x.dtype(), T => {
        let x = T::read(x)?;
        let out = map_lines(x.view(), axis, x.len_of(Axis(axis)), &mut |line: &[T], out| {
            let norm = match p {
                1 => line.iter().map(|v| v.f64().abs()).sum::<f64>(),
                _ => line.iter().map(|v| v.f64() * v.f64()).sum::<f64>().sqrt(),
            };
            // A line of zeros stays one, as onnxruntime has it.
            let scale = if norm == 0.0 { 0.0 } else { 1.0 / norm };
            out.iter_mut().zip(line).for_each(|(o, v)| *o = T::of(v.f64() * scale));
        });
        Ok(vec![T::store(out, c.dtype())?])
    })
}

/// Ascending, NaN last.
pub(super) fn ascending<T: Num>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.nan().cmp(&b.nan()))
}

/// The position of the first (or last) extremum.
fn extremum<T: Num>(line: &[T], kind: ArgKind, last: bool) -> usize {
    let mut best = 0;
    for (i, &x) in line.iter().enumerate().skip(1) {
        let order = ascending(x, line[best]);
        let order = if kind == ArgKind::Min { order.reverse() } else { order };
        if order == Ordering::Greater || (last && order == Ordering::Equal) {
            best = i;
        }
    }
    best
}

pub(super) fn arg(c: &Call<'_>, kind: ArgKind, axis: i64, last: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let shape = c.shape(0)?;
    c.require(x.shape()[axis] > 0 || shape.contains(&0), || "an empty axis has no extremum".to_owned())?;
    number!(x.dtype(), T => {
        let x = T::read(x)?;
        let out = map_lines(x.view(), axis, 1, &mut |line: &[T], out: &mut [i64]| {
            out.iter_mut().for_each(|o| *o = extremum(line, kind, last) as i64);
        });
        Ok(vec![Array::from(out).reshape(&shape)?])
    })
}

pub(super) fn running(c: &Call<'_>, axis: i64, exclusive: bool, reverse: bool, product: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    number!(x.dtype(), T => {
        let x = T::read(x)?;
        let out = map_lines(x.view(), axis, x.len_of(Axis(axis)), &mut |line: &[T], out| {
            let mut so_far = if product { T::ONE } else { T::ZERO };
            for k in 0..line.len() {
                let i = if reverse { line.len() - 1 - k } else { k };
                let next = if product { so_far * line[i] } else { so_far + line[i] };
                out[i] = if exclusive { so_far } else { next };
                so_far = next;
            }
        });
        Ok(vec![T::store(out, c.dtype())?])
    })
}

/// Always sorted, which `sorted = false` permits; ties go to the lower index.
pub(super) fn top_k(c: &Call<'_>, axis: i64, top: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let k = c.shape(0)?[axis];
    number!(x.dtype(), T => {
        let x = T::read(x)?;
        let places = map_lines(x.view(), axis, k, &mut |line: &[T], out: &mut [i64]| {
            let mut order: Vec<usize> = (0..line.len()).collect();
            order.sort_by(|&a, &b| {
                let o = ascending(line[a], line[b]);
                if top { o.reverse() } else { o }
            });
            out.iter_mut().zip(order).for_each(|(o, i)| *o = i as i64);
        });
        let mut values = ArrayD::from_elem(places.raw_dim(), T::default());
        let lanes = x.lanes(Axis(axis)).into_iter().zip(places.lanes(Axis(axis))).zip(values.lanes_mut(Axis(axis)));
        for ((from, at), mut to) in lanes {
            to.iter_mut().zip(at).for_each(|(t, &i)| *t = from[i as usize]);
        }
        Ok(vec![T::store(values, c.dtype())?, places.into()])
    })
}
