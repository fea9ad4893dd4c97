//! ConvNeXt (`torchvision/models/convnext.py`). Owns: its blocks and recognition.

use super::synth::{Conv, LAYER_NORM, activation, adaptive, flatten, identity, layer_norm, linear_at, permute, seq};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, layer_norm as apply_layer_norm};
use modelport_diag::Result;
use modelport_ir::ValueId;

const MODULE: &str = "torchvision.models.convnext";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("ConvNeXt", |f, m, x| {
        let x = f.chain(m, &["features", "avgpool"], x)?;
        f.maybe(m, "classifier", x)
    }),
    of("CNBlock", |f, m, x| {
        let y = f.child(m, "block", x)?;
        let scale = f.param(m, "layer_scale")?;
        let y = f.op("aten::mul.Tensor", vec![scale.into(), y.into()]);
        Ok(f.add(y, x))
    }),
    of("LayerNorm2d", |f, m, x| {
        let x = f.permute(x, &[0, 2, 3, 1]);
        let x = apply_layer_norm(f, m, x)?;
        Ok(f.permute(x, &[0, 3, 1, 2]))
    }),
];

pub(super) const FAMILY: Family = Family {
    name: "convnext",
    members: &["convnext_tiny", "convnext_small", "convnext_base", "convnext_large"],
    options: &[],
    build,
};

const EPS: f64 = 1e-6;
const NORM_2D: &str = "torchvision.models.convnext.LayerNorm2d";

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("features.1.0.layer_scale") {
        return None;
    }
    let kernel = keys.dim("features.0.0.weight", 2)?;
    let stem = Conv::over_image(keys, "features.0.0")?.stride(kernel).padding(0);
    let mut c = stem.output();
    let first = Module::new("torchvision.ops.misc.Conv2dNormActivation")
        .sub("0", stem.module())
        .sub("1", layer_norm(NORM_2D, c, EPS));
    let mut features = vec![first];
    let mut depths = Vec::new();
    for i in 1.. {
        let at = format!("features.{i}");
        if keys.has(&format!("{at}.0.layer_scale")) {
            let depth = keys.run(&format!("{at}."), 0);
            let blocks = (0..depth).map(|b| block(keys, &format!("{at}.{b}.block"), c));
            features.push(seq(blocks.collect::<Option<_>>()?));
            depths.push(depth);
        } else if keys.below(&at) {
            let kernel = keys.dim(&format!("{at}.1.weight"), 2)?;
            let conv = Conv::at(keys, &format!("{at}.1"), c)?.stride(kernel).padding(0);
            features.push(seq(vec![layer_norm(NORM_2D, c, EPS), conv.module()]));
            c = conv.output();
        } else {
            break;
        }
    }
    let name = match (depths.as_slice(), stem.output()) {
        ([3, 3, 9, 3], 96) => "convnext_tiny",
        ([3, 3, 27, 3], 96) => "convnext_small",
        ([3, 3, 27, 3], 128) => "convnext_base",
        ([3, 3, 27, 3], 192) => "convnext_large",
        _ => "convnext of another size",
    };
    let mut built = Built::new(name, Module::new(format!("{MODULE}.ConvNeXt")));
    let classifier = if keys.below("classifier") {
        seq(vec![layer_norm(NORM_2D, c, EPS), flatten(), linear_at(keys, "classifier.2", c)?])
    } else {
        built.notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    built.module =
        built.module.sub("features", seq(features)).sub("avgpool", adaptive(1)).sub("classifier", classifier);
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, c: usize) -> Option<Module> {
    let conv = Conv::at(keys, &format!("{at}.0"), c)?;
    let hidden = keys.dim(&format!("{at}.3.weight"), 0)?;
    let body = seq(vec![
        conv.module(),
        permute(&[0, 2, 3, 1]),
        layer_norm(LAYER_NORM, c, EPS),
        linear_at(keys, &format!("{at}.3"), c)?,
        activation("GELU"),
        linear_at(keys, &format!("{at}.5"), hidden)?,
        permute(&[0, 3, 1, 2]),
    ]);
    Some(Module::new(format!("{MODULE}.CNBlock")).param("layer_scale", &[c, 1, 1]).sub("block", body))
}
