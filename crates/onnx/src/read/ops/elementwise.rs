//! Elementwise operators and activations.

use super::{Out, one};
use crate::code;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "Pow" => pow(r, at),
        "IsInf" => {
            let both = at.int("detect_negative", 1) != 0 && at.int("detect_positive", 1) != 0;
            if both { r.op(at, Op::Unary(UnaryOp::IsInf)) } else { one_sided(r, at) }
        }
        "Mod" => r.op(at, Op::Binary(if at.flag("fmod") { BinaryOp::Fmod } else { BinaryOp::Mod })),
        "BitShift" => {
            if r.b.dtype(at.x(0)?).is_signed_int() {
                return Err(at.unsupported("a shift of signed numbers"));
            }
            let left = at.text("direction", "") == "LEFT";
            r.op(at, Op::Binary(if left { BinaryOp::ShiftLeft } else { BinaryOp::ShiftRight }))
        }
        "Max" | "Min" | "Sum" | "Mean" => variadic(r, at),
        "CastLike" => cast(r, at, r.b.dtype(at.x(1)?)),
        "Cast" => {
            let to = at.int("to", 0);
            let to = code::dtype(to).ok_or_else(|| at.unsupported(&format!("a cast to {}", code::name(to))))?;
            cast(r, at, to)
        }
        "Clip" => clip(r, at),
        "Swish" => {
            let x = at.x(0)?;
            let alpha = at.float("alpha", 1.0);
            let scaled = if alpha == 1.0 { x } else { r.b.binary_scalar(BinaryOp::Mul, x, alpha)? };
            let gate = r.unary(UnaryOp::Sigmoid, scaled)?;
            one(r.binary(BinaryOp::Mul, x, gate)?)
        }
        "Dropout" => dropout(r, at),
        "Softmax" | "LogSoftmax" | "Hardmax" => softmax(r, at),
        name => {
            if let Some(u) = UnaryOp::from_name(name) {
                return r.op(at, Op::Unary(u));
            }
            if let Some(b) = BinaryOp::from_name(name) {
                return r.op(at, Op::Binary(b));
            }
            activation(at).map_or(Ok(None), |op| r.op(at, op))
        }
    }
}

fn activation(at: &At<'_, '_>) -> Option<Op> {
    Some(match at.op() {
        "Elu" => Op::Elu { alpha: at.float("alpha", 1.0) },
        "Selu" => Op::Selu { alpha: at.float("alpha", 1.673_263_2), gamma: at.float("gamma", 1.050_701) },
        "Celu" => Op::Celu { alpha: at.float("alpha", 1.0) },
        "LeakyRelu" => Op::LeakyRelu { alpha: at.float("alpha", 0.01) },
        "HardSigmoid" => Op::HardSigmoid { alpha: at.float("alpha", 0.2), beta: at.float("beta", 0.5) },
        "ThresholdedRelu" => Op::ThresholdedRelu { alpha: at.float("alpha", 1.0) },
        "Shrink" => Op::Shrink { bias: at.float("bias", 0.0), lambd: at.float("lambd", 0.5) },
        "Gelu" => Op::Gelu { approximate: at.text("approximate", "none") == "tanh" },
        "Where" => Op::Where,
        _ => return None,
    })
}

/// ONNX lets the exponent have another type; the result has that of the base.
fn pow(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let (x, y) = (at.x(0)?, at.x(1)?);
    let (base, exponent) = (r.b.dtype(x), r.b.dtype(y));
    if base.is_int() && exponent.is_float() {
        let wide = r.b.cast(x, DType::F64)?;
        let y = r.b.cast(y, DType::F64)?;
        let power = r.binary(BinaryOp::Pow, wide, y)?;
        return one(r.b.cast(power, base)?);
    }
    let y = r.b.cast(y, base)?;
    one(r.binary(BinaryOp::Pow, x, y)?)
}

fn one_sided(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let x = at.x(0)?;
    let zero = r.b.scalar_like(x, 0.0);
    let side = match (at.int("detect_negative", 1) != 0, at.int("detect_positive", 1) != 0) {
        (false, true) => BinaryOp::Greater,
        (true, false) => BinaryOp::Less,
        _ => return Err(at.unsupported("the detection of neither sign")),
    };
    let infinite = r.unary(UnaryOp::IsInf, x)?;
    let sign = r.binary(side, x, zero)?;
    one(r.binary(BinaryOp::And, infinite, sign)?)
}

fn variadic(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let op = match at.op() {
        "Max" => BinaryOp::Max,
        "Min" => BinaryOp::Min,
        _ => BinaryOp::Add,
    };
    let mut y = at.x(0)?;
    for i in 1..at.inputs.len() {
        y = r.binary(op, y, at.x(i)?)?;
    }
    if at.op() == "Mean" && at.inputs.len() > 1 {
        y = r.b.binary_scalar(BinaryOp::Div, y, at.inputs.len() as f64)?;
    }
    one(y)
}

fn cast(r: &mut Reader<'_>, at: &At<'_, '_>, to: DType) -> Out {
    if at.int("saturate", 1) == 0 {
        return Err(at.unsupported("a cast that does not saturate"));
    }
    at.text("round_mode", "up");
    let x = at.x(0)?;
    if to == DType::Str || r.b.dtype(x) == DType::Str {
        return Err(at.unsupported("a cast from or to strings"));
    }
    one(r.b.one(Op::Cast { to }, &[x])?)
}

fn clip(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    if at.opset >= 11 {
        return r.op(at, Op::Clip);
    }
    let x = at.x(0)?;
    let bound = |r: &mut Reader<'_>, name| at.attr(name).map(|a| r.b.scalar_like(x, a.float.into()));
    let (low, high) = (bound(r, "min"), bound(r, "max"));
    one(r.b.one_opt(Op::Clip, &[Some(x), low, high])?)
}

/// Nothing is dropped when a model is used.
fn dropout(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let x = at.x(0)?;
    let (ratio, _seed) = (at.float("ratio", 0.5), at.int("seed", 0));
    let constant =
        |r: &Reader<'_>, i: usize| at.opt(i).and_then(|id| r.b.as_constant(id)?.to_f64s().ok()?.first().copied());
    let ratio = if at.opset >= 12 { constant(r, 1).unwrap_or(0.5) } else { ratio };
    let training = at.opt(2).is_some() && constant(r, 2) != Some(0.0);
    if training && ratio != 0.0 {
        return Err(at.unsupported("training mode"));
    }
    let y = r.unary(UnaryOp::Identity, x)?;
    if !at.wants(1) {
        return one(y);
    }
    let all = if at.opset >= 10 { DType::Bool } else { r.b.dtype(x) };
    let yes = r.b.constant("", Tensor::scalar(all, 1.0));
    let shape = r.b.one(Op::Shape { start: 0, end: None }, &[x])?;
    let mask = r.b.one(Op::Expand, &[yes, shape])?;
    Ok(Some(vec![y, mask]))
}

/// Before opset 13 all axes from `axis` on are one.
fn softmax(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let old = at.opset < 13;
    let axis = at.int("axis", if old { 1 } else { -1 });
    let make = |axis| match at.op() {
        "Softmax" => Op::Softmax { axis },
        "LogSoftmax" => Op::LogSoftmax { axis },
        _ => Op::Hardmax { axis },
    };
    let x = at.x(0)?;
    let rank = r.b.rank(x) as i64;
    let start = if axis < 0 { axis + rank } else { axis };
    if !old || start == rank - 1 {
        return r.op(at, make(axis));
    }
    flattened(r, x, start, make(-1)).map(|id| Some(vec![id]))
}

fn flattened(r: &mut Reader<'_>, x: ValueId, axis: i64, op: Op) -> Result<ValueId> {
    let shape = r.b.one(Op::Shape { start: 0, end: None }, &[x])?;
    let flat = r.b.one(Op::Flatten { axis }, &[x])?;
    let y = r.b.one(op, &[flat])?;
    r.b.one(Op::Reshape { allow_zero: false }, &[y, shape])
}
