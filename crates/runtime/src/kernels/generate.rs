//! Values made from sizes: `Shape`, `Range`, `OneHot`, triangles.

use super::Call;
use crate::Array;
use crate::array::{Num, number, shaped};
use modelport_diag::Result;
use modelport_ir::DType;
use ndarray::{ArrayD, IxDyn};

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
    let (at, values, shape) = (c.x(0)?, c.x(2)?, c.shape(0)?);
    let axis = c.axis(axis, at.rank() + 1)?;
    c.require(values.len() == 2, || "values must be [off, on]".to_owned())?;
    let indices = at.cast(DType::I64)?.to_i64s()?;
    let (depth, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let hit = |i: usize| {
        let (outer, rest) = (i / (depth * inner), i % (depth * inner));
        let given = indices[outer * inner + rest % inner];
        let given = if given < 0 { given.saturating_add(depth as i64) } else { given };
        usize::try_from(given).is_ok_and(|given| given == rest / inner)
    };
    let mut places = (0..shape.iter().product()).map(|i| Some((0, usize::from(hit(i)))));
    Ok(vec![Array::gathered(&[values], &shape, &mut places)?])
}

pub(super) fn trilu(c: &Call<'_>, upper: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let k = i128::from(if c.opt(1).is_some() { c.int(1)? } else { 0 });
    let &[.., rows, columns] = x.shape() else { return Err(c.error("operand 0 must be matrices")) };
    let kept = |at: usize| {
        let diagonal = (at % columns) as i128 - (at / columns % rows) as i128;
        if upper { diagonal >= k } else { diagonal <= k }
    };
    let mut places = (0..x.len()).map(|at| kept(at).then_some((0, at)));
    Ok(vec![Array::gathered(&[x], x.shape(), &mut places)?])
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
