//! Printing graphs. Statements stand in the order of the value arena, so that a text read back gives equal ids.

use super::constant::{self, KeptConstants};
use super::lexer::quote;
use super::value;
use crate::{Core, Def, Graph, Node, Op, Provenance, Source, SourceOp, Stage, Tensor, TensorType, ValueId};

/// What differs between the stages.
pub(super) trait Spell: Stage {
    /// The word before a graph.
    const WORD: &'static str;
    /// The type after a value, where it says anything.
    fn ty(ty: &Self::Type) -> Option<&TensorType>;
    /// The type that a constant has if nothing else is said.
    fn of_constant(tensor: &Tensor) -> Self::Type;
    /// Appends an op with its attributes.
    fn op(op: &Self::Op, out: &mut String, kept: &mut KeptConstants, indent: usize);
}

impl Spell for Core {
    const WORD: &'static str = "core";

    fn ty(ty: &TensorType) -> Option<&TensorType> {
        Some(ty)
    }

    fn of_constant(tensor: &Tensor) -> TensorType {
        tensor.ty()
    }

    fn op(op: &Op, out: &mut String, kept: &mut KeptConstants, indent: usize) {
        out.push_str(op.name());
        match op {
            // Bodies are graphs of their own; as attributes they would be printed texts in quotes.
            Op::If { then_branch, else_branch } => {
                out.push_str("{then_branch=");
                graph(then_branch, out, kept, indent);
                out.push_str(", else_branch=");
                graph(else_branch, out, kept, indent);
                out.push('}');
            }
            Op::Loop { carried, body } => {
                out.push_str(&format!("{{carried={carried}, body="));
                graph(body, out, kept, indent);
                out.push('}');
            }
            _ => {
                let attrs = op.attrs();
                if !attrs.is_empty() {
                    value::print_map(attrs.iter().map(|(k, v)| (*k, v)), out, kept, indent);
                }
            }
        }
    }
}

impl Spell for Source {
    const WORD: &'static str = "source";

    fn ty(ty: &Option<TensorType>) -> Option<&TensorType> {
        ty.as_ref()
    }

    fn of_constant(tensor: &Tensor) -> Option<TensorType> {
        Some(tensor.ty())
    }

    fn op(op: &SourceOp, out: &mut String, kept: &mut KeptConstants, indent: usize) {
        value::print_source_op(op, out, kept, indent);
    }
}

/// Appends a graph, without a line break after it; what is in it is indented by one more than `indent`.
pub(super) fn graph<S: Spell>(graph: &Graph<S>, out: &mut String, kept: &mut KeptConstants, indent: usize) {
    out.push_str(&format!("{} {} {{\n", S::WORD, quote(&graph.name)));
    let mut printer = Printer { graph, out, kept, indent: indent + 1, next_node: 0 };
    printer.provenance();
    for (id, v) in graph.values() {
        match &v.def {
            Def::Input => printer.line(|p| p.out.push_str(&format!("input {}", p.defined(id)))),
            Def::Const(tensor) => printer.constant(id, tensor),
            Def::Node(node, 0) => printer.nodes_to(node.index() + 1),
            Def::Node(..) => {}
        }
    }
    printer.nodes_to(graph.nodes().len());
    for output in graph.outputs() {
        printer.line(|p| p.out.push_str(&format!("output {} = %{}", quote(&output.name), output.value.0)));
    }
    out.push_str(&"  ".repeat(indent));
    out.push('}');
}

struct Printer<'a, S: Spell> {
    graph: &'a Graph<S>,
    out: &'a mut String,
    kept: &'a mut KeptConstants,
    indent: usize,
    next_node: usize,
}

impl<S: Spell> Printer<'_, S> {
    fn line(&mut self, f: impl FnOnce(&mut Self)) {
        self.out.push_str(&"  ".repeat(self.indent));
        f(self);
        self.out.push('\n');
    }

    fn provenance(&mut self) {
        if self.graph.provenance == Provenance::default() {
            return;
        }
        let map = super::provenance::to_attrs(&self.graph.provenance);
        self.line(|p| {
            p.out.push_str("provenance ");
            value::print_map(map.iter().map(|(k, v)| (k.as_str(), v)), p.out, p.kept, p.indent);
        });
    }

    /// `%3 "conv": f32[N,8]`.
    fn defined(&self, id: ValueId) -> String {
        let ty = S::ty(self.graph.ty(id)).map(|t| format!(": {}", value::print_type(t))).unwrap_or_default();
        format!("{}{ty}", self.named(id))
    }

    fn named(&self, id: ValueId) -> String {
        let name = &self.graph.value(id).name;
        if name.is_empty() { format!("%{}", id.0) } else { format!("%{} {}", id.0, quote(name)) }
    }

    fn constant(&mut self, id: ValueId, tensor: &Tensor) {
        let ty = self.graph.ty(id);
        let shown = match S::ty(ty) {
            _ if *ty == S::of_constant(tensor) => self.named(id),
            None => format!("{}: ?", self.named(id)),
            Some(_) => self.defined(id),
        };
        self.line(|p| {
            p.out.push_str(&format!("const {shown} = "));
            p.out.push_str(&constant::print(tensor, p.kept));
        });
    }

    /// Prints the nodes up to `end` that were not printed yet.
    fn nodes_to(&mut self, end: usize) {
        let graph = self.graph;
        while let Some(node) = graph.nodes().get(self.next_node).filter(|_| self.next_node < end) {
            self.next_node += 1;
            self.line(|p| p.node(node));
        }
    }

    fn node(&mut self, node: &Node<S>) {
        let results: Vec<_> = node.outputs.iter().map(|&id| self.defined(id)).collect();
        self.out.push_str(if results.is_empty() { "_" } else { "" });
        self.out.push_str(&results.join(", "));
        self.out.push_str(" = ");
        S::op(&node.op, self.out, self.kept, self.indent);
        let operand = |i: &Option<ValueId>| i.map_or_else(|| "_".to_owned(), |id| format!("%{}", id.0));
        let operands: Vec<_> = node.inputs.iter().map(operand).collect();
        self.out.push_str(&format!("({})", operands.join(", ")));
        let first = node.outputs.first().map_or("", |&id| self.graph.value(id).name.as_str());
        if node.name != first {
            self.out.push_str(&format!(" @ {}", quote(&node.name)));
        }
    }
}
