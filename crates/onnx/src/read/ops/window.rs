//! Convolutions and pools.

use super::Out;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{DataLayout, KernelLayout, Padding, PoolKind};
use modelport_ir::{Dim, Op};

struct Window {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    padding: Padding,
}

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "Conv" => {
            let w = window(r, at)?;
            at.ints("kernel_shape");
            let op = Op::Conv {
                strides: w.strides,
                dilations: w.dilations,
                padding: w.padding,
                groups: at.size("group", 1)?,
                data: DataLayout::ChannelsFirst,
                kernel: KernelLayout::OutInSpatial,
            };
            r.op(at, op)
        }
        "ConvTranspose" => transposed(r, at),
        "MaxPool" if at.wants(1) => {
            let w = window(r, at)?;
            if at.flag("storage_order") {
                return Err(at.unsupported("storage_order 1"));
            }
            let op = Op::MaxPoolWithIndex {
                window: kernel(at)?,
                strides: w.strides,
                dilations: w.dilations,
                padding: w.padding,
                ceil_mode: at.flag("ceil_mode"),
            };
            r.op(at, op)
        }
        "MaxPool" | "AveragePool" | "LpPool" => pool(r, at),
        _ => Ok(None),
    }
}

fn kernel(at: &At<'_, '_>) -> Result<Vec<usize>> {
    at.sizes("kernel_shape")?.ok_or_else(|| at.wrong("kernel_shape", "the window's sizes", "nothing"))
}

fn window(r: &Reader<'_>, at: &At<'_, '_>) -> Result<Window> {
    let spatial = r.b.rank(at.x(0)?).saturating_sub(2);
    let pads = at.sizes("pads");
    let padding = match at.text("auto_pad", "NOTSET").as_str() {
        "SAME_UPPER" => Padding::SameUpper,
        "SAME_LOWER" => Padding::SameLower,
        "VALID" => Padding::valid(spatial),
        _ => match pads? {
            None => Padding::valid(spatial),
            Some(p) if p.len() == 2 * spatial => {
                let (begin, end) = p.split_at(spatial);
                Padding::Explicit(begin.iter().copied().zip(end.iter().copied()).collect())
            }
            Some(p) => return Err(at.wrong("pads", &format!("{} numbers", 2 * spatial), &format!("{p:?}"))),
        },
    };
    Ok(Window {
        strides: at.sizes("strides")?.unwrap_or_else(|| vec![1; spatial]),
        dilations: at.sizes("dilations")?.unwrap_or_else(|| vec![1; spatial]),
        padding,
    })
}

fn pool(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let w = window(r, at)?;
    let kind = match at.op() {
        "MaxPool" => PoolKind::Max,
        "AveragePool" => PoolKind::Average,
        _ => PoolKind::L2,
    };
    at.int("storage_order", 0);
    if kind == PoolKind::L2 && at.int("p", 2) != 2 {
        return Err(at.unsupported("a p other than 2"));
    }
    let op = Op::Pool {
        kind,
        window: kernel(at)?,
        strides: w.strides,
        dilations: w.dilations,
        padding: w.padding,
        ceil_mode: at.flag("ceil_mode"),
        count_include_pad: kind == PoolKind::Average && at.flag("count_include_pad"),
        data: DataLayout::ChannelsFirst,
    };
    r.op(at, op)
}

fn transposed(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let w = window(r, at)?;
    at.ints("kernel_shape");
    let output_padding = at.sizes("output_padding")?.unwrap_or_default();
    let mut output_shape = at.sizes("output_shape")?.unwrap_or_default();
    let mut padding = w.padding;
    let spatial = w.strides.len();
    if !output_shape.is_empty() {
        // Some exporters write batch and channels too.
        output_shape = output_shape.split_off(output_shape.len().saturating_sub(spatial));
        padding = shaped(r, at, &w.strides, &w.dilations, (&output_padding, &output_shape, &padding))?;
        output_shape.clear();
    }
    let output_padding = if output_padding.iter().all(|&p| p == 0) { Vec::new() } else { output_padding };
    let op = Op::ConvTranspose {
        strides: w.strides,
        dilations: w.dilations,
        padding,
        output_padding,
        output_shape,
        groups: at.size("group", 1)?,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    r.op(at, op)
}

/// The padding that leads to an output shape; the formula of `ConvTranspose` in onnx/defs/nn/defs.cc.
fn shaped(
    r: &Reader<'_>,
    at: &At<'_, '_>,
    strides: &[usize],
    dilations: &[usize],
    (output_padding, output_shape, padding): (&[usize], &[usize], &Padding),
) -> Result<Padding> {
    let (x, k) = (r.b.shape(at.x(0)?), r.b.shape(at.x(1)?));
    let mut pads = Vec::new();
    for i in 0..strides.len() {
        let dim = |s: &[Dim]| s.get(i + 2).and_then(Dim::known).map(|n| n as i64);
        let (Some(n), Some(k)) = (dim(x), dim(k)) else {
            return Err(at.unsupported("output_shape with an input or kernel of unknown size"));
        };
        let of = |v: &[usize], d: i64| v.get(i).map_or(d, |&v| v as i64);
        let total =
            (n - 1) * of(strides, 1) + of(output_padding, 0) + (k - 1) * of(dilations, 1) + 1 - of(output_shape, 0);
        let total =
            usize::try_from(total).map_err(|_| at.unsupported("an output_shape larger than the windows reach"))?;
        let small = total / 2;
        pads.push(if *padding == Padding::SameUpper { (small, total - small) } else { (total - small, small) });
    }
    Ok(Padding::Explicit(pads))
}
