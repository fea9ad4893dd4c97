//! The cells of recurrent layers: their weights, and one step of them in core ops.
//!
//! Owns: the equations of `LSTMCell`, `GRUCell` and `SimpleRNNCell` (keras/src/layers/rnn/{lstm,gru,simple_rnn}.py, 3.15).
//! Must never know: time, masks, layers.

use super::activation;
use super::config::show;
use super::recurrent_steps::Step;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Attr, Builder, DType, Op, SourceOp, Tensor, ValueId};

/// Which equations a cell follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gates i, f, c, o; states h and c.
    Lstm,
    /// Gates z, r, h; `reset_after` applies the reset gate to the product instead of to the state.
    Gru {
        /// Whether the reset gate is applied after the product with the recurrent kernel.
        reset_after: bool,
    },
    /// One gate.
    Simple,
}

impl Kind {
    /// The number of gates, which the kernels hold side by side.
    pub(super) fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
            Self::Simple => 1,
        }
    }

    /// The number of states.
    pub(super) fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }
}

/// A cell with its weights, in Keras's order and layout, cast to the compute dtype.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) kind: Kind,
    pub(super) units: usize,
    pub(super) activation: Gate,
    pub(super) recurrent_activation: Gate,
    /// input × gates·units
    pub(super) kernel: Tensor,
    /// units × gates·units
    pub(super) recurrent_kernel: Tensor,
    /// gates·units
    pub(super) bias: Option<Tensor>,
    /// gates·units, of the recurrent product: only of a GRU with `reset_after`.
    pub(super) recurrent_bias: Option<Tensor>,
}

impl Cell {
    /// The cell of a layer or cell op such as `LSTM` or `LSTMCell`.
    pub(super) fn read(op: &SourceOp, dtype: DType) -> Result<Self> {
        let reset_after = op.attr("reset_after").and_then(Attr::as_bool).unwrap_or(true);
        let kind = match op.name.trim_end_matches("Cell") {
            "LSTM" => Kind::Lstm,
            "GRU" => Kind::Gru { reset_after },
            "SimpleRNN" => Kind::Simple,
            _ => return Err(unknown_cell(op)),
        };
        let weight = |name: &str| {
            op.weight(name)
                .ok_or_else(|| Diagnostic::error(Code::KERAS_WEIGHTS, format!("`{}` has no weight `{name}`", op.name)))
        };
        let (kernel, recurrent_kernel) = (weight("kernel")?.cast(dtype)?, weight("recurrent_kernel")?.cast(dtype)?);
        let units = recurrent_kernel.shape().first().copied().unwrap_or(0);
        let wide = units.checked_mul(kind.gates());
        let fits = |t: &Tensor, rows: Option<usize>| {
            t.rank() == 2 && t.shape().last().copied() == wide && rows.is_none_or(|r| t.shape().first() == Some(&r))
        };
        if !fits(&kernel, None) || !fits(&recurrent_kernel, Some(units)) {
            return Err(misfit(op, &kernel).found(format!("{} and {}", kernel.ty(), recurrent_kernel.ty())));
        }
        let (bias, recurrent_bias) = biases(op, kind, units, dtype)?;
        Ok(Self {
            kind,
            units,
            activation: Gate::read(op, "activation")?,
            recurrent_activation: Gate::read(op, "recurrent_activation")?,
            kernel,
            recurrent_kernel,
            bias,
            recurrent_bias,
        })
    }
}

fn unknown_cell(op: &SourceOp) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_UNSUPPORTED, format!("the recurrent cell `{}` has no lowering", op.name))
        .expected("LSTMCell, GRUCell, SimpleRNNCell or StackedRNNCells of these")
        .help("declare the layer that uses the cell with `--custom`")
}

fn misfit(op: &SourceOp, tensor: &Tensor) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_WEIGHTS, format!("the weights of `{}` do not fit its gates", op.name))
        .found(tensor.ty().to_string())
}

/// The input bias and, for a GRU with `reset_after`, the recurrent one.
fn biases(op: &SourceOp, kind: Kind, units: usize, dtype: DType) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let wide = units * kind.gates();
    let Some(bias) = op.weight("bias") else { return Ok((None, None)) };
    let bias = bias.cast(dtype)?;
    match bias.shape() {
        [n] if *n == wide && kind != (Kind::Gru { reset_after: true }) => Ok((Some(bias), None)),
        [2, n] if *n == wide => {
            let row = |i: usize| bias.narrow(0, i, 1)?.reshape(vec![wide]);
            Ok((Some(row(0)?), Some(row(1)?)))
        }
        _ => Err(misfit(op, &bias).expected(format!("a bias of {wide} elements"))),
    }
}

impl Cell {
    /// The part of the gates that comes from the inputs: x·kernel + bias, over any leading axes.
    pub(super) fn project(&self, b: &mut Builder, x: ValueId) -> Result<ValueId> {
        let kernel = b.constant(format!("{}/kernel", b.scope()), self.kernel.clone());
        let product = b.one(Op::MatMul, &[x, kernel])?;
        match &self.bias {
            Some(bias) => {
                let bias = b.constant(format!("{}/bias", b.scope()), bias.clone());
                b.binary(BinaryOp::Add, product, bias)
            }
            None => Ok(product),
        }
    }

    /// h·recurrent_kernel (+ recurrent bias), for the gates `from..to`.
    fn recur(&self, b: &mut Builder, h: ValueId, from: usize, to: usize) -> Result<ValueId> {
        let (start, len) = (from * self.units, (to - from) * self.units);
        let name = format!("{}/recurrent", b.scope());
        let kernel = b.constant(format!("{name}_kernel"), self.recurrent_kernel.narrow(1, start, len)?);
        let product = b.one(Op::MatMul, &[h, kernel])?;
        match &self.recurrent_bias {
            Some(bias) => {
                let bias = b.constant(format!("{name}_bias"), bias.narrow(0, start, len)?);
                b.binary(BinaryOp::Add, product, bias)
            }
            None => Ok(product),
        }
    }

    /// Cuts side-by-side gates apart.
    fn split(&self, b: &mut Builder, gates: ValueId, n: usize) -> Result<Vec<ValueId>> {
        b.add(Op::Split { axis: -1, sizes: vec![self.units; n] }, &[Some(gates)])
    }

    fn lstm(&self, b: &mut Builder, x: ValueId, h: ValueId, c: ValueId) -> Result<Vec<ValueId>> {
        let r = self.recur(b, h, 0, 4)?;
        let gates = b.binary(BinaryOp::Add, x, r)?;
        let gates = self.split(b, gates, 4)?;
        let &[i, f, g, o] = gates.as_slice() else { return Err(Diagnostic::error(Code::INTERNAL, "four gates")) };
        lstm_state(b, [i, f, g, o], c, &self.activation, &self.recurrent_activation)
    }

    fn gru(&self, b: &mut Builder, x: ValueId, h: ValueId, reset_after: bool) -> Result<ValueId> {
        let parts = self.split(b, x, 3)?;
        let &[xz, xr, xh] = parts.as_slice() else { return Err(Diagnostic::error(Code::INTERNAL, "three gates")) };
        let both = self.recur(b, h, 0, 2)?;
        let both = self.split(b, both, 2)?;
        let &[rz, rr] = both.as_slice() else { return Err(Diagnostic::error(Code::INTERNAL, "two gates")) };
        let z = b.binary(BinaryOp::Add, xz, rz)?;
        let z = self.recurrent_activation.apply(b, z)?;
        let r = b.binary(BinaryOp::Add, xr, rr)?;
        let r = self.recurrent_activation.apply(b, r)?;
        let rh = if reset_after {
            let rh = self.recur(b, h, 2, 3)?;
            b.binary(BinaryOp::Mul, r, rh)?
        } else {
            let reset = b.binary(BinaryOp::Mul, r, h)?;
            self.recur(b, reset, 2, 3)?
        };
        let hh = b.binary(BinaryOp::Add, xh, rh)?;
        let hh = self.activation.apply(b, hh)?;
        // z·h + (1−z)·hh
        let one = b.scalar_like(z, 1.0);
        let rest = b.binary(BinaryOp::Sub, one, z)?;
        let old = b.binary(BinaryOp::Mul, z, h)?;
        let new = b.binary(BinaryOp::Mul, rest, hh)?;
        b.binary(BinaryOp::Add, old, new)
    }
}

/// The new states h and c of an LSTM from its gates before activation.
pub(super) fn lstm_state(
    b: &mut Builder,
    [i, f, g, o]: [ValueId; 4],
    c: ValueId,
    activation: &Gate,
    recurrent: &Gate,
) -> Result<Vec<ValueId>> {
    let i = recurrent.apply(b, i)?;
    let f = recurrent.apply(b, f)?;
    let o = recurrent.apply(b, o)?;
    let g = activation.apply(b, g)?;
    let kept = b.binary(BinaryOp::Mul, f, c)?;
    let added = b.binary(BinaryOp::Mul, i, g)?;
    let c = b.binary(BinaryOp::Add, kept, added)?;
    let out = activation.apply(b, c)?;
    let h = b.binary(BinaryOp::Mul, o, out)?;
    Ok(vec![h, c])
}

/// An activation as a cell's config names it.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    /// Its name in Keras 3.15; `linear` when there is none.
    pub(super) name: String,
    apply: fn(&mut Builder, ValueId) -> Result<ValueId>,
}

impl Gate {
    /// The activation under `attribute` of a cell's config.
    pub(super) fn read(op: &SourceOp, attribute: &str) -> Result<Self> {
        let name = match op.attr(attribute) {
            None => Some("linear"),
            Some(Attr::Map(map)) => map.get("config").and_then(Attr::as_str),
            Some(other) => other.as_str(),
        };
        let known = name.and_then(|n| Some((n, activation::named(n)?)));
        known.map(|(name, apply)| Self { name: name.to_owned(), apply }).ok_or_else(|| {
            Diagnostic::error(
                Code::KERAS_UNSUPPORTED,
                format!("a cell of `{}` has an activation without a lowering", op.name),
            )
            .at_attribute(attribute)
            .expected("the name of one of Keras's activations")
            .found(op.attr(attribute).map_or_else(|| "nothing".to_owned(), show))
        })
    }

    /// The activation of `x`.
    pub(super) fn apply(&self, b: &mut Builder, x: ValueId) -> Result<ValueId> {
        (self.apply)(b, x)
    }
}

impl Step for Cell {
    fn step(&self, b: &mut Builder, x: ValueId, states: &[ValueId]) -> Result<Vec<ValueId>> {
        match (self.kind, states) {
            (Kind::Lstm, &[h, c]) => self.lstm(b, x, h, c),
            (Kind::Gru { reset_after }, &[h]) => Ok(vec![self.gru(b, x, h, reset_after)?]),
            (Kind::Simple, &[h]) => {
                let r = self.recur(b, h, 0, 1)?;
                let sum = b.binary(BinaryOp::Add, x, r)?;
                Ok(vec![self.activation.apply(b, sum)?])
            }
            _ => Err(Diagnostic::error(Code::INTERNAL, "a cell with another number of states")),
        }
    }
}
