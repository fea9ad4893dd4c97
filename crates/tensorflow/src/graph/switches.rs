//! Placeholders that say whether the model is being trained: by their names, or by what hangs on them.
//!
//! Owns: their values when the model is used. Must never know: how branches are computed.

use super::attrs::function_of;
use super::body::Body;
use super::interface::{last_part, number_of};
use super::library::Library;
use crate::dtype;
use modelport_ir::DType;
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::{HashMap, HashSet};

/// A placeholder that is no input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    /// What it is when the model is used.
    pub(super) value: f64,
    /// How to say so.
    pub(super) sentence: &'static str,
}

/// What the placeholders of a graph are beside inputs.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    known: HashMap<String, Switch>,
    /// Placeholders that choose a branch, which takes one truth value.
    predicates: HashSet<String>,
}

const RATE: Switch = Switch { value: 0.0, sentence: "what dropout leaves out; it leaves out nothing" };
const KEEP: Switch = Switch { value: 1.0, sentence: "what dropout keeps; it keeps all" };

impl Switches {
    /// Those of a graph; `given` are values by the user.
    pub(crate) fn of(main: &Body, library: &Library, given: &[(String, f64)]) -> Self {
        let mut all = Self::default();
        for node in main.nodes.iter().filter(|n| is_placeholder(n)) {
            let value = given.iter().find(|(name, _)| *name == node.name).map(|(_, value)| *value);
            let given = value.map(|value| Switch { value, sentence: "a value for good, as was asked for" });
            all.known.extend(given.or_else(|| named(node)).map(|switch| (node.name.clone(), switch)));
        }
        // For each predicate, whether a branch for true trains, and one for false.
        let mut found: HashMap<&str, [bool; 2]> = HashMap::new();
        for node in &main.nodes {
            if matches!(node.op.as_str(), "If" | "StatelessIf") {
                let Some(name) = node.input.first().and_then(|p| placeholder(main, p)) else { continue };
                let trains = ["then_branch", "else_branch"].map(|key| trains(library, node, key));
                let so_far = found.entry(name).or_default();
                *so_far = [so_far[0] || trains[0], so_far[1] || trains[1]];
            }
            if let Some((name, switch)) = in_dropout(main, node) {
                all.known.entry(name.to_owned()).or_insert(switch);
            }
        }
        for (name, trains) in found {
            all.predicates.insert(name.to_owned());
            let switch = match trains {
                [true, false] => {
                    Switch { value: 0.0, sentence: "true for training alone, as its branches say; it is off" }
                }
                [false, true] => {
                    Switch { value: 1.0, sentence: "false for training alone, as its branches say; it is on" }
                }
                _ => continue,
            };
            all.known.entry(name.to_owned()).or_insert(switch);
        }
        all
    }

    /// What a placeholder is, unless it is an input.
    pub(super) fn get(&self, name: &str) -> Option<Switch> {
        self.known.get(name).copied()
    }

    /// Whether a placeholder is one truth value, as what chooses a branch must be.
    pub(super) fn is_predicate(&self, name: &str) -> bool {
        self.predicates.contains(name)
    }

    /// Whether a node is what the model is given.
    pub(super) fn is_input(&self, node: &NodeDef) -> bool {
        is_placeholder(node) && !self.known.contains_key(&node.name)
    }
}

fn is_placeholder(node: &NodeDef) -> bool {
    matches!(node.op.as_str(), "Placeholder" | "PlaceholderV2")
}

/// A placeholder's meaning by its name and type.
fn named(node: &NodeDef) -> Option<Switch> {
    let name = last_part(&node.name).to_lowercase();
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    match (base, dtype::dtype(number_of(node))?) {
        (
            "is_training" | "training" | "phase_train" | "train_phase" | "istraining" | "keras_learning_phase",
            DType::Bool,
        ) => Some(Switch { value: 0.0, sentence: "a switch for training; it is off" }),
        ("keep_prob" | "keepprob" | "dropout_keep_prob", DType::F32) => Some(KEEP),
        _ => None,
    }
}

/// The placeholder that a node makes the mask of dropout with, and what it is then (python/ops/nn_ops.py): until TensorFlow
/// 1.12 the floor of `keep + random`, later `random >= rate`, where the rate may be `1 - keep`.
fn in_dropout<'a>(main: &'a Body, node: &'a NodeDef) -> Option<(&'a str, Switch)> {
    let [a, b] = node.input.get(..2)? else { return None };
    match node.op.as_str() {
        "Add" | "AddV2" if is_drawn(main, b) => Some((placeholder(main, a)?, KEEP)),
        "GreaterEqual" if is_drawn(main, a) => {
            let rate = main.giver(b)?;
            match rate.op.as_str() {
                "Sub" => Some((placeholder(main, rate.input.get(1)?)?, KEEP)),
                _ => Some((placeholder(main, b)?, RATE)),
            }
        }
        _ => None,
    }
}

/// Whether a tensor is random numbers, brought into their range: `random * (max - min) + min`.
fn is_drawn(main: &Body, tensor: &str) -> bool {
    let mut at = tensor;
    for _ in 0..4 {
        let Some(before) = main.giver(at) else { return false };
        match (before.op.as_str(), before.input.first()) {
            ("RandomUniform", _) => return true,
            ("Add" | "AddV2" | "Mul" | "Identity", Some(operand)) => at = operand,
            _ => return false,
        }
    }
    false
}

/// The placeholder that a tensor is, through identities.
fn placeholder<'a>(main: &'a Body, tensor: &'a str) -> Option<&'a str> {
    let mut at = tensor;
    // TF1 names the predicate of a condition once more; a few identities are more than any graph has.
    for _ in 0..8 {
        let before = main.giver(at)?;
        match before.op.as_str() {
            "Identity" => at = before.input.first()?,
            _ => return is_placeholder(before).then_some(before.name.as_str()),
        }
    }
    None
}

/// Whether a branch normalises by its batch, or draws what dropout leaves out.
fn trains(library: &Library, node: &NodeDef, key: &str) -> bool {
    let function = node.attr.get(key).and_then(function_of);
    let Some(Ok(body)) = function.map(|function| library.get(&function.name)) else { return false };
    body.nodes.iter().any(|n| match n.op.as_str() {
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => {
            // The attribute's default is true (core/ops/nn_ops.cc, TensorFlow 2.21).
            !matches!(n.attr.get("is_training").and_then(|v| v.value.as_ref()), Some(Value::B(false)))
        }
        op => op == "RandomUniform",
    })
}
