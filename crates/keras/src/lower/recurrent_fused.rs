//! Recurrences as the fused core ops `Lstm`, `Gru`, `Rnn`, where the activations are those that the ops know.
//!
//! Owns: the order of gates and the layout of weights that ONNX prescribes. Must never know: masks, layers.

use super::recurrent_cell::{Cell, Gate, Kind};
use super::recurrent_steps::Outcome;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{Direction, RnnActivation};
use modelport_ir::{Builder, Op, Tensor, ValueId};

/// The activation as one of a recurrent op; `None` where it has none.
fn activation(gate: &Gate) -> Option<RnnActivation> {
    Some(match gate.name.as_str() {
        "linear" => RnnActivation::Affine(1.0, 0.0),
        "relu" => RnnActivation::Relu,
        "tanh" => RnnActivation::Tanh,
        "sigmoid" => RnnActivation::Sigmoid,
        "hard_sigmoid" => RnnActivation::HardSigmoid(1.0 / 6.0, 0.5),
        "hard_sigmoid_keras2" => RnnActivation::HardSigmoid(0.2, 0.5),
        "softsign" => RnnActivation::Softsign,
        "softplus" => RnnActivation::Softplus,
        "elu" => RnnActivation::Elu(1.0),
        "leaky_relu" => RnnActivation::LeakyRelu(0.2),
        _ => return None,
    })
}

/// The activations of one direction, in the op's order.
fn activations(cell: &Cell) -> Option<Vec<RnnActivation>> {
    let (inner, gate) = (activation(&cell.activation)?, || activation(&cell.recurrent_activation));
    Some(match cell.kind {
        Kind::Lstm => vec![gate()?, inner.clone(), inner],
        Kind::Gru { .. } => vec![gate()?, inner],
        Kind::Simple => vec![inner],
    })
}

/// Whether a fused op computes the cell.
pub(super) fn fits(cell: &Cell) -> bool {
    activations(cell).is_some()
}

/// Whether one op computes both cells, one in each direction.
pub(super) fn fit_together(forward: &Cell, backward: &Cell) -> bool {
    forward.kind == backward.kind
        && forward.units == backward.units
        && forward.kernel.shape() == backward.kernel.shape()
        && forward.bias.is_some() == backward.bias.is_some()
        && fits(forward)
        && fits(backward)
}

/// Gates along axis 0, from Keras's order (LSTM i,f,c,o) into ONNX's (i,o,f,c).
fn reordered(cell: &Cell, gates_first: &Tensor) -> Result<Tensor> {
    if cell.kind != Kind::Lstm {
        return Ok(gates_first.clone());
    }
    let parts = [0, 3, 1, 2].map(|gate| gates_first.narrow(0, gate * cell.units, cell.units));
    Tensor::concat(&parts.into_iter().collect::<Result<Vec<_>>>()?, 0)
}

/// With a leading axis of 1 for the direction.
fn directed(tensor: Tensor) -> Result<Tensor> {
    let shape = [&[1], tensor.shape()].concat();
    tensor.reshape(shape)
}

/// A kernel, features × gates·units, as 1 × gates·units × features.
fn kernel(cell: &Cell, keras: &Tensor) -> Result<Tensor> {
    directed(reordered(cell, &keras.permute(&[1, 0])?)?)
}

/// Both biases end to end, 1 × 2·gates·units.
fn bias(cell: &Cell) -> Result<Option<Tensor>> {
    if cell.bias.is_none() && cell.recurrent_bias.is_none() {
        return Ok(None);
    }
    let wide = cell.units * cell.kind.gates();
    let part = |b: &Option<Tensor>| match b {
        Some(b) => reordered(cell, b),
        None => Tensor::from_f64s(cell.kernel.dtype(), &[wide], &vec![0.0; wide]),
    };
    directed(Tensor::concat(&[part(&cell.bias)?, part(&cell.recurrent_bias)?], 0)?).map(Some)
}

/// A constant of each cell's tensor, stacked over directions.
fn stacked(b: &mut Builder, cells: &[&Cell], name: &str, of: impl Fn(&Cell) -> Result<Tensor>) -> Result<ValueId> {
    let parts = cells.iter().map(|c| of(c)).collect::<Result<Vec<_>>>()?;
    let tensor = match parts.as_slice() {
        [one] => one.clone(),
        many => Tensor::concat(many, 0)?,
    };
    Ok(b.constant(format!("{}/{name}", b.scope()), tensor))
}

/// The results of a fused op: y (time, direction, batch, units), then the states (direction, batch, units).
pub(super) fn op(
    b: &mut Builder,
    cells: &[&Cell],
    direction: Direction,
    x: ValueId,
    initial: &[ValueId],
    lengths: Option<ValueId>,
) -> Result<Vec<ValueId>> {
    let internal = || Diagnostic::error(Code::INTERNAL, "a fused op was chosen for a cell that it does not compute");
    let first = *cells.first().ok_or_else(internal)?;
    let mut acts = Vec::new();
    for cell in cells {
        acts.extend(activations(cell).ok_or_else(internal)?);
    }
    let w = stacked(b, cells, "W", |c| kernel(c, &c.kernel))?;
    let r = stacked(b, cells, "R", |c| kernel(c, &c.recurrent_kernel))?;
    let has_bias = bias(first)?.is_some();
    let bias = if has_bias { Some(stacked(b, cells, "B", |c| bias(c)?.ok_or_else(internal))?) } else { None };
    let mut operands = vec![Some(x), Some(w), Some(r), bias, lengths];
    operands.extend(initial.iter().copied().map(Some));
    let (hidden, activations, clip) = (first.units, acts, None);
    let op = match first.kind {
        Kind::Lstm => Op::Lstm { hidden, direction, activations, clip, input_forget: false },
        Kind::Gru { reset_after } => Op::Gru { hidden, direction, activations, clip, linear_before_reset: reset_after },
        Kind::Simple => Op::Rnn { hidden, direction, activations, clip },
    };
    while operands.last() == Some(&None) {
        operands.pop();
    }
    b.add(op, &operands)
}

/// One direction, as [`super::recurrent_steps::run`].
pub(super) fn run(
    b: &mut Builder,
    cell: &Cell,
    x: ValueId,
    initial: &[ValueId],
    lengths: Option<ValueId>,
    backwards: bool,
) -> Result<Outcome> {
    let mut states = Vec::with_capacity(initial.len());
    for &s in initial {
        states.push(b.unsqueeze(s, &[0])?);
    }
    let direction = if backwards { Direction::Reverse } else { Direction::Forward };
    let results = op(b, &[cell], direction, x, &states, lengths)?;
    let Some((&y, finals)) = results.split_first() else {
        return Err(Diagnostic::error(Code::INTERNAL, "a recurrent op without results"));
    };
    let sequence = b.squeeze(y, &[1])?;
    let mut states = Vec::with_capacity(finals.len());
    for &s in finals {
        states.push(b.squeeze(s, &[0])?);
    }
    Ok(Outcome { sequence, states })
}
