//! How layers are called: functions of TensorFlow as operations of Keras 3, tensors as keyword arguments.
//!
//! Source: `serialize_node` and `deserialize_node` of keras 3.15.1 `models/functional.py`, `TFOpLambda` of keras 2.15
//! `layers/core/tf_op_layer.py`. Owns: `inbound_nodes`. Must never know: how layers are configured.

use super::layers::{self, Kind};
use super::operations::{Operation, translate};
use super::{Log, text};
use serde_json::{Map, Value, json};

/// Rewrites the calls of one layer.
pub(crate) fn rewrite(layer: &mut Value, kind: &Kind, log: &mut Log) {
    let name = layer.get("config").map(|c| text(c, "name")).unwrap_or_default().to_owned();
    let Some(map) = layer.as_object_mut() else { return };
    match kind {
        Kind::Plain => {}
        Kind::Keywords => keywords(map, log),
        Kind::States => states(map, log),
        Kind::Function(function) => operation(map, &name, function, log),
    }
}

/// One call in the old form: positional tensors, and the keyword arguments.
pub(crate) struct Call {
    pub(crate) positional: Vec<Value>,
    pub(crate) keywords: Map<String, Value>,
}

/// Reads a node of Keras 2: `[[["x", 0, 0, {…}], …]]` for a layer, `["x", 0, 0, {…}]` for a function.
fn call(node: &Value) -> Option<Call> {
    let node = node.as_array()?;
    let tensors: Vec<&Vec<Value>> = match node.first()? {
        Value::String(_) => vec![node],
        _ => node.iter().map(Value::as_array).collect::<Option<_>>()?,
    };
    let keywords = tensors.first()?.get(3).and_then(Value::as_object).cloned().unwrap_or_default();
    let positional = tensors.into_iter().map(|t| argument(t)).collect::<Option<_>>()?;
    let keywords = keywords.into_iter().map(|(k, v)| (k, nested(v))).collect();
    Some(Call { positional, keywords })
}

/// A tensor, or a constant that stands in its place.
fn argument(list: &[Value]) -> Option<Value> {
    match list {
        [Value::String(name), _, value, ..] if name == "_CONSTANT_VALUE" => Some(value.clone()),
        [Value::String(name), node, tensor, ..] if node.is_u64() && tensor.is_u64() => {
            let history = json!([name, node, tensor]);
            let config = json!({"shape": [null], "dtype": "float32", "keras_history": history});
            Some(json!({"class_name": "__keras_tensor__", "config": config}))
        }
        _ => None,
    }
}

/// A keyword argument, which may be a tensor or a list of them.
fn nested(value: Value) -> Value {
    match &value {
        Value::Array(list) => match argument(list) {
            Some(tensor) => tensor,
            None => Value::Array(list.iter().cloned().map(nested).collect()),
        },
        _ => value,
    }
}

pub(crate) fn is_tensor(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(is_tensor),
        _ => text(value, "class_name") == "__keras_tensor__",
    }
}

/// Layers that Keras 3 builds from the shapes of all tensors need all of them in its own form.
fn keywords(map: &mut Map<String, Value>, log: &mut Log) {
    let Some(nodes) = map.get_mut("inbound_nodes").and_then(Value::as_array_mut) else { return };
    for node in nodes {
        let Some(call) = call(node) else { continue };
        if call.keywords.values().any(is_tensor) {
            *node = json!({"args": call.positional, "kwargs": call.keywords});
            log.changed("tensors among keyword arguments are in the form of Keras 3");
        }
    }
}

/// A recurrent layer took its initial states as further inputs.
fn states(map: &mut Map<String, Value>, log: &mut Log) {
    let Some(nodes) = map.get_mut("inbound_nodes").and_then(Value::as_array_mut) else { return };
    let mut changed = false;
    for node in nodes {
        let Some(Call { mut positional, mut keywords }) = call(node) else { continue };
        if positional.len() < 2 {
            continue;
        }
        let states = positional.split_off(1);
        keywords.insert("initial_state".to_owned(), Value::Array(states));
        *node = json!({"args": positional, "kwargs": keywords});
        log.changed("initial states are a keyword argument");
        changed = true;
    }
    // It tells the shapes of all inputs, where Keras 3 wants that of the first.
    if changed {
        map.remove("build_config");
    }
}

/// A function of TensorFlow as an operation of Keras 3.
fn operation(map: &mut Map<String, Value>, name: &str, function: &str, log: &mut Log) {
    let nodes = map.get("inbound_nodes").and_then(Value::as_array).cloned().unwrap_or_default();
    let calls: Option<Vec<Call>> = nodes.iter().map(call).collect();
    let made = calls.and_then(|calls| {
        let made: Option<Vec<Operation>> = calls.into_iter().map(|c| translate(function, c)).collect();
        made.filter(|m| m.windows(2).all(|w| w[0].config == w[1].config))
    });
    let Some((made, first)) = made.and_then(|m| m.first().cloned().map(|first| (m, first))) else {
        let message = format!("`tf.{function}` in the way it is called here has no operation in Keras 3");
        log.problem(name, message, "convert the model: modelport convert IN OUT.onnx");
        return;
    };
    let mut config = first.config;
    config.insert("name".to_owned(), json!(name));
    layers::replace(map, first.class, Value::Object(config));
    map.insert("module".to_owned(), json!(first.module));
    map.insert("registered_name".to_owned(), json!(first.class));
    let nodes: Vec<_> = made.into_iter().map(|m| json!({"args": m.args, "kwargs": {}})).collect();
    map.insert("inbound_nodes".to_owned(), Value::Array(nodes));
    log.changed(format!("tf.{function} is the operation {}", first.class));
}
