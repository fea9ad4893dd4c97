//! The walk through a model's configuration: every layer, those inside others too, and the names that Keras 3 refuses.
//!
//! Source: keras 3.15.1 `legacy/saving/saving_utils.py`, `saving/serialization_lib.py`, `models/functional.py`. Owns: the walk.
//! Must never know: which layer needs what.

use super::{Log, Way, calls, layers, nested, text};
use modelport_keras::RawFile;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Deeper nesting than any model has; readers refuse it before.
const DEPTH: usize = 64;

/// Rewrites the configuration of a whole model.
pub(crate) fn rewrite(model: &mut Value, way: Way, raw: &RawFile) -> Log {
    let mut log = Log::default();
    let major = raw.version.as_deref().and_then(|v| v.split('.').next()?.parse::<u32>().ok());
    if major == Some(1) {
        let help = "modelport convert IN OUT.onnx reads it, and OUT.safetensors --names keras gives its weights";
        log.problem("", "Keras 1 configurations are not repaired".to_owned(), help);
        return log;
    }
    let version = raw.version.as_deref().unwrap_or_default();
    let alone = ["2.0.", "2.1.", "2.2.", "2.3."].iter().any(|v| version.starts_with(v)) && !version.ends_with("-tf");
    let walk = Walk { way, old: major != Some(3), zeros: !alone };
    walk.value(model, &mut log, 0);
    log
}

struct Walk {
    way: Way,
    /// Whether Keras 2 wrote the file, so that names mean what they meant there.
    old: bool,
    /// Whether masked steps of a Bidirectional gave zeros.
    zeros: bool,
}

impl Walk {
    fn value(&self, value: &mut Value, log: &mut Log, depth: usize) {
        if depth > DEPTH {
            return;
        }
        match value {
            Value::Array(all) => all.iter_mut().for_each(|v| self.value(v, log, depth + 1)),
            Value::Object(_) if value.get("class_name").is_some() && value.get("config").is_some() => {
                self.object(value, log, depth);
            }
            Value::Object(map) => map.values_mut().for_each(|v| self.value(v, log, depth + 1)),
            _ => {}
        }
    }

    fn object(&self, object: &mut Value, log: &mut Log, depth: usize) {
        module(object, self.way, log);
        if self.old {
            nested::sequential(object, log);
            if self.zeros {
                nested::bidirectional(object, log);
            }
        }
        if let Some(config) = object.get_mut("config").filter(|c| c.get("layers").is_some_and(Value::is_array)) {
            names(config, log);
            if self.old {
                nested::renumber(config, log);
                single(config, log);
            }
        }
        if self.old {
            let kind = layers::rewrite(object, self.way, log);
            calls::rewrite(object, &kind, log);
        }
        if let Some(config) = object.get_mut("config") {
            self.value(config, log, depth + 1);
        }
    }
}

/// Classes are found by their public module; the paths of Keras 2's files are no longer there.
fn module(object: &mut Value, way: Way, log: &mut Log) {
    let Some(map) = object.as_object_mut() else { return };
    let Some(Value::String(module)) = map.get("module") else { return };
    let class = map.get("class_name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let internal = ["tf_keras.", "keras.src.", "keras.engine.", "keras.api."].iter().any(|p| module.starts_with(p));
    let gone = module.starts_with("tf_keras.") || module.contains(".engine.") || module.contains("src.layers.");
    let public = match class.as_str() {
        "Functional" | "Model" if internal && gone => Some(("keras.src.models.functional", "Functional")),
        "Sequential" if internal && gone => Some(("keras", "")),
        _ if internal && gone => Some(("keras.layers", "")),
        _ => None,
    };
    if let Some((public, registered)) = public {
        log.changed(format!("the module of {class} is {public}"));
        map.insert("module".to_owned(), json!(public));
        let registered = if registered.is_empty() { Value::Null } else { json!(registered) };
        map.insert("registered_name".to_owned(), registered);
        if class == "Model" && way == Way::Archive {
            map.insert("class_name".to_owned(), json!("Functional"));
        }
    }
}

/// A model with one output gives a tensor in Keras 2, and a list in Keras 3 where its configuration has one.
fn single(config: &mut Value, log: &mut Log) {
    for key in ["input_layers", "output_layers"] {
        if let Some(Value::Array(list)) = config.get_mut(key)
            && let [Value::Array(_)] = list.as_slice()
            && let Some(only) = list.pop()
        {
            config[key] = only;
            log.changed(format!("the only entry of `{key}` stands for itself"));
        }
    }
}

/// Names with a slash are refused by Keras 3; weights are found by the order of layers or by class, not by these names.
fn names(config: &mut Value, log: &mut Log) {
    let Some(list) = config.get("layers").and_then(Value::as_array) else { return };
    let own = |l: &Value| {
        let inner = l.get("config").map(|c| text(c, "name")).unwrap_or_default();
        if text(l, "name").is_empty() { inner.to_owned() } else { text(l, "name").to_owned() }
    };
    let mut taken: BTreeSet<String> = list.iter().map(own).collect();
    let mut renamed = BTreeMap::new();
    for old in list.iter().map(own).filter(|n| n.contains('/')) {
        let mut new = old.replace('/', "_");
        while !taken.insert(new.clone()) {
            new.push('_');
        }
        log.changed("a name with a slash has an underscore");
        renamed.insert(old, new);
    }
    if renamed.is_empty() {
        return;
    }
    for layer in config.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(map) = layer.as_object_mut() else { continue };
        rename_key(map, &renamed);
        if let Some(inner) = map.get_mut("config").and_then(Value::as_object_mut) {
            rename_key(inner, &renamed);
        }
        if let Some(nodes) = map.get_mut("inbound_nodes") {
            rename_references(nodes, &renamed);
        }
    }
    for key in ["input_layers", "output_layers"] {
        if let Some(references) = config.get_mut(key) {
            rename_references(references, &renamed);
        }
    }
}

fn rename_key(map: &mut Map<String, Value>, renamed: &BTreeMap<String, String>) {
    if let Some(Value::String(name)) = map.get_mut("name")
        && let Some(new) = renamed.get(name)
    {
        name.clone_from(new);
    }
}

/// A reference to a tensor is a list of a layer's name and two numbers, maybe with further arguments.
fn rename_references(value: &mut Value, renamed: &BTreeMap<String, String>) {
    match value {
        Value::Array(list) => {
            let reference = list.len() >= 3 && list[1].is_u64() && list[2].is_u64();
            for (i, item) in list.iter_mut().enumerate() {
                match item {
                    Value::String(name) if i == 0 && reference => {
                        if let Some(new) = renamed.get(name) {
                            name.clone_from(new);
                        }
                    }
                    _ => rename_references(item, renamed),
                }
            }
        }
        Value::Object(map) => map.values_mut().for_each(|v| rename_references(v, renamed)),
        _ => {}
    }
}
