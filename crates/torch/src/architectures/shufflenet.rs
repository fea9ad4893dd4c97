//! ShuffleNet v2 (`torchvision/models/shufflenetv2.py`). Owns: its blocks and recognition.

use super::synth::{Conv, activation, batch_norm, head, image_channels, max_pool, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, int, ints};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.shufflenetv2";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("ShuffleNetV2", |f, m, x| {
        let x = f.chain(m, &["conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"], x)?;
        let x = f.op("aten::mean.dim", vec![x.into(), ints(&[2, 3])]);
        f.maybe(m, "fc", x)
    }),
    of("InvertedResidual", |f, m, x| {
        let parts = if m.int_or("stride", 1) == 1 {
            let halves = f.emit.call("aten::chunk", vec![x.into(), int(2), int(1)], Vec::new(), 2);
            let &[first, second] = halves.as_slice() else { return Err(f.unsupported(m, "other than two halves")) };
            [first, f.child(m, "branch2", second)?]
        } else {
            [f.child(m, "branch1", x)?, f.child(m, "branch2", x)?]
        };
        let joined = f.cat(&parts, 1);
        Ok(f.op("aten::channel_shuffle", vec![joined.into(), int(2)]))
    }),
];

pub(super) const FAMILY: Family = Family {
    name: "shufflenet",
    members: &["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("stage2.0.branch1.0.weight") || !keys.has("conv5.0.weight") {
        return None;
    }
    let stem = |at: &str, c: usize, stride: usize| {
        let conv = Conv::at(keys, &format!("{at}.0"), c)?.stride(stride);
        Some((seq(vec![conv.module(), batch_norm(conv.output(), EPS), activation("ReLU")]), conv.output()))
    };
    let (conv1, mut c) = stem("conv1", image_channels(keys, "conv1.0"), 2)?;
    let mut m =
        Module::new(format!("{MODULE}.ShuffleNetV2")).sub("conv1", conv1).sub("maxpool", max_pool(3, 2, 1, false));
    let width = keys.dim("stage2.0.branch2.0.weight", 0)?;
    for stage in 2..=4 {
        let blocks = keys.run(&format!("stage{stage}."), 0);
        let blocks = (0..blocks).map(|i| block(keys, &format!("stage{stage}.{i}"), &mut c));
        m = m.sub(format!("stage{stage}"), seq(blocks.collect::<Option<_>>()?));
    }
    let (conv5, c) = stem("conv5", c, 1)?;
    let mut notes = Vec::new();
    let fc = head(keys, "fc", c, &mut notes)?;
    let name = match width {
        24 => "shufflenet_v2_x0_5",
        58 => "shufflenet_v2_x1_0",
        88 => "shufflenet_v2_x1_5",
        122 => "shufflenet_v2_x2_0",
        _ => "shufflenet_v2 of another width",
    };
    let mut built = Built::new(name, m.sub("conv5", conv5).sub("fc", fc));
    built.notes = notes;
    Some(built)
}

/// The first branch has weights where the block halves the image.
fn block(keys: &Keys<'_>, at: &str, c: &mut usize) -> Option<Module> {
    let halves = keys.below(&format!("{at}.branch1"));
    let stride = if halves { 2 } else { 1 };
    let input = if halves { *c } else { *c / 2 };
    let conv = |name: &str, c: usize, stride: usize| Some(Conv::at(keys, &format!("{at}.{name}"), c)?.stride(stride));
    let bn = |conv: &Conv| batch_norm(conv.output(), EPS);
    let relu = || activation("ReLU");
    let (a, b) =
        (conv("branch2.0", input, 1)?, conv("branch2.3", keys.dim(&format!("{at}.branch2.0.weight"), 0)?, stride)?);
    let d = conv("branch2.5", b.output(), 1)?;
    let second = vec![a.module(), bn(&a), relu(), b.module(), bn(&b), d.module(), bn(&d), relu()];
    let mut first = Vec::new();
    let mut joined = *c / 2;
    if halves {
        let depthwise = conv("branch1.0", input, stride)?;
        let pointwise = conv("branch1.2", depthwise.output(), 1)?;
        first = vec![depthwise.module(), bn(&depthwise), pointwise.module(), bn(&pointwise), relu()];
        joined = pointwise.output();
    }
    *c = joined.checked_add(d.output())?;
    let m = Module::new(format!("{MODULE}.InvertedResidual")).with("stride", Attr::Int(stride as i64));
    Some(m.sub("branch1", seq(first)).sub("branch2", seq(second)))
}
