//! EfficientNet v1 and v2 (`torchvision/models/efficientnet.py`). Owns: their blocks and recognition.

use super::misc::features_then;
use super::synth::{adaptive, conv_norm_at, dropout, head, identity, image_channels, seq, squeeze_excitation};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.efficientnet";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("EfficientNet", |f, m, x| features_then(f, m, x, "classifier")),
    of("MBConv", residual),
    of("FusedMBConv", residual),
];

fn residual(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let y = f.child(m, "block", x)?;
    Ok(if m.bool_or("use_res_connect", false) { f.add(y, x) } else { y })
}

pub(super) const FAMILY: Family = Family {
    name: "efficientnet",
    members: &[
        "efficientnet_b0",
        "efficientnet_b1",
        "efficientnet_b2",
        "efficientnet_b3",
        "efficientnet_b4",
        "efficientnet_b5",
        "efficientnet_b6",
        "efficientnet_b7",
        "efficientnet_v2_s",
        "efficientnet_v2_m",
        "efficientnet_v2_l",
    ],
    options: &["eps"],
    build,
};

/// The members by the depths of their stages and the width of their stem. `eps` of their normalisation differs.
const MEMBERS: &[(&str, &[usize], usize, f64)] = &[
    ("efficientnet_b0", &[1, 2, 2, 3, 3, 4, 1], 32, 1e-5),
    ("efficientnet_b1", &[2, 3, 3, 4, 4, 5, 2], 32, 1e-5),
    ("efficientnet_b2", &[2, 3, 3, 4, 4, 5, 2], 32, 1e-5),
    ("efficientnet_b3", &[2, 3, 3, 5, 5, 6, 2], 40, 1e-5),
    ("efficientnet_b4", &[2, 4, 4, 6, 6, 8, 2], 48, 1e-5),
    ("efficientnet_b5", &[3, 5, 5, 7, 7, 9, 3], 48, 1e-3),
    ("efficientnet_b6", &[3, 6, 6, 8, 8, 11, 3], 56, 1e-3),
    ("efficientnet_b7", &[4, 7, 7, 10, 10, 13, 4], 64, 1e-3),
    ("efficientnet_v2_s", &[2, 4, 4, 6, 9, 15], 24, 1e-3),
    ("efficientnet_v2_m", &[3, 5, 5, 7, 14, 18, 5], 24, 1e-3),
    ("efficientnet_v2_l", &[4, 7, 7, 10, 19, 25, 7], 32, 1e-3),
];
const V1: [usize; 7] = [1, 2, 2, 2, 1, 2, 1];
const V2: [usize; 7] = [1, 2, 2, 2, 1, 2, 1];

fn build(keys: &Keys<'_>, options: &Options) -> Result<Option<Built>> {
    if !keys.has("features.1.0.block.0.0.weight") || !keys.has("features.0.0.weight") {
        return Ok(None);
    }
    let eps: Option<f64> = options.get("eps")?;
    let stages = (1..).take_while(|i| keys.below(&format!("features.{i}.0.block"))).count();
    let depths: Vec<usize> = (1..=stages).map(|s| keys.run(&format!("features.{s}."), 0)).collect();
    let stem = keys.dim("features.0.0.weight", 0);
    let wider = keys.dim("features.8.0.weight", 0) == Some(1408);
    let known = MEMBERS.iter().filter(|(_, d, width, _)| **d == depths && Some(*width) == stem);
    let known = known.clone().find(|(name, ..)| (*name == "efficientnet_b2") == wider).or(known.clone().next());
    let fused = !keys.below("features.1.0.block.1.fc1");
    let strides = if fused { V2 } else { V1 };
    if stages > strides.len() {
        return Err(Diagnostic::error(
            Code::TORCH_ARCHITECTURE,
            "the weights are those of an EfficientNet with more stages than any of torchvision's",
        )
        .expected(format!("at most {}", strides.len()))
        .found(stages.to_string()));
    }
    let (name, default) = known.map_or(("efficientnet of another size", 1e-5), |(name, _, _, eps)| (*name, *eps));
    let Some(mut built) = network(keys, name, &depths, &strides, eps.unwrap_or(default)) else { return Ok(None) };
    if known.is_none() {
        built.notes.push("strides are those of torchvision's configurations".to_owned());
        if eps.is_none() {
            built.notes.push(
                "`eps` of the batch normalisation does not show in weights: 1e-5 (`--arch efficientnet,eps=…`)"
                    .to_owned(),
            );
        }
    }
    Ok(Some(built))
}

fn network(keys: &Keys<'_>, name: &str, depths: &[usize], strides: &[usize], eps: f64) -> Option<Built> {
    let (stem, mut c) = conv_norm_at(keys, "features.0", image_channels(keys, "features.0.0"), 2, eps, Some("SiLU"))?;
    let mut features = vec![stem];
    for (s, (&depth, &stride)) in depths.iter().zip(strides).enumerate() {
        let mut blocks = Vec::new();
        for i in 0..depth {
            let at = format!("features.{}.{i}.block", s + 1);
            blocks.push(block(keys, &at, &mut c, if i == 0 { stride } else { 1 }, eps)?);
        }
        features.push(seq(blocks));
    }
    let (last, c) = conv_norm_at(keys, &format!("features.{}", depths.len() + 1), c, 1, eps, Some("SiLU"))?;
    features.push(last);
    let mut notes = Vec::new();
    let classifier = if keys.below("classifier") {
        seq(vec![dropout(), head(keys, "classifier.1", c, &mut notes)?])
    } else {
        notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    let m = Module::new(format!("{MODULE}.EfficientNet"))
        .sub("features", seq(features))
        .sub("avgpool", adaptive(1))
        .sub("classifier", classifier);
    let mut built = Built::new(name, m);
    built.notes = notes;
    Some(built)
}

/// With a squeeze-excitation an inverted residual, without one the fused kind: the strided convolution is first there.
fn block(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize, eps: f64) -> Option<Module> {
    let input = *c;
    let parts = keys.run(&format!("{at}."), 0);
    let squeeze = (0..parts).find(|i| keys.below(&format!("{at}.{i}.fc1")));
    let strided = match squeeze {
        Some(s) => s.checked_sub(1)?,
        None => 0,
    };
    // A fused block without expansion is a single convolution with its activation.
    let single = parts == 1;
    let mut out = Vec::new();
    for i in 0..parts {
        let at = format!("{at}.{i}");
        if Some(i) == squeeze {
            out.push(squeeze_excitation(keys, &at, *c, "SiLU", "Sigmoid")?);
            continue;
        }
        let act = if i + 1 == parts && !single { None } else { Some("SiLU") };
        let (part, n) = conv_norm_at(keys, &at, *c, if i == strided { stride } else { 1 }, eps, act)?;
        out.push(part);
        *c = n;
    }
    let class = if squeeze.is_some() { "MBConv" } else { "FusedMBConv" };
    let m = Module::new(format!("{MODULE}.{class}")).with("use_res_connect", Attr::Bool(stride == 1 && input == *c));
    Some(m.sub("block", seq(out)))
}
