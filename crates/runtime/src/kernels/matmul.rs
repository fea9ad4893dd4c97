//! Matrix products.

use super::Call;
use crate::Array;
use crate::array::{Num, number, shaped};
use modelport_diag::Result;
use ndarray::linalg::{general_mat_mul, general_mat_vec_mul};
use ndarray::{Array2, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Dimension, IxDyn, Zip};

/// Products below this many multiplications are not worth a thread.
const SPLIT: usize = 1 << 18;

pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

/// `a·b`, on several threads when it is large.
pub(super) fn product<T: Num>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Array2<T> {
    let (m, n) = (a.nrows(), b.ncols());
    let mut out = Array2::from_elem((m, n), T::ZERO);
    let work = m.saturating_mul(n).saturating_mul(a.ncols());
    let threads = threads();
    if work < SPLIT || threads == 1 {
        into(a, b, out.view_mut());
    } else if m >= n {
        let step = m.div_ceil(threads);
        std::thread::scope(|s| {
            for (a, out) in a.axis_chunks_iter(Axis(0), step).zip(out.axis_chunks_iter_mut(Axis(0), step)) {
                s.spawn(move || into(a, b, out));
            }
        });
    } else {
        let step = n.div_ceil(threads);
        std::thread::scope(|s| {
            for (b, out) in b.axis_chunks_iter(Axis(1), step).zip(out.axis_chunks_iter_mut(Axis(1), step)) {
                s.spawn(move || into(a, b, out));
            }
        });
    }
    out
}

/// `out = a·b` on this thread.
pub(super) fn into<T: Num>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut out: ArrayViewMut2<'_, T>) {
    if a.nrows() >= 4 {
        general_mat_mul(T::ONE, &a, &b, T::ZERO, &mut out);
        return;
    }
    // For a few rows the matrix is read once, along its contiguous axis.
    for (a, mut out) in a.rows().into_iter().zip(out.rows_mut()) {
        if b.t().is_standard_layout() {
            general_mat_vec_mul(T::ONE, &b.t(), &a, T::ZERO, &mut out);
            continue;
        }
        out.fill(T::ZERO);
        for (&x, row) in a.iter().zip(b.rows()) {
            Zip::from(&mut out).and(row).for_each(|o, &y| *o = *o + x * y);
        }
    }
}

/// Products of the matrices in the last two axes, all other axes broadcast.
fn batched<T: Num>(
    a: ArrayViewD<'_, T>,
    b: ArrayViewD<'_, T>,
    batch: &[usize],
    shape: &[usize],
) -> Option<Result<ndarray::ArrayD<T>>> {
    let matrices = |x: &ArrayViewD<'_, T>| [x.shape()[x.ndim() - 2], x.shape()[x.ndim() - 1]];
    let ([m, k], [_, n]) = (matrices(&a), matrices(&b));
    let a = a.broadcast(IxDyn(&[batch, &[m, k]].concat()))?;
    let b = b.broadcast(IxDyn(&[batch, &[k, n]].concat()))?;
    let mut out = Vec::with_capacity(shape.iter().product());
    for at in ndarray::indices(IxDyn(batch)) {
        let (mut x, mut y) = (a.view(), b.view());
        for &i in at.slice() {
            (x, y) = (x.index_axis_move(Axis(0), i), y.index_axis_move(Axis(0), i));
        }
        let (x, y) = (x.into_dimensionality().ok()?, y.into_dimensionality().ok()?);
        out.extend(product(x, y));
    }
    Some(shaped(shape, out))
}

pub(super) fn matmul(c: &Call<'_>) -> Result<Vec<Array>> {
    let (x, y, shape) = (c.x(0)?, c.x(1)?, c.shape(0)?);
    number!(x.dtype(), T => {
        let (a, b) = (T::read(x)?, T::read(y)?);
        let a = if a.ndim() == 1 { a.view().insert_axis(Axis(0)) } else { a.view() };
        let b = if b.ndim() == 1 { b.view().insert_axis(Axis(1)) } else { b.view() };
        let matrix = usize::from(x.rank() > 1) + usize::from(y.rank() > 1);
        let batch = &shape[..shape.len() - matrix];
        let out = batched(a, b, batch, &shape).ok_or_else(|| c.error("the batch axes do not broadcast"))??;
        Ok(vec![T::store(out, c.dtype())?])
    })
}

pub(super) fn gemm(c: &Call<'_>, alpha: f64, beta: f64, trans_a: bool, trans_b: bool) -> Result<Vec<Array>> {
    let (x, y, shape) = (c.x(0)?, c.x(1)?, c.shape(0)?);
    number!(x.dtype(), T => {
        let (a, b) = (T::read(x)?, T::read(y)?);
        let matrix = |_| c.error("operands must be matrices");
        let a = a.view().into_dimensionality::<ndarray::Ix2>().map_err(matrix)?;
        let b = b.view().into_dimensionality::<ndarray::Ix2>().map_err(matrix)?;
        let product = product(if trans_a { a.reversed_axes() } else { a }, if trans_b { b.reversed_axes() } else { b });
        let scaled = |factor: f64, v: T| if factor == 1.0 { v } else { T::of(v.f64() * factor) };
        let mut out = product.mapv_into(|v| scaled(alpha, v)).into_dyn();
        if let Some(bias) = c.opt(2) {
            let bias = T::read(bias)?;
            let bias = bias.broadcast(IxDyn(&shape)).ok_or_else(|| c.error("operand 2 does not broadcast"))?;
            Zip::from(&mut out).and(bias).for_each(|o, &v| *o += scaled(beta, v));
        }
        Ok(vec![T::store(out, c.dtype())?])
    })
}
