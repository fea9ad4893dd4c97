//! LSTM, GRU and plain recurrent networks of any number of layers, and their cells.

use super::call::Call;
use super::linalg::linear_of;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, Direction, RnnActivation, UnaryOp};
use modelport_ir::{Def, Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row_many("aten::lstm", |c| layers(c, Kind::Lstm)),
    row_many("aten::gru", |c| layers(c, Kind::Gru)),
    row_many("aten::rnn_tanh", |c| layers(c, Kind::Tanh)),
    row_many("aten::rnn_relu", |c| layers(c, Kind::Relu)),
    row_many("aten::lstm_cell", lstm_cell),
    row("aten::gru_cell", gru_cell),
    row("aten::rnn_tanh_cell", |c| rnn_cell(c, UnaryOp::Tanh)),
    row("aten::rnn_relu_cell", |c| rnn_cell(c, UnaryOp::Relu)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lstm,
    Gru,
    Tanh,
    Relu,
}

impl Kind {
    /// PyTorch's gates in ONNX's order: i f g o to i o f g; r z n to z r n.
    fn order(self) -> &'static [usize] {
        match self {
            Self::Lstm => &[0, 3, 1, 2],
            Self::Gru => &[1, 0, 2],
            Self::Tanh | Self::Relu => &[0],
        }
    }

    fn op(self, hidden: usize, direction: Direction) -> Op {
        let n = direction.count();
        let repeat = |one: &[RnnActivation]| one.iter().cloned().cycle().take(one.len() * n).collect::<Vec<_>>();
        match self {
            Self::Lstm => Op::Lstm {
                hidden,
                direction,
                activations: repeat(&[RnnActivation::Sigmoid, RnnActivation::Tanh, RnnActivation::Tanh]),
                clip: None,
                input_forget: false,
            },
            Self::Gru => Op::Gru {
                hidden,
                direction,
                activations: repeat(&[RnnActivation::Sigmoid, RnnActivation::Tanh]),
                clip: None,
                linear_before_reset: true,
            },
            Self::Tanh => Op::Rnn { hidden, direction, activations: repeat(&[RnnActivation::Tanh]), clip: None },
            Self::Relu => Op::Rnn { hidden, direction, activations: repeat(&[RnnActivation::Relu]), clip: None },
        }
    }
}

/// A weight with its gates in ONNX's order; on constants that is a recipe, not a copy.
fn reordered(c: &mut Call<'_>, w: ValueId, kind: Kind) -> Result<ValueId> {
    let order = kind.order();
    if order.len() == 1 {
        return Ok(w);
    }
    let n = c.known_dim(w, 0)? / order.len();
    let parts = c.b.add(Op::Split { axis: 0, sizes: vec![n; order.len()] }, &[Some(w)])?;
    let sorted: Option<Vec<ValueId>> = order.iter().map(|&i| parts.get(i).copied()).collect();
    let sorted = sorted.ok_or_else(|| c.bad("params", "weights of all gates"))?;
    c.b.concat(&sorted, 0)
}

/// The weights of one direction of one layer: input, recurrent, both biases joined; each with a leading axis.
fn weights(c: &mut Call<'_>, params: &[ValueId], kind: Kind, biases: bool) -> Result<[Option<ValueId>; 3]> {
    let get = |i: usize| params.get(i).copied().ok_or_else(|| c.bad("params", "as many weights as the layers need"));
    let (w, r) = (get(0)?, get(1)?);
    let bias = if biases { Some((get(2)?, get(3)?)) } else { None };
    let (w, r) = (reordered(c, w, kind)?, reordered(c, r, kind)?);
    let bias = match bias {
        Some((a, b)) => {
            let (a, b) = (reordered(c, a, kind)?, reordered(c, b, kind)?);
            Some(c.b.concat(&[a, b], 0)?)
        }
        None => None,
    };
    let mut lead = |v: ValueId| c.b.unsqueeze(v, &[0]);
    Ok([Some(lead(w)?), Some(lead(r)?), bias.map(lead).transpose()?])
}

/// Whether a start state is all zeros, which is what an absent one means.
fn is_zero(c: &Call<'_>, v: ValueId) -> bool {
    let zero = |v: ValueId| {
        let small = c.b.as_constant(v).filter(|t| t.len() <= 4096);
        small.and_then(|t| t.to_f64s().ok()).is_some_and(|x| x.iter().all(|x| *x == 0.0))
    };
    if zero(v) {
        return true;
    }
    let graph = c.b.graph();
    let Def::Node(n, _) = graph.value(v).def else { return false };
    let node = graph.node(n);
    matches!(node.op, Op::Expand) && node.inputs.first().copied().flatten().is_some_and(zero)
}

fn layers(c: &mut Call<'_>, kind: Kind) -> Result<Vec<ValueId>> {
    if c.arg("batch_sizes").is_some() {
        return Err(c.unsupported("packed sequences are not converted"));
    }
    if c.flag("train")? && c.opt_number("dropout")?.unwrap_or(0.0) > 0.0 {
        return Err(c.unsupported("dropout between layers is random").help("call model.eval() before saving"));
    }
    let mut x = c.tensor("input")?;
    let batch_first = c.flag("batch_first")?;
    if batch_first {
        x = c.b.transpose(x, &[1, 0, 2])?;
    }
    let (params, biases) = (c.tensors("params")?, c.flag("has_biases")?);
    let direction = if c.flag("bidirectional")? { Direction::Bidirectional } else { Direction::Forward };
    let (count, per) = (c.count("num_layers")?, if biases { 4 } else { 2 });
    if params.len() != count.saturating_mul(direction.count() * per) {
        return Err(c.unsupported("projections of the hidden state are not converted"));
    }
    let starts = if kind == Kind::Lstm { c.tensors("hx")? } else { vec![c.tensor("hx")?] };
    let starts: Vec<Option<ValueId>> = starts.into_iter().map(|s| (!is_zero(c, s)).then_some(s)).collect();
    let mut ends: Vec<Vec<ValueId>> = vec![Vec::new(); if kind == Kind::Lstm { 2 } else { 1 }];
    for layer in 0..count {
        let n = direction.count();
        let mut joined: Vec<[Option<ValueId>; 3]> = Vec::new();
        for d in 0..n {
            let from = (layer * n + d) * per;
            let own = params.get(from..from + per).unwrap_or_default().to_vec();
            joined.push(weights(c, &own, kind, biases)?);
        }
        let mut inputs = vec![Some(x)];
        for i in 0..3 {
            let parts: Vec<ValueId> = joined.iter().filter_map(|j| j.get(i).copied().flatten()).collect();
            inputs.push(if parts.is_empty() { None } else { Some(c.b.concat(&parts, 0)?) });
        }
        let r = inputs.get(2).copied().flatten().ok_or_else(|| c.bad("params", "weights"))?;
        let hidden = c.known_dim(r, 2)?;
        inputs.push(None);
        for start in &starts {
            let (from, to) = ((layer * n) as i64, ((layer + 1) * n) as i64);
            let whole = count == 1;
            inputs.push(match start {
                Some(s) if whole => Some(*s),
                Some(s) => Some(c.b.slice_axis(*s, 0, from, to, 1)?),
                None => None,
            });
        }
        let results = c.b.add(kind.op(hidden, direction), &inputs)?;
        let y = results.first().copied().ok_or_else(|| c.bad("input", "a sequence"))?;
        x = if n == 1 {
            c.b.squeeze(y, &[1])?
        } else {
            let y = c.b.transpose(y, &[0, 2, 1, 3])?;
            c.b.reshape(y, &[0, 0, (n * hidden) as i64])?
        };
        for (end, &v) in ends.iter_mut().zip(results.iter().skip(1)) {
            end.push(v);
        }
    }
    let mut out = vec![if batch_first { c.b.transpose(x, &[1, 0, 2])? } else { x }];
    for end in ends {
        out.push(c.b.concat(&end, 0)?);
    }
    Ok(out)
}

/// `x·w_ihᵀ + b_ih` and `h·w_hhᵀ + b_hh`, each in its gates.
fn cell_gates(c: &mut Call<'_>, h: ValueId, gates: usize) -> Result<(Vec<ValueId>, Vec<ValueId>)> {
    let x = c.tensor("input")?;
    let mut both = Vec::new();
    for (v, w, b) in [(x, "w_ih", "b_ih"), (h, "w_hh", "b_hh")] {
        let (w, bias) = (c.tensor(w)?, c.opt_tensor(b)?);
        let out = linear_of(c, v, w, bias)?;
        let n = c.known_dim(out, c.rank(out) - 1)? / gates;
        both.push(if gates == 1 {
            vec![out]
        } else {
            c.b.add(Op::Split { axis: -1, sizes: vec![n; gates] }, &[Some(out)])?
        });
    }
    let second = both.pop().unwrap_or_default();
    Ok((both.pop().unwrap_or_default(), second))
}

fn lstm_cell(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let state = c.tensors("hx")?;
    let &[h, cell] = state.as_slice() else { return Err(c.bad("hx", "two states")) };
    let (xs, hs) = cell_gates(c, h, 4)?;
    let mut gates = Vec::new();
    for (i, (&a, &b)) in xs.iter().zip(&hs).enumerate() {
        let sum = c.binary(BinaryOp::Add, a, b)?;
        gates.push(c.unary(if i == 2 { UnaryOp::Tanh } else { UnaryOp::Sigmoid }, sum)?);
    }
    let &[i, f, g, o] = gates.as_slice() else { return Err(c.bad("w_ih", "four gates")) };
    let kept = c.binary(BinaryOp::Mul, f, cell)?;
    let new = c.binary(BinaryOp::Mul, i, g)?;
    let cell = c.binary(BinaryOp::Add, kept, new)?;
    let shown = c.unary(UnaryOp::Tanh, cell)?;
    Ok(vec![c.binary(BinaryOp::Mul, o, shown)?, cell])
}

fn gru_cell(c: &mut Call<'_>) -> Result<ValueId> {
    let h = c.tensor("hx")?;
    let (xs, hs) = cell_gates(c, h, 3)?;
    let (&[xr, xz, xn], &[hr, hz, hn]) = (xs.as_slice(), hs.as_slice()) else {
        return Err(c.bad("w_ih", "three gates"));
    };
    let (r, z) = (c.binary(BinaryOp::Add, xr, hr)?, c.binary(BinaryOp::Add, xz, hz)?);
    let (r, z) = (c.unary(UnaryOp::Sigmoid, r)?, c.unary(UnaryOp::Sigmoid, z)?);
    let reset = c.binary(BinaryOp::Mul, r, hn)?;
    let n = c.binary(BinaryOp::Add, xn, reset)?;
    let n = c.unary(UnaryOp::Tanh, n)?;
    let gap = c.binary(BinaryOp::Sub, h, n)?;
    let gap = c.binary(BinaryOp::Mul, gap, z)?;
    c.binary(BinaryOp::Add, n, gap)
}

fn rnn_cell(c: &mut Call<'_>, activation: UnaryOp) -> Result<ValueId> {
    let h = c.tensor("hx")?;
    let (xs, hs) = cell_gates(c, h, 1)?;
    let (&[x], &[h]) = (xs.as_slice(), hs.as_slice()) else { return Err(c.bad("w_ih", "a weight")) };
    let sum = c.binary(BinaryOp::Add, x, h)?;
    c.unary(activation, sum)
}
