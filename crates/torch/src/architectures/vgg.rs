//! VGG with and without batch normalisation (`torchvision/models/vgg.py`). Owns: its recognition.

use super::alexnet::{classifier, forward};
use super::synth::{Conv, activation, adaptive, batch_norm, image_channels, max_pool, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Module};
use modelport_diag::Result;

pub(super) const CLASSES: &[Class] = &[Class { of: "torchvision.models.vgg", name: "VGG", apply: Apply::One(forward) }];

pub(super) const FAMILY: Family = Family {
    name: "vgg",
    members: &["vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"],
    options: &[],
    build,
};

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

/// Convolutions stand apart by one for their ReLU, by one more for a normalisation, by one more for a pool.
fn network(keys: &Keys<'_>) -> Option<Built> {
    let first = keys.shape("features.0.weight")?;
    if first.get(1..)? != [3, 3, 3] || !keys.has("features.0.bias") {
        return None;
    }
    let mut places: Vec<usize> = keys
        .names()
        .filter_map(|k| k.strip_prefix("features.")?.strip_suffix(".weight")?.parse().ok())
        .filter(|i| keys.shape(&format!("features.{i}.weight")).is_some_and(|s| s.len() == 4))
        .collect();
    places.sort_unstable();
    let mut features = Vec::new();
    let (mut channels, mut norms) = (image_channels(keys, "features.0"), false);
    for (n, &place) in places.iter().enumerate() {
        // What is left between two convolutions is a pool.
        match place.checked_sub(features.len())? {
            0 => {}
            1 => features.push(max_pool(2, 2, 0, false)),
            _ => return None,
        }
        let conv = Conv::at(keys, &format!("features.{place}"), channels)?;
        channels = conv.output();
        features.push(conv.module());
        if keys.has(&format!("features.{}.running_mean", place + 1)) {
            norms = true;
            features.push(batch_norm(channels, 1e-5));
        }
        features.push(activation("ReLU"));
        if n + 1 == places.len() {
            features.push(max_pool(2, 2, 0, false));
        }
    }
    let mut notes = Vec::new();
    let classifier = classifier(keys, &[0, 3, 6], channels * 49, &mut notes)?;
    let m = Module::new("torchvision.models.vgg.VGG")
        .sub("features", seq(features))
        .sub("avgpool", adaptive(7))
        .sub("classifier", classifier);
    let suffix = if norms { "_bn" } else { "" };
    let mut built = Built::new(format!("vgg{}{suffix}", places.len() + 3), m);
    built.notes = notes;
    Some(built)
}
