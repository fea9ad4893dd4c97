//! Normalisations. Statistics are kept in f64.

use super::Call;
use super::windows::{channels_last, from_last, sizes};
use crate::Array;
use crate::array::{Num, Real, real, shaped};
use modelport_diag::Result;
use modelport_ir::core::DataLayout;
use ndarray::{CowArray, IxDyn};

/// Operand `i` as f64, `n` times `default` when it is absent.
fn parameter(c: &Call<'_>, i: usize, n: usize, default: f64) -> Result<Vec<f64>> {
    c.opt(i).map_or_else(|| Ok(vec![default; n]), Array::to_f64s)
}

pub(super) fn batch(c: &Call<'_>, axis: i64, epsilon: f64) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let (scale, bias) = (c.x(1)?.to_f64s()?, c.x(2)?.to_f64s()?);
    let (mean, variance) = (c.x(3)?.to_f64s()?, c.x(4)?.to_f64s()?);
    let channels: Vec<(f64, f64, f64)> =
        (0..mean.len()).map(|i| (mean[i], scale[i] / (variance[i] + epsilon).sqrt(), bias[i])).collect();
    real!(x.dtype(), T => {
        let mut data: Vec<T> = T::read(x)?.iter().copied().collect();
        for row in data.chunks_mut((inner * channels.len()).max(1)) {
            for (line, &(mean, factor, bias)) in row.chunks_mut(inner.max(1)).zip(&channels) {
                line.iter_mut().for_each(|v| *v = T::of((v.f64() - mean) * factor + bias));
            }
        }
        Ok(vec![T::store(shaped(x.shape(), data)?, x.dtype())?])
    })
}

/// Mean and 1/√(variance + ε).
fn moments<T: Num>(values: impl Iterator<Item = T> + Clone, epsilon: f64) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().map(Num::f64).sum::<f64>() / n;
    let variance = values.map(|v| (v.f64() - mean).powi(2)).sum::<f64>() / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// Layer normalisation (`centre`) and RMS normalisation.
pub(super) fn trailing(c: &Call<'_>, axis: i64, epsilon: f64, centre: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let axis = c.axis(axis, x.rank())?;
    let n: usize = x.shape()[axis..].iter().product();
    let (scale, bias) = (parameter(c, 1, n, 1.0)?, parameter(c, 2, n, 0.0)?);
    real!(x.dtype(), T => {
        let mut data: Vec<T> = T::read(x)?.iter().copied().collect();
        for row in data.chunks_mut(n.max(1)) {
            let (mean, factor) = if centre {
                moments(row.iter().copied(), epsilon)
            } else {
                let square = row.iter().map(|v| v.f64() * v.f64()).sum::<f64>() / n as f64;
                (0.0, 1.0 / (square + epsilon).sqrt())
            };
            for ((v, s), b) in row.iter_mut().zip(&scale).zip(&bias) {
                *v = T::of((v.f64() - mean) * factor * s + b);
            }
        }
        Ok(vec![T::store(shaped(x.shape(), data)?, x.dtype())?])
    })
}

/// Group normalisation; instance normalisation when there are as many groups as channels (`None`).
pub(super) fn grouped(c: &Call<'_>, groups: Option<usize>, epsilon: f64, data: DataLayout) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let (_, spatial, channels) = sizes(x.shape(), data);
    let groups = groups.unwrap_or(channels).max(1);
    let (scale, bias) = (parameter(c, 1, channels, 1.0)?, parameter(c, 2, channels, 0.0)?);
    let (image, each) = (spatial.iter().product::<usize>() * channels, channels / groups);
    real!(x.dtype(), T => {
        let mut all = last_vec(&T::read(x)?, data);
        for rows in all.chunks_mut(image.max(1)) {
            for first in (0..channels).step_by(each.max(1)) {
                let span = first..first + each;
                let values = rows.chunks(channels).flat_map(|row| row[span.clone()].iter().copied());
                let (mean, factor) = moments(values, epsilon);
                for row in rows.chunks_mut(channels) {
                    for ch in span.clone() {
                        row[ch] = T::of((row[ch].f64() - mean) * factor * scale[ch] + bias[ch]);
                    }
                }
            }
        }
        Ok(vec![T::store(from_last(all, x.shape(), data)?, x.dtype())?])
    })
}

fn last_vec<T: Real>(x: &CowArray<'_, T, IxDyn>, data: DataLayout) -> Vec<T> {
    channels_last(x, data).iter().copied().collect()
}

pub(super) fn lrn(c: &Call<'_>, size: usize, [alpha, beta, bias]: [f64; 3], data: DataLayout) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let (_, _, channels) = sizes(x.shape(), data);
    let (before, after) = (size.saturating_sub(1) / 2, size / 2);
    c.require(size > 0, || "size must be positive".to_owned())?;
    real!(x.dtype(), T => {
        let mut all = last_vec(&T::read(x)?, data);
        for row in all.chunks_mut(channels.max(1)) {
            let squares: Vec<f64> = row.iter().map(|v| v.f64() * v.f64()).collect();
            for (i, v) in row.iter_mut().enumerate() {
                let end = i.saturating_add(after).saturating_add(1).min(channels);
                let sum: f64 = squares[i.saturating_sub(before)..end].iter().sum();
                *v = T::of(v.f64() / (bias + alpha / size as f64 * sum).powf(beta));
            }
        }
        Ok(vec![T::store(from_last(all, x.shape(), data)?, x.dtype())?])
    })
}
