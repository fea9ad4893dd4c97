//! Look-ups in tables of numbers or strings, in terms of other ops: each key is compared with all keys of the table.
//!
//! Owns: that translation. Must never know: where tables are filled.

use super::node::one;
use super::{Emitter, Item, Place, Results, join};
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Dialect, SourceOp, Tensor, ValueId};
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::BTreeSet;

/// The content of a table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The keys.
    pub(crate) keys: Tensor,
    /// The value of each key.
    pub(crate) values: Tensor,
}

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
        let table = self.table(&inputs).filter(|t| t.keys.len() <= MOST_KEYS);
        let (Some(table), [_, Item::Value(key), Item::Value(default)]) = (table, inputs.as_slice()) else {
            return self.op(node, &node.op, inputs, used, place);
        };
        let path = join(&place.prefix, &node.name);
        let minus = self.add_const(&format!("{path}/axis"), Tensor::scalar(DType::I32, -1.0));
        let first = self.add_const(&format!("{path}/first"), Tensor::scalar(DType::I32, 0.0));
        let keys = self.add_const(&format!("{path}/keys"), table.keys);
        let values = self.add_const(&format!("{path}/values"), table.values);
        let column = self.plain(&path, "ExpandDims", &[*key, minus], &[]);
        let equal = self.plain(&path, "Equal", &[column, keys], &[]);
        let hit = self.plain(&path, "Any", &[equal, minus], &[]);
        let counted = self.plain(&path, "Cast", &[equal], &[("DstT", Attr::DType(DType::I32))]);
        let at = self.plain(&path, "ArgMax", &[counted, minus], &[("output_type", Attr::DType(DType::I64))]);
        let value = self.plain(&path, "GatherV2", &[values, at, first], &[]);
        Ok(one(Item::Value(self.plain(&path, "SelectV2", &[hit, value, *default], &[]))))
    }

    /// `LookupTableSize`: the number of keys.
    pub(super) fn table_size(
        &mut self,
        node: &NodeDef,
        inputs: Vec<Item>,
        used: &BTreeSet<usize>,
        place: &Place,
    ) -> Result<Results> {
        let Some(table) = self.table(&inputs) else { return self.op(node, &node.op, inputs, used, place) };
        let size = Tensor::int_scalar(table.keys.len() as i64);
        Ok(one(Item::Value(self.add_const(&join(&place.prefix, &node.name), size))))
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

    /// The table that is the first operand.
    fn table(&self, inputs: &[Item]) -> Option<Table> {
        match inputs.first() {
            Some(Item::Handle(handle)) if handle.main => self.parts().tables.get(&handle.node).cloned(),
            _ => None,
        }
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
