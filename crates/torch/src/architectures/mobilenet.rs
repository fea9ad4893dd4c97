//! MobileNetV2 (`torchvision/models/mobilenetv2.py`, `mobilenet.py` until 0.8). Owns: its blocks and recognition.

use super::misc::features_then;
use super::synth::{Conv, activation, batch_norm, conv_norm_at, dropout, head, identity, image_channels, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, ValueId};

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: "torchvision.models.mobilenet", name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("MobileNetV2", |f, m, x| features_then(f, m, x, "classifier")),
    of("InvertedResidual", |f, m, x| {
        let y = f.child(m, "conv", x)?;
        Ok(if m.bool_or("use_res_connect", false) { f.add(x, y) } else { y })
    }),
];

pub(super) const FAMILY: Family = Family { name: "mobilenet_v2", members: &["mobilenet_v2"], options: &[], build };

/// How often each row of the paper's table repeats, and the stride of its first block (Sandler et al. 2018, table 2).
const ROWS: [(usize, usize); 7] = [(1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1)];
const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    let block = ["features.1.conv.0.0.weight", "features.1.conv.3.weight"];
    if !block.iter().any(|key| keys.has(key)) || !keys.has("features.0.0.weight") {
        return Ok(None);
    }
    let strides: Vec<usize> = ROWS.iter().flat_map(|&(n, s)| (0..n).map(move |i| if i == 0 { s } else { 1 })).collect();
    let blocks = (1..).take_while(|i| keys.below(&format!("features.{i}.conv"))).count();
    if blocks != strides.len() {
        return Err(Diagnostic::error(
            Code::TORCH_ARCHITECTURE,
            "the weights are those of a MobileNetV2 with another number of blocks: their strides do not show in weights",
        )
        .expected(format!("{} blocks", strides.len()))
        .found(format!("{blocks} blocks")));
    }
    Ok(network(keys, &strides))
}

fn network(keys: &Keys<'_>, strides: &[usize]) -> Option<Built> {
    let (stem, mut c) = conv_norm_at(keys, "features.0", image_channels(keys, "features.0.0"), 2, EPS, Some("ReLU6"))?;
    let mut features = vec![stem];
    for (i, &stride) in strides.iter().enumerate() {
        features.push(block(keys, &format!("features.{}.conv", i + 1), &mut c, stride)?);
    }
    let last = format!("features.{}", strides.len() + 1);
    let (last, c) = conv_norm_at(keys, &last, c, 1, EPS, Some("ReLU6"))?;
    features.push(last);
    let mut notes = Vec::new();
    // Other implementations, and development versions before torchvision 0.3, have the layer alone.
    let classifier = if keys.has("classifier.weight") {
        head(keys, "classifier", c, &mut notes)?
    } else if keys.below("classifier") {
        seq(vec![dropout(), head(keys, "classifier.1", c, &mut notes)?])
    } else {
        notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    let m = Module::new("torchvision.models.mobilenetv2.MobileNetV2")
        .sub("features", seq(features))
        .sub("classifier", classifier);
    let mut built = Built::new("mobilenet_v2", m);
    built.notes = notes;
    Some(built)
}

/// Expansion where there is one, depthwise convolution, projection.
fn block(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Module> {
    let input = *c;
    let flat = keys.shape(&format!("{at}.0.weight")).is_some();
    let parts = if flat { in_one_row(keys, at, c, stride)? } else { nested(keys, at, c, stride)? };
    let m = Module::new("torchvision.models.mobilenetv2.InvertedResidual")
        .with("use_res_connect", Attr::Bool(stride == 1 && input == *c));
    Some(m.sub("conv", seq(parts)))
}

/// As the first implementations for PyTorch have it (tonylins/pytorch-mobilenet-v2, 2018, and what came of it): each
/// convolution with its normalisation and activation behind it.
fn in_one_row(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Vec<Module>> {
    let count = (0..3).take_while(|i| keys.has(&format!("{at}.{}.weight", 3 * i))).count();
    let mut parts = Vec::new();
    for i in 0..count {
        let stride = if i + 2 == count { stride } else { 1 };
        let conv = Conv::at(keys, &format!("{at}.{}", 3 * i), *c)?.stride(stride);
        *c = conv.output();
        parts.extend([conv.module(), batch_norm(*c, EPS)]);
        if i + 1 < count {
            parts.push(activation("ReLU6"));
        }
    }
    Some(parts)
}

/// As torchvision has it: each convolution but the last in a module of its own.
fn nested(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Vec<Module>> {
    let mut parts = Vec::new();
    // The last convolution of a block stands by itself.
    let wrapped = (0..2).take_while(|i| keys.has(&format!("{at}.{i}.0.weight"))).count();
    for i in 0..wrapped {
        let stride = if i + 1 == wrapped { stride } else { 1 };
        let (part, out) = conv_norm_at(keys, &format!("{at}.{i}"), *c, stride, EPS, Some("ReLU6"))?;
        parts.push(part);
        *c = out;
    }
    let project = Conv::at(keys, &format!("{at}.{wrapped}"), *c)?;
    *c = project.output();
    parts.extend([project.module(), batch_norm(*c, EPS)]);
    Some(parts)
}
