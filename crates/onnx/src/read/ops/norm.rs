//! Normalisations.

use super::{Out, one};
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{DType, Dim, Op, ValueId};

const DATA: DataLayout = DataLayout::ChannelsFirst;

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "BatchNormalization" => batch(r, at),
        "LayerNormalization" => {
            at.int("stash_type", 1);
            let (axis, epsilon) = (at.int("axis", -1), at.float("epsilon", 1e-5));
            let mut results = r.b.add(Op::LayerNorm { axis, epsilon }, &at.inputs)?;
            if at.wants(1) || at.wants(2) {
                results.extend(statistics(r, at.x(0)?, axis, epsilon)?);
            }
            Ok(Some(results))
        }
        "RMSNormalization" => {
            at.int("stash_type", 1);
            r.op(at, Op::RmsNorm { axis: at.int("axis", -1), epsilon: at.float("epsilon", 1e-5) })
        }
        "InstanceNormalization" => r.op(at, Op::InstanceNorm { epsilon: at.float("epsilon", 1e-5), data: DATA }),
        "GroupNormalization" => group(r, at),
        "LpNormalization" => r.op(at, Op::LpNorm { axis: at.int("axis", -1), p: at.int("p", 2) }),
        "LRN" => {
            let op = Op::Lrn {
                size: at.size("size", 1)?,
                alpha: at.float("alpha", 1e-4),
                beta: at.float("beta", 0.75),
                bias: at.float("bias", 1.0),
                data: DATA,
            };
            r.op(at, op)
        }
        "MeanVarianceNormalization" => mean_variance(r, at),
        _ => Ok(None),
    }
}

/// Mean and inverse deviation of a layer normalisation.
fn statistics(r: &mut Reader<'_>, x: ValueId, axis: i64, epsilon: f64) -> Result<[ValueId; 2]> {
    let rank = r.b.rank(x) as i64;
    let axes: Vec<i64> = (if axis < 0 { axis + rank } else { axis }..rank).collect();
    let x = if r.b.dtype(x) == DType::F64 { x } else { r.b.cast(x, DType::F32)? };
    let mean = r.b.reduce(ReduceKind::Mean, x, &axes, true)?;
    let centred = r.binary(BinaryOp::Sub, x, mean)?;
    let squares = r.binary(BinaryOp::Mul, centred, centred)?;
    let variance = r.b.reduce(ReduceKind::Mean, squares, &axes, true)?;
    let variance = r.b.binary_scalar(BinaryOp::Add, variance, epsilon)?;
    let deviation = r.unary(UnaryOp::Sqrt, variance)?;
    Ok([mean, r.unary(UnaryOp::Reciprocal, deviation)?])
}

fn batch(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    at.float("momentum", 0.9);
    if at.flag("training_mode") || at.int("spatial", 1) == 0 || (1..5).any(|i| at.wants(i)) {
        return Err(at.unsupported("training mode, or statistics that are not per channel,"));
    }
    let x = at.x(0)?;
    let dtype = r.b.dtype(x);
    let mut operands = vec![Some(x)];
    for i in 1..5 {
        // Since opset 15 the parameters may have another type.
        operands.push(Some(r.b.cast(at.x(i)?, dtype)?));
    }
    r.b.add(Op::BatchNorm { axis: 1, epsilon: at.float("epsilon", 1e-5) }, &operands).map(Some)
}

/// Opsets 18 to 20 scale per group, later ones per channel.
fn group(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    at.int("stash_type", 1);
    let groups = at.size("num_groups", 1)?;
    let (x, mut scale, mut bias) = (at.x(0)?, at.x(1)?, at.x(2)?);
    if at.opset < 21 {
        let channels = r.b.shape(x).get(1).and_then(Dim::known);
        let each = channels
            .and_then(|c| c.checked_div(groups))
            .ok_or_else(|| at.unsupported("an unknown number of channels"))?;
        scale = repeated(r, scale, groups, each)?;
        bias = repeated(r, bias, groups, each)?;
    }
    let op = Op::GroupNorm { groups, epsilon: at.float("epsilon", 1e-5), data: DATA };
    one(r.b.one(op, &[x, scale, bias])?)
}

fn repeated(r: &mut Reader<'_>, v: ValueId, groups: usize, each: usize) -> Result<ValueId> {
    let column = r.b.reshape(v, &[-1, 1])?;
    let shape = r.b.ints(&[groups as i64, each as i64]);
    let wide = r.b.one(Op::Expand, &[column, shape])?;
    r.b.reshape(wide, &[-1])
}

/// By the function body in onnx/defs/nn/defs.cc.
fn mean_variance(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let axes = at.ints("axes").unwrap_or(&[0, 2, 3]).to_vec();
    let x = at.x(0)?;
    let mean = r.b.reduce(ReduceKind::Mean, x, &axes, true)?;
    let squared_mean = r.binary(BinaryOp::Mul, mean, mean)?;
    let squares = r.binary(BinaryOp::Mul, x, x)?;
    let mean_of_squares = r.b.reduce(ReduceKind::Mean, squares, &axes, true)?;
    let variance = r.binary(BinaryOp::Sub, mean_of_squares, squared_mean)?;
    let deviation = r.unary(UnaryOp::Sqrt, variance)?;
    let centred = r.binary(BinaryOp::Sub, x, mean)?;
    let divisor = r.b.binary_scalar(BinaryOp::Add, deviation, 1e-9)?;
    one(r.binary(BinaryOp::Div, centred, divisor)?)
}
