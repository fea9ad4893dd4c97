//! Deciding the form of every node and the layout of every value.

use super::super::InputLayout;
use super::flow::{Choice, Costs, Decision};
use super::forms::{Ctx, Form, Forms, Operand, forms};
use super::{dense, movement};
use crate::{CoreGraph, Def, Dim, NodeId, TensorType, ValueId};
use std::collections::HashMap;

/// A node with its labels.
pub(super) struct Planned {
    pub(super) forms: Forms,
    /// The label of the node, or of its operand when it has [`Forms::Sides`].
    pub(super) input: Choice,
    /// The label of the result when it has [`Forms::Sides`].
    pub(super) output: Choice,
}

/// All decisions.
pub(super) struct Plan {
    pub(super) nodes: Vec<Planned>,
    /// By position among the graph's inputs.
    pub(super) inputs: Vec<Choice>,
    /// By position among the graph's outputs.
    pub(super) outputs: Vec<Choice>,
    pub(super) decision: Decision,
}

impl Plan {
    /// Whether a label is channels-first.
    pub(super) fn is_first(&self, choice: Choice) -> bool {
        self.decision.is_first(choice)
    }
}

/// Plans a whole graph.
pub(super) fn plan(graph: &CoreGraph, layout: InputLayout) -> Plan {
    let mut costs = Costs::new();
    let boundary = |costs: &mut Costs, id: ValueId| match layout {
        InputLayout::Nchw if graph.ty(id).rank() >= 4 => costs.free(),
        _ => Choice::Kept,
    };
    let inputs: Vec<Choice> = graph.inputs().iter().map(|&id| boundary(&mut costs, id)).collect();
    let outputs: Vec<Choice> = graph.outputs().iter().map(|o| boundary(&mut costs, o.value)).collect();
    let nodes = label(graph, &mut costs);
    connect(graph, &mut costs, &nodes, &inputs, &outputs);
    Plan { nodes, inputs, outputs, decision: costs.decide() }
}

/// The forms of all nodes, with labels where there is a choice.
fn label(graph: &CoreGraph, costs: &mut Costs) -> Vec<Planned> {
    let users = users(graph);
    let mut absorbed: HashMap<NodeId, (Form, Choice)> = HashMap::new();
    let mut nodes = Vec::with_capacity(graph.nodes().len());
    for (index, node) in graph.nodes().iter().enumerate() {
        let c = Ctx { graph, node };
        if let Some((form, choice)) = absorbed.remove(&NodeId(index as u32)) {
            costs.when_first(choice, form.cost);
            nodes.push(Planned { forms: Forms::Either(Form::kept(c), form), input: choice, output: Choice::Kept });
            continue;
        }
        let planned = one(forms(c), costs);
        let flat = node.outputs.first().filter(|_| matches!(planned.forms, Forms::Kept(_)) && flattens(c));
        let dense = flat.and_then(|id| {
            let (nodes, is_output) = users.get(id.index())?;
            dense::absorbing(c, nodes, *is_output)
        });
        nodes.push(match dense {
            Some(dense) => {
                let choice = costs.free();
                absorbed.extend(dense.into_iter().map(|(id, form)| (id, (form, choice))));
                Planned { forms: Forms::Sides { input: true, output: true }, input: choice, output: choice }
            }
            None => planned,
        });
    }
    nodes
}

fn flattens(c: Ctx<'_>) -> bool {
    matches!(c.node.op, crate::Op::Reshape { .. } | crate::Op::Flatten { .. })
        && c.result().is_some_and(|t| t.rank() == 2)
}

/// By value: the nodes that use it, and whether it is an output.
fn users(graph: &CoreGraph) -> Vec<(Vec<NodeId>, bool)> {
    let mut users = vec![(Vec::new(), false); graph.values.len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        for id in node.inputs.iter().flatten() {
            if let Some(u) = users.get_mut(id.index()) {
                u.0.push(NodeId(index as u32));
            }
        }
    }
    for output in graph.outputs() {
        if let Some(u) = users.get_mut(output.value.index()) {
            u.1 = true;
        }
    }
    users
}

fn one(forms: Forms, costs: &mut Costs) -> Planned {
    let (input, output) = match &forms {
        Forms::Kept(_) => (Choice::Kept, Choice::Kept),
        Forms::First(_) => (Choice::First, Choice::First),
        Forms::Either(kept, first) => {
            let choice = costs.free();
            costs.when_kept(choice, kept.cost);
            costs.when_first(choice, first.cost);
            (choice, choice)
        }
        Forms::Sides { input, output } => {
            let mut side = |free: bool| if free { costs.free() } else { Choice::Kept };
            (side(*input), side(*output))
        }
    };
    Planned { forms, input, output }
}

impl Planned {
    /// The layout that operand `i` is wanted in.
    fn wants(&self, i: usize) -> Choice {
        match &self.forms {
            Forms::Sides { .. } if i == 0 => self.input,
            Forms::First(form) | Forms::Either(_, form) if matches!(form.inputs.get(i), Some(Operand::First)) => {
                self.input
            }
            _ => Choice::Kept,
        }
    }

    /// The layout that result `i` is made in.
    fn makes(&self, i: usize) -> Choice {
        match &self.forms {
            Forms::Sides { .. } => self.output,
            Forms::First(form) | Forms::Either(_, form) if form.outputs.get(i) == Some(&true) => self.output_or_input(),
            _ => Choice::Kept,
        }
    }

    fn output_or_input(&self) -> Choice {
        if matches!(self.forms, Forms::Sides { .. }) { self.output } else { self.input }
    }

    /// Whether operand `i` is used at all in the form that would be kept.
    fn reads(&self, i: usize) -> bool {
        match &self.forms {
            Forms::First(form) | Forms::Kept(form) => !matches!(form.inputs.get(i), None | Some(Operand::Replace(_))),
            _ => true,
        }
    }
}

/// What it costs where a value is wanted in another layout than it is made in.
fn connect(graph: &CoreGraph, costs: &mut Costs, nodes: &[Planned], inputs: &[Choice], outputs: &[Choice]) {
    let mut wanted: Vec<Vec<Choice>> = vec![Vec::new(); graph.values.len()];
    for (node, planned) in graph.nodes().iter().zip(nodes) {
        for (i, id) in node.inputs.iter().enumerate().filter_map(|(i, id)| Some((i, (*id)?))) {
            if planned.reads(i)
                && let Some(w) = wanted.get_mut(id.index())
            {
                w.push(planned.wants(i));
            }
        }
    }
    for (output, &choice) in graph.outputs().iter().zip(outputs) {
        if let Some(w) = wanted.get_mut(output.value.index()) {
            w.push(choice);
        }
    }
    let made: HashMap<ValueId, Choice> = graph.inputs().iter().copied().zip(inputs.iter().copied()).collect();
    for ((id, value), mut wants) in graph.values().zip(wanted) {
        let source = match value.def {
            Def::Input => made.get(&id).copied().unwrap_or(Choice::Kept),
            Def::Const(_) => continue,
            Def::Node(n, k) => nodes.get(n.index()).map_or(Choice::Kept, |p| p.makes(k)),
        };
        wants.retain(|w| *w != source);
        wants.sort_unstable();
        wants.dedup();
        if !wants.is_empty() {
            costs.when_different(source, &wants, price(&value.ty));
        }
    }
}

/// What a transpose of a value costs: mostly that it is one, a little by the number of elements.
fn price(ty: &TensorType) -> u64 {
    if movement::moves_freely(ty) {
        return 40;
    }
    let elements = ty.shape.iter().filter_map(Dim::known).fold(1usize, usize::saturating_mul);
    64 + u64::from(elements.max(1).ilog2())
}
