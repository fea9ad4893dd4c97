//! `If`, `Case`, `While` (`core/ops/functional_ops.cc`, 2.21). The two forms of each, with and without `Stateless`, compute
//! the same.
//!
//! Owns: conditions, branches. Must never know: how a loop's values are carried (that is in `control_loop`).

use super::call::Call;
use super::{Row, control_loop, row_many};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, DType, Dialect, Op, SourceGraph, SourceOp, Tensor, TensorType, ValueId};
use std::collections::HashSet;

pub(crate) const ROWS: &[Row] = &[
    row_many("If", branch),
    row_many("StatelessIf", branch),
    row_many("Case", case),
    row_many("StatelessCase", case),
    row_many("While", control_loop::repeat),
    row_many("StatelessWhile", control_loop::repeat),
];

/// A function of the node.
pub(super) fn graph<'a>(op: &'a SourceOp, key: &str, scope: String) -> Result<&'a SourceGraph> {
    match op.attr(key) {
        Some(Attr::Graph(graph)) => Ok(graph),
        _ => Err(Diagnostic::error(Code::TF_ATTRIBUTE, format!("`{}` has no such function", op.name))
            .at_node(scope)
            .at_attribute(key)),
    }
}

/// A scalar as a truth value: numbers other than zero are true.
pub(super) fn truth(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    if c.b.rank(x) != 0 {
        return Err(c.unsupported("the condition is no scalar").found(c.b.ty(x).to_string()));
    }
    if c.b.dtype(x) == DType::Bool { Ok(x) } else { c.b.cast(x, DType::Bool) }
}

fn branch(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let condition = c.x()?;
    let condition = truth(c, condition)?;
    let op = c.op;
    let then = graph(op, "then_branch", c.b.scope())?;
    let other = graph(op, "else_branch", c.b.scope())?;
    choose(c, condition, [then, other])
}

/// One of two functions over the operands behind the first.
fn choose(c: &mut Call<'_>, condition: ValueId, [then, other]: [&SourceGraph; 2]) -> Result<Vec<ValueId>> {
    let given: Vec<ValueId> = c.inputs.get(1..).unwrap_or_default().to_vec();
    if let Some(known) = c.b.as_constant(condition).and_then(|t| t.to_i64s().ok()) {
        let chosen = if known.first().is_some_and(|v| *v != 0) { then } else { other };
        return c.inline(chosen, &given);
    }
    let mut operands = Vec::with_capacity(given.len());
    for list in given {
        operands.push(super::tensor_list::dense(c, list, None)?);
    }
    let types: Vec<TensorType> = operands.iter().map(|v| c.b.ty(*v).clone()).collect();
    let then_branch = Box::new(c.body(then, &types)?);
    let else_branch = Box::new(c.body(other, &types)?);
    let inputs: Vec<_> = std::iter::once(condition).chain(operands).map(Some).collect();
    c.b.add(Op::If { then_branch, else_branch }, &inputs)
}

/// The branch of a number; numbers outside mean the last one (core/kernels/functional_ops.cc, `CaseOp`). All but the first
/// branch become a `Case` of their own.
fn case(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let op = c.op;
    let branches: Vec<&SourceGraph> = match op.attr("branches") {
        Some(Attr::List(list)) => {
            list.iter().filter_map(|a| if let Attr::Graph(g) = a { Some(&**g) } else { None }).collect()
        }
        _ => Vec::new(),
    };
    let index = c.x()?;
    if let Some(known) = c.opt_ints(0)?.and_then(|v| v.first().copied()) {
        let chosen = usize::try_from(known).ok().and_then(|i| branches.get(i)).or(branches.last());
        let given: Vec<ValueId> = c.inputs.get(1..).unwrap_or_default().to_vec();
        let chosen = chosen.ok_or_else(|| c.unsupported("there is no branch"))?;
        return c.inline(chosen, &given);
    }
    let (first, rest) = match branches.as_slice() {
        [] => return Err(c.unsupported("there is no branch")),
        [only] => {
            let given: Vec<ValueId> = c.inputs.get(1..).unwrap_or_default().to_vec();
            return c.inline(only, &given);
        }
        [first, rest @ ..] => (*first, rest),
    };
    let zero = c.b.scalar_like(index, 0.0);
    let condition = c.b.binary(modelport_ir::core::BinaryOp::Equal, index, zero)?;
    // Both branches take the number too.
    c.inputs.insert(1, index);
    let dtype = c.b.dtype(index);
    let [then, other] = [ignoring_first(first), others(rest, dtype)];
    choose(c, condition, [&then, &other])
}

/// A function with an argument more, which it does not use.
fn ignoring_first(graph: &SourceGraph) -> SourceGraph {
    let mut out = SourceGraph::new(graph.name.clone());
    out.add_input("index", None);
    let inputs = graph.inputs().iter().map(|id| Some(out.add_input(graph.value(*id).name.clone(), None)));
    let inputs: Vec<_> = inputs.collect();
    let wanted: Vec<_> = graph.outputs().iter().map(|o| o.value).collect();
    let values = splice(&mut out, graph, &inputs, &wanted);
    for output in graph.outputs() {
        if let Some(value) = values.get(output.value.0 as usize).copied().flatten() {
            out.add_output(output.name.clone(), value);
        }
    }
    out
}

/// The branches behind the first, chosen by a number that is one less.
fn others(branches: &[&SourceGraph], dtype: DType) -> SourceGraph {
    let mut out = SourceGraph::new("else");
    let index = out.add_input("index", None);
    let first = branches.first();
    let mut operands = Vec::new();
    let one = Tensor::scalar(dtype, 1.0);
    let one = out.add_typed_const("one", Some(one.ty()), one);
    let sub = SourceOp::new(Dialect::TensorFlow, "Sub");
    // A number below zero stays so, and comes to the last branch.
    let less = out.add_node(sub, vec![Some(index), Some(one)], "less", vec![("less".to_owned(), None)]);
    operands.extend(less.first().copied().map(Some));
    for id in first.map(|g| g.inputs()).unwrap_or_default() {
        operands.push(Some(out.add_input(first.map_or("", |g| g.value(*id).name.as_str()), None)));
    }
    let mut op = SourceOp::new(Dialect::TensorFlow, "Case");
    let list = branches.iter().map(|g| Attr::Graph(Box::new((*g).clone()))).collect();
    op.attrs.insert("branches".to_owned(), Attr::List(list));
    let names = first.map(|g| g.outputs()).unwrap_or_default().iter().map(|o| (o.name.clone(), None)).collect();
    for value in out.add_node(op, operands, "case", names) {
        let name = out.value(value).name.clone();
        out.add_output(name, value);
    }
    out
}

/// Puts what `wanted` needs of a graph into another, on values that are there; the new values by the old ones' numbers.
pub(super) fn splice(
    into: &mut SourceGraph,
    graph: &SourceGraph,
    inputs: &[Option<ValueId>],
    wanted: &[ValueId],
) -> Vec<Option<ValueId>> {
    let mut values: Vec<Option<ValueId>> = vec![None; graph.values().count()];
    let set = |values: &mut Vec<Option<ValueId>>, id: ValueId, value: Option<ValueId>| {
        if let Some(slot) = values.get_mut(id.0 as usize) {
            *slot = value;
        }
    };
    let needed = needed(graph, wanted);
    for (id, value) in graph.values().filter(|(id, _)| needed.contains(id)) {
        if let Some(tensor) = graph.constant(id) {
            let new = into.add_typed_const(value.name.clone(), value.ty.clone(), tensor.clone());
            set(&mut values, id, Some(new));
        }
    }
    for (id, value) in graph.inputs().iter().zip(inputs) {
        set(&mut values, *id, *value);
    }
    for node in graph.nodes().iter().filter(|n| n.outputs.iter().any(|o| needed.contains(o))) {
        let operands =
            node.inputs.iter().map(|i| i.and_then(|i| values.get(i.0 as usize).copied().flatten())).collect();
        let results = node.outputs.iter().map(|o| (graph.value(*o).name.clone(), graph.ty(*o).clone())).collect();
        let new = into.add_node(node.op.clone(), operands, node.name.clone(), results);
        for (id, value) in node.outputs.iter().zip(new) {
            set(&mut values, *id, Some(value));
        }
    }
    values
}

/// All values that `wanted` depend on.
pub(super) fn needed(graph: &SourceGraph, wanted: &[ValueId]) -> HashSet<ValueId> {
    let mut found = HashSet::new();
    let mut next = wanted.to_vec();
    while let Some(id) = next.pop() {
        if found.insert(id)
            && let Some(node) = graph.producer(id)
        {
            next.extend(node.inputs.iter().flatten());
        }
    }
    found
}
