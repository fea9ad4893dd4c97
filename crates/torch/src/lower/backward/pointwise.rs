//! Gradients of activation functions.
//!
//! Semantics: `torch/_decomp/decompositions.py` and `aten/src/ATen/native/cpu/{Activation,BinaryOpsKernel}.cpp` of PyTorch 2.15.

use super::{mul, sub};
use crate::lower::call::Call;
use crate::lower::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Op, ValueId};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

pub(in super::super) const ROWS: &[Row] = &[
    row("aten::tanh_backward", |c| times(c, "output", tanh)),
    row("aten::sigmoid_backward", |c| times(c, "output", sigmoid)),
    row("aten::silu_backward", |c| times(c, "self", silu)),
    row("aten::mish_backward", |c| times(c, "self", mish)),
    row("aten::gelu_backward", |c| times(c, "self", gelu)),
    row("aten::softplus_backward", |c| times(c, "self", softplus)),
    row("aten::log_sigmoid_backward", |c| times(c, "self", log_sigmoid)),
    row("aten::elu_backward", |c| times(c, "self_or_result", elu)),
    row("aten::leaky_relu_backward", |c| times(c, "self", leaky_relu)),
    row("aten::hardsigmoid_backward", |c| {
        times(c, "self", |c, x| {
            let out = outside(c, x, -3.0, 3.0)?;
            switch(c, x, out, 0.0, 1.0 / 6.0)
        })
    }),
    row("aten::hardswish_backward", |c| times(c, "self", hardswish)),
    row("aten::logit_backward", logit),
    row("aten::threshold_backward", threshold),
    row("aten::hardtanh_backward", hardtanh),
    row("aten::hardshrink_backward", |c| shrink(c, "grad_out")),
    row("aten::softshrink_backward", |c| shrink(c, "grad_output")),
    row_many("aten::_prelu_kernel_backward", prelu),
    row("aten::glu_backward", glu),
    row("aten::native_dropout_backward", dropout),
    row("aten::_softmax_backward_data", softmax),
    row("aten::_log_softmax_backward_data", log_softmax),
];

/// The gradient times the slope at an operand.
fn times(c: &mut Call<'_>, name: &str, slope: fn(&mut Call<'_>, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor(name)?);
    let slope = slope(c, x)?;
    mul(c, grad, slope)
}

/// `1 − x`.
fn one_less(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let one = c.b.scalar_like(x, 1.0);
    sub(c, one, x)
}

/// One of two numbers.
fn switch(c: &mut Call<'_>, like: ValueId, cond: ValueId, yes: f64, no: f64) -> Result<ValueId> {
    let (yes, no) = (c.b.scalar_like(like, yes), c.b.scalar_like(like, no));
    c.choose(cond, yes, no)
}

/// At or beyond either bound.
fn outside(c: &mut Call<'_>, x: ValueId, low: f64, high: f64) -> Result<ValueId> {
    let (below, above) = (c.with(BinaryOp::LessOrEqual, x, low)?, c.with(BinaryOp::GreaterOrEqual, x, high)?);
    c.binary(BinaryOp::Or, below, above)
}

/// The gradient, but 0 where the condition holds.
fn blocked(c: &mut Call<'_>, grad: ValueId, cond: ValueId) -> Result<ValueId> {
    let zero = c.b.scalar_like(grad, 0.0);
    c.choose(cond, zero, grad)
}

/// Of its result.
fn tanh(c: &mut Call<'_>, y: ValueId) -> Result<ValueId> {
    let square = mul(c, y, y)?;
    one_less(c, square)
}

/// Of its result.
fn sigmoid(c: &mut Call<'_>, y: ValueId) -> Result<ValueId> {
    let rest = one_less(c, y)?;
    mul(c, y, rest)
}

fn silu(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let gate = c.unary(UnaryOp::Sigmoid, x)?;
    let rest = one_less(c, gate)?;
    let rest = mul(c, x, rest)?;
    let rest = c.with(BinaryOp::Add, rest, 1.0)?;
    mul(c, gate, rest)
}

fn mish(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let gate = c.unary(UnaryOp::Softplus, x)?;
    let gate = c.unary(UnaryOp::Tanh, gate)?;
    let slope = tanh(c, gate)?;
    let inner = c.unary(UnaryOp::Sigmoid, x)?;
    let inner = mul(c, x, inner)?;
    let inner = mul(c, inner, slope)?;
    c.binary(BinaryOp::Add, gate, inner)
}

/// `Φ(x) + x·φ(x)`, or the slope of its approximation.
fn gelu(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let square = mul(c, x, x)?;
    let (gate, slope) = match c.opt_str("approximate")? {
        None | Some("none") => {
            let erf = c.with(BinaryOp::Mul, x, FRAC_1_SQRT_2)?;
            let erf = c.unary(UnaryOp::Erf, erf)?;
            let density = c.with(BinaryOp::Mul, square, -0.5)?;
            let density = c.unary(UnaryOp::Exp, density)?;
            (erf, c.with(BinaryOp::Mul, density, FRAC_1_SQRT_2 * FRAC_2_SQRT_PI)?)
        }
        Some("tanh") => {
            let (scale, cubic) = (FRAC_2_SQRT_PI * FRAC_1_SQRT_2, 0.044_715);
            let inner = c.with(BinaryOp::Mul, square, scale * cubic)?;
            let inner = c.with(BinaryOp::Add, inner, scale)?;
            let inner = mul(c, inner, x)?;
            let gate = c.unary(UnaryOp::Tanh, inner)?;
            let steep = c.with(BinaryOp::Mul, square, 3.0 * scale * cubic)?;
            let steep = c.with(BinaryOp::Add, steep, scale)?;
            let slope = tanh(c, gate)?;
            (gate, mul(c, slope, steep)?)
        }
        Some(_) => return Err(c.bad("approximate", "'none' or 'tanh'")),
    };
    let bent = mul(c, x, slope)?;
    let sum = c.binary(BinaryOp::Add, gate, bent)?;
    let sum = c.with(BinaryOp::Add, sum, 1.0)?;
    c.with(BinaryOp::Mul, sum, 0.5)
}

fn softplus(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let (beta, threshold) = (c.number("beta")?, c.number("threshold")?);
    let inner = c.with(BinaryOp::Mul, x, beta)?;
    let above = c.with(BinaryOp::Greater, inner, threshold)?;
    let slope = c.unary(UnaryOp::Sigmoid, inner)?;
    let one = c.b.scalar_like(x, 1.0);
    c.choose(above, one, slope)
}

/// What the forward pass saved is not used: it is empty on some devices.
fn log_sigmoid(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let x = c.unary(UnaryOp::Neg, x)?;
    c.unary(UnaryOp::Sigmoid, x)
}

fn elu(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let (alpha, scale, inner) = (c.number("alpha")?, c.number("scale")?, c.number("input_scale")?);
    let negative = c.with(BinaryOp::LessOrEqual, x, 0.0)?;
    let slope = if c.flag("is_result")? {
        let slope = c.with(BinaryOp::Add, x, alpha * scale)?;
        c.with(BinaryOp::Mul, slope, inner)?
    } else {
        let slope = c.with(BinaryOp::Mul, x, inner)?;
        let slope = c.unary(UnaryOp::Exp, slope)?;
        c.with(BinaryOp::Mul, slope, inner * alpha * scale)?
    };
    let straight = c.b.scalar_like(x, scale);
    c.choose(negative, slope, straight)
}

fn leaky_relu(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let slope = c.number("negative_slope")?;
    let positive = c.with(BinaryOp::Greater, x, 0.0)?;
    switch(c, x, positive, 1.0, slope)
}

fn hardswish(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let slope = c.with(BinaryOp::Div, x, 3.0)?;
    let slope = c.with(BinaryOp::Add, slope, 0.5)?;
    let (zero, one) = (c.b.scalar_like(x, 0.0), c.b.scalar_like(x, 1.0));
    let below = c.with(BinaryOp::LessOrEqual, x, -3.0)?;
    let bent = c.with(BinaryOp::Less, x, 3.0)?;
    let slope = c.choose(bent, slope, one)?;
    c.choose(below, zero, slope)
}

/// Outside of the bounds, which are 0 and 1 unless there is an `eps`, nothing changes; or is no number.
fn logit(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let eps = c.opt_number("eps")?.filter(|e| *e >= 0.0);
    let slope = sigmoid(c, x)?;
    let out = c.binary(BinaryOp::Div, grad, slope)?;
    let (below, above) =
        (c.with(BinaryOp::Less, x, eps.unwrap_or(0.0))?, c.with(BinaryOp::Greater, x, 1.0 - eps.unwrap_or(0.0))?);
    let outside = c.binary(BinaryOp::Or, below, above)?;
    let there = c.b.scalar_like(x, if eps.is_some() { 0.0 } else { f64::NAN });
    c.choose(outside, there, out)
}

fn threshold(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, x, bound) = (c.tensor("grad_output")?, c.tensor("self")?, c.number("threshold")?);
    let below = c.with(BinaryOp::LessOrEqual, x, bound)?;
    blocked(c, grad, below)
}

fn hardtanh(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let (low, high) = (c.number("min_val")?, c.number("max_val")?);
    let out = outside(c, x, low, high)?;
    blocked(c, grad, out)
}

fn shrink(c: &mut Call<'_>, grad: &str) -> Result<ValueId> {
    let (grad, x, bound) = (c.tensor(grad)?, c.tensor("self")?, c.number("lambd")?);
    let (above, below) = (c.with(BinaryOp::GreaterOrEqual, x, -bound)?, c.with(BinaryOp::LessOrEqual, x, bound)?);
    let within = c.binary(BinaryOp::And, above, below)?;
    blocked(c, grad, within)
}

/// By the operand, and by the slopes, before these are summed.
fn prelu(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (grad, x, slope) = (c.tensor("grad_output")?, c.tensor("self")?, c.tensor("weight")?);
    let positive = c.with(BinaryOp::Greater, x, 0.0)?;
    let flatter = mul(c, slope, grad)?;
    let by_slope = mul(c, x, grad)?;
    Ok(vec![c.choose(positive, grad, flatter)?, blocked(c, by_slope, positive)?])
}

fn glu(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, x) = (c.tensor("grad_output")?, c.tensor("self")?);
    let axis = c.axis("dim", c.rank(x))?;
    let half = c.known_dim(x, axis)? / 2;
    let halves = c.b.add(Op::Split { axis: axis as i64, sizes: vec![half; 2] }, &[Some(x)])?;
    let &[value, gate] = halves.as_slice() else { return Err(c.unsupported("the axis does not halve")) };
    let gate = c.unary(UnaryOp::Sigmoid, gate)?;
    let by_value = mul(c, grad, gate)?;
    let slope = sigmoid(c, gate)?;
    let slope = mul(c, slope, value)?;
    let by_gate = mul(c, grad, slope)?;
    c.b.concat(&[by_value, by_gate], axis as i64)
}

fn dropout(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, kept, scale) = (c.tensor("grad_output")?, c.tensor("mask")?, c.number("scale")?);
    let kept = c.b.cast(kept, c.b.dtype(grad))?;
    let kept = mul(c, grad, kept)?;
    c.with(BinaryOp::Mul, kept, scale)
}

/// Gradient, result, and the axis that sums to 1; a tensor of one element has its only one.
fn softmax_operands(c: &mut Call<'_>) -> Result<(ValueId, ValueId, Vec<i64>)> {
    let (grad, y) = (c.tensor("grad_output")?, c.tensor("output")?);
    let axes = if c.rank(y) == 0 { Vec::new() } else { vec![c.axis("dim", c.rank(y))? as i64] };
    Ok((grad, y, axes))
}

fn softmax(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, y, axes) = softmax_operands(c)?;
    let product = mul(c, grad, y)?;
    let sum = c.b.reduce(ReduceKind::Sum, product, &axes, true)?;
    let all = mul(c, y, sum)?;
    let out = sub(c, product, all)?;
    asked(c, out)
}

fn log_softmax(c: &mut Call<'_>) -> Result<ValueId> {
    let (grad, y, axes) = softmax_operands(c)?;
    let sum = c.b.reduce(ReduceKind::Sum, grad, &axes, true)?;
    let plain = c.unary(UnaryOp::Exp, y)?;
    let all = mul(c, plain, sum)?;
    let out = sub(c, grad, all)?;
    asked(c, out)
}

/// In the type of the forward pass's operand.
fn asked(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let to = c.opt_dtype("input_dtype")?.unwrap_or(c.b.dtype(x));
    c.b.cast(x, to)
}
