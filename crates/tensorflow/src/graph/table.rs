//! The content of a lookup table: keys, and a value for each.
//!
//! Owns: what fits a table, which buckets of a dense one hold something (core/kernels/lookup_table_op.cc, 2.21). Must never
//! know: where content comes from, how keys are looked up.

use super::interface::sizes;
use crate::{dtype, wire};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Tensor};
use modelport_proto::tensorflow::NodeDef;
use modelport_proto::tensorflow::attr_value::Value;
use prost::bytes::Bytes;
use std::collections::HashMap;

/// The content of a table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The keys: `[n]`, or `[n, k]` of a table whose keys are vectors.
    pub(crate) keys: Tensor,
    /// The value of each key: `[n, …]`.
    pub(crate) values: Tensor,
    /// What the table hands out when it is asked for all it has: a dense one all its buckets.
    pub(crate) exported: [Tensor; 2],
}

/// Whether a node makes a table that can change.
pub(crate) fn is_mutable_table(node: &NodeDef) -> bool {
    let op = node.op.strip_prefix("Anonymous").unwrap_or(&node.op);
    op.starts_with("MutableHashTable") || op.starts_with("MutableDenseHashTable")
}

/// The content of tables by the node that makes each, or why it has none.
pub(crate) type Tables = HashMap<String, Result<Table>>;

impl Table {
    /// The content of the table that `node` makes. `marks` are the keys of a dense table's empty and deleted buckets.
    ///
    /// # Errors
    /// `TF0011` when keys and values do not fit each other or the table.
    pub(crate) fn of(node: &NodeDef, content: [Tensor; 2], marks: Option<[Tensor; 2]>) -> Result<Self> {
        let [keys, values] = &content;
        for (name, tensor) in [("key_dtype", keys), ("value_dtype", values)] {
            if let Some(Value::Type(number)) = node.attr.get(name).and_then(|a| a.value.as_ref())
                && dtype::dtype(*number) != Some(tensor.dtype())
            {
                return Err(misfit(node, format!("`{name}` {}", dtype::name(*number)), &content));
            }
        }
        if keys.shape().is_empty() || keys.shape().first() != values.shape().first() {
            return Err(misfit(node, "a value for each key", &content));
        }
        let shape = value_shape(node)?;
        let [keys, values] = match (&marks, &shape) {
            (None, _) if keys.rank() == 1 => content.clone(),
            (Some(marks), Some(shape)) => filled(node, &content, marks, shape)?,
            _ => return Err(misfit(node, "a vector of keys", &content)),
        };
        if let Some(shape) = shape.filter(|shape| values.shape().get(1..) != Some(shape)) {
            return Err(misfit(node, format!("values of shape {shape:?}"), &content));
        }
        Ok(Self { keys, values, exported: content })
    }
}

fn misfit(node: &NodeDef, expected: impl Into<String>, [keys, values]: &[Tensor; 2]) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_TENSOR, "the content of a lookup table does not fit it")
        .at_node(node.name.clone())
        .expected(expected)
        .found(format!("keys {}, values {}", keys.ty(), values.ty()))
        .help("the graph and the file that fills the table do not belong together, or one of them was edited")
}

/// The shape of one value; nothing when the table leaves it open.
fn value_shape(node: &NodeDef) -> Result<Option<Vec<usize>>> {
    let Some(Value::Shape(bytes)) = node.attr.get("value_shape").and_then(|a| a.value.as_ref()) else {
        return Ok(Some(Vec::new()));
    };
    let sizes = sizes(Some(&wire::decode(bytes, "a shape")?));
    Ok(sizes.and_then(|s| s.into_iter().map(|n| usize::try_from(n).ok()).collect()))
}

/// The buckets of a dense table that hold something. Its export has all of them, key and value of each laid flat.
fn filled(node: &NodeDef, content: &[Tensor; 2], marks: &[Tensor; 2], shape: &[usize]) -> Result<[Tensor; 2]> {
    let ([keys, values], [empty, deleted]) = (content, marks);
    let fits = |mark: &Tensor| mark.dtype() == keys.dtype() && mark.shape() == empty.shape() && mark.rank() < 2;
    if !fits(empty) || !fits(deleted) || empty.is_empty() || Some(empty.len()) != width(keys) {
        return Err(misfit(node, format!("keys as that of an empty bucket, {}", empty.ty()), content));
    }
    if elements(shape).is_none() || elements(shape) != width(values) {
        return Err(misfit(node, format!("values of shape {shape:?}, laid flat"), content));
    }
    let all = Rows::of(keys, empty.len())?;
    let (empty_row, deleted_row) = (Rows::of(empty, empty.len())?, Rows::of(deleted, empty.len())?);
    let none = [empty_row.get(0), deleted_row.get(0)];
    let count = keys.shape().first().copied().unwrap_or(0);
    let held: Vec<usize> = (0..count).filter(|at| !none.contains(&all.get(*at))).collect();
    Ok([picked(keys, &held, empty.shape())?, picked(values, &held, shape)?])
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |all, n| all.checked_mul(*n))
}

/// Elements of one row.
fn width(tensor: &Tensor) -> Option<usize> {
    elements(tensor.shape().get(1..)?)
}

/// Some rows, each of a shape.
fn picked(tensor: &Tensor, at: &[usize], shape: &[usize]) -> Result<Tensor> {
    let rows = Rows::of(tensor, elements(shape).unwrap_or(0))?;
    let (bytes, strings): (Vec<_>, Vec<_>) = at.iter().map(|at| rows.get(*at)).unzip();
    let shape = [&[at.len()], shape].concat();
    match tensor.dtype() {
        DType::Str => Tensor::from_strings(shape, strings.concat()),
        dtype => Tensor::from_bytes(dtype, shape, bytes.concat()),
    }
}

/// Rows of a tensor: bytes of numbers, or strings.
struct Rows<'a> {
    bytes: Bytes,
    strings: &'a [Vec<u8>],
    width: usize,
    size: usize,
}

impl<'a> Rows<'a> {
    fn of(tensor: &'a Tensor, width: usize) -> Result<Self> {
        let strings = tensor.strings();
        let bytes = if strings.is_some() { Bytes::new() } else { tensor.bytes()? };
        Ok(Self { bytes, strings: strings.unwrap_or_default(), width, size: tensor.dtype().size() })
    }

    fn get(&self, at: usize) -> (&[u8], &[Vec<u8>]) {
        let span = |each: usize| at * each..(at + 1) * each;
        let bytes = self.bytes.get(span(self.width * self.size)).unwrap_or_default();
        (bytes, self.strings.get(span(self.width)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_proto::tensorflow::{AttrValue, Dim, TensorShapeProto};
    use prost::Message;

    fn dense(shape: &[i64]) -> NodeDef {
        let dim = shape.iter().map(|&size| Dim { size }).collect();
        let shape = TensorShapeProto { dim, unknown_rank: false }.encode_to_vec();
        let value = AttrValue { value: Some(Value::Shape(shape.into())) };
        NodeDef { name: "dense".to_owned(), attr: [("value_shape".to_owned(), value)].into(), ..NodeDef::default() }
    }

    fn strings(shape: &[usize], all: &[&str]) -> Tensor {
        Tensor::from_strings(shape.to_vec(), all.iter().map(|s| s.as_bytes().to_vec()).collect()).unwrap()
    }

    #[test]
    fn empty_and_deleted_buckets_are_left_out() {
        let keys = strings(&[4, 1], &["", "a", "$", "b"]);
        let values = Tensor::floats(&[0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(vec![4, 2]).unwrap();
        let marks = [strings(&[], &[""]), strings(&[], &["$"])];
        let table = Table::of(&dense(&[2]), [keys, values], Some(marks)).unwrap();
        assert_eq!(table.keys.strings().unwrap(), [b"a", b"b"]);
        assert_eq!(table.values.to_f64s().unwrap(), [1.0, 2.0, 5.0, 6.0]);
        assert_eq!((table.values.shape(), table.exported[0].shape()), (&[2, 2][..], &[4, 1][..]));
    }

    #[test]
    fn shapes_that_lie() {
        let nothing = |shape: &[usize]| Tensor::from_bytes(DType::I64, shape.to_vec(), Vec::new()).unwrap();
        let (huge, one) = (1 << 40, Tensor::int_scalar(0));
        let fits = |keys: &[usize], values: &[usize], shape: &[i64], mark: &Tensor| {
            let content = [nothing(keys), nothing(values)];
            Table::of(&dense(shape), content, Some([mark.clone(), mark.clone()])).is_ok()
        };
        assert!(fits(&[0, 1], &[0, 2], &[2], &one));
        assert!(!fits(&[0, huge, huge], &[0, 1], &[1], &one));
        assert!(!fits(&[0, 1], &[0, huge, huge], &[1], &one));
        assert!(!fits(&[0, 1], &[0, 1], &[1 << 40, 1 << 40], &one));
        // As many keys as one likes, of nothing.
        assert!(!fits(&[huge, 0], &[huge, 0], &[0], &nothing(&[0])));
        assert!(!fits(&[0, 1], &[0, 1], &[1], &Tensor::scalar(DType::I32, 0.0)));
    }
}
