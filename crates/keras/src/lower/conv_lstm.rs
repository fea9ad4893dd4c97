//! `ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D` (keras/src/layers/rnn/conv_lstm.py, 3.15).
//!
//! Owns: the convolutional cell. All four gates are one convolution; that of the inputs runs once over all time steps.

use super::call::Call;
use super::recurrent::initial_states;
use super::recurrent_cell::{Gate, lstm_state};
use super::recurrent_layer::{self as layer, Feed, Options, Recurrence};
use super::recurrent_shapes::{self as shapes, From};
use super::recurrent_steps::{self as steps, Outcome, Step};
use super::{Row, row_many};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, Padding};
use modelport_ir::{Builder, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] =
    &[row_many("ConvLSTM1D", conv_lstm), row_many("ConvLSTM2D", conv_lstm), row_many("ConvLSTM3D", conv_lstm)];

struct ConvCell {
    activation: Gate,
    recurrent_activation: Gate,
    filters: usize,
    data: DataLayout,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    padding: Padding,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Option<Tensor>,
}

fn conv_lstm(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let cell = read(call)?;
    let options = Options::read(call.op);
    let feed = Feed { x: call.float_x()?, mask: call.mask(0), initial: initial_states(call, 2)? };
    if options.return_sequences {
        call.set_mask(0, feed.mask);
    }
    layer::run(call.b, &cell, options, &feed, false)
}

fn read(call: &Call<'_>) -> Result<ConvCell> {
    let dtype = call.compute_dtype();
    let kernel = call.weight_tensor("kernel")?.cast(dtype)?;
    let recurrent_kernel = call.weight_tensor("recurrent_kernel")?.cast(dtype)?;
    let filters = call.size("filters")?;
    let spatial = call.rank()?.saturating_sub(3);
    let wide = filters.checked_mul(4);
    let fits = |t: &Tensor| t.rank() == spatial + 2 && t.shape().last().copied() == wide;
    if spatial == 0 || !fits(&kernel) || !fits(&recurrent_kernel) {
        return Err(Diagnostic::error(Code::KERAS_WEIGHTS, format!("the kernels of `{}` do not fit it", call.op.name))
            .at_node(call.b.scope())
            .expected(format!("kernels of rank {} with 4·{filters} outputs", spatial + 2))
            .found(format!("{} and {}", kernel.ty(), recurrent_kernel.ty())));
    }
    let padding = match call.str_or("padding", "valid")? {
        "valid" => Padding::valid(spatial),
        "same" => Padding::SameUpper,
        other => return Err(call.bad_argument("padding", "`valid` or `same`", other)),
    };
    Ok(ConvCell {
        activation: Gate::read(call.op, "activation")?,
        recurrent_activation: Gate::read(call.op, "recurrent_activation")?,
        filters,
        data: call.data_layout()?,
        strides: call.sizes_or("strides", spatial, 1)?,
        dilations: call.sizes_or("dilation_rate", spatial, 1)?,
        padding,
        kernel,
        recurrent_kernel,
        bias: call.op.weight("bias").map(|b| b.cast(dtype)).transpose()?,
    })
}

impl ConvCell {
    /// The inputs' part of the gates of all steps: (time, batch, …) with 4·filters channels.
    fn project(&self, b: &mut Builder, x: ValueId) -> Result<ValueId> {
        let rank = b.rank(x);
        let mut merged = vec![From::Size(-1)];
        merged.extend((2..rank).map(|a| From::Dim(x, a)));
        let images = shapes::reshape(b, x, &merged)?;
        let kernel = b.constant(format!("{}/kernel", b.scope()), self.kernel.clone());
        let mut operands = vec![images, kernel];
        if let Some(bias) = &self.bias {
            operands.push(b.constant(format!("{}/bias", b.scope()), bias.clone()));
        }
        let conv = Op::Conv {
            strides: self.strides.clone(),
            dilations: self.dilations.clone(),
            padding: self.padding.clone(),
            groups: 1,
            data: self.data,
            kernel: KernelLayout::SpatialInOut,
        };
        let y = b.one(conv, &operands)?;
        let mut dims = vec![From::Dim(x, 0), From::Dim(x, 1)];
        dims.extend((1..b.rank(y)).map(|a| From::Dim(y, a)));
        shapes::reshape(b, y, &dims)
    }
}

impl Step for ConvCell {
    fn step(&self, b: &mut Builder, x: ValueId, states: &[ValueId]) -> Result<Vec<ValueId>> {
        let &[h, c] = states else { return Err(Diagnostic::error(Code::INTERNAL, "two states")) };
        let spatial = self.strides.len();
        let kernel = b.constant(format!("{}/recurrent_kernel", b.scope()), self.recurrent_kernel.clone());
        let conv = Op::Conv {
            strides: vec![1; spatial],
            dilations: vec![1; spatial],
            padding: Padding::SameUpper,
            groups: 1,
            data: self.data,
            kernel: KernelLayout::SpatialInOut,
        };
        let recurrent = b.one(conv, &[h, kernel])?;
        let gates = b.binary(BinaryOp::Add, x, recurrent)?;
        let axis = self.data.channel_axis(spatial + 2) as i64;
        let gates = b.add(Op::Split { axis, sizes: vec![self.filters; 4] }, &[Some(gates)])?;
        let &[i, f, g, o] = gates.as_slice() else { return Err(Diagnostic::error(Code::INTERNAL, "four gates")) };
        lstm_state(b, [i, f, g, o], c, &self.activation, &self.recurrent_activation)
    }
}

impl Recurrence for ConvCell {
    fn states(&self) -> usize {
        2
    }

    fn output_state(&self) -> usize {
        0
    }

    fn run(
        &self,
        b: &mut Builder,
        x: ValueId,
        initial: &[ValueId],
        lengths: Option<ValueId>,
        backwards: bool,
    ) -> Result<Outcome> {
        let gates = self.project(b, x)?;
        let mut states = initial.to_vec();
        if states.is_empty() {
            let rank = b.rank(gates);
            let channel = self.data.channel_axis(rank - 1) + 1;
            let dim = |a: usize| if a == channel { From::Size(self.filters as i64) } else { From::Dim(gates, a) };
            let dims: Vec<From> = (1..rank).map(dim).collect();
            let dtype = b.dtype(gates);
            states = vec![shapes::zeros(b, dtype, &dims)?; 2];
        }
        steps::run(b, self, gates, &states, lengths, backwards)
    }
}
