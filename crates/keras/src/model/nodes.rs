//! How layers are called: both ways in which Keras writes the calls of a layer (`inbound_nodes`).
//!
//! Sources: keras/src/engine/node.py and functional.py (2.15) for lists `[layer, node, tensor, kwargs]`;
//! keras/src/models/functional.py, `serialize_node` (3.15) for `{args, kwargs}` with `__keras_tensor__` entries.

use crate::json;
use modelport_ir::Attr;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// An output of a call of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TensorRef {
    /// The layer's name.
    pub(crate) layer: String,
    /// Which call of it, as the file counts.
    pub(crate) node: usize,
    /// Which of the call's results.
    pub(crate) tensor: usize,
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    /// A tensor.
    Tensor(TensorRef),
    /// Anything else that holds no tensor.
    Value(Attr),
    /// A list or tuple with tensors in it.
    List(Vec<Arg>),
    /// A dictionary with tensors in it.
    Map(BTreeMap<String, Arg>),
}

/// One call of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Call {
    /// Positional arguments.
    pub(crate) args: Vec<Arg>,
    /// Arguments by name.
    pub(crate) kwargs: BTreeMap<String, Arg>,
}

impl Arg {
    /// The tensors in it, in order.
    pub(crate) fn tensors<'a>(&'a self, out: &mut Vec<&'a TensorRef>) {
        match self {
            Self::Tensor(t) => out.push(t),
            Self::Value(_) => {}
            Self::List(list) => list.iter().for_each(|a| a.tensors(out)),
            Self::Map(map) => map.values().for_each(|a| a.tensors(out)),
        }
    }
}

impl Call {
    /// All tensors in the arguments, in order of appearance.
    pub(crate) fn tensors(&self) -> Vec<&TensorRef> {
        let mut out = Vec::new();
        self.args.iter().chain(self.kwargs.values()).for_each(|a| a.tensors(&mut out));
        out
    }
}

/// `[layer, node, tensor]`, also with the keyword arguments behind.
pub(super) fn tensor_ref(value: &Value) -> Option<TensorRef> {
    let (layer, node, tensor) = match value.as_array()?.as_slice() {
        [layer, node, tensor] | [layer, node, tensor, Value::Object(_) | Value::Null] => (layer, node, tensor),
        _ => return None,
    };
    let index = |v: &Value| v.as_u64().and_then(|i| usize::try_from(i).ok());
    Some(TensorRef { layer: layer.as_str()?.to_owned(), node: index(node)?, tensor: index(tensor)? })
}

/// One entry of `inbound_nodes`; `layers` are the names that can be referred to.
pub(super) fn parse_call(node: &Value, layers: &HashSet<String>) -> Option<Call> {
    if let Value::Object(node) = node
        && let Some(Value::Array(args)) = node.get("args")
    {
        let kwargs = node.get("kwargs").and_then(Value::as_object);
        return Some(Call {
            args: args.iter().map(v3_arg).collect(),
            kwargs: kwargs.into_iter().flatten().map(|(k, v)| (k.clone(), v3_arg(v))).collect(),
        });
    }
    let mut kwargs = BTreeMap::new();
    let mut first = v2_arg(node, layers, &mut kwargs)?;
    // A list of one tensor is that tensor (`unpack_singleton`).
    if let Arg::List(list) = &mut first
        && list.len() == 1
    {
        first = list.pop()?;
    }
    Some(Call { args: vec![first], kwargs })
}

/// The nested structure of entries `[layer, node, tensor, kwargs]`.
fn v2_arg(value: &Value, layers: &HashSet<String>, kwargs: &mut BTreeMap<String, Arg>) -> Option<Arg> {
    match value {
        Value::Array(list) => {
            if let Some(Value::Object(named)) = list.get(3)
                && list.first().is_some_and(Value::is_string)
            {
                kwargs.extend(named.iter().map(|(k, v)| (k.clone(), v2_kwarg(v, layers))));
            }
            // keras/src/engine/node.py (2.15), `Node.serialize`: a first argument that is no Keras tensor.
            if let [Value::String(mark), _, constant, ..] = list.as_slice()
                && mark == "_CONSTANT_VALUE"
            {
                return Some(Arg::Value(json::to_attr(constant)));
            }
            match tensor_ref(value) {
                Some(tensor) => Some(Arg::Tensor(tensor)),
                None => list.iter().map(|v| v2_arg(v, layers, kwargs)).collect::<Option<_>>().map(Arg::List),
            }
        }
        Value::Object(map) => {
            let entries = map.iter().map(|(k, v)| Some((k.clone(), v2_arg(v, layers, kwargs)?)));
            entries.collect::<Option<_>>().map(Arg::Map)
        }
        _ => None,
    }
}

/// A keyword argument of a Keras 2 call: tensors stand as `[layer, node, tensor]`, anywhere in it.
fn v2_kwarg(value: &Value, layers: &HashSet<String>) -> Arg {
    structure(value, &|v| tensor_ref(v).filter(|t| layers.contains(&t.layer)))
}

fn v3_arg(value: &Value) -> Arg {
    structure(value, &|v| {
        let object = v.as_object()?;
        let special = json::str_of(object, "class_name") == Some("__keras_tensor__");
        special.then(|| tensor_ref(object.get("config")?.get("keras_history")?)).flatten()
    })
}

/// A value with the tensors in it found by `tensor`; what holds none stays one attribute.
fn structure(value: &Value, tensor: &dyn Fn(&Value) -> Option<TensorRef>) -> Arg {
    if let Some(found) = tensor(value) {
        return Arg::Tensor(found);
    }
    let plain = |a: &Arg| matches!(a, Arg::Value(_));
    match value {
        Value::Array(list) => {
            let parts: Vec<_> = list.iter().map(|v| structure(v, tensor)).collect();
            if parts.iter().all(plain) { Arg::Value(json::to_attr(value)) } else { Arg::List(parts) }
        }
        Value::Object(map) => {
            if json::str_of(map, "class_name") == Some("__tuple__")
                && let Some(config) = map.get("config")
            {
                return structure(config.get("items").unwrap_or(config), tensor);
            }
            let parts: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), structure(v, tensor))).collect();
            if parts.values().all(plain) { Arg::Value(json::to_attr(value)) } else { Arg::Map(parts) }
        }
        _ => Arg::Value(json::to_attr(value)),
    }
}

/// `input_layers` or `output_layers`: one entry, a list, a dictionary, nested as the model's signature is. The keys of a
/// dictionary are collected when it is the outermost structure.
pub(super) fn tensor_refs(value: &Value, keys: &mut Vec<String>) -> Option<Vec<TensorRef>> {
    if let Some(single) = tensor_ref(value) {
        return Some(vec![single]);
    }
    match value {
        Value::Array(list) => {
            let nested = list.iter().map(|v| tensor_refs(v, &mut Vec::new())).collect::<Option<Vec<_>>>()?;
            Some(nested.into_iter().flatten().collect())
        }
        Value::Object(map) => {
            if let Some(items) = map.get("config").filter(|_| map.contains_key("class_name")) {
                return tensor_refs(items.get("items").unwrap_or(items), keys);
            }
            let mut out = Vec::new();
            for (key, entry) in map {
                let found = tensor_refs(entry, &mut Vec::new())?;
                keys.extend(found.iter().map(|_| key.clone()));
                out.extend(found);
            }
            Some(out)
        }
        _ => None,
    }
}
