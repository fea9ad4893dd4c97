//! Shapes and movement of whole axes.

use super::KnownInt;
use super::context::{Ctx, Out, like, one, product};
use crate::{DType, Dim, Shape, TensorType};
use modelport_diag::Result;

pub(super) fn transpose(c: Ctx<'_>, perm: &[usize]) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let mut seen = vec![false; x.rank()];
    let fits =
        perm.len() == x.rank() && perm.iter().all(|&p| seen.get_mut(p).is_some_and(|s| !std::mem::replace(s, true)));
    c.require(fits, || format!("{perm:?} is not a permutation of {} axes", x.rank()))?;
    one(x.dtype, perm.iter().map(|&p| x.shape[p].clone()).collect::<Shape>())
}

pub(super) fn flatten(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let rank = x.rank();
    let axis = if axis == rank as i64 { rank } else { c.axis(axis, rank)? };
    one(x.dtype, vec![product(&x.shape[..axis]), product(&x.shape[axis..])])
}

pub(super) fn squeeze(c: Ctx<'_>, axes: &[i64]) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let axes = c.axes(axes, x.rank())?;
    for &a in &axes {
        c.equal(&x.shape[a], &Dim::Known(1), &format!("the squeezed dimension {a} and 1"))?;
    }
    let kept = x.shape.iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, d)| d.clone());
    one(x.dtype, kept.collect::<Shape>())
}

pub(super) fn unsqueeze(c: Ctx<'_>, axes: &[i64]) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let rank = x.rank() + axes.len();
    let axes = c.axes(axes, rank)?;
    let mut dims = x.shape.iter().cloned();
    let all = (0..rank).map(|i| if axes.contains(&i) { Dim::Known(1) } else { dims.next().unwrap_or(Dim::Unknown) });
    one(x.dtype, all.collect::<Shape>())
}

pub(super) fn expand(c: Ctx<'_>) -> Out {
    c.arity(2, 2)?;
    let x = c.ty(0)?;
    let target: Shape = c.ints(1)?.iter().map(KnownInt::to_dim).collect();
    one(x.dtype, c.broadcast(&x.shape, &target)?)
}

pub(super) fn tile(c: Ctx<'_>) -> Out {
    c.arity(2, 2)?;
    let x = c.ty(0)?;
    c.int(1)?;
    c.vector_of(1, &Dim::Known(x.rank()))?;
    let repeats = c.ints(1)?;
    c.require(repeats.len() == x.rank(), || "repeats must have one number for each axis".to_owned())?;
    let dims = x.shape.iter().zip(&repeats).map(|(d, r)| product(&[d.clone(), r.to_dim()]));
    one(x.dtype, dims.collect::<Shape>())
}

pub(super) fn concat(c: Ctx<'_>, axis: i64) -> Out {
    let first = c.ty(0)?;
    c.same_dtype(1, first.dtype)?;
    let axis = c.axis(axis, first.rank())?;
    let mut shape = first.shape.clone();
    let mut parts = Vec::new();
    for i in 0..c.operands.len() {
        let part = c.rank(i, first.rank())?;
        for (a, d) in part.shape.iter().enumerate() {
            if a != axis {
                shape[a] = c.equal(&shape[a], d, &format!("dimensions on axis {a} of the joined operands"))?;
            }
        }
        if part.shape[axis] != Dim::Known(0) {
            parts.push(part.shape[axis].clone());
        }
    }
    shape[axis] = match parts.as_slice() {
        [] => Dim::Known(0),
        [d] => d.clone(),
        _ => parts
            .iter()
            .try_fold(0usize, |a, d| d.known().and_then(|n| a.checked_add(n)))
            .map_or(Dim::Unknown, Dim::Known),
    };
    one(first.dtype, shape)
}

pub(super) fn split(c: Ctx<'_>, axis: i64, sizes: &[usize]) -> Out {
    c.arity(1, 1)?;
    let x = c.ty(0)?;
    let axis = c.axis(axis, x.rank())?;
    let total =
        sizes.iter().try_fold(0usize, |a, &n| a.checked_add(n)).ok_or_else(|| c.error("sizes are too large"))?;
    c.equal(&x.shape[axis], &Dim::Known(total), "the axis and the sum of the pieces")?;
    let piece = |&n: &usize| {
        let mut shape = x.shape.clone();
        shape[axis] = Dim::Known(n);
        TensorType::new(x.dtype, shape)
    };
    Ok(sizes.iter().map(piece).collect())
}

/// One axis of a slice with ONNX's clamping: first element, number of elements, step.
pub(crate) fn clamp(n: usize, start: i64, end: i64, step: i64) -> Option<(usize, usize, isize)> {
    let (n, step_wide) = (i128::try_from(n).ok()?, i128::from(step));
    let from_end = |v: i64| if v < 0 { i128::from(v) + n } else { i128::from(v) };
    let (start, end) = (from_end(start), from_end(end));
    let (start, len) = match step {
        0 => return None,
        1.. => {
            let (s, e) = (start.clamp(0, n), end.clamp(0, n));
            (s, (e - s + step_wide - 1).div_euclid(step_wide).max(0))
        }
        _ => {
            let (s, e) = (start.clamp(-1, n - 1), end.clamp(-1, n - 1));
            (s, (s - e - step_wide - 1).div_euclid(-step_wide).max(0))
        }
    };
    Some((usize::try_from(start.max(0)).ok()?, usize::try_from(len).ok()?, isize::try_from(step).ok()?))
}

/// An axis that is sliced: its number; start, end and step where they are known.
pub(super) type SlicedAxis = (usize, [Option<i64>; 3]);

/// Axes, starts, ends and steps of a slice as far as they are known; `None` when the axes are not.
pub(super) fn slice_plan(c: Ctx<'_>, rank: usize) -> Result<Option<Vec<SlicedAxis>>> {
    let (Some(starts), Some(ends)) = (c.opt_ints(1)?, c.opt_ints(2)?) else { return Ok(None) };
    let n = starts.len();
    let axes: Vec<Option<i64>> = match c.operand(3) {
        None => (0..n as i64).map(Some).collect(),
        Some(_) => c.opt_ints(3)?.unwrap_or_default().iter().map(KnownInt::value).collect(),
    };
    let steps: Vec<Option<i64>> = match c.operand(4) {
        None => vec![Some(1); n],
        Some(_) => c.opt_ints(4)?.unwrap_or_default().iter().map(KnownInt::value).collect(),
    };
    c.require(ends.len() == n && axes.len() == n && steps.len() == n, || {
        "starts, ends, axes and steps must have one length".to_owned()
    })?;
    let Some(axes) = axes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let axes = c.axes(&axes, rank)?;
    let rows = axes.into_iter().zip(starts).zip(ends).zip(steps);
    Ok(Some(rows.map(|(((a, s), e), t)| (a, [s.value(), e.value(), t])).collect()))
}

pub(super) fn slice(c: Ctx<'_>) -> Out {
    c.arity(3, 5)?;
    let x = c.ty(0)?;
    let Some(plan) = slice_plan(c, x.rank())? else {
        return one(x.dtype, vec![Dim::Unknown; x.rank()]);
    };
    /// Beyond any size: what exporters write for "to the end".
    const END: i64 = i32::MAX as i64;
    let mut shape = x.shape.clone();
    for (axis, [start, end, step]) in plan {
        c.require(step != Some(0), || "a step of 0".to_owned())?;
        shape[axis] = match (&shape[axis], start, end, step) {
            (Dim::Known(n), Some(s), Some(e), Some(t)) => clamp(*n, s, e, t).map_or(Dim::Unknown, |p| Dim::Known(p.1)),
            (d, Some(0), Some(e), Some(1)) if e >= END => d.clone(),
            (d, Some(s), Some(e), Some(-1)) if (s == -1 || s >= END) && e <= -END => d.clone(),
            _ => Dim::Unknown,
        };
    }
    one(x.dtype, shape)
}

pub(super) fn pad(c: Ctx<'_>) -> Out {
    c.arity(2, 3)?;
    let x = c.ty(0)?;
    c.int(1)?;
    let pads = c.ints(1)?;
    let rank = x.rank();
    c.require(pads.len() == 2 * rank, || format!("pads (operand 1) must have {} numbers", 2 * rank))?;
    if let Some(v) = c.opt(2) {
        c.require(v.dtype == x.dtype && v.rank() == 0, || {
            format!("the value (operand 2) must be a scalar of type {}", x.dtype)
        })?;
    }
    let mut shape = x.shape.clone();
    for axis in 0..rank {
        shape[axis] = match (&shape[axis], pads[axis].value(), pads[rank + axis].value()) {
            (d, Some(0), Some(0)) => d.clone(),
            (Dim::Known(n), Some(a), Some(b)) => {
                let size = *n as i128 + i128::from(a) + i128::from(b);
                let size = usize::try_from(size).ok();
                Dim::Known(size.ok_or_else(|| c.error(format!("pads {a} and {b} do not fit {n} elements")))?)
            }
            (d @ Dim::Symbol(_), Some(a), Some(b)) if a.checked_add(b) == Some(0) => d.clone(),
            _ => Dim::Unknown,
        };
    }
    one(x.dtype, shape)
}

pub(super) fn shape_of(c: Ctx<'_>, start: i64, end: Option<i64>) -> Out {
    c.arity(1, 1)?;
    one(DType::I64, vec![Dim::Known(shape_range(c.ty(0)?.rank(), start, end).len())])
}

/// The axes that a `Shape` op selects, clamped.
pub(super) fn shape_range(rank: usize, start: i64, end: Option<i64>) -> std::ops::Range<usize> {
    let at = |v: i64| (if v < 0 { v.saturating_add(rank as i64) } else { v }).clamp(0, rank as i64) as usize;
    let (s, e) = (at(start), end.map_or(rank, at));
    s..e.max(s)
}

pub(super) fn size_of(c: Ctx<'_>) -> Out {
    c.arity(1, 1)?;
    c.ty(0)?;
    one(DType::I64, Vec::new())
}

pub(super) fn range(c: Ctx<'_>) -> Out {
    c.arity(3, 3)?;
    let dtype = c.numeric(0)?.dtype;
    c.same_dtype(1, dtype)?;
    let mut numbers = Vec::new();
    for i in 0..3 {
        let ty = c.ty(i)?;
        c.require(ty.elements() == Some(1), || format!("operand {i} must be a scalar, has type {ty}"))?;
        let operand = c.operand(i);
        let known = operand.and_then(|o| o.known).and_then(|k| k.values());
        numbers.extend(match (known, operand.and_then(|o| o.constant)) {
            (Some(v), _) => v.first().map(|&n| n as f64),
            (None, Some(t)) => t.to_f64s()?.first().copied(),
            (None, None) => None,
        });
    }
    let dim = match numbers.as_slice() {
        &[start, limit, delta] => {
            c.require(delta != 0.0, || "a step of 0".to_owned())?;
            Dim::Known(((limit - start) / delta).ceil().max(0.0) as usize)
        }
        _ => Dim::Unknown,
    };
    one(dtype, vec![dim])
}

pub(super) fn matrix(c: Ctx<'_>) -> Out {
    c.arity(1, 2)?;
    let x = c.ty(0)?;
    c.require(x.rank() >= 2, || format!("operand 0 must have at least two dimensions, has type {x}"))?;
    if c.opt(1).is_some() {
        c.int(1)?;
    }
    like(x)
}

pub(super) fn eye(c: Ctx<'_>, dtype: Option<DType>) -> Out {
    c.arity(1, 1)?;
    let x = c.rank(0, 2)?;
    one(dtype.unwrap_or(x.dtype), x.shape.clone())
}

pub(super) fn random(c: Ctx<'_>, dtype: DType) -> Out {
    c.arity(1, 2)?;
    c.require(dtype.is_float(), || format!("numbers are drawn in a floating-point type, not in {dtype}"))?;
    match (c.opt(0), c.opt(1)) {
        (Some(_), None) => one(dtype, c.ints(0)?.iter().map(KnownInt::to_dim).collect::<Shape>()),
        (None, Some(like)) => one(dtype, like.shape.clone()),
        _ => Err(c.error("exactly one of a shape (operand 0) and a tensor of that shape (operand 1) must be there")),
    }
}

pub(super) fn reverse_sequence(c: Ctx<'_>, batch: i64, time: i64) -> Out {
    c.arity(2, 2)?;
    let x = c.ty(0)?;
    let (batch, time) = (c.axis(batch, x.rank())?, c.axis(time, x.rank())?);
    c.require(batch != time, || "batch and time axis must differ".to_owned())?;
    c.int(1)?;
    c.vector_of(1, &x.shape[batch])?;
    like(x)
}
