//! Lookup tables whose content stands in the graph or in a file beside it: found in the ops that fill them when a model is loaded.
//!
//! Owns: the walk from those ops to tables, keys and values. Must never know: what a look-up is put in terms of.

use crate::graph::{Body, Ref, Table};
use crate::restore::Tracer;
use modelport_ir::Tensor;
use modelport_proto::tensorflow::NodeDef;
use std::collections::HashMap;

/// Functions that fill tables call at most a few others.
const DEPTH: usize = 6;

/// What an operand is.
#[derive(Clone)]
enum Operand {
    /// A node of the main graph.
    Main(usize),
    /// A constant inside a function.
    Constant(Tensor),
}

impl Tracer<'_> {
    /// Content of the tables by the node of the main graph that makes them.
    pub(crate) fn tables(&self, main: &Body) -> HashMap<String, Table> {
        let mut found = HashMap::new();
        let here = |text: &str| match self.through(main, text)? {
            Ref::Node(at, _) => Some(Operand::Main(at)),
            Ref::Arg(_) => None,
        };
        for node in &main.nodes {
            self.fills(main, node, &here, &mut found, DEPTH);
        }
        found
    }

    fn fills(
        &self,
        main: &Body,
        node: &NodeDef,
        operand: &dyn Fn(&str) -> Option<Operand>,
        found: &mut HashMap<String, Table>,
        depth: usize,
    ) {
        match node.op.as_str() {
            "LookupTableImportV2" | "LookupTableImport" | "InitializeTableV2" | "InitializeTable" => {
                let [table, keys, values, ..] = node.input.as_slice() else { return };
                let tensor = |text: &String| match operand(text)? {
                    Operand::Main(at) => self.constant(main.nodes.get(at)?),
                    Operand::Constant(tensor) => Some(tensor),
                };
                let Some(Operand::Main(at)) = operand(table) else { return };
                let name = main.nodes.get(at).map(|n| n.name.clone());
                if let Some((name, (keys, values))) = name.zip(tensor(keys).zip(tensor(values))) {
                    found.entry(name).or_insert(Table { keys, values });
                }
            }
            "InitializeTableFromTextFileV2" | "InitializeTableFromTextFile" => {
                let [table, name, ..] = node.input.as_slice() else { return };
                let Some((Operand::Main(table), Operand::Main(name))) = operand(table).zip(operand(name)) else {
                    return;
                };
                let Some((table, name)) = main.nodes.get(table).zip(self.holder(main, name)) else { return };
                if let Some(content) = self.assets.table(&name, node, table) {
                    found.entry(table.name.clone()).or_insert(content);
                }
            }
            "PartitionedCall" | "StatefulPartitionedCall" if depth > 0 => {
                let Some(function) = self.called(node) else { return };
                let given: Vec<_> = node.input.iter().filter(|i| !i.starts_with('^')).map(|i| operand(i)).collect();
                let inside = |text: &str| match self.through(&function, text)? {
                    Ref::Arg(at) => given.get(at).cloned().flatten(),
                    Ref::Node(at, _) => self.constant(function.nodes.get(at)?).map(Operand::Constant),
                };
                for inner in &function.nodes {
                    self.fills(main, inner, &inside, found, depth - 1);
                }
            }
            _ => {}
        }
    }

    /// The node that holds the name of a file: this one, or what the variable that it reads starts with.
    fn holder(&self, main: &Body, at: usize) -> Option<String> {
        let node = main.nodes.get(at)?;
        if self.assets.has(&node.name) {
            return Some(node.name.clone());
        }
        let variable = self.variable_of(main, node.input.first().filter(|_| node.op == "ReadVariableOp")?)?;
        let sets = |n: &&NodeDef| {
            matches!(n.op.as_str(), "Assign" | "AssignVariableOp")
                && n.input.first().and_then(|t| self.variable_of(main, t)).as_ref() == Some(&variable)
        };
        let value = main.nodes.iter().find(sets)?.input.get(1)?;
        match self.through(main, value)? {
            Ref::Node(at, _) => main.nodes.get(at).map(|n| n.name.clone()).filter(|n| self.assets.has(n)),
            Ref::Arg(_) => None,
        }
    }
}
