//! Activation functions.

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Dim, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::relu", |c| named(c, UnaryOp::Relu)),
    row("aten::relu6", |c| bounded(c, 0.0, 6.0)),
    row("aten::hardtanh", hardtanh),
    row("aten::hardswish", |c| named(c, UnaryOp::HardSwish)),
    row("aten::hardsigmoid", hardsigmoid),
    row("aten::silu", silu),
    row("aten::mish", |c| named(c, UnaryOp::Mish)),
    row("aten::gelu", gelu),
    row("aten::tanh", |c| named(c, UnaryOp::Tanh)),
    row("aten::leaky_relu", leaky_relu),
    row("aten::rrelu", rrelu),
    row("aten::prelu", prelu),
    row("aten::_prelu_kernel", prelu),
    row("aten::elu", elu),
    row("aten::selu", selu),
    row("aten::celu", celu),
    row("aten::softplus", softplus),
    row("aten::log_sigmoid", log_sigmoid),
    row_many("aten::log_sigmoid_forward", log_sigmoid_forward),
    row("aten::threshold", threshold),
    row("aten::hardshrink", |c| shrink(c, 0.0)),
    row("aten::softshrink", softshrink),
    row("aten::glu", glu),
    row("aten::softmax", |c| softmax(c, true)),
    row("aten::_softmax", |c| softmax(c, true)),
    row("aten::_safe_softmax", safe_softmax),
    row("aten::log_softmax", |c| softmax(c, false)),
    row("aten::_log_softmax", |c| softmax(c, false)),
    row("aten::dropout", identity).view(),
    row("aten::alpha_dropout", identity).view(),
    row("aten::feature_dropout", identity).view(),
    row_many("aten::native_dropout", native_dropout),
];

fn named(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = c.tensor("self")?;
    if op == UnaryOp::Relu && !c.b.dtype(x).is_float() {
        // Not every runtime has it of integers.
        return c.with(BinaryOp::Max, x, 0.0);
    }
    let x = c.float(x)?;
    c.unary(op, x)
}

fn bounded(c: &mut Call<'_>, low: f64, high: f64) -> Result<ValueId> {
    let x = c.tensor("self")?;
    c.clip(x, Some(low), Some(high))
}

fn hardtanh(c: &mut Call<'_>) -> Result<ValueId> {
    let (low, high) = (c.number("min_val")?, c.number("max_val")?);
    bounded(c, low, high)
}

fn hardsigmoid(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    c.b.one(Op::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, &[x])
}

fn silu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let gate = c.unary(UnaryOp::Sigmoid, x)?;
    c.binary(BinaryOp::Mul, x, gate)
}

fn gelu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let approximate = match c.opt_str("approximate")? {
        None | Some("none") => false,
        Some("tanh") => true,
        Some(_) => return Err(c.bad("approximate", "'none' or 'tanh'")),
    };
    c.b.one(Op::Gelu { approximate }, &[x])
}

fn leaky_relu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let alpha = c.number("negative_slope")?;
    c.b.one(Op::LeakyRelu { alpha }, &[x])
}

/// Outside training the slope is the mean of its bounds.
fn rrelu(c: &mut Call<'_>) -> Result<ValueId> {
    if c.flag("training")? {
        return Err(c.unsupported("random slopes of training are not converted"));
    }
    let x = c.float_tensor("self")?;
    let alpha = (c.number("lower")? + c.number("upper")?) / 2.0;
    c.b.one(Op::LeakyRelu { alpha }, &[x])
}

/// One slope a channel (axis 1), or one for all.
fn prelu(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, slope) = (c.tensor("self")?, c.tensor("weight")?);
    let rank = c.rank(x);
    let slope = if c.rank(slope) == 1 && rank > 1 && c.name == "aten::prelu" {
        let mut dims: Vec<i64> = vec![1; rank - 1];
        if let Some(first) = dims.first_mut() {
            *first = -1;
        }
        c.b.reshape(slope, &dims)?
    } else {
        slope
    };
    c.binary(BinaryOp::PRelu, x, slope)
}

/// `scale·(x if positive, else alpha·(exp(x·input_scale) − 1))`.
fn elu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let (alpha, scale, inner) = (c.number("alpha")?, c.number("scale")?, c.number("input_scale")?);
    if inner == 1.0 {
        return if scale == 1.0 {
            c.b.one(Op::Elu { alpha }, &[x])
        } else {
            c.b.one(Op::Selu { alpha, gamma: scale }, &[x])
        };
    }
    let zero = c.b.scalar_like(x, 0.0);
    let positive = c.binary(BinaryOp::Max, x, zero)?;
    let negative = c.binary(BinaryOp::Min, x, zero)?;
    let negative = c.with(BinaryOp::Mul, negative, inner)?;
    let negative = c.b.one(Op::Elu { alpha }, &[negative])?;
    let sum = c.binary(BinaryOp::Add, positive, negative)?;
    c.with(BinaryOp::Mul, sum, scale)
}

fn selu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let (alpha, gamma) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);
    c.b.one(Op::Selu { alpha, gamma }, &[x])
}

fn celu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let alpha = c.number("alpha")?;
    c.b.one(Op::Celu { alpha }, &[x])
}

/// `log(1 + exp(beta·x)) / beta`, and `x` itself where `beta·x` is above the threshold.
fn softplus(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let (beta, threshold) = (c.number("beta")?, c.number("threshold")?);
    let inner = if beta == 1.0 { x } else { c.with(BinaryOp::Mul, x, beta)? };
    let mut out = c.unary(UnaryOp::Softplus, inner)?;
    if beta != 1.0 {
        out = c.with(BinaryOp::Div, out, beta)?;
    }
    // Above 20 the two differ by less than an f32 can hold.
    if threshold >= 20.0 && c.b.dtype(x) != DType::F64 {
        return Ok(out);
    }
    let bound = c.b.scalar_like(x, threshold);
    let above = c.binary(BinaryOp::Greater, inner, bound)?;
    c.choose(above, x, out)
}

fn log_sigmoid(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let x = c.unary(UnaryOp::Neg, x)?;
    let x = c.unary(UnaryOp::Softplus, x)?;
    c.unary(UnaryOp::Neg, x)
}

fn log_sigmoid_forward(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let out = log_sigmoid(c)?;
    // The second result is scratch of the backward pass.
    Ok(vec![out, out])
}

fn threshold(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("self")?;
    let (bound, value) = (c.number("threshold")?, c.number("value")?);
    let (bound, value) = (c.b.scalar_like(x, bound), c.b.scalar_like(x, value));
    let above = c.binary(BinaryOp::Greater, x, bound)?;
    c.choose(above, x, value)
}

fn shrink(c: &mut Call<'_>, bias: f64) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let lambd = c.number("lambd")?;
    c.b.one(Op::Shrink { bias, lambd }, &[x])
}

fn softshrink(c: &mut Call<'_>) -> Result<ValueId> {
    let lambd = c.number("lambd")?;
    shrink(c, lambd)
}

fn glu(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_tensor("self")?;
    let axis = c.axis("dim", c.rank(x))?;
    let n = c.b.shape(x).get(axis).and_then(Dim::known).ok_or_else(|| c.unsupported("the halved axis is not known"))?;
    let halves = c.b.add(Op::Split { axis: axis as i64, sizes: vec![n / 2, n - n / 2] }, &[Some(x)])?;
    let &[value, gate] = halves.as_slice() else { return Err(c.unsupported("the axis does not halve")) };
    let gate = c.unary(UnaryOp::Sigmoid, gate)?;
    c.binary(BinaryOp::Mul, value, gate)
}

/// The input, in the dtype that is asked for.
fn softmax_input(c: &mut Call<'_>) -> Result<(ValueId, i64)> {
    let x = c.tensor("self")?;
    let x = match c.opt_dtype("dtype")? {
        Some(to) => c.b.cast(x, to)?,
        None => c.float(x)?,
    };
    let x = if c.flag("half_to_float")? { c.b.cast(x, DType::F32)? } else { x };
    Ok((x, c.int("dim")?))
}

fn softmax(c: &mut Call<'_>, plain: bool) -> Result<ValueId> {
    let (x, dim) = softmax_input(c)?;
    if c.rank(x) == 0 {
        // One element sums to 1.
        let one = c.b.scalar_like(x, if plain { 1.0 } else { 0.0 });
        let nothing = c.b.scalar_like(x, 0.0);
        let nothing = c.binary(BinaryOp::Mul, x, nothing)?;
        return c.binary(BinaryOp::Add, nothing, one);
    }
    let axis = c.axis_of(dim, c.rank(x))? as i64;
    c.b.one(if plain { Op::Softmax { axis } } else { Op::LogSoftmax { axis } }, &[x])
}

/// Rows that are all −∞ give 0 rather than no number.
fn safe_softmax(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, _) = softmax_input(c)?;
    let out = softmax(c, true)?;
    let nan = c.unary(UnaryOp::IsNaN, out)?;
    let zero = c.b.scalar_like(x, 0.0);
    c.choose(nan, zero, out)
}

/// Outside training dropout does nothing.
fn identity(c: &mut Call<'_>) -> Result<ValueId> {
    let random = c.flag("train")? && c.opt_number("p")?.unwrap_or(0.5) > 0.0;
    if random {
        return Err(c
            .unsupported("the model was saved in training mode, in which this is random")
            .help("call model.eval() before exporting or saving it"));
    }
    c.tensor("input")
}

fn native_dropout(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = identity(c)?;
    let shape = c.shape(x)?;
    let kept = c.b.scalar(DType::Bool, 1.0);
    let kept = c.b.one(Op::Expand, &[kept, shape])?;
    Ok(vec![x, kept])
}
