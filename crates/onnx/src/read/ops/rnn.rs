//! Recurrent operators.

use super::Out;
use crate::read::Reader;
use crate::read::node::At;
use modelport_diag::Result;
use modelport_ir::core::{Direction, RnnActivation};
use modelport_ir::{Dim, Op, ValueId};

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    if !matches!(at.op(), "LSTM" | "GRU" | "RNN") {
        return Ok(None);
    }
    let direction = at.text("direction", "forward");
    let direction = Direction::from_name(&direction)
        .ok_or_else(|| at.wrong("direction", "forward, reverse or bidirectional", &direction))?;
    let hidden = match at.attr("hidden_size") {
        Some(_) => at.size("hidden_size", 0)?,
        None => r.b.shape(at.x(2)?).last().and_then(Dim::known).unwrap_or(0),
    };
    let clip = at.attr("clip").map(|_| at.float("clip", 0.0));
    let activations = activations(at)?;
    let op = match at.op() {
        "LSTM" => Op::Lstm { hidden, direction, activations, clip, input_forget: at.flag("input_forget") },
        "GRU" => Op::Gru { hidden, direction, activations, clip, linear_before_reset: at.flag("linear_before_reset") },
        _ => Op::Rnn { hidden, direction, activations, clip },
    };
    let batch_first = at.flag("layout");
    let mut operands = at.inputs.clone();
    if batch_first {
        for i in [0, 5, 6] {
            if let Some(Some(id)) = operands.get(i).copied()
                && let Some(slot) = operands.get_mut(i)
            {
                *slot = Some(r.b.transpose(id, &[1, 0, 2])?);
            }
        }
    }
    let results = r.b.add(op, &operands)?;
    if batch_first { to_batch_first(r, &results).map(Some) } else { Ok(Some(results)) }
}

/// Y from (time, direction, batch, hidden), the states from (direction, batch, hidden).
fn to_batch_first(r: &mut Reader<'_>, results: &[ValueId]) -> Result<Vec<ValueId>> {
    results
        .iter()
        .map(|&id| if r.b.rank(id) == 4 { r.b.transpose(id, &[2, 0, 1, 3]) } else { r.b.transpose(id, &[1, 0, 2]) })
        .collect()
}

fn activations(at: &At<'_, '_>) -> Result<Vec<RnnActivation>> {
    let mut alphas = at.floats("activation_alpha").unwrap_or_default().into_iter();
    let mut betas = at.floats("activation_beta").unwrap_or_default().into_iter();
    let Some(names) = at.attr("activations") else { return Ok(Vec::new()) };
    let mut alpha = |default: f64| alphas.next().unwrap_or(default);
    let mut beta = |default: f64| betas.next().unwrap_or(default);
    // Defaults: onnx/defs/rnn/defs.cc, "Activation functions".
    names
        .texts
        .iter()
        .map(|name| {
            let name = String::from_utf8_lossy(name);
            Ok(match name.to_ascii_lowercase().as_str() {
                "relu" => RnnActivation::Relu,
                "tanh" => RnnActivation::Tanh,
                "sigmoid" => RnnActivation::Sigmoid,
                "softsign" => RnnActivation::Softsign,
                "softplus" => RnnActivation::Softplus,
                "affine" => RnnActivation::Affine(alpha(1.0), beta(0.0)),
                "leakyrelu" => RnnActivation::LeakyRelu(alpha(0.01)),
                "thresholdedrelu" => RnnActivation::ThresholdedRelu(alpha(1.0)),
                "scaledtanh" => RnnActivation::ScaledTanh(alpha(1.0), beta(1.0)),
                "hardsigmoid" => RnnActivation::HardSigmoid(alpha(0.2), beta(0.5)),
                "elu" => RnnActivation::Elu(alpha(1.0)),
                _ => return Err(at.unsupported(&format!("the activation `{name}`"))),
            })
        })
        .collect()
}
