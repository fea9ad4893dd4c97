//! The attributes, and the operands that are attributes in the core, of every operator at every opset.
//!
//! One exhaustive match: a new core op is a compile error here until it is written.

mod image;
mod rnn;
mod window;

use super::emit::Ctx;
use super::node::NodeOut;
use crate::code;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DepthToSpaceMode, ReduceKind};
use modelport_ir::{CoreGraph, DType, Op, Tensor};

/// Adds what the operator of `c.node` has beside its operands.
pub(super) fn fill(c: &mut Ctx<'_, '_>, n: &mut NodeOut) -> Result<()> {
    let node = c.node;
    match &node.op {
        Op::Unary(_)
        | Op::Clip
        | Op::Where
        | Op::MatMul
        | Op::Expand
        | Op::Tile
        | Op::Slice
        | Op::Size
        | Op::Range
        | Op::NonZero => {}
        Op::Binary(BinaryOp::Fmod) => n.int("fmod", 1),
        Op::Binary(BinaryOp::ShiftLeft) => n.text("direction", "LEFT"),
        Op::Binary(BinaryOp::ShiftRight) => n.text("direction", "RIGHT"),
        Op::Binary(_) => {}
        Op::Elu { alpha } | Op::Celu { alpha } | Op::LeakyRelu { alpha } | Op::ThresholdedRelu { alpha } => {
            n.float("alpha", *alpha);
        }
        Op::Selu { alpha, gamma } => {
            n.float("alpha", *alpha);
            n.float("gamma", *gamma);
        }
        Op::HardSigmoid { alpha, beta } => {
            n.float("alpha", *alpha);
            n.float("beta", *beta);
        }
        Op::Shrink { bias, lambd } => {
            n.float("bias", *bias);
            n.float("lambd", *lambd);
        }
        Op::Gelu { approximate } => n.text_unless("none", "approximate", if *approximate { "tanh" } else { "none" }),
        Op::Softmax { axis } | Op::LogSoftmax { axis } | Op::Hardmax { axis } => n.int("axis", *axis),
        Op::Cast { to } => n.int("to", code::of(*to)),
        Op::Reduce { kind, axes, keepdims } => reduce(c, n, *kind, axes, *keepdims)?,
        Op::ArgReduce { axis, keepdims, select_last, .. } => {
            n.int("axis", *axis);
            n.int_unless(1, "keepdims", (*keepdims).into());
            n.flag("select_last_index", *select_last);
        }
        Op::CumSum { axis, exclusive, reverse } | Op::CumProd { axis, exclusive, reverse } => {
            n.inputs.push(c.tensor("axis", &Tensor::int_scalar(*axis))?);
            n.flag("exclusive", *exclusive);
            n.flag("reverse", *reverse);
        }
        Op::TopK { axis, largest, sorted } => {
            n.int("axis", *axis);
            n.int_unless(1, "largest", (*largest).into());
            n.int_unless(1, "sorted", (*sorted).into());
        }
        Op::Gemm { alpha, beta, trans_a, trans_b } => {
            n.float_unless(1.0, "alpha", *alpha);
            n.float_unless(1.0, "beta", *beta);
            n.flag("transA", *trans_a);
            n.flag("transB", *trans_b);
        }
        Op::Einsum { equation } => n.text("equation", equation),
        Op::Conv { .. } | Op::ConvTranspose { .. } | Op::Pool { .. } | Op::MaxPoolWithIndex { .. } => {
            window::fill(c, n)
        }
        Op::BatchNorm { epsilon, .. } | Op::InstanceNorm { epsilon, .. } => n.float("epsilon", *epsilon),
        Op::LayerNorm { axis, epsilon } | Op::RmsNorm { axis, epsilon } => {
            n.int("axis", *axis);
            n.float("epsilon", *epsilon);
        }
        Op::GroupNorm { groups, epsilon, .. } => {
            n.int("num_groups", *groups as i64);
            n.float("epsilon", *epsilon);
        }
        Op::LpNorm { axis, p } => {
            n.int("axis", *axis);
            n.int("p", *p);
        }
        Op::Lrn { size, alpha, beta, bias, .. } => {
            n.int("size", *size as i64);
            n.float("alpha", *alpha);
            n.float("beta", *beta);
            n.float("bias", *bias);
        }
        Op::Resize { .. } | Op::GridSample { .. } | Op::RoiAlign { .. } | Op::NonMaxSuppression { .. } => {
            image::fill(c, n)?;
        }
        Op::Lstm { .. } | Op::Gru { .. } | Op::Rnn { .. } => rnn::fill(&node.op, n),
        Op::If { .. } | Op::Loop { .. } => bodies(c, n)?,
        Op::Custom { domain, op_type, attributes, .. } => {
            n.op_type.clone_from(op_type);
            n.domain.clone_from(domain);
            c.emitter.domains.insert(domain.clone());
            attributes.iter().try_for_each(|(name, v)| n.any(name, v))?;
        }
        Op::QuantizeLinear { axis, to, saturate, block } => {
            quantised(c, n, *axis, *block);
            if matches!(to, DType::F8E4M3 | DType::F8E5M2) {
                n.int_unless(1, "saturate", (*saturate).into());
            }
            if n.inputs.get(2).is_none_or(String::is_empty) && c.opset() >= 21 && *to != DType::U8 {
                n.int("output_dtype", code::of(*to));
            }
        }
        Op::DequantizeLinear { axis, block } => quantised(c, n, *axis, *block),
        _ => movement(c, n)?,
    }
    Ok(())
}

/// Ops that move elements.
fn movement(c: &mut Ctx<'_, '_>, n: &mut NodeOut) -> Result<()> {
    match &c.node.op {
        Op::Reshape { allow_zero } => n.flag("allowzero", *allow_zero),
        Op::Transpose { perm } => n.sizes("perm", perm),
        Op::Squeeze { axes } | Op::Unsqueeze { axes } => axes_since(13, c, n, axes)?,
        Op::Flatten { axis }
        | Op::Concat { axis }
        | Op::Gather { axis }
        | Op::GatherElements { axis }
        | Op::OneHot { axis } => n.int("axis", *axis),
        Op::Split { axis, sizes } => {
            n.int("axis", *axis);
            let sizes: Vec<i64> = sizes.iter().map(|&s| s as i64).collect();
            if c.opset() >= 13 {
                n.inputs.push(c.ints("split", &sizes)?);
            } else {
                n.ints("split", &sizes);
            }
        }
        Op::Pad { mode } => n.text_unless("constant", "mode", mode.name()),
        Op::GatherNd { batch_dims } => n.int_unless(0, "batch_dims", *batch_dims as i64),
        Op::ScatterElements { axis, reduction } => {
            n.int("axis", *axis);
            n.text_unless("none", "reduction", reduction.name());
        }
        Op::ScatterNd { reduction } => n.text_unless("none", "reduction", reduction.name()),
        Op::Shape { start, end } => {
            n.int_unless(0, "start", *start);
            if let Some(end) = end {
                n.int("end", *end);
            }
        }
        Op::Compress { axis } => axis.iter().for_each(|a| n.int("axis", *a)),
        Op::Unique { axis, sorted } => {
            axis.iter().for_each(|a| n.int("axis", *a));
            n.int_unless(1, "sorted", (*sorted).into());
        }
        Op::Trilu { upper } => n.int_unless(1, "upper", (*upper).into()),
        Op::RandomUniform { dtype, low, high, seed } => {
            n.float_unless(0.0, "low", *low);
            n.float_unless(1.0, "high", *high);
            random(c, n, *dtype, *seed)?;
        }
        Op::RandomNormal { dtype, mean, scale, seed } => {
            n.float_unless(0.0, "mean", *mean);
            n.float_unless(1.0, "scale", *scale);
            random(c, n, *dtype, *seed)?;
        }
        Op::EyeLike { dtype, k } => {
            dtype.iter().for_each(|d| n.int("dtype", code::of(*d)));
            n.int_unless(0, "k", *k);
        }
        Op::ReverseSequence { batch_axis, time_axis } => {
            n.int("batch_axis", *batch_axis);
            n.int("time_axis", *time_axis);
        }
        Op::DepthToSpace { block, mode, .. } => {
            n.int("blocksize", *block as i64);
            n.text_unless("DCR", "mode", if *mode == DepthToSpaceMode::Crd { "CRD" } else { "DCR" });
        }
        Op::SpaceToDepth { block, .. } => n.int("blocksize", *block as i64),
        _ => {}
    }
    Ok(())
}

/// A shape is an attribute; a tensor of the shape makes it the operator `…Like`.
fn random(c: &Ctx<'_, '_>, n: &mut NodeOut, dtype: DType, seed: Option<f64>) -> Result<()> {
    n.int("dtype", code::of(dtype));
    seed.iter().for_each(|s| n.float("seed", *s));
    let operand = |i: usize| c.node.inputs.get(i).copied().flatten();
    let given = std::mem::take(&mut n.inputs);
    match operand(0).and_then(|s| c.graph.constant(s)) {
        Some(shape) => n.ints("shape", &shape.to_i64s()?),
        None => {
            n.op_type += "Like";
            n.inputs.extend(given.into_iter().nth(1));
        }
    }
    Ok(())
}

/// Axes as an operand from `since` on, before that as an attribute.
fn axes_since(since: i64, c: &mut Ctx<'_, '_>, n: &mut NodeOut, axes: &[i64]) -> Result<()> {
    if c.opset() >= since {
        n.inputs.push(c.ints("axes", axes)?);
    } else {
        n.ints("axes", axes);
    }
    Ok(())
}

fn reduce(c: &mut Ctx<'_, '_>, n: &mut NodeOut, kind: ReduceKind, axes: &[i64], keepdims: bool) -> Result<()> {
    let rank = c.rank() as i64;
    let mut from_start: Vec<i64> = axes.iter().map(|&a| if a < 0 { a + rank } else { a }).collect();
    from_start.sort_unstable();
    let spatial = rank > 2 && keepdims && from_start.into_iter().eq(2..rank);
    let float = c.ty(0).is_some_and(|t| matches!(t.dtype, DType::F32 | DType::F64 | DType::F16));
    match kind {
        ReduceKind::Mean | ReduceKind::Max if spatial && float => {
            n.op_type = if kind == ReduceKind::Mean { "GlobalAveragePool" } else { "GlobalMaxPool" }.to_owned();
            return Ok(());
        }
        _ => n.int_unless(1, "keepdims", keepdims.into()),
    }
    if axes.is_empty() {
        return Ok(());
    }
    axes_since(if kind == ReduceKind::Sum { 13 } else { 18 }, c, n, axes)
}

fn quantised(c: &Ctx<'_, '_>, n: &mut NodeOut, axis: i64, block: usize) {
    if c.opset() >= 13 && c.ty(1).is_some_and(|t| t.rank() > 0) {
        n.int_unless(1, "axis", axis);
    }
    if c.opset() >= 21 {
        n.int_unless(0, "block_size", block as i64);
    }
}

/// Captured operands are seen by name from inside, so only a loop's own operands remain.
fn bodies(c: &mut Ctx<'_, '_>, n: &mut NodeOut) -> Result<()> {
    let outer = |inputs: &[String], from: usize| inputs.iter().skip(from).cloned().map(Some).collect::<Vec<_>>();
    let write = |c: &mut Ctx<'_, '_>, n: &mut NodeOut, name: &str, body: &CoreGraph, captured: &[Option<String>]| {
        let graph = c.emitter.graph(body, captured)?;
        n.graph(name, &graph);
        Ok(())
    };
    match &c.node.op {
        Op::If { then_branch, else_branch } => {
            let captured = outer(&n.inputs, 1);
            write(c, n, "then_branch", then_branch, &captured)?;
            write(c, n, "else_branch", else_branch, &captured)?;
            n.inputs.truncate(1);
            Ok(())
        }
        Op::Loop { carried, body } => {
            let own = 2 + carried;
            let mut captured = vec![None; own];
            captured.extend(outer(&n.inputs, own));
            n.inputs.truncate(own);
            write(c, n, "body", body, &captured)
        }
        _ => Ok(()),
    }
}
