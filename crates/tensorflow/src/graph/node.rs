//! One node: a constant, a variable that is read, a call, or an op of the source graph.
//!
//! Owns: which ops are plumbing between the values of a graph. Must never know: what the others compute.

use super::attrs::{attrs, bound};
use super::body::{graph_error, result_count};
use super::interface::number_of;
use super::seeds::is_of_generator;
use super::v1::MADE;
use super::{Emitter, Handle, Item, Place, Results, is_mutable_table, join};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, DType, Dialect, SourceOp, Tensor, ValueId};
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Ops that hand on their inputs one by one and do nothing else when a model is used.
const FORWARDS: &[&str] = &[
    "CheckNumerics",
    "CheckNumericsV2",
    "IdentityN",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Print",
    "RefIdentity",
    "Snapshot",
    "_EagerConst",
    "_Retval",
];

/// Ops whose random numbers are a function of a seed, beside `StatelessRandom…`.
const SEEDED: &[&str] = &["StatelessMultinomial", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2"];

impl Emitter<'_> {
    /// Puts one node into the graph. `used` are the numbers of its outputs that somebody takes.
    pub(super) fn node(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let library = &self.parts().library;
        match node.op.as_str() {
            "Const" | "HostConst" => self.constant(node, place),
            "VarHandleOp" | "VarIsInitializedOp" => Ok(self.handle(node, place)),
            "VariableV2" | "Variable" | "AutoReloadVariable" => {
                let handle = self.make_handle(node, place);
                Ok(one(Item::Value(self.variable(&handle)?)))
            }
            "ReadVariableOp" => Ok(one(self.first_value(node, &inputs)?)),
            "ResourceGather" => self.resource_gather(node, inputs, place),
            "ResourceGatherNd" => {
                let params = self.first_value(node, &inputs)?;
                let inputs = std::iter::once(params).chain(inputs.into_iter().skip(1)).collect();
                self.op(node, "GatherNd", inputs, used, place)
            }
            "PartitionedCall" | "StatefulPartitionedCall" | "RemoteCall" => self.call_attr(node, inputs, used, place),
            "If" | "StatelessIf" | "_If" | "While" | "StatelessWhile" | "_While" | "Case" | "StatelessCase" => {
                self.control(node, inputs, used, place)
            }
            _ if is_mutable_table(node) => Ok(self.handle(node, place)),
            "LookupTableExport" | "LookupTableExportV2" => self.export(node, inputs, used, place),
            "LookupTableSize" | "LookupTableSizeV2" => self.table_size(node, inputs, used, place),
            op if op.starts_with("StringToHashBucket") => self.bucket(node, inputs, used, place),
            "LookupTableFind" | "LookupTableFindV2" => self.look_up(node, inputs, used, place),
            op if is_of_generator(op) => self.of_generator(node, inputs, used, place),
            "RngReadAndSkip" => Ok(self.generator(node, place)),
            op if op.starts_with("StatelessRandom") || SEEDED.contains(&op) => {
                self.stateless(node, inputs, used, place)
            }
            "RaggedTensorToVariant" => self.put_in_variant(node, inputs, used, place),
            "RaggedTensorFromVariant" => self.taken_from_variant(node, inputs, used, place),
            "Assign" => Ok(inputs.into_iter().nth(1).map(one).unwrap_or_default()),
            "Placeholder" | "PlaceholderV2" => self.placeholder(node),
            op if FORWARDS.contains(&op) => Ok(inputs.into_iter().enumerate().collect()),
            op if library.has(op) => self.call(node, op, inputs, used, place),
            "Identity"
                if self.is_fixed(inputs.first()) || inputs.first().is_some_and(|i| self.variant(i).is_some()) =>
            {
                Ok(inputs.into_iter().enumerate().collect())
            }
            op @ ("Mul" | "Select" | "SelectV2") => match super::dropout::kept(&self.graph, op, &inputs) {
                Some(kept) => {
                    self.forwarded = true;
                    Ok(kept)
                }
                None => self.op(node, op, inputs, used, place),
            },
            "LogicalNot" | "LogicalAnd" | "LogicalOr" => self.logic(node, inputs, used, place),
            "TensorArrayV3" | "TensorArrayV2" | "TensorArray" => self.tensor_array(node, inputs, place),
            op if op.starts_with("TensorArray") => self.tensor_array_op(node, inputs, used, place),
            op if is_resource(node, used) => {
                let _ = op;
                Ok(self.handle(node, place))
            }
            op => self.op(node, op, inputs, used, place),
        }
    }

    /// Whether something is known when the model is converted: a constant or a resource.
    fn is_fixed(&self, item: Option<&Item>) -> bool {
        match item {
            Some(Item::Handle(_)) => true,
            Some(Item::Value(value)) => self.graph.constant(*value).is_some(),
            None => false,
        }
    }

    /// The truth value of a constant.
    pub(super) fn truth(&self, item: Option<&Item>) -> Option<bool> {
        let Some(Item::Value(value)) = item else { return None };
        let tensor = self.graph.constant(*value).filter(|t| t.dtype() == DType::Bool && t.len() == 1)?;
        tensor.to_i64s().ok()?.first().map(|v| *v != 0)
    }

    /// Switches between training and use are combined; their result is a constant too.
    fn logic(&mut self, node: &NodeDef, inputs: Vec<Item>, used: &BTreeSet<usize>, place: &Place) -> Result<Results> {
        let (a, b) = (self.truth(inputs.first()), self.truth(inputs.get(1)));
        let value = match (node.op.as_str(), a, b) {
            ("LogicalNot", Some(a), _) => Some(!a),
            ("LogicalAnd", Some(a), Some(b)) => Some(a && b),
            ("LogicalOr", Some(a), Some(b)) => Some(a || b),
            _ => None,
        };
        let Some(value) = value else { return self.op(node, &node.op, inputs, used, place) };
        let tensor = Tensor::scalar(DType::Bool, f64::from(u8::from(value)));
        Ok(one(Item::Value(self.add_const(&join(&place.prefix, &node.name), tensor))))
    }

    /// A truth value among the attributes.
    pub(super) fn flag(&self, node: &NodeDef, name: &str, place: &Place) -> bool {
        matches!(node.attr.get(name).and_then(|v| bound(v, &place.bound)), Some(Value::B(true)))
    }

    fn constant(&mut self, node: &NodeDef, place: &Place) -> Result<Results> {
        let value = node.attr.get("value").and_then(|v| bound(v, &place.bound));
        let Some(Value::Tensor(bytes)) = value else {
            return Err(graph_error("a constant has no value", &node.name));
        };
        let tensor = crate::tensor_proto::tensor(&self.parts().file, bytes);
        let tensor = tensor.map_err(|d| d.at_node(node.name.clone()).at_attribute("value"))?;
        Ok(one(Item::Value(self.add_const(&join(&place.prefix, &node.name), tensor))))
    }

    pub(super) fn add_const(&mut self, name: &str, tensor: Tensor) -> ValueId {
        let name = self.unique(name);
        let ty = tensor.ty();
        self.graph.add_typed_const(name, Some(ty), tensor)
    }

    fn make_handle(&self, node: &NodeDef, place: &Place) -> Handle {
        let shared_name = match node.attr.get("shared_name").and_then(|v| bound(v, &place.bound)) {
            Some(Value::S(name)) if !name.is_empty() => String::from_utf8_lossy(name).into_owned(),
            _ => node.name.clone(),
        };
        Handle {
            op: node.op.clone(),
            node: node.name.clone(),
            main: place.calls.iter().all(|c| c.starts_with(MADE)),
            shared_name,
        }
    }

    fn handle(&mut self, node: &NodeDef, place: &Place) -> Results {
        one(Item::Handle(Rc::new(self.make_handle(node, place))))
    }

    /// The value of a variable, as a constant of this graph.
    fn variable(&mut self, handle: &Handle) -> Result<ValueId> {
        let variables = &self.parts().variables;
        let key = if handle.main { &handle.node } else { &handle.shared_name };
        if let Some(value) = self.read.get(key) {
            return Ok(*value);
        }
        let by_node = variables.by_node.get(&handle.node).filter(|_| handle.main);
        let Some(tensor) = by_node.or_else(|| variables.by_name.get(&handle.shared_name)) else {
            let message = format!("the variable `{}` has no value", handle.shared_name);
            let d = Diagnostic::error(Code::TF_VARIABLE, message).at_node(handle.node.clone());
            return Err(if variables.absent.is_empty() { d } else { d.help(variables.absent.clone()) });
        };
        let value = self.add_const(&handle.shared_name, tensor.clone());
        self.read.insert(key.clone(), value);
        Ok(value)
    }

    /// The first operand as a value; a variable is read.
    fn first_value(&mut self, node: &NodeDef, inputs: &[Item]) -> Result<Item> {
        match inputs.first() {
            Some(Item::Value(value)) => Ok(Item::Value(*value)),
            Some(Item::Handle(handle)) => Ok(Item::Value(self.variable(&handle.clone())?)),
            None => Err(graph_error("a variable is read, but none is given", &node.name)),
        }
    }

    /// Rows of a variable: GatherV2 along the first axis (core/kernels/resource_variable_ops.cc, 2.21).
    fn resource_gather(&mut self, node: &NodeDef, inputs: Vec<Item>, place: &Place) -> Result<Results> {
        let params = self.first_value(node, &inputs)?;
        let batch = match node.attr.get("batch_dims").and_then(|v| bound(v, &place.bound)) {
            Some(Value::I(n)) => *n,
            _ => 0,
        };
        let axis = self.add_const(&join(&place.prefix, &format!("{}/axis", node.name)), Tensor::int_scalar(batch));
        let inputs = [params].into_iter().chain(inputs.into_iter().skip(1)).chain([Item::Value(axis)]).collect();
        self.op(node, "GatherV2", inputs, &BTreeSet::from([0]), place)
    }

    /// An input that nobody gives: a switch between training and use is off, everything else is an error.
    fn placeholder(&mut self, node: &NodeDef) -> Result<Results> {
        if let Some(switch) = self.parts().switches.get(&node.name) {
            self.shared.notes.borrow_mut().insert(format!("`{}` is {}", node.name, switch.sentence));
            let dtype = crate::dtype::dtype(number_of(node)).unwrap_or(DType::Bool);
            let tensor = Tensor::scalar(dtype, switch.value);
            return Ok(one(Item::Value(self.add_const(&node.name, tensor))));
        }
        Err(Diagnostic::error(Code::TF_INTERFACE, "the outputs depend on a placeholder that is not among the inputs")
            .at_node(node.name.clone())
            .help(format!("name it among the inputs: --inputs {}", node.name)))
    }

    /// A node of the source graph.
    pub(super) fn op(
        &mut self,
        node: &NodeDef,
        name: &str,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let mut op = SourceOp::new(Dialect::TensorFlow, name);
        op.attrs = attrs(&self.parts().file, node, &place.bound)?;
        let mut operands = Vec::with_capacity(inputs.len());
        for item in inputs {
            operands.push(Some(match item {
                Item::Value(value) => value,
                Item::Handle(handle) => self.resource(&handle),
            }));
        }
        let ragged = self.carried_on(node, name, &operands)?;
        let most = used.last().map_or(1, |n| n + 1);
        let count = result_count(node).unwrap_or(most);
        if most > count.max(1) {
            return Err(graph_error("an output is taken that the node does not have", &node.name)
                .expected(format!("one of {count}"))
                .found(format!("number {most}")));
        }
        let path = self.unique(&join(&place.prefix, &node.name));
        let result = |i: usize| (if i == 0 { path.clone() } else { format!("{path}:{i}") }, None);
        let results = (0..count.max(1)).map(result).collect();
        let values = self.graph.add_node(op, operands, path.clone(), results);
        if let Some((ragged, first)) = ragged.zip(values.first()) {
            self.ragged.insert(*first, ragged);
        }
        Ok(values.into_iter().map(Item::Value).enumerate().collect())
    }

    /// A resource that goes into an op which is no plumbing: the node that makes it, for the diagnostic of the lowering.
    fn resource(&mut self, handle: &Handle) -> ValueId {
        if let Some(value) = self.read.get(&format!("resource {}", handle.node)) {
            return *value;
        }
        let mut op = SourceOp::new(Dialect::TensorFlow, handle.op.clone());
        op.attrs.insert("shared_name".to_owned(), Attr::Str(handle.shared_name.clone()));
        let path = self.unique(&handle.node);
        let values = self.graph.add_node(op, Vec::new(), path.clone(), vec![(path, None)]);
        let value = values.first().copied().unwrap_or(ValueId(0));
        self.read.insert(format!("resource {}", handle.node), value);
        value
    }
}

pub(super) fn one(item: Item) -> Results {
    Results::from([(0, item)])
}

/// Ops without inputs that make a resource: tables, iterators, queues.
fn is_resource(node: &NodeDef, used: &BTreeSet<usize>) -> bool {
    let makes = ["Table", "TableV2", "Handle", "HandleOp", "IteratorV2", "Queue", "QueueV2", "VarHandleOp"];
    used.len() <= 1 && node.input.iter().all(|i| i.starts_with('^')) && makes.iter().any(|m| node.op.ends_with(m))
}
