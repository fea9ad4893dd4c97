//! Loops that are a recurrence: what Keras writes for its LSTM, GRU and simple layers is ONNX's op.
//!
//! A loop over all rows of a tensor, whose state is computed from the row and the state before it, is told by what it
//! computes; weights may be split, joined or added up before or after their products.
//!
//! Owns: the body of such a loop as gates. Must never know: names, layers, how the loop's values are carried.

use super::call::Call;
use super::recurrence_body::{Body, Side, Term};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, Direction, RnnActivation};
use modelport_ir::{CoreGraph, DType, Dim, Op, Tensor, ValueId};

/// One gate, before its activation.
struct Gate {
    input: Term,
    state: Term,
    input_bias: Vec<Term>,
    state_bias: Vec<Term>,
}

/// Which recurrence, with its gates in ONNX's order.
enum Kind {
    /// Gates i, o, f, c.
    Lstm,
    /// Gates z, r, h; whether the state is reset behind its product.
    Gru(bool),
    Rnn,
}

struct Found {
    kind: Kind,
    gates: Vec<Gate>,
    activations: Vec<RnnActivation>,
    /// The carried values that are the state: the hidden one, then the cell's.
    states: Vec<usize>,
}

/// The results of the loop, carried values then collected ones, by one recurrent op; `None` when it is none. Of the values
/// that only count, nothing may be `used`.
pub(super) fn recognise(
    c: &mut Call<'_>,
    graph: &CoreGraph,
    outer: &[ValueId],
    used: &[bool],
) -> Result<Option<Vec<ValueId>>> {
    let Some((body, x, found)) = read(c, graph, outer, used) else { return Ok(None) };
    let Some(&first) = found.states.first() else { return Ok(None) };
    let Some(hidden) = outer.get(first).and_then(|h| c.b.shape(*h).get(1).and_then(Dim::known)) else {
        return Ok(None);
    };
    let [w, r, bias] = weights(c, &body, &found, hidden)?;
    let mut operands = vec![Some(x), Some(w), Some(r), Some(bias), None];
    for &state in &found.states {
        let start = outer.get(state).copied().unwrap_or(x);
        operands.push(Some(c.b.unsqueeze(start, &[0])?));
    }
    let (direction, activations, clip) = (Direction::Forward, found.activations, None);
    let op = match found.kind {
        Kind::Lstm => Op::Lstm { hidden, direction, activations, clip, input_forget: false },
        Kind::Gru(linear_before_reset) => Op::Gru { hidden, direction, activations, clip, linear_before_reset },
        Kind::Rnn => Op::Rnn { hidden, direction, activations, clip },
    };
    let results = c.b.add(op, &operands)?;
    let [y, _] = super::formula::two(&results)?;
    let all = c.b.squeeze(y, &[1])?;
    let mut out = vec![all; graph.outputs().len().saturating_sub(1)];
    for (&state, &last) in found.states.iter().zip(results.iter().skip(1)) {
        let last = c.b.squeeze(last, &[0])?;
        if let Some(slot) = out.get_mut(state) {
            *slot = last;
        }
    }
    Ok(Some(out))
}

fn read<'a>(
    c: &Call<'_>,
    graph: &'a CoreGraph,
    outer: &'a [ValueId],
    used: &[bool],
) -> Option<(Body<'a>, ValueId, Found)> {
    let body = Body::new(c.b, graph, outer, used.len())?;
    let states: Vec<usize> = (0..used.len()).filter(|i| !body.counters.contains(i)).collect();
    if body.counters.iter().any(|&i| used.get(i).copied().unwrap_or(true)) {
        return None;
    }
    let found = match *states.as_slice() {
        [h] => gru(&body, h).or_else(|| simple(&body, h)),
        [a, b] => lstm(&body, a, b).or_else(|| lstm(&body, b, a)),
        _ => None,
    }?;
    let (&h, x) = (found.states.first()?, body.rows()?);
    let collected = (used.len()..graph.outputs().len().checked_sub(1)?).all(|i| body.next(i) == body.next(h));
    let single = |v: ValueId| c.b.dtype(v) == DType::F32;
    let states = found.states.iter().filter_map(|&i| outer.get(i));
    let fits = |s: &ValueId| {
        let (own, all) = (c.b.shape(*s).first(), c.b.shape(x).get(1));
        single(*s) && c.b.rank(*s) == 2 && (own != Some(&Dim::Known(1)) || own == all)
    };
    let whole = c.b.rank(x) == 3 && single(x) && states.clone().all(fits) && body.runs_through(c.b, x);
    (collected && whole).then_some((body, x, found))
}

fn gate(body: &Body<'_>, value: ValueId) -> Option<Gate> {
    of_terms(body.sum(value)?)
}

/// One product of the input, one of the state, and biases.
fn of_terms(terms: Vec<Term>) -> Option<Gate> {
    let (mut input, mut state, mut input_bias) = (None, None, Vec::new());
    for term in terms {
        let taken = match term.side {
            Side::Input => input.replace(term),
            Side::State => state.replace(term),
            Side::Bias => {
                input_bias.push(term);
                continue;
            }
            Side::Reset(_) => return None,
        };
        if taken.is_some() {
            return None;
        }
    }
    Some(Gate { input: input?, state: state?, input_bias, state_bias: Vec::new() })
}

/// The operands of a product of which one is carried value `i`: the other.
fn beside(body: &Body<'_>, product: ValueId, i: usize) -> Option<ValueId> {
    let pairs = body.both(product, BinaryOp::Mul);
    pairs.into_iter().find(|[_, x]| body.carried(*x) == Some(i)).map(|[other, _]| other)
}

/// `h' = o · tanh(c')`, `c' = f · c + i · g`.
fn lstm(body: &Body<'_>, h: usize, c: usize) -> Option<Found> {
    let cell = body.next(c)?;
    let shown = |v: ValueId| body.activation(v).filter(|(_, of)| *of == cell);
    let pairs = body.both(body.next(h)?, BinaryOp::Mul);
    let (output, last) = pairs.into_iter().find_map(|[o, s]| Some((o, shown(s)?.0)))?;
    let (f, output) = body.activation(output)?;
    let parts = body.both(cell, BinaryOp::Add);
    let (forget, new) = parts.into_iter().find_map(|[kept, new]| Some((beside(body, kept, c)?, new)))?;
    let same = |v: ValueId| body.activation(v).filter(|(own, _)| *own == f).map(|(_, of)| of);
    let forget = same(forget)?;
    let pairs = body.both(new, BinaryOp::Mul);
    let (input, g, candidate) = pairs.into_iter().find_map(|[i, g]| {
        let (own, of) = body.activation(g)?;
        Some((same(i)?, own, of))
    })?;
    let gates = [input, output, forget, candidate].map(|v| gate(body, v));
    let gates = gates.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Found { kind: Kind::Lstm, gates, activations: vec![f, g, last], states: vec![h, c] })
}

/// `h' = z · h + (1 − z) · g`.
fn gru(body: &Body<'_>, h: usize) -> Option<Found> {
    let parts = body.both(body.next(h)?, BinaryOp::Add);
    let (update, candidate) = parts.into_iter().find_map(|[kept, new]| {
        let z = beside(body, kept, h)?;
        let pairs = body.both(new, BinaryOp::Mul);
        let new = pairs.into_iter().find(|[rest, _]| body.one_less(*rest) == Some(z))?;
        Some((z, new[1]))
    })?;
    let (f, update) = body.activation(update)?;
    let (g, candidate) = body.activation(candidate)?;
    let (reset, behind, candidate) = reset_behind(body, candidate).or_else(|| reset_before(body, candidate, h))?;
    let (same, reset) = body.activation(reset)?;
    let gates = vec![gate(body, update)?, gate(body, reset)?, candidate];
    (same == f).then_some(Found { kind: Kind::Gru(behind), gates, activations: vec![f, g], states: vec![h] })
}

/// `x·W + r · (h·R)`: the reset gate, and the gate of the candidate.
fn reset_behind(body: &Body<'_>, value: ValueId) -> Option<(ValueId, bool, Gate)> {
    let only = |side: Side, value: ValueId| {
        let (own, biases): (Vec<Term>, _) = body.sum(value)?.into_iter().partition(|t| t.side == side);
        let plain = biases.iter().all(|t| t.side == Side::Bias);
        (plain && own.len() == 1).then_some((own, biases))
    };
    body.both(value, BinaryOp::Add).into_iter().find_map(|[input, reset]| {
        let (input, input_bias) = only(Side::Input, input)?;
        body.both(reset, BinaryOp::Mul).into_iter().find_map(|[r, state]| {
            let (state, state_bias) = only(Side::State, state)?;
            let (&[input], &[state]) = (input.as_slice(), state.as_slice()) else { return None };
            Some((r, true, Gate { input, state, input_bias: input_bias.clone(), state_bias }))
        })
    })
}

/// `x·W + (r · h)·R`
fn reset_before(body: &Body<'_>, value: ValueId, h: usize) -> Option<(ValueId, bool, Gate)> {
    let mut terms = body.sum(value)?;
    let factor = terms.iter_mut().find_map(|t| match t.side {
        Side::Reset(product) => {
            t.side = Side::State;
            Some(product)
        }
        _ => None,
    })?;
    Some((beside(body, factor, h)?, false, of_terms(terms)?))
}

/// `h' = f(x·W + h·R + b)`
fn simple(body: &Body<'_>, h: usize) -> Option<Found> {
    let (f, value) = body.activation(body.next(h)?)?;
    Some(Found { kind: Kind::Rnn, gates: vec![gate(body, value)?], activations: vec![f], states: vec![h] })
}

/// Weights, recurrent weights and biases, as the op takes them.
fn weights(c: &mut Call<'_>, body: &Body<'_>, found: &Found, hidden: usize) -> Result<[ValueId; 3]> {
    let mut parts: [Vec<ValueId>; 4] = Default::default();
    for gate in &found.gates {
        for (list, term) in parts.iter_mut().zip([gate.input, gate.state]) {
            let matrix = body.outside(c, term.value)?;
            list.push(c.b.slice_axis(matrix, 1, term.from, term.from.saturating_add(hidden as i64), 1)?);
        }
        for (list, biases) in parts.iter_mut().skip(2).zip([&gate.input_bias, &gate.state_bias]) {
            let mut sum = None;
            for term in biases {
                let all = body.outside(c, term.value)?;
                let own = c.b.slice_axis(all, 0, term.from, term.from.saturating_add(hidden as i64), 1)?;
                sum = Some(match sum {
                    None => own,
                    Some(sum) => c.b.binary(BinaryOp::Add, sum, own)?,
                });
            }
            let none = Tensor::from_f64s(DType::F32, &[hidden], &vec![0.0; hidden])?;
            list.push(sum.unwrap_or_else(|| c.b.constant("", none)));
        }
    }
    let [w, r, mut bias, more] = parts;
    bias.extend(more);
    let mut out = Vec::with_capacity(3);
    for list in [w, r] {
        let all = if let &[one] = list.as_slice() { one } else { c.b.concat(&list, 1)? };
        let turned = c.b.transpose(all, &[1, 0])?;
        out.push(c.b.unsqueeze(turned, &[0])?);
    }
    let bias = c.b.concat(&bias, 0)?;
    let bias = c.b.unsqueeze(bias, &[0])?;
    let [w, r] = super::formula::two(&out)?;
    Ok([w, r, bias])
}
