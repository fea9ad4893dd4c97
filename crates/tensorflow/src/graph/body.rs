//! A list of nodes that refer to each other by name: a graph, or the body of a function.
//!
//! Owns: names of nodes and arguments, references between them. Must never know: what ops mean, files.

use super::library::Library;
use super::op_outputs::outputs_of;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_proto::tensorflow::{AttrValue, FunctionDef, NodeDef, attr_value};
use std::collections::{HashMap, HashSet};

/// No op has more results; a reference beyond is damage.
const MOST_RESULTS: usize = 65_536;

/// A tensor inside a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Ref {
    /// Output `.1` of node `.0`.
    Node(usize, usize),
    /// An argument of the function.
    Arg(usize),
}

/// A result of a function.
#[derive(Clone, Debug)]
pub(crate) struct Returned {
    /// Its name.
    pub(crate) name: String,
    /// The tensor, as the file spells it.
    pub(crate) tensor: String,
}

/// A graph or the body of a function.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// Name of the function; empty for a graph.
    pub(crate) name: String,
    /// The nodes in the order of the file.
    pub(crate) nodes: Vec<NodeDef>,
    /// Names of the arguments.
    pub(crate) args: Vec<String>,
    /// Results in order.
    pub(crate) results: Vec<Returned>,
    /// Tensors that control flow of TF1 gave and that others give now.
    pub(crate) renamed: HashMap<(usize, usize), (usize, usize)>,
    /// Nodes that are no ends of the graph, though control flow of TF1 that took them is gone.
    pub(crate) consumed: HashSet<usize>,
    index: HashMap<String, usize>,
    arg_index: HashMap<String, usize>,
}

/// Ops that a value goes through on its way from the checkpoint to the variable.
fn hands_on(op: &str) -> bool {
    matches!(op, "Identity" | "Reshape" | "Cast" | "RefIdentity" | "EnsureShape" | "IdentityN")
}

pub(crate) fn graph_error(message: impl Into<String>, node: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_GRAPH, message).at_node(node).help("the graph was damaged, or edited by hand")
}

impl Body {
    /// The nodes of a graph.
    ///
    /// # Errors
    /// `TF0002` when two have one name.
    pub(crate) fn graph(nodes: Vec<NodeDef>) -> Result<Self> {
        let mut body = Self { nodes, ..Self::default() };
        body.index_nodes()?;
        Ok(body)
    }

    /// The body of a function.
    ///
    /// # Errors
    /// `TF0002` when two nodes have one name, `TF0003` when a result is nothing.
    pub(crate) fn function(def: FunctionDef) -> Result<Self> {
        let signature = def.signature.unwrap_or_default();
        let args: Vec<String> = signature.input_arg.into_iter().map(|a| a.name).collect();
        let mut results = Vec::new();
        for out in signature.output_arg {
            let Some(tensor) = def.ret.get(&out.name) else {
                let message = format!("function `{}` says nothing of its result `{}`", signature.name, out.name);
                return Err(Diagnostic::error(Code::TF_FUNCTION, message));
            };
            results.push(Returned { name: out.name, tensor: tensor.clone() });
        }
        let arg_index = args.iter().enumerate().map(|(i, a)| (a.clone(), i)).collect();
        let mut body = Self { name: signature.name, nodes: def.node_def, args, results, arg_index, ..Self::default() };
        body.index_nodes()?;
        Ok(body)
    }

    /// A function that stands in no file.
    ///
    /// # Errors
    /// `TF0002` when two nodes have one name.
    pub(crate) fn made(name: String, nodes: Vec<NodeDef>, args: Vec<String>, results: Vec<Returned>) -> Result<Self> {
        let arg_index = args.iter().enumerate().map(|(i, a)| (a.clone(), i)).collect();
        let mut body = Self { name, nodes, args, results, arg_index, ..Self::default() };
        body.index_nodes()?;
        Ok(body)
    }

    /// Adds a node; its number.
    pub(crate) fn push(&mut self, node: NodeDef) -> usize {
        let at = self.nodes.len();
        self.index.insert(node.name.clone(), at);
        self.nodes.push(node);
        at
    }

    fn index_nodes(&mut self) -> Result<()> {
        for (i, node) in self.nodes.iter().enumerate() {
            if self.index.insert(node.name.clone(), i).is_some() {
                return Err(graph_error("two nodes have the same name", &node.name));
            }
        }
        Ok(())
    }

    /// The node of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The node of this number; numbers come from this body.
    pub(crate) fn node(&self, at: usize) -> Result<&NodeDef> {
        self.nodes.get(at).ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a node number is not of this graph"))
    }

    /// The tensor that a reference means: `node`, `node:1`, `node:output:0`, `argument`.
    ///
    /// # Errors
    /// `TF0002` when there is none. `user` is the node that holds the reference.
    pub(crate) fn resolve(&self, library: &Library, text: &str, user: &str) -> Result<Ref> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        if let Some(&arg) = self.arg_index.get(name) {
            return Ok(Ref::Arg(arg));
        }
        let missing = || graph_error(format!("the node takes `{text}`, which is not in the graph"), user);
        let at = self.find(name).ok_or_else(missing)?;
        let number = |t: &str| t.parse::<usize>().ok().filter(|n| *n < MOST_RESULTS).ok_or_else(missing);
        let output = match (parts.next(), parts.next()) {
            (None, _) => 0,
            (Some(n), None) if n.bytes().all(|b| b.is_ascii_digit()) => number(n)?,
            (Some(arg), n) => {
                let first = self.first_of(library, at, arg).ok_or_else(missing)?;
                first + n.map_or(Ok(0), number)?
            }
        };
        if output >= MOST_RESULTS {
            return Err(missing());
        }
        let (at, output) = self.renamed.get(&(at, output)).copied().unwrap_or((at, output));
        Ok(Ref::Node(at, output))
    }

    /// The node that gives a tensor: `x:1` or `x`.
    pub(crate) fn giver(&self, tensor: &str) -> Option<&NodeDef> {
        self.nodes.get(self.find(tensor.split(':').next()?)?)
    }

    /// What a tensor is before it is handed on.
    pub(crate) fn through(&self, library: &Library, text: &str) -> Option<Ref> {
        let mut at = self.resolve(library, text, "").ok()?;
        for _ in 0..16 {
            let Ref::Node(node, output) = at else { return Some(at) };
            let node = self.nodes.get(node).filter(|n| hands_on(&n.op));
            let Some(input) = node.and_then(|n| n.input.get(if n.op == "IdentityN" { output } else { 0 })) else {
                break;
            };
            at = self.resolve(library, input, "").ok()?;
        }
        Some(at)
    }

    /// Number of the first tensor of an output argument.
    fn first_of(&self, library: &Library, at: usize, arg: &str) -> Option<usize> {
        let node = self.nodes.get(at)?;
        if let Some(results) = library.results_of(&node.op) {
            return results.iter().position(|r| r == arg);
        }
        let Some(outputs) = outputs_of(&node.op) else { return Some(0) };
        let mut first = 0;
        for (name, attr) in outputs {
            if name == arg {
                return Some(first);
            }
            first += attr.map_or(Some(1), |a| count(node.attr.get(a)?))?;
        }
        None
    }
}

/// How many tensors an attribute stands for: its number, or the length of its list.
fn count(value: &AttrValue) -> Option<usize> {
    match value.value.as_ref()? {
        attr_value::Value::I(n) => usize::try_from(*n).ok().filter(|n| *n < MOST_RESULTS),
        attr_value::Value::List(bytes) => {
            let list: modelport_proto::tensorflow::ListValue = crate::wire::decode(bytes, "a list").ok()?;
            Some(list.r#type.len())
        }
        _ => None,
    }
}

/// How many results a node has, where its op says so.
pub(crate) fn result_count(node: &NodeDef) -> Option<usize> {
    let mut total = 0usize;
    for (_, attr) in outputs_of(&node.op)? {
        total += attr.map_or(Some(1), |a| count(node.attr.get(a)?))?;
    }
    Some(total.min(MOST_RESULTS))
}
