//! Convolutions: `Conv1D`–`Conv3D`, depthwise, separable (`keras/src/layers/convolutional`).

use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding};
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Conv1D", |c| conv(c, 1)),
    row("Conv2D", |c| conv(c, 2)),
    row("Conv3D", |c| conv(c, 3)),
    row("DepthwiseConv1D", |c| depthwise(c, 1)),
    row("DepthwiseConv2D", |c| depthwise(c, 2)),
    row("SeparableConv1D", |c| separable(c, 1)),
    row("SeparableConv2D", |c| separable(c, 2)),
];

/// How a layer's window moves.
pub(super) struct Window {
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    pub(super) padding: Padding,
    pub(super) data: DataLayout,
}

impl Window {
    /// One that moves by one element at a time along `n` axes.
    pub(super) fn still(n: usize, padding: Padding, data: DataLayout) -> Self {
        Self { strides: vec![1; n], dilations: vec![1; n], padding, data }
    }
}

/// Strides, dilations and padding from the config, for a kernel of `spatial` sizes.
pub(super) fn window(c: &Call<'_>, kernel: &[usize]) -> Result<Window> {
    let n = kernel.len();
    let strides = c.sizes_or("strides", n, 1)?;
    let dilations = c.sizes_or("dilation_rate", n, 1)?;
    let padding = match c.str_or("padding", "valid")?.to_lowercase().as_str() {
        "valid" => Padding::valid(n),
        "same" => Padding::SameUpper,
        // Half of the window on each side, and as many steps as `same` has (keras 1.2.2 `backend/theano_backend.py`,
        // `conv2d` and `_postprocess_conv2d_output`).
        "same_theano" => {
            let half = kernel.iter().zip(&dilations).map(|(k, d)| (k - 1) * d + 1).map(|k| (k / 2, (k - 1) / 2));
            Padding::Explicit(half.collect())
        }
        // All of the padding before the first step, so that no output sees a later input.
        "causal" if n == 1 => {
            let before = kernel.iter().zip(&dilations).map(|(k, d)| ((k - 1) * d, 0));
            Padding::Explicit(before.collect())
        }
        other => return Err(c.bad_argument("padding", "`valid`, `same`, or `causal` with one spatial axis", other)),
    };
    Ok(Window { strides, dilations, padding, data: c.data_layout()? })
}

/// The input as floats, with exactly `spatial` + 2 axes; leading batch axes beyond one are multiplied.
pub(super) fn batched(c: &mut Call<'_>, spatial: usize) -> Result<(ValueId, Option<ValueId>)> {
    let x = c.float_x()?;
    let rank = c.b.rank(x);
    if rank == spatial + 2 {
        return Ok((x, None));
    }
    if rank < spatial + 2 {
        return Err(c.unsupported(format!("needs an input of rank {}", spatial + 2)).found(c.b.ty(x).to_string()));
    }
    let mut shape = vec![-1];
    for axis in rank - spatial - 1..rank {
        shape.push(c.known_dim(x, axis)? as i64);
    }
    let flat = c.b.reshape(x, &shape)?;
    Ok((flat, Some(x)))
}

/// Gives a result its leading batch axes back.
pub(super) fn unbatched(c: &mut Call<'_>, y: ValueId, original: Option<ValueId>) -> Result<ValueId> {
    let Some(x) = original else { return Ok(y) };
    let lead = c.b.rank(x) + 1 - c.b.rank(y);
    let head = c.b.one(Op::Shape { start: 0, end: Some(lead as i64) }, &[x])?;
    let tail = c.b.one(Op::Shape { start: 1, end: None }, &[y])?;
    let shape = c.b.concat(&[head, tail], 0)?;
    c.b.one(Op::Reshape { allow_zero: false }, &[y, shape])
}

/// The kernel's spatial sizes, as the weight has them.
fn kernel_size(c: &Call<'_>, weight: &str, n: usize) -> Result<Vec<usize>> {
    let shape = c.weight_tensor(weight)?.shape().to_vec();
    match shape.get(..n) {
        Some(size) if shape.len() == n + 2 => Ok(size.to_vec()),
        _ => Err(wrong_kernel(c, weight, n + 2, &shape)),
    }
}

pub(super) fn wrong_kernel(
    c: &Call<'_>,
    weight: &str,
    rank: usize,
    shape: &[usize],
) -> Box<modelport_diag::Diagnostic> {
    modelport_diag::Diagnostic::error(
        modelport_diag::Code::KERAS_WEIGHTS,
        format!("the weight `{weight}` of a `{}` layer has a wrong shape", c.op.name),
    )
    .at_node(c.b.scope())
    .expected(format!("{rank} dimensions"))
    .found(format!("{shape:?}"))
}

pub(super) fn convolve(
    c: &mut Call<'_>,
    x: ValueId,
    kernel: ValueId,
    bias: Option<ValueId>,
    w: &Window,
    groups: usize,
) -> Result<ValueId> {
    let op = Op::Conv {
        strides: w.strides.clone(),
        dilations: w.dilations.clone(),
        padding: w.padding.clone(),
        groups,
        data: w.data,
        kernel: KernelLayout::SpatialInOut,
    };
    c.b.one_opt(op, &[Some(x), Some(kernel), bias])
}

/// The bias, unless `use_bias` is false.
pub(super) fn bias(c: &mut Call<'_>) -> Result<Option<ValueId>> {
    if c.bool_or("use_bias", true)? { c.weight("bias").map(Some) } else { Ok(None) }
}

fn conv(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let size = kernel_size(c, "kernel", n)?;
    let w = window(c, &size)?;
    let groups = c.size_or("groups", 1)?;
    let (x, original) = batched(c, n)?;
    let kernel = c.weight("kernel")?;
    let bias = bias(c)?;
    let y = convolve(c, x, kernel, bias, &w, groups)?;
    let y = unbatched(c, y, original)?;
    c.activate(y, "activation")
}

/// A depthwise kernel [spatial…, in, multiplier] as a grouped one: [spatial…, 1, in·multiplier]; and the groups.
fn grouped_kernel(c: &mut Call<'_>, weight: &str) -> Result<(ValueId, usize)> {
    let tensor = c.weight_tensor(weight)?;
    let mut shape = tensor.shape().to_vec();
    let (multiplier, channels) = (shape.pop().unwrap_or(1), shape.pop().unwrap_or(1));
    shape.extend([1, channels.saturating_mul(multiplier)]);
    let tensor = tensor.reshape(shape).map_err(|d| d.at_node(c.b.scope()))?;
    Ok((c.constant(weight, &tensor)?, channels))
}

fn depthwise(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let size = kernel_size(c, "kernel", n)?;
    let w = window(c, &size)?;
    let (x, original) = batched(c, n)?;
    let (kernel, groups) = grouped_kernel(c, "kernel")?;
    let bias = bias(c)?;
    let y = convolve(c, x, kernel, bias, &w, groups)?;
    let y = unbatched(c, y, original)?;
    c.activate(y, "activation")
}

fn separable(c: &mut Call<'_>, n: usize) -> Result<ValueId> {
    let size = kernel_size(c, "depthwise_kernel", n)?;
    let w = window(c, &size)?;
    let (x, original) = batched(c, n)?;
    let (kernel, groups) = grouped_kernel(c, "depthwise_kernel")?;
    let middle = convolve(c, x, kernel, None, &w, groups)?;
    let pointwise = c.weight("pointwise_kernel")?;
    let bias = bias(c)?;
    let one = Window::still(n, Padding::valid(n), w.data);
    let y = convolve(c, middle, pointwise, bias, &one, 1)?;
    let y = unbatched(c, y, original)?;
    c.activate(y, "activation")
}
