//! Attributes of nodes as attributes of source ops.
//!
//! Owns: the conventions of the source graph: types, shapes, lists. Must never know: what an op does with them.

use crate::dtype;
use crate::tensor_proto::tensor;
use crate::wire::decode;
use modelport_diag::Result;
use modelport_ir::Attr;
use modelport_proto::tensorflow::attr_value::Value;
use modelport_proto::tensorflow::{AttrValue, ListValue, NameAttrList, NodeDef, TensorShapeProto};
use modelport_storage::MappedFile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values for the attributes that a function leaves open.
pub(crate) type Bindings = BTreeMap<String, AttrValue>;

/// The file that tensors are views of.
type Origin<'a> = &'a Arc<MappedFile>;

/// The attributes of a node that say what it computes; `_class`, `_output_shapes` and the like do not.
///
/// # Errors
/// `TF0001` and `TF0011` for damaged ones.
pub(crate) fn attrs(origin: Origin<'_>, node: &NodeDef, bound: &Bindings) -> Result<BTreeMap<String, Attr>> {
    let mut all = BTreeMap::new();
    for (name, value) in node.attr.iter().filter(|(name, _)| !name.starts_with('_')) {
        let converted = attr(origin, value, bound);
        all.insert(name.clone(), converted.map_err(|d| d.at_node(node.name.clone()).at_attribute(name.clone()))?);
    }
    Ok(all)
}

/// The value of an attribute, after what the caller gave where the function leaves it open.
pub(crate) fn bound<'a>(value: &'a AttrValue, bindings: &'a Bindings) -> Option<&'a Value> {
    match value.value.as_ref()? {
        Value::Placeholder(name) => bindings.get(name)?.value.as_ref(),
        value => Some(value),
    }
}

fn attr(origin: Origin<'_>, value: &AttrValue, bindings: &Bindings) -> Result<Attr> {
    Ok(match bound(value, bindings) {
        None => Attr::None,
        Some(Value::S(s)) => string(s),
        Some(Value::I(i)) => Attr::Int(*i),
        Some(Value::F(f)) => Attr::Float(f64::from(*f)),
        Some(Value::B(b)) => Attr::Bool(*b),
        Some(Value::Type(t)) => type_attr(*t),
        Some(Value::Shape(bytes)) => shape(&decode(bytes, "a shape")?),
        Some(Value::Tensor(bytes)) => Attr::Tensor(tensor(origin, bytes)?),
        Some(Value::List(bytes)) => list(origin, &decode(bytes, "a list")?)?,
        Some(Value::Func(bytes)) => Attr::Str(decode::<NameAttrList>(bytes, "a function's name")?.name),
        Some(Value::Placeholder(name)) => Attr::Str(name.clone()),
    })
}

fn string(bytes: &[u8]) -> Attr {
    Attr::Str(String::from_utf8_lossy(bytes).into_owned())
}

/// An element type; one that the IR lacks by its name.
pub(crate) fn type_attr(number: i32) -> Attr {
    dtype::dtype(number).map_or_else(|| Attr::Str(dtype::name(number)), Attr::DType)
}

/// A shape: a list with -1 for what is unknown; nothing when not even the rank is known.
pub(crate) fn shape(shape: &TensorShapeProto) -> Attr {
    if shape.unknown_rank {
        return Attr::None;
    }
    Attr::List(shape.dim.iter().map(|d| Attr::Int(d.size)).collect())
}

/// The function that an attribute names.
pub(crate) fn function_of(value: &AttrValue) -> Option<NameAttrList> {
    match value.value.as_ref()? {
        Value::Func(bytes) => decode(bytes, "a function's name").ok(),
        _ => None,
    }
}

/// A list that a node has under a name.
pub(super) fn list_attr(node: &NodeDef, name: &str) -> Option<ListValue> {
    match node.attr.get(name)?.value.as_ref()? {
        Value::List(bytes) => decode(bytes, "a list").ok(),
        _ => None,
    }
}

fn list(origin: Origin<'_>, list: &ListValue) -> Result<Attr> {
    let mut all: Vec<Attr> = list.s.iter().map(|s| string(s)).collect();
    all.extend(list.i.iter().map(|i| Attr::Int(*i)));
    all.extend(list.f.iter().map(|f| Attr::Float(f64::from(*f))));
    all.extend(list.b.iter().map(|b| Attr::Bool(*b)));
    all.extend(list.r#type.iter().map(|t| type_attr(*t)));
    all.extend(list.shape.iter().map(shape));
    for bytes in &list.tensor {
        all.push(Attr::Tensor(tensor(origin, bytes)?));
    }
    all.extend(list.func.iter().map(|f| Attr::Str(f.name.clone())));
    Ok(Attr::List(all))
}
