//! MNASNet (`torchvision/models/mnasnet.py`). Owns: its blocks and recognition. Both versions of its stem are told by the
//! shapes.

use super::synth::{Conv, activation, batch_norm, dropout, head, identity, image_channels, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, ints};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.mnasnet";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("MNASNet", |f, m, x| {
        let x = f.child(m, "layers", x)?;
        let x = f.op("aten::mean.dim", vec![x.into(), ints(&[2, 3])]);
        f.maybe(m, "classifier", x)
    }),
    of("_InvertedResidual", |f, m, x| {
        let y = f.child(m, "layers", x)?;
        Ok(if m.bool_or("apply_residual", false) { f.add(y, x) } else { y })
    }),
];

pub(super) const FAMILY: Family = Family {
    name: "mnasnet",
    members: &["mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;
/// Strides of the six stacks.
const STRIDES: [usize; 6] = [2, 2, 2, 1, 2, 1];

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("layers.8.0.layers.0.weight") {
        return None;
    }
    let mut layers = Vec::new();
    let mut c = image_channels(keys, "layers.0");
    let norm = |i: usize, c: &mut usize, stride: usize, layers: &mut Vec<Module>| {
        let conv = Conv::at(keys, &format!("layers.{i}"), *c)?.stride(stride);
        *c = conv.output();
        layers.extend([conv.module(), batch_norm(*c, EPS)]);
        Some(())
    };
    for (i, stride) in [(0, 2), (3, 1)] {
        norm(i, &mut c, stride, &mut layers)?;
        layers.push(activation("ReLU"));
    }
    norm(6, &mut c, 1, &mut layers)?;
    for (i, stride) in STRIDES.into_iter().enumerate() {
        let at = format!("layers.{}", i + 8);
        let blocks = keys.run(&format!("{at}."), 0);
        let blocks =
            (0..blocks).map(|b| block(keys, &format!("{at}.{b}.layers"), &mut c, if b == 0 { stride } else { 1 }));
        layers.push(seq(blocks.collect::<Option<_>>()?));
    }
    norm(14, &mut c, 1, &mut layers)?;
    layers.push(activation("ReLU"));
    let mut notes = Vec::new();
    let classifier = if keys.below("classifier") {
        seq(vec![dropout(), head(keys, "classifier.1", c, &mut notes)?])
    } else {
        notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    let name = match keys.dim("layers.8.0.layers.6.weight", 0)? {
        16 => "mnasnet0_5",
        24 if keys.dim("layers.9.0.layers.6.weight", 0) == Some(32) => "mnasnet0_75",
        24 => "mnasnet1_0",
        32 => "mnasnet1_3",
        _ => "mnasnet of another width",
    };
    let m = Module::new(format!("{MODULE}.MNASNet")).sub("layers", seq(layers)).sub("classifier", classifier);
    let mut built = Built::new(name, m);
    built.notes = notes;
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Module> {
    let input = *c;
    let mut parts = Vec::new();
    for i in [0, 3, 6] {
        let conv = Conv::at(keys, &format!("{at}.{i}"), *c)?.stride(if i == 3 { stride } else { 1 });
        *c = conv.output();
        parts.extend([conv.module(), batch_norm(*c, EPS)]);
        if i < 6 {
            parts.push(activation("ReLU"));
        }
    }
    let m = Module::new(format!("{MODULE}._InvertedResidual"))
        .with("apply_residual", Attr::Bool(stride == 1 && input == *c));
    Some(m.sub("layers", seq(parts)))
}
