//! Reductions, running reductions, `TopK`.

use super::context::{Ctx, Out, like, numeric, one};
use crate::core::ReduceKind;
use crate::{DType, Dim, Shape, TensorType};

fn drop_axes(shape: &[Dim], axes: &[usize], keepdims: bool) -> Shape {
    let kept = shape.iter().enumerate().filter_map(|(i, d)| match (axes.contains(&i), keepdims) {
        (false, _) => Some(d.clone()),
        (true, true) => Some(Dim::Known(1)),
        (true, false) => None,
    });
    kept.collect()
}

pub(super) fn reduce(c: Ctx<'_>, kind: ReduceKind, axes: &[i64], keepdims: bool) -> Out {
    c.arity(1, 1)?;
    let order = matches!(kind, ReduceKind::Max | ReduceKind::Min);
    let x = c.check(0, "numeric", |d| numeric(d) || (order && d == DType::Bool))?;
    let mut axes = c.axes(axes, x.rank())?;
    if axes.is_empty() {
        axes = (0..x.rank()).collect();
    }
    one(x.dtype, drop_axes(&x.shape, &axes, keepdims))
}

pub(super) fn arg(c: Ctx<'_>, axis: i64, keepdims: bool) -> Out {
    c.arity(1, 1)?;
    let x = c.numeric(0)?;
    one(DType::I64, drop_axes(&x.shape, &[c.axis(axis, x.rank())?], keepdims))
}

pub(super) fn running(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(1, 1)?;
    let x = c.numeric(0)?;
    c.axis(axis, x.rank())?;
    like(x)
}

pub(super) fn top_k(c: Ctx<'_>, axis: i64) -> Out {
    c.arity(2, 2)?;
    let x = c.numeric(0)?;
    let axis = c.axis(axis, x.rank())?;
    let k = c.ints(1)?;
    c.require(k.len() == 1, || "k must be one number".to_owned())?;
    let mut shape = x.shape.clone();
    let dim = k[0].to_dim();
    if let (Some(k), Some(n)) = (dim.known(), shape[axis].known()) {
        c.require(k <= n, || format!("k is {k}, but the axis has {n} elements"))?;
    }
    shape[axis] = dim;
    Ok(vec![TensorType::new(x.dtype, shape.clone()), TensorType::new(DType::I64, shape)])
}
