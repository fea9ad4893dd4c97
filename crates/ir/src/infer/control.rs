//! Control flow and custom ops.

use super::context::{Ctx, Out};
use crate::core::CustomResult;
use crate::{CoreGraph, DType, Dim, TensorType};
use modelport_diag::Result;

/// The type of both branches: dimensions that differ are unknown.
fn merge(c: Ctx<'_>, a: &TensorType, b: &TensorType) -> Result<TensorType> {
    c.require(a.dtype == b.dtype && a.rank() == b.rank(), || {
        format!("results of types {a} and {b} are not one value")
    })?;
    let dims = a.shape.iter().zip(&b.shape).map(|(x, y)| if x == y { x.clone() } else { Dim::Unknown });
    Ok(TensorType::new(a.dtype, dims.collect::<Vec<_>>()))
}

/// Operands from `first` on fit the inputs of a body from `skip` on.
fn fits(c: Ctx<'_>, body: &CoreGraph, first: usize, skip: usize) -> Result<()> {
    let inputs = body.inputs().get(skip..).unwrap_or_default();
    let given = c.operands.len().saturating_sub(first);
    c.require(inputs.len() == given, || format!("a body takes {} values, but {given} are passed", inputs.len()))?;
    for (k, &id) in inputs.iter().enumerate() {
        let (have, want) = (c.ty(first + k)?, body.ty(id));
        let dims = have.rank() == want.rank()
            && have.shape.iter().zip(&want.shape).all(|(a, b)| match (a, b) {
                (Dim::Known(x), Dim::Known(y)) => x == y,
                _ => true,
            });
        c.require(have.dtype == want.dtype && dims, || format!("operand {} must be of type {want}", first + k))?;
    }
    Ok(())
}

pub(super) fn branch(c: Ctx<'_>, yes: &CoreGraph, no: &CoreGraph) -> Out {
    let cond = c.check(0, "bool", |d| d == DType::Bool)?;
    c.require(cond.elements().is_none_or(|n| n == 1), || "the condition must be one truth value".to_owned())?;
    fits(c, yes, 1, 0)?;
    fits(c, no, 1, 0)?;
    let (a, b) = (yes.outputs(), no.outputs());
    c.require(a.len() == b.len(), || format!("the branches have {} and {} results", a.len(), b.len()))?;
    a.iter().zip(b).map(|(x, y)| merge(c, yes.ty(x.value), no.ty(y.value))).collect()
}

pub(super) fn repeat(c: Ctx<'_>, carried: usize, body: &CoreGraph) -> Out {
    c.require(body.inputs().len() >= 2 && c.operands.len() >= 2, || {
        "a loop needs trip count and condition, and its body both".to_owned()
    })?;
    fits(c, body, 2, 2)?;
    let outputs = body.outputs();
    let enough = outputs.len() > carried && c.operands.len() - 2 >= carried;
    c.require(enough, || format!("a loop that carries {carried} values needs them as operands and as results"))?;
    let mut out = Vec::with_capacity(outputs.len() - 1);
    for (i, o) in outputs.iter().skip(1).enumerate() {
        let ty = body.ty(o.value);
        if i < carried {
            out.push(merge(c, c.ty(i + 2)?, ty)?);
        } else {
            let shape: Vec<_> = std::iter::once(Dim::Unknown).chain(ty.shape.iter().cloned()).collect();
            out.push(TensorType::new(ty.dtype, shape));
        }
    }
    Ok(out)
}

pub(super) fn custom(results: &[CustomResult]) -> Out {
    Ok(results.iter().map(|r| TensorType::new(r.dtype, r.shape.clone())).collect())
}
