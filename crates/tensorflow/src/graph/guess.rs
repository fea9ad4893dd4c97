//! The outputs of a graph that has no signature: ends that inference reaches.
//!
//! Owns: which ends of a graph are results of the model. Must never know: types, what ops compute.

use super::Parts;
use super::body::{Body, result_count};
use super::feeds;
use super::interface::{interface_error, last_part};
use modelport_diag::Result;
use modelport_proto::tensorflow::NodeDef;
use std::collections::HashMap;

/// Ops whose results nobody asks a model for, though no node takes them.
const NO_OUTPUT: &[&str] = &[
    "Assert",
    "Assign",
    "AssignAdd",
    "AssignAddVariableOp",
    "AssignSub",
    "AssignSubVariableOp",
    "AssignVariableOp",
    "Const",
    "MergeV2Checkpoints",
    "NoOp",
    "Placeholder",
    "PlaceholderV2",
    "PlaceholderWithDefault",
    "PrintV2",
    "RestoreV2",
    "Save",
    "SaveSlices",
    "SaveV2",
    "ShardedFilename",
    "VarHandleOp",
    "VarIsInitializedOp",
    "Variable",
    "VariableV2",
    "ScalarSummary",
    "HistogramSummary",
    "MergeSummary",
    "IsVariableInitialized",
    "Queue",
    "QueueClose",
    "QueueCloseV2",
    "QueueEnqueue",
    "QueueEnqueueMany",
    "QueueEnqueueManyV2",
    "QueueEnqueueV2",
    "QueueSize",
    "QueueSizeV2",
    "MakeIterator",
    "InitializeTable",
    "InitializeTableV2",
    "WriteFile",
    "LookupTableImport",
    "LookupTableImportV2",
    "LookupTableInsert",
    "LookupTableInsertV2",
    "LookupTableRemoveV2",
];

/// Ops that take a step of training begin so.
const OPTIMIZERS: &[&str] = &["Apply", "ResourceApply", "SparseApply", "ResourceSparseApply"];

/// Parts of names that TensorFlow 1.15 gives what only training needs (python/ops/gradients_impl.py,
/// keras/optimizers.py, python/ops/losses/losses_impl.py, python/ops/check_ops.py, python/training/saver.py,
/// python/ops/variables.py, python/estimator/canned/head.py); a number may be behind.
const TRAINING: &[&str] =
    &["assert_broadcastable", "gradients", "loss", "losses", "metrics", "report_uninitialized_variables", "save"];

/// Names of the nodes that say which branch of a condition is taken (python/ops/control_flow_ops.py, TensorFlow 1.15).
const PIVOTS: &[&str] = &["pred_id", "switch_f", "switch_t"];

/// Who takes the results of a node, by its name.
type Users<'a> = HashMap<&'a str, Vec<usize>>;

/// Outputs that nobody named: tensors that depend on an input and that no node takes. Where gradients or a loss are in the
/// graph as well, what comes of these is none, unless nothing else is left.
///
/// # Errors
/// `TF0005` when there is none.
pub(super) fn outputs(parts: &Parts, notes: &mut Vec<String>) -> Result<Vec<String>> {
    let body = &parts.main;
    let mut users = Users::new();
    for (i, node) in body.nodes.iter().enumerate() {
        for input in node.input.iter().filter(|t| !t.starts_with('^')) {
            users.entry(input.split(':').next().unwrap_or_default()).or_default().push(i);
        }
    }
    let given = reached(body, &users, |node| parts.switches.is_input(node) || feeds::is_source(node));
    let has_inputs = given.contains(&true);
    let free = |(i, node): &(usize, &NodeDef)| {
        !users.contains_key(node.name.as_str())
            && !body.consumed.contains(i)
            && !NO_OUTPUT.contains(&node.op.as_str())
            && !OPTIMIZERS.iter().any(|prefix| node.op.starts_with(prefix))
            && (given[*i] || !has_inputs)
            && !is_by_product(body, node)
    };
    let mut ends: Vec<_> = body.nodes.iter().enumerate().filter(free).collect();
    prefer(&mut ends, |(_, node)| !passes_on(body, node, &["While", "StatelessWhile", "_While"]));
    prefer(&mut ends, |(_, node)| !passes_on(body, node, &["Variable", "VariableV2", "VarHandleOp", "ReadVariableOp"]));
    let trained = reached(body, &users, |node| node.name.split('/').any(is_training));
    prefer(&mut ends, |(i, _)| !trained[*i]);
    prefer(&mut ends, |(_, node)| !PIVOTS.contains(&without_number(last_part(&node.name))));
    let tensors: Vec<String> = ends.iter().flat_map(|(_, node)| tensors(node)).collect();
    if tensors.is_empty() {
        return Err(
            interface_error("no node of the graph looks like an output").help("name the outputs with --outputs")
        );
    }
    notes.push(format!("outputs are guessed: {}; --outputs chooses others", tensors.join(", ")));
    Ok(tensors)
}

/// Leaves what is better, where there is any.
fn prefer<T>(all: &mut Vec<T>, better: impl Fn(&T) -> bool) {
    if all.iter().any(&better) {
        all.retain(better);
    }
}

/// Whether each node is one of `from`, or depends on such a one.
fn reached(body: &Body, users: &Users<'_>, from: impl Fn(&NodeDef) -> bool) -> Vec<bool> {
    let mut reached = vec![false; body.nodes.len()];
    let mut next: Vec<usize> = (0..body.nodes.len()).filter(|i| from(&body.nodes[*i])).collect();
    while let Some(i) = next.pop() {
        if !std::mem::replace(&mut reached[i], true) {
            next.extend(users.get(body.nodes[i].name.as_str()).into_iter().flatten());
        }
    }
    reached
}

fn is_training(part: &str) -> bool {
    let part = without_number(part);
    TRAINING.contains(&part) || part.ends_with("_loss")
}

/// A name without the number that makes it unique: `cond_1`.
fn without_number(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((base, number)) if number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

/// What a branch hands out beside its first result, for gradients and batch statistics: Keras's normalisation does so in
/// graphs that may be trained.
fn is_by_product(body: &Body, node: &NodeDef) -> bool {
    let [source, ..] = node.input.as_slice() else { return false };
    let Some((name, number)) = source.split_once(':').filter(|_| node.op == "Identity") else { return false };
    let op = body.find(name).and_then(|at| body.nodes.get(at)).map(|n| n.op.as_str());
    number != "0" && matches!(op, Some("If" | "StatelessIf" | "Case" | "StatelessCase"))
}

/// Whether a node is the name of what one of some ops gives: of a loop's counters and lists, of which TensorFlow names each,
/// whether it is used or not, or of a variable.
fn passes_on(body: &Body, node: &NodeDef, ops: &[&str]) -> bool {
    let source = node.input.first().filter(|_| node.op == "Identity");
    source.and_then(|tensor| body.giver(tensor)).is_some_and(|n| ops.contains(&n.op.as_str()))
}

/// The tensors of a node at the end of a graph; statistics of a batch are for training.
fn tensors(node: &NodeDef) -> Vec<String> {
    let count = if node.op.starts_with("FusedBatchNorm") { 1 } else { result_count(node).unwrap_or(1).min(64) };
    (0..count).map(|i| if i == 0 { node.name.clone() } else { format!("{}:{i}", node.name) }).collect()
}
