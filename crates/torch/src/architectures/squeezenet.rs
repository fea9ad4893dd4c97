//! SqueezeNet (`torchvision/models/squeezenet.py`). Owns: its forward and recognition.

use super::synth::{Conv, activation, adaptive, dropout, max_pool, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::Result;
use modelport_ir::ValueId;

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: "torchvision.models.squeezenet", name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("SqueezeNet", |f, m, x| {
        let x = f.child(m, "features", x)?;
        let x = f.maybe(m, "classifier", x)?;
        Ok(f.flatten(x))
    }),
    of("Fire", |f, m, x| {
        let x = f.chain(m, &["squeeze", "squeeze_activation"], x)?;
        let narrow = f.chain(m, &["expand1x1", "expand1x1_activation"], x)?;
        let wide = f.chain(m, &["expand3x3", "expand3x3_activation"], x)?;
        Ok(f.cat(&[narrow, wide], 1))
    }),
];

pub(super) const FAMILY: Family =
    Family { name: "squeezenet", members: &["squeezenet1_0", "squeezenet1_1"], options: &[], build };

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("features.3.squeeze.weight") {
        return None;
    }
    let stem = Conv::over_image(keys, "features.0")?.stride(2).padding(0);
    let mut channels = stem.output();
    let mut features = vec![stem.module(), activation("ReLU")];
    // What has no weights is a pool.
    for i in 2..13 {
        let at = format!("features.{i}");
        features.push(if keys.below(&at) { fire(keys, &at, &mut channels)? } else { max_pool(3, 2, 0, true) });
    }
    let mut notes = Vec::new();
    let classifier = if keys.below("classifier") {
        let conv = Conv::at(keys, "classifier.1", channels)?;
        seq(vec![dropout(), conv.module(), activation("ReLU"), adaptive(1)])
    } else {
        notes.push("the file has no `classifier`: the model ends in its features".to_owned());
        seq(Vec::new())
    };
    let m = Module::new("torchvision.models.squeezenet.SqueezeNet")
        .sub("features", seq(features))
        .sub("classifier", classifier);
    let version = if keys.below("features.5") { "1_0" } else { "1_1" };
    let mut built = Built::new(format!("squeezenet{version}"), m);
    built.notes = notes;
    Some(built)
}

fn fire(keys: &Keys<'_>, at: &str, channels: &mut usize) -> Option<Module> {
    let squeeze = Conv::at(keys, &format!("{at}.squeeze"), *channels)?;
    let mut m = Module::new("torchvision.models.squeezenet.Fire")
        .sub("squeeze", squeeze.module())
        .sub("squeeze_activation", activation("ReLU"));
    *channels = 0;
    for name in ["expand1x1", "expand3x3"] {
        let conv = Conv::at(keys, &format!("{at}.{name}"), squeeze.output())?;
        *channels = channels.checked_add(conv.output())?;
        m = m.sub(name, conv.module()).sub(format!("{name}_activation"), activation("ReLU"));
    }
    Some(m)
}
