//! RNN, LSTM and GRU, and their cells.

use super::{Class, Forward, Module, Val, int, nn_any};
use crate::emit::Arg;
use modelport_diag::Result;
use modelport_ir::ValueId;

pub(super) const CLASSES: &[Class] = &[
    nn_any("LSTM", |f, m, x| layers(f, m, x, "aten::lstm.input")),
    nn_any("GRU", |f, m, x| layers(f, m, x, "aten::gru.input")),
    nn_any("RNN", |f, m, x| {
        // Until torch 1.0 the mode stood in `mode` only; `nonlinearity` came with 1.5.
        let relu = m.str_or("mode", "RNN_TANH") == "RNN_RELU" || m.str_or("nonlinearity", "tanh") == "relu";
        layers(f, m, x, if relu { "aten::rnn_relu.input" } else { "aten::rnn_tanh.input" })
    }),
    nn_any("LSTMCell", |f, m, x| cell(f, m, x, "aten::lstm_cell")),
    nn_any("GRUCell", |f, m, x| cell(f, m, x, "aten::gru_cell")),
    nn_any("RNNCell", |f, m, x| {
        let relu = m.str_or("nonlinearity", "tanh") == "relu";
        cell(f, m, x, if relu { "aten::rnn_relu_cell" } else { "aten::rnn_tanh_cell" })
    }),
];

/// Weights in the order that the ops take: layer by layer, forward before reverse.
fn layers(f: &mut Forward, m: &Module, inputs: &[Val], op: &str) -> Result<Val> {
    let (x, given) = match inputs {
        [Val::One(x)] | [Val::One(x), Val::Absent] => (*x, None),
        [Val::One(x), state] => (*x, Some(state.clone())),
        _ => return Err(f.arity(m, "a sequence and the first state", inputs)),
    };
    if f.emit.ty(x).is_some_and(|t| t.rank() == 2) {
        return Err(f.unsupported(m, "a sequence without a batch"));
    }
    let count = m.int("num_layers")?;
    let biased = m.bool_or("bias", true);
    let both = m.bool_or("bidirectional", false);
    let batch_first = m.bool_or("batch_first", false);
    let projected = m.int_or("proj_size", 0);
    let mut weights = Vec::new();
    for layer in 0..count {
        for suffix in if both { &["", "_reverse"][..] } else { &[""] } {
            let mut names = vec!["weight_ih", "weight_hh"];
            names.extend_from_slice(if biased { &["bias_ih", "bias_hh"] } else { &[] });
            names.extend((projected > 0).then_some("weight_hr"));
            for name in names {
                weights.push(Arg::Value(f.param(m, &format!("{name}_l{layer}{suffix}"))?));
            }
        }
    }
    let directions = count.saturating_mul(if both { 2 } else { 1 });
    let hidden = m.int("hidden_size")?;
    let is_lstm = op.contains("lstm");
    let state = match given {
        Some(Val::One(h)) => Arg::Value(h),
        Some(Val::Many(all)) => Arg::List(all.iter().filter_map(Val::first).map(Arg::Value).collect()),
        _ => {
            let batch = f.op("aten::sym_size.int", vec![x.into(), int(if batch_first { 0 } else { 1 })]);
            let zeros = |f: &mut Forward, size: i64| -> ValueId {
                let shape = Arg::List(vec![int(directions), batch.into(), int(size)]);
                f.op("aten::new_zeros", vec![x.into(), shape])
            };
            let h = zeros(f, if projected > 0 { projected } else { hidden });
            if is_lstm { Arg::List(vec![h.into(), zeros(f, hidden).into()]) } else { h.into() }
        }
    };
    let args = vec![
        x.into(),
        state,
        Arg::List(weights),
        biased.into(),
        int(count),
        Arg::Float(0.0),
        false.into(),
        both.into(),
        batch_first.into(),
    ];
    let results = f.emit.call(op, args, Vec::new(), if is_lstm { 3 } else { 2 });
    let mut results = results.into_iter().map(Val::One);
    let sequence = results.next().unwrap_or(Val::Absent);
    let states: Vec<Val> = results.collect();
    let states = if is_lstm { Val::Many(states) } else { states.into_iter().next().unwrap_or(Val::Absent) };
    Ok(Val::Many(vec![sequence, states]))
}

fn cell(f: &mut Forward, m: &Module, inputs: &[Val], op: &str) -> Result<Val> {
    let (x, given) = match inputs {
        [Val::One(x)] => (*x, None),
        [Val::One(x), state] => (*x, Some(state.clone())),
        _ => return Err(f.arity(m, "an input and a state", inputs)),
    };
    let is_lstm = op.contains("lstm");
    let state = match given {
        Some(Val::One(h)) => Arg::Value(h),
        Some(Val::Many(all)) => Arg::List(all.iter().filter_map(Val::first).map(Arg::Value).collect()),
        _ => {
            let batch = f.op("aten::sym_size.int", vec![x.into(), int(0)]);
            let shape = Arg::List(vec![batch.into(), int(m.int("hidden_size")?)]);
            let h = f.op("aten::new_zeros", vec![x.into(), shape]);
            if is_lstm { Arg::List(vec![h.into(), h.into()]) } else { h.into() }
        }
    };
    let mut args = vec![x.into(), state];
    for name in ["weight_ih", "weight_hh"] {
        args.push(f.param(m, name)?.into());
    }
    for name in ["bias_ih", "bias_hh"] {
        args.push(f.param_or_none(m, name));
    }
    let results = f.emit.call(op, args, Vec::new(), if is_lstm { 2 } else { 1 });
    Ok(match results.as_slice() {
        [one] => Val::One(*one),
        all => Val::Many(all.iter().copied().map(Val::One).collect()),
    })
}
