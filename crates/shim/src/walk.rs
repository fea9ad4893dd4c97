//! The walk over a graph: every op once, also those inside attributes. Owns: order and recursion.

use crate::version::Writer;
use crate::{Applied, rule::Edit, rules};
use modelport_ir::{Attr, SourceGraph, SourceOp};

/// How deep ops may stand inside ops; what is deeper is left as it is. Readers reject such files earlier.
const DEPTH: usize = 64;

pub(crate) fn apply(mut graph: SourceGraph) -> (SourceGraph, Vec<Applied>) {
    let writer = Writer::of(&graph);
    let mut walk = Walk { writer: &writer, applied: Vec::new() };
    walk.graph(&mut graph, "", 0);
    (graph, walk.applied)
}

struct Walk<'a> {
    writer: &'a Writer,
    applied: Vec<Applied>,
}

impl Walk<'_> {
    fn graph(&mut self, graph: &mut SourceGraph, outer: &str, depth: usize) {
        for id in graph.node_ids() {
            let path = join(outer, &graph.node(id).name);
            self.op(graph.op_mut(id), &path, depth);
        }
    }

    /// The op's own rules come first: they may make its attributes into ops.
    fn op(&mut self, op: &mut SourceOp, path: &str, depth: usize) {
        if depth > DEPTH {
            return;
        }
        for rule in rules::all() {
            if rule.applies(op, self.writer.version) {
                let mut edit = Edit::new(op, self.writer);
                (rule.rewrite)(&mut edit);
                if let Some(text) = edit.sentence() {
                    self.applied.push(Applied { rule: rule.name, node: path.to_owned(), text });
                }
            }
        }
        for (name, attr) in &mut op.attrs {
            self.attr(attr, path, name, depth + 1);
        }
    }

    fn attr(&mut self, attr: &mut Attr, path: &str, name: &str, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match attr {
            Attr::Op(op) => {
                let inner = op.attr("name").and_then(Attr::as_str).unwrap_or(name).to_owned();
                self.op(op, &join(path, &inner), depth);
            }
            Attr::Graph(graph) => self.graph(graph, path, depth),
            Attr::List(items) => items.iter_mut().for_each(|a| self.attr(a, path, name, depth + 1)),
            Attr::Map(map) => map.iter_mut().for_each(|(k, a)| self.attr(a, path, k, depth + 1)),
            _ => {}
        }
    }
}

fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() { inner.to_owned() } else { format!("{outer}/{inner}") }
}
