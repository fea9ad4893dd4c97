//! One layer's configuration against what its class takes in the version that loads it.
//!
//! Sources: the tables; keras 3.15.1 `layers/layer.py`, `ops/operation.py`, `legacy/saving/saving_utils.py`,
//! `layers/core/lambda_layer.py`, `activations/__init__.py`; keras 2.15 `engine/base_layer.py`, `engine/input_layer.py`.
//! Owns: keys and values of configurations. Must never know: where layers stand in a file.

use super::text;
use super::walk::{Loader, Way};
use crate::doctor::diagnosis::{Cause, Finding, Level};
use crate::doctor::tables::{self, Class};
use serde_json::{Map, Value};

/// Functions of `keras.src.layers`, which a string of the same name in a configuration turns into (keras 3.15.1
/// `class_and_config_for_serialized_keras_object`).
const FUNCTIONS: &[&str] = &[
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "get",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
    "Input",
];

/// Entries that `from_config` takes out itself, before the class sees them.
const TAKEN_OUT: &[(&str, &[&str])] = &[
    ("RNN", &["cell"]),
    ("StackedRNNCells", &["cells"]),
    ("Bidirectional", &["layer", "backward_layer"]),
    ("TimeDistributed", &["layer"]),
    ("SpectralNormalization", &["layer"]),
    ("Wrapper", &["layer"]),
];

/// What `legacy/saving/saving_utils.py` drops from a `Lambda`.
const LAMBDA_DROPPED: &[&str] = &["module", "function_type", "output_shape_type", "output_shape_module"];

/// Dtype policies by class, which only Keras before 3 has.
const OLD_POLICIES: &[&str] = &["Policy", "PolicyV1"];

impl Loader {
    /// Everything about one layer.
    pub(crate) fn arguments(&mut self, class: &str, config: &Value, way: Way, place: &str) {
        let (Some(config), Some(known)) = (config.as_object(), self.class(class)) else { return };
        let before = self.findings.len();
        self.lambda(class, config, way, place);
        self.keys(class, known, config, way, place);
        if self.three() {
            self.values_for_three(class, config, way, place);
        }
        self.activations(class, config, place);
        self.numbers(class, config, place);
        // Keras stops at the first; the others would come after it was mended, and are worth knowing.
        for finding in &mut self.findings[before..] {
            if finding.places.is_empty() {
                finding.places.push(place.to_owned());
            }
        }
    }

    fn keys(&mut self, class: &str, known: &Class, config: &Map<String, Value>, way: Way, place: &str) {
        let taken = TAKEN_OUT.iter().find(|(c, _)| *c == class).map_or(&[][..], |(_, keys)| keys);
        let legacy = way == Way::Legacy && self.three();
        let gone = |key: &str| {
            taken.contains(&key)
                || (legacy && (key == "batch_input_shape" || class == "Lambda" && LAMBDA_DROPPED.contains(&key)))
                || (class == "Lambda" && !self.three() && key.ends_with("_type") | key.ends_with("module"))
        };
        let refused: Vec<_> = config.iter().filter(|(k, _)| !gone(k) && !known.accepts(k, &self.version)).collect();
        let Some((first, _)) = refused.first() else { return };
        let keys: Vec<_> = refused.iter().map(|(k, _)| format!("`{k}`")).collect();
        let target = format!("{} {}", self.product, self.version);
        let summary = format!("`{class}` of {target} does not take {}", keys.join(", "));
        let kwargs = text::dict(refused.iter().map(|(k, v)| (k.as_str(), *v)));
        let error = self.kwargs_error(class, known, config, first, &kwargs);
        let mut finding = Finding::refused(Cause::Version, summary).error(error).at(place);
        finding.signatures = self.kwargs_rows(class, first);
        self.findings.push(finding);
    }

    /// The text of the exception about arguments that a class does not take.
    fn kwargs_error(
        &self,
        class: &str,
        known: &Class,
        config: &Map<String, Value>,
        first: &str,
        kwargs: &str,
    ) -> String {
        if !self.three() {
            return match class {
                "InputLayer" => format!("ValueError: Unrecognized keyword arguments: ['{first}']"),
                _ => format!("TypeError: ('Keyword argument not understood:', '{first}')"),
            };
        }
        let inner = match known.takes_kwargs(&self.version) {
            true => format!("Unrecognized keyword arguments passed to {class}: {kwargs}"),
            false => format!("{class}.__init__() got an unexpected keyword argument '{first}'"),
        };
        if known.own_from_config(&self.version) {
            return format!("ValueError: {inner}");
        }
        let all = text::dict(config.iter().map(|(k, v)| (k.as_str(), v)).take(4));
        format!(
            "TypeError: Error when deserializing class '{class}' using config={all}….\n\nException encountered: {inner}"
        )
    }

    fn kwargs_rows(&self, class: &str, key: &str) -> Vec<u16> {
        match (class, key) {
            (_, "time_major") => vec![49],
            ("InputLayer", "batch_shape" | "ragged" | "optional") => vec![14],
            (_, _) if self.crosses() => vec![1],
            _ => vec![],
        }
    }

    fn lambda(&mut self, class: &str, config: &Map<String, Value>, way: Way, place: &str) {
        if class != "Lambda" {
            return;
        }
        let function = config.get("function").unwrap_or(&Value::Null);
        let bytecode = match way {
            Way::Legacy => function.is_array() || is_lambda(function),
            Way::Module => is_lambda(function),
        };
        let what = "a `Lambda` layer holds Python bytecode, which only the Python version that wrote it can run";
        if !bytecode {
            let name = function.as_str().or_else(|| function.get("config").and_then(Value::as_str)).unwrap_or("?");
            let what = format!("a `Lambda` layer refers to the function `{name}`, which only its author has");
            let finding = Finding::refused(Cause::CustomObjects, what).row(17).row(16);
            self.findings.push(finding.error(format!("TypeError: Could not locate function '{name}'.")).at(place));
            return;
        }
        // safe_mode came with the serialization library of 2.11 and is on by default (keras_serialization.tsv).
        let safe = self.three() || (way == Way::Module && self.product != "tf.keras");
        let text = match (safe, way) {
            (true, Way::Module) if !self.three() || self.version.before("3.1") => {
                "ValueError: Requested the deserialization of a Lambda layer with a Python `lambda` inside it. This carries a \
                 potential risk of arbitrary code execution and thus it is disallowed by default."
            }
            (true, _) => {
                "ValueError: Requested the deserialization of a `Lambda` layer whose `function` is a Python lambda. This \
                 carries a potential risk of arbitrary code execution and thus it is disallowed by default. If you trust the \
                 source of the artifact, you can override this error by passing `safe_mode=False` to the loading function, or \
                 calling `keras.config.enable_unsafe_deserialization()."
            }
            (false, _) => "ValueError: bad marshal data (unknown type code)",
        };
        let level = if safe { Level::Refused } else { Level::Depends };
        self.findings.push(Finding::new(Cause::CustomObjects, level, what).row(17).error(text).at(place));
    }

    /// Values that Keras 3 refuses although it takes the argument.
    fn values_for_three(&mut self, class: &str, config: &Map<String, Value>, way: Way, place: &str) {
        let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.contains('/') {
            let text = format!(
                "TypeError: Error when deserializing class '{class}'….\n\nException encountered: Argument `name` must be a string \
                 and cannot contain character `/`. Received: name={name} (of type <class 'str'>)"
            );
            let what = "names of layers with a `/`, which Keras 3 refuses";
            self.findings.push(Finding::refused(Cause::Version, what).error(text).at(place));
        }
        let strings = config.iter().filter_map(|(k, v)| Some((k, v.as_str()?)));
        for (key, value) in strings.filter(|(k, v)| way == Way::Legacy && *k != "name" && FUNCTIONS.contains(v)) {
            let what = format!(
                "`{class}({key}=\"{value}\")` in an HDF5 file: Keras 3 takes the word for its function `{value}`"
            );
            let text = format!(
                "TypeError: Error when deserializing class '{class}'….\n\nException encountered: Invalid value for argument {key}. \
                 Received: {key}=<function {value}>"
            );
            self.findings.push(Finding::refused(Cause::Version, what).error(text).at(place));
        }
        self.axis(class, config, way, place);
        let policy = config.get("dtype").and_then(|d| d.get("class_name")).and_then(Value::as_str);
        if let Some(policy) = policy.filter(|p| OLD_POLICIES.contains(p)) {
            let what = format!("the dtype policy is an object of the class `{policy}`, which Keras 3 does not have");
            let text = "AttributeError: 'str' object has no attribute 'quantization_mode'";
            self.findings.push(Finding::refused(Cause::Version, what).error(text).at(place));
        }
    }

    /// `axis` as a list: the HDF5 loader takes a single number out of its list and drops longer lists; the other loader
    /// hands the list on, which only some classes take.
    fn axis(&mut self, class: &str, config: &Map<String, Value>, way: Way, place: &str) {
        let Some(axes) = config.get("axis").and_then(Value::as_array) else { return };
        if way == Way::Legacy && axes.len() > 1 {
            let what = format!(
                "`{class}(axis={})`: the HDF5 loader of Keras 3 drops an axis of several numbers",
                text::repr(&config["axis"])
            );
            let text =
                "ValueError: Shape mismatch in layer … Weight expects shape (…). Received saved weight with shape (…)";
            self.findings.push(Finding::refused(Cause::Version, what).error(text).at(place));
        }
        if way == Way::Module && class == "BatchNormalization" {
            let what = format!(
                "`BatchNormalization(axis={})` with a list, where Keras 3 wants a number",
                text::repr(&config["axis"])
            );
            let all = text::dict(config.iter().map(|(k, v)| (k.as_str(), v)).take(4));
            let text = format!("TypeError: Error when deserializing class 'BatchNormalization' using config={all}…");
            self.findings.push(Finding::refused(Cause::Version, what).error(text).at(place));
        }
    }

    fn activations(&mut self, class: &str, config: &Map<String, Value>, place: &str) {
        for key in ["activation", "recurrent_activation", "inner_activation"] {
            let Some(name) = config.get(key).and_then(Value::as_str) else { continue };
            match tables::keras().activation(self.product, name, &self.version) {
                Some(true) => continue,
                Some(false) => {
                    let what = format!("{} {} has no activation `{name}`", self.product, self.version);
                    let rows = if name == "relu6" { vec![18] } else { vec![] };
                    let mut finding =
                        Finding::refused(Cause::Version, what).error(self.unknown_activation(name)).at(place);
                    finding.signatures = rows;
                    self.findings.push(finding);
                }
                None => {
                    self.custom.insert(name.to_owned());
                    let what = format!("the activation `{name}` of `{class}` is a function of the model's author");
                    let finding = Finding::refused(Cause::CustomObjects, what).row(18).row(6);
                    self.findings.push(finding.error(self.unknown_activation(name)).at(place));
                }
            }
        }
    }

    fn unknown_activation(&self, name: &str) -> String {
        match self.three() {
            true => format!("ValueError: Could not interpret activation function identifier: {name}"),
            false if self.version.before("2.4") => format!("ValueError: Unknown activation function:{name}"),
            false => format!(
                "ValueError: Unknown activation function: '{name}'. Please ensure you are using a `keras.utils.custom_object_scope`"
            ),
        }
    }

    /// What loads and computes something else.
    fn numbers(&mut self, class: &str, config: &Map<String, Value>, place: &str) {
        if !self.crosses() {
            return;
        }
        let hard = |key: &str| config.get(key).and_then(Value::as_str) == Some("hard_sigmoid");
        if hard("activation") || hard("recurrent_activation") {
            let what =
                "`hard_sigmoid` was clip(0.2·x + 0.5, 0, 1) and is relu6(x + 3) / 6 in Keras 3: up to 0.06 apart";
            self.findings.push(Finding::new(Cause::Version, Level::OtherNumbers, what).row(37).at(place));
        }
        // The default of ConvLSTM*D was hard_sigmoid, of which a configuration without the key speaks.
        if class.starts_with("ConvLSTM") && !config.contains_key("recurrent_activation") {
            let what = "`recurrent_activation` is not in the configuration; its default was hard_sigmoid and is sigmoid in Keras 3";
            self.findings.push(Finding::new(Cause::Version, Level::OtherNumbers, what).row(37).at(place));
        }
    }
}

fn is_lambda(function: &Value) -> bool {
    function.get("class_name").and_then(Value::as_str) == Some("__lambda__")
}
