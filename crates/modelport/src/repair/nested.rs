//! Models inside models, and what Keras before 2.12 left out around layers.
//!
//! In Keras 2 a model that knows its inputs has a node of its own before it is called, so calls are numbered from 1; in Keras
//! 3 they are numbered from 0, except where a model's outputs name a functional model (keras 2.15 `engine/functional.py:
//! _should_skip_first_node`; keras 3.15.1 `models/functional.py: deserialize_node, get_tensor`). Owns: those numbers, the
//! input of a Sequential, modules of wrapped layers. Must never know: what a layer computes.

use super::{Log, text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Keys under which a wrapper holds layers.
const INNER: &[&str] = &["layer", "backward_layer", "forward_layer", "cell", "cells"];

/// A nested model, as others refer to it.
struct Inner {
    /// Whether Keras 3 takes the node of its own away in outputs, but only there.
    functional: bool,
}

/// Renumbers references to the models among a model's layers.
pub(crate) fn renumber(config: &mut Value, log: &mut Log) {
    let mut inner = BTreeMap::new();
    for layer in config.get("layers").and_then(Value::as_array).into_iter().flatten() {
        if let Some(found) = starts_at_one(layer, config) {
            let name = layer.get("config").map(|c| text(c, "name")).unwrap_or_default();
            inner.insert(name.to_owned(), found);
        }
    }
    if inner.is_empty() {
        return;
    }
    let mut count = 0;
    for layer in config.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(nodes) = layer.get_mut("inbound_nodes") {
            shift(nodes, &inner, false, &mut count);
        }
    }
    for key in ["input_layers", "output_layers"] {
        if let Some(references) = config.get_mut(key) {
            shift(references, &inner, true, &mut count);
        }
    }
    (0..count).for_each(|_| log.changed("calls of a model inside the model are numbered from 0"));
}

fn starts_at_one(layer: &Value, config: &Value) -> Option<Inner> {
    let inner = layer.get("config")?;
    let layers = inner.get("layers").and_then(Value::as_array)?;
    let functional = inner.get("output_layers").is_some();
    if functional {
        return Some(Inner { functional });
    }
    let first = layers.first()?;
    let knows = text(first, "class_name") == "InputLayer"
        || first.get("config").is_some_and(|c| c.get("batch_input_shape").is_some());
    let calls = layer.get("inbound_nodes").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let past = || highest(config, text(inner, "name")).is_some_and(|h| h >= calls);
    (knows || past()).then_some(Inner { functional })
}

/// The highest number of a call of the layer that anything refers to.
fn highest(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Array(list) => {
            let own = match list.as_slice() {
                [Value::String(n), node, tensor, ..] if n == name && tensor.is_u64() => node.as_u64(),
                _ => None,
            };
            list.iter().filter_map(|v| highest(v, name)).chain(own).max()
        }
        Value::Object(map) => map.values().filter_map(|v| highest(v, name)).max(),
        _ => None,
    }
}

fn shift(value: &mut Value, inner: &BTreeMap<String, Inner>, outputs: bool, count: &mut usize) {
    match value {
        Value::Array(list) => {
            if let [Value::String(name), node, tensor, ..] = list.as_mut_slice()
                && tensor.is_u64()
                && let Some(found) = inner.get(name.as_str())
                && !(outputs && found.functional)
                && let Some(n @ 1..) = node.as_u64()
            {
                *node = json!(n - 1);
                *count += 1;
            }
            list.iter_mut().for_each(|v| shift(v, inner, outputs, count));
        }
        Value::Object(map) => map.values_mut().for_each(|v| shift(v, inner, outputs, count)),
        _ => {}
    }
}

/// A Sequential says its input in a layer of its own: Keras 3 takes `batch_input_shape` of an `.h5` file's first layer for a
/// shape without the batch.
pub(crate) fn sequential(object: &mut Value, log: &mut Log) {
    if text(object, "class_name") != "Sequential" {
        return;
    }
    let Some(config) = object.get_mut("config") else { return };
    // Before 2.2.3 the configuration was the list of layers.
    if config.is_array() {
        *config = json!({"name": "sequential", "layers": config.take()});
        log.changed("the configuration of a Sequential names it");
    }
    let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return };
    let Some(first) = layers.first().filter(|l| text(l, "class_name") != "InputLayer") else { return };
    let Some(inner) = first.get("config").filter(|c| c.get("layers").is_none()) else { return };
    let Some(shape) = inner.get("batch_input_shape").filter(|s| s.is_array()).cloned() else { return };
    let dtype = inner.get("dtype").filter(|d| d.is_string()).cloned().unwrap_or(json!("float32"));
    let embedding = text(first, "class_name") == "Embedding";
    let dtype = if embedding { json!("float32") } else { dtype };
    let name = format!("{}_input", text(inner, "name"));
    let config = json!({"batch_input_shape": shape, "dtype": dtype, "sparse": false, "name": name});
    layers.insert(0, json!({"class_name": "InputLayer", "config": config}));
    log.changed("the input of a Sequential is a layer");
}

/// Layers in wrappers name their module, without which Keras 3 does not find their class.
pub(crate) fn modules(config: &mut Map<String, Value>, log: &mut Log) {
    for key in INNER {
        match config.get_mut(*key) {
            Some(Value::Array(all)) => all.iter_mut().for_each(|v| module(v, log)),
            Some(one) => module(one, log),
            None => {}
        }
    }
}

fn module(layer: &mut Value, log: &mut Log) {
    if text(layer, "class_name").is_empty() || layer.get("config").is_none_or(Value::is_null) {
        return;
    }
    let Some(map) = layer.as_object_mut().filter(|m| !m.contains_key("module")) else { return };
    let class = map.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let module = if matches!(class, "Sequential" | "Model" | "Functional") { "keras" } else { "keras.layers" };
    map.insert("module".to_owned(), json!(module));
    map.insert("registered_name".to_owned(), Value::Null);
    log.changed("a layer in a wrapper names its module");
}

/// Initializers do not take a type any more.
pub(crate) fn initializers(config: &mut Map<String, Value>, log: &mut Log) {
    for (_, value) in config.iter_mut().filter(|(key, _)| key.ends_with("_initializer")) {
        let inner = value.get_mut("config").and_then(Value::as_object_mut);
        if inner.is_some_and(|c| c.remove("dtype").is_some()) {
            log.changed("an initializer without `dtype`");
        }
    }
}

/// Keras 2 inside TensorFlow gives zeros for masked steps in both directions, whatever the layers say; Keras 3 does what
/// they say.
pub(crate) fn bidirectional(object: &mut Value, log: &mut Log) {
    let found = text(object, "class_name") == "Bidirectional";
    let Some(config) = object.get_mut("config").filter(|_| found) else { return };
    for key in ["layer", "forward_layer", "backward_layer"] {
        let inner = config.get_mut(key).and_then(|l| l.get_mut("config")).and_then(Value::as_object_mut);
        let Some(inner) = inner.filter(|c| c.get("return_sequences") == Some(&json!(true))) else { continue };
        if inner.insert("zero_output_for_mask".to_owned(), json!(true)) != Some(json!(true)) {
            log.changed("masked steps of a Bidirectional give zeros, as they did");
        }
    }
}
