//! Reductions over any axes.

use super::Call;
use super::binary::{maximum, minimum};
use crate::Array;
use crate::array::{Int, Num, real, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use modelport_ir::core::ReduceKind;
use ndarray::CowArray;
use std::num::Wrapping;

/// The elements with the reduced axes last, and how many of them make one result.
fn rows<T: Num>(c: &Call<'_>, x: CowArray<'_, T, ndarray::IxDyn>, axes: &[i64]) -> Result<(Vec<T>, usize)> {
    let rank = x.ndim();
    let reduced = axes.iter().map(|&a| c.axis(a, rank)).collect::<Result<Vec<_>>>()?;
    let reduced = |a: &usize| axes.is_empty() || reduced.contains(a);
    let mut order: Vec<usize> = (0..rank).filter(|a| !reduced(a)).collect();
    order.extend((0..rank).filter(reduced));
    let n = (0..rank).filter(reduced).map(|a| x.shape()[a]).product();
    Ok((x.permuted_axes(order).iter().copied().collect(), n))
}

pub(super) fn reduce(c: &Call<'_>, kind: ReduceKind, axes: &[i64]) -> Result<Vec<Array>> {
    let (x, shape) = (c.x(0)?, c.shape(0)?);
    let results: usize = shape.iter().product();
    if x.dtype().is_float() {
        return real!(x.dtype(), T => {
            let (data, n) = rows(c, T::read(x)?, axes)?;
            let out = (0..results).map(|i| float::<T>(kind, &data[i * n..(i + 1) * n])).collect();
            Ok(vec![T::store(shaped(&shape, out)?, x.dtype())?])
        });
    }
    let (data, n) = rows(c, Int::read(x)?, axes)?;
    let bounds = bounds(x.dtype());
    c.require(n > 0 || kind != ReduceKind::Mean || results == 0, || "nothing has no mean".to_owned())?;
    let out = (0..results).map(|i| whole(kind, &data[i * n..(i + 1) * n], bounds)).collect();
    Ok(vec![Int::store(shaped(&shape, out)?, x.dtype())?])
}

/// Sums are kept in f64, so that their order matters little.
fn float<T: Num>(kind: ReduceKind, row: &[T]) -> T {
    let values = || row.iter().map(|v| v.f64());
    T::of(match kind {
        ReduceKind::Sum => values().sum(),
        ReduceKind::Mean => values().sum::<f64>() / row.len() as f64,
        ReduceKind::Max => return row.iter().copied().reduce(maximum).unwrap_or_else(|| T::of(f64::NEG_INFINITY)),
        ReduceKind::Min => return row.iter().copied().reduce(minimum).unwrap_or_else(|| T::of(f64::INFINITY)),
        ReduceKind::Prod => values().product(),
        ReduceKind::L1 => values().map(f64::abs).sum(),
        ReduceKind::L2 => values().map(|v| v * v).sum::<f64>().sqrt(),
        ReduceKind::LogSum => values().sum::<f64>().ln(),
        ReduceKind::LogSumExp => {
            let top = values().fold(f64::NEG_INFINITY, |a, v| if v.is_nan() || v > a { v } else { a });
            if top.is_infinite() { top } else { top + values().map(|v| (v - top).exp()).sum::<f64>().ln() }
        }
        ReduceKind::SumSquare => values().map(|v| v * v).sum(),
    })
}

/// The smallest and the largest number of an integer type, which are what nothing reduces to.
fn bounds(dtype: DType) -> (Int, Int) {
    let bits = dtype.size() as u32 * 8;
    let (low, high) = match dtype {
        DType::Bool => (0, 1),
        d if d.is_signed_int() => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        _ => (0, (1i128 << bits) - 1),
    };
    (Wrapping(low), Wrapping(high))
}

fn whole(kind: ReduceKind, row: &[Int], (low, high): (Int, Int)) -> Int {
    let values = || row.iter().copied();
    let zero = Wrapping(0);
    match kind {
        ReduceKind::Sum => values().fold(zero, |a, v| a + v),
        ReduceKind::Mean => Wrapping(values().fold(zero, |a, v| a + v).0.checked_div(row.len() as i128).unwrap_or(0)),
        ReduceKind::Max => values().max().unwrap_or(low),
        ReduceKind::Min => values().min().unwrap_or(high),
        ReduceKind::Prod => values().fold(Wrapping(1), |a, v| a * v),
        ReduceKind::L1 => values().fold(zero, |a, v| a + v.max(-v)),
        ReduceKind::SumSquare => values().fold(zero, |a, v| a + v * v),
        // Roots and logarithms of integers are truncated.
        ReduceKind::L2 | ReduceKind::LogSum | ReduceKind::LogSumExp => {
            let floats: Vec<f64> = values().map(Num::f64).collect();
            Int::of(float(kind, &floats))
        }
    }
}

/// What the largest of no elements is.
pub(super) fn lowest<T: Num>(dtype: DType) -> T {
    T::of(if dtype.is_float() { f64::NEG_INFINITY } else { bounds(dtype).0.0 as f64 })
}
