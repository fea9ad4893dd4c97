//! Lookup tables: their content stands in the graph, in a file beside it, or, of those that can change, in the checkpoint.
//! It is found in the ops that fill them when a model is loaded.
//!
//! Owns: the walk from those ops to tables, keys and values. Must never know: what a look-up is put in terms of.

use crate::graph::{Body, Ref, Table, Tables};
use crate::restore::{Tracer, absent};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use modelport_proto::tensorflow::NodeDef;

/// Functions that fill tables call at most a few others.
const DEPTH: usize = 6;

/// What an operand is.
#[derive(Clone)]
enum Operand {
    /// A tensor of the main graph.
    Main(usize, usize),
    /// What a function holds itself, or reads from the checkpoint.
    Content(Result<Tensor>),
}

impl Tracer<'_> {
    /// Content of the tables by the node of the main graph that makes them; what is wrong with it, where it does not fit.
    pub(crate) fn tables(&self, main: &Body) -> Tables {
        let mut found = Tables::new();
        let here = |text: &str| match main.through(self.library, text)? {
            Ref::Node(at, output) => Some(Operand::Main(at, output)),
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
        found: &mut Tables,
        depth: usize,
    ) {
        match node.op.as_str() {
            "LookupTableImportV2" | "LookupTableImport" | "InitializeTableV2" | "InitializeTable" => {
                let [table, keys, values, ..] = node.input.as_slice() else { return };
                let tensor = |text: &String| match operand(text)? {
                    Operand::Main(at, output) => self.content(main, at, output),
                    Operand::Content(tensor) => Some(tensor),
                };
                let Some(Operand::Main(at, _)) = operand(table) else { return };
                if let (Some(table), Some(keys), Some(values)) = (main.nodes.get(at), tensor(keys), tensor(values)) {
                    let both = keys.and_then(|keys| Ok([keys, values?]));
                    let content = both.and_then(|both| Table::of(table, both, self.marks(main, table)));
                    fill(found, table, content.map_err(|d| d.at_node(table.name.clone())));
                }
            }
            "InitializeTableFromTextFileV2" | "InitializeTableFromTextFile" => {
                let [table, name, ..] = node.input.as_slice() else { return };
                let Some((Operand::Main(table, _), Operand::Main(name, _))) = operand(table).zip(operand(name)) else {
                    return;
                };
                let Some((table, name)) = main.nodes.get(table).zip(self.holder(main, name)) else { return };
                if let Some(content) = self.assets.table(&name, node, table) {
                    fill(found, table, Table::of(table, content, None));
                }
            }
            "PartitionedCall" | "StatefulPartitionedCall" if depth > 0 => {
                let Some(function) = self.called(node) else { return };
                let given: Vec<_> = node.input.iter().filter(|i| !i.starts_with('^')).map(|i| operand(i)).collect();
                let inside = |text: &str| match function.through(self.library, text)? {
                    Ref::Arg(at) => given.get(at).cloned().flatten(),
                    Ref::Node(at, output) => self.content(&function, at, output).map(Operand::Content),
                };
                for inner in &function.nodes {
                    self.fills(main, inner, &inside, found, depth - 1);
                }
            }
            _ => {}
        }
    }

    /// A constant, or what is read from the checkpoint.
    fn content(&self, body: &Body, at: usize, output: usize) -> Option<Result<Tensor>> {
        if let Some(tensor) = self.constant(body.nodes.get(at)?) {
            return Some(Ok(tensor));
        }
        let (key, slice) = self.key(body, at, output)?;
        let stored = self.checkpoint.map_or(Ok(None), |checkpoint| checkpoint.part(&key, slice.as_ref()));
        let missing = || {
            Diagnostic::error(Code::TF_VARIABLE, "a lookup table has no content")
                .expected(format!("`{key}` in the checkpoint"))
                .help(absent(self.checkpoint))
        };
        Some(stored.and_then(|tensor| tensor.ok_or_else(missing)))
    }

    /// The keys that a dense table marks empty and deleted buckets with; its first op knew no deleted ones.
    fn marks(&self, main: &Body, table: &NodeDef) -> Option<[Tensor; 2]> {
        let mark = |text: &String| match main.through(self.library, text)? {
            Ref::Node(at, _) => self.constant(main.nodes.get(at)?),
            Ref::Arg(_) => None,
        };
        match table.input.as_slice() {
            [] => None,
            [empty, rest @ ..] => Some([mark(empty)?, mark(rest.first().unwrap_or(empty))?]),
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
        match main.through(self.library, value)? {
            Ref::Node(at, _) => main.nodes.get(at).map(|n| n.name.clone()).filter(|n| self.assets.has(n)),
            Ref::Arg(_) => None,
        }
    }
}

/// The first content that fits; two savers of one graph read the same.
fn fill(found: &mut Tables, table: &NodeDef, content: Result<Table>) {
    if !matches!(found.get(&table.name), Some(Ok(_))) {
        found.insert(table.name.clone(), content);
    }
}
