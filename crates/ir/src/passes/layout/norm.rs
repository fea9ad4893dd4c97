//! Normalisations over channels or trailing axes.

use super::super::{affine, axes};
use super::forms::{Ctx, Form, Forms, Operand};
use crate::core::BinaryOp;
use crate::{Op, Tensor};

/// The cost of two small elementwise ops, against a transpose at about 80.
const AFFINE: u64 = 30;

/// Over axis 1 it can be written; over another axis it is moved there, or becomes a product and a sum.
pub(super) fn batch(c: Ctx<'_>, axis: i64, epsilon: f64) -> Forms {
    let rank = c.rank(0);
    let Some(axis) = axes::normal(axis, rank) else { return Forms::Kept(Form::kept(c)) };
    if axis == 1 {
        return Forms::Kept(Form::kept(c));
    }
    let kept = affine_form(c, axis, rank, epsilon);
    if axes::moved(axis, rank) != 1 {
        return Forms::Kept(kept.unwrap_or_else(|| Form::kept(c)));
    }
    let first = Form::first(Op::BatchNorm { axis: 1, epsilon }, c);
    match kept {
        Some(kept) => Forms::Either(kept, first),
        None => Forms::First(first),
    }
}

/// As a product and a sum, when the parameters are constant.
fn affine_form(c: Ctx<'_>, axis: usize, rank: usize, epsilon: f64) -> Option<Form> {
    let parameters = [1, 2, 3, 4].map(|i| c.constant(i));
    let line = affine::of_batch_norm(parameters, epsilon)?;
    let dtype = c.ty(0)?.dtype;
    let mut shape = vec![line.scale.len()];
    shape.resize(rank.checked_sub(axis)?, 1);
    let tensor = |values: &[f64]| Tensor::from_f64s(dtype, &shape, values).ok();
    let inputs = vec![Operand::Keep, Operand::Replace(tensor(&line.scale)?)];
    let mut form = Form::new(Op::Binary(BinaryOp::Mul), inputs, vec![false]).costing(AFFINE);
    form.then = Some(Box::new((Op::Binary(BinaryOp::Add), tensor(&line.shift)?)));
    Some(form)
}

/// Layer and RMS normalisation over everything but the batch.
pub(super) fn trailing(c: Ctx<'_>) -> Option<Form> {
    let rank = c.rank(0);
    let (Op::LayerNorm { axis, .. } | Op::RmsNorm { axis, .. }) = &c.node.op else { return None };
    if rank < 3 || axes::normal(*axis, rank)? != 1 {
        return None;
    }
    let mut form = Form::first(c.node.op.clone(), c);
    // Parameters have the axes from 1 on.
    let perm: Vec<usize> = axes::first(rank).iter().skip(1).map(|a| a - 1).collect();
    for i in (1..c.node.inputs.len()).filter(|&i| c.has(i)) {
        form = form.with(i, Operand::Replace(c.constant(i)?.permute(&perm).ok()?));
    }
    Some(form)
}
