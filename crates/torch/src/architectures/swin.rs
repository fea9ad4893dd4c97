//! Swin Transformer v1 and v2 (`torchvision/models/swin_transformer.py`). Owns: its blocks but for attention, and
//! recognition. Sizes of feature maps are known: they follow from the image's.

use super::swin_attention::attend;
use super::synth::{
    Conv, LAYER_NORM, activation, adaptive, dropout, flatten, head, layer_norm, linear, list, permute, seq,
};
use super::{Built, Family, Options, keys::Keys};
use crate::emit::Arg;
use crate::modules::{Apply, Class, Forward, Module, int, ints};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};
use std::rc::Rc;

pub(super) const MODULE: &str = "torchvision.models.swin_transformer";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

/// Blocks read the size of their map from [`Forward::image`], which the network keeps.
pub(super) const CLASSES: &[Class] = &[
    of("SwinTransformer", network_forward),
    of("SwinTransformerBlock", |f, m, x| {
        let y = f.child(m, "norm1", x)?;
        let y = attention(f, m, y)?;
        let x = f.add(x, y);
        let y = f.chain(m, &["norm2", "mlp"], x)?;
        Ok(f.add(x, y))
    }),
    of("SwinTransformerBlockV2", |f, m, x| {
        let y = attention(f, m, x)?;
        let y = f.child(m, "norm1", y)?;
        let x = f.add(x, y);
        let y = f.chain(m, &["mlp", "norm2"], x)?;
        Ok(f.add(x, y))
    }),
    of("PatchMerging", |f, m, x| {
        let x = merge(f, m, x)?;
        f.chain(m, &["norm", "reduction"], x)
    }),
    of("PatchMergingV2", |f, m, x| {
        let x = merge(f, m, x)?;
        f.chain(m, &["reduction", "norm"], x)
    }),
];

fn attention(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let Some(attn) = m.child("attn").map(Rc::clone) else { return Err(f.unsupported(m, "no `attn`")) };
    f.within("attn", |f| attend(f, &attn, x))
}

fn network_forward(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    if let Some(features) = m.child("features")
        && let Some(patch) = features.child("0").and_then(|c| c.child("0"))
        && let Some((h, w)) = f.image
    {
        // The patches do not overlap.
        let size = patch.ints("kernel_size", 2)?;
        let after = |n: usize, k: i64| usize::try_from(k).ok().filter(|k| *k > 0).map_or(0, |k| n / k);
        f.image = Some((after(h, size[0]), after(w, size[1])));
    }
    let x = f.chain(m, &["features", "norm"], x)?;
    let x = f.permute(x, &[0, 3, 1, 2]);
    let x = f.average(x, 1);
    let x = f.flatten(x);
    f.maybe(m, "head", x)
}

/// Four neighbours become one place with four times the channels; an odd map gets a row and column of zeros.
fn merge(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let Some((h, w)) = f.image else { return Err(f.unsupported(m, "an image of unknown size")) };
    let pads = [0, 0, 0, (w % 2) as i64, 0, (h % 2) as i64];
    let x =
        if h % 2 + w % 2 > 0 { f.op("aten::constant_pad_nd", vec![x.into(), ints(&pads), Arg::Float(0.0)]) } else { x };
    f.image = Some((h.div_ceil(2), w.div_ceil(2)));
    let every_other = |f: &mut Forward, x: ValueId, dim: i64, start: i64| {
        f.op("aten::slice.Tensor", vec![x.into(), int(dim), int(start), int(i64::MAX), int(2)])
    };
    let mut parts = Vec::new();
    for (row, column) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let part = every_other(f, x, -3, row);
        parts.push(every_other(f, part, -2, column));
    }
    Ok(f.cat(&parts, -1))
}

pub(super) const FAMILY: Family = Family {
    name: "swin",
    members: &["swin_t", "swin_s", "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b"],
    options: &[],
    build,
};

const EPS: f64 = 1e-5;

fn build(keys: &Keys<'_>, _: &Options) -> Result<Option<Built>> {
    Ok(network(keys))
}

fn network(keys: &Keys<'_>) -> Option<Built> {
    if !keys.has("features.1.0.attn.relative_position_index") {
        return None;
    }
    let patch = keys.dim("features.0.0.weight", 2)?;
    let embed = Conv::over_image(keys, "features.0.0")?.stride(patch).padding(0);
    let mut c = embed.output();
    let mut features = vec![seq(vec![embed.module(), permute(&[0, 2, 3, 1]), layer_norm(LAYER_NORM, c, EPS)])];
    let mut depths = Vec::new();
    let v2 = keys.has("features.1.0.attn.logit_scale");
    for i in 1.. {
        let at = format!("features.{i}");
        if keys.below(&format!("{at}.0.attn")) {
            let depth = keys.run(&format!("{at}."), 0);
            let blocks = (0..depth).map(|b| block(keys, &format!("{at}.{b}"), c, b % 2 == 1));
            features.push(seq(blocks.collect::<Option<_>>()?));
            depths.push(depth);
        } else if keys.below(&at) {
            let wide = c.checked_mul(4)?;
            let (class, norm) = if v2 { ("PatchMergingV2", c.checked_mul(2)?) } else { ("PatchMerging", wide) };
            let merging = Module::new(format!("{MODULE}.{class}"))
                .sub("reduction", linear(wide, c.checked_mul(2)?, false))
                .sub("norm", layer_norm(LAYER_NORM, norm, EPS));
            features.push(merging);
            c = c.checked_mul(2)?;
        } else {
            break;
        }
    }
    let mut notes = Vec::new();
    let last = head(keys, "head", c, &mut notes)?;
    let m = Module::new(format!("{MODULE}.SwinTransformer"))
        .sub("features", seq(features))
        .sub("norm", layer_norm(LAYER_NORM, c, EPS))
        .sub("permute", permute(&[0, 3, 1, 2]))
        .sub("avgpool", adaptive(1))
        .sub("flatten", flatten())
        .sub("head", last);
    let size = match (depths.as_slice(), embed.output()) {
        ([2, 2, 6, 2], 96) => "t",
        ([2, 2, 18, 2], 96) => "s",
        ([2, 2, 18, 2], 128) => "b",
        _ => "of another size",
    };
    let mut built = Built::new(format!("swin_{}{size}", if v2 { "v2_" } else { "" }), m);
    built.notes = notes;
    Some(built)
}

/// Window and heads show in the tables; every other block shifts its windows by half.
fn block(keys: &Keys<'_>, at: &str, c: usize, shifted: bool) -> Option<Module> {
    let v2 = keys.has(&format!("{at}.attn.logit_scale"));
    let index = keys.dim(&format!("{at}.attn.relative_position_index"), 0)?;
    let window = index.isqrt().isqrt();
    let heads = if v2 {
        keys.dim(&format!("{at}.attn.logit_scale"), 0)?
    } else {
        keys.dim(&format!("{at}.attn.relative_position_bias_table"), 1)?
    };
    let offsets = window.checked_mul(2)?.checked_sub(1)?;
    let shift = if shifted { window / 2 } else { 0 };
    let (attention, block) = if v2 {
        ("ShiftedWindowAttentionV2", "SwinTransformerBlockV2")
    } else {
        ("ShiftedWindowAttention", "SwinTransformerBlock")
    };
    let mut attn = Module::new(format!("{MODULE}.{attention}"))
        .with("window_size", list(&[window; 2]))
        .with("shift_size", list(&[shift; 2]))
        .with("num_heads", Attr::Int(heads as i64))
        .sub("qkv", linear(c, c.checked_mul(3)?, true))
        .sub("proj", linear(c, c, true))
        .param("relative_position_index", &[window.checked_pow(4)?]);
    attn = if v2 {
        let hidden = keys.dim(&format!("{at}.attn.cpb_mlp.0.weight"), 0)?;
        attn.param("relative_coords_table", &[1, offsets, offsets, 2])
            .param("logit_scale", &[heads, 1, 1])
            .sub("cpb_mlp", seq(vec![linear(2, hidden, true), activation("ReLU"), linear(hidden, heads, false)]))
    } else {
        attn.param("relative_position_bias_table", &[offsets.checked_mul(offsets)?, heads])
    };
    let hidden = keys.dim(&format!("{at}.mlp.0.weight"), 0)?;
    let mlp = [linear(c, hidden, true), activation("GELU"), dropout(), linear(hidden, c, true), dropout()];
    let mlp = mlp.into_iter().enumerate();
    let mlp = mlp.fold(Module::new("torchvision.ops.misc.MLP"), |m, (i, part)| m.sub(i.to_string(), part));
    Some(
        Module::new(format!("{MODULE}.{block}"))
            .sub("norm1", layer_norm(LAYER_NORM, c, EPS))
            .sub("attn", attn)
            .sub("norm2", layer_norm(LAYER_NORM, c, EPS))
            .sub("mlp", mlp),
    )
}
