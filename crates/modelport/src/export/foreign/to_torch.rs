//! A layer of Keras as a module of `torch.nn`.
//!
//! Layouts as in keras 2.15 and 3.15 (`layers/…`, the `build` of each class) and torch 2.15 (`nn/modules`). Owns: names and layouts
//! of one layer. Must never know: where layers come from.

use super::{Layer, Translated, filled, gates, kernel};
use modelport_diag::Result;
use modelport_ir::Tensor;

/// The weights of a layer as its module has them.
pub(super) fn layer(l: &Layer, notes: &mut Vec<String>) -> Result<Translated> {
    if l.get("recurrent_kernel").is_some() {
        return recurrent(l, notes);
    }
    match l.class.as_str() {
        _ if l.get("pointwise_kernel").is_some() => return separable(l),
        "MultiHeadAttention" => return attention(l),
        "EinsumDense" | "LocallyConnected1D" | "LocallyConnected2D" => return Ok(None),
        _ => {}
    }
    if let Some(alpha) = l.get("alpha").filter(|_| l.class == "PReLU") {
        let whole = alpha.shape().iter().filter(|&&n| n != 1).count() <= 1;
        return if whole { one("weight", alpha.reshape(vec![alpha.len()])?) } else { Ok(None) };
    }
    if let Some(table) = l.get("embeddings") {
        return one("weight", table.clone());
    }
    if ["moving_mean", "gamma", "beta"].iter().any(|n| l.get(n).is_some()) {
        return norm(l);
    }
    let depthwise = l.class.starts_with("DepthwiseConv") || l.get("depthwise_kernel").is_some();
    let Some(k) = l.get("kernel").or_else(|| l.get("depthwise_kernel")) else { return Ok(None) };
    let weight = match k.rank() {
        2 => k.permute(&[1, 0])?,
        3..=5 if depthwise => grouped(k)?,
        3..=5 => kernel(k, true)?,
        _ => return Ok(None),
    };
    let known = |n: &str| matches!(n, "kernel" | "depthwise_kernel" | "bias");
    if !l.weights.iter().all(|(n, _)| known(n)) {
        return Ok(None);
    }
    let bias = l.get("bias").map(|b| ("bias".to_owned(), b.clone()));
    Ok(Some([("weight".to_owned(), weight)].into_iter().chain(bias).collect()))
}

fn one(name: &str, tensor: Tensor) -> Result<Translated> {
    Ok(Some(vec![(name.to_owned(), tensor)]))
}

/// `[…, channels, multiplier]` as `[channels · multiplier, 1, …]`.
fn grouped(k: &Tensor) -> Result<Tensor> {
    let spatial = k.rank() - 2;
    let moved = k.permute(&[spatial, spatial + 1].into_iter().chain(0..spatial).collect::<Vec<_>>())?;
    let outputs = moved.shape().iter().take(2).product();
    moved.reshape([outputs, 1].into_iter().chain(moved.shape().iter().skip(2).copied()).collect())
}

fn separable(l: &Layer) -> Result<Translated> {
    let (Some(depth), Some(point)) = (l.get("depthwise_kernel"), l.get("pointwise_kernel")) else { return Ok(None) };
    let mut all = vec![("depthwise.weight".to_owned(), grouped(depth)?)];
    all.push(("pointwise.weight".to_owned(), kernel(point, true)?));
    all.extend(l.get("bias").map(|b| ("pointwise.bias".to_owned(), b.clone())));
    Ok(Some(all))
}

/// What the layer goes without is neutral in torch, which has both or none.
fn norm(l: &Layer) -> Result<Translated> {
    let Some((_, any)) = l.weights.first() else { return Ok(None) };
    if any.rank() != 1 {
        return Ok(None);
    }
    let or = |name: &str, x: f64| match l.get(name) {
        Some(t) => Ok(t.clone()),
        None => filled(any.dtype(), any.len(), x),
    };
    let mut all = Vec::new();
    if l.class != "RMSNormalization" || l.get("gamma").is_some() {
        all.push(("weight".to_owned(), or("gamma", 1.0)?));
    }
    if l.class != "RMSNormalization" {
        all.push(("bias".to_owned(), or("beta", 0.0)?));
    }
    let running = [("moving_mean", "running_mean"), ("moving_variance", "running_var")];
    all.extend(running.iter().filter_map(|(k, t)| Some(((*t).to_owned(), l.get(k)?.clone()))));
    Ok(Some(all))
}

/// `LSTM`, `GRU` and `SimpleRNN`, told by the number of gates. torch has two biases; those of an LSTM are added up.
fn recurrent(l: &Layer, notes: &mut Vec<String>) -> Result<Translated> {
    let (Some(k), Some(r)) = (l.get("kernel"), l.get("recurrent_kernel")) else { return Ok(None) };
    if k.rank() != 2 || r.rank() != 2 {
        return Ok(None);
    }
    let units = r.shape().first().copied().unwrap_or(0);
    let gru = r.shape().get(1) == Some(&(3 * units)) && units > 0;
    let order = |t: Tensor, axis: usize| if gru { gates(&t, axis) } else { Ok(t) };
    let end = if l.backward { "_l0_reverse" } else { "_l0" };
    let mut all = vec![
        (format!("weight_ih{end}"), order(k.clone(), 1)?.permute(&[1, 0])?),
        (format!("weight_hh{end}"), order(r.clone(), 1)?.permute(&[1, 0])?),
    ];
    if let Some(bias) = l.get("bias") {
        let len = bias.shape().last().copied().unwrap_or(0);
        let (ih, hh) = match (bias.rank(), gru) {
            (2, _) => (bias.narrow(0, 0, 1)?.reshape(vec![len])?, bias.narrow(0, 1, 1)?.reshape(vec![len])?),
            (_, false) => (bias.clone(), filled(bias.dtype(), len, 0.0)?),
            (_, true) => {
                notes.push(format!(
                    "`{}` resets before the product (reset_after=False), which no GRU of torch does",
                    l.path
                ));
                return Ok(None);
            }
        };
        all.push((format!("bias_ih{end}"), order(ih, 0)?));
        all.push((format!("bias_hh{end}"), order(hh, 0)?));
    }
    Ok(Some(all))
}

/// `nn.MultiheadAttention`, where the heads together are as wide as what comes in.
fn attention(l: &Layer) -> Result<Translated> {
    let part = |name: &str| l.get(&format!("{name}/kernel")).or_else(|| l.get(&format!("{name}_kernel")));
    let shift = |name: &str| l.get(&format!("{name}/bias")).or_else(|| l.get(&format!("{name}_bias")));
    let (Some(q), Some(k), Some(v), Some(o)) = (part("query"), part("key"), part("value"), part("attention_output"))
    else {
        return Ok(None);
    };
    let &[width, heads, depth] = q.shape() else { return Ok(None) };
    let fits =
        width == heads * depth && [k, v].iter().all(|t| t.shape() == q.shape()) && o.shape() == [heads, depth, width];
    if !fits {
        return Ok(None);
    }
    let flat = |t: &Tensor| t.reshape(vec![width, width])?.permute(&[1, 0]);
    let mut all = vec![("in_proj_weight".to_owned(), Tensor::concat(&[flat(q)?, flat(k)?, flat(v)?], 0)?)];
    if let (Some(a), Some(b), Some(c)) = (shift("query"), shift("key"), shift("value")) {
        let parts = [a, b, c].map(|t| t.reshape(vec![width]));
        let [a, b, c] = parts;
        all.push(("in_proj_bias".to_owned(), Tensor::concat(&[a?, b?, c?], 0)?));
    }
    all.push(("out_proj.weight".to_owned(), flat(o)?));
    all.extend(shift("attention_output").map(|b| ("out_proj.bias".to_owned(), b.clone())));
    Ok(Some(all))
}
