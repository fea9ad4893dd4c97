//! Vision Transformer (`torchvision/models/vision_transformer.py`). Owns: its blocks and recognition.

use super::synth::{Conv, LAYER_NORM, activation, dropout, head, identity, layer_norm, linear, linear_at};
use super::{Built, Family, Options, keys::Keys};
use crate::emit::Arg;
use crate::modules::{Apply, Class, Forward, Module, Val, int};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.vision_transformer";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("VisionTransformer", |f, m, x| {
        let batch = f.op("aten::sym_size.int", vec![x.into(), int(0)]);
        let patches = f.child(m, "conv_proj", x)?;
        let patches = f.op("aten::flatten.using_ints", vec![patches.into(), int(2), int(-1)]);
        let patches = f.permute(patches, &[0, 2, 1]);
        let token = f.param(m, "class_token")?;
        let shape = Arg::List(vec![batch.into(), int(-1), int(-1)]);
        let token = f.op("aten::expand", vec![token.into(), shape]);
        let x = f.cat(&[token, patches], 1);
        let x = f.child(m, "encoder", x)?;
        let x = f.op("aten::select.int", vec![x.into(), int(1), int(0)]);
        f.maybe(m, "heads", x)
    }),
    of("Encoder", |f, m, x| {
        let position = f.param(m, "pos_embedding")?;
        let x = f.add(x, position);
        f.chain(m, &["layers", "ln"], x)
    }),
    of("EncoderBlock", |f, m, x| {
        let y = f.child(m, "ln_1", x)?;
        let y = f.child_with(m, "self_attention", &[Val::One(y), Val::One(y), Val::One(y)])?;
        let y = y.first().ok_or_else(|| f.unsupported(m, "an attention that gives nothing"))?;
        let x = f.add(y, x);
        let y = f.chain(m, &["ln_2", "mlp"], x)?;
        Ok(f.add(x, y))
    }),
];

pub(super) const FAMILY: Family = Family {
    name: "vit",
    members: &["vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"],
    options: &["num_heads"],
    build,
};

const EPS: f64 = 1e-6;

fn build(keys: &Keys<'_>, options: &Options) -> Result<Option<Built>> {
    let (Some(hidden), Some(position)) = (keys.dim("class_token", 2), keys.shape("encoder.pos_embedding")) else {
        return Ok(None);
    };
    let given: Option<usize> = options.get("num_heads")?;
    let known = match hidden {
        768 => Some(12),
        1024 | 1280 => Some(16),
        _ => None,
    };
    let heads = given.or(known).or((hidden % 64 == 0).then_some(hidden / 64));
    let Some(heads) = heads.filter(|h| *h > 0 && hidden % h == 0) else {
        return Err(Diagnostic::error(
            Code::TORCH_ARCHITECTURE,
            format!("how many heads attention over {hidden} features has does not show in weights"),
        )
        .help("say it: --arch vit,num_heads=…"));
    };
    let positions = position.get(1).copied().unwrap_or(0);
    let Some(mut built) = network(keys, hidden, heads, positions) else { return Ok(None) };
    if given.is_none() {
        let why = if known.is_some() { "as torchvision's members have" } else { "64 features each" };
        built
            .notes
            .push(format!("{heads} attention heads, {why}: they do not show in weights (`--arch vit,num_heads=…`)"));
    }
    Ok(Some(built))
}

fn network(keys: &Keys<'_>, hidden: usize, heads: usize, positions: usize) -> Option<Built> {
    let patch = keys.dim("conv_proj.weight", 2)?;
    let proj = Conv::over_image(keys, "conv_proj")?.stride(patch).padding(0);
    let image = positions.checked_sub(1)?.isqrt().checked_mul(patch)?;
    let mut layers = Module::new("torch.nn.modules.container.Sequential");
    let depth = keys.run("encoder.layers.encoder_layer_", 0);
    for i in 0..depth {
        let block = block(keys, &format!("encoder.layers.encoder_layer_{i}"), hidden, heads)?;
        layers = layers.sub(format!("encoder_layer_{i}"), block);
    }
    let encoder = Module::new(format!("{MODULE}.Encoder"))
        .param("pos_embedding", &[1, positions, hidden])
        .sub("layers", layers)
        .sub("ln", layer_norm(LAYER_NORM, hidden, EPS));
    let mut notes = Vec::new();
    let heads = if keys.below("heads") {
        let mut sequence = Module::new("torch.nn.modules.container.Sequential");
        let mut c = hidden;
        if keys.below("heads.pre_logits") {
            sequence =
                sequence.sub("pre_logits", linear_at(keys, "heads.pre_logits", c)?).sub("act", activation("Tanh"));
            c = keys.dim("heads.pre_logits.weight", 0)?;
        }
        sequence.sub("head", head(keys, "heads.head", c, &mut notes)?)
    } else {
        notes.push(format!("the file has no `heads`: the model ends in its {hidden} features"));
        identity()
    };
    let m = Module::new(format!("{MODULE}.VisionTransformer"))
        .with("image_size", Attr::Int(image as i64))
        .param("class_token", &[1, 1, hidden])
        .sub("conv_proj", proj.module())
        .sub("encoder", encoder)
        .sub("heads", heads);
    let size = match (hidden, depth) {
        (768, 12) => "b",
        (1024, 24) => "l",
        (1280, 32) => "h",
        _ => "of another size",
    };
    let mut built = Built::new(format!("vit_{size}_{patch}"), m);
    built.notes = notes;
    Some(built)
}

fn block(keys: &Keys<'_>, at: &str, hidden: usize, heads: usize) -> Option<Module> {
    let mlp = keys.dim(&format!("{at}.mlp.0.weight"), 0)?;
    let attention = Module::new("torch.nn.modules.activation.MultiheadAttention")
        .with("num_heads", Attr::Int(heads as i64))
        .with("batch_first", Attr::Bool(true))
        .param("in_proj_weight", &[hidden.checked_mul(3)?, hidden])
        .param("in_proj_bias", &[hidden.checked_mul(3)?])
        .sub("out_proj", linear(hidden, hidden, true));
    let parts = [linear(hidden, mlp, true), activation("GELU"), dropout(), linear(mlp, hidden, true), dropout()];
    let mlp = parts.into_iter().enumerate();
    let mlp = mlp.fold(Module::new(format!("{MODULE}.MLPBlock")), |m, (i, part)| m.sub(i.to_string(), part));
    Some(
        Module::new(format!("{MODULE}.EncoderBlock"))
            .sub("ln_1", layer_norm(LAYER_NORM, hidden, EPS))
            .sub("self_attention", attention)
            .sub("ln_2", layer_norm(LAYER_NORM, hidden, EPS))
            .sub("mlp", mlp),
    )
}
