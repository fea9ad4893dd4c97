//! Constants, shapes, movement of whole axes, quantisation.

use super::{Out, one};
use crate::code;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{DepthToSpaceMode, PadMode};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "Constant" => constant(r, at),
        "ConstantOfShape" => constant_of_shape(r, at),
        "Reshape" | "Expand" if !ranked(r, at.x(1)?) => Err(at.unsupported("a shape whose length is not known")),
        "Reshape" => r.op(at, Op::Reshape { allow_zero: at.flag("allowzero") }),
        "Transpose" => {
            let rank = r.b.rank(at.x(0)?);
            let perm = at.sizes("perm")?.unwrap_or_else(|| (0..rank).rev().collect());
            r.op(at, Op::Transpose { perm })
        }
        "Flatten" => r.op(at, Op::Flatten { axis: at.int("axis", 1) }),
        "Squeeze" => squeeze(r, at),
        "Unsqueeze" => {
            let axes = r.axes(at, 13)?.unwrap_or_default();
            one(r.b.unsqueeze(at.x(0)?, &axes)?)
        }
        "Expand" => r.op(at, Op::Expand),
        "Tile" => r.op(at, Op::Tile),
        "Concat" => r.op(at, Op::Concat { axis: at.int("axis", 1) }),
        "Split" => split(r, at),
        "Slice" => slice(r, at),
        "Pad" => pad(r, at),
        "Shape" => r.op(at, Op::Shape { start: at.int("start", 0), end: at.attr("end").map(|a| a.int) }),
        "Size" => r.op(at, Op::Size),
        "Range" => r.op(at, Op::Range),
        "Trilu" => r.op(at, Op::Trilu { upper: at.int("upper", 1) != 0 }),
        "EyeLike" => {
            let dtype = at.attr("dtype").and_then(|a| code::dtype(a.int));
            r.op(at, Op::EyeLike { dtype, k: at.int("k", 0) })
        }
        "DepthToSpace" => {
            let mode = if at.text("mode", "DCR") == "CRD" { DepthToSpaceMode::Crd } else { DepthToSpaceMode::Dcr };
            let data = modelport_ir::core::DataLayout::ChannelsFirst;
            r.op(at, Op::DepthToSpace { block: at.size("blocksize", 1)?, mode, data })
        }
        "SpaceToDepth" => {
            let data = modelport_ir::core::DataLayout::ChannelsFirst;
            r.op(at, Op::SpaceToDepth { block: at.size("blocksize", 1)?, data })
        }
        "QuantizeLinear" => quantize(r, at),
        "DequantizeLinear" => {
            if at.attr("output_dtype").is_some_and(|a| a.int != 0) {
                return Err(at.unsupported("output_dtype"));
            }
            let operands = with_zero_point_like_scale(r, at)?;
            let op = Op::DequantizeLinear { axis: at.int("axis", 1), block: at.size("block_size", 0)? };
            r.b.add(op, &operands).map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether the length of a shape operand, and with it the rank of the result, is known.
fn ranked(r: &Reader<'_>, shape: ValueId) -> bool {
    r.b.ty(shape).elements().is_some() || r.b.known(shape).is_some()
}

fn constant(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let tensor = if let Some(f) = at.attr("value").and_then(|a| a.tensor) {
        r.shared.files.tensor(f)?.1
    } else if let Some(a) = at.attr("value_int") {
        Tensor::int_scalar(a.int)
    } else if let Some(a) = at.attr("value_ints") {
        Tensor::ints(&a.ints)
    } else if let Some(a) = at.attr("value_float") {
        Tensor::scalar(DType::F32, a.float.into())
    } else if let Some(a) = at.attr("value_floats") {
        Tensor::floats(&a.floats)
    } else if let Some(a) = at.attr("value_string") {
        Tensor::from_strings(vec![], vec![a.text.to_vec()])?
    } else if let Some(a) = at.attr("value_strings") {
        Tensor::from_strings(vec![a.texts.len()], a.texts.iter().map(|t| t.to_vec()).collect())?
    } else {
        return Err(at.unsupported("a sparse value"));
    };
    let name = at.node.outputs.first().cloned().unwrap_or_default();
    one(r.b.constant(name, tensor))
}

fn constant_of_shape(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let value = match at.attr("value").and_then(|a| a.tensor) {
        Some(f) => r.shared.files.tensor(f)?.1.reshape(vec![])?,
        None => Tensor::scalar(DType::F32, 0.0),
    };
    let value = r.b.constant("", value);
    one(r.b.one(Op::Expand, &[value, at.x(0)?])?)
}

fn squeeze(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let x = at.x(0)?;
    let axes = match r.axes(at, 13)? {
        Some(axes) => axes,
        None => {
            let shape = r.b.shape(x);
            if shape.iter().any(|d| d.known().is_none()) {
                return Err(at.unsupported("a squeeze of all axes of an operand of unknown size"));
            }
            (0..).zip(shape).filter(|(_, d)| **d == Dim::Known(1)).map(|(i, _)| i).collect()
        }
    };
    one(r.b.squeeze(x, &axes)?)
}

fn split(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let axis = at.int("axis", 0);
    let given = if at.opset >= 13 { r.known(at, 1, "lengths")? } else { at.ints("split").map(<[i64]>::to_vec) };
    let parts = at.size("num_outputs", at.node.outputs.len())?;
    let x = at.x(0)?;
    let sizes: Vec<usize> = match given {
        Some(v) => v
            .iter()
            .map(|&n| usize::try_from(n).map_err(|_| at.unsupported("a negative length")))
            .collect::<Result<_>>()?,
        None => {
            let rank = r.b.rank(x) as i64;
            let from_start = usize::try_from(if axis < 0 { axis + rank } else { axis }).ok();
            let dim = from_start.and_then(|a| r.b.shape(x).get(a)).and_then(Dim::known);
            let n = dim.ok_or_else(|| at.unsupported("a split in equal parts of an unknown length"))?;
            if parts == 0 || parts > r.shared.limits.objects {
                return Err(at.unsupported("that number of parts"));
            }
            let each = n.div_ceil(parts);
            (0..parts).map(|i| each.min(n.saturating_sub(i * each))).collect()
        }
    };
    r.b.add(Op::Split { axis, sizes }, &[Some(x)]).map(Some)
}

fn slice(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    if at.opset >= 10 {
        let mut operands = vec![at.opt(0)];
        for i in 1..at.inputs.len() {
            operands.push(r.wide(at.opt(i))?);
        }
        return r.b.add(Op::Slice, &operands).map(Some);
    }
    let vector = |r: &mut Reader<'_>, name| at.ints(name).map(|v| r.b.ints(v));
    let (starts, ends, axes) = (vector(r, "starts"), vector(r, "ends"), vector(r, "axes"));
    r.b.add(Op::Slice, &[at.opt(0), starts, ends, axes]).map(Some)
}

fn pad(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let mode = at.text("mode", "constant");
    let mode = PadMode::from_name(&mode).ok_or_else(|| at.wrong("mode", "constant, reflect, edge or wrap", &mode))?;
    let x = at.x(0)?;
    let (pads, value) = if at.opset >= 11 {
        (r.wide(at.opt(1))?, at.opt(2))
    } else {
        let pads = at.ints("pads").map(|p| r.b.ints(p));
        let value = at.attr("value").map(|a| a.float).unwrap_or_default();
        (pads, (value != 0.0).then(|| r.b.scalar_like(x, value.into())))
    };
    let pads = match at.opt(3) {
        None => pads,
        Some(_) => Some(pads_of_all(r, at, x, pads)?),
    };
    let value = match value {
        Some(v) if r.b.rank(v) == 1 => Some(r.b.reshape(v, &[])?),
        v => v,
    };
    r.b.add(Op::Pad { mode }, &[Some(x), pads, if mode == PadMode::Constant { value } else { None }]).map(Some)
}

/// Pads given for some axes, spread over all.
fn pads_of_all(r: &mut Reader<'_>, at: &At<'_, '_>, x: ValueId, pads: Option<ValueId>) -> Result<ValueId> {
    let axes = r.known(at, 3, "axes")?.unwrap_or_default();
    let given = pads.and_then(|p| r.b.as_constant(p)).map(Tensor::to_i64s).transpose()?;
    let given = given.ok_or_else(|| at.unsupported("pads of some axes that are computed when the model runs"))?;
    let rank = r.b.rank(x);
    let mut all = vec![0; 2 * rank];
    for (i, &axis) in axes.iter().enumerate() {
        let axis = usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).unwrap_or(usize::MAX);
        for (to, from) in [(axis, i), (axis.saturating_add(rank), i + axes.len())] {
            match (all.get_mut(to), given.get(from)) {
                (Some(slot), Some(v)) if axis < rank => *slot = *v,
                _ => return Err(at.unsupported("axes or pads outside of the operand's rank")),
            }
        }
    }
    Ok(r.b.ints(&all))
}

fn quantize(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let declared = at.int("output_dtype", 0);
    at.int("precision", 0);
    let to = match (at.opt(2), code::dtype(declared)) {
        (Some(zero), _) => r.b.dtype(zero),
        (None, Some(d)) => d,
        (None, None) if declared == 0 => DType::U8,
        (None, None) => return Err(at.unsupported(&code::name(declared))),
    };
    let op = Op::QuantizeLinear {
        axis: at.int("axis", 1),
        to,
        saturate: at.int("saturate", 1) != 0,
        block: at.size("block_size", 0)?,
    };
    let operands = with_zero_point_like_scale(r, at)?;
    r.b.add(op, &operands).map(Some)
}

/// A zero point of one element may have another rank than the scale.
fn with_zero_point_like_scale(r: &mut Reader<'_>, at: &At<'_, '_>) -> Result<Vec<Option<ValueId>>> {
    let mut operands = at.inputs.clone();
    if let (Some(scale), Some(zero)) = (at.opt(1), at.opt(2))
        && r.b.rank(scale) != r.b.rank(zero)
        && r.b.ty(zero).elements() == Some(1)
        && let Some(slot) = operands.get_mut(2)
    {
        *slot = Some(r.b.reshape(zero, &vec![1; r.b.rank(scale)])?);
    }
    Ok(operands)
}
