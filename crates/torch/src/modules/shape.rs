//! Modules that move elements: flattening, shuffling, padding.

use super::{Class, Forward, Module, int, ints, nn};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("Flatten", |f, m, x| {
        let (start, end) = (m.int_or("start_dim", 1), m.int_or("end_dim", -1));
        Ok(f.op("aten::flatten.using_ints", vec![x.into(), int(start), int(end)]))
    }),
    nn("Unflatten", |f, m, x| {
        if m.attr("dim").and_then(Attr::as_str).is_some() {
            return Err(f.unsupported(m, "named dimensions"));
        }
        let sizes = m.list("unflattened_size")?;
        Ok(f.op("aten::unflatten.int", vec![x.into(), int(m.int("dim")?), ints(&sizes)]))
    }),
    nn("PixelShuffle", |f, m, x| Ok(f.op("aten::pixel_shuffle", vec![x.into(), int(m.int("upscale_factor")?)]))),
    nn("PixelUnshuffle", |f, m, x| Ok(f.op("aten::pixel_unshuffle", vec![x.into(), int(m.int("downscale_factor")?)]))),
    nn("ChannelShuffle", |f, m, x| Ok(f.op("aten::channel_shuffle", vec![x.into(), int(m.int("groups")?)]))),
    nn("ZeroPad1d", |f, m, x| pad(f, m, x, 1, "constant")),
    nn("ZeroPad2d", |f, m, x| pad(f, m, x, 2, "constant")),
    nn("ZeroPad3d", |f, m, x| pad(f, m, x, 3, "constant")),
    nn("ConstantPad1d", |f, m, x| pad(f, m, x, 1, "constant")),
    nn("ConstantPad2d", |f, m, x| pad(f, m, x, 2, "constant")),
    nn("ConstantPad3d", |f, m, x| pad(f, m, x, 3, "constant")),
    nn("ReflectionPad1d", |f, m, x| pad(f, m, x, 1, "reflect")),
    nn("ReflectionPad2d", |f, m, x| pad(f, m, x, 2, "reflect")),
    nn("ReflectionPad3d", |f, m, x| pad(f, m, x, 3, "reflect")),
    nn("ReplicationPad1d", |f, m, x| pad(f, m, x, 1, "replicate")),
    nn("ReplicationPad2d", |f, m, x| pad(f, m, x, 2, "replicate")),
    nn("ReplicationPad3d", |f, m, x| pad(f, m, x, 3, "replicate")),
    nn("CircularPad1d", |f, m, x| pad(f, m, x, 1, "circular")),
    nn("CircularPad2d", |f, m, x| pad(f, m, x, 2, "circular")),
    nn("CircularPad3d", |f, m, x| pad(f, m, x, 3, "circular")),
];

/// Amounts before and after, last dimension first.
fn pad(f: &mut Forward, m: &Module, x: ValueId, rank: usize, mode: &str) -> Result<ValueId> {
    let amounts = m.ints("padding", 2 * rank)?;
    let mut args = vec![x.into(), ints(&amounts), mode.into()];
    if mode == "constant" {
        args.push(Arg::Float(m.float_or("value", 0.0)));
    }
    Ok(f.op("aten::pad", args))
}
