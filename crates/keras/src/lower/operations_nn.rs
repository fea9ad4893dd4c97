//! Keras 3 operations of neural networks (keras/src/ops/nn.py, 3.15).
//!
//! Owns: activations as operations, normalisation, one-hot codes, attention. Must never know: layers.

use super::activation;
use super::attention;
use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind};
use modelport_ir::{Attr, Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Relu", |c| named(c, "relu")),
    row("Relu6", |c| named(c, "relu6")),
    row("Sigmoid", |c| named(c, "sigmoid")),
    row("SparseSigmoid", |c| named(c, "sparse_sigmoid")),
    row("Softplus", |c| named(c, "softplus")),
    row("SparsePlus", |c| named(c, "sparse_plus")),
    row("Softsign", |c| named(c, "softsign")),
    row("Silu", |c| named(c, "silu")),
    row("LogSigmoid", |c| named(c, "log_sigmoid")),
    row("HardSigmoid", |c| named(c, "hard_sigmoid")),
    row("HardSilu", |c| named(c, "hard_silu")),
    row("HardTanh", |c| named(c, "hard_tanh")),
    row("TanhShrink", |c| named(c, "tanh_shrink")),
    row("Selu", |c| named(c, "selu")),
    row("Mish", |c| named(c, "mish")),
    row("Elu", |c| {
        let alpha = c.float_or("alpha", 1.0)?;
        with(c, Op::Elu { alpha })
    }),
    row("Celu", |c| {
        let alpha = c.float_or("alpha", 1.0)?;
        with(c, Op::Celu { alpha })
    }),
    row("LeakyRelu", |c| {
        let alpha = c.float_or("negative_slope", 0.2)?;
        with(c, Op::LeakyRelu { alpha })
    }),
    row("Gelu", |c| {
        let approximate = c.bool_or("approximate", true)?;
        with(c, Op::Gelu { approximate })
    }),
    row("HardShrink", |c| {
        let lambd = c.float_or("threshold", 0.5)?;
        with(c, Op::Shrink { bias: 0.0, lambd })
    }),
    row("SoftShrink", |c| {
        let lambd = c.float_or("threshold", 0.5)?;
        with(c, Op::Shrink { bias: lambd, lambd })
    }),
    row("Squareplus", |c| {
        let (x, b) = (operand(c)?, c.float_or("b", 4.0)?);
        activation::squareplus(c.b, x, b)
    }),
    row("Glu", |c| {
        let (x, axis) = (operand(c)?, c.int_or("axis", -1)?);
        activation::glu(c.b, x, axis)
    }),
    row("Sparsemax", |c| {
        let (x, axis) = (operand(c)?, c.int_or("axis", -1)?);
        activation::sparsemax(c.b, x, axis)
    }),
    row("Threshold", threshold),
    row("Softmax", |c| softmax(c, false)),
    row("LogSoftmax", |c| softmax(c, true)),
    row("OneHot", |c| one_hot(c, false)),
    row("MultiHot", |c| one_hot(c, true)),
    row("Normalize", normalize),
    row("LayerNorm", |c| {
        let epsilon = c.float_or("epsilon", 1e-3)?;
        trailing_norm(c, |axis| Op::LayerNorm { axis, epsilon }, &["gamma", "beta"])
    }),
    row("RMSNorm", |c| {
        let epsilon = c.opt_float("epsilon")?.unwrap_or(1e-6);
        trailing_norm(c, |axis| Op::RmsNorm { axis, epsilon }, &["scale"])
    }),
    row("DotProductAttention", dot_product_attention),
];

fn named(c: &mut Call<'_>, name: &str) -> Result<ValueId> {
    let x = operand(c)?;
    match activation::named(name) {
        Some(f) => f(c.b, x),
        None => Err(c.unsupported(format!("the activation `{name}` has no lowering"))),
    }
}

fn with(c: &mut Call<'_>, op: Op) -> Result<ValueId> {
    let x = operand(c)?;
    c.b.one(op, &[x])
}

fn threshold(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let (limit, other) = (c.float_or("threshold", 0.0)?, c.float_or("default_value", 0.0)?);
    let (limit, other) = (c.b.scalar_like(x, limit), c.b.scalar_like(x, other));
    let above = c.b.binary(BinaryOp::Greater, x, limit)?;
    c.b.one(Op::Where, &[above, x, other])
}

fn softmax(c: &mut Call<'_>, log: bool) -> Result<ValueId> {
    let x = operand(c)?;
    if let Some(axes) = c.opt_ints("axis")? {
        return core::softmax(c.b, x, &axes, log);
    }
    // Over all elements.
    let axes: Vec<i64> = (0..c.b.rank(x) as i64).collect();
    core::softmax(c.b, x, &axes, log)
}

fn one_hot(c: &mut Call<'_>, many: bool) -> Result<ValueId> {
    let at = args::value(c, 0, if many { "inputs" } else { "x" })?;
    let depth = c.opt_int("num_classes")?.map_or_else(|| c.int("num_tokens"), Ok)?;
    let dtype = args::plain(c, usize::MAX, "dtype").and_then(args::dtype_of).unwrap_or(DType::F32);
    if !many {
        let axis = c.int_or("axis", -1)?;
        return hot(c.b, at, depth, axis, dtype);
    }
    // Axis 1 of the indices disappears, whatever their rank (`keras.src.backend.tensorflow.nn.multi_hot`).
    let axis = i64::from(c.b.rank(at) > 1);
    let coded = hot(c.b, at, depth, -1, dtype)?;
    c.b.reduce(ReduceKind::Max, coded, &[axis], false)
}

/// 1 at the index and 0 elsewhere; all 0 where the index is outside, as in Keras and TensorFlow.
pub(super) fn hot(b: &mut Builder, at: ValueId, depth: i64, axis: i64, dtype: DType) -> Result<ValueId> {
    // ONNX counts negative indices from the end, so they are moved outside.
    let at = b.cast(at, DType::I64)?;
    let (zero, outside) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, depth as f64));
    let negative = b.binary(BinaryOp::Less, at, zero)?;
    let at = b.one(Op::Where, &[negative, outside, at])?;
    let count = b.ints(&[depth]);
    let to = if dtype == DType::Bool { DType::I32 } else { dtype };
    let values = b.constant("", modelport_ir::Tensor::from_f64s(to, &[2], &[0.0, 1.0])?);
    let y = b.one(Op::OneHot { axis }, &[at, count, values])?;
    b.cast(y, dtype)
}

fn normalize(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let x = core::float(c.b, x)?;
    let (axes, order) = (c.opt_ints("axis")?, c.int_or("order", 2)?);
    let epsilon = c.opt_float("epsilon")?.unwrap_or(1e-7);
    let kind = match order {
        2 => ReduceKind::L2,
        1 => ReduceKind::L1,
        other => return Err(c.bad_argument("order", "1 or 2", &other.to_string())),
    };
    let norm = core::reduce(c.b, kind, x, axes.as_deref(), true)?;
    let norm = c.b.binary_scalar(BinaryOp::Max, norm, epsilon)?;
    c.b.binary(BinaryOp::Div, x, norm)
}

/// A normalisation over the last axis, or over trailing ones.
fn trailing_norm(c: &mut Call<'_>, op: impl Fn(i64) -> Op, names: &[&str]) -> Result<ValueId> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let axes = c.opt_ints("axis")?.unwrap_or_else(|| vec![-1]);
    let mut at = c.axes_of("axis", &axes, rank)?;
    at.sort_unstable();
    let first = at.first().copied().unwrap_or(rank.saturating_sub(1));
    if at != (first..rank).collect::<Vec<_>>() {
        return Err(c.unsupported("only trailing axes can be normalised").at_attribute("axis"));
    }
    let mut operands = vec![Some(x)];
    for (i, name) in names.iter().enumerate() {
        let weight = args::opt(c, i + 1, name)?.map(|w| args::own(c.b, w));
        operands.push(match weight {
            Some(w) => Some(c.b.cast(w, c.b.dtype(x))?),
            None => None,
        });
    }
    c.b.one_opt(op(first as i64), &operands)
}

/// Of query, key, value: batch × time × heads × size.
fn dot_product_attention(c: &mut Call<'_>) -> Result<ValueId> {
    let (query, key) = (args::value(c, 0, "query")?, args::value(c, 1, "key")?);
    let value = args::value(c, 2, "value")?;
    let (bias, mask) = (args::opt(c, 3, "bias")?, args::opt(c, 4, "mask")?);
    let is_causal = args::plain(c, usize::MAX, "is_causal").and_then(Attr::as_bool).unwrap_or(false);
    let given = args::plain(c, 5, "scale").and_then(Attr::as_float);
    let size = c.known_dim(query, c.b.rank(query).saturating_sub(1))?;
    if [query, key, value].iter().any(|&v| c.b.rank(v) != 4) || c.b.shape(query).get(2) != c.b.shape(key).get(2) {
        return Err(c.unsupported("query, key and value must have 4 dimensions and the same number of heads"));
    }
    let b = &mut *c.b;
    let scaled = b.binary_scalar(BinaryOp::Mul, query, given.unwrap_or(1.0 / (size as f64).sqrt()))?;
    let qs = b.transpose(scaled, &[0, 2, 1, 3])?;
    let ks = b.transpose(key, &[0, 2, 3, 1])?;
    let vs = b.transpose(value, &[0, 2, 1, 3])?;
    let mut scores = b.one(Op::MatMul, &[qs, ks])?;
    if let Some(bias) = bias {
        let bias = args::own(b, bias);
        let bias = b.cast(bias, b.dtype(scores))?;
        scores = b.binary(BinaryOp::Add, scores, bias)?;
    }
    let mut all = match mask {
        Some(m) => {
            let m = args::own(b, m);
            Some(b.cast(m, DType::Bool)?)
        }
        None => None,
    };
    if is_causal {
        let triangle = attention::causal(b, (query, 1), (key, 1))?;
        all = attention::and(b, all, Some(triangle))?;
    }
    let weights = attention::masked_softmax(b, scores, all)?;
    let y = b.one(Op::MatMul, &[weights, vs])?;
    b.transpose(y, &[0, 2, 1, 3])
}
