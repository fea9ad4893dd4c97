//! Which variable of a graph is restored from which key of its checkpoint: the graph itself says so, in the op that
//! restores it. That holds for every SavedModel and `.meta` of TF1 and TF2, whatever variables are called.
//!
//! Owns: the walk from the restoring op to variables; initial values of those that are not restored. Must never know:
//! containers.

use crate::assets::Assets;
use crate::checkpoint::{Checkpoint, Slice, parse};
use crate::graph::{Body, Library, Ref, Variables, function_of};
use modelport_diag::Result;
use modelport_ir::Tensor;
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use modelport_storage::MappedFile;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Functions that restore call at most a few others.
const DEPTH: usize = 8;

/// A variable and where its value stands.
#[derive(Debug)]
pub(crate) struct Restored {
    /// The node of the main graph that makes the variable.
    pub(crate) node: String,
    /// The key in the checkpoint.
    pub(crate) key: String,
    /// The part of that tensor; nothing for all of it.
    pub(crate) slice: Option<Slice>,
}

/// A graph whose assignments are looked at.
pub(crate) struct Tracer<'a> {
    /// The file that constants are views of.
    pub(crate) file: &'a Arc<MappedFile>,
    /// The functions.
    pub(crate) library: &'a Library,
    /// The files that tables are filled from.
    pub(crate) assets: &'a Assets,
    /// What variables and tables are restored from.
    pub(crate) checkpoint: Option<&'a Checkpoint>,
}

impl Tracer<'_> {
    /// All variables that the op named `restore` restores.
    pub(crate) fn restored(&self, main: &Body, restore: &str) -> Vec<Restored> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut next = vec![bare(restore)];
        while let Some(name) = next.pop() {
            let Some(at) = main.find(name).filter(|at| seen.insert(*at)) else { continue };
            let node = &main.nodes[at];
            self.look(main, node, &|r| self.variable_of(main, r), &mut found, DEPTH);
            next.extend(node.input.iter().map(|i| bare(i)));
        }
        found
    }

    /// The value that a graph gives each variable at its start, where it is a constant.
    pub(crate) fn initial(&self, main: &Body) -> HashMap<String, Tensor> {
        let mut all = HashMap::new();
        for node in main.nodes.iter().filter(|n| matches!(n.op.as_str(), "Assign" | "AssignVariableOp")) {
            let [target, value, ..] = node.input.as_slice() else { continue };
            let value = self.source(main, value, &node.name).and_then(|(at, _)| self.constant(main.nodes.get(at)?));
            if let Some((name, value)) = self.variable_of(main, target).zip(value) {
                all.entry(name).or_insert(value);
            }
        }
        all
    }

    /// The assignments of one node: its own, or those of the function that it calls.
    fn look(
        &self,
        body: &Body,
        node: &NodeDef,
        variable: &dyn Fn(&str) -> Option<String>,
        found: &mut Vec<Restored>,
        depth: usize,
    ) {
        match node.op.as_str() {
            "Assign" | "AssignVariableOp" => {
                let [target, value, ..] = node.input.as_slice() else { return };
                let key = self.source(body, value, &node.name).and_then(|(at, out)| self.key(body, at, out));
                if let Some((node, (key, slice))) = variable(target).zip(key) {
                    found.push(Restored { node, key, slice });
                }
            }
            "PartitionedCall" | "StatefulPartitionedCall" if depth > 0 => {
                let Some(function) = self.called(node) else { return };
                let given: Vec<_> = node.input.iter().filter(|i| !i.starts_with('^')).map(|i| variable(i)).collect();
                let argument = |text: &str| match function.through(self.library, text) {
                    Some(Ref::Arg(at)) => given.get(at).cloned().flatten(),
                    _ => None,
                };
                for inner in &function.nodes {
                    self.look(&function, inner, &argument, found, depth - 1);
                }
            }
            _ => {}
        }
    }

    /// The function that a node calls.
    pub(crate) fn called(&self, node: &NodeDef) -> Option<Rc<Body>> {
        let function = node.attr.get("f").and_then(function_of)?;
        self.library.get(&function.name).ok()
    }

    fn source(&self, body: &Body, text: &str, _user: &str) -> Option<(usize, usize)> {
        match body.through(self.library, text)? {
            Ref::Node(at, output) => Some((at, output)),
            Ref::Arg(_) => None,
        }
    }

    /// The name of the variable's node in the main graph.
    pub(crate) fn variable_of(&self, main: &Body, text: &str) -> Option<String> {
        let (at, _) = self.source(main, text, "")?;
        let node = main.nodes.get(at)?;
        (node.op == "VarHandleOp" || node.op.contains("Variable")).then(|| node.name.clone())
    }

    /// The key that output `out` of a restoring op stands for.
    pub(crate) fn key(&self, body: &Body, at: usize, out: usize) -> Option<(String, Option<Slice>)> {
        let node = body.nodes.get(at)?;
        if !matches!(node.op.as_str(), "RestoreV2" | "Restore" | "RestoreSlice") {
            return None;
        }
        let text = |input: usize, element: usize| -> Option<String> {
            let (at, _) = self.source(body, node.input.get(input)?, "")?;
            let strings = self.constant(body.nodes.get(at)?)?;
            Some(String::from_utf8_lossy(strings.strings()?.get(element)?).into_owned())
        };
        let element = if node.op == "RestoreV2" { out } else { 0 };
        Some((text(1, element)?, text(2, element).and_then(|spec| parse(&spec))))
    }

    /// The tensor of a constant.
    pub(crate) fn constant(&self, node: &NodeDef) -> Option<Tensor> {
        match node.attr.get("value").filter(|_| node.op == "Const")?.value.as_ref()? {
            Value::Tensor(bytes) => crate::tensor_proto::tensor(self.file, bytes).ok(),
            _ => None,
        }
    }
}

fn bare(input: &str) -> &str {
    input.trim_start_matches('^').split(':').next().unwrap_or_default()
}

/// The values of all variables of a graph.
///
/// # Errors
/// When the checkpoint's data is missing or damaged.
pub(crate) fn variables(tracer: &Tracer<'_>, main: &Body, restore: &str) -> Result<Variables> {
    let mut all = Variables::default();
    let restored = tracer.restored(main, restore);
    // What a checkpoint would hold is never taken from the start of the training instead.
    let saved: HashSet<String> = restored.iter().map(|r| r.node.clone()).collect();
    if let Some(checkpoint) = tracer.checkpoint {
        for restored in restored {
            if let Some(tensor) = checkpoint.part(&restored.key, restored.slice.as_ref())? {
                all.by_node.insert(restored.node, tensor);
            }
        }
        // A graph without the op that restores it; and functions of TF1, which make variables anew by name.
        let names = checkpoint.full_names()?;
        let mut twice = HashSet::new();
        for key in checkpoint.keys() {
            let name = names.get(key).unwrap_or(key);
            if twice.contains(name) {
                continue;
            }
            match checkpoint.tensor(key)? {
                Some(_) if all.by_name.remove(name).is_some() => drop(twice.insert(name)),
                Some(tensor) => drop(all.by_name.insert(name.clone(), tensor)),
                None => {}
            }
        }
    }
    for (node, tensor) in tracer.initial(main) {
        if !saved.contains(&node) && !all.by_node.contains_key(&node) && !all.by_name.contains_key(&node) {
            all.by_node.insert(node, tensor);
        }
    }
    all.absent = absent(tracer.checkpoint).to_owned();
    Ok(all)
}

/// Why what is restored may not be there.
pub(crate) fn absent(checkpoint: Option<&Checkpoint>) -> &'static str {
    match checkpoint {
        None => "there is no checkpoint beside the graph: `variables/variables.index` of a SavedModel",
        Some(_) => "the checkpoint does not belong to this graph, or was saved without this",
    }
}
