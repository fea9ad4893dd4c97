//! The graph container of both stages: values in an arena, nodes in topological order, each value defined once.

use crate::{Op, SourceOp, Tensor, TensorType};
use modelport_diag::{Code, Diagnostic, Result};
use std::collections::BTreeMap;
use std::fmt;

/// A stage of the pipeline: which ops a graph may hold, and what is known about its values.
pub trait Stage: Clone + fmt::Debug + PartialEq {
    /// The ops of this stage.
    type Op: Clone + fmt::Debug + PartialEq;
    /// What is known about a value: nothing is certain in a source graph, everything is typed in a core graph.
    type Type: Clone + fmt::Debug + PartialEq;
}

/// The framework's own ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source;

/// The closed set of core ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core;

impl Stage for Source {
    type Op = SourceOp;
    type Type = Option<TensorType>;
}

impl Stage for Core {
    type Op = Op;
    type Type = TensorType;
}

/// A graph of a framework's ops.
pub type SourceGraph = Graph<Source>;
/// A graph of core ops.
pub type CoreGraph = Graph<Core>;

/// Index of a value in its graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ValueId(pub u32);

/// Index of a node in its graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

impl ValueId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Def {
    /// A graph input.
    Input,
    /// A constant: weights stay lazy.
    Const(Tensor),
    /// Output number `.1` of node `.0`.
    Node(NodeId, usize),
}

/// A value: name, type, definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Value<S: Stage> {
    /// The model's name for it; unique where the writer needs it (writers make names unique).
    pub name: String,
    /// What is known about it.
    pub ty: S::Type,
    /// Where it comes from.
    pub def: Def,
}

/// An op applied to values. An absent optional input is `None`, never an empty name.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<S: Stage> {
    /// The op.
    pub op: S::Op,
    /// Operands.
    pub inputs: Vec<Option<ValueId>>,
    /// Results, all defined by this node.
    pub outputs: Vec<ValueId>,
    /// Path of the layer or node in the source model: `block1/conv`. Used in diagnostics and as the node's name.
    pub name: String,
}

/// A named graph output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The name that the model gives it.
    pub name: String,
    /// The value.
    pub value: ValueId,
}

/// Who wrote the model, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Provenance {
    /// `keras`, `tf.keras`, `tensorflow`, `torch`, `onnx`.
    pub framework: String,
    /// Version of that framework, where the file says so: `2.15.0`.
    pub version: Option<String>,
    /// What the file is: `Keras HDF5 model`, `Keras v3 archive (.keras)`.
    pub format: String,
    /// What in the file says so, for `inspect`: `root attribute keras_version`.
    pub evidence: Vec<String>,
    /// Anything more that the file says about its origin: backend, date saved.
    pub details: BTreeMap<String, String>,
}

/// Nodes in topological order over an arena of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph<S: Stage> {
    /// The model's name.
    pub name: String,
    /// Who wrote it.
    pub provenance: Provenance,
    pub(crate) values: Vec<Value<S>>,
    pub(crate) nodes: Vec<Node<S>>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) outputs: Vec<Output>,
}

impl<S: Stage> Graph<S> {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            provenance: Provenance::default(),
            values: Vec::new(),
            nodes: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn add_value(&mut self, name: impl Into<String>, ty: S::Type, def: Def) -> ValueId {
        let id = ValueId(self.values.len() as u32);
        self.values.push(Value { name: name.into(), ty, def });
        id
    }

    /// Adds a graph input.
    pub fn add_input(&mut self, name: impl Into<String>, ty: S::Type) -> ValueId {
        let id = self.add_value(name, ty, Def::Input);
        self.inputs.push(id);
        id
    }

    /// Adds a constant; core graphs take its type from the tensor with [`Graph::<Core>::add_const`].
    pub fn add_typed_const(&mut self, name: impl Into<String>, ty: S::Type, tensor: Tensor) -> ValueId {
        self.add_value(name, ty, Def::Const(tensor))
    }

    /// Appends a node whose results have the types `tys`; core graphs should be built with [`crate::Builder`],
    /// which infers them.
    pub fn add_node(
        &mut self,
        op: S::Op,
        inputs: Vec<Option<ValueId>>,
        name: impl Into<String>,
        results: Vec<(String, S::Type)>,
    ) -> Vec<ValueId> {
        let node = NodeId(self.nodes.len() as u32);
        let outputs: Vec<_> =
            results.into_iter().enumerate().map(|(i, (n, ty))| self.add_value(n, ty, Def::Node(node, i))).collect();
        self.nodes.push(Node { op, inputs, outputs: outputs.clone(), name: name.into() });
        outputs
    }

    /// Names a value as a graph output.
    pub fn add_output(&mut self, name: impl Into<String>, value: ValueId) {
        self.outputs.push(Output { name: name.into(), value });
    }

    /// Forgets all outputs.
    pub fn clear_outputs(&mut self) {
        self.outputs.clear();
    }

    /// A value. Ids come from this graph, so they exist.
    pub fn value(&self, id: ValueId) -> &Value<S> {
        &self.values[id.index()]
    }

    /// Renames a value.
    pub fn set_name(&mut self, id: ValueId, name: impl Into<String>) {
        self.values[id.index()].name = name.into();
    }

    /// Says what is known of a value's type.
    pub fn set_type(&mut self, id: ValueId, ty: S::Type) {
        self.values[id.index()].ty = ty;
    }

    /// The type of a value.
    pub fn ty(&self, id: ValueId) -> &S::Type {
        &self.value(id).ty
    }

    /// The tensor of a constant.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        match &self.value(id).def {
            Def::Const(t) => Some(t),
            _ => None,
        }
    }

    /// Gives a constant other elements of the same type.
    ///
    /// # Errors
    /// `IR0004` when it is no constant, or dtype or shape would change.
    pub fn set_constant(&mut self, id: ValueId, tensor: Tensor) -> Result<()> {
        let value = &mut self.values[id.index()];
        match &mut value.def {
            Def::Const(old) if old.dtype() == tensor.dtype() && old.shape() == tensor.shape() => {
                *old = tensor;
                Ok(())
            }
            _ => Err(Diagnostic::error(Code::IR_TENSOR, format!("`{}` cannot be given other elements", value.name))
                .found(tensor.ty().to_string())),
        }
    }

    /// The node that defines a value.
    pub fn producer(&self, id: ValueId) -> Option<&Node<S>> {
        match self.value(id).def {
            Def::Node(n, _) => Some(&self.nodes[n.index()]),
            _ => None,
        }
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node<S> {
        &self.nodes[id.index()]
    }

    /// The op of a node, to be rewritten in place: the node keeps its operands, results and name.
    pub fn op_mut(&mut self, id: NodeId) -> &mut S::Op {
        &mut self.nodes[id.index()].op
    }

    /// The ids of all nodes, in order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<S> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// All nodes, each after those that it depends on.
    pub fn nodes(&self) -> &[Node<S>] {
        &self.nodes
    }

    /// All values with their ids.
    pub fn values(&self) -> impl Iterator<Item = (ValueId, &Value<S>)> {
        self.values.iter().enumerate().map(|(i, v)| (ValueId(i as u32), v))
    }

    /// Graph inputs in order.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// Graph outputs in order.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// How often each value is used by nodes and outputs, by value index.
    pub fn use_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.values.len()];
        let used = self.nodes.iter().flat_map(|n| n.inputs.iter().flatten().copied());
        for id in used.chain(self.outputs.iter().map(|o| o.value)) {
            counts[id.index()] += 1;
        }
        counts
    }
}

impl Graph<Core> {
    /// Adds a constant with the tensor's own type.
    pub fn add_const(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        let ty = tensor.ty();
        self.add_typed_const(name, ty, tensor)
    }
}
