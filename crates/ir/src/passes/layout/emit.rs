//! Building the graph as planned.

use super::super::{axes, remake};
use super::forms::{Form, Forms, Operand};
use super::movement;
use super::plan::{Plan, Planned};
use crate::passes::prune::with_bodies;
use crate::{Builder, Core, CoreGraph, Def, Dim, Node, Op, Tensor, TensorType, ValueId};
use modelport_diag::{Code, Diagnostic, Result};
use remake::Expected;

/// Builds the graph as planned.
///
/// # Errors
/// When the builder refuses a node, which would be a defect of a form.
pub(super) fn emit(graph: &CoreGraph, plan: &Plan) -> Result<CoreGraph> {
    let made = vec![[None; 2]; graph.values.len()];
    let mut e = Emit { graph, plan, b: remake::begin(graph), made };
    for (&id, &choice) in graph.inputs().iter().zip(&plan.inputs) {
        let first = plan.is_first(choice);
        let ty = type_in(graph.ty(id), first);
        let new = e.b.input(graph.value(id).name.clone(), ty);
        e.put(id, first, new);
    }
    for (node, planned) in graph.nodes().iter().zip(&plan.nodes) {
        e.node(node, planned)?;
    }
    for (output, &choice) in graph.outputs().iter().zip(&plan.outputs) {
        let id = e.get(output.value, plan.is_first(choice))?;
        e.keep_name(output.value, id);
        e.b.output(output.name.clone(), id);
    }
    Ok(e.b.finish())
}

struct Emit<'a> {
    graph: &'a CoreGraph,
    plan: &'a Plan,
    b: Builder,
    /// By value of the source graph: the new values in its kept and in channels-first layout.
    made: Vec<[Option<ValueId>; 2]>,
}

fn type_in(ty: &TensorType, first: bool) -> TensorType {
    TensorType::new(ty.dtype, movement::shape_in(ty, first))
}

impl Emit<'_> {
    fn put(&mut self, old: ValueId, first: bool, new: ValueId) {
        if let Some(pair) = self.made.get_mut(old.index()) {
            pair[usize::from(first)] = Some(new);
        }
    }

    /// The value in a layout; transposed now when it has only been made in the other.
    fn get(&mut self, old: ValueId, first: bool) -> Result<ValueId> {
        let pair = self.made.get(old.index()).copied().unwrap_or_default();
        if let Some(id) = pair[usize::from(first)] {
            return Ok(id);
        }
        let new = match (pair[usize::from(!first)], &self.graph.value(old).def) {
            (Some(other), _) => self.converted(old, other, first)?,
            (None, Def::Const(t)) => self.constant(old, t, first)?,
            (None, _) => return Err(Diagnostic::error(Code::INTERNAL, "a value is used before it is made")),
        };
        self.put(old, first, new);
        Ok(new)
    }

    fn constant(&mut self, old: ValueId, tensor: &Tensor, first: bool) -> Result<ValueId> {
        let tensor = if first { tensor.permute(&axes::first(tensor.rank()))? } else { tensor.clone() };
        Ok(self.b.constant(self.graph.value(old).name.clone(), tensor))
    }

    fn converted(&mut self, old: ValueId, from: ValueId, first: bool) -> Result<ValueId> {
        let value = self.graph.value(old);
        let ty = type_in(&value.ty, first);
        let name = format!("{}/{}", value.name, if first { "channels_first" } else { "channels_last" });
        if movement::moves_freely(&value.ty)
            && let Some(target) = axes::target(&movement::shape_in(&value.ty, !first), &ty.shape)
        {
            return self.reshaped(&name, from, &target, Expected { name: name.clone(), ty });
        }
        let order = axes::first(value.ty.rank());
        let perm = if first { order } else { axes::inverse(&order) };
        self.transposed(&name, from, perm, Expected { name: name.clone(), ty })
    }

    fn reshaped(&mut self, name: &str, x: ValueId, target: &[i64], expected: Expected) -> Result<ValueId> {
        let shape = self.b.ints(target);
        self.one(name, Op::Reshape { allow_zero: false }, &[Some(x), Some(shape)], expected)
    }

    fn transposed(&mut self, name: &str, x: ValueId, perm: Vec<usize>, expected: Expected) -> Result<ValueId> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return Ok(x);
        }
        self.one(name, Op::Transpose { perm }, &[Some(x)], expected)
    }

    fn one(&mut self, name: &str, op: Op, inputs: &[Option<ValueId>], expected: Expected) -> Result<ValueId> {
        let ids = remake::add(&mut self.b, name, op, inputs, &[expected])?;
        ids.first().copied().ok_or_else(|| Diagnostic::error(Code::INTERNAL, "an op has no result"))
    }

    fn node(&mut self, node: &Node<Core>, planned: &Planned) -> Result<()> {
        let first = self.plan.is_first(planned.input);
        match &planned.forms {
            Forms::Kept(form) | Forms::First(form) => self.form(node, form),
            Forms::Either(kept, other) => self.form(node, if first { other } else { kept }),
            Forms::Sides { .. } => self.sides(node, first, self.plan.is_first(planned.output)),
        }
    }

    fn form(&mut self, node: &Node<Core>, form: &Form) -> Result<()> {
        let mut inputs = Vec::with_capacity(form.inputs.len());
        for (i, operand) in form.inputs.iter().enumerate() {
            inputs.push(self.operand(node.inputs.get(i).copied().flatten(), operand)?);
        }
        let op = with_bodies(&form.op, &|body| super::channels_first(body, super::InputLayout::Keep));
        let expected: Vec<Expected> =
            node.outputs.iter().zip(&form.outputs).map(|(&id, &first)| self.expected(id, first)).collect();
        let ids = match form.then.as_deref() {
            None => remake::add(&mut self.b, &node.name, op, &inputs, &expected)?,
            Some((then, tensor)) => {
                let x = remake::add(&mut self.b, &node.name, op, &inputs, &[])?.first().copied();
                let constant = self.b.constant(format!("{}/{}", node.name, then.name()), tensor.clone());
                remake::add(&mut self.b, &node.name, then.clone(), &[x, Some(constant)], &expected)?
            }
        };
        for ((&old, &first), new) in node.outputs.iter().zip(&form.outputs).zip(ids) {
            self.put(old, first, new);
        }
        Ok(())
    }

    fn expected(&self, id: ValueId, first: bool) -> Expected {
        let value = self.graph.value(id);
        Expected { name: value.name.clone(), ty: type_in(&value.ty, first) }
    }

    fn operand(&mut self, old: Option<ValueId>, operand: &Operand) -> Result<Option<ValueId>> {
        let name = |e: &Self| old.map(|id| e.graph.value(id).name.clone()).unwrap_or_default();
        Ok(match (operand, old) {
            (Operand::Replace(tensor), _) => Some(self.b.constant(name(self), tensor.clone())),
            (_, None) => None,
            (Operand::Keep, Some(old)) => Some(self.get(old, false)?),
            (Operand::First, Some(old)) => Some(self.get(old, true)?),
            (Operand::Permute(perm), Some(old)) => {
                let x = self.get(old, false)?;
                let name = format!("{}/transpose", name(self));
                let shape = axes::ordered(&self.graph.ty(old).shape, perm);
                let ty = TensorType::new(self.graph.ty(old).dtype, shape);
                Some(self.transposed(&name, x, perm.clone(), Expected { name: name.clone(), ty })?)
            }
            (Operand::Lift(rank), Some(old)) => {
                let x = self.get(old, false)?;
                let name = format!("{}/unsqueeze", name(self));
                let mut shape = self.graph.ty(old).shape.clone();
                shape.resize(rank.saturating_sub(1), Dim::Known(1));
                let axes = (1..shape.len() as i64).collect();
                let ty = TensorType::new(self.graph.ty(old).dtype, shape);
                Some(self.one(&name, Op::Unsqueeze { axes }, &[Some(x)], Expected { name: name.clone(), ty })?)
            }
        })
    }

    /// A node whose operand and result have independent layouts: a transpose, or a view of the same elements.
    fn sides(&mut self, node: &Node<Core>, x_first: bool, y_first: bool) -> Result<()> {
        let (Some(&Some(x)), Some(&y)) = (node.inputs.first(), node.outputs.first()) else { return Ok(()) };
        if !x_first && !y_first {
            return self.form(node, &Form::kept(super::forms::Ctx { graph: self.graph, node }));
        }
        let (x_ty, y_ty) = (self.graph.ty(x), self.graph.ty(y));
        let expected = self.expected(y, y_first);
        let from = self.get(x, x_first)?;
        let new = if let Op::Transpose { perm } = &node.op {
            let perm = between(perm, x_first, y_first);
            self.transposed(&node.name, from, perm, expected)?
        } else {
            let target = movement::view_target(x_ty, y_ty, x_first, y_first)
                .ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a view has no target shape"))?;
            self.reshaped(&node.name, from, &target, expected)?
        };
        self.put(y, y_first, new);
        Ok(())
    }

    /// The value that an output names keeps the name that it has in the source graph.
    fn keep_name(&mut self, old: ValueId, new: ValueId) {
        let name = &self.graph.value(old).name;
        let is_node = |b: &Builder, id: ValueId| matches!(b.graph().value(id).def, Def::Node(..));
        if self.b.graph().value(new).name == *name || !is_node(&self.b, new) {
            return;
        }
        let taken = self.b.graph().value(new).name.clone();
        let others = self.made.get(old.index()).copied().unwrap_or_default();
        self.b.graph_mut().set_name(new, name.clone());
        for other in others.into_iter().flatten().filter(|&id| id != new) {
            if is_node(&self.b, other) {
                self.b.graph_mut().set_name(other, taken.clone());
            }
        }
    }
}

/// A transpose between two layouts of its operand and result.
fn between(perm: &[usize], x_first: bool, y_first: bool) -> Vec<usize> {
    let rank = perm.len();
    let order = |first: bool| if first { axes::first(rank) } else { (0..rank).collect() };
    let place = axes::inverse(&order(x_first));
    order(y_first).iter().filter_map(|&k| place.get(*perm.get(k)?).copied()).collect()
}
