//! Control flow of TF1 (`Switch`, `Merge`, `Enter`, `Exit`, `NextIteration`, `LoopCond`) as the functional `If` and `While`.
//!
//! What the ops mean: core/kernels/control_flow_ops.h and python/ops/control_flow_ops.py, TensorFlow 1.15 and 2.21. The
//! innermost constructs are turned first, so that what is inside another is one node when that one's turn comes.
//!
//! Owns: finding the constructs, cutting their nodes out into functions. Must never know: what the nodes compute.

mod conds;
mod loops;

use super::body::{Body, Ref, Returned, graph_error};
use super::library::Library;
use crate::wire::damaged;
use modelport_diag::Result;
use modelport_proto::tensorflow::{AttrValue, NameAttrList, NodeDef, attr_value::Value};
use prost::Message;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Functions that stand in no file; no name in a file begins so.
pub(super) const MADE: char = '@';

/// Turns all control flow of TF1 in a body into functional ops.
///
/// # Errors
/// `TF0002` when constructs are not as TensorFlow makes them.
pub(crate) fn functional(body: Body, library: &Library) -> Result<Body> {
    if !body.nodes.iter().any(|n| kind(n) != Kind::Other) {
        return Ok(body);
    }
    let mut flat = Flat::new(body, library)?;
    loop {
        let turned = loops::turn(&mut flat, library)? | conds::turn(&mut flat, library)?;
        if !turned {
            return flat.finish(library);
        }
    }
}

/// The ops of control flow; those on references do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    Merge,
    Enter,
    Exit,
    Next,
    Other,
}

fn kind(node: &NodeDef) -> Kind {
    match node.op.strip_prefix("Ref").unwrap_or(&node.op) {
        "Switch" => Kind::Switch,
        "Merge" => Kind::Merge,
        "Enter" => Kind::Enter,
        "Exit" => Kind::Exit,
        "NextIteration" => Kind::Next,
        _ => Kind::Other,
    }
}

/// A body whose references are numbers, so that nodes can be cut out of it.
struct Flat {
    body: Body,
    inputs: Vec<Vec<Ref>>,
    control: Vec<Vec<usize>>,
    /// Tensors that are now others.
    replaced: HashMap<Ref, Ref>,
    /// Nodes that are no ends of the graph: others take them, or they were made here.
    consumed: HashSet<usize>,
}

impl Flat {
    fn new(body: Body, library: &Library) -> Result<Self> {
        let (mut inputs, mut control) = (Vec::new(), Vec::new());
        for node in &body.nodes {
            let (mut data, mut order) = (Vec::new(), Vec::new());
            for text in &node.input {
                match text.strip_prefix('^') {
                    Some(name) => order.extend(body.find(name)),
                    None => data.push(body.resolve(library, text, &node.name)?),
                }
            }
            inputs.push(data);
            control.push(order);
        }
        let node = |r: &Ref| if let Ref::Node(at, _) = r { Some(*at) } else { None };
        // What others only wait for is a branch's beginning.
        let waited = control.iter().flatten().copied();
        let consumed = inputs.iter().flatten().filter_map(node).chain(waited).collect();
        Ok(Self { body, inputs, control, replaced: HashMap::new(), consumed })
    }

    fn kind(&self, at: usize) -> Kind {
        self.body.nodes.get(at).map_or(Kind::Other, kind)
    }

    fn name(&self, at: usize) -> &str {
        self.body.nodes.get(at).map_or("", |n| n.name.as_str())
    }

    /// What a tensor is by now.
    fn now(&self, at: Ref) -> Ref {
        let mut at = at;
        // Replacements are of nodes that are gone by newer ones, so this ends.
        while let Some(next) = self.replaced.get(&at) {
            at = *next;
        }
        at
    }

    /// Input `i` of a node, if it has it.
    fn input(&self, at: usize, i: usize) -> Option<Ref> {
        Some(self.now(*self.inputs.get(at)?.get(i)?))
    }

    /// The nodes that `from` depend on, up to the tensors that `stop` says are arguments; nothing when one of them belongs to
    /// a construct that was not turned yet.
    fn inside(&self, from: &[Ref], stop: &dyn Fn(Ref) -> bool) -> Option<BTreeSet<usize>> {
        let mut found = BTreeSet::new();
        let mut next: Vec<Ref> = from.iter().map(|r| self.now(*r)).collect();
        while let Some(at) = next.pop() {
            let Ref::Node(node, _) = at else { continue };
            if stop(at) || !found.insert(node) {
                continue;
            }
            if self.kind(node) != Kind::Other {
                return None;
            }
            next.extend(self.inputs.get(node)?.iter().map(|r| self.now(*r)));
        }
        Some(found)
    }

    fn text(&self, at: Ref, arguments: &HashMap<Ref, usize>) -> String {
        let at = self.now(at);
        match (arguments.get(&at), at) {
            (Some(i), _) => argument(*i),
            (None, Ref::Node(node, output)) => format!("{}:{output}", self.name(node)),
            (None, Ref::Arg(i)) => self.body.args.get(i).cloned().unwrap_or_default(),
        }
    }

    /// A function of some nodes.
    fn function(
        &self,
        name: String,
        nodes: &BTreeSet<usize>,
        arguments: (usize, &HashMap<Ref, usize>),
        results: &[Ref],
    ) -> Result<Body> {
        let (count, arguments) = arguments;
        let mut inside = Vec::with_capacity(nodes.len());
        for at in nodes {
            let mut node = self.body.node(*at)?.clone();
            node.input = self.inputs.get(*at).into_iter().flatten().map(|r| self.text(*r, arguments)).collect();
            inside.push(node);
        }
        let result = |(i, r): (usize, &Ref)| Returned { name: format!("out{i}"), tensor: self.text(*r, arguments) };
        let results = results.iter().enumerate().map(result).collect();
        Body::made(name, inside, (0..count).map(argument).collect(), results)
    }

    /// Adds a node of a functional op.
    fn add(&mut self, name: &str, op: &str, functions: &[(&str, &str)], inputs: Vec<Ref>) -> usize {
        let function = |name: &str| {
            let list = NameAttrList { name: name.to_owned(), attr: Default::default() };
            AttrValue { value: Some(Value::Func(list.encode_to_vec().into())) }
        };
        let mut unique = name.to_owned();
        while self.body.find(&unique).is_some() {
            unique.push('_');
        }
        let attr = functions.iter().map(|(key, name)| ((*key).to_owned(), function(name))).collect();
        let node = NodeDef { name: unique, op: op.to_owned(), input: Vec::new(), attr };
        self.inputs.push(inputs);
        self.control.push(Vec::new());
        let at = self.body.push(node);
        self.consumed.insert(at);
        at
    }

    fn finish(mut self, library: &Library) -> Result<Body> {
        let none = HashMap::new();
        for at in 0..self.body.nodes.len() {
            let inputs: Vec<_> = self.inputs.get(at).into_iter().flatten().map(|r| self.text(*r, &none)).collect();
            let node = self.body.nodes.get_mut(at).ok_or_else(|| damaged("a node is gone"))?;
            // Arguments of the function keep their names; they have no number behind them.
            node.input = inputs;
        }
        let results: Vec<Returned> = self.body.results.clone();
        let resolved = results.into_iter().map(|r| {
            let tensor = match self.body.resolve(library, &r.tensor, &r.name) {
                Ok(at) => self.text(at, &none),
                Err(_) => r.tensor,
            };
            Returned { name: r.name, tensor }
        });
        self.body.results = resolved.collect();
        self.body.consumed = std::mem::take(&mut self.consumed);
        self.body.renamed = self
            .replaced
            .keys()
            .filter_map(|from| match (*from, self.now(*from)) {
                (Ref::Node(a, i), Ref::Node(b, j)) => Some(((a, i), (b, j))),
                _ => None,
            })
            .collect();
        Ok(self.body)
    }
}

fn argument(i: usize) -> String {
    format!("{MADE}{i}")
}

fn wrong(message: &str, node: &str) -> Box<modelport_diag::Diagnostic> {
    graph_error(message, node)
}
