//! Configuration JSON → [`Model`].
//!
//! Sources: `get_config` of keras/models.py and engine/topology.py (1.2.2), engine/sequential.py and engine/functional.py
//! (2.x), src/models/sequential.py and src/models/functional.py (3.x).

use super::nodes::{parse_call, tensor_refs};
use super::{Body, Layer, LayerId, Model, Network, TensorRef};
use crate::json::{bool_of, str_of};
use modelport_diag::{Code, Diagnostic, Limits, Result};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Parses `{class_name, config}` of a model.
pub(crate) fn parse(value: Value, limits: &Limits) -> Result<Model> {
    let mut parser = Parser { layers: Vec::new(), limits };
    let root = parser.layer(value, 0)?;
    let model = Model { layers: parser.layers, root };
    match model.network(root) {
        Some(_) => Ok(model),
        None => Err(not_a_network(model.layer(root))),
    }
}

fn not_a_network(layer: &Layer) -> Box<Diagnostic> {
    if layer.class == "Graph" {
        return Diagnostic::error(Code::KERAS_UNSUPPORTED, "this is a `Graph` model of Keras before 1.0")
            .help("load it in Keras 1.0 to 1.2 and save it again as a `Model`");
    }
    let message =
        format!("`{}` is a subclassed model: its layers are connected by Python code, not in the file", layer.class);
    Diagnostic::error(Code::KERAS_UNSUPPORTED, message)
        .at_node(layer.name.clone())
        .help("build the model with the functional API and save it again, or export it as a SavedModel")
}

struct Parser<'a> {
    layers: Vec<Layer>,
    limits: &'a Limits,
}

fn config_error(message: String, name: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_CONFIG, message)
        .at_node(name)
        .help("this is not what Keras writes; the file may have been edited by hand")
}

impl Parser<'_> {
    fn layer(&mut self, value: Value, depth: usize) -> Result<LayerId> {
        self.limits.check_depth(depth, "the model")?;
        if self.layers.len() >= self.limits.objects {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the model has too many layers"));
        }
        let malformed = || config_error("a layer has no `class_name` and `config`".into(), "");
        let Value::Object(mut object) = value else { return Err(malformed()) };
        let (mut config, list) = match object.get_mut("config").map(Value::take) {
            Some(Value::Object(config)) => (config, None),
            // A Sequential of Keras before 2.2.3 is a bare list.
            Some(Value::Array(layers)) => (Map::new(), Some(layers)),
            _ => return Err(malformed()),
        };
        let class = str_of(&object, "class_name").ok_or_else(malformed)?;
        // "package>Class" names a registered custom class in the legacy dialect.
        let (package, bare) = class.rsplit_once('>').map_or((None, class), |(_, bare)| (Some(class), bare));
        let text = |key| str_of(&object, key).map(str::to_owned);
        let name = str_of(&config, "name").map(str::to_owned).or_else(|| text("name"));
        let id = LayerId(self.layers.len());
        self.layers.push(Layer {
            class: bare.to_owned(),
            name: name.unwrap_or_else(|| bare.to_lowercase()),
            module: text("module"),
            registered: text("registered_name").or_else(|| package.map(str::to_owned)),
            build: object.get("build_config").filter(|b| !b.is_null()).cloned(),
            shared_id: object.get("shared_object_id").and_then(Value::as_i64),
            config: Map::new(),
            body: Body::Plain,
            weights: Vec::new(),
            calls: Vec::new(),
        });
        let body = self.body(bare, &mut config, list, depth)?;
        let layer = &mut self.layers[id.0];
        (layer.body, layer.config) = (body, config);
        Ok(id)
    }

    /// What is inside a layer; the layers of a network are taken out of its configuration.
    fn body(
        &mut self,
        class: &str,
        config: &mut Map<String, Value>,
        list: Option<Vec<Value>>,
        depth: usize,
    ) -> Result<Body> {
        let functional = config.contains_key("input_layers") && config.contains_key("output_layers");
        let sequential = class == "Sequential" || list.is_some() || config.contains_key("build_input_shape");
        let layers = match (list, config.get_mut("layers")) {
            (Some(list), _) => list,
            (None, Some(Value::Array(layers))) if class == "Merge" || functional || sequential => {
                std::mem::take(layers)
            }
            _ => return self.slots(class, config, depth),
        };
        if class == "Merge" {
            let parts = layers.into_iter().enumerate();
            let slots = parts.map(|(i, l)| Ok((format!("layers/{i}"), self.layer(l, depth + 1)?)));
            return Ok(Body::Slots(slots.collect::<Result<_>>()?));
        }
        config.shift_remove("layers");
        if functional { self.functional(config, layers, depth) } else { self.sequential(layers, depth) }
    }

    fn sequential(&mut self, layers: Vec<Value>, depth: usize) -> Result<Body> {
        let layers = layers.into_iter().map(|l| self.layer(l, depth + 1)).collect::<Result<Vec<_>>>()?;
        Ok(Body::Network(Network {
            sequential: true,
            layers,
            inputs: Vec::new(),
            outputs: Vec::new(),
            input_keys: Vec::new(),
        }))
    }

    fn functional(&mut self, config: &Map<String, Value>, entries: Vec<Value>, depth: usize) -> Result<Body> {
        let mut layers = Vec::with_capacity(entries.len());
        let mut nodes = Vec::with_capacity(entries.len());
        for mut entry in entries {
            // The name that connections use stands beside the configuration.
            let name = entry.get("name").and_then(Value::as_str).map(str::to_owned);
            nodes.push(entry.get_mut("inbound_nodes").map(Value::take));
            let id = self.layer(entry, depth + 1)?;
            if let Some(name) = name {
                self.layers[id.0].name = name;
            }
            layers.push(id);
        }
        let names: HashSet<String> = layers.iter().map(|id| self.layers[id.0].name.clone()).collect();
        if names.len() != layers.len() {
            return Err(config_error("two layers of one model have the same name".into(), ""));
        }
        for (nodes, id) in nodes.iter().zip(&layers) {
            let layer = &mut self.layers[id.0];
            for node in nodes.iter().filter_map(Value::as_array).flatten() {
                if node.as_array().is_some_and(Vec::is_empty) {
                    continue;
                }
                let call = parse_call(node, &names);
                layer.calls.push(call.ok_or_else(|| config_error("a call of it is malformed".into(), &layer.name))?);
            }
        }
        let mut input_keys = Vec::new();
        let inputs = refs(config, "input_layers", &mut input_keys)?;
        let outputs = refs(config, "output_layers", &mut Vec::new())?;
        Ok(Body::Network(Network { sequential: false, layers, inputs, outputs, input_keys }))
    }

    /// The inner layers of wrappers.
    fn slots(&mut self, class: &str, config: &Map<String, Value>, depth: usize) -> Result<Body> {
        let is_layer = |v: &Value| v.get("class_name").is_some() && v.get("config").is_some();
        let mut slots = Vec::new();
        if class == "Bidirectional" {
            let forward = config.get("layer").or_else(|| config.get("forward_layer")).filter(|v| is_layer(v));
            let forward = forward.ok_or_else(|| config_error("a Bidirectional layer has no `layer`".into(), ""))?;
            let backward = config.get("backward_layer").filter(|v| is_layer(v)).cloned();
            slots.push(("forward_layer".to_owned(), self.layer(forward.clone(), depth + 1)?));
            let backward = backward.unwrap_or_else(|| reversed(forward));
            slots.push(("backward_layer".to_owned(), self.layer(backward, depth + 1)?));
            return Ok(Body::Slots(slots));
        }
        for key in ["layer", "cell"] {
            if let Some(inner) = config.get(key).filter(|v| is_layer(v)) {
                slots.push((key.to_owned(), self.layer(inner.clone(), depth + 1)?));
            }
        }
        if let Some(Value::Array(cells)) = config.get("cells") {
            for (i, cell) in cells.iter().enumerate().filter(|(_, c)| is_layer(c)) {
                slots.push((format!("cells/{i}"), self.layer(cell.clone(), depth + 1)?));
            }
        }
        Ok(if slots.is_empty() { Body::Plain } else { Body::Slots(slots) })
    }
}

/// keras/src/layers/rnn/bidirectional.py: the backward layer is the forward layer with `go_backwards` turned over.
fn reversed(forward: &Value) -> Value {
    let mut backward = forward.clone();
    if let Some(config) = backward.get_mut("config").and_then(Value::as_object_mut) {
        let turned = !bool_of(config, "go_backwards", false);
        config.insert("go_backwards".into(), json!(turned));
        let name = str_of(config, "name").unwrap_or_default();
        let name = format!("backward_{}", name.strip_prefix("forward_").unwrap_or(name));
        config.insert("name".into(), json!(name));
    }
    backward
}

fn refs(config: &Map<String, Value>, key: &str, keys: &mut Vec<String>) -> Result<Vec<TensorRef>> {
    let found = config.get(key).and_then(|v| tensor_refs(v, keys));
    found.ok_or_else(|| config_error(format!("`{key}` is malformed"), str_of(config, "name").unwrap_or_default()))
}
