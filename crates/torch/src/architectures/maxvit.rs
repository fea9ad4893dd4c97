//! MaxViT (`torchvision/models/maxvit.py`). Owns: its blocks and recognition. The size of the image is part of the model.

use super::synth::{
    Conv, LAYER_NORM, activation, adaptive, avg_pool, batch_norm, conv_norm_at, flatten, identity, image_channels,
    layer_norm, linear, linear_at, list, seq, squeeze_excitation,
};
use super::{Built, Family, Options, keys::Keys};
use crate::modules::{Apply, Class, Forward, Module, int, ints};
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

const MODULE: &str = "torchvision.models.maxvit";

const fn of(name: &'static str, f: fn(&mut Forward, &Module, ValueId) -> Result<ValueId>) -> Class {
    Class { of: MODULE, name, apply: Apply::One(f) }
}

pub(super) const CLASSES: &[Class] = &[
    of("MaxVit", |f, m, x| {
        let x = f.child(m, "stem", x)?;
        let x = each(f, m, "blocks", x)?;
        f.maybe(m, "classifier", x)
    }),
    of("MaxVitBlock", |f, m, x| each(f, m, "layers", x)),
    of("MaxVitLayer", |f, m, x| f.child(m, "layers", x)),
    of("MBConv", |f, m, x| {
        let kept = f.child(m, "proj", x)?;
        let x = f.child(m, "layers", x)?;
        Ok(f.add(kept, x))
    }),
    of("SwapAxes", |f, m, x| {
        let (a, b) = (int(m.int("a")?), int(m.int("b")?));
        Ok(f.op("aten::transpose.int", vec![x.into(), a, b]))
    }),
    of("PartitionAttentionLayer", partition),
    of("RelativePositionalMultiHeadAttention", attention),
];

fn each(f: &mut Forward, m: &Module, list: &str, x: ValueId) -> Result<ValueId> {
    let Some(all) = m.child(list).cloned() else { return Err(f.unsupported(m, &format!("no `{list}`"))) };
    f.within(list, |f| all.children.iter().try_fold(x, |x, (name, _)| f.child(&all, name, x)))
}

/// The size of image that the grids were made for: the first is a quarter of it.
pub(super) fn image_size(m: &Module) -> usize {
    let first = m.child("blocks").and_then(|b| b.children.first()).map(|(_, b)| b);
    let side = first.and_then(|b| b.ints("grid_size", 2).ok()).and_then(|g| usize::try_from(g[0]).ok());
    side.and_then(|s| s.checked_mul(4)).unwrap_or(224)
}

/// Attention inside of windows, or across a grid of places.
fn partition(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let grid = m.ints("grid_size", 2)?;
    let p = m.int("p")?;
    if p <= 0 || grid.iter().any(|g| *g <= 0 || g % p != 0) {
        return Err(m.wrong("p", "a divisor of the grid"));
    }
    let norm = m.child("attn_layer").and_then(|a| a.child("0"));
    let c = norm.and_then(|n| n.list("normalized_shape").ok()).and_then(|s| s.first().copied());
    let c = c.ok_or_else(|| f.unsupported(m, "no normalisation"))?;
    let (rows, columns) = (grid[0] / p, grid[1] / p);
    let windows = rows.checked_mul(columns).ok_or_else(|| m.wrong("grid_size", "a smaller grid"))?;
    let area = p.checked_mul(p).ok_or_else(|| m.wrong("p", "a smaller window"))?;
    let mut x = f.reshape(x, &[-1, c, rows, p, columns, p]);
    x = f.permute(x, &[0, 2, 4, 3, 5, 1]);
    x = f.reshape(x, &[-1, windows, area, c]);
    x = f.maybe(m, "partition_swap", x)?;
    for part in ["attn_layer", "mlp_layer"] {
        let y = f.child(m, part, x)?;
        x = f.add(x, y);
    }
    x = f.maybe(m, "departition_swap", x)?;
    x = f.reshape(x, &[-1, rows, columns, p, p, c]);
    x = f.permute(x, &[0, 5, 1, 3, 2, 4]);
    Ok(f.reshape(x, &[-1, c, grid[0], grid[1]]))
}

/// `x` is `[batch, groups, places, features]`.
fn attention(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let (heads, size, length) = (m.int("n_heads")?, m.int("head_dim")?, m.int("max_seq_len")?);
    let qkv = f.child(m, "to_qkv", x)?;
    let parts = f.emit.call("aten::chunk", vec![qkv.into(), int(3), int(-1)], Vec::new(), 3);
    let &[q, k, v] = parts.as_slice() else { return Err(f.unsupported(m, "other than three parts")) };
    let [q, k, v] = [q, k, v].map(|x| {
        let x = f.op("aten::unflatten.int", vec![x.into(), int(-1), ints(&[heads, size])]);
        f.permute(x, &[0, 1, 3, 2, 4])
    });
    let default = (heads.saturating_mul(size) as f64).powf(-0.5);
    let k = f.op("aten::mul.Scalar", vec![k.into(), m.float_or("scale_factor", default).into()]);
    let k = f.op("aten::transpose.int", vec![k.into(), int(-2), int(-1)]);
    let scores = f.op("aten::matmul", vec![q.into(), k.into()]);
    let (table, index) = (f.param(m, "relative_position_bias_table")?, f.param(m, "relative_position_index")?);
    let index = f.reshape(index, &[-1]);
    let bias = f.op("aten::index_select", vec![table.into(), int(0), index.into()]);
    let bias = f.reshape(bias, &[length, length, -1]);
    let bias = f.permute(bias, &[2, 0, 1]);
    let scores = f.add(scores, bias);
    let scores = f.op("aten::softmax.int", vec![scores.into(), int(-1)]);
    let x = f.op("aten::matmul", vec![scores.into(), v.into()]);
    let x = f.permute(x, &[0, 1, 3, 2, 4]);
    let x = f.op("aten::flatten.using_ints", vec![x.into(), int(-2), int(-1)]);
    f.child(m, "merge", x)
}

pub(super) const FAMILY: Family = Family { name: "maxvit", members: &["maxvit_t"], options: &["image_size"], build };

const EPS: f64 = 1e-3;

fn build(keys: &Keys<'_>, options: &Options) -> Result<Option<Built>> {
    let given: Option<usize> = options.get("image_size")?;
    let Some(mut built) = network(keys, given.unwrap_or(224)) else { return Ok(None) };
    if given.is_none() {
        built.notes.push(
            "the size of the image that the grids are made for does not show in weights: 224 (`--arch \
             maxvit,image_size=…`)"
                .to_owned(),
        );
    }
    Ok(Some(built))
}

fn network(keys: &Keys<'_>, image: usize) -> Option<Built> {
    if !keys.has("blocks.0.layers.0.layers.MBconv.layers.conv_c.weight") {
        return None;
    }
    let (first, c) = conv_norm_at(keys, "stem.0", image_channels(keys, "stem.0.0"), 2, EPS, Some("GELU"))?;
    let second = Conv::at(keys, "stem.1.0", c)?;
    let stem = seq(vec![first, Module::new("torchvision.ops.misc.Conv2dNormActivation").sub("0", second.module())]);
    let mut c = second.output();
    let mut side = image.div_ceil(2);
    let mut blocks = Module::new("torch.nn.modules.container.ModuleList");
    for b in 0..keys.run("blocks.", 0) {
        side = side.div_ceil(2);
        let mut layers = Module::new("torch.nn.modules.container.ModuleList");
        for l in 0..keys.run(&format!("blocks.{b}.layers."), 0) {
            let at = format!("blocks.{b}.layers.{l}.layers");
            layers = layers.sub(l.to_string(), layer(keys, &at, &mut c, if l == 0 { 2 } else { 1 }, side)?);
        }
        let block = Module::new(format!("{MODULE}.MaxVitBlock")).with("grid_size", list(&[side; 2]));
        blocks = blocks.sub(b.to_string(), block.sub("layers", layers));
    }
    let mut built = Built::new("maxvit_t", Module::new(format!("{MODULE}.MaxVit")));
    let classifier = if keys.below("classifier") {
        let hidden = keys.dim("classifier.3.weight", 0)?;
        seq(vec![
            adaptive(1),
            flatten(),
            layer_norm(LAYER_NORM, c, 1e-5),
            linear_at(keys, "classifier.3", c)?,
            activation("Tanh"),
            linear_at(keys, "classifier.5", hidden)?,
        ])
    } else {
        built.notes.push(format!("the file has no `classifier`: the model ends in its {c} features"));
        identity()
    };
    built.module = built.module.sub("stem", stem).sub("blocks", blocks).sub("classifier", classifier);
    Some(built)
}

fn layer(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize, side: usize) -> Option<Module> {
    let mut parts = Module::new("torch.nn.modules.container.Sequential").sub("MBconv", mb_conv(keys, at, c, stride)?);
    for kind in ["window", "grid"] {
        parts =
            parts.sub(format!("{kind}_attention"), partition_at(keys, &format!("{at}.{kind}_attention"), *c, side)?);
    }
    Some(Module::new(format!("{MODULE}.MaxVitLayer")).sub("layers", parts))
}

fn mb_conv(keys: &Keys<'_>, at: &str, c: &mut usize, stride: usize) -> Option<Module> {
    let at = format!("{at}.MBconv");
    let input = *c;
    let layers = format!("{at}.layers");
    let (a, n) = conv_norm_at(keys, &format!("{layers}.conv_a"), input, 1, EPS, Some("GELU"))?;
    let (b, n) = conv_norm_at(keys, &format!("{layers}.conv_b"), n, stride, EPS, Some("GELU"))?;
    let last = Conv::at(keys, &format!("{layers}.conv_c"), n)?;
    *c = last.output();
    let body = Module::new("torch.nn.modules.container.Sequential")
        .sub("pre_norm", batch_norm(input, EPS))
        .sub("conv_a", a)
        .sub("conv_b", b)
        .sub(
            "squeeze_excitation",
            squeeze_excitation(keys, &format!("{layers}.squeeze_excitation"), n, "SiLU", "Sigmoid")?,
        )
        .sub("conv_c", last.module());
    let pointwise = || Conv::new(input, *c, [1, 1]).bias(true).module();
    let proj = match (stride, input == *c) {
        (2, _) => seq(vec![avg_pool(3, 2, 1), pointwise()]),
        (_, false) => seq(vec![pointwise()]),
        _ => identity(),
    };
    Some(Module::new(format!("{MODULE}.MBConv")).sub("proj", proj).sub("layers", body))
}

fn partition_at(keys: &Keys<'_>, at: &str, c: usize, side: usize) -> Option<Module> {
    let &[offsets, heads] = keys.shape(&format!("{at}.attn_layer.1.relative_position_bias_table"))? else {
        return None;
    };
    // 2 · size − 1 offsets each way.
    let size = offsets.isqrt().checked_add(1)? / 2;
    let area = size.checked_mul(size)?;
    let grid = at.ends_with("grid_attention");
    let p = if grid { side.checked_div(size)? } else { size };
    let head = c.checked_div(heads)?;
    let attention = Module::new(format!("{MODULE}.RelativePositionalMultiHeadAttention"))
        .with("n_heads", Attr::Int(heads as i64))
        .with("head_dim", Attr::Int(head as i64))
        .with("max_seq_len", Attr::Int(area as i64))
        .with("scale_factor", Attr::Float((c as f64).powf(-0.5)))
        .sub("to_qkv", linear(c, c.checked_mul(3)?, true))
        .sub("merge", linear(c, c, true))
        .param("relative_position_bias_table", &[offsets, heads])
        .param("relative_position_index", &[area, area]);
    let hidden = keys.dim(&format!("{at}.mlp_layer.1.weight"), 0)?;
    let mlp = seq(vec![
        layer_norm(LAYER_NORM, c, 1e-5),
        linear(c, hidden, true),
        activation("GELU"),
        linear(hidden, c, true),
    ]);
    let swap = || {
        if !grid {
            return identity();
        }
        Module::new(format!("{MODULE}.SwapAxes")).with("a", Attr::Int(-2)).with("b", Attr::Int(-3))
    };
    Some(
        Module::new(format!("{MODULE}.PartitionAttentionLayer"))
            .with("grid_size", list(&[side; 2]))
            .with("p", Attr::Int(p as i64))
            .sub("partition_swap", swap())
            .sub("departition_swap", swap())
            .sub("attn_layer", seq(vec![layer_norm(LAYER_NORM, c, 1e-5), attention]))
            .sub("mlp_layer", mlp),
    )
}
