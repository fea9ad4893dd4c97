//! What an op becomes in either layout: the list of all ops.
//!
//! A [`Form`] says which layout each operand must have and each result has. An op that is bound to its channels-last
//! layout has only a channels-first form, one that means something for a fixed order of axes has only a kept one,
//! all others have both, and the choice is made where it saves transposes.

use super::super::axes;
use super::{elementwise, movement, norm, reduce, windows};
use crate::core::DataLayout;
use crate::{Core, CoreGraph, Node, Op, Tensor, TensorType};

/// An operand of a form.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// In the source graph's layout; also operands without a layout, and absent ones.
    Keep,
    /// Channels first.
    First,
    /// Another constant instead.
    Replace(Tensor),
    /// With its axes in another order: kernels that are not constant.
    Permute(Vec<usize>),
    /// A vector over channels, with dimensions of 1 added until it broadcasts to a channels-first value of this rank.
    Lift(usize),
}

/// An op in one layout.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) op: Box<Op>,
    pub(super) inputs: Vec<Operand>,
    /// Whether each result is channels-first.
    pub(super) outputs: Vec<bool>,
    /// An op on the result and a constant that completes it.
    pub(super) then: Option<Box<(Op, Tensor)>>,
    /// What the form costs beyond transposes, where a transpose costs about 80.
    pub(super) cost: u64,
}

impl Form {
    pub(super) fn new(op: Op, inputs: Vec<Operand>, outputs: Vec<bool>) -> Self {
        Self { op: Box::new(op), inputs, outputs, then: None, cost: 0 }
    }

    /// The first operand and all results channels-first, other operands kept.
    pub(super) fn first(op: Op, c: Ctx<'_>) -> Self {
        let inputs = (0..c.node.inputs.len()).map(|i| if i == 0 { Operand::First } else { Operand::Keep });
        Self::new(op, inputs.collect(), vec![true; c.node.outputs.len()])
    }

    /// As it is.
    pub(super) fn kept(c: Ctx<'_>) -> Self {
        let inputs = vec![Operand::Keep; c.node.inputs.len()];
        Self::new(c.node.op.clone(), inputs, vec![false; c.node.outputs.len()])
    }

    /// With another operand `i`.
    pub(super) fn with(mut self, i: usize, operand: Operand) -> Self {
        if let Some(at) = self.inputs.get_mut(i) {
            *at = operand;
        }
        self
    }

    /// With a cost beyond transposes.
    pub(super) fn costing(mut self, cost: u64) -> Self {
        self.cost = cost;
        self
    }
}

/// The forms of a node.
#[derive(Clone, Debug)]
pub(super) enum Forms {
    /// In the layout of the source graph only.
    Kept(Form),
    /// Channels first only.
    First(Form),
    /// Either: kept, first.
    Either(Form, Form),
    /// Operand and result independently: they are the same elements in the same order, or an explicit transpose.
    Sides {
        /// Whether the operand may be channels-first.
        input: bool,
        /// Whether the result may be channels-first.
        output: bool,
    },
}

/// A node and the graph it is in.
#[derive(Clone, Copy)]
pub(super) struct Ctx<'a> {
    pub(super) graph: &'a CoreGraph,
    pub(super) node: &'a Node<Core>,
}

impl<'a> Ctx<'a> {
    pub(super) fn has(&self, i: usize) -> bool {
        self.node.inputs.get(i).is_some_and(Option::is_some)
    }

    pub(super) fn ty(&self, i: usize) -> Option<&'a TensorType> {
        self.node.inputs.get(i).copied().flatten().map(|id| self.graph.ty(id))
    }

    /// The rank of operand `i`; 0 when it is absent.
    pub(super) fn rank(&self, i: usize) -> usize {
        self.ty(i).map_or(0, TensorType::rank)
    }

    pub(super) fn result(&self) -> Option<&'a TensorType> {
        self.node.outputs.first().map(|&id| self.graph.ty(id))
    }

    pub(super) fn constant(&self, i: usize) -> Option<&'a Tensor> {
        self.node.inputs.get(i).copied().flatten().and_then(|id| self.graph.constant(id))
    }

    /// The elements of a small constant integer operand.
    pub(super) fn ints(&self, i: usize) -> Option<Vec<i64>> {
        self.constant(i).filter(|t| t.dtype().is_int() && t.len() <= 64)?.to_i64s().ok()
    }

    /// Whether operand 0 has a layout that could change.
    fn has_layout(&self) -> bool {
        self.rank(0) >= 3
    }
}

/// The forms of a node.
pub(super) fn forms(c: Ctx<'_>) -> Forms {
    match &c.node.op {
        Op::Conv { .. } | Op::ConvTranspose { .. } => windows::convolution(c),
        Op::Pool { data, .. } | Op::InstanceNorm { data, .. } | Op::GroupNorm { data, .. } | Op::Lrn { data, .. } => {
            bound(c, *data)
        }
        Op::DepthToSpace { data, .. } | Op::SpaceToDepth { data, .. } => bound(c, *data),
        Op::BatchNorm { axis, epsilon } => norm::batch(c, *axis, *epsilon),
        Op::Resize { .. } => windows::resize(c),
        Op::Transpose { .. } => Forms::Sides { input: c.has_layout(), output: c.has_layout() },
        Op::Reshape { .. } | Op::Flatten { .. } => movement::view(c),
        _ => either(c, first_form(c)),
    }
}

/// Both forms, where there is a channels-first one.
pub(super) fn either(c: Ctx<'_>, first: Option<Form>) -> Forms {
    match first {
        Some(first) => Forms::Either(Form::kept(c), first),
        None => Forms::Kept(Form::kept(c)),
    }
}

/// An op with a layout attribute: channels-last only in a graph for other targets.
fn bound(c: Ctx<'_>, data: DataLayout) -> Forms {
    if data == DataLayout::ChannelsFirst {
        return Forms::Kept(Form::kept(c));
    }
    let op = with_data_first(&c.node.op);
    if c.has_layout() {
        Forms::First(Form::first(op, c))
    } else {
        Forms::Kept(Form { op: Box::new(op), ..Form::kept(c) })
    }
}

fn with_data_first(op: &Op) -> Op {
    let mut op = op.clone();
    match &mut op {
        Op::Pool { data, .. }
        | Op::InstanceNorm { data, .. }
        | Op::GroupNorm { data, .. }
        | Op::Lrn { data, .. }
        | Op::DepthToSpace { data, .. }
        | Op::SpaceToDepth { data, .. } => *data = DataLayout::ChannelsFirst,
        _ => {}
    }
    op
}

/// The channels-first form of an op that works in any layout.
fn first_form(c: Ctx<'_>) -> Option<Form> {
    let rank = c.rank(0);
    let axis = |axis: i64| axes::normal(axis, rank).map(|a| axes::moved(a, rank) as i64).filter(|_| rank >= 3);
    let like = |op: Op| Some(Form::first(op, c)).filter(|_| rank >= 3);
    match &c.node.op {
        Op::Binary(_) | Op::Where => elementwise::broadcast(c),
        Op::Unary(_)
        | Op::Elu { .. }
        | Op::Selu { .. }
        | Op::Celu { .. }
        | Op::LeakyRelu { .. }
        | Op::HardSigmoid { .. }
        | Op::ThresholdedRelu { .. }
        | Op::Shrink { .. }
        | Op::Gelu { .. }
        | Op::Clip
        | Op::Cast { .. } => like(c.node.op.clone()),
        // Before opset 13 only the last axis can be written; kept where it costs nothing.
        Op::Softmax { axis: a } => Some(like(Op::Softmax { axis: axis(*a)? })?.costing(1)),
        Op::LogSoftmax { axis: a } => Some(like(Op::LogSoftmax { axis: axis(*a)? })?.costing(1)),
        Op::Hardmax { axis: a } => Some(like(Op::Hardmax { axis: axis(*a)? })?.costing(1)),
        Op::LpNorm { axis: a, p } => like(Op::LpNorm { axis: axis(*a)?, p: *p }),
        Op::CumSum { axis: a, exclusive, reverse } => {
            like(Op::CumSum { axis: axis(*a)?, exclusive: *exclusive, reverse: *reverse })
        }
        Op::CumProd { axis: a, exclusive, reverse } => {
            like(Op::CumProd { axis: axis(*a)?, exclusive: *exclusive, reverse: *reverse })
        }
        Op::TopK { axis: a, largest, sorted } => like(Op::TopK { axis: axis(*a)?, largest: *largest, sorted: *sorted }),
        Op::Reduce { .. } | Op::ArgReduce { .. } => reduce::first(c),
        Op::LayerNorm { .. } | Op::RmsNorm { .. } => norm::trailing(c),
        Op::QuantizeLinear { axis: a, to, saturate, block: 0 } => {
            like(Op::QuantizeLinear { axis: axis(*a)?, to: *to, saturate: *saturate, block: 0 })
        }
        Op::DequantizeLinear { axis: a, block: 0 } => like(Op::DequantizeLinear { axis: axis(*a)?, block: 0 }),
        Op::ReverseSequence { batch_axis, time_axis } => {
            like(Op::ReverseSequence { batch_axis: axis(*batch_axis)?, time_axis: axis(*time_axis)? })
        }
        Op::Split { axis: a, sizes } => like(Op::Split { axis: axis(*a)?, sizes: sizes.clone() }),
        Op::Concat { axis: a } => elementwise::all(c, Op::Concat { axis: axis(*a)? }),
        Op::GatherElements { axis: a } => elementwise::all(c, Op::GatherElements { axis: axis(*a)? }),
        Op::ScatterElements { axis: a, reduction } => {
            elementwise::all(c, Op::ScatterElements { axis: axis(*a)?, reduction: *reduction })
        }
        Op::Slice
        | Op::Pad { .. }
        | Op::Tile
        | Op::Expand
        | Op::Gather { .. }
        | Op::Squeeze { .. }
        | Op::Unsqueeze { .. }
        | Op::Shape { .. }
        | Op::Size => movement::first(c),
        // Ops whose operands have a fixed order of axes, or whose channels-last use is not worth a case.
        Op::MatMul
        | Op::Gemm { .. }
        | Op::Einsum { .. }
        | Op::MaxPoolWithIndex { .. }
        | Op::GatherNd { .. }
        | Op::ScatterNd { .. }
        | Op::OneHot { .. }
        | Op::Range
        | Op::NonZero
        | Op::Compress { .. }
        | Op::Unique { .. }
        | Op::Trilu { .. }
        | Op::EyeLike { .. }
        | Op::RandomUniform { .. }
        | Op::RandomNormal { .. }
        | Op::GridSample { .. }
        | Op::RoiAlign { .. }
        | Op::NonMaxSuppression { .. }
        | Op::Lstm { .. }
        | Op::Gru { .. }
        | Op::Rnn { .. }
        | Op::QuantizeLinear { .. }
        | Op::DequantizeLinear { .. }
        | Op::If { .. }
        | Op::Loop { .. }
        | Op::Custom { .. } => None,
        // Listed in `forms`.
        Op::Conv { .. }
        | Op::ConvTranspose { .. }
        | Op::Pool { .. }
        | Op::InstanceNorm { .. }
        | Op::GroupNorm { .. }
        | Op::Lrn { .. }
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::BatchNorm { .. }
        | Op::Resize { .. }
        | Op::Transpose { .. }
        | Op::Reshape { .. }
        | Op::Flatten { .. } => None,
    }
}
