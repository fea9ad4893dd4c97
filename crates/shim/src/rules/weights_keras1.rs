//! Weights of Keras 1, and kernels of the Theano backend: names, order and layout. Facts: keras 2.15
//! `saving/legacy/hdf5_format.py: preprocess_weights_for_loading`; keras 2.2.4 `engine/saving.py: _need_convert_kernel`
//! and `utils/conv_utils.py: convert_kernel`; keras 1.2.2 `layers/convolutional.py` for separable convolutions, which
//! those do not convert. All rewrites are recipes on lazy tensors.

use crate::rule::{Edit, Rule, rule};
use crate::version::{BEFORE_3, KERAS_1};
use modelport_ir::{Attr, Tensor};

pub(crate) const RULES: &[Rule] = &[
    rule("keras1_wrapper_weights", &["TimeDistributed", "Bidirectional"], KERAS_1, wrapper),
    rule("keras1_weight_names", &["*"], KERAS_1, names),
    rule("keras1_lstm_weights", &["LSTM", "ConvLSTM2D"], KERAS_1, |e| gates(e, &[0, 2, 1, 3], "i,c,f,o", "i,f,c,o")),
    rule("keras1_gru_weights", &["GRU"], KERAS_1, |e| gates(e, &[0, 1, 2], "z,r,h", "z,r,h")),
    rule("keras1_conv1d_kernel", &["Conv1D"], KERAS_1, conv1d),
    rule("keras1_channels_first_kernel", &["Conv2D", "Conv3D"], KERAS_1, |e| channels_first(e, &["kernel"])),
    rule("keras1_transposed_kernel", &["Conv2DTranspose"], KERAS_1, transposed),
    rule("keras1_separable_kernels", &["SeparableConv2D"], KERAS_1, |e| {
        channels_first(e, &["depthwise_kernel", "pointwise_kernel"]);
    }),
    rule("theano_kernel", &["Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"], BEFORE_3, theano),
    rule("theano_same_padding", &["Conv1D", "Conv2D", "Conv3D", "MaxPooling*", "AveragePooling*"], BEFORE_3, |e| {
        if e.writer.backend.as_deref() == Some("theano") && e.str("padding") == Some("same") {
            e.set("padding", Attr::Str("same_theano".into()));
            e.say("`same` pads as Theano does: by the window alone, whatever the size of the image");
        }
    }),
];

/// The weights of a class in their order.
const NAMES: &[(&str, &[&str])] = &[
    ("Dense", &["kernel", "bias"]),
    ("Conv1D", &["kernel", "bias"]),
    ("Conv2D", &["kernel", "bias"]),
    ("Conv3D", &["kernel", "bias"]),
    ("Conv2DTranspose", &["kernel", "bias"]),
    ("LocallyConnected1D", &["kernel", "bias"]),
    ("LocallyConnected2D", &["kernel", "bias"]),
    ("SeparableConv2D", &["depthwise_kernel", "pointwise_kernel", "bias"]),
    ("BatchNormalization", &["gamma", "beta", "moving_mean", "moving_variance"]),
    ("Embedding", &["embeddings"]),
    ("PReLU", &["alpha"]),
    ("LSTM", &["kernel", "recurrent_kernel", "bias"]),
    ("GRU", &["kernel", "recurrent_kernel", "bias"]),
    ("SimpleRNN", &["kernel", "recurrent_kernel", "bias"]),
    ("MaxoutDense", &["W", "b"]),
    ("Highway", &["W", "W_carry", "b", "b_carry"]),
];

/// A wrapper's arrays are those of its layers, in halves where there are two (`convert_nested_time_distributed`,
/// `convert_nested_bidirectional`).
fn wrapper(e: &mut Edit<'_>) {
    let names: &[&str] = if e.op.name == "Bidirectional" { &["forward_layer", "backward_layer"] } else { &["layer"] };
    let empty = |n: &&str| matches!(e.op.attrs.get(*n), Some(Attr::Op(op)) if op.weights.is_empty());
    let share = e.op.weights.len() / names.len();
    if share == 0 || share * names.len() != e.op.weights.len() || !names.iter().all(empty) {
        return;
    }
    for name in names {
        let rest = e.op.weights.split_off(share);
        let own = std::mem::replace(&mut e.op.weights, rest);
        if let Some(Attr::Op(op)) = e.op.attrs.get_mut(*name) {
            op.weights = own;
        }
    }
    e.say(format!("its weights are those of `{}`", names.join("` and `")));
}

/// By position, as Keras 2 loads them; a layer may lack its biases.
fn names(e: &mut Edit<'_>) {
    let Some((_, names)) = NAMES.iter().find(|(class, _)| *class == e.op.name) else { return };
    let unbiased: Vec<&str> = names.iter().copied().filter(|n| !matches!(*n, "bias" | "b" | "b_carry")).collect();
    e.name_weights(names);
    if unbiased.len() < names.len() {
        e.name_weights(&unbiased);
    }
}

/// `W, U, b` of each gate → the gates in `order`, joined.
fn gates(e: &mut Edit<'_>, order: &[usize], from: &str, to: &str) {
    if e.op.weights.len() != 3 * order.len() {
        return;
    }
    let first = e.op.name == "ConvLSTM2D" && e.str("data_format") == Some("channels_first");
    let joined = |part: usize| {
        let one = |gate: &usize| {
            let (_, t) = e.op.weights.get(gate * 3 + part)?;
            if first && t.rank() == 4 { t.permute(&[2, 3, 1, 0]).ok() } else { Some(t.clone()) }
        };
        let parts: Vec<Tensor> = order.iter().map(one).collect::<Option<_>>()?;
        Tensor::concat(&parts, parts.first()?.rank().checked_sub(1)?).ok()
    };
    let (Some(kernel), Some(recurrent), Some(bias)) = (joined(0), joined(1), joined(2)) else { return };
    let count = e.op.weights.len();
    e.op.weights =
        vec![("kernel".to_owned(), kernel), ("recurrent_kernel".to_owned(), recurrent), ("bias".to_owned(), bias)];
    let sorted = if from == to { String::new() } else { format!(", gates sorted from {from} to {to}") };
    let turned = if first { ", kernels turned to (rows, cols, in, out)" } else { "" };
    e.say(format!(
        "the {count} arrays of the gates are joined to `kernel`, `recurrent_kernel` and `bias`{sorted}{turned}"
    ));
}

/// Keras 1.2: (length, 1, in, out); Keras 1.1: (out, in, length, 1).
fn conv1d(e: &mut Edit<'_>) {
    let length = e.op.attr("kernel_size").and_then(Attr::as_ints).and_then(|l| usize::try_from(*l.first()?).ok());
    let filters = e.op.attr("filters").and_then(Attr::as_int).and_then(|n| usize::try_from(n).ok());
    e.rewrite_weight("kernel", "is turned to (length, in, out)", |t| {
        let &[a, b, _, d] = t.shape() else { return None };
        let new = Some(a) == length && b == 1 && Some(d) == filters;
        let t = if new { t.clone() } else { t.permute(&[2, 3, 1, 0]).ok()? };
        let &[length, 1, input, output] = t.shape() else { return None };
        t.reshape(vec![length, input, output]).ok()
    });
}

/// (out, in, spatial…) → (spatial…, in, out) where `dim_ordering` was `th`.
fn channels_first(e: &mut Edit<'_>, kernels: &[&str]) {
    if e.str("data_format") != Some("channels_first") {
        return;
    }
    for kernel in kernels {
        e.rewrite_weight(kernel, "is turned from (out, in, spatial) to (spatial, in, out)", |t| {
            let perm: Vec<usize> = (2..t.rank()).chain([1, 0]).collect();
            t.permute(&perm).ok()
        });
    }
}

/// (rows, cols, in, out) → (rows, cols, out, in); (in, out, rows, cols) likewise where `dim_ordering` was `th`.
fn transposed(e: &mut Edit<'_>) {
    let perm: &[usize] = if e.str("data_format") == Some("channels_first") { &[2, 3, 0, 1] } else { &[0, 1, 3, 2] };
    e.rewrite_weight("kernel", "is turned to (rows, cols, out, in)", |t| t.permute(perm).ok());
}

/// Theano convolves where others correlate: its kernels are backwards along the spatial axes.
fn theano(e: &mut Edit<'_>) {
    if e.writer.backend.as_deref() != Some("theano") {
        return;
    }
    let kernels: &[&str] = if e.op.name == "ConvLSTM2D" { &["kernel", "recurrent_kernel"] } else { &["kernel"] };
    for kernel in kernels {
        e.rewrite_weight(kernel, "is turned around along its spatial axes, because Theano wrote it", |t| {
            let spatial: Vec<usize> = (0..t.rank().checked_sub(2)?).collect();
            t.flip(&spatial).ok()
        });
    }
}
