//! RegNet (`torchvision/models/regnet.py`). Owns: its blocks and recognition.

use super::synth::{activation, adaptive, conv_norm_at, head, image_channels, squeeze_excitation};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, container_sequential};
use modelport_diag::Result;
use modelport_ir::ValueId;

const MODULE: &str = "torchvision.models.regnet";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("RegNet", |f, m, x| {
        let x = f.chain(m, &["stem", "trunk_output"], x)?;
        let x = f.average(x, 1);
        let x = f.flatten(x);
        f.maybe(m, "fc", x)
    }),
    of("ResBottleneckBlock", |f, m, x| {
        let y = f.child(m, "f", x)?;
        let x = f.maybe(m, "proj", x)?;
        let sum = f.add(x, y);
        f.child(m, "activation", sum)
    }),
    Class { of: MODULE, name: "SimpleStemIN", apply: Apply::Any(container_sequential) },
    Class { of: MODULE, name: "BottleneckTransform", apply: Apply::Any(container_sequential) },
    Class { of: MODULE, name: "AnyStage", apply: Apply::Any(container_sequential) },
];

pub(super) const FAMILY: Family = Family {
    name: "regnet",
    members: &[
        "regnet_x_400mf",
        "regnet_x_800mf",
        "regnet_x_1_6gf",
        "regnet_x_3_2gf",
        "regnet_x_8gf",
        "regnet_x_16gf",
        "regnet_x_32gf",
        "regnet_y_400mf",
        "regnet_y_800mf",
        "regnet_y_1_6gf",
        "regnet_y_3_2gf",
        "regnet_y_8gf",
        "regnet_y_16gf",
        "regnet_y_32gf",
        "regnet_y_128gf",
    ],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("trunk_output.block1.block1-0.f.a.0.weight") {
        return None;
    }
    let (stem, mut c) = conv_norm_at(keys, "stem", image_channels(keys, "stem.0"), 2, EPS, Some("ReLU"))?;
    let mut trunk = Module::new("torch.nn.modules.container.Sequential");
    for s in 1..=keys.run("trunk_output.block", 1) {
        let at = format!("trunk_output.block{s}.block{s}-");
        let mut stage = Module::new(format!("{MODULE}.AnyStage"));
        for i in 0..keys.run(&at, 0) {
            stage = stage
                .sub(format!("block{s}-{i}"), block(keys, &format!("{at}{i}"), &mut c, if i == 0 { 2 } else { 1 })?);
        }
        trunk = trunk.sub(format!("block{s}"), stage);
    }
    let mut notes = Vec::new();
    let fc = head(keys, "fc", c, &mut notes)?;
    let m = Module::new(format!("{MODULE}.RegNet"))
        .sub("stem", stem)
        .sub("trunk_output", trunk)
        .sub("avgpool", adaptive(1))
        .sub("fc", fc);
    let kind = if keys.below("trunk_output.block1.block1-0.f.se") { "regnet_y" } else { "regnet_x" };
    let mut built = Built::new(kind, m);
    built.notes = notes;
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Module> {
    let (first, width) = conv_norm_at(keys, &format!("{at}.f.a"), *c, 1, EPS, Some("ReLU"))?;
    let (second, width) = conv_norm_at(keys, &format!("{at}.f.b"), width, stride, EPS, Some("ReLU"))?;
    let mut f = Module::new(format!("{MODULE}.BottleneckTransform")).sub("a", first).sub("b", second);
    let se = format!("{at}.f.se");
    if keys.below(&se) {
        f = f.sub("se", squeeze_excitation(keys, &se, width, "ReLU", "Sigmoid")?);
    }
    let (last, out) = conv_norm_at(keys, &format!("{at}.f.c"), width, 1, EPS, None)?;
    let mut m = Module::new(format!("{MODULE}.ResBottleneckBlock"));
    if stride != 1 || *c != out {
        m = m.sub("proj", conv_norm_at(keys, &format!("{at}.proj"), *c, stride, EPS, None)?.0);
    }
    *c = out;
    Some(m.sub("f", f.sub("c", last)).sub("activation", activation("ReLU")))
}
