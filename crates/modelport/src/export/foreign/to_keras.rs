//! A module of `torch.nn` as a layer of Keras.
//!
//! Where the file has a graph, it says what takes a weight; otherwise its shape and name do. Owns: names and layouts of one layer.
//! Must never know: where layers come from.

use super::{Layer, Names, Translated, gates, kernel};
use modelport_diag::Result;
use modelport_ir::Tensor;
use modelport_ir::tensor::{decode_f64, encode_f64};

/// The weights of a module as its layer has them; `index` is its place among the modules of the file.
pub(super) fn layer(l: &Layer, names: Names, index: usize) -> Result<Translated> {
    if l.weights.iter().any(|(n, _)| n.starts_with("weight_ih_l")) {
        return recurrent(l);
    }
    let known = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];
    let Some(weight) = l.get("weight").or_else(|| l.get("running_mean")) else { return Ok(None) };
    if !l.weights.iter().all(|(n, _)| known.contains(&n.as_str())) {
        return Ok(None);
    }
    let bias = l.get("bias").cloned();
    if weight.rank() == 1 {
        return Ok(vector(l));
    }
    let op = l.class.as_str();
    if weight.rank() == 2 && (op.contains("embedding") || (op.is_empty() && named_embedding(&l.path))) {
        return Ok(Some(vec![("embeddings".to_owned(), weight.clone())]));
    }
    let outputs = weight.shape().first().copied().unwrap_or(0);
    // Of a graph's convolution the groups are known; otherwise the first module may well see one channel only.
    let depthwise = weight.shape().get(1) == Some(&1)
        && weight.rank() > 2
        && match l.groups {
            Some(groups) => groups > 1,
            None => outputs > 1 && index > 0,
        };
    let name = if depthwise && names == Names::TensorFlow { "depthwise_kernel" } else { "kernel" };
    let turned = match weight.rank() {
        2 => weight.permute(&[1, 0])?,
        3..=5 if depthwise => ungrouped(weight, l.groups.unwrap_or(outputs))?,
        3..=5 => kernel(weight, false)?,
        _ => return Ok(None),
    };
    Ok(Some([(name.to_owned(), turned)].into_iter().chain(bias.map(|b| ("bias".to_owned(), b))).collect()))
}

fn named_embedding(path: &str) -> bool {
    path.to_ascii_lowercase().contains("emb")
}

/// A norm; a PReLU, which has a vector too, where a graph says so.
fn vector(l: &Layer) -> Translated {
    if l.class.contains("prelu") {
        return Some(vec![("alpha".to_owned(), l.get("weight")?.clone())]);
    }
    let names =
        [("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"), ("running_var", "moving_variance")];
    let one = |(from, to): &(&str, &str)| Some(((*to).to_owned(), l.get(from)?.clone()));
    Some(names.iter().filter_map(one).collect())
}

/// `[channels · multiplier, 1, …]` as `[…, channels, multiplier]`.
fn ungrouped(weight: &Tensor, channels: usize) -> Result<Tensor> {
    let multiplier = weight.shape().first().copied().unwrap_or(0) / channels.max(1);
    let spatial = weight.shape().iter().skip(2).copied();
    let split = weight.reshape([channels, multiplier].into_iter().chain(spatial).collect())?;
    split.permute(&(2..split.rank()).chain([0, 1]).collect::<Vec<_>>())
}

/// Every level and direction of an `LSTM`, `GRU` or `RNN` is a layer of its own.
fn recurrent(l: &Layer) -> Result<Translated> {
    let mut all = Vec::new();
    let starts = l.weights.iter().filter_map(|(n, _)| n.strip_prefix("weight_ih_l"));
    for end in starts {
        let (level, backward) = end.strip_suffix("_reverse").map_or((end, false), |level| (level, true));
        let both = l.get(&format!("weight_ih_l{level}_reverse")).is_some();
        let direction = match (both, backward) {
            (false, _) => "",
            (true, false) => "forward/",
            (true, true) => "backward/",
        };
        let level = if level == "0" { String::new() } else { format!("l{level}/") };
        let part = |name: &str| l.get(&format!("{name}_l{end}"));
        let (Some(ih), Some(hh)) = (part("weight_ih"), part("weight_hh")) else { return Ok(None) };
        let gru = hh.rank() == 2 && hh.shape().first() == hh.shape().get(1).map(|u| u * 3).as_ref();
        let order = |t: &Tensor| if gru { gates(t, 0) } else { Ok(t.clone()) };
        let mut put = |name: &str, t: Tensor| all.push((format!("{level}{direction}{name}"), t));
        put("kernel", order(ih)?.permute(&[1, 0])?);
        put("recurrent_kernel", order(hh)?.permute(&[1, 0])?);
        if let (Some(a), Some(b)) = (part("bias_ih"), part("bias_hh")) {
            let row = |t: &Tensor| order(t)?.reshape(vec![1, t.len()]);
            put("bias", if gru { Tensor::concat(&[row(a)?, row(b)?], 0)? } else { sum(a, b)? });
        }
        if part("weight_hr").is_some() {
            return Ok(None);
        }
    }
    Ok(Some(all))
}

/// Two biases that only ever stand in one sum.
fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y, size) = (a.bytes()?, b.bytes()?, a.dtype().size().max(1));
    let mut bytes = Vec::with_capacity(x.len());
    for (x, y) in x.chunks_exact(size).zip(y.chunks_exact(size)) {
        encode_f64(a.dtype(), decode_f64(a.dtype(), x) + decode_f64(b.dtype(), y), &mut bytes);
    }
    Tensor::from_bytes(a.dtype(), a.shape().to_vec(), bytes)
}
