//! Block recurrent cells and the recurrence made of them (`core/ops/rnn_ops.cc`, `core/kernels/rnn`).

use super::call::Call;
use super::formula as f;
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, Direction, PadMode, RnnActivation, UnaryOp};
use modelport_ir::{Builder, Dim, Op, TensorType, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("LSTMBlockCell", cell),
    row_many("BlockLSTM", |c| sequence(c, &OLD)),
    row_many("BlockLSTMV2", |c| sequence(c, &NEW)),
    row_many("GRUBlockCell", gru_cell),
];

/// Where the gates stand in the weights.
struct Order {
    input: usize,
    forget: usize,
    candidate: usize,
    output: usize,
    /// Of the attribute, where it is absent.
    cell_clip: f64,
}

/// i, ci, f, o (`LSTMBlockCell` and the first version), and i, f, ci, o (the second).
const OLD: Order = Order { input: 0, candidate: 1, forget: 2, output: 3, cell_clip: 3.0 };
const NEW: Order = Order { input: 0, forget: 1, candidate: 2, output: 3, cell_clip: 0.0 };

/// Weights and attributes of one recurrence.
struct Lstm {
    w: ValueId,
    peepholes: Option<[ValueId; 3]>,
    bias: ValueId,
    forget_bias: f64,
    clip: Option<f64>,
}

impl Lstm {
    /// Operands from `first` on: w, wci, wcf, wco, b.
    fn read(c: &Call<'_>, first: usize, order: &Order, forget_bias: f64) -> Result<Self> {
        let peepholes = if c.bool_or("use_peephole", false)? {
            Some([c.input(first + 1)?, c.input(first + 2)?, c.input(first + 3)?])
        } else {
            None
        };
        let clip = c.float_or("cell_clip", order.cell_clip)?;
        Ok(Self {
            w: c.input(first)?,
            peepholes,
            bias: c.input(first + 4)?,
            forget_bias: c.float_or("forget_bias", forget_bias)?,
            clip: (clip > 0.0).then_some(clip),
        })
    }

    /// One step: (x, c, h) → i, c', f, o, ci, tanh c', h'.
    fn step(&self, b: &mut Builder, order: &Order, x: ValueId, state: [ValueId; 2]) -> Result<Vec<ValueId>> {
        let [cell, hidden] = state;
        let joined = b.concat(&[x, hidden], 1)?;
        let product = b.one(Op::MatMul, &[joined, self.w])?;
        let gates = b.binary(BinaryOp::Add, product, self.bias)?;
        let units = b.shape(cell).get(1).and_then(Dim::known).unwrap_or(0);
        let all = b.add(Op::Split { axis: 1, sizes: vec![units; 4] }, &[Some(gates)])?;
        let gate = |i: usize| all.get(i).copied().unwrap_or(gates);
        let peep = |b: &mut Builder, gate: ValueId, of: ValueId, which: usize| match self.peepholes {
            None => Ok(gate),
            Some(w) => {
                let seen = b.binary(BinaryOp::Mul, of, w[which])?;
                b.binary(BinaryOp::Add, gate, seen)
            }
        };
        let i = peep(b, gate(order.input), cell, 0)?;
        let i = b.unary(UnaryOp::Sigmoid, i)?;
        let forget = if self.forget_bias == 0.0 {
            gate(order.forget)
        } else {
            b.binary_scalar(BinaryOp::Add, gate(order.forget), self.forget_bias)?
        };
        let forget = peep(b, forget, cell, 1)?;
        let forget = b.unary(UnaryOp::Sigmoid, forget)?;
        let candidate = b.unary(UnaryOp::Tanh, gate(order.candidate))?;
        let (new, kept) = (b.binary(BinaryOp::Mul, candidate, i)?, b.binary(BinaryOp::Mul, cell, forget)?);
        let mut next = b.binary(BinaryOp::Add, new, kept)?;
        if let Some(clip) = self.clip {
            next = f::clip(b, next, Some(-clip), Some(clip))?;
        }
        let o = peep(b, gate(order.output), next, 2)?;
        let o = b.unary(UnaryOp::Sigmoid, o)?;
        let shown = b.unary(UnaryOp::Tanh, next)?;
        let h = b.binary(BinaryOp::Mul, o, shown)?;
        Ok(vec![i, next, forget, o, candidate, shown, h])
    }
}

/// (x, c, h, w, wci, wcf, wco, b)
fn cell(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, state, hidden] = c.three()?;
    c.known_dim(state, 1)?;
    let lstm = Lstm::read(c, 3, &OLD, 1.0)?;
    lstm.step(c.b, &OLD, x, [state, hidden])
}

/// (steps, x [time, batch, features], c, h, w, wci, wcf, wco, b): every result for every step, zeros after the last.
fn sequence(c: &mut Call<'_>, order: &Order) -> Result<Vec<ValueId>> {
    let (steps, x) = (c.input(0)?, c.input(1)?);
    let state = [c.input(2)?, c.input(3)?];
    c.need_rank(x, 3)?;
    let units = c.known_dim(state[0], 1)?;
    // In the second version the forget bias is part of the bias.
    let mut lstm = Lstm::read(c, 4, order, 1.0)?;
    if c.op.name == "BlockLSTMV2" {
        lstm.forget_bias = 0.0;
    }
    let steps = f::long_vector(c.b, steps)?;
    let time = c.b.dim(x, 0)?;
    let all = c.b.known(steps) == c.b.known(time)
        && c.b.known(time).is_some_and(|k| k.0.iter().all(|k| k.to_dim() != Dim::Unknown))
        || super::origin::origin(c.b, steps, 0)
            .is_some_and(|s| s.of == x && s.axis == 0 && s.factor == 1 && s.plus == 0);
    let short = if all {
        x
    } else {
        let (zero, axis) = (c.b.ints(&[0]), c.b.ints(&[0]));
        c.b.one(Op::Slice, &[x, zero, steps, axis])?
    };
    let only_hidden = (0..6).all(|i| !c.uses(i)) && lstm.peepholes.is_none() && lstm.clip.is_none();
    let mut results = if only_hidden {
        let h = fused(c, &lstm, order, short, state, units)?;
        vec![h; 7]
    } else {
        repeated(c, &lstm, order, short, state)?
    };
    if !all {
        let lack = c.b.binary(BinaryOp::Sub, time, steps)?;
        let lack = c.b.binary_scalar(BinaryOp::Max, lack, 0.0)?;
        let (head, tail) = (c.b.ints(&[0, 0, 0]), c.b.ints(&[0, 0]));
        let widths = c.b.concat(&[head, lack, tail], 0)?;
        for i in 0..results.len() {
            let Some(&r) = results.get(i).filter(|_| c.uses(i)) else { continue };
            let longer = c.b.one(Op::Pad { mode: PadMode::Constant }, &[r, widths])?;
            if let Some(slot) = results.get_mut(i) {
                *slot = longer;
            }
        }
    }
    Ok(results)
}

/// Where only the hidden states are used: one recurrent op.
fn fused(
    c: &mut Call<'_>,
    lstm: &Lstm,
    order: &Order,
    x: ValueId,
    state: [ValueId; 2],
    units: usize,
) -> Result<ValueId> {
    let features = c.known_dim(x, 2)?;
    let n = units as i64;
    let turned = f::transposed(c.b, lstm.w)?;
    let gates = [order.input, order.output, order.forget, order.candidate];
    let mut parts = Vec::new();
    let mut biases = Vec::new();
    for gate in gates {
        let from = gate as i64 * n;
        parts.push(c.b.slice_axis(turned, 0, from, from + n, 1)?);
        let bias = c.b.slice_axis(lstm.bias, 0, from, from + n, 1)?;
        biases.push(if gate == order.forget && lstm.forget_bias != 0.0 {
            c.b.binary_scalar(BinaryOp::Add, bias, lstm.forget_bias)?
        } else {
            bias
        });
    }
    let rows = c.b.concat(&parts, 0)?;
    let w = c.b.slice_axis(rows, 1, 0, features as i64, 1)?;
    let r = c.b.slice_axis(rows, 1, features as i64, i64::MAX, 1)?;
    let none = modelport_ir::Tensor::from_f64s(c.b.dtype(x), &[4 * units], &vec![0.0; 4 * units])?;
    biases.push(c.b.constant("", none));
    let bias = c.b.concat(&biases, 0)?;
    let mut operands = vec![Some(x)];
    for v in [w, r, bias] {
        operands.push(Some(c.b.unsqueeze(v, &[0])?));
    }
    operands.push(None);
    for v in [state[1], state[0]] {
        operands.push(Some(c.b.unsqueeze(v, &[0])?));
    }
    let op = Op::Lstm {
        hidden: units,
        direction: Direction::Forward,
        activations: vec![RnnActivation::Sigmoid, RnnActivation::Tanh, RnnActivation::Tanh],
        clip: None,
        input_forget: false,
    };
    let results = c.b.add(op, &operands)?;
    let [y, _] = f::two(&results)?;
    c.b.squeeze(y, &[1])
}

/// A loop over the steps, which collects every result.
fn repeated(c: &mut Call<'_>, lstm: &Lstm, order: &Order, x: ValueId, state: [ValueId; 2]) -> Result<Vec<ValueId>> {
    let mut captured = vec![x, lstm.w, lstm.bias];
    captured.extend(lstm.peepholes.iter().flatten().copied());
    let mut b = Builder::new("steps");
    b.push_scope(c.b.scope());
    let i = b.input("step", TensorType::known(modelport_ir::DType::I64, &[]));
    let go = b.input("go", TensorType::known(modelport_ir::DType::Bool, &[]));
    let inner: Vec<ValueId> =
        state.iter().chain(&captured).enumerate().map(|(k, &v)| b.input(format!("v{k}"), c.b.ty(v).clone())).collect();
    let at = |k: usize| inner.get(k).copied().ok_or_else(|| c.unsupported("the loop lacks a value"));
    let row = b.one(Op::Gather { axis: 0 }, &[at(2)?, i])?;
    let peepholes = if lstm.peepholes.is_some() { Some([at(5)?, at(6)?, at(7)?]) } else { None };
    let own = Lstm { w: at(3)?, bias: at(4)?, peepholes, forget_bias: lstm.forget_bias, clip: lstm.clip };
    let results = own.step(&mut b, order, row, [at(0)?, at(1)?])?;
    let result = |k: usize| results.get(k).copied().ok_or_else(|| c.unsupported("the loop lacks a value"));
    let go = b.unary(UnaryOp::Identity, go)?;
    b.output("go", go);
    b.output("c", result(1)?);
    b.output("h", result(6)?);
    let used: Vec<usize> = (0..7).filter(|&k| c.uses(k)).collect();
    for &k in &used {
        let each = b.unary(UnaryOp::Identity, result(k)?)?;
        b.output(format!("r{k}"), each);
    }
    let n = c.b.dim(x, 0)?;
    let n = f::scalar(c.b, n)?;
    let mut operands = vec![Some(n), None];
    operands.extend(state.iter().chain(&captured).copied().map(Some));
    let out = c.b.add(Op::Loop { carried: 2, body: Box::new(b.finish()) }, &operands)?;
    let filler = out.first().copied().unwrap_or(x);
    let mut all = vec![filler; 7];
    for (k, &v) in used.iter().zip(out.iter().skip(2)) {
        if let Some(slot) = all.get_mut(*k) {
            *slot = v;
        }
    }
    Ok(all)
}

/// (x, h, w of both gates, w of the candidate, their biases) → r, u, candidate, h'.
fn gru_cell(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, h, w] = c.three()?;
    let (w_candidate, bias, bias_candidate) = (c.input(3)?, c.input(4)?, c.input(5)?);
    let units = c.known_dim(h, 1)?;
    let b = &mut *c.b;
    let joined = b.concat(&[x, h], 1)?;
    let product = b.one(Op::MatMul, &[joined, w])?;
    let gates = b.binary(BinaryOp::Add, product, bias)?;
    let gates = b.unary(UnaryOp::Sigmoid, gates)?;
    let both = b.add(Op::Split { axis: 1, sizes: vec![units; 2] }, &[Some(gates)])?;
    let [r, u] = f::two(&both)?;
    let reset = b.binary(BinaryOp::Mul, h, r)?;
    let joined = b.concat(&[x, reset], 1)?;
    let product = b.one(Op::MatMul, &[joined, w_candidate])?;
    let candidate = b.binary(BinaryOp::Add, product, bias_candidate)?;
    let candidate = b.unary(UnaryOp::Tanh, candidate)?;
    let apart = b.binary(BinaryOp::Sub, h, candidate)?;
    let kept = b.binary(BinaryOp::Mul, u, apart)?;
    let next = b.binary(BinaryOp::Add, candidate, kept)?;
    Ok(vec![r, u, candidate, next])
}
