//! MobileNetV3 (`torchvision/models/mobilenetv3.py`). Owns: its blocks and recognition.

use super::misc::features_then;
use super::synth::{
    activation, adaptive, conv_norm_at, dropout, identity, image_channels, linear_at, seq, squeeze_excitation,
};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.mobilenetv3";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("MobileNetV3", |f, m, x| features_then(f, m, x, "classifier")),
    of("InvertedResidual", |f, m, x| {
        let y = f.child(m, "block", x)?;
        Ok(if m.bool_or("use_res_connect", false) { f.add(y, x) } else { y })
    }),
];

pub(super) const FAMILY: Family =
    Family { name: "mobilenet_v3", members: &["mobilenet_v3_large", "mobilenet_v3_small"], options: &[], build };

/// Stride and activation of each block (Howard et al. 2019, tables 1 and 2); sizes follow from the weights.
const LARGE: [(usize, &str); 15] = {
    const R: &str = "ReLU";
    const H: &str = "Hardswish";
    [
        (1, R),
        (2, R),
        (1, R),
        (2, R),
        (1, R),
        (1, R),
        (2, H),
        (1, H),
        (1, H),
        (1, H),
        (1, H),
        (1, H),
        (2, H),
        (1, H),
        (1, H),
    ]
};
const SMALL: [(usize, &str); 11] = {
    const R: &str = "ReLU";
    const H: &str = "Hardswish";
    [(2, R), (2, R), (1, R), (2, H), (1, H), (1, H), (1, H), (1, H), (2, H), (1, H), (1, H)]
};
const EPS: f64 = 1e-3;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    if !keys.has("features.1.block.0.0.weight") || keys.has("features.1.0.block.0.0.weight") {
        return Ok(None);
    }
    let blocks = (1..).take_while(|i| keys.below(&format!("features.{i}.block"))).count();
    let (name, table): (_, &[_]) = match blocks {
        15 => ("mobilenet_v3_large", &LARGE),
        11 => ("mobilenet_v3_small", &SMALL),
        _ => {
            return Err(Diagnostic::error(
                Code::TORCH_ARCHITECTURE,
                "the weights are those of a MobileNetV3 with another number of blocks: their strides do not show in \
                 weights",
            )
            .expected("15 blocks (large) or 11 (small)")
            .found(format!("{blocks} blocks")));
        }
    };
    Ok(network(keys, name, table))
}

fn network(keys: &Keys<'_>, name: &str, table: &[(usize, &str)]) -> Option<Built> {
    let (stem, mut c) =
        conv_norm_at(keys, "features.0", image_channels(keys, "features.0.0"), 2, EPS, Some("Hardswish"))?;
    let mut features = vec![stem];
    for (i, (stride, act)) in table.iter().enumerate() {
        features.push(block(keys, &format!("features.{}.block", i + 1), &mut c, *stride, act)?);
    }
    let last = format!("features.{}", table.len() + 1);
    let (last, c) = conv_norm_at(keys, &last, c, 1, EPS, Some("Hardswish"))?;
    features.push(last);
    let mut built = Built::new(name, Module::new(format!("{MODULE}.MobileNetV3")));
    let classifier = if keys.below("classifier") {
        let hidden = keys.dim("classifier.0.weight", 0)?;
        let first = linear_at(keys, "classifier.0", c)?;
        seq(vec![first, activation("Hardswish"), dropout(), linear_at(keys, "classifier.3", hidden)?])
    } else {
        built.notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    built.notes.push(
        "strides and activations are those of torchvision's configuration; a dilated one has the same weights"
            .to_owned(),
    );
    built.module =
        built.module.sub("features", seq(features)).sub("avgpool", adaptive(1)).sub("classifier", classifier);
    Some(built)
}

/// Expansion where there is one, depthwise convolution, squeeze-excitation where there is one, projection.
fn block(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize, act: &str) -> Option<Module> {
    let input = *c;
    let parts = keys.run(&format!("{at}."), 0);
    let squeeze = (0..parts).find(|i| keys.below(&format!("{at}.{i}.fc1")));
    let depthwise = squeeze.unwrap_or(parts.checked_sub(1)?).checked_sub(1)?;
    let mut out = Vec::new();
    for i in 0..parts {
        let at = format!("{at}.{i}");
        if Some(i) == squeeze {
            out.push(squeeze_excitation(keys, &at, *c, "ReLU", "Hardsigmoid")?);
            continue;
        }
        let act = if i + 1 == parts { None } else { Some(act) };
        let (part, n) = conv_norm_at(keys, &at, *c, if i == depthwise { stride } else { 1 }, EPS, act)?;
        out.push(part);
        *c = n;
    }
    let m = Module::new(format!("{MODULE}.InvertedResidual"))
        .with("use_res_connect", Attr::Bool(stride == 1 && input == *c));
    Some(m.sub("block", seq(out)))
}
