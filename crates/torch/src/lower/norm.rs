//! Normalisation.

use super::call::Call;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::batch_norm", |c| batch_norm(c, "training")),
    row_many("aten::native_batch_norm", |c| with_stats(c, "training")),
    row_many("aten::_native_batch_norm_legit", |c| with_stats(c, "training")),
    row_many("aten::_native_batch_norm_legit_no_training", |c| with_stats(c, "")),
    row_many("aten::_batch_norm_impl_index", |c| with_stats(c, "training")),
    row_many("aten::cudnn_batch_norm", |c| with_stats(c, "training")),
    row("aten::instance_norm", instance_norm),
    row("aten::layer_norm", |c| Ok(layer_norm(c)?.0)),
    row_many("aten::native_layer_norm", native_layer_norm),
    row("aten::group_norm", |c| {
        let groups = c.count("num_groups")?;
        group_norm(c, groups)
    }),
    row_many("aten::native_group_norm", native_group_norm),
    row("aten::rms_norm", rms_norm),
    row("aten::_weight_norm", weight_norm),
    row_many("aten::_weight_norm_interface", |c| {
        let out = weight_norm(c)?;
        Ok(vec![out; c.results.max(1)])
    }),
];

/// A parameter, or a constant vector where there is none.
fn parameter(c: &mut Call<'_>, name: &str, like: ValueId, default: f64) -> Result<ValueId> {
    if let Some(p) = c.opt_tensor(name)? {
        return c.b.cast(p, c.b.dtype(like));
    }
    let n = c.known_dim(like, 1)?;
    let tensor = Tensor::from_f64s(c.b.dtype(like), &[n], &vec![default; n])?;
    Ok(c.b.constant("", tensor))
}

fn batch_epsilon(c: &Call<'_>) -> Result<f64> {
    c.number(if c.arg("eps").is_some() { "eps" } else { "epsilon" })
}

/// Whether the statistics are those of the batch.
fn of_batch(c: &Call<'_>, training: &str) -> Result<bool> {
    Ok(c.flag(training)? || c.arg("running_mean").is_none())
}

fn batch_norm(c: &mut Call<'_>, training: &str) -> Result<ValueId> {
    let x = c.tensor("input")?;
    let epsilon = batch_epsilon(c)?;
    let mean_name = "running_mean";
    if of_batch(c, training)? {
        return batch_statistics(c, x, epsilon);
    }
    // Statistics of a half-precision operand stay in single precision.
    let wide = c.opt_tensor(mean_name)?.map_or(DType::F32, |m| c.b.dtype(m));
    let narrow = c.b.dtype(x);
    let compute = if narrow.size() < wide.size() { wide } else { narrow };
    let x = c.b.cast(x, compute)?;
    let scale = parameter(c, "weight", x, 1.0)?;
    let bias = parameter(c, "bias", x, 0.0)?;
    let mean = parameter(c, mean_name, x, 0.0)?;
    let var = parameter(c, "running_var", x, 1.0)?;
    let out = c.b.one(Op::BatchNorm { axis: 1, epsilon }, &[x, scale, bias, mean, var])?;
    c.b.cast(out, narrow)
}

/// Without running statistics those of the batch are used, outside training too.
fn batch_statistics(c: &mut Call<'_>, x: ValueId, epsilon: f64) -> Result<ValueId> {
    let axes = not_channels(c, x);
    let m = moments(c, x, &axes, epsilon)?;
    let out = c.binary(BinaryOp::Div, m.centred, m.deviation)?;
    affine(c, out, 1)
}

/// All axes but the channels.
pub(super) fn not_channels(c: &Call<'_>, x: ValueId) -> Vec<i64> {
    (0..c.rank(x) as i64).filter(|&a| a != 1).collect()
}

/// The mean over axes, which stay with one element, the distance from it, and the root of its mean square and `epsilon`.
struct Moments {
    mean: ValueId,
    centred: ValueId,
    deviation: ValueId,
}

fn moments(c: &mut Call<'_>, x: ValueId, axes: &[i64], epsilon: f64) -> Result<Moments> {
    let mean = c.b.reduce(ReduceKind::Mean, x, axes, true)?;
    let centred = c.binary(BinaryOp::Sub, x, mean)?;
    let square = c.binary(BinaryOp::Mul, centred, centred)?;
    let var = c.b.reduce(ReduceKind::Mean, square, axes, true)?;
    let var = c.with(BinaryOp::Add, var, epsilon)?;
    Ok(Moments { mean, centred, deviation: c.unary(UnaryOp::Sqrt, var)? })
}

/// Mean and inverse deviation, which a gradient uses, in a shape.
fn saved(c: &mut Call<'_>, x: ValueId, axes: &[i64], epsilon: f64, shape: Option<&[i64]>) -> Result<[ValueId; 2]> {
    let m = moments(c, x, axes, epsilon)?;
    let inverse = c.unary(UnaryOp::Reciprocal, m.deviation)?;
    match shape {
        Some(shape) => Ok([c.b.reshape(m.mean, shape)?, c.b.reshape(inverse, shape)?]),
        None => Ok([m.mean, inverse]),
    }
}

/// Times `weight`, plus `bias`, where they are, along `axis`.
fn affine(c: &mut Call<'_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let mut out = x;
    for (name, op) in [("weight", BinaryOp::Mul), ("bias", BinaryOp::Add)] {
        if let Some(p) = c.opt_tensor(name)? {
            let mut dims = vec![1; c.rank(x) - axis];
            if let Some(first) = dims.first_mut() {
                *first = -1;
            }
            let p = c.b.reshape(p, &dims)?;
            out = c.binary(op, out, p)?;
        }
    }
    Ok(out)
}

/// Statistics of the batch are saved for a gradient; running ones are not, it is given them.
fn with_stats(c: &mut Call<'_>, training: &str) -> Result<Vec<ValueId>> {
    let out = batch_norm(c, training)?;
    let none = Tensor::from_f64s(c.b.dtype(out), &[0], &[])?;
    let none = c.b.constant("", none);
    let mut all = vec![none; c.results.max(1)];
    if let Some(first) = all.first_mut() {
        *first = out;
    }
    if let [_, mean, inverse, ..] = all.as_mut_slice()
        && of_batch(c, training)?
    {
        let x = c.tensor("input")?;
        let (axes, epsilon) = (not_channels(c, x), batch_epsilon(c)?);
        [*mean, *inverse] = saved(c, x, &axes, epsilon, Some(&[-1]))?;
    }
    Ok(all)
}

fn instance_norm(c: &mut Call<'_>) -> Result<ValueId> {
    if !c.flag("use_input_stats")? {
        return batch_norm(c, "");
    }
    let x = c.tensor("input")?;
    let scale = parameter(c, "weight", x, 1.0)?;
    let bias = parameter(c, "bias", x, 0.0)?;
    let epsilon = c.number("eps")?;
    c.b.one(Op::InstanceNorm { epsilon, data: DataLayout::ChannelsFirst }, &[x, scale, bias])
}

/// The result and the normalised axes.
fn layer_norm(c: &mut Call<'_>) -> Result<(ValueId, i64)> {
    let x = c.tensor("input")?;
    let count = c.sizes("normalized_shape")?.len();
    let rank = c.rank(x);
    let axis =
        rank.checked_sub(count).ok_or_else(|| c.bad("normalized_shape", "not more dimensions than the input"))?;
    let epsilon = c.number("eps")?;
    let (scale, bias) = (c.opt_tensor("weight")?, c.opt_tensor("bias")?);
    let out = c.b.one_opt(Op::LayerNorm { axis: axis as i64, epsilon }, &[Some(x), scale, bias])?;
    Ok((out, axis as i64))
}

fn native_layer_norm(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (out, axis) = layer_norm(c)?;
    if c.results < 2 {
        return Ok(vec![out]);
    }
    let x = c.tensor("input")?;
    let axes: Vec<i64> = (axis..c.rank(x) as i64).collect();
    let [mean, inverse] = saved(c, x, &axes, c.number("eps")?, None)?;
    Ok(vec![out, mean, inverse])
}

fn native_group_norm(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let groups = c.count("group")?;
    let out = group_norm(c, groups)?;
    if c.results < 2 {
        return Ok(vec![out]);
    }
    let x = c.tensor("input")?;
    let split = c.b.reshape(x, &[0, groups as i64, -1])?;
    let [mean, inverse] = saved(c, split, &[2], c.number("eps")?, Some(&[-1, groups as i64]))?;
    Ok(vec![out, mean, inverse])
}

fn group_norm(c: &mut Call<'_>, groups: usize) -> Result<ValueId> {
    let x = c.tensor("input")?;
    let epsilon = c.number("eps")?;
    let (scale, bias) = (c.opt_tensor("weight")?, c.opt_tensor("bias")?);
    if c.rank(x) < 3 {
        let n = c.known_dim(x, 1)? / groups.max(1);
        let split = c.b.reshape(x, &[0, groups as i64, n as i64])?;
        let out = c.b.one(Op::LayerNorm { axis: 2, epsilon }, &[split])?;
        let shape = c.shape(x)?;
        let out = c.b.one(Op::Reshape { allow_zero: false }, &[out, shape])?;
        return affine(c, out, 1);
    }
    c.b.one_opt(Op::GroupNorm { groups, epsilon, data: DataLayout::ChannelsFirst }, &[Some(x), scale, bias])
}

/// Without `eps` it is the smallest step of the type.
fn rms_norm(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.tensor("input")?;
    let count = c.sizes("normalized_shape")?.len();
    let axis = c.rank(x).checked_sub(count).ok_or_else(|| c.bad("normalized_shape", "fewer dimensions"))?;
    let epsilon = match (c.opt_number("eps")?, c.b.dtype(x)) {
        (Some(eps), _) => eps,
        (None, DType::F64) => f64::EPSILON,
        (None, DType::F16) => 0.000_976_562_5,
        (None, DType::BF16) => 0.007_812_5,
        (None, _) => f32::EPSILON.into(),
    };
    let scale = c.opt_tensor("weight")?;
    c.b.one_opt(Op::RmsNorm { axis: axis as i64, epsilon }, &[Some(x), scale])
}

/// `v·g/‖v‖`, the norm over all axes but `dim`.
fn weight_norm(c: &mut Call<'_>) -> Result<ValueId> {
    let (v, g) = (c.tensor("v")?, c.tensor("g")?);
    let rank = c.rank(v) as i64;
    let dim = c.int("dim")?;
    let kept = if dim < 0 { -1 } else { dim };
    let axes: Vec<i64> = (0..rank).filter(|&a| a != kept).collect();
    let norm = c.b.reduce(ReduceKind::L2, v, &axes, true)?;
    let factor = c.binary(BinaryOp::Div, g, norm)?;
    c.binary(BinaryOp::Mul, v, factor)
}
