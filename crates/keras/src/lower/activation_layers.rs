//! Activations that are layers, and `Masking` (`keras/src/layers/activations`, `layers/core/masking.py`).

use super::activation;
use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Activation", |c| {
        let x = c.float_x()?;
        c.activate(x, "activation")
    })
    .passes_mask(),
    row("ReLU", relu).passes_mask(),
    row("LeakyReLU", leaky_relu).passes_mask(),
    row("PReLU", prelu).passes_mask(),
    row("ELU", elu).passes_mask(),
    row("ThresholdedReLU", thresholded_relu).passes_mask(),
    row("Softmax", softmax).passes_mask(),
    row("Masking", masking),
];

fn relu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let slope = c.float_or("negative_slope", 0.0)?;
    let max_value = c.opt_float("max_value")?;
    let threshold = c.float_or("threshold", 0.0)?;
    activation::relu(c.b, x, slope, max_value, threshold)
}

fn leaky_relu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let alpha = c.float_or("negative_slope", 0.3)?;
    c.b.one(Op::LeakyRelu { alpha }, &[x])
}

/// `alpha` has the input's dimensions but the batch, 1 on shared axes.
fn prelu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let alpha = c.weight("alpha")?;
    c.b.binary(BinaryOp::PRelu, x, alpha)
}

fn elu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let alpha = c.float_or("alpha", 1.0)?;
    c.b.one(Op::Elu { alpha }, &[x])
}

fn thresholded_relu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let alpha = c.float_or("theta", 1.0)?;
    c.b.one(Op::ThresholdedRelu { alpha }, &[x])
}

/// What masked elements are set to before a softmax: far below all others, yet finite.
pub(crate) fn large_negative(dtype: DType) -> f64 {
    if dtype == DType::F16 { -3e4 } else { -1e9 }
}

/// `x` where the mask is true, [`large_negative`] elsewhere.
pub(crate) fn masked_scores(c: &mut Call<'_>, x: ValueId, mask: ValueId) -> Result<ValueId> {
    let mask = match c.b.dtype(mask) {
        DType::Bool => mask,
        _ => {
            let half = c.b.scalar_like(mask, 0.5);
            c.b.binary(BinaryOp::Greater, mask, half)?
        }
    };
    let low = c.b.scalar_like(x, large_negative(c.b.dtype(x)));
    c.b.one(Op::Where, &[mask, x, low])
}

/// Over one axis, or over several at once; a mask (the second call argument, or the input's own) leaves elements out.
fn softmax(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = c.float_x()?;
    let rank = c.b.rank(x);
    let axes = c.opt_ints("axis")?.unwrap_or_else(|| vec![-1]);
    let axes = c.axes_of("axis", &axes, rank)?;
    let mask = c.tensor_arg(1, "mask").map(|o| o.value).or_else(|| c.mask(0));
    if let Some(mask) = mask {
        x = masked_scores(c, x, mask)?;
    }
    match axes.as_slice() {
        [axis] => c.b.one(Op::Softmax { axis: *axis as i64 }, &[x]),
        _ => {
            let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
            let total = c.b.reduce(ReduceKind::LogSumExp, x, &axes, true)?;
            let log = c.b.binary(BinaryOp::Sub, x, total)?;
            c.b.unary(UnaryOp::Exp, log)
        }
    }
}

/// Steps all of whose features are `mask_value` become 0 and are masked.
fn masking(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let value = c.float_or("mask_value", 0.0)?;
    let value = c.b.scalar_like(x, value);
    let same = c.b.binary(BinaryOp::Equal, x, value)?;
    let differs = c.b.unary(UnaryOp::Not, same)?;
    let differs = c.b.cast(differs, DType::I32)?;
    let any = c.b.reduce(ReduceKind::Max, differs, &[-1], true)?;
    let any = c.b.cast(any, DType::Bool)?;
    let mask = c.b.squeeze(any, &[-1])?;
    c.set_mask(0, Some(mask));
    let zero = c.b.scalar_like(x, 0.0);
    c.b.one(Op::Where, &[any, x, zero])
}
