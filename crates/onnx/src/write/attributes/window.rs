//! Convolutions and pools.

use super::super::emit::Ctx;
use super::super::node::NodeOut;
use modelport_ir::core::{Padding, PoolKind};
use modelport_ir::{Dim, Op};

pub(super) fn fill(c: &Ctx<'_, '_>, n: &mut NodeOut) {
    match &c.node.op {
        Op::Conv { strides, dilations, padding, groups, .. } => {
            kernel_shape(c, n);
            common(n, strides, dilations, padding);
            n.int_unless(1, "group", *groups as i64);
        }
        Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups, .. } => {
            kernel_shape(c, n);
            common(n, strides, dilations, padding);
            if output_padding.iter().any(|&p| p != 0) {
                n.sizes("output_padding", output_padding);
            }
            if !output_shape.is_empty() {
                n.sizes("output_shape", output_shape);
            }
            n.int_unless(1, "group", *groups as i64);
        }
        Op::Pool { kind, window, strides, dilations, padding, ceil_mode, count_include_pad, .. } => {
            n.sizes("kernel_shape", window);
            common(n, strides, dilations, padding);
            n.flag("ceil_mode", *ceil_mode);
            if *kind == PoolKind::Average {
                n.flag("count_include_pad", *count_include_pad);
            }
        }
        Op::MaxPoolWithIndex { window, strides, dilations, padding, ceil_mode } => {
            n.sizes("kernel_shape", window);
            common(n, strides, dilations, padding);
            n.flag("ceil_mode", *ceil_mode);
        }
        _ => {}
    }
}

/// Optional in ONNX, but some runtimes want it.
fn kernel_shape(c: &Ctx<'_, '_>, n: &mut NodeOut) {
    let dims: Option<Vec<usize>> = c.ty(1).and_then(|t| t.shape.get(2..)?.iter().map(Dim::known).collect());
    if let Some(dims) = dims {
        n.sizes("kernel_shape", &dims);
    }
}

fn common(n: &mut NodeOut, strides: &[usize], dilations: &[usize], padding: &Padding) {
    if strides.iter().any(|&s| s != 1) {
        n.sizes("strides", strides);
    }
    if dilations.iter().any(|&d| d != 1) {
        n.sizes("dilations", dilations);
    }
    match padding {
        Padding::SameUpper => n.text("auto_pad", "SAME_UPPER"),
        Padding::SameLower => n.text("auto_pad", "SAME_LOWER"),
        Padding::Explicit(pads) if pads.iter().all(|&p| p == (0, 0)) => {}
        Padding::Explicit(pads) => {
            let all: Vec<usize> = pads.iter().map(|p| p.0).chain(pads.iter().map(|p| p.1)).collect();
            n.sizes("pads", &all);
        }
    }
}
