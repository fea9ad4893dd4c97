//! Normalisations (`keras/src/layers/normalization`, `layers/preprocessing/normalization.py`). At inference: moving
//! statistics, nothing is updated.

use super::call::Call;
use super::config::show;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{Attr, Builder, DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("BatchNormalization", batch).passes_mask(),
    row("SyncBatchNormalization", batch).passes_mask(),
    row("LayerNormalization", layer).passes_mask(),
    row("GroupNormalization", group).passes_mask(),
    row("RMSNormalization", rms),
    row("UnitNormalization", unit).passes_mask(),
    row("Normalization", feature).passes_mask(),
    row_many("SpectralNormalization", spectral),
];

/// The values of `axis`: one, a list, or the default.
fn axes(c: &Call<'_>, default: i64, rank: usize) -> Result<Vec<usize>> {
    let given = c.opt_ints("axis")?.unwrap_or_else(|| vec![default]);
    let mut axes = c.axes_of("axis", &given, rank)?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

/// `first` when the axes are `first..rank`.
fn trailing(axes: &[usize], rank: usize) -> Option<usize> {
    let &first = axes.first()?;
    axes.iter().copied().eq(first..rank).then_some(first)
}

fn signed(axes: &[usize]) -> Vec<i64> {
    axes.iter().map(|&a| a as i64).collect()
}

fn filled(c: &mut Call<'_>, name: &str, n: usize, value: f64) -> Result<ValueId> {
    let dtype = c.compute_dtype();
    let tensor = Tensor::from_f64s(dtype, &[n], &vec![value; n])?;
    c.constant(name, &tensor)
}

fn batch(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let axes = axes(c, -1, rank)?;
    let [axis] = axes.as_slice() else {
        return Err(c.unsupported("normalises over one axis only").found(format!("axes {axes:?}")));
    };
    let mean = c.weight("moving_mean")?;
    let variance = c.weight("moving_variance")?;
    let n = c.known_dim(mean, 0)?;
    let gamma = if c.bool_or("scale", true)? { c.weight("gamma")? } else { filled(c, "gamma", n, 1.0)? };
    let beta = if c.bool_or("center", true)? { c.weight("beta")? } else { filled(c, "beta", n, 0.0)? };
    let op = Op::BatchNorm { axis: *axis as i64, epsilon: c.float_or("epsilon", 1e-3)? };
    c.b.one(op, &[x, gamma, beta, mean, variance])
}

/// A parameter over `axes`, stored with their dimensions only (or with 1s elsewhere already), shaped to broadcast to x.
fn parameter(c: &mut Call<'_>, name: &str, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let p = c.weight(name)?;
    if c.b.rank(p) == c.b.rank(x) {
        return Ok(p);
    }
    let mut shape = vec![1; c.b.rank(x)];
    for &axis in axes {
        let n = c.known_dim(x, axis)?;
        if let Some(s) = shape.get_mut(axis) {
            *s = n as i64;
        }
    }
    c.b.reshape(p, &shape)
}

/// `x · gamma + beta`, as far as the layer has them.
fn affine(c: &mut Call<'_>, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    let mut y = x;
    if c.bool_or("scale", true)? {
        let gamma = parameter(c, "gamma", x, axes)?;
        y = c.b.binary(BinaryOp::Mul, y, gamma)?;
    }
    if c.bool_or("center", true)? {
        let beta = parameter(c, "beta", x, axes)?;
        y = c.b.binary(BinaryOp::Add, y, beta)?;
    }
    Ok(y)
}

/// Mean and `x − mean` and the mean of its square, over `axes`.
fn moments(b: &mut Builder, x: ValueId, axes: &[i64]) -> Result<(ValueId, ValueId)> {
    let mean = b.reduce(ReduceKind::Mean, x, axes, true)?;
    let centred = b.binary(BinaryOp::Sub, x, mean)?;
    let square = b.binary(BinaryOp::Mul, centred, centred)?;
    Ok((centred, b.reduce(ReduceKind::Mean, square, axes, true)?))
}

/// `x / √(variance + epsilon)`.
fn divided(b: &mut Builder, x: ValueId, variance: ValueId, epsilon: f64) -> Result<ValueId> {
    let sum = b.binary_scalar(BinaryOp::Add, variance, epsilon)?;
    let root = b.unary(UnaryOp::Sqrt, sum)?;
    b.binary(BinaryOp::Div, x, root)
}

fn layer(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let axes = axes(c, -1, rank)?;
    let epsilon = c.float_or("epsilon", 1e-3)?;
    if c.bool_or("rms_scaling", false)? {
        // Despite its name: divided by the standard deviation, not centred, no beta.
        let (_, variance) = moments(c.b, x, &signed(&axes))?;
        let y = divided(c.b, x, variance, epsilon)?;
        if c.op.weight("gamma").is_none() {
            return Ok(y);
        }
        let gamma = parameter(c, "gamma", x, &axes)?;
        return c.b.binary(BinaryOp::Mul, y, gamma);
    }
    let (Some(first), Some(shape)) = (trailing(&axes, rank), sizes(c, x, &axes)) else {
        let (centred, variance) = moments(c.b, x, &signed(&axes))?;
        let y = divided(c.b, centred, variance, epsilon)?;
        return affine(c, y, &axes);
    };
    let gamma = if c.bool_or("scale", true)? {
        let gamma = c.weight("gamma")?;
        c.b.reshape(gamma, &shape)?
    } else {
        let ones = filled(c, "gamma", shape.iter().map(|&n| n as usize).product(), 1.0)?;
        c.b.reshape(ones, &shape)?
    };
    let beta = if c.bool_or("center", true)? {
        let beta = c.weight("beta")?;
        Some(c.b.reshape(beta, &shape)?)
    } else {
        None
    };
    c.b.one_opt(Op::LayerNorm { axis: first as i64, epsilon }, &[Some(x), Some(gamma), beta])
}

/// The sizes of `axes`, where all are known and their product is one of a parameter.
fn sizes(c: &Call<'_>, x: ValueId, axes: &[usize]) -> Option<Vec<i64>> {
    let shape: Vec<i64> = axes.iter().map(|&a| Some(c.b.shape(x).get(a)?.known()? as i64)).collect::<Option<_>>()?;
    let elements = shape.iter().try_fold(1i64, |n, &d| n.checked_mul(d))?;
    (elements <= 1 << 28).then_some(shape)
}

fn rms(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let axes = axes(c, -1, rank)?;
    let epsilon = c.float_or("epsilon", 1e-6)?;
    if let Some(first) = trailing(&axes, rank) {
        let scale = c.weight("scale")?;
        return c.b.one(Op::RmsNorm { axis: first as i64, epsilon }, &[x, scale]);
    }
    let square = c.b.binary(BinaryOp::Mul, x, x)?;
    let mean = c.b.reduce(ReduceKind::Mean, square, &signed(&axes), true)?;
    let y = divided(c.b, x, mean, epsilon)?;
    let scale = parameter(c, "scale", x, &axes)?;
    c.b.binary(BinaryOp::Mul, y, scale)
}

fn group(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let axis = c.axis_of("axis", c.int_or("axis", -1)?, rank)?;
    let channels = c.known_dim(x, axis)?;
    let groups = match c.int_or("groups", 32)? {
        -1 => channels,
        n => usize::try_from(n)
            .ok()
            .filter(|&n| n > 0 && channels.is_multiple_of(n))
            .ok_or_else(|| c.bad_argument("groups", &format!("−1 or a divisor of {channels}"), &n.to_string()))?,
    };
    let epsilon = c.float_or("epsilon", 1e-3)?;
    let data = match axis {
        a if a + 1 == rank && rank >= 2 => DataLayout::ChannelsLast,
        1 => DataLayout::ChannelsFirst,
        _ => return group_by_moments(c, x, axis, groups, epsilon),
    };
    let gamma = if c.bool_or("scale", true)? { c.weight("gamma")? } else { filled(c, "gamma", channels, 1.0)? };
    let beta = if c.bool_or("center", true)? { c.weight("beta")? } else { filled(c, "beta", channels, 0.0)? };
    c.b.one(Op::GroupNorm { groups, epsilon, data }, &[x, gamma, beta])
}

/// Groups of a channel axis in the middle: it is split in two and moments are taken over all but batch and group.
fn group_by_moments(c: &mut Call<'_>, x: ValueId, axis: usize, groups: usize, epsilon: f64) -> Result<ValueId> {
    let rank = c.b.rank(x);
    let mut split: Vec<i64> = vec![0; axis];
    split.extend([groups as i64, (c.known_dim(x, axis)? / groups) as i64]);
    for after in axis + 1..rank {
        split.push(c.known_dim(x, after)? as i64);
    }
    let grouped = c.b.reshape(x, &split)?;
    let over: Vec<i64> = (1..=rank as i64).filter(|&a| a != axis as i64).collect();
    let (centred, variance) = moments(c.b, grouped, &over)?;
    let y = divided(c.b, centred, variance, epsilon)?;
    let shape = c.b.one(Op::Shape { start: 0, end: None }, &[x])?;
    let y = c.b.one(Op::Reshape { allow_zero: false }, &[y, shape])?;
    affine(c, y, &[axis])
}

/// `x / max(‖x‖₂, epsilon)` over `axes`; Keras's `min(rsqrt(Σx²), 1/epsilon)` is the same.
pub(super) fn l2_normalize(b: &mut Builder, x: ValueId, axes: &[i64], epsilon: f64) -> Result<ValueId> {
    // In half precision a smaller bound would be 0, and 0/0 is no number.
    let epsilon = if b.dtype(x) == DType::F16 { epsilon.max(6e-8) } else { epsilon };
    let norm = b.reduce(ReduceKind::L2, x, axes, true)?;
    let norm = b.binary_scalar(BinaryOp::Max, norm, epsilon)?;
    b.binary(BinaryOp::Div, x, norm)
}

fn unit(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let axes = axes(c, -1, c.b.rank(x))?;
    l2_normalize(c.b, x, &signed(&axes), 1e-12)
}

/// Lower bound of the standard deviation in `Normalization`: `keras.config.epsilon()`.
const STD_MIN: f64 = 1e-7;

/// `Normalization`: mean and variance from the weights, or from the config where they were given as arguments.
fn feature(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    let given = match c.op.attr("axis") {
        None => Vec::new(),
        Some(_) => c.ints("axis")?,
    };
    let mut keep = c.axes_of("axis", &given, rank)?;
    keep.sort_unstable();
    let mean = statistic(c, "mean", rank, &keep)?;
    let variance = statistic(c, "variance", rank, &keep)?;
    let std: Vec<f64> = variance.to_f64s()?.iter().map(|v| v.sqrt().max(STD_MIN)).collect();
    let dtype = c.compute_dtype();
    let std = Tensor::from_f64s(dtype, variance.shape(), &std)?;
    let (mean, std) = (c.constant("mean", &mean)?, c.constant("std", &std)?);
    if c.bool_or("invert", false)? {
        let y = c.b.binary(BinaryOp::Mul, x, std)?;
        return c.b.binary(BinaryOp::Add, y, mean);
    }
    let y = c.b.binary(BinaryOp::Sub, x, mean)?;
    c.b.binary(BinaryOp::Div, y, std)
}

/// A statistic shaped to broadcast: its dimensions belong to the kept axes, aligned from the right.
fn statistic(c: &Call<'_>, name: &str, rank: usize, keep: &[usize]) -> Result<Tensor> {
    let tensor = match (c.op.weight(name), c.op.attr(name)) {
        (Some(t), _) => t.clone(),
        (None, Some(attr)) => literal(attr).ok_or_else(|| c.bad_argument(name, "numbers", &show(attr)))?,
        (None, None) => c.weight_tensor(name)?,
    };
    if tensor.rank() >= rank {
        return Ok(tensor);
    }
    if tensor.rank() > keep.len() {
        return Err(c.bad_argument(name, &format!("at most {} dimensions", keep.len()), &tensor.ty().to_string()));
    }
    let mut shape = vec![1; rank];
    for (&n, &axis) in tensor.shape().iter().rev().zip(keep.iter().rev()) {
        if let Some(s) = shape.get_mut(axis) {
            *s = n;
        }
    }
    tensor.reshape(shape)
}

/// Numbers in nested lists of equal length; also as Keras serialises an array: `{"class_name": "__numpy__", …}`.
fn literal(attr: &Attr) -> Option<Tensor> {
    let mut shape = Vec::new();
    let mut values = Vec::new();
    let mut at = match attr.as_map() {
        Some(map) => map.get("config").and_then(Attr::as_map)?.get("value")?,
        None => attr,
    };
    let root = at;
    while let Some(list) = at.as_list() {
        shape.push(list.len());
        at = list.first()?;
        if shape.len() > 16 {
            return None;
        }
    }
    collect(root, &mut values, 0)?;
    Tensor::from_f64s(DType::F64, &shape, &values).ok()
}

fn collect(attr: &Attr, out: &mut Vec<f64>, depth: usize) -> Option<()> {
    match attr.as_list() {
        Some(list) if depth < 16 => list.iter().try_for_each(|a| collect(a, out, depth + 1)),
        Some(_) => None,
        None => {
            out.push(attr.as_float()?);
            Some(())
        }
    }
}

/// At inference the wrapped layer alone: its kernel was normalised when it was last trained.
fn spectral(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let inputs = c.inputs.clone();
    let results = c.lower_inner("layer", &inputs)?;
    for (i, r) in results.iter().enumerate() {
        c.set_mask(i, r.mask);
    }
    Ok(results.into_iter().map(|r| r.value).collect())
}
