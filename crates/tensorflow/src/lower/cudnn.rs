//! cuDNN's recurrences and the vector that holds all their weights (`core/ops/cudnn_rnn_ops.cc`,
//! `core/kernels/cudnn_rnn_ops.cc` of TensorFlow 2.21).
//!
//! The vector: the matrices of every layer, both directions in turn, those of the input before the recurrent ones, gate by
//! gate and row by row; behind them the biases in the same order. Both biases are added, and a GRU resets behind its
//! matrix.

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{Direction, RnnActivation};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("CudnnRNN", recurrence),
    row_many("CudnnRNNV2", recurrence),
    row_many("CudnnRNNV3", recurrence),
    row("CudnnRNNCanonicalToParams", joined),
    row("CudnnRNNCanonicalToParamsV2", joined),
    row_many("CudnnRNNParamsToCanonical", apart),
    row_many("CudnnRNNParamsToCanonicalV2", apart),
];

/// More layers than any model has; a file may claim any number.
const MOST_LAYERS: usize = 1024;

/// What one of cuDNN's recurrences is.
struct Kind {
    mode: String,
    /// Where the gates of ONNX stand among cuDNN's.
    order: &'static [usize],
    /// 2 with a way back, else 1.
    ways: usize,
}

impl Kind {
    fn read(c: &Call<'_>, features: usize, hidden: usize) -> Result<Self> {
        let mode = c.str_or("rnn_mode", "lstm")?.to_owned();
        let order: &[usize] = match mode.as_str() {
            // cuDNN: input, forget, new memory, output.
            "lstm" => &[0, 3, 1, 2],
            // cuDNN: reset, update, new memory.
            "gru" => &[1, 0, 2],
            "rnn_tanh" | "rnn_relu" => &[0],
            other => return Err(c.bad_value("rnn_mode", "lstm, gru, rnn_tanh or rnn_relu", other)),
        };
        let input = c.str_or("input_mode", "linear_input")?;
        if input == "skip_input" || input == "auto_select" && features == hidden {
            return Err(c.unsupported("a recurrence without a matrix for its input has no lowering").found(input));
        }
        if c.int_or("num_proj", 0)? != 0 {
            return Err(c.unsupported("a projected state has no counterpart in ONNX").at_attribute("num_proj"));
        }
        let ways = match c.str_or("direction", "unidirectional")? {
            "unidirectional" => 1,
            "bidirectional" => 2,
            other => return Err(c.bad_value("direction", "unidirectional or bidirectional", other)),
        };
        Ok(Self { mode, order, ways })
    }

    /// The op of one layer.
    fn op(&self, hidden: usize) -> Op {
        let direction = if self.ways == 2 { Direction::Bidirectional } else { Direction::Forward };
        let once: &[RnnActivation] = match self.mode.as_str() {
            "lstm" => &[RnnActivation::Sigmoid, RnnActivation::Tanh, RnnActivation::Tanh],
            "gru" => &[RnnActivation::Sigmoid, RnnActivation::Tanh],
            "rnn_relu" => &[RnnActivation::Relu],
            _ => &[RnnActivation::Tanh],
        };
        let activations = [once; 2].iter().take(self.ways).flat_map(|o| o.iter().cloned()).collect();
        match self.mode.as_str() {
            "lstm" => Op::Lstm { hidden, direction, activations, clip: None, input_forget: false },
            "gru" => Op::Gru { hidden, direction, activations, clip: None, linear_before_reset: true },
            _ => Op::Rnn { hidden, direction, activations, clip: None },
        }
    }
}

/// One matrix or bias of one gate.
struct Part {
    start: usize,
    rows: usize,
    /// Of a matrix.
    columns: Option<usize>,
}

/// Where everything stands in the vector.
struct Blob {
    parts: Vec<Part>,
    gates: usize,
    len: usize,
}

impl Blob {
    fn new(kind: &Kind, layers: usize, features: usize, hidden: usize) -> Option<Self> {
        let (gates, ways) = (kind.order.len(), kind.ways);
        let mut blob = Self { parts: Vec::new(), gates, len: 0 };
        for at in 0..layers.checked_mul(ways)? {
            let from = if at < ways { features } else { hidden.checked_mul(ways)? };
            for g in 0..2 * gates {
                blob.push(hidden, Some(if g < gates { from } else { hidden }))?;
            }
        }
        for _ in 0..layers * ways * 2 * gates {
            blob.push(hidden, None)?;
        }
        Some(blob)
    }

    fn push(&mut self, rows: usize, columns: Option<usize>) -> Option<()> {
        let len = rows.checked_mul(columns.unwrap_or(1))?;
        self.parts.push(Part { start: self.len, rows, columns });
        self.len = self.len.checked_add(len)?;
        Some(())
    }

    /// The blob that fits the vector.
    fn fitting(c: &Call<'_>, params: ValueId, kind: &Kind, sizes: [usize; 3]) -> Result<Self> {
        let [layers, features, hidden] = sizes;
        c.need_rank(params, 1)?;
        let found = c.known_dim(params, 0)?;
        if layers == 0 || layers > MOST_LAYERS {
            return Err(c.unsupported("this number of layers has no lowering").found(layers.to_string()));
        }
        let misfit = |expected: String| {
            Diagnostic::error(Code::TF_OPERANDS, format!("`{}`: the vector of weights does not fit", c.op.name))
                .at_node(c.b.scope())
                .expected(expected)
                .found(format!("{found} numbers"))
        };
        let blob = Self::new(kind, layers, features, hidden).ok_or_else(|| misfit("a size that is a number".into()))?;
        if blob.len == found {
            return Ok(blob);
        }
        Err(misfit(format!(
            "{} numbers for {layers} layers of {hidden} units over {features} features, {} way(s), {}",
            blob.len, kind.ways, kind.mode
        )))
    }

    /// Part `i` of the vector.
    fn part(&self, c: &mut Call<'_>, params: ValueId, i: usize) -> Result<ValueId> {
        let part =
            self.parts.get(i).ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a part of weights is missing"))?;
        let end = part.start + part.rows * part.columns.unwrap_or(1);
        let flat = c.b.slice_axis(params, 0, part.start as i64, end as i64, 1)?;
        match part.columns {
            Some(columns) => c.b.reshape(flat, &[part.rows as i64, columns as i64]),
            None => Ok(flat),
        }
    }

    /// Parts from `first` on as one, in the order of ONNX's gates.
    fn gates(&self, c: &mut Call<'_>, params: ValueId, first: usize, kind: &Kind) -> Result<ValueId> {
        let mut all = Vec::new();
        for gate in kind.order {
            all.push(self.part(c, params, first + gate)?);
        }
        c.b.concat(&all, 0)
    }

    /// Weights, recurrent weights and biases of a layer, with an axis of ways in front.
    fn layer(&self, c: &mut Call<'_>, params: ValueId, layer: usize, kind: &Kind) -> Result<[ValueId; 3]> {
        let mut all: [Vec<ValueId>; 3] = Default::default();
        let biases = self.parts.len() / 2;
        for at in layer * kind.ways..(layer + 1) * kind.ways {
            let first = at * 2 * self.gates;
            let w = self.gates(c, params, first, kind)?;
            let r = self.gates(c, params, first + self.gates, kind)?;
            let one = self.gates(c, params, biases + first, kind)?;
            let other = self.gates(c, params, biases + first + self.gates, kind)?;
            let bias = c.b.concat(&[one, other], 0)?;
            for (list, value) in all.iter_mut().zip([w, r, bias]) {
                list.push(value);
            }
        }
        let [w, r, bias] = all;
        Ok([f::stack(c.b, &w, 0)?, f::stack(c.b, &r, 0)?, f::stack(c.b, &bias, 0)?])
    }
}

/// (x, h, c, params, lengths in the third version) → y, h, c, and what only training uses.
fn recurrence(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [mut x, mut h, mut cell] = c.three()?;
    let params = c.input(3)?;
    c.need_rank(x, 3)?;
    c.need_rank(h, 3)?;
    let (features, hidden) = (c.known_dim(x, 2)?, c.known_dim(h, 2)?);
    let kind = Kind::read(c, features, hidden)?;
    let lstm = kind.mode == "lstm";
    let turned = !c.bool_or("time_major", true)?;
    if turned {
        x = c.b.transpose(x, &[1, 0, 2])?;
        h = c.b.transpose(h, &[1, 0, 2])?;
        cell = if lstm { c.b.transpose(cell, &[1, 0, 2])? } else { cell };
    }
    let layers = c.known_dim(h, 0)? / kind.ways;
    if layers > 1 && c.float_or("dropout", 0.0)? > 0.0 && c.bool_or("is_training", true)? {
        let help = "save the graph for inference, with `is_training` false";
        return Err(c.unsupported("dropout between layers draws random numbers").at_attribute("dropout").help(help));
    }
    let blob = Blob::fitting(c, params, &kind, [layers, features, hidden])?;
    let lengths = lengths(c, x)?;
    let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
    for layer in 0..layers {
        let (from, to) = ((layer * kind.ways) as i64, ((layer + 1) * kind.ways) as i64);
        let [w, r, bias] = blob.layer(c, params, layer, &kind)?;
        let mut operands = vec![Some(x), Some(w), Some(r), Some(bias), lengths];
        for state in if lstm { vec![h, cell] } else { vec![h] } {
            operands.push(Some(if layers == 1 { state } else { c.b.slice_axis(state, 0, from, to, 1)? }));
        }
        let results = c.b.add(kind.op(hidden), &operands)?;
        let [y, h] = f::two(&results)?;
        last_h.push(h);
        last_c.extend(results.get(2));
        x = if kind.ways == 1 {
            c.b.squeeze(y, &[1])?
        } else {
            let y = c.b.transpose(y, &[0, 2, 1, 3])?;
            c.b.reshape(y, &[0, 0, 2 * hidden as i64])?
        };
    }
    // Without a cell there is nothing that anything could use.
    let none = c.b.scalar_like(x, 0.0);
    let mut results = vec![x, all_layers(c, &last_h)?, if lstm { all_layers(c, &last_c)? } else { none }];
    if turned {
        for slot in results.iter_mut().take(if lstm { 3 } else { 2 }) {
            *slot = c.b.transpose(*slot, &[1, 0, 2])?;
        }
    }
    Ok(results)
}

fn all_layers(c: &mut Call<'_>, states: &[ValueId]) -> Result<ValueId> {
    match states {
        [one] => Ok(*one),
        _ => c.b.concat(states, 0),
    }
}

/// The lengths of sequences, where they are not all the whole time. Behind its end a sequence gives zeros.
fn lengths(c: &mut Call<'_>, x: ValueId) -> Result<Option<ValueId>> {
    if c.op.name != "CudnnRNNV3" {
        return Ok(None);
    }
    let time = c.b.shape(x).first().and_then(modelport_ir::Dim::known);
    if let (Some(given), Some(time)) = (c.opt_ints(4)?, time)
        && given.iter().all(|&n| n == time as i64)
    {
        return Ok(None);
    }
    let given = c.input(4)?;
    c.b.cast(given, DType::I32).map(Some)
}

/// The sizes of a vector's layout: operands number of layers, of units, of features.
fn layout(c: &Call<'_>) -> Result<(Kind, [usize; 3])> {
    let mut sizes = [0; 3];
    for (i, (size, what)) in sizes.iter_mut().zip(["num_layers", "num_units", "input_size"]).enumerate() {
        let given = c.int_operand(i, what)?;
        *size = usize::try_from(given).map_err(|_| c.unsupported(format!("{what} is negative")))?;
    }
    let [layers, hidden, features] = sizes;
    Ok((Kind::read(c, features, hidden)?, [layers, features, hidden]))
}

/// (layers, units, features, matrices…, biases…) → the vector.
fn joined(c: &mut Call<'_>) -> Result<ValueId> {
    let (kind, sizes) = layout(c)?;
    let mut flat = Vec::new();
    for i in 3..c.inputs.len() {
        let part = c.input(i)?;
        flat.push(f::ravel(c.b, part)?);
    }
    if flat.is_empty() {
        return Err(c.unsupported("there are no weights"));
    }
    let params = c.b.concat(&flat, 0)?;
    Blob::fitting(c, params, &kind, sizes)?;
    Ok(params)
}

/// (layers, units, features, the vector) → matrices, biases.
fn apart(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (kind, sizes) = layout(c)?;
    let params = c.input(3)?;
    let blob = Blob::fitting(c, params, &kind, sizes)?;
    (0..blob.parts.len()).map(|i| blob.part(c, params, i)).collect()
}
