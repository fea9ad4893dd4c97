//! Queues and iterators: what a graph for training takes its examples from is an input of the model.
//!
//! Owns: which ops hand examples out, and the types of their components (core/ops/data_flow_ops.cc and dataset_ops.cc,
//! 2.21). Must never know: how queues are filled, what is computed of the examples.

use super::attrs::list_attr;
use super::body::{Body, Ref};
use super::interface::{Input, Interface, Wishes, input_type, sizes};
use super::order::{Plan, plan};
use super::{Parts, name_of};
use modelport_diag::Result;
use modelport_ir::Dim;
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::HashSet;

/// Ops that hand out the components of one example or of a batch, and the attribute that lists their types.
const SOURCES: &[(&str, &str)] = &[
    ("DatasetToSingleElement", "output_types"),
    ("IteratorGetNext", "output_types"),
    ("IteratorGetNextSync", "output_types"),
    ("QueueDequeue", "component_types"),
    ("QueueDequeueMany", "component_types"),
    ("QueueDequeueManyV2", "component_types"),
    ("QueueDequeueUpTo", "component_types"),
    ("QueueDequeueUpToV2", "component_types"),
    ("QueueDequeueV2", "component_types"),
    ("Unstage", "dtypes"),
];

/// Whether an op hands out examples.
pub(super) fn is_source(node: &NodeDef) -> bool {
    types_of(node).is_some()
}

fn types_of(node: &NodeDef) -> Option<&'static str> {
    SOURCES.iter().find(|(op, _)| *op == node.op).map(|(_, types)| *types)
}

/// The components that some tensors need, in the order of the graph, where those of `fed` are there already.
///
/// # Errors
/// When the graph is none.
pub(super) fn components(parts: &Parts, wanted: &[Ref], fed: &HashSet<Ref>) -> Result<Vec<(usize, usize)>> {
    // Most graphs have none, and planning one is a walk through all of it.
    if !parts.main.nodes.iter().any(is_source) {
        return Ok(Vec::new());
    }
    let found = |plan: &Plan| {
        let sources = plan.order.iter().filter(|at| parts.main.nodes.get(**at).is_some_and(is_source));
        let used = |at: &usize| plan.used.get(at).into_iter().flatten().copied().collect::<Vec<_>>();
        sources.flat_map(|at| used(at).into_iter().map(|i| (*at, i))).collect::<Vec<_>>()
    };
    let all = found(&plan(&parts.main, &parts.library, wanted, fed)?);
    if all.is_empty() {
        return Ok(all);
    }
    // How a queue is filled may lead to another one, which then nobody needs.
    let mut fed = fed.clone();
    fed.extend(all.iter().map(|&(at, i)| Ref::Node(at, i)));
    let direct: HashSet<Ref> = direct(parts, wanted, &fed)?;
    let mut all: Vec<_> = all.into_iter().filter(|&(at, i)| direct.contains(&Ref::Node(at, i))).collect();
    all.sort_unstable();
    Ok(all)
}

/// Tensors of `fed` that are wanted, or that a node takes which is needed with them.
fn direct(parts: &Parts, wanted: &[Ref], fed: &HashSet<Ref>) -> Result<HashSet<Ref>> {
    let plan = plan(&parts.main, &parts.library, wanted, fed)?;
    Ok(plan.inputs.values().flatten().chain(wanted).filter(|r| fed.contains(r)).copied().collect())
}

/// Makes inputs of the components that the outputs need. Inputs that the user names are all there are.
///
/// # Errors
/// `TF0005` when the type of one is not known.
pub(crate) fn add_feeds(
    parts: &Parts,
    interface: &mut Interface,
    wishes: Wishes<'_>,
    notes: &mut Vec<String>,
) -> Result<()> {
    if !wishes.inputs.is_empty() {
        return Ok(());
    }
    let resolve = |tensor: &String| parts.main.resolve(&parts.library, tensor, tensor);
    let fed = interface.inputs.iter().map(|i| resolve(&i.tensor)).collect::<Result<HashSet<_>>>()?;
    let wanted = interface.outputs.iter().map(|o| resolve(&o.tensor)).collect::<Result<Vec<_>>>()?;
    let all = components(parts, &wanted, &fed)?;
    let only = interface.inputs.len() + all.len() == 1;
    let mut batch = interface.inputs.is_empty().then(|| all.first().map(|(at, _)| *at)).flatten();
    for (at, i) in all {
        let node = parts.main.node(at)?;
        let tensor = format!("{}:{i}", node.name);
        let name = name_of(&tensor);
        let (number, shape) = (element(node, i), shape(parts, node, i));
        let mut ty = input_type(&name, number, shape, wishes, only)?;
        // The components of a batch of a queue are as many as each other; of other sources nothing says so.
        let first = ty.shape.first_mut().filter(|d| batch != Some(at) && **d == Dim::symbol("N"));
        if let Some(first) = first {
            *first = Dim::symbol(&format!("{name}_0"));
        }
        batch = batch.filter(|_| is_batch(node));
        notes.push(format!("`{name}` is an input of the model: `{}` hands it to the graph", node.op));
        interface.inputs.push(Input { name, tensor, ty });
    }
    Ok(())
}

fn is_batch(node: &NodeDef) -> bool {
    node.op.starts_with("QueueDequeueMany") || node.op.starts_with("QueueDequeueUpTo")
}

fn element(node: &NodeDef, i: usize) -> i32 {
    types_of(node).and_then(|name| list_attr(node, name)?.r#type.get(i).copied()).unwrap_or(0)
}

/// The shape of a component: the iterator's, or that of the queue's elements with the batch before it.
fn shape(parts: &Parts, node: &NodeDef, i: usize) -> Option<Vec<i64>> {
    let of = |node: &NodeDef, name: &str| sizes(list_attr(node, name)?.shape.get(i));
    let own = of(node, "output_shapes").or_else(|| of(node, "_output_shapes"));
    own.or_else(|| {
        let mut shape = of(operand(&parts.main, node, 0)?, "shapes")?;
        if is_batch(node) {
            let number = operand(&parts.main, node, 1).filter(|_| node.op.starts_with("QueueDequeueMany"));
            shape.insert(0, number.and_then(|n| constant(parts, n)).unwrap_or(-1));
        }
        Some(shape)
    })
}

/// The node that gives operand `i`.
fn operand<'a>(body: &'a Body, node: &NodeDef, i: usize) -> Option<&'a NodeDef> {
    let found = body.giver(node.input.iter().filter(|t| !t.starts_with('^')).nth(i)?)?;
    match found.op.as_str() {
        // A variable or queue of TF1 may go through an identity; more than one is not written.
        "Identity" | "RefIdentity" => body.giver(found.input.first()?),
        _ => Some(found),
    }
}

fn constant(parts: &Parts, node: &NodeDef) -> Option<i64> {
    let Value::Tensor(bytes) = node.attr.get("value").filter(|_| node.op == "Const")?.value.as_ref()? else {
        return None;
    };
    crate::tensor_proto::tensor(&parts.file, bytes).ok()?.to_i64s().ok()?.first().copied()
}
