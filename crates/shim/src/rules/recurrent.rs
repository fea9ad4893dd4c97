//! Recurrent layers: arguments, defaults that changed numbers, and cuDNN weights. Facts: `facts/keras_layers.tsv` for
//! defaults by version; keras 2.15 `saving/legacy/hdf5_format.py: _convert_rnn_weights` for the weights.

use crate::rule::{Edit, Rule, rule};
use crate::version::{BEFORE_3, Range};
use modelport_ir::tensor::LazyBytes;
use modelport_ir::{Attr, Tensor};
use std::sync::Arc;

const GATED: &[&str] = &["LSTM", "GRU", "LSTMCell", "GRUCell"];

pub(crate) const RULES: &[Rule] = &[
    rule("cudnn_class", &["CuDNNLSTM", "CuDNNGRU"], BEFORE_3, cudnn_class),
    rule("cudnn_lstm_weights", &["LSTM"], BEFORE_3, |e| cudnn_weights(e, 4)),
    rule("cudnn_gru_weights", &["GRU"], BEFORE_3, |e| cudnn_weights(e, 3)),
    rule("time_major", &["*RNN", "LSTM", "GRU", "ConvLSTM*", "Bidirectional"], BEFORE_3, |e| {
        e.drop_if("time_major", &Attr::Bool(false));
    }),
    rule("bidirectional_masked_outputs", &["Bidirectional"], BEFORE_3, masked_outputs),
    // The default was `hard_sigmoid` until Keras 2.3; in ConvLSTM until Keras 3.
    rule("recurrent_activation_default", GATED, Range((0, 0, 0), (2, 3, 0)), hard_by_default),
    rule("recurrent_activation_default", &["ConvLSTM*"], BEFORE_3, hard_by_default),
    // `reset_after` came with Keras 2.1.3 and is written by every version since.
    rule("reset_after_default", &["GRU", "GRUCell"], Range((0, 0, 0), (2, 6, 0)), |e| {
        if !e.has("reset_after") {
            e.set("reset_after", Attr::Bool(false));
            let writer = e.writer.name.clone();
            e.say(format!("{writer} applies the reset gate before the recurrent product: `reset_after=False`"));
        }
    }),
];

fn hard_by_default(e: &mut Edit<'_>) {
    if !e.has("recurrent_activation") {
        e.set("recurrent_activation", Attr::Str("hard_sigmoid".into()));
        let writer = e.writer.name.clone();
        e.say(format!("`recurrent_activation` is absent; its default in {writer} is `hard_sigmoid`"));
    }
}

/// Keras inside TensorFlow, and Keras from 2.4 on, gives zeros for masked steps of sequences in both directions, whatever
/// the layer's own config says (keras 2.15 `layers/rnn/bidirectional.py: force_zero_output_for_mask`). Keras 3 writes
/// that down, Keras 2 does not.
fn masked_outputs(e: &mut Edit<'_>) {
    if !e.writer.tensorflow && e.writer.version < (2, 4, 0) {
        return;
    }
    let mut forced = false;
    for name in ["forward_layer", "backward_layer"] {
        let Some(Attr::Op(op)) = e.op.attrs.get_mut(name) else { continue };
        let sequences = op.attr("return_sequences").and_then(Attr::as_bool) == Some(true);
        let told = op.attr("zero_output_for_mask").and_then(Attr::as_bool) == Some(true);
        if sequences && !told {
            op.attrs.insert("zero_output_for_mask".to_owned(), Attr::Bool(true));
            forced = true;
        }
    }
    if forced {
        e.say("outputs of masked steps are zeros: `zero_output_for_mask=True` for both directions");
    }
}

/// cuDNN computes one kind of cell only, so its layers did not write how.
fn cudnn_class(e: &mut Edit<'_>) {
    let new = if e.op.name == "CuDNNGRU" { "GRU" } else { "LSTM" };
    e.rename_class(new);
    for (name, value) in [("activation", "tanh"), ("recurrent_activation", "sigmoid")] {
        e.set(name, Attr::Str(value.into()));
    }
    e.set("use_bias", Attr::Bool(true));
    if new == "GRU" {
        e.set("reset_after", Attr::Bool(true));
    }
}

/// cuDNN keeps two biases, which tells its weights apart; its kernels are transposed gate by gate.
fn cudnn_weights(e: &mut Edit<'_>, gates: usize) {
    let [(_, kernel), (_, recurrent), (_, bias)] = e.op.weights.as_slice() else { return };
    let &[units, _] = recurrent.shape() else { return };
    if units == 0 || bias.shape() != [2 * gates * units] {
        return;
    }
    let kernel = by_gate(kernel, gates, units, |k| {
        let &[input, units] = k.shape() else { return None };
        k.reshape(vec![units, input]).ok()?.permute(&[1, 0]).ok()
    });
    let recurrent = by_gate(recurrent, gates, units, |k| k.permute(&[1, 0]).ok());
    let half = gates * units;
    let (bias, biases) = if gates == 4 {
        (sum_of_halves(bias, half), "its two biases are added")
    } else {
        (bias.reshape(vec![2, half]).ok(), "its two biases are stacked")
    };
    let (Some(kernel), Some(recurrent), Some(bias)) = (kernel, recurrent, bias) else { return };
    for ((_, old), new) in e.op.weights.iter_mut().zip([kernel, recurrent, bias]) {
        *old = new;
    }
    e.say(format!("cuDNN's kernels are transposed gate by gate, {biases}"));
}

/// Applies `turn` to the columns of each gate.
fn by_gate(kernel: &Tensor, gates: usize, units: usize, turn: impl Fn(&Tensor) -> Option<Tensor>) -> Option<Tensor> {
    if kernel.rank() != 2 || kernel.shape().get(1) != Some(&(gates * units)) {
        return None;
    }
    let parts: Option<Vec<_>> = (0..gates).map(|g| turn(&kernel.narrow(1, g * units, units).ok()?)).collect();
    Tensor::concat(&parts?, 1).ok()
}

/// The sum of the two halves of a vector, read when it is needed.
#[derive(Debug)]
struct SumOfHalves(Tensor);

impl LazyBytes for SumOfHalves {
    fn read(&self) -> modelport_diag::Result<Vec<u8>> {
        let values = self.0.to_f64s()?;
        let (a, b) = values.split_at(values.len() / 2);
        let sums: Vec<f64> = a.iter().zip(b).map(|(x, y)| x + y).collect();
        Ok(Tensor::from_f64s(self.0.dtype(), &[sums.len()], &sums)?.bytes()?.to_vec())
    }

    fn describe(&self) -> String {
        format!("sum of the halves of {:?}", self.0)
    }
}

fn sum_of_halves(bias: &Tensor, half: usize) -> Option<Tensor> {
    Tensor::from_lazy(bias.dtype(), vec![half], Arc::new(SumOfHalves(bias.clone()))).ok()
}
