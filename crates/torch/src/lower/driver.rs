//! The walk over the source graph: operands, writes in place, names; what fails is recorded and does not stop the rest.

use super::alias::{Memory, Step};
use super::call::{Operand, operand_index};
use super::complex;
use super::names::{self, Name};
use super::one::{first_operand, fitted, lower_row, name_values, through, too_few, value_count};
use super::sizes::unmark;
use super::{Row, control, find, module};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::complex::part_of;
use modelport_ir::core::{CustomResult, UnaryOp};
use modelport_ir::{
    Attr, Builder, CoreGraph, CustomLayers, DType, Def, Dialect, Dim, Node, Op, Source, SourceGraph, SourceOp, ValueId,
};
use std::collections::BTreeMap;

/// Lowers a graph of ATen ops, in the semantics of PyTorch 2.15, to core ops.
///
/// Ops that are not known are looked up in `custom` by their name (`mylib::op`). With
/// [`CustomLayers::allow_custom_ops`], the rest become [`Op::Custom`] in the domain `modelport.torch`.
///
/// # Errors
/// All that is wrong: ops without a lowering (TO0101, one diagnostic for all), arguments without one (TO0102), calls that
/// fit no schema (TO0103), and what type inference finds (IR0001).
pub fn lower(source: &SourceGraph, custom: &CustomLayers) -> std::result::Result<CoreGraph, Diagnostics> {
    let mut b = Builder::new(source.name.clone());
    b.graph_mut().provenance = source.provenance.clone();
    let mut state = State::default();
    let mut walk = Walk::new(custom, &mut state, 0);
    let mut inputs = Vec::new();
    for &id in source.inputs() {
        let value = source.value(id);
        if value.ty.is_none() {
            walk.state.problems.push(
                Diagnostic::error(Code::TORCH_GRAPH, format!("the type of input `{}` is not known", value.name))
                    .help(format!("give it: --input-type {}=f32[N,3,224,224]", value.name)),
            );
        }
        if value.ty.as_ref().is_some_and(|ty| part_of(ty.dtype).is_some()) {
            walk.state.problems.push(complex::no_place("an input of the model").at_node(value.name.clone()));
        }
        inputs.push(value.ty.clone().map(|ty| Operand::input(&mut b, &value.name, ty)));
    }
    walk.graph(&mut b, source, &inputs);
    let values = walk.outputs(&mut b, source);
    for (output, value) in source.outputs().iter().zip(values) {
        let real = |o: Operand| o.real("an output of the model").map_err(|d| d.at_node(output.name.clone()));
        let Some(value) = value.and_then(|o| state.problems.keep(real(o))) else { continue };
        // A writer needs a node for each output.
        let lone = !matches!(b.graph().value(value).def, Def::Node(..));
        let named = if lone { state.problems.keep(b.unary(UnaryOp::Identity, value)) } else { Some(value) };
        if let Some(value) = named {
            b.output(output.name.clone(), value);
        }
    }
    unmark(&mut b);
    state.unknown_ops();
    module::diagnose(&state.modules, &mut state.problems);
    if state.problems.has_errors() { Err(state.problems) } else { Ok(b.finish()) }
}

/// What all graphs of one lowering share.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) problems: Diagnostics,
    /// Ops without a lowering, with how often each occurs and where first.
    unknown: BTreeMap<String, (usize, String)>,
    /// Modules of classes that nobody knows.
    pub(crate) modules: Vec<module::Unknown>,
    /// View steps that were taken again; bounded, so that a file cannot make us work without end.
    replayed: usize,
}

/// View steps that one lowering may take again.
const MOST_REPLAYED: usize = 200_000;

impl State {
    fn unknown_ops(&mut self) {
        if self.unknown.is_empty() {
            return;
        }
        let list: Vec<_> = self.unknown.iter().map(|(op, (n, at))| format!("{op} ×{n} (first at `{at}`)")).collect();
        let count = self.unknown.len();
        let what =
            if count == 1 { "an op has no lowering".to_owned() } else { format!("{count} ops have no lowering") };
        self.problems.push(
            Diagnostic::error(Code::TORCH_UNKNOWN_OP, what)
                .found(list.join(", "))
                .help("declare what such an op computes with --custom FILE, or keep it as a node of its own with --allow-custom-ops"),
        );
    }

    fn replay(&mut self) -> Result<()> {
        self.replayed += 1;
        if self.replayed <= MOST_REPLAYED {
            return Ok(());
        }
        Err(Diagnostic::error(Code::IO_LIMIT, "views and writes in place depend on each other without end"))
    }
}

/// One pass over one graph's nodes.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) custom: &'a CustomLayers,
    pub(crate) state: &'a mut State,
    pub(crate) depth: usize,
    pub(super) slots: Vec<Option<Operand>>,
    pub(super) memory: Memory,
    /// Values of this graph that belong to the graph around it, which a write must not reach.
    outer: Vec<usize>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(custom: &'a CustomLayers, state: &'a mut State, depth: usize) -> Self {
        Self { custom, state, depth, slots: Vec::new(), memory: Memory::default(), outer: Vec::new() }
    }

    /// Lowers all nodes; values that could not be lowered, and what depends on them, are `None`.
    pub(crate) fn graph(&mut self, b: &mut Builder, graph: &SourceGraph, inputs: &[Option<Operand>]) {
        self.constants(b, graph, 0);
        for (id, operand) in graph.inputs().iter().zip(inputs) {
            self.set(id.0 as usize, *operand);
            if self.depth > 0 {
                self.outer.push(id.0 as usize);
            }
        }
        for index in 0..graph.nodes().len() {
            self.node(b, graph, index);
        }
    }

    /// Makes room for all values from `first` on, and enters the constants among them.
    pub(crate) fn constants(&mut self, b: &mut Builder, graph: &SourceGraph, first: usize) {
        for (_, value) in graph.values().skip(first) {
            let constant = match &value.def {
                Def::Const(t) => self.state.problems.keep(Operand::constant(b, &value.name, t)),
                _ => None,
            };
            self.slots.push(constant);
        }
    }

    /// The values of the graph's outputs.
    pub(crate) fn outputs(&mut self, b: &mut Builder, graph: &SourceGraph) -> Vec<Option<Operand>> {
        let mut values = Vec::new();
        for output in graph.outputs() {
            let read = self.read(b, graph, output.value.0 as usize);
            values.push(self.state.problems.keep(read).flatten());
        }
        values
    }

    pub(crate) fn set(&mut self, value: usize, operand: Option<Operand>) {
        if let Some(slot) = self.slots.get_mut(value) {
            *slot = operand;
        }
    }

    pub(crate) fn get(&self, value: usize) -> Option<Operand> {
        self.slots.get(value).copied().flatten()
    }

    /// A value as it is now: computed anew when what it views was written.
    pub(super) fn read(&mut self, b: &mut Builder, graph: &SourceGraph, value: usize) -> Result<Option<Operand>> {
        let Some(stale) = self.memory.stale(value) else { return Ok(self.get(value)) };
        let mut at = stale.root;
        for step in &stale.steps {
            at = self.step(b, graph, step, at)?;
        }
        self.set(value, Some(at));
        self.memory.refreshed(value);
        Ok(Some(at))
    }

    /// Takes one view step from `from`.
    fn step(&mut self, b: &mut Builder, graph: &SourceGraph, step: &Step, from: Operand) -> Result<Operand> {
        self.state.replay()?;
        let Some(node) = graph.nodes().get(step.node) else { return Ok(from) };
        let mut operands = step.operands.clone();
        if let Some(o) = operands.get_mut(step.viewed) {
            *o = from;
        }
        let name = names::parse(&node.op.name);
        let Some(row) = find(&name.base) else { return Ok(from) };
        let results = lower_row(b, row, &node.op, &name, &operands, node.outputs.len())?;
        results.get(step.result).copied().ok_or_else(|| too_few(node, results.len()))
    }

    pub(crate) fn node(&mut self, b: &mut Builder, graph: &SourceGraph, index: usize) {
        let Some(node) = graph.nodes().get(index) else { return };
        let mut operands = Vec::with_capacity(node.inputs.len());
        for id in &node.inputs {
            let Some(id) = id else {
                operands.push(None);
                continue;
            };
            let read = self.read(b, graph, id.0 as usize);
            match self.state.problems.keep(read).flatten() {
                Some(o) => operands.push(Some(o)),
                // What it depends on failed; an unknown op is still named.
                None => return self.check_known(&node.op, &node.name),
            }
        }
        b.push_scope(node.name.clone());
        let result = self.lower_node(b, graph, index, &operands);
        b.pop_scope();
        match result {
            Ok(results) if results.len() < node.outputs.len() => {
                self.state.problems.push(too_few(node, results.len()));
            }
            Ok(results) => {
                for (id, operand) in node.outputs.iter().zip(results) {
                    self.set(id.0 as usize, Some(operand));
                }
            }
            Err(d) if matches!(d.code, Code::TORCH_UNKNOWN_OP | Code::TORCH_UNKNOWN_MODULE) => {}
            Err(d) => self.state.problems.push(d.at_node(node.name.clone())),
        }
    }

    fn lower_node(
        &mut self,
        b: &mut Builder,
        graph: &SourceGraph,
        index: usize,
        operands: &[Option<Operand>],
    ) -> Result<Vec<Operand>> {
        let Some(node) = graph.nodes().get(index) else { return Ok(Vec::new()) };
        if node.op.dialect != Dialect::Torch {
            return Err(Diagnostic::error(Code::TORCH_GRAPH, format!("`{}` is not an ATen op", node.op.name)));
        }
        if control::is_control(&node.op.name) {
            return control::lower(self, b, node, operands);
        }
        let operands: Vec<Operand> = operands.iter().flatten().copied().collect();
        if module::is_module(&node.op) {
            let first_new = value_count(b);
            let results = module::lower(self, b, &node.op, &operands)?;
            name_values(b, first_new, &results);
            return Ok(results);
        }
        let name = names::parse(&node.op.name);
        if name.ignored {
            return Ok(node.outputs.iter().filter_map(|_| operands.first().copied()).collect());
        }
        let first_new = value_count(b);
        let results = match (self.custom.get(&node.op.name), find(&name.base)) {
            (Some(layer), _) => {
                let real = |o: &Operand| o.real("an operand of a custom op");
                let values: Vec<_> = operands.iter().map(real).collect::<Result<_>>()?;
                layer.lower(b, &node.op, &values)?.into_iter().map(Operand::from).collect()
            }
            (None, Some(row)) => self.call(b, graph, index, row, &name, &operands)?,
            (None, None) => self.unknown(b, graph, node, &operands)?,
        };
        name_values(b, first_new, &results);
        Ok(results)
    }

    /// A call of a known op: its row, then what it writes or views.
    fn call(
        &mut self,
        b: &mut Builder,
        graph: &SourceGraph,
        index: usize,
        row: &'static Row,
        name: &Name,
        operands: &[Operand],
    ) -> Result<Vec<Operand>> {
        let Some(node) = graph.nodes().get(index) else { return Ok(Vec::new()) };
        let mut results = lower_row(b, row, &node.op, name, operands, node.outputs.len().max(1))?;
        let kwargs = node.op.attr("@kwargs").and_then(Attr::as_map);
        let out = kwargs.and_then(|m| m.get("out")).and_then(operand_index);
        let viewed = first_operand(&node.op);
        let source = |i: usize| node.inputs.iter().flatten().nth(i).map(|id| id.0 as usize);
        let target = out.or(viewed.filter(|_| name.in_place));
        if let (Some(i), Some(&result)) = (target, results.first()) {
            let (Some(value), Some(&old)) = (source(i), operands.get(i)) else { return Ok(results) };
            let rebinds = out.is_some() || row.view;
            let new = if rebinds { result } else { fitted(b, old, result)? };
            if rebinds {
                self.memory.forget(value);
                self.set(value, Some(new));
            } else {
                self.write(b, graph, value, old, new)?;
            }
            for (id, result) in node.outputs.iter().zip(&mut results) {
                *result = new;
                self.memory.add_same(value, new, id.0 as usize);
            }
        } else if let Some((viewed, value)) = viewed.filter(|_| row.view).and_then(|i| Some((i, source(i)?))) {
            for (result, id) in node.outputs.iter().enumerate() {
                let step = Step { before: None, node: index, operands: operands.to_vec(), viewed, result };
                if let Some(&base) = operands.get(viewed) {
                    self.memory.add_view(value, base, id.0 as usize, step);
                }
            }
        }
        Ok(results)
    }

    /// Writes `new` to a value: through all views between it and its storage.
    fn write(&mut self, b: &mut Builder, graph: &SourceGraph, value: usize, old: Operand, new: Operand) -> Result<()> {
        if self.outer.contains(&value) {
            return Err(Diagnostic::error(
                Code::TORCH_UNSUPPORTED,
                "a branch or loop body writes in place to a value from outside",
            ));
        }
        let place = self.memory.place(value, old);
        let mut before = vec![place.root];
        for step in place.steps.iter().take(place.steps.len().saturating_sub(1)) {
            let next = self.step(b, graph, step, before.last().copied().unwrap_or(place.root))?;
            before.push(next);
        }
        let mut root = new;
        for (step, from) in place.steps.iter().zip(before).rev() {
            let Some(node) = graph.nodes().get(step.node) else { continue };
            root = through(b, node, step, from, root)?;
        }
        self.set(value, Some(new));
        self.memory.written(value, root);
        Ok(())
    }

    /// An op without a lowering: a custom op when that is allowed.
    fn unknown(
        &mut self,
        b: &mut Builder,
        graph: &SourceGraph,
        node: &Node<Source>,
        operands: &[Operand],
    ) -> Result<Vec<Operand>> {
        if !self.custom.allow_custom_ops {
            self.check_known(&node.op, &node.name);
            return Err(Diagnostic::error(Code::TORCH_UNKNOWN_OP, "an op has no lowering"));
        }
        let like = operands.first().map(|o| b.ty(o.value).clone());
        let result = |id: &ValueId| match (graph.ty(*id), &like) {
            (Some(ty), _) => CustomResult { dtype: ty.dtype, shape: ty.shape.clone() },
            (None, Some(ty)) => CustomResult { dtype: ty.dtype, shape: vec![Dim::Unknown; ty.rank()] },
            (None, None) => CustomResult { dtype: DType::F32, shape: Vec::new() },
        };
        let results = node.outputs.iter().map(result).collect();
        let op_type = node.op.name.rsplit("::").next().unwrap_or(&node.op.name).replace('.', "_");
        let attributes = node.op.attr("@kwargs").and_then(Attr::as_map).cloned().unwrap_or_default();
        let plain = |a: &Attr| matches!(a, Attr::Int(_) | Attr::Float(_) | Attr::Str(_) | Attr::Bool(_));
        let attributes = attributes.into_iter().filter(|(_, a)| plain(a)).collect();
        let op = Op::Custom { domain: "modelport.torch".to_owned(), op_type, attributes, results };
        let inputs = operands.iter().map(|o| o.real("an operand of a custom op").map(Some));
        let inputs: Vec<_> = inputs.collect::<Result<_>>()?;
        Ok(b.add(op, &inputs)?.into_iter().map(Operand::from).collect())
    }

    /// Counts an op that has no lowering.
    fn check_known(&mut self, op: &SourceOp, at: &str) {
        if module::is_module(op) {
            return module::record(self, op, None);
        }
        let name = names::parse(&op.name);
        let known = control::is_control(&op.name) || name.ignored || find(&name.base).is_some();
        if !known && self.custom.get(&op.name).is_none() && !self.custom.allow_custom_ops {
            let entry = self.state.unknown.entry(op.name.clone()).or_insert_with(|| (0, at.to_owned()));
            entry.0 += 1;
        }
    }
}
