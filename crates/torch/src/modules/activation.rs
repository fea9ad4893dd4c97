//! Activations and what is the identity in eval mode.

use super::{Class, Forward, Module, int, nn};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::ValueId;

pub(super) const CLASSES: &[Class] = &[
    nn("ReLU", |f, _, x| Ok(f.relu(x))),
    nn("ReLU6", |f, _, x| Ok(f.op("aten::hardtanh", vec![x.into(), Arg::Float(0.0), Arg::Float(6.0)]))),
    nn("Hardtanh", hardtanh),
    nn("LeakyReLU", |f, m, x| one(f, "aten::leaky_relu", x, &[m.float_or("negative_slope", 0.01)])),
    nn("PReLU", prelu),
    // Inference takes the mean of both bounds.
    nn("RReLU", |f, m, x| {
        let mean = (m.float_or("lower", 1.0 / 8.0) + m.float_or("upper", 1.0 / 3.0)) / 2.0;
        one(f, "aten::leaky_relu", x, &[mean])
    }),
    nn("ELU", |f, m, x| one(f, "aten::elu", x, &[m.float_or("alpha", 1.0)])),
    nn("CELU", |f, m, x| one(f, "aten::celu", x, &[m.float_or("alpha", 1.0)])),
    nn("SELU", |f, _, x| one(f, "aten::selu", x, &[])),
    nn("GELU", gelu),
    nn("SiLU", |f, _, x| one(f, "aten::silu", x, &[])),
    nn("Mish", |f, _, x| one(f, "aten::mish", x, &[])),
    nn("Hardswish", |f, _, x| one(f, "aten::hardswish", x, &[])),
    nn("Hardsigmoid", |f, _, x| one(f, "aten::hardsigmoid", x, &[])),
    nn("Sigmoid", |f, _, x| one(f, "aten::sigmoid", x, &[])),
    nn("LogSigmoid", |f, _, x| one(f, "aten::log_sigmoid", x, &[])),
    nn("Tanh", |f, _, x| one(f, "aten::tanh", x, &[])),
    nn("Tanhshrink", |f, _, x| {
        let tanh = one(f, "aten::tanh", x, &[])?;
        Ok(f.op("aten::sub.Tensor", vec![x.into(), tanh.into()]))
    }),
    nn("Softplus", |f, m, x| one(f, "aten::softplus", x, &[m.float_or("beta", 1.0), m.float_or("threshold", 20.0)])),
    nn("Softsign", |f, _, x| {
        let abs = one(f, "aten::abs", x, &[])?;
        let sum = f.op("aten::add.Scalar", vec![abs.into(), int(1)]);
        Ok(f.op("aten::div.Tensor", vec![x.into(), sum.into()]))
    }),
    nn("Softshrink", |f, m, x| one(f, "aten::softshrink", x, &[m.float_or("lambd", 0.5)])),
    nn("Hardshrink", |f, m, x| one(f, "aten::hardshrink", x, &[m.float_or("lambd", 0.5)])),
    nn("Threshold", |f, m, x| one(f, "aten::threshold", x, &[m.float_or("threshold", 0.0), m.float_or("value", 0.0)])),
    nn("GLU", |f, m, x| Ok(f.op("aten::glu", vec![x.into(), int(m.int_or("dim", -1))]))),
    nn("Softmax", |f, m, x| softmax(f, m, x, "aten::softmax.int", false)),
    nn("Softmin", |f, m, x| {
        let x = one(f, "aten::neg", x, &[])?;
        softmax(f, m, x, "aten::softmax.int", false)
    }),
    nn("LogSoftmax", |f, m, x| softmax(f, m, x, "aten::log_softmax.int", false)),
    // Over the channels, `dim=-3` (torch 1.11; `1` before, which is the same for batches).
    nn("Softmax2d", |f, m, x| softmax(f, m, x, "aten::softmax.int", true)),
    nn("Identity", identity),
    nn("Dropout", identity),
    nn("Dropout1d", identity),
    nn("Dropout2d", identity),
    nn("Dropout3d", identity),
    nn("AlphaDropout", identity),
    nn("FeatureAlphaDropout", identity),
];

/// What changes nothing in eval mode.
pub(crate) fn identity(_: &mut Forward, _: &Module, x: ValueId) -> Result<ValueId> {
    Ok(x)
}

fn one(f: &mut Forward, op: &str, x: ValueId, numbers: &[f64]) -> Result<ValueId> {
    let args = std::iter::once(Arg::Value(x)).chain(numbers.iter().map(|&n| Arg::Float(n)));
    Ok(f.op(op, args.collect()))
}

fn hardtanh(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    // `min_value` and `max_value` are the names since torch 0.2.
    one(f, "aten::hardtanh", x, &[m.float_or("min_val", -1.0), m.float_or("max_val", 1.0)])
}

fn prelu(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let weight = f.param(m, "weight")?;
    Ok(f.op("aten::prelu", vec![x.into(), weight.into()]))
}

/// `approximate` is there since torch 1.12; before, it was always exact.
fn gelu(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let kind = m.str_or("approximate", "none").to_owned();
    Ok(f.emit.one_with("aten::gelu", vec![x.into()], vec![("approximate", kind.into())]))
}

/// Without `dim` the choice depends on the rank: 0 for 0, 1 or 3 dimensions, else 1 (`_get_softmax_dim`).
fn softmax(f: &mut Forward, m: &Module, x: ValueId, op: &str, channels: bool) -> Result<ValueId> {
    let dim = match m.attr("dim").and_then(modelport_ir::Attr::as_int) {
        _ if channels => -3,
        Some(dim) => dim,
        None => match f.emit.ty(x).map(|t| t.rank()) {
            Some(0 | 1 | 3) => 0,
            Some(_) => 1,
            None => {
                f.notes.insert(format!("`{}` has no `dim`: its input is taken to have 2 or 4 dimensions", f.path()));
                1
            }
        },
    };
    Ok(f.op(op, vec![x.into(), int(dim)]))
}
