//! `prim::If` and `prim::Loop`: control flow that depends on data, with closed bodies.
//!
//! Owns: what branches and loops mean, and their bodies' types. Must never know: other ops.

use super::call::Operand;
use super::driver::Walk;
use super::sizes::{unmark, unmarked};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::core::UnaryOp;
use modelport_ir::{Attr, Builder, CoreGraph, DType, Def, Dim, Node, Op, Source, SourceGraph, TensorType, ValueId};

/// Whether an op is control flow.
pub(super) fn is_control(name: &str) -> bool {
    matches!(name, "prim::If" | "prim::Loop")
}

pub(super) fn lower(
    walk: &mut Walk<'_>,
    b: &mut Builder,
    node: &Node<Source>,
    operands: &[Option<Operand>],
) -> Result<Vec<Operand>> {
    Limits::default().check_depth(walk.depth, "control flow")?;
    match node.op.name.as_str() {
        "prim::If" => branch(walk, b, node, operands),
        _ => repeat(walk, b, node, operands),
    }
}

fn bad(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_GRAPH, format!("control flow {what}"))
}

fn body<'a>(node: &'a Node<Source>, key: &str) -> Result<&'a SourceGraph> {
    match node.op.attr(key) {
        Some(Attr::Graph(graph)) => Ok(graph),
        _ => Err(bad(&format!("lacks its `{key}`"))),
    }
}

/// What a body uses: constants are constants in the body too, the rest are inputs.
enum Given {
    Constant(Operand),
    Input(Operand, TensorType),
}

fn given(b: &Builder, o: Operand) -> Result<Given> {
    let value = o.real("a value that a branch or a loop uses")?;
    Ok(if b.as_constant(value).is_some() { Given::Constant(o) } else { Given::Input(o, unmarked(b.ty(value))) })
}

/// A body as a core graph: `front` are inputs that the op itself feeds; then what it uses.
fn close(
    walk: &mut Walk<'_>,
    b: &Builder,
    graph: &SourceGraph,
    front: &[(TensorType, bool)],
    skip: usize,
    used: &[Given],
) -> Result<CoreGraph> {
    let mut inner = Builder::new(graph.name.clone());
    let mut inputs = Vec::new();
    for (i, (ty, number)) in front.iter().enumerate() {
        let value = inner.input(format!("in{i}"), ty.clone());
        if i != skip {
            inputs.push(Some(Operand::number(value, *number)));
        }
    }
    for given in used {
        let (value, number) = match given {
            Given::Input(o, ty) => (inner.input(b.graph().value(o.value).name.clone(), ty.clone()), o.number),
            Given::Constant(o) => {
                let tensor = b.as_constant(o.value).ok_or_else(|| bad("uses a constant that is none"))?;
                (inner.constant(b.graph().value(o.value).name.clone(), tensor.clone()), o.number)
            }
        };
        inputs.push(Some(Operand::number(value, number)));
    }
    if graph.inputs().len() != inputs.len() {
        return Err(bad("has a body with another number of inputs"));
    }
    let mut nested = Walk::new(walk.custom, &mut *walk.state, walk.depth + 1);
    nested.graph(&mut inner, graph, &inputs);
    finish(nested, inner, graph, true)
}

/// What a body uses and is not constant.
fn inputs_of(used: &[Given]) -> Vec<Option<ValueId>> {
    used.iter().filter_map(|g| if let Given::Input(o, _) = g { Some(Some(o.value)) } else { None }).collect()
}

fn picked(node: &Node<Source>, key: &str, operands: &[Option<Operand>]) -> Result<Vec<Operand>> {
    let all = || operands.iter().skip(1).flatten().copied().collect();
    let Some(list) = node.op.attr(key).and_then(Attr::as_ints) else { return Ok(all()) };
    let one = |i: i64| usize::try_from(i).ok().and_then(|i| operands.get(i).copied().flatten());
    list.into_iter().map(|i| one(i).ok_or_else(|| bad("names an operand that it does not have"))).collect()
}

fn branch(
    walk: &mut Walk<'_>,
    b: &mut Builder,
    node: &Node<Source>,
    operands: &[Option<Operand>],
) -> Result<Vec<Operand>> {
    let cond = operands.first().copied().flatten().ok_or_else(|| bad("lacks its condition"))?;
    let cond = b.cast(cond.value, DType::Bool)?;
    let cond = if b.rank(cond) == 0 { cond } else { b.reshape(cond, &[])? };
    let (yes, no) = (body(node, "then_branch")?, body(node, "else_branch")?);
    let (for_yes, for_no) = (picked(node, "then_inputs", operands)?, picked(node, "else_inputs", operands)?);
    let constant = b.as_constant(cond).and_then(|t| t.to_i64s().ok()).and_then(|v| v.first().copied());
    if let Some(c) = constant {
        let (graph, inputs) = if c != 0 { (yes, for_yes) } else { (no, for_no) };
        return inline(walk, b, graph, &inputs);
    }
    let mut union = for_yes.clone();
    union.extend(for_no.iter().filter(|o| !for_yes.contains(o)));
    let used: Vec<Given> = union.iter().map(|&o| given(b, o)).collect::<Result<_>>()?;
    let then_branch = Box::new(close_union(walk, b, yes, &for_yes, &union)?);
    let else_branch = Box::new(close_union(walk, b, no, &for_no, &union)?);
    let mut inputs = vec![Some(cond)];
    inputs.extend(inputs_of(&used));
    let results = b.add(Op::If { then_branch, else_branch }, &inputs)?;
    Ok(results.into_iter().map(Operand::from).collect())
}

/// A branch whose inputs are those of both branches.
fn close_union(
    walk: &mut Walk<'_>,
    b: &Builder,
    graph: &SourceGraph,
    own: &[Operand],
    union: &[Operand],
) -> Result<CoreGraph> {
    let mut inner = Builder::new(graph.name.clone());
    let mut values = Vec::new();
    for &o in union {
        let name = b.graph().value(o.value).name.clone();
        let value = match b.as_constant(o.value) {
            Some(tensor) => inner.constant(name, tensor.clone()),
            None => inner.input(name, unmarked(b.ty(o.value))),
        };
        values.push(Operand::number(value, o.number));
    }
    let at = |o: &Operand| union.iter().position(|u| u == o).and_then(|i| values.get(i)).copied();
    let inputs: Vec<_> = own.iter().map(at).collect();
    if graph.inputs().len() != inputs.len() {
        return Err(bad("has a branch with another number of inputs"));
    }
    let mut nested = Walk::new(walk.custom, &mut *walk.state, walk.depth + 1);
    nested.graph(&mut inner, graph, &inputs);
    finish(nested, inner, graph, false)
}

/// Names the outputs; a loop's first one is its condition.
fn finish(mut nested: Walk<'_>, mut inner: Builder, graph: &SourceGraph, condition: bool) -> Result<CoreGraph> {
    let outputs = nested.outputs(&mut inner, graph);
    for (i, (output, value)) in graph.outputs().iter().zip(outputs).enumerate() {
        let missing = || Diagnostic::error(Code::TORCH_UNKNOWN_OP, "a body could not be lowered");
        let mut value = value.ok_or_else(missing)?.real("a result of a branch or a loop")?;
        if condition && i == 0 {
            value = inner.cast(value, DType::Bool)?;
        }
        // What is only passed on gets a node of its own: a writer needs one.
        if !matches!(inner.graph().value(value).def, Def::Node(..)) {
            value = inner.unary(UnaryOp::Identity, value)?;
        }
        inner.output(output.name.clone(), value);
    }
    unmark(&mut inner);
    Ok(inner.finish())
}

/// A branch that is certainly taken.
fn inline(walk: &mut Walk<'_>, b: &mut Builder, graph: &SourceGraph, inputs: &[Operand]) -> Result<Vec<Operand>> {
    if graph.inputs().len() != inputs.len() {
        return Err(bad("has a branch with another number of inputs"));
    }
    let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
    let mut nested = Walk::new(walk.custom, &mut *walk.state, walk.depth + 1);
    nested.graph(b, graph, &inputs);
    let outputs = nested.outputs(b, graph);
    let missing = || Diagnostic::error(Code::TORCH_UNKNOWN_OP, "a branch could not be lowered");
    outputs.into_iter().map(|v| v.ok_or_else(missing)).collect()
}

fn repeat(
    walk: &mut Walk<'_>,
    b: &mut Builder,
    node: &Node<Source>,
    operands: &[Option<Operand>],
) -> Result<Vec<Operand>> {
    let carried = node.op.attr("carried").and_then(Attr::as_int).and_then(|n| usize::try_from(n).ok());
    let carried = carried.filter(|n| operands.len() >= n.saturating_add(2)).ok_or_else(|| bad("carries nothing"))?;
    let graph = body(node, "body")?;
    let rest: Vec<Operand> = operands.iter().skip(2).flatten().copied().collect();
    let (start, used) = rest.split_at_checked(carried).ok_or_else(|| bad("lacks carried values"))?;
    let used: Vec<Given> = used.iter().map(|&o| given(b, o)).collect::<Result<_>>()?;
    start.iter().try_for_each(|o| o.real("a value that a loop carries").map(drop))?;
    let scalar = |d| (TensorType::known(d, &[]), true);
    let mut types: Vec<(TensorType, bool)> = vec![scalar(DType::I64), scalar(DType::Bool)];
    types.extend(start.iter().map(|o| (unmarked(b.ty(o.value)), o.number)));
    let mut closed = close(walk, b, graph, &types, 1, &used)?;
    // What changes from one round to the next is not known inside.
    for _ in 0..8 {
        if !widen(&mut types, &closed)? {
            break;
        }
        closed = close(walk, b, graph, &types, 1, &used)?;
    }
    let mut inputs: Vec<Option<ValueId>> = Vec::new();
    let trips = operands.first().copied().flatten().map(|o| b.cast(o.value, DType::I64)).transpose()?;
    let cond = operands.get(1).copied().flatten().map(|o| b.cast(o.value, DType::Bool)).transpose()?;
    inputs.extend([trips, cond]);
    inputs.extend(start.iter().map(|o| Some(o.value)));
    inputs.extend(inputs_of(&used));
    let results = b.add(Op::Loop { carried, body: Box::new(closed) }, &inputs)?;
    let number = |i: usize| start.get(i).is_some_and(|o| o.number);
    Ok(results.into_iter().enumerate().map(|(i, value)| Operand::number(value, number(i))).collect())
}

/// Forgets the dimensions in which a carried value's type differs from what the body gives; whether any did.
fn widen(types: &mut [(TensorType, bool)], body: &CoreGraph) -> Result<bool> {
    let mut changed = false;
    for ((ty, _), output) in types.iter_mut().skip(2).zip(body.outputs().iter().skip(1)) {
        let next = body.ty(output.value);
        if next.dtype != ty.dtype || next.rank() != ty.rank() {
            return Err(bad("carries a value whose type changes").expected(ty.to_string()).found(next.to_string()));
        }
        for (d, n) in ty.shape.iter_mut().zip(&next.shape) {
            if d != n && *d != Dim::Unknown {
                *d = Dim::Unknown;
                changed = true;
            }
        }
    }
    Ok(changed)
}
