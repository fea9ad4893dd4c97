//! Ragged tensors in variants, as `map_fn` hands their rows to a loop: each row is told by its number, and the tensor that it
//! is of goes beside it (`core/kernels/ragged_tensor_to_variant_op.cc` and `…_from_variant_op.cc`, 2.21).
//!
//! Owns: which values are numbers of rows, and of which ragged tensor. Must never know: how rows are cut out.

use super::body::graph_error;
use super::node::one;
use super::{Emitter, Item, Place, Results, join};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, DType, Dialect, SourceOp, Tensor, ValueId};
use modelport_proto::tensorflow::NodeDef;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What stands behind a value that is a variant in the file.
#[derive(Clone, Debug)]
pub(super) struct Ragged {
    /// Row splits from the outermost on, and the values; nothing when it is not known.
    pub(super) parts: Rc<[ValueId]>,
    /// Whether the value is all of it, not numbers of rows.
    whole: bool,
}

impl Ragged {
    /// The same of a tensor that has other parts.
    pub(super) fn of(&self, parts: Vec<ValueId>) -> Self {
        Self { parts: parts.into(), whole: self.whole }
    }

    /// One whose tensor is not known.
    pub(super) fn unknown() -> Self {
        Self { parts: Rc::from([]), whole: false }
    }
}

/// Ops whose first operand may be numbers of rows, which the result is then too.
const MOVES: &[&str] =
    &["GatherV2", "StridedSlice", "TensorListFromTensor", "TensorListGather", "TensorListGetItem", "TensorListStack"];
/// Ops that ask how many there are.
const COUNTS: &[&str] = &["Shape", "Size", "TensorListLength"];

impl Emitter<'_> {
    /// Rows of the tensor as their numbers; a tensor that is not taken apart is a variant of its own.
    pub(super) fn put_in_variant(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let parts: Option<Rc<[ValueId]>> = inputs.iter().map(Item::value).collect();
        let Some((parts, &first)) = parts.as_ref().and_then(|p| Some((p.clone(), p.first()?))) else {
            return self.op(node, &node.op, inputs, used, place);
        };
        let path = join(&place.prefix, &node.name);
        let whole = !self.flag(node, "batched_input", place);
        let zero = self.add_const(&format!("{path}/zero"), Tensor::int_scalar(0));
        let rows = if whole {
            zero
        } else {
            let one = self.add_const(&format!("{path}/one"), Tensor::int_scalar(1));
            let all = self.plain(&path, "Shape", &[first], &[("out_type", Attr::DType(DType::I64))]);
            let mut count = self.plain(&path, "GatherV2", &[all, zero, zero], &[]);
            if parts.len() > 1 {
                // Splits are one more than the rows.
                count = self.plain(&path, "Sub", &[count, one], &[]);
            }
            self.plain(&path, "Range", &[zero, count, one], &[])
        };
        self.ragged.insert(rows, Ragged { parts, whole });
        Ok(super::node::one(Item::Value(rows)))
    }

    /// The row or rows with these numbers.
    pub(super) fn taken_from_variant(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let found = match inputs.as_slice() {
            &[Item::Value(at)] => self.ragged.get(&at).filter(|r| !r.parts.is_empty()).map(|r| (at, r.clone())),
            _ => None,
        };
        let Some((at, Ragged { parts, whole })) = found else {
            return self.op(node, &node.op, inputs, used, place);
        };
        let count = super::body::result_count(node).unwrap_or(1);
        if whole && count == parts.len() {
            return Ok(parts.iter().map(|v| Item::Value(*v)).enumerate().collect());
        }
        let path = join(&place.prefix, &node.name);
        match &*parts {
            _ if whole => Err(graph_error("a ragged tensor has another rank than it is read with", &node.name)),
            &[values] => {
                let first = self.add_const(&format!("{path}/axis"), Tensor::int_scalar(0));
                Ok(one(Item::Value(self.plain(&path, "GatherV2", &[values, at, first], &[]))))
            }
            parts => {
                let mut op = SourceOp::new(Dialect::TensorFlow, "RaggedGather");
                let splits = super::attrs::attrs(&self.parts().file, node, &place.bound)?.remove("Tsplits");
                op.attrs.extend(splits.map(|t| ("Tsplits".to_owned(), t)));
                for (name, n) in [("PARAMS_RAGGED_RANK", parts.len()), ("OUTPUT_RAGGED_RANK", count)] {
                    op.attrs.insert(name.to_owned(), Attr::Int(n.saturating_sub(1) as i64));
                }
                let operands = parts.iter().copied().chain([at]).map(Some).collect();
                let path = self.unique(&path);
                let result = |i: usize| (if i == 0 { path.clone() } else { format!("{path}:{i}") }, None);
                let values = self.graph.add_node(op, operands, path.clone(), (0..count).map(result).collect());
                Ok(values.into_iter().map(Item::Value).enumerate().collect())
            }
        }
    }

    /// What the result of an op is, of which an operand may stand for a variant.
    ///
    /// # Errors
    /// When the op would take numbers of rows for something else.
    pub(super) fn carried_on(&self, node: &NodeDef, op: &str, operands: &[Option<ValueId>]) -> Result<Option<Ragged>> {
        let mut ragged = operands.iter().enumerate().filter_map(|(i, v)| Some((i, self.ragged.get(&(*v)?)?)));
        match ragged.next() {
            None => Ok(None),
            Some((0, r)) if ragged.next().is_none() && !r.whole && MOVES.contains(&op) => Ok(Some(r.clone())),
            Some((0, r)) if ragged.next().is_none() && !r.whole && COUNTS.contains(&op) => Ok(None),
            _ => Err(unresolved(&node.name).found(format!("`{op}`"))),
        }
    }
}

/// The diagnostic of a variant that goes where its content cannot be followed.
pub(super) fn unresolved(node: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_OPERANDS, "a ragged tensor in a variant is put where a model cannot follow it")
        .at_node(node)
        .expected("rows that are read in a loop, as `tf.map_fn` does")
        .help("let the loop give dense tensors (`fn_output_signature`), or cut the graph there with `--inputs`")
}
