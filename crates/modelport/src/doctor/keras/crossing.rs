//! What Keras 3 trips over in the shape of a model that Keras 2 wrote, whatever its layers are.
//!
//! Sources: keras 3.15.1 `models/functional.py` (`deserialize_node`, `get_tensor`), `legacy/saving/saving_utils.py`
//! (`batch_input_shape`), `initializers/random_initializers.py`. Owns: models in models, inputs of a Sequential, arguments of
//! initializers. Must never know: single classes' arguments, see `layer`.

use super::walk::Way;
use crate::doctor::diagnosis::{Cause, Finding, Level};
use serde_json::Value;
use std::collections::BTreeMap;

/// Configurations nested deeper than this are no models.
const DEEPEST: usize = 64;

/// Layers that take inputs of any rank.
const ANY_RANK: &[&str] = &[
    "Dense",
    "Activation",
    "Dropout",
    "Flatten",
    "Reshape",
    "BatchNormalization",
    "LayerNormalization",
    "Masking",
    "GaussianNoise",
    "Embedding",
];

/// Everything of this kind in a model's configuration.
pub(crate) fn find(config: &Value, way: Way) -> Vec<Finding> {
    let mut found = Vec::new();
    object(config, way, &mut found, 0);
    found
}

fn object(value: &Value, way: Way, found: &mut Vec<Finding>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let Some(config) = value.get("config") else { return };
    let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
    if let Some(layers) = config.get("layers").and_then(Value::as_array) {
        found.extend(numbers(config, layers));
        let sequential = value.get("class_name").and_then(Value::as_str) == Some("Sequential");
        if sequential && way == Way::Legacy {
            found.extend(layers.first().and_then(shape).map(|f| f.at(name)));
        }
        layers.iter().for_each(|l| object(l, way, found, depth + 1));
    } else {
        found.extend(initializer(config).map(|f| f.at(name)));
    }
}

/// Calls of a model inside the model: Keras 2 counts the model itself as its first.
fn numbers(config: &Value, layers: &[Value]) -> Option<Finding> {
    let mut calls = BTreeMap::new();
    for layer in layers.iter().filter(|l| l.get("config").is_some_and(|c| c.get("layers").is_some())) {
        let functional = layer.get("config").is_some_and(|c| c.get("output_layers").is_some());
        let name = layer.get("config")?.get("name")?.as_str()?;
        let count = layer.get("inbound_nodes").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        calls.insert(name, (count, functional));
    }
    let mut past = Vec::new();
    for layer in layers {
        references(layer.get("inbound_nodes")?, &mut |name, node| {
            past.extend(calls.get(name).filter(|(count, _)| node >= *count).map(|_| name.to_owned()));
        });
    }
    let text = "ValueError: Invalid Functional model configuration. The graph of the Functional model either has loops or \
                disconnected nodes.";
    let mut error = text;
    if past.is_empty() {
        error = "IndexError: list index out of range";
        if let Some(outputs) = config.get("output_layers") {
            references(outputs, &mut |name, node| {
                let wrong = calls.get(name).filter(|(count, functional)| !functional && node >= *count);
                past.extend(wrong.map(|_| name.to_owned()));
            });
        }
    }
    let first = past.first()?;
    let what = "a model stands inside the model, and its calls are numbered from 1, as Keras 2 does";
    Some(Finding::refused(Cause::Version, what).error(error).at(first))
}

fn references(value: &Value, seen: &mut impl FnMut(&str, u64)) {
    match value {
        Value::Array(list) => {
            if let [Value::String(name), node, tensor, ..] = list.as_slice()
                && let (Some(node), true) = (node.as_u64(), tensor.is_u64())
            {
                seen(name, node);
            }
            list.iter().for_each(|v| references(v, seen));
        }
        Value::Object(map) => map.values().for_each(|v| references(v, seen)),
        _ => {}
    }
}

/// The shape of a Sequential's first layer is taken for one without the batch.
fn shape(first: &Value) -> Option<Finding> {
    let class = first.get("class_name").and_then(Value::as_str)?;
    let config = first.get("config")?;
    if class == "InputLayer" || config.get("layers").is_some() || !config.get("batch_input_shape")?.is_array() {
        return None;
    }
    let what = "the input of a Sequential stands in its first layer, whose `batch_input_shape` Keras 3 takes for a shape \
                without the batch";
    Some(match ANY_RANK.contains(&class) {
        true => Finding::new(Cause::Version, Level::OtherNumbers, what),
        false => Finding::refused(Cause::Version, what),
    })
}

/// Initializers took a type until TensorFlow 1.15.
fn initializer(config: &Value) -> Option<Finding> {
    let map = config.as_object()?;
    let typed = |v: &&Value| v.get("config").is_some_and(|c| c.get("dtype").is_some());
    let found = map.iter().filter(|(k, _)| k.ends_with("_initializer")).map(|(_, v)| v).find(typed)?;
    let class = found.get("class_name").and_then(Value::as_str)?;
    let what = "initializers have a `dtype`, as TensorFlow 1 wrote it, which those of Keras 3 do not take";
    let error = format!("TypeError: {class}.__init__() got an unexpected keyword argument 'dtype'");
    Some(Finding::refused(Cause::Version, what).error(error))
}
