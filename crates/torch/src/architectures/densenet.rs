//! DenseNet (`torchvision/models/densenet.py`). Owns: its blocks and recognition.

use super::synth::{Conv, activation, avg_pool, batch_norm, head, max_pool};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, container_sequential};
use modelport_diag::Result;
use modelport_ir::ValueId;

const MODULE: &str = "torchvision.models.densenet";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("DenseNet", |f, m, x| {
        let x = f.child(m, "features", x)?;
        let x = f.relu(x);
        let x = f.average(x, 1);
        let x = f.flatten(x);
        f.maybe(m, "classifier", x)
    }),
    // Each layer sees everything before it. Until torchvision 0.3 a layer returned that with its own features, since then
    // its features alone; the block comes to the same.
    of("_DenseBlock", |f, m, x| {
        m.children.iter().try_fold(x, |x, (name, _)| {
            let new = f.child(m, name, x)?;
            Ok(f.cat(&[x, new], 1))
        })
    }),
    of("_DenseLayer", |f, m, x| {
        // With dots in the names until torchvision 0.2.1.
        let names = if m.child("norm1").is_some() {
            ["norm1", "relu1", "conv1", "norm2", "relu2", "conv2"]
        } else {
            ["norm.1", "relu.1", "conv.1", "norm.2", "relu.2", "conv.2"]
        };
        f.chain(m, &names, x)
    }),
    Class { of: MODULE, name: "_Transition", apply: Apply::Any(container_sequential) },
];

pub(super) const FAMILY: Family = Family {
    name: "densenet",
    members: &["densenet121", "densenet161", "densenet169", "densenet201"],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("features.denseblock1.denselayer1.norm1.weight") {
        return None;
    }
    let stem = Conv::stem(keys, "features.conv0", 7)?.stride(2);
    let mut c = stem.output();
    let mut features = Module::new("torch.nn.modules.container.Sequential")
        .sub("conv0", stem.module())
        .sub("norm0", batch_norm(c, EPS))
        .sub("relu0", activation("ReLU"))
        .sub("pool0", max_pool(3, 2, 1, false));
    let blocks = keys.run("features.denseblock", 1);
    let mut depths = Vec::new();
    for b in 1..=blocks {
        let at = format!("features.denseblock{b}");
        let layers = keys.run(&format!("{at}.denselayer"), 1);
        let mut block = Module::new(format!("{MODULE}._DenseBlock"));
        for l in 1..=layers {
            block = block.sub(format!("denselayer{l}"), layer(keys, &format!("{at}.denselayer{l}"), &mut c)?);
        }
        depths.push(layers);
        features = features.sub(format!("denseblock{b}"), block);
        if b < blocks {
            let conv = Conv::at(keys, &format!("features.transition{b}.conv"), c)?;
            let transition = Module::new(format!("{MODULE}._Transition"))
                .sub("norm", batch_norm(c, EPS))
                .sub("relu", activation("ReLU"))
                .sub("conv", conv.module())
                .sub("pool", avg_pool(2, 2, 0));
            c = conv.output();
            features = features.sub(format!("transition{b}"), transition);
        }
    }
    features = features.sub("norm5", batch_norm(c, EPS));
    let mut notes = Vec::new();
    let classifier = head(keys, "classifier", c, &mut notes)?;
    let name = match depths.as_slice() {
        [6, 12, 24, 16] => "densenet121".to_owned(),
        [6, 12, 36, 24] => "densenet161".to_owned(),
        [6, 12, 32, 32] => "densenet169".to_owned(),
        [6, 12, 48, 32] => "densenet201".to_owned(),
        other => format!("densenet with {other:?} layers"),
    };
    let m = Module::new(format!("{MODULE}.DenseNet")).sub("features", features).sub("classifier", classifier);
    let mut built = Built::new(name, m);
    built.notes = notes;
    Some(built)
}

fn layer(keys: &Keys<'_>, at: &str, c: &mut usize) -> Option<Module> {
    let first = Conv::at(keys, &format!("{at}.conv1"), *c)?;
    let second = Conv::at(keys, &format!("{at}.conv2"), first.output())?;
    let m = Module::new(format!("{MODULE}._DenseLayer"))
        .sub("norm1", batch_norm(*c, EPS))
        .sub("relu1", activation("ReLU"))
        .sub("conv1", first.module())
        .sub("norm2", batch_norm(first.output(), EPS))
        .sub("relu2", activation("ReLU"))
        .sub("conv2", second.module());
    *c = c.checked_add(second.output())?;
    Some(m)
}
