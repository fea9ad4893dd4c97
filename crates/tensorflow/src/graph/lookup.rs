//! Look-ups in tables of numbers or strings, in terms of other ops: each key is compared with all keys of the table.
//!
//! Owns: that translation. Must never know: where tables are filled.

use super::node::one;
use super::{Emitter, Item, Place, Results, Table, join};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, DType, Dialect, SourceOp, Tensor, ValueId};
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::BTreeSet;

/// Tables up to this size are compared with in full.
pub(crate) const MOST_KEYS: usize = 1 << 16;

impl Emitter<'_> {
    /// `LookupTableFind`: the value of each key, or the default. Tables without a content that is known stay what they are,
    /// for the lowering to refuse.
    pub(super) fn look_up(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let table = self.table(node, &inputs)?.filter(|t| t.keys.shape().first().is_some_and(|n| *n <= MOST_KEYS));
        let (Some(table), [_, Item::Value(key), Item::Value(default)]) = (table, inputs.as_slice()) else {
            return self.op(node, &node.op, inputs, used, place);
        };
        let path = join(&place.prefix, &node.name);
        let (vectors, rank) = (table.keys.rank() > 1, table.values.rank());
        let minus = self.add_const(&format!("{path}/axis"), Tensor::scalar(DType::I32, -1.0));
        let (mut hit, value) = if table.keys.is_empty() {
            // Nothing equals nothing.
            let differs = self.plain(&path, "NotEqual", &[*key, *key], &[]);
            (if vectors { self.plain(&path, "Any", &[differs, minus], &[]) } else { differs }, *default)
        } else {
            self.found(&path, *key, minus, table)
        };
        // A value may be more than a number.
        for _ in 1..rank {
            hit = self.plain(&path, "ExpandDims", &[hit, minus], &[]);
        }
        Ok(one(Item::Value(self.plain(&path, "SelectV2", &[hit, value, *default], &[]))))
    }

    /// Which keys the table has, and the values of those.
    fn found(&mut self, path: &str, key: ValueId, minus: ValueId, table: Table) -> (ValueId, ValueId) {
        let vectors = table.keys.rank() > 1;
        let first = self.add_const(&format!("{path}/first"), Tensor::scalar(DType::I32, 0.0));
        let keys = self.add_const(&format!("{path}/keys"), table.keys);
        let values = self.add_const(&format!("{path}/values"), table.values);
        let axis = if vectors { Tensor::scalar(DType::I32, -2.0) } else { Tensor::scalar(DType::I32, -1.0) };
        let axis = self.add_const(&format!("{path}/column"), axis);
        let column = self.plain(path, "ExpandDims", &[key, axis], &[]);
        let mut equal = self.plain(path, "Equal", &[column, keys], &[]);
        if vectors {
            equal = self.plain(path, "All", &[equal, minus], &[]);
        }
        let hit = self.plain(path, "Any", &[equal, minus], &[]);
        let counted = self.plain(path, "Cast", &[equal], &[("DstT", Attr::DType(DType::I32))]);
        let at = self.plain(path, "ArgMax", &[counted, minus], &[("output_type", Attr::DType(DType::I64))]);
        (hit, self.plain(path, "GatherV2", &[values, at, first], &[]))
    }

    /// `LookupTableSize`: the number of keys.
    pub(super) fn table_size(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let Some(table) = self.table(node, &inputs)? else { return self.op(node, &node.op, inputs, used, place) };
        let size = Tensor::int_scalar(table.keys.shape().first().map_or(0, |n| *n as i64));
        Ok(one(Item::Value(self.add_const(&join(&place.prefix, &node.name), size))))
    }

    /// `LookupTableExport`: all keys and all values, those of a dense table with its empty buckets.
    pub(super) fn export(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let Some(table) = self.table(node, &inputs)? else { return self.op(node, &node.op, inputs, used, place) };
        let path = join(&place.prefix, &node.name);
        if table.exported[0].shape() == table.keys.shape() {
            let order = "their order is that of the file, where TensorFlow's is that of its hashes";
            self.shared
                .notes
                .borrow_mut()
                .insert(format!("`{path}` hands out all keys and values of a table; {order}"));
        }
        let names = ["keys", "values"].map(|name| format!("{path}/{name}"));
        let both = names.iter().zip(table.exported).map(|(name, tensor)| Item::Value(self.add_const(name, tensor)));
        Ok(both.enumerate().collect())
    }

    /// `StringToHashBucketFast` and its kin. Of one bucket, all is in the first: tables with one place for words that
    /// they do not know say it so.
    pub(super) fn bucket(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let buckets = node.attr.get("num_buckets").and_then(|v| super::attrs::bound(v, &place.bound));
        let (Some(Value::I(1)), [Item::Value(words)]) = (buckets, inputs.as_slice()) else {
            return self.op(node, &node.op, inputs, used, place);
        };
        let path = join(&place.prefix, &node.name);
        let none = self.plain(&path, "NotEqual", &[*words, *words], &[]);
        Ok(one(Item::Value(self.plain(&path, "Cast", &[none], &[("DstT", Attr::DType(DType::I64))]))))
    }

    /// The content of the table that is the first operand, where it is known.
    fn table(&self, node: &NodeDef, inputs: &[Item]) -> Result<Option<Table>> {
        let Some(Item::Handle(handle)) = inputs.first() else { return Ok(None) };
        if self.shared.changed().contains(&handle.node) {
            return Err(Diagnostic::error(Code::TF_UNSUPPORTED, "a lookup table is changed when the model is used")
                .at_node(node.name.clone())
                .expected("a table that is filled before")
                .found(format!("`{}`, a {}, which keys are put into or taken out of", handle.node, handle.op))
                .help("an ONNX model keeps no state between runs: fill the table before the model is saved, or cut the graph \
                       behind the look-up with `--inputs`"));
        }
        self.parts().tables.get(&handle.node).filter(|_| handle.main).cloned().transpose()
    }

    /// A node with one result.
    pub(super) fn plain(&mut self, path: &str, op: &str, operands: &[ValueId], attrs: &[(&str, Attr)]) -> ValueId {
        let mut source = SourceOp::new(Dialect::TensorFlow, op);
        source.attrs = attrs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        let name = self.unique(&format!("{path}/{op}"));
        let operands = operands.iter().copied().map(Some).collect();
        let values = self.graph.add_node(source, operands, name.clone(), vec![(name, None)]);
        values.first().copied().unwrap_or(ValueId(0))
    }
}
