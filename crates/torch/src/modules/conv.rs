//! Convolutions.

use super::{Class, Forward, Module, int, ints, nn};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("Conv1d", |f, m, x| conv(f, m, x, 1)),
    nn("Conv2d", |f, m, x| conv(f, m, x, 2)),
    nn("Conv3d", |f, m, x| conv(f, m, x, 3)),
    nn("ConvTranspose1d", |f, m, x| transposed(f, m, x, 1)),
    nn("ConvTranspose2d", |f, m, x| transposed(f, m, x, 2)),
    nn("ConvTranspose3d", |f, m, x| transposed(f, m, x, 3)),
    nn("Unfold", |f, m, x| {
        let geometry = ["kernel_size", "dilation", "padding", "stride"].map(|a| m.ints(a, 2));
        let [kernel, dilation, padding, stride] = geometry;
        Ok(f.op("aten::im2col", vec![x.into(), ints(&kernel?), ints(&dilation?), ints(&padding?), ints(&stride?)]))
    }),
    nn("Fold", |f, m, x| {
        let geometry = ["output_size", "kernel_size", "dilation", "padding", "stride"].map(|a| m.ints(a, 2));
        let [size, kernel, dilation, padding, stride] = geometry;
        let args = vec![x.into(), ints(&size?), ints(&kernel?), ints(&dilation?), ints(&padding?), ints(&stride?)];
        Ok(f.op("aten::col2im", args))
    }),
];

/// `Conv1d` to `Conv3d`.
pub(crate) fn conv(f: &mut Forward, m: &Module, x: ValueId, rank: usize) -> Result<ValueId> {
    let weight = f.param(m, "weight")?;
    let bias = f.param_or_none(m, "bias");
    let (stride, dilation) = (m.ints_or("stride", rank, 1)?, m.ints_or("dilation", rank, 1)?);
    let groups = int(m.int_or("groups", 1));
    let (x, padding) = padded(f, m, x, rank, &dilation)?;
    let op = format!("aten::conv{rank}d{}", if matches!(padding, Arg::Str(_)) { ".padding" } else { "" });
    Ok(f.op(&op, vec![x.into(), weight.into(), bias, ints(&stride), padding, ints(&dilation), groups]))
}

/// The padding that the convolution itself does, after the other modes of padding. `padding_mode` is there since torch
/// 1.1; until 1.4 `circular` was half as wide, see below.
fn padded(f: &mut Forward, m: &Module, x: ValueId, rank: usize, dilation: &[i64]) -> Result<(ValueId, Arg)> {
    let mode = m.str_or("padding_mode", "zeros").to_owned();
    let kind = m.attr("padding").and_then(Attr::as_str).map(str::to_owned);
    if mode == "zeros" {
        return Ok(match kind {
            Some(kind) => (x, Arg::Str(kind)),
            None => (x, ints(&m.ints_or("padding", rank, 0)?)),
        });
    }
    let pads = match (kind.as_deref(), m.attr("_reversed_padding_repeated_twice")) {
        (Some("valid"), _) => vec![0; 2 * rank],
        (Some(_), _) => same(&m.ints("kernel_size", rank)?, dilation),
        // Since torch 1.5: the amounts of both sides, last dimension first.
        (None, Some(list)) => list.as_ints().ok_or_else(|| m.wrong("padding", "integers"))?,
        // Before, `circular` put (p + 1) / 2 before and p / 2 after.
        (None, None) => m.ints("padding", rank)?.iter().rev().flat_map(|p| [(p + 1) / 2, p / 2]).collect(),
    };
    let mode = if mode == "zeros" { "constant".to_owned() } else { mode };
    let x = f.op("aten::pad", vec![x.into(), ints(&pads), mode.into()]);
    Ok((x, ints(&vec![0; rank])))
}

/// What `padding="same"` adds, last dimension first: the larger half behind.
fn same(kernel: &[i64], dilation: &[i64]) -> Vec<i64> {
    let total = kernel.iter().zip(dilation).rev().map(|(k, d)| d.saturating_mul(k.saturating_sub(1)));
    total.flat_map(|t| [t / 2, t - t / 2]).collect()
}

/// `ConvTranspose1d` to `ConvTranspose3d`.
pub(crate) fn transposed(f: &mut Forward, m: &Module, x: ValueId, rank: usize) -> Result<ValueId> {
    let weight = f.param(m, "weight")?;
    let bias = f.param_or_none(m, "bias");
    let spread = |name, default| m.ints_or(name, rank, default);
    let (stride, padding, dilation) = (spread("stride", 1)?, spread("padding", 0)?, spread("dilation", 1)?);
    let (extra, groups) = (spread("output_padding", 0)?, int(m.int_or("groups", 1)));
    let op = if rank == 1 { "aten::conv_transpose1d".to_owned() } else { format!("aten::conv_transpose{rank}d.input") };
    let args =
        vec![x.into(), weight.into(), bias, ints(&stride), ints(&padding), ints(&extra), groups, ints(&dilation)];
    Ok(f.op(&op, args))
}
