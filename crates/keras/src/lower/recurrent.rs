//! `LSTM`, `GRU`, `SimpleRNN`, and `RNN` over their cells.
//!
//! Owns: these layers' arguments. Must never know: how a recurrence is computed.

use super::call::{Call, Operand, tensor_indices};
use super::recurrent_cell::Cell;
use super::recurrent_layer::{self as layer, Feed, Options, Recurrence, Stack};
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::{Attr, SourceOp, ValueId};

pub(crate) const ROWS: &[Row] =
    &[row_many("LSTM", single), row_many("GRU", single), row_many("SimpleRNN", single), row_many("RNN", wrapped)];

fn single(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let cell = Cell::read(call.op, call.compute_dtype()).map_err(|d| d.at_node(call.b.scope()))?;
    apply(call, &Stack(vec![cell]))
}

fn wrapped(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let stack = cells(call, call.op)?;
    apply(call, &stack)
}

/// The cells of a layer: its own, or those of an `RNN`.
pub(super) fn cells(call: &Call<'_>, op: &SourceOp) -> Result<Stack> {
    let dtype = call.compute_dtype();
    let read = |op: &SourceOp| Cell::read(op, dtype).map_err(|d| d.at_node(call.b.scope()));
    if op.name != "RNN" {
        return Ok(Stack(vec![read(op)?]));
    }
    if op.attr("num_constants").and_then(Attr::as_int).is_some_and(|n| n > 0) {
        return Err(call.unsupported("constants of a recurrent layer have no lowering").at_attribute("num_constants"));
    }
    let stacked = |list: &[Attr]| {
        let cells = list.iter().map(|a| match a {
            Attr::Op(cell) => read(cell),
            _ => Err(call.missing_argument("cells", "recurrent cells")),
        });
        cells.collect::<Result<Vec<_>>>().map(Stack)
    };
    match (op.attr("cell"), op.attr("cells")) {
        (Some(Attr::Op(cell)), _) => match cell.attr("cells") {
            Some(Attr::List(list)) => stacked(list),
            _ => Ok(Stack(vec![read(cell)?])),
        },
        (_, Some(Attr::List(list))) | (Some(Attr::List(list)), _) => stacked(list),
        _ => Err(call.missing_argument("cell", "a recurrent cell")),
    }
}

/// The initial states that a call gives: in Keras 2 in the list of inputs, in Keras 3 as an argument.
pub(super) fn initial_states(call: &Call<'_>, wanted: usize) -> Result<Vec<ValueId>> {
    let mut given: Vec<Operand> = call.inputs.iter().skip(1).copied().collect();
    if let Some(arg) = call.arg(1, "initial_state") {
        let mut indices = Vec::new();
        tensor_indices(arg, &mut indices);
        given.extend(indices.iter().filter_map(|&i| call.operands.get(i)).copied());
    }
    if given.is_empty() || given.len() == wanted {
        return Ok(given.into_iter().map(|o| o.value).collect());
    }
    Err(call
        .unsupported("the number of initial states does not fit the layer")
        .expected(wanted.to_string())
        .found(given.len().to_string()))
}

fn apply(call: &mut Call<'_>, stack: &Stack) -> Result<Vec<ValueId>> {
    let options = Options::read(call.op);
    let feed = Feed { x: call.float_x()?, mask: call.mask(0), initial: initial_states(call, stack.states())? };
    if options.return_sequences {
        call.set_mask(0, feed.mask);
    }
    layer::run(call.b, stack, options, &feed, false)
}
