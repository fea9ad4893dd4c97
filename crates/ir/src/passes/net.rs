//! A graph that can be edited in place: uses are counted, results replaced, and what nothing uses any more dies.
//!
//! Owns: bookkeeping. Must never know: which edits are right.

use super::prune::with_bodies;
use super::remake::{self, Expected};
use crate::infer::{self, Operand};
use crate::{Core, CoreGraph, Def, Dim, Node, NodeId, Op, Tensor, TensorType, ValueId};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::{HashMap, HashSet};

/// A graph under edit. Nodes and values keep their ids; new ones are appended.
pub(super) struct Net {
    graph: CoreGraph,
    dead: Vec<bool>,
    /// By value: how many operands and outputs are it.
    uses: Vec<usize>,
    /// By value: nodes that use it, perhaps among others that no longer do.
    users: Vec<Vec<NodeId>>,
    /// By node: which original node it stands for in the order of nodes.
    place: Vec<usize>,
    /// Values that are outputs.
    outputs: HashSet<ValueId>,
}

impl Net {
    pub(super) fn new(graph: &CoreGraph) -> Self {
        let mut users = vec![Vec::new(); graph.values.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            for id in node.inputs.iter().flatten() {
                users[id.index()].push(NodeId(i as u32));
            }
        }
        let n = graph.nodes.len();
        let outputs = graph.outputs.iter().map(|o| o.value).collect();
        let (uses, place) = (graph.use_counts(), (0..n).collect());
        Self { graph: graph.clone(), dead: vec![false; n], uses, users, place, outputs }
    }

    pub(super) fn name(&self, id: ValueId) -> &str {
        &self.graph.value(id).name
    }

    /// The nodes that are there, in order of ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.graph.nodes.len() as u32).map(NodeId)
    }

    pub(super) fn is_dead(&self, node: NodeId) -> bool {
        self.dead.get(node.index()).copied().unwrap_or(true)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<Core> {
        self.graph.node(id)
    }

    pub(super) fn input(&self, node: NodeId, i: usize) -> Option<ValueId> {
        self.node(node).inputs.get(i).copied().flatten()
    }

    pub(super) fn output(&self, node: NodeId) -> Option<ValueId> {
        self.node(node).outputs.first().copied()
    }

    pub(super) fn ty(&self, id: ValueId) -> &TensorType {
        self.graph.ty(id)
    }

    /// The tensor of a value that is constant.
    pub(super) fn tensor(&self, id: ValueId) -> Option<&Tensor> {
        self.graph.constant(id)
    }

    /// The constant that is operand `i`.
    pub(super) fn constant(&self, node: NodeId, i: usize) -> Option<&Tensor> {
        self.graph.constant(self.input(node, i)?)
    }

    /// The elements of a small constant integer operand.
    pub(super) fn ints(&self, node: NodeId, i: usize) -> Option<Vec<i64>> {
        self.constant(node, i).filter(|t| t.dtype().is_int() && t.len() <= 64)?.to_i64s().ok()
    }

    /// The number in a constant operand of one element.
    pub(super) fn number(&self, node: NodeId, i: usize) -> Option<f64> {
        self.constant(node, i).filter(|t| t.len() == 1)?.to_f64s().ok()?.first().copied()
    }

    /// The node that makes a value as its only result.
    pub(super) fn maker(&self, id: ValueId) -> Option<NodeId> {
        match self.graph.value(id).def {
            Def::Node(n, 0) if self.node(n).outputs.len() == 1 => Some(n),
            _ => None,
        }
    }

    /// The node that makes operand `i`, when nothing else needs that value.
    pub(super) fn only_maker(&self, node: NodeId, i: usize) -> Option<NodeId> {
        let id = self.input(node, i)?;
        self.maker(id).filter(|_| self.uses.get(id.index()) == Some(&1))
    }

    /// How many operands and outputs are this value.
    pub(super) fn uses(&self, id: ValueId) -> usize {
        self.uses.get(id.index()).copied().unwrap_or(0)
    }

    pub(super) fn is_output(&self, id: ValueId) -> bool {
        self.outputs.contains(&id)
    }

    pub(super) fn add_const(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        let id = self.graph.add_const(name, tensor);
        self.grow();
        id
    }

    fn grow(&mut self) {
        self.uses.resize(self.graph.values.len(), 0);
        self.users.resize(self.graph.values.len(), Vec::new());
    }

    /// Adds a node that stands where `at` stands; `None` when its operands do not fit.
    pub(super) fn add(&mut self, at: NodeId, op: Op, inputs: Vec<Option<ValueId>>) -> Option<ValueId> {
        let operand = |id: ValueId| Operand { ty: self.graph.ty(id), constant: self.graph.constant(id), known: None };
        let operands: Vec<_> = inputs.iter().map(|i| i.map(operand)).collect();
        let types = infer::infer(&op, &operands).ok()?;
        let name = self.node(at).name.clone();
        let node = NodeId(self.graph.nodes.len() as u32);
        let results = types.into_iter().map(|ty| (name.clone(), ty)).collect();
        let ids = self.graph.add_node(op, inputs.clone(), name.clone(), results);
        self.grow();
        self.dead.push(false);
        self.place.push(self.place.get(at.index()).copied().unwrap_or(usize::MAX));
        inputs.into_iter().flatten().for_each(|id| self.take(id, node));
        ids.first().copied()
    }

    fn take(&mut self, id: ValueId, node: NodeId) {
        self.uses[id.index()] += 1;
        self.users[id.index()].push(node);
    }

    /// One use fewer; nodes that nothing uses any more die.
    fn release(&mut self, id: ValueId) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            self.uses[id.index()] -= 1;
            let Def::Node(n, _) = self.graph.value(id).def else { continue };
            let unused = self.node(n).outputs.iter().all(|o| self.uses[o.index()] == 0);
            if unused && !std::mem::replace(&mut self.dead[n.index()], true) {
                open.extend(self.node(n).inputs.iter().flatten());
            }
        }
    }

    /// Makes a node another op on other operands; its results keep their types.
    pub(super) fn set(&mut self, node: NodeId, op: Op, inputs: Vec<Option<ValueId>>) {
        inputs.iter().flatten().for_each(|&id| self.take(id, node));
        let n = &mut self.graph.nodes[node.index()];
        n.op = op;
        let old = std::mem::replace(&mut n.inputs, inputs);
        old.into_iter().flatten().for_each(|id| self.release(id));
    }

    /// Whether `new` can stand for `old`: an output stays the result of a node of its own.
    pub(super) fn can_replace(&self, old: ValueId, new: ValueId) -> bool {
        !self.is_output(old) || (matches!(self.graph.value(new).def, Def::Node(..)) && !self.is_output(new))
    }

    /// Whoever uses `old` uses `new`; as an output it keeps its name.
    pub(super) fn replace(&mut self, old: ValueId, new: ValueId) {
        if self.is_output(old) {
            let name = self.graph.value(old).name.clone();
            self.graph.set_name(new, name);
        }
        for user in std::mem::take(&mut self.users[old.index()]) {
            let inputs = &mut self.graph.nodes[user.index()].inputs;
            let slots = inputs.iter_mut().filter(|i| **i == Some(old));
            let n = slots.map(|i| *i = Some(new)).count();
            (0..n).for_each(|_| self.take(new, user));
        }
        if self.outputs.remove(&old) {
            for output in self.graph.outputs.iter_mut().filter(|o| o.value == old) {
                output.value = new;
                self.uses[new.index()] += 1;
            }
            self.outputs.insert(new);
        }
        // All uses went at once: the last one is released so that its node dies.
        if self.uses[old.index()] > 0 {
            self.uses[old.index()] = 1;
            self.release(old);
        }
    }

    /// As [`Net::replace`], where `new` computes what `old` did: it takes its name too.
    pub(super) fn become_value(&mut self, old: ValueId, new: ValueId) {
        let name = self.graph.value(old).name.clone();
        self.graph.set_name(new, name);
        self.replace(old, new);
    }

    /// The edited graph, built anew; `body` is applied to graphs inside of nodes.
    ///
    /// # Errors
    /// When an edit was wrong.
    pub(super) fn finish(&self, body: &dyn Fn(&CoreGraph) -> CoreGraph) -> Result<CoreGraph> {
        let mut b = remake::begin(&self.graph);
        let mut made: HashMap<ValueId, ValueId> = HashMap::new();
        for &id in &self.graph.inputs {
            let value = self.graph.value(id);
            made.insert(id, b.input(value.name.clone(), value.ty.clone()));
        }
        for id in self.order() {
            let node = self.node(id);
            let inputs: Vec<_> = node
                .inputs
                .iter()
                .map(|i| i.map(|i| self.made(&mut b, &mut made, i)).transpose())
                .collect::<Result<_>>()?;
            let expected: Vec<Expected> = node.outputs.iter().map(|&o| self.expected(o)).collect();
            let ids = remake::add(&mut b, &node.name, with_bodies(&node.op, body), &inputs, &expected)?;
            made.extend(node.outputs.iter().copied().zip(ids));
        }
        for output in &self.graph.outputs {
            let id = self.made(&mut b, &mut made, output.value)?;
            b.output(output.name.clone(), id);
        }
        Ok(b.finish())
    }

    fn expected(&self, id: ValueId) -> Expected {
        let value = self.graph.value(id);
        Expected { name: value.name.clone(), ty: value.ty.clone() }
    }

    fn made(&self, b: &mut crate::Builder, made: &mut HashMap<ValueId, ValueId>, id: ValueId) -> Result<ValueId> {
        if let Some(&new) = made.get(&id) {
            return Ok(new);
        }
        let value = self.graph.value(id);
        let Def::Const(tensor) = &value.def else {
            return Err(Diagnostic::error(Code::INTERNAL, "a value is used before it is made"));
        };
        let new = b.constant(value.name.clone(), tensor.clone());
        made.insert(id, new);
        Ok(new)
    }

    /// Nodes that are alive, each after those that it depends on, otherwise in their old order.
    fn order(&self) -> Vec<NodeId> {
        let mut roots: Vec<NodeId> = self.ids().filter(|&n| !self.is_dead(n)).collect();
        roots.sort_by_key(|n| (self.place.get(n.index()).copied(), n.0));
        let mut seen = vec![false; self.graph.nodes.len()];
        let mut order = Vec::with_capacity(roots.len());
        for root in roots {
            let mut stack = vec![(root, false)];
            while let Some((n, done)) = stack.pop() {
                if done {
                    order.push(n);
                } else if !std::mem::replace(&mut seen[n.index()], true) {
                    stack.push((n, true));
                    let inputs = self.node(n).inputs.iter().rev().flatten();
                    stack.extend(inputs.filter_map(|&i| match self.graph.value(i).def {
                        Def::Node(m, _) => Some((m, false)),
                        _ => None,
                    }));
                }
            }
        }
        order
    }
}

/// Whether two shapes are certainly the same, given that they have as many elements: one dimension may be unknown.
pub(super) fn same_shape(a: &[Dim], b: &[Dim]) -> bool {
    let known_zero = a.contains(&Dim::Known(0));
    a.len() == b.len() && !known_zero && a.iter().zip(b).filter(|(x, y)| !x.same(y)).count() <= 1
}
