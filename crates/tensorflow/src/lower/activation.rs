//! Activations and losses (`core/ops/nn_ops.cc`).

use super::call::Call;
use super::elementwise::unary;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Relu", |c| unary(c, UnaryOp::Relu)),
    row("Relu6", |c| {
        let x = c.x()?;
        f::clip(c.b, x, Some(0.0), Some(6.0))
    }),
    row("Elu", |c| {
        let x = c.x()?;
        c.b.one(Op::Elu { alpha: 1.0 }, &[x])
    }),
    row("Selu", |c| {
        let x = c.x()?;
        c.b.one(SELU, &[x])
    }),
    row("LeakyRelu", |c| {
        let (x, alpha) = (c.x()?, c.float_or("alpha", 0.2)?);
        c.b.one(Op::LeakyRelu { alpha }, &[x])
    }),
    row("Sigmoid", |c| unary(c, UnaryOp::Sigmoid)),
    row("Tanh", |c| unary(c, UnaryOp::Tanh)),
    row("Softplus", |c| unary(c, UnaryOp::Softplus)),
    row("Softsign", |c| unary(c, UnaryOp::Softsign)),
    row("Softmax", |c| {
        let x = c.x()?;
        c.b.one(Op::Softmax { axis: -1 }, &[x])
    }),
    row("LogSoftmax", |c| {
        let x = c.x()?;
        c.b.one(Op::LogSoftmax { axis: -1 }, &[x])
    }),
    row("L2Loss", l2_loss),
    row_many("SoftmaxCrossEntropyWithLogits", dense_cross_entropy),
    row_many("SparseSoftmaxCrossEntropyWithLogits", sparse_cross_entropy),
];

/// The constants of `core/kernels/relu_op_functor.h`.
const SELU: Op = Op::Selu { alpha: 1.673_263_242_354_377_2, gamma: 1.050_700_987_355_480_5 };

/// Activations that optimised graphs fuse into other ops, by the names they have there.
pub(super) fn fused(b: &mut Builder, name: &str, x: ValueId, leaky_alpha: f64) -> Option<Result<ValueId>> {
    Some(match name {
        "Relu" => b.unary(UnaryOp::Relu, x),
        "Relu6" => f::clip(b, x, Some(0.0), Some(6.0)),
        "Elu" => b.one(Op::Elu { alpha: 1.0 }, &[x]),
        "Selu" => b.one(SELU, &[x]),
        "LeakyRelu" => b.one(Op::LeakyRelu { alpha: leaky_alpha }, &[x]),
        "Sigmoid" => b.unary(UnaryOp::Sigmoid, x),
        "Tanh" => b.unary(UnaryOp::Tanh, x),
        "Softplus" => b.unary(UnaryOp::Softplus, x),
        "GeluExact" => b.one(Op::Gelu { approximate: false }, &[x]),
        "GeluApproximate" => b.one(Op::Gelu { approximate: true }, &[x]),
        "_FusedHardSwish" => b.unary(UnaryOp::HardSwish, x),
        "Mish" | "_MklFusedMish" => b.unary(UnaryOp::Mish, x),
        "_FusedSwish" | "Swish" => b.unary(UnaryOp::Sigmoid, x).and_then(|gate| b.binary(BinaryOp::Mul, x, gate)),
        _ => return None,
    })
}

/// Σx²/2.
fn l2_loss(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let squares = f::square(c.b, x)?;
    let all: Vec<i64> = (0..c.b.rank(x) as i64).collect();
    let sum = f::reduce(c.b, ReduceKind::Sum, squares, &all, false)?;
    c.b.binary_scalar(BinaryOp::Mul, sum, 0.5)
}

/// (logits, labels: a distribution for each row) → losses and the gradient for the logits.
fn dense_cross_entropy(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, labels] = c.pair()?;
    let log = c.b.one(Op::LogSoftmax { axis: -1 }, &[x])?;
    let gain = c.b.binary(BinaryOp::Mul, labels, log)?;
    let sum = c.b.reduce(ReduceKind::Sum, gain, &[-1], false)?;
    let loss = c.b.unary(UnaryOp::Neg, sum)?;
    if !c.uses(1) {
        return Ok(vec![loss]);
    }
    let soft = c.b.one(Op::Softmax { axis: -1 }, &[x])?;
    Ok(vec![loss, c.b.binary(BinaryOp::Sub, soft, labels)?])
}

/// (logits, labels: a class for each row).
fn sparse_cross_entropy(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, labels] = c.pair()?;
    let log = c.b.one(Op::LogSoftmax { axis: -1 }, &[x])?;
    let at = c.b.cast(labels, DType::I64)?;
    let at = c.b.unsqueeze(at, &[-1])?;
    let picked = c.b.one(Op::GatherElements { axis: -1 }, &[log, at])?;
    let picked = c.b.squeeze(picked, &[-1])?;
    let loss = c.b.unary(UnaryOp::Neg, picked)?;
    if !c.uses(1) {
        return Ok(vec![loss]);
    }
    let soft = c.b.one(Op::Softmax { axis: -1 }, &[x])?;
    let n = c.b.dim(x, c.b.rank(x).saturating_sub(1))?;
    let classes = f::count_to(c.b, n)?;
    let hot = c.b.binary(BinaryOp::Equal, at, classes)?;
    let hot = c.b.cast(hot, c.b.dtype(x))?;
    Ok(vec![loss, c.b.binary(BinaryOp::Sub, soft, hot)?])
}
