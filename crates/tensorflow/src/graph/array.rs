//! Tensor arrays of TF1 as tensor lists: the flow, which TF1 passes from op to op to order them, becomes the list itself, and
//! the handle nothing (core/ops/data_flow_ops.cc and list_ops.cc, 2.21).
//!
//! Owns: that translation. Must never know: what lists are lowered to.

use super::attrs::bound;
use super::node::one;
use super::{Emitter, Handle, Item, Place, Results, join};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use modelport_proto::tensorflow::attr_value::Value;
use modelport_proto::tensorflow::{AttrValue, NodeDef, TensorShapeProto};
use prost::Message;
use std::collections::BTreeSet;
use std::rc::Rc;

impl Emitter<'_> {
    /// A new array: its handle, and an empty list of its size.
    pub(super) fn tensor_array(&mut self, node: &NodeDef, inputs: Vec<Item>, place: &Place) -> Result<Results> {
        let shape = self.element_shape(node, place);
        let mut reserve = node.clone();
        if let Some(dtype) = node.attr.get("dtype") {
            reserve.attr.insert("element_dtype".to_owned(), dtype.clone());
        }
        let mut operands = vec![shape];
        operands.extend(inputs);
        let list = self.op(&reserve, "TensorListReserve", operands, &BTreeSet::from([0]), place)?;
        let handle =
            Handle { op: node.op.clone(), node: node.name.clone(), main: false, shared_name: node.name.clone() };
        let mut results = one(Item::Handle(Rc::new(handle)));
        results.extend(list.into_values().next().map(|list| (1, list)));
        Ok(results)
    }

    /// An op on an array: the same op on the list.
    pub(super) fn tensor_array_op(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let base = node.op.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('V');
        let mut node = node.clone();
        for key in ["dtype", "T"] {
            if let Some(dtype) = node.attr.get(key).cloned() {
                node.attr.insert("element_dtype".to_owned(), dtype);
            }
        }
        let mut items: Vec<Item> = inputs.into_iter().skip(1).collect();
        let list = items.pop().ok_or_else(|| super::body::graph_error("an op on an array has no flow", &node.name))?;
        let mut operands = vec![list];
        let name = match (base, items.len()) {
            ("TensorArrayWrite", 2) => "TensorListSetItem",
            ("TensorArrayRead", 1) => "TensorListGetItem",
            ("TensorArrayGather" | "TensorArrayPack", _) => "TensorListGather",
            ("TensorArrayScatter" | "TensorArrayUnpack", 2) => "TensorListScatterIntoExistingList",
            ("TensorArraySize", 0) => "TensorListLength",
            ("TensorArrayClose", _) => return Ok(Results::new()),
            _ => {
                let message = format!("`{}`: there is no list op that does the same", node.op);
                return Err(Diagnostic::error(Code::TF_GRAPH, message).at_node(node.name.clone()));
            }
        };
        if name == "TensorListScatterIntoExistingList" {
            items.reverse();
        }
        operands.extend(items);
        if matches!(name, "TensorListGetItem" | "TensorListGather") {
            operands.push(self.element_shape(&node, place));
        }
        self.op(&node, name, operands, used, place)
    }

    /// The shape of an element as an operand; -1 without axes when nothing is known of it.
    fn element_shape(&mut self, node: &NodeDef, place: &Place) -> Item {
        let attr = ["element_shape", "element_shape_except0"].iter().find_map(|k| node.attr.get(*k));
        let shape = match attr.and_then(|a: &AttrValue| bound(a, &place.bound)) {
            Some(Value::Shape(bytes)) => TensorShapeProto::decode(bytes.clone()).ok(),
            _ => None,
        };
        let tensor = match shape.filter(|s| !s.unknown_rank) {
            Some(shape) => Tensor::ints(&shape.dim.iter().map(|d| d.size).collect::<Vec<_>>()),
            None => Tensor::int_scalar(-1),
        };
        Item::Value(self.add_const(&join(&place.prefix, &format!("{}/element_shape", node.name)), tensor))
    }
}
