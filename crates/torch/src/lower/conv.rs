//! Convolutions.

use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding};
use modelport_ir::{Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::conv1d", |c| conv(c, 1)),
    row("aten::conv2d", |c| conv(c, 2)),
    row("aten::conv3d", |c| conv(c, 3)),
    row("aten::conv_transpose1d", |c| transposed(c, 1)),
    row("aten::conv_transpose2d", |c| transposed(c, 2)),
    row("aten::conv_transpose3d", |c| transposed(c, 3)),
    row("aten::convolution", convolution),
    row("aten::_convolution", convolution),
    row("aten::_convolution_mode", |c| {
        let x = c.tensor("input")?;
        conv(c, c.rank(x).saturating_sub(2))
    }),
    row("aten::mkldnn_convolution", |c| {
        let x = c.tensor("self")?;
        conv(c, c.rank(x).saturating_sub(2))
    }),
];

/// The operand, weight and bias; an operand without a batch axis gets one, which the result loses again.
fn operands(c: &mut Call<'_>, spatial: usize) -> Result<(ValueId, ValueId, Option<ValueId>, bool)> {
    let x = if c.name == "aten::mkldnn_convolution" { "self" } else { "input" };
    let (x, w, bias) = (c.tensor(x)?, c.tensor("weight")?, c.opt_tensor("bias")?);
    let lone = c.rank(x) == spatial + 1;
    let x = if lone { c.b.unsqueeze(x, &[0])? } else { x };
    Ok((x, w, bias, lone))
}

fn padding(c: &Call<'_>, spatial: usize) -> Result<Padding> {
    match c.arg("padding").and_then(|a| a.as_str()) {
        Some("same") => Ok(Padding::SameUpper),
        Some("valid") => Ok(Padding::valid(spatial)),
        _ => Ok(Padding::Explicit(c.per_axis("padding", spatial)?.into_iter().map(|p| (p, p)).collect())),
    }
}

fn conv(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (x, w, bias, lone) = operands(c, spatial)?;
    let op = Op::Conv {
        strides: c.per_axis("stride", spatial)?,
        dilations: c.per_axis("dilation", spatial)?,
        padding: padding(c, spatial)?,
        groups: c.count("groups")?,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::OutInSpatial,
    };
    let out = c.b.one_opt(op, &[Some(x), Some(w), bias])?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}

fn transposed(c: &mut Call<'_>, spatial: usize) -> Result<ValueId> {
    let (x, w, bias, lone) = operands(c, spatial)?;
    let op = Op::ConvTranspose {
        strides: c.per_axis("stride", spatial)?,
        dilations: c.per_axis("dilation", spatial)?,
        padding: padding(c, spatial)?,
        output_padding: c.per_axis("output_padding", spatial)?,
        output_shape: Vec::new(),
        groups: c.count("groups")?,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    let out = c.b.one_opt(op, &[Some(x), Some(w), bias])?;
    if lone { c.b.squeeze(out, &[0]) } else { Ok(out) }
}

fn convolution(c: &mut Call<'_>) -> Result<ValueId> {
    let w = c.tensor("weight")?;
    let spatial = c.rank(w).saturating_sub(2);
    if c.flag("transposed")? { transposed(c, spatial) } else { conv(c, spatial) }
}
