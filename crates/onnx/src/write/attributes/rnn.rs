//! Recurrent ops.

use super::super::node::NodeOut;
use modelport_ir::Op;
use modelport_ir::core::{Direction, RnnActivation};

pub(super) fn fill(op: &Op, n: &mut NodeOut) {
    match op {
        Op::Lstm { hidden, direction, activations, clip, input_forget } => {
            common(n, *hidden, *direction, activations, *clip);
            n.flag("input_forget", *input_forget);
        }
        Op::Gru { hidden, direction, activations, clip, linear_before_reset } => {
            common(n, *hidden, *direction, activations, *clip);
            n.flag("linear_before_reset", *linear_before_reset);
        }
        Op::Rnn { hidden, direction, activations, clip } => common(n, *hidden, *direction, activations, *clip),
        _ => {}
    }
}

fn common(n: &mut NodeOut, hidden: usize, direction: Direction, activations: &[RnnActivation], clip: Option<f64>) {
    n.int("hidden_size", hidden as i64);
    n.text_unless("forward", "direction", direction.name());
    if !activations.is_empty() {
        let all: Vec<_> = activations.iter().map(activation).collect();
        n.texts("activations", &all.iter().map(|a| a.0).collect::<Vec<_>>());
        let alphas: Vec<f64> = all.iter().filter_map(|a| a.1).collect();
        let betas: Vec<f64> = all.iter().filter_map(|a| a.2).collect();
        if !alphas.is_empty() {
            n.floats("activation_alpha", &alphas);
        }
        if !betas.is_empty() {
            n.floats("activation_beta", &betas);
        }
    }
    clip.iter().for_each(|&c| n.float("clip", c));
}

/// Name, alpha, beta; runtimes hand the lists out to those activations that take a number.
fn activation(a: &RnnActivation) -> (&'static str, Option<f64>, Option<f64>) {
    match *a {
        RnnActivation::Relu => ("Relu", None, None),
        RnnActivation::Tanh => ("Tanh", None, None),
        RnnActivation::Sigmoid => ("Sigmoid", None, None),
        RnnActivation::Softsign => ("Softsign", None, None),
        RnnActivation::Softplus => ("Softplus", None, None),
        RnnActivation::Affine(a, b) => ("Affine", Some(a), Some(b)),
        RnnActivation::LeakyRelu(a) => ("LeakyRelu", Some(a), None),
        RnnActivation::ThresholdedRelu(a) => ("ThresholdedRelu", Some(a), None),
        RnnActivation::ScaledTanh(a, b) => ("ScaledTanh", Some(a), Some(b)),
        RnnActivation::HardSigmoid(a, b) => ("HardSigmoid", Some(a), Some(b)),
        RnnActivation::Elu(a) => ("Elu", Some(a), None),
    }
}
