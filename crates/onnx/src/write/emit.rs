//! From a legal core graph to encoded nodes and a list of initializers. Names are made unique here.

use super::attributes;
use super::node::NodeOut;
use crate::code;
use crate::names::Names;
use crate::operator::operator;
use crate::wire::Message;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Core, CoreGraph, DType, Def, Dim, Node, Op, Tensor, TensorType, ValueId};
use std::collections::{BTreeSet, HashMap};

/// A tensor of the model and its name.
#[derive(Debug)]
pub(super) struct Weight {
    pub(super) name: String,
    pub(super) tensor: Tensor,
}

/// What finds equal constants: type, shape, and where they stand, or their bytes when they are short.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(DType, Vec<usize>, Option<(String, u64)>, Vec<u8>);

/// Everything that the graphs of one model share.
#[derive(Debug)]
pub(super) struct Emitter {
    pub(super) opset: i64,
    pub(super) weights: Vec<Weight>,
    pub(super) nodes: usize,
    pub(super) domains: BTreeSet<String>,
    names: Names,
    node_names: Names,
    found: HashMap<Key, Vec<usize>>,
}

/// A graph that is being written, and the names of its values.
pub(super) struct Scope<'g> {
    graph: &'g CoreGraph,
    names: HashMap<ValueId, String>,
    used: Vec<usize>,
    nodes: Message,
}

/// A node that is being written.
pub(super) struct Ctx<'c, 'g> {
    pub(super) emitter: &'c mut Emitter,
    pub(super) graph: &'g CoreGraph,
    pub(super) node: &'g Node<Core>,
    pub(super) name: String,
}

/// Constants up to this many bytes are found equal by content.
const SHORT: usize = 1024;

impl Emitter {
    pub(super) fn new(opset: i64) -> Self {
        Self {
            opset,
            weights: Vec::new(),
            nodes: 0,
            domains: BTreeSet::new(),
            names: Names::default(),
            node_names: Names::default(),
            found: HashMap::new(),
        }
    }

    /// The initializer that holds `tensor`, made when there is none.
    pub(super) fn constant(&mut self, hint: &str, tensor: &Tensor) -> Result<String> {
        let place = tensor.file_range().map(|r| (r.file().name().to_owned(), r.offset()));
        let short = place.is_none() && tensor.byte_len() <= SHORT && tensor.strings().is_none();
        let bytes = if short { tensor.bytes()?.to_vec() } else { Vec::new() };
        let bucket = self.found.entry(Key(tensor.dtype(), tensor.shape().to_vec(), place, bytes)).or_default();
        let same = |&&i: &&usize| short || self.weights.get(i).is_some_and(|w| w.tensor == *tensor);
        if let Some(weight) = bucket.iter().find(same).and_then(|&i| self.weights.get(i)) {
            return Ok(weight.name.clone());
        }
        bucket.push(self.weights.len());
        let name = self.names.unique(if hint.is_empty() { "constant" } else { hint });
        self.weights.push(Weight { name: name.clone(), tensor: tensor.clone() });
        Ok(name)
    }

    /// Encodes `graph` without initializers. `captured` names the inputs that come from the graph around it.
    pub(super) fn graph(&mut self, graph: &CoreGraph, captured: &[Option<String>]) -> Result<Message> {
        let mut scope = Scope { graph, names: HashMap::new(), used: graph.use_counts(), nodes: Message::default() };
        let mut head = Message::default();
        for (i, &id) in graph.inputs().iter().enumerate() {
            let outer = captured.get(i).cloned().flatten();
            let name = outer.clone().unwrap_or_else(|| self.names.unique(&graph.value(id).name));
            if outer.is_none() {
                head.message(11, &value_info(&name, graph.ty(id)));
            }
            scope.names.insert(id, name);
        }
        let outputs = self.name_outputs(&mut scope);
        self.name_values(&mut scope);
        for node in graph.nodes() {
            self.node(&mut scope, node).map_err(|d| d.at_node(node.name.clone()))?;
        }
        for (output, name) in graph.outputs().iter().zip(&outputs) {
            let value = self.value(&mut scope, output.value)?;
            if value != *name {
                self.identity(&mut scope, value, name);
            }
            head.message(12, &value_info(name, graph.ty(output.value)));
        }
        let mut m = scope.nodes;
        m.text(2, if graph.name.is_empty() { "model" } else { &graph.name });
        m.append(&head);
        Ok(m)
    }

    /// Outputs have their names before anything else: the value takes it that is a node's and has none yet.
    fn name_outputs(&mut self, scope: &mut Scope<'_>) -> Vec<String> {
        let mut out = Vec::new();
        for output in scope.graph.outputs() {
            let name = self.names.unique(&output.name);
            if matches!(scope.graph.value(output.value).def, Def::Node(..)) {
                scope.names.entry(output.value).or_insert_with(|| name.clone());
            }
            out.push(name);
        }
        out
    }

    /// The last value with a name keeps it; those before get the operator's name behind it.
    fn name_values(&mut self, scope: &mut Scope<'_>) {
        let mut last: HashMap<&str, ValueId> = HashMap::new();
        for node in scope.graph.nodes() {
            for &id in node.outputs.iter().rev() {
                last.insert(&scope.graph.value(id).name, id);
            }
        }
        for (base, id) in scope.graph.nodes().iter().flat_map(|n| &n.outputs).filter_map(|id| {
            let base = scope.graph.value(*id).name.as_str();
            (last.get(base) == Some(id) && !base.is_empty()).then_some((base, *id))
        }) {
            scope.names.entry(id).or_insert_with(|| self.names.unique(base));
        }
        for node in scope.graph.nodes() {
            for &id in &node.outputs {
                let base = scope.graph.value(id).name.as_str();
                let base = if base.is_empty() { &node.name } else { base };
                let name =
                    || if base.is_empty() { node.op.name().to_owned() } else { format!("{base}/{}", node.op.name()) };
                scope.names.entry(id).or_insert_with(|| self.names.unique(&name()));
            }
        }
    }

    /// The name of a value; a constant becomes an initializer when it is first used.
    fn value(&mut self, scope: &mut Scope<'_>, id: ValueId) -> Result<String> {
        if let Some(name) = scope.names.get(&id) {
            return Ok(name.clone());
        }
        let value = scope.graph.value(id);
        let Def::Const(tensor) = &value.def else {
            return Err(Diagnostic::error(
                Code::INTERNAL,
                format!("value `{}` is used before it is defined", value.name),
            ));
        };
        let name = self.constant(&value.name, tensor)?;
        scope.names.insert(id, name.clone());
        Ok(name)
    }

    fn identity(&mut self, scope: &mut Scope<'_>, from: String, to: &str) {
        let node =
            NodeOut { op_type: "Identity".into(), inputs: vec![from], outputs: vec![to.into()], ..NodeOut::default() };
        let name = self.node_names.unique(to);
        scope.nodes.message(1, &node.encode(&name));
        self.nodes += 1;
    }

    fn node<'g>(&mut self, scope: &mut Scope<'g>, node: &'g Node<Core>) -> Result<()> {
        let mut out = NodeOut { op_type: operator(&node.op).to_owned(), ..NodeOut::default() };
        for input in &node.inputs {
            out.inputs.push(input.map_or_else(|| Ok(String::new()), |id| self.value(scope, id))?);
        }
        let optional = matches!(
            node.op,
            Op::Lstm { .. } | Op::Gru { .. } | Op::Rnn { .. } | Op::MaxPoolWithIndex { .. } | Op::Unique { .. }
        );
        for (i, id) in node.outputs.iter().enumerate() {
            let first = i == 0 && matches!(node.op, Op::MaxPoolWithIndex { .. } | Op::Unique { .. });
            let dropped = optional && !first && scope.used.get(id.0 as usize).is_none_or(|n| *n == 0);
            let name = if dropped { None } else { scope.names.get(id).cloned() };
            out.outputs.push(name.unwrap_or_default());
        }
        let base = if node.name.is_empty() { &out.op_type } else { &node.name };
        let name = self.node_names.unique(base);
        let mut ctx = Ctx { emitter: self, graph: scope.graph, node, name: name.clone() };
        attributes::fill(&mut ctx, &mut out)?;
        scope.nodes.message(1, &out.encode(&name));
        self.nodes += 1;
        Ok(())
    }
}

impl Ctx<'_, '_> {
    pub(super) fn opset(&self) -> i64 {
        self.emitter.opset
    }

    /// The type of operand `i`.
    pub(super) fn ty(&self, i: usize) -> Option<&TensorType> {
        self.node.inputs.get(i).copied().flatten().map(|id| self.graph.ty(id))
    }

    /// The rank of the first operand.
    pub(super) fn rank(&self) -> usize {
        self.ty(0).map_or(0, TensorType::rank)
    }

    /// An i64 vector as an initializer.
    pub(super) fn ints(&mut self, what: &str, values: &[i64]) -> Result<String> {
        self.tensor(what, &Tensor::ints(values))
    }

    /// A tensor as an initializer, named after the node and what it is there.
    pub(super) fn tensor(&mut self, what: &str, tensor: &Tensor) -> Result<String> {
        let hint = format!("{}/{what}", self.name);
        self.emitter.constant(&hint, tensor)
    }
}

/// A `ValueInfoProto` of a tensor.
fn value_info(name: &str, ty: &TensorType) -> Message {
    let mut shape = Message::default();
    for dim in &ty.shape {
        let mut d = Message::default();
        match dim {
            Dim::Known(n) => d.int(1, *n as i64),
            Dim::Symbol(s) => d.text(2, s),
            Dim::Unknown => {}
        }
        shape.message(1, &d);
    }
    let mut tensor = Message::default();
    tensor.int(1, code::of(ty.dtype));
    tensor.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut info = Message::default();
    info.text(1, name);
    info.message(2, &kind);
    info
}
