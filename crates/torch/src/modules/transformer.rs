//! Layers of the `Transformer`, without masks.

use super::attention::attention;
use super::{Class, Forward, Module, Val, nn, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Attr, ValueId};

pub(super) const CLASSES: &[Class] = &[
    nn("TransformerEncoderLayer", encoder_layer),
    nn_any("TransformerDecoderLayer", |f, m, inputs| match inputs {
        [Val::One(x), Val::One(memory)] => decoder_layer(f, m, *x, *memory).map(Val::One),
        _ => Err(f.arity(m, "target and memory", inputs)),
    }),
    nn("TransformerEncoder", |f, m, x| {
        let x = stack(f, m, &[Val::One(x)])?;
        f.maybe(m, "norm", x)
    }),
    nn_any("TransformerDecoder", |f, m, inputs| {
        let x = stack(f, m, inputs)?;
        f.maybe(m, "norm", x).map(Val::One)
    }),
    nn_any("Transformer", |f, m, inputs| match inputs {
        [Val::One(source), Val::One(target)] => {
            let memory = f.child(m, "encoder", *source)?;
            f.child_with(m, "decoder", &[Val::One(*target), Val::One(memory)])
        }
        _ => Err(f.arity(m, "source and target", inputs)),
    }),
];

/// Calls the layers of `layers` with the running value and whatever else was given.
fn stack(f: &mut Forward, m: &Module, inputs: &[Val]) -> Result<ValueId> {
    let wrong = |f: &Forward| f.arity(m, "a sequence", inputs);
    let (Some(Val::One(x)), Some(layers)) = (inputs.first(), m.child("layers").cloned()) else { return Err(wrong(f)) };
    f.within("layers", |f| {
        let mut x = *x;
        for (name, _) in &layers.children {
            let mut args = inputs.to_vec();
            if let Some(first) = args.first_mut() {
                *first = Val::One(x);
            }
            let y = f.child_with(&layers, name, &args)?;
            x = y.first().ok_or_else(|| f.unsupported(m, "a layer that gives nothing"))?;
        }
        Ok(x)
    })
}

/// A sub-layer with its residual, normalised before or after (`norm_first` came with torch 1.10).
fn residual(
    f: &mut Forward,
    m: &Module,
    norm: &str,
    x: ValueId,
    body: impl FnOnce(&mut Forward, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    if m.bool_or("norm_first", false) {
        let y = f.child(m, norm, x)?;
        let y = body(f, y)?;
        return Ok(f.add(x, y));
    }
    let y = body(f, x)?;
    let sum = f.add(x, y);
    f.child(m, norm, sum)
}

fn attend(f: &mut Forward, m: &Module, name: &str, qkv: [ValueId; 3]) -> Result<ValueId> {
    let Some(child) = m.child(name).cloned() else { return Err(f.unsupported(m, &format!("no `{name}`"))) };
    f.within(name, |f| attention(f, &child, qkv))
}

fn feed_forward(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = f.child(m, "linear1", x)?;
    let x = activation(f, m, x)?;
    f.child(m, "linear2", x)
}

/// A function by name or a module. Before torch 1.2 there was no choice; files that lost it say so in `__setstate__`,
/// which takes ReLU.
fn activation(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    if m.child("activation").is_some() {
        return f.child(m, "activation", x);
    }
    let name = m.attr("activation").and_then(Attr::as_str).unwrap_or("relu");
    match name.rsplit('.').next().unwrap_or(name) {
        "relu" => Ok(f.relu(x)),
        "gelu" => Ok(f.emit.one_with("aten::gelu", vec![x.into()], vec![("approximate", Arg::Str("none".to_owned()))])),
        other => Err(f.unsupported(m, &format!("activation `{other}`"))),
    }
}

fn encoder_layer(f: &mut Forward, m: &Module, x: ValueId) -> Result<ValueId> {
    let x = residual(f, m, "norm1", x, |f, y| attend(f, m, "self_attn", [y, y, y]))?;
    residual(f, m, "norm2", x, |f, y| feed_forward(f, m, y))
}

fn decoder_layer(f: &mut Forward, m: &Module, x: ValueId, memory: ValueId) -> Result<ValueId> {
    let x = residual(f, m, "norm1", x, |f, y| attend(f, m, "self_attn", [y, y, y]))?;
    let x = residual(f, m, "norm2", x, |f, y| attend(f, m, "multihead_attn", [y, memory, memory]))?;
    residual(f, m, "norm3", x, |f, y| feed_forward(f, m, y))
}
