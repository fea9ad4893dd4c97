//! `MultiheadAttention`.

use super::{Class, Forward, Module, Val, int, ints, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::{Tensor, ValueId};

pub(super) const CLASSES: &[Class] = &[nn_any("MultiheadAttention", |f, m, inputs| {
    let [Val::One(q), Val::One(k), Val::One(v)] = inputs else {
        return Err(f.arity(m, "query, key and value", inputs));
    };
    let out = attention(f, m, [*q, *k, *v])?;
    // The averaged weights are the second result; nobody who reads a file alone can ask for them.
    Ok(Val::Many(vec![Val::One(out), Val::Absent]))
})];

/// Attention without masks; `batch_first` came with torch 1.9, before the sequence was first.
pub(super) fn attention(f: &mut Forward, m: &Module, qkv: [ValueId; 3]) -> Result<ValueId> {
    for extra in ["bias_k", "bias_v"] {
        if m.tensor(extra).is_some() {
            return Err(f.unsupported(m, "`add_bias_kv`"));
        }
    }
    if m.bool_or("add_zero_attn", false) {
        return Err(f.unsupported(m, "`add_zero_attn`"));
    }
    let batch_first = m.bool_or("batch_first", false);
    let heads = m.int("num_heads")?;
    let mut parts = Vec::new();
    for (i, x) in qkv.into_iter().enumerate() {
        let x = if batch_first { x } else { f.op("aten::transpose.int", vec![x.into(), int(0), int(1)]) };
        let (weight, bias) = projection(f, m, i)?;
        let x = f.op("aten::linear", vec![x.into(), weight.into(), bias]);
        let x = f.op("aten::unflatten.int", vec![x.into(), int(-1), ints(&[heads, -1])]);
        parts.push(Arg::Value(f.op("aten::transpose.int", vec![x.into(), int(1), int(2)])));
    }
    let out = f.op("aten::scaled_dot_product_attention", parts);
    let out = f.op("aten::transpose.int", vec![out.into(), int(1), int(2)]);
    let out = f.op("aten::flatten.using_ints", vec![out.into(), int(-2), int(-1)]);
    let out = f.child(m, "out_proj", out)?;
    Ok(if batch_first { out } else { f.op("aten::transpose.int", vec![out.into(), int(0), int(1)]) })
}

/// The weight of query, key or value: a third of the common one, or its own where their sizes differ.
fn projection(f: &mut Forward, m: &Module, i: usize) -> Result<(ValueId, Arg)> {
    let third = |t: &Tensor| -> Result<Tensor> {
        let n = t.shape().first().copied().unwrap_or(0) / 3;
        t.narrow(0, i * n, n)
    };
    let part = ["q", "k", "v"][i];
    let weight = match m.tensor("in_proj_weight") {
        Some(all) => {
            let t = third(all)?;
            f.constant(&format!("in_proj_weight.{part}"), t)
        }
        None => f.param(m, &format!("{part}_proj_weight"))?,
    };
    let bias = match m.tensor("in_proj_bias") {
        Some(all) => {
            let t = third(all)?;
            Arg::Value(f.constant(&format!("in_proj_bias.{part}"), t))
        }
        None => Arg::None,
    };
    Ok((weight, bias))
}
