//! Values made from sizes: `Shape`, `Range`, `OneHot`, triangles.

use super::Call;
use super::movement::each_index;
use crate::Array;
use crate::array::{Element, Num, each, number, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use ndarray::{ArrayD, Axis, IxDyn};

pub(super) fn shape(c: &Call<'_>, start: i64, end: Option<i64>) -> Result<Vec<Array>> {
    let dims = c.x(0)?.shape();
    let rank = dims.len() as i64;
    let at = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
    let (start, end) = (at(start), end.map_or(dims.len(), at));
    let picked: Vec<i64> = dims[start..end.max(start)].iter().map(|&n| n as i64).collect();
    Ok(vec![Array::from_vec(&[picked.len()], picked)?])
}

pub(super) fn size(c: &Call<'_>) -> Result<Vec<Array>> {
    Ok(vec![Array::scalar(c.x(0)?.len() as i64)])
}

pub(super) fn range(c: &Call<'_>) -> Result<Vec<Array>> {
    let shape = c.shape(0)?;
    number!(c.dtype(), T => {
        let first = |i: usize| -> Result<T> {
            T::read(c.x(i)?)?.first().copied().ok_or_else(|| c.error("an operand is empty"))
        };
        let (start, delta) = (first(0)?, first(2)?);
        let n: usize = shape.iter().product();
        let data = (0..n).map(|i| start + delta * T::of(i as f64)).collect();
        Ok(vec![T::store(shaped(&shape, data)?, c.dtype())?])
    })
}

pub(super) fn one_hot(c: &Call<'_>, axis: i64) -> Result<Vec<Array>> {
    fn fill<T: Element>(c: &Call<'_>, axis: Axis, values: &ArrayD<T>, indices: &[i64]) -> Result<Vec<Array>> {
        let shape = c.shape(0)?;
        let pair: Vec<T> = values.iter().cloned().collect();
        let [off, on] = pair.as_slice() else { return Err(c.error("values must be [off, on]")) };
        let depth = shape[axis.0];
        let mut out = ArrayD::from_elem(IxDyn(&shape), off.clone());
        for (mut line, &i) in out.lanes_mut(axis).into_iter().zip(indices) {
            let at = if i < 0 { i.saturating_add(depth as i64) } else { i };
            if let Some(v) = usize::try_from(at).ok().filter(|&at| at < depth).and_then(|at| line.get_mut(at)) {
                *v = on.clone();
            }
        }
        Ok(vec![T::wrap(out)])
    }
    let at = c.x(0)?;
    let axis = Axis(c.axis(axis, at.rank() + 1)?);
    let indices = at.cast(DType::I64)?.to_i64s()?;
    each!(c.x(2)?, a => fill(c, axis, a, &indices))
}

pub(super) fn trilu(c: &Call<'_>, upper: bool) -> Result<Vec<Array>> {
    fn keep<T: Element>(x: &ArrayD<T>, upper: bool, k: i128) -> Result<Vec<Array>> {
        let rank = x.ndim();
        let mut values = x.iter();
        let mut out = Vec::with_capacity(x.len());
        each_index(x.shape(), |index| {
            let diagonal = index[rank - 1] as i128 - index[rank - 2] as i128;
            let kept = if upper { diagonal >= k } else { diagonal <= k };
            out.push(values.next().filter(|_| kept).cloned().unwrap_or_default());
        });
        Ok(vec![Array::from_vec(x.shape(), out)?])
    }
    let k = if c.opt(1).is_some() { c.int(1)? } else { 0 };
    each!(c.x(0)?, a => keep(a, upper, k.into()))
}

pub(super) fn eye(c: &Call<'_>, k: i64) -> Result<Vec<Array>> {
    let shape = c.shape(0)?;
    number!(c.dtype(), T => {
        let mut out = ArrayD::from_elem(IxDyn(&shape), T::ZERO);
        for (i, mut row) in out.rows_mut().into_iter().enumerate() {
            let at = (i as i64).checked_add(k).and_then(|j| usize::try_from(j).ok());
            if let Some(v) = at.and_then(|j| row.get_mut(j)) {
                *v = T::ONE;
            }
        }
        Ok(vec![T::store(out, c.dtype())?])
    })
}
