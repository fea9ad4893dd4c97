//! AlexNet (`torchvision/models/alexnet.py`). Owns: its forward and recognition.

use super::synth::{Conv, activation, adaptive, image_channels, linear_at, max_pool, seq, seq_at};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::Result;
use modelport_ir::ValueId;

pub(super) const CLASSES: &[Class] =
    &[Class { of: "torchvision.models.alexnet", name: "AlexNet", apply: Apply::One(forward) }];

/// Also VGG's. The pool is there since torchvision 0.2.2; before, images had to be of the right size.
pub(super) fn forward(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = f.child(m, "features", x)?;
    let x = f.maybe(m, "avgpool", x)?;
    let x = f.flatten(x);
    f.maybe(m, "classifier", x)
}

pub(super) const FAMILY: Family = Family { name: "alexnet", members: &["alexnet"], options: &[], build };

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if keys.shape("features.0.weight")?.get(2..)? != [11, 11] {
        return None;
    }
    let mut features = Vec::new();
    let mut channels = image_channels(keys, "features.0");
    for i in 0..13 {
        features.push(match i {
            0 | 3 | 6 | 8 | 10 => {
                let conv = Conv::at(keys, &format!("features.{i}"), channels)?;
                let conv = if i == 0 { conv.stride(4).padding(2) } else { conv };
                channels = conv.output();
                conv.module()
            }
            2 | 5 | 12 => max_pool(3, 2, 0, false),
            _ => activation("ReLU"),
        });
    }
    let mut notes = Vec::new();
    let classifier = classifier(keys, &[1, 4, 6], channels * 36, &mut notes)?;
    let m = Module::new("torchvision.models.alexnet.AlexNet")
        .sub("features", seq(features))
        .sub("avgpool", adaptive(6))
        .sub("classifier", classifier);
    let mut built = Built::new("alexnet", m);
    built.notes = notes;
    Some(built)
}

/// Linear layers at `places` with ReLU between them; nothing where the file has no classifier.
pub(super) fn classifier(keys: &Keys<'_>, places: &[usize], input: usize, notes: &mut Vec<String>) -> Option<Module> {
    if !keys.below("classifier") {
        notes.push("the file has no `classifier`: the model ends in its features".to_owned());
        return Some(seq(Vec::new()));
    }
    let mut parts = Vec::new();
    let mut c = input;
    for (i, &place) in places.iter().enumerate() {
        let at = format!("classifier.{place}");
        let linear = linear_at(keys, &at, c)?;
        c = keys.dim(&format!("{at}.weight"), 0)?;
        parts.push((place, linear));
        if i + 1 < places.len() {
            parts.push((place + 1, activation("ReLU")));
        }
    }
    Some(seq_at(parts))
}
