//! Gradients of normalisations: with the normalised operand x̂ and the gradient ĝ of it, that of the operand is
//! (ĝ − mean ĝ − x̂·mean ĝx̂) / σ.
//!
//! Semantics: `aten/src/ATen/native/{layer_norm,group_norm,Normalization}.cpp` of PyTorch 2.15.

use super::{mask, mul, results, sub, sum, wide};
use crate::lower::call::Call;
use crate::lower::norm::not_channels;
use crate::lower::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, ValueId};

pub(in super::super) const ROWS: &[Row] = &[
    row_many("aten::native_layer_norm_backward", layer_norm),
    row_many("aten::native_group_norm_backward", group_norm),
    row_many("aten::native_batch_norm_backward", batch_norm),
];

/// What all have: the gradient and the operand, and the type of the results.
struct Given {
    grad: ValueId,
    x: ValueId,
    narrow: DType,
}

fn given(c: &mut Call<'_>) -> Result<Given> {
    let (grad, x) = (c.tensor("grad_out")?, c.tensor("input")?);
    let narrow = c.b.dtype(x);
    let x = wide(c, x)?;
    Ok(Given { grad: c.b.cast(grad, c.b.dtype(x))?, x, narrow })
}

/// A statistic or parameter, in the type of the computation.
fn cast(c: &mut Call<'_>, g: &Given, name: &str) -> Result<ValueId> {
    let v = c.tensor(name)?;
    c.b.cast(v, c.b.dtype(g.x))
}

/// As [`cast`], in another shape.
fn shaped(c: &mut Call<'_>, g: &Given, name: &str, shape: &[i64]) -> Result<ValueId> {
    let v = cast(c, g, name)?;
    c.b.reshape(v, shape)
}

/// The gradient times the weight, where there is one; in another shape unless it fits as it is.
fn weighted(c: &mut Call<'_>, g: &Given, shape: Option<&[i64]>) -> Result<ValueId> {
    if c.arg("weight").is_none() {
        return Ok(g.grad);
    }
    let weight = cast(c, g, "weight")?;
    let weight = shape.map_or(Ok(weight), |s| c.b.reshape(weight, s))?;
    mul(c, g.grad, weight)
}

/// By the operand, over the normalised axes.
fn by_input(c: &mut Call<'_>, grad: ValueId, normal: ValueId, inverse: ValueId, axes: &[i64]) -> Result<ValueId> {
    let product = mul(c, grad, normal)?;
    let slope = c.b.reduce(ReduceKind::Mean, product, axes, true)?;
    let mean = c.b.reduce(ReduceKind::Mean, grad, axes, true)?;
    let along = mul(c, normal, slope)?;
    let rest = sub(c, grad, mean)?;
    let rest = sub(c, rest, along)?;
    mul(c, rest, inverse)
}

/// By weight and bias, summed over the other axes; in the type of the results.
fn all(c: &mut Call<'_>, g: &Given, by_input: Option<ValueId>, normal: ValueId, axes: &[i64]) -> Result<Vec<ValueId>> {
    let [_, to_weight, to_bias] = mask(c)?;
    let mut each = [by_input, None, None];
    if to_weight {
        let product = mul(c, g.grad, normal)?;
        each[1] = Some(sum(c, product, axes)?);
    }
    if to_bias {
        each[2] = Some(sum(c, g.grad, axes)?);
    }
    for slot in each.iter_mut().flatten() {
        *slot = c.b.cast(*slot, g.narrow)?;
    }
    Ok(results(c, each))
}

fn layer_norm(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let g = given(c)?;
    let (rank, count) = (c.rank(g.x), c.sizes("normalized_shape")?.len());
    let axis = rank.checked_sub(count).ok_or_else(|| c.bad("normalized_shape", "not more axes than the input"))?;
    let inner: Vec<i64> = (axis as i64..rank as i64).collect();
    let outer: Vec<i64> = (0..axis as i64).collect();
    let statistic = |c: &mut Call<'_>, name: &str| {
        let v = cast(c, &g, name)?;
        let lacking: Vec<i64> = (c.rank(v) as i64..rank as i64).collect();
        if lacking.is_empty() { Ok(v) } else { c.b.unsqueeze(v, &lacking) }
    };
    let (mean, inverse) = (statistic(c, "mean")?, statistic(c, "rstd")?);
    let centred = sub(c, g.x, mean)?;
    let normal = mul(c, centred, inverse)?;
    let first = if mask(c)?[0] {
        let grad = weighted(c, &g, None)?;
        Some(by_input(c, grad, normal, inverse, &inner)?)
    } else {
        None
    };
    all(c, &g, first, normal, &outer)
}

/// [−1, 1, …]: a value a channel, against [N, C, …].
fn per_channel(c: &Call<'_>, x: ValueId) -> Vec<i64> {
    std::iter::once(-1).chain(std::iter::repeat_n(1, c.rank(x).saturating_sub(2))).collect()
}

fn group_norm(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let g = given(c)?;
    let groups = c.int("group")?;
    let apart = [0, groups, -1];
    let (mean, inverse) = (shaped(c, &g, "mean", &[-1, groups, 1])?, shaped(c, &g, "rstd", &[-1, groups, 1])?);
    let split = c.b.reshape(g.x, &apart)?;
    let centred = sub(c, split, mean)?;
    let normal = mul(c, centred, inverse)?;
    let sizes = c.dims(g.x)?;
    let first = if mask(c)?[0] {
        let shape = per_channel(c, g.x);
        let grad = weighted(c, &g, Some(&shape))?;
        let grad = c.b.reshape(grad, &apart)?;
        let out = by_input(c, grad, normal, inverse, &[2])?;
        Some(c.reshape_keeping(out, &sizes, 1)?)
    } else {
        None
    };
    let normal = c.reshape_keeping(normal, &sizes, 1)?;
    let axes = not_channels(c, g.x);
    all(c, &g, first, normal, &axes)
}

/// In training the statistics are those of the batch, and depend on the operand; otherwise they are constants.
fn batch_norm(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let g = given(c)?;
    let training = c.flag("train")?;
    let shape = per_channel(c, g.x);
    let (mean, inverse) = if training {
        (shaped(c, &g, "save_mean", &shape)?, shaped(c, &g, "save_invstd", &shape)?)
    } else {
        let (mean, variance) = (shaped(c, &g, "running_mean", &shape)?, shaped(c, &g, "running_var", &shape)?);
        let variance = c.with(BinaryOp::Add, variance, c.number("eps")?)?;
        let deviation = c.unary(UnaryOp::Sqrt, variance)?;
        (mean, c.unary(UnaryOp::Reciprocal, deviation)?)
    };
    let centred = sub(c, g.x, mean)?;
    let normal = mul(c, centred, inverse)?;
    let axes = not_channels(c, g.x);
    let grad = weighted(c, &g, Some(&shape))?;
    let first = if training { by_input(c, grad, normal, inverse, &axes)? } else { mul(c, grad, inverse)? };
    all(c, &g, Some(first), normal, &axes)
}
