//! ResNet, ResNeXt and Wide ResNet (`torchvision/models/resnet.py`). Owns: their blocks and recognition.

use super::synth::{Conv, activation, adaptive, batch_norm, head, max_pool, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: "torchvision.models.resnet", name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("ResNet", |f, m, x| {
        let stages = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"];
        let x = f.chain(m, &stages, x)?;
        let x = f.flatten(x);
        f.maybe(m, "fc", x)
    }),
    of("BasicBlock", |f, m, x| {
        let y = f.chain(m, &["conv1", "bn1", "relu", "conv2", "bn2"], x)?;
        residual(f, m, x, y)
    }),
    of("Bottleneck", |f, m, x| {
        let y = f.chain(m, &["conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3"], x)?;
        residual(f, m, x, y)
    }),
];

fn residual(f: &mut Forward, m: &Module, x: ValueId, y: ValueId) -> Result<ValueId> {
    let x = f.maybe(m, "downsample", x)?;
    let sum = f.add(y, x);
    f.child(m, "relu", sum)
}

pub(super) const FAMILY: Family = Family {
    name: "resnet",
    members: &[
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x8d",
        "resnext101_64x4d",
        "wide_resnet50_2",
        "wide_resnet101_2",
    ],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("layer1.0.conv1.weight") || !keys.has("conv1.weight") {
        return None;
    }
    let stem = Conv::stem(keys, "conv1", 7)?.stride(2);
    let mut m = Module::new("torchvision.models.resnet.ResNet")
        .sub("conv1", stem.module())
        .sub("bn1", batch_norm(stem.output(), EPS))
        .sub("relu", activation("ReLU"))
        .sub("maxpool", max_pool(3, 2, 1, false));
    let mut channels = stem.output();
    let mut depths = Vec::new();
    for stage in 1..=4 {
        let depth = keys.run(&format!("layer{stage}."), 0);
        let mut blocks = Vec::new();
        for i in 0..depth {
            let stride = if stage > 1 && i == 0 { 2 } else { 1 };
            blocks.push(block(keys, &format!("layer{stage}.{i}"), &mut channels, stride)?);
        }
        depths.push(depth);
        m = m.sub(format!("layer{stage}"), seq(blocks));
    }
    let mut notes = Vec::new();
    if keys.has("layer1.0.conv3.weight") {
        notes
            .push("the stride of a bottleneck is taken to be in its 3×3 convolution, as torchvision has it".to_owned());
    }
    let fc = head(keys, "fc", channels, &mut notes)?;
    let m = m.sub("avgpool", adaptive(1)).sub("fc", fc);
    let width = keys.shape("layer1.0.conv2.weight")?;
    let mut built = Built::new(name(&depths, keys.has("layer1.0.conv3.weight"), width), m);
    built.notes = notes;
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, channels: &mut usize, stride: usize) -> Option<Module> {
    let bottleneck = keys.has(&format!("{at}.conv3.weight"));
    let class = if bottleneck { "Bottleneck" } else { "BasicBlock" };
    let mut m = Module::new(format!("torchvision.models.resnet.{class}")).with("stride", Attr::Int(stride as i64));
    let input = *channels;
    let mut c = input;
    let (parts, strided) = if bottleneck { (3, 2) } else { (2, 1) };
    for i in 1..=parts {
        let conv = Conv::at(keys, &format!("{at}.conv{i}"), c)?.stride(if i == strided { stride } else { 1 });
        c = conv.output();
        m = m.sub(format!("conv{i}"), conv.module()).sub(format!("bn{i}"), batch_norm(c, EPS));
    }
    m = m.sub("relu", activation("ReLU"));
    if stride != 1 || input != c {
        let conv = Conv::new(input, c, [1, 1]).stride(stride);
        m = m.sub("downsample", seq(vec![conv.module(), batch_norm(c, EPS)]));
    }
    *channels = c;
    Some(m)
}

fn name(depths: &[usize], bottleneck: bool, width: &[usize]) -> String {
    let (planes, per_group) = (width.first().copied().unwrap_or(0), width.get(1).copied().unwrap_or(1).max(1));
    let groups = planes / per_group;
    let depth = match (bottleneck, depths) {
        (false, [2, 2, 2, 2]) => "18",
        (false, [3, 4, 6, 3]) => "34",
        (true, [3, 4, 6, 3]) => "50",
        (true, [3, 4, 23, 3]) => "101",
        (true, [3, 8, 36, 3]) => "152",
        _ => return format!("resnet with {depths:?} blocks"),
    };
    match (groups, planes) {
        (1, 64) => format!("resnet{depth}"),
        (1, 128) if bottleneck => format!("wide_resnet{depth}_2"),
        (g, p) if g > 1 => format!("resnext{depth}_{g}x{}d", p / g),
        _ => format!("resnet{depth} of another width"),
    }
}
