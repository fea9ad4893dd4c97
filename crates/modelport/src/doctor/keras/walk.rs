//! A walk over a model's configuration in the order in which a loader of Keras makes its objects.
//!
//! Sources: keras 3.15.1 `legacy/saving/saving_utils.py`, `legacy/saving/serialization.py`, `saving/serialization_lib.py`,
//! `models/{functional,sequential}.py`; keras 2.15 `saving/legacy/serialization.py`. Owns: which of the two ways of making
//! an object applies where, and what each fails on before a class sees its arguments. Must never know: single classes'
//! arguments, see `layer`.

use super::text;
use crate::doctor::diagnosis::{Cause, Finding};
use crate::doctor::tables::{self, Class};
use crate::doctor::version::Version;
use serde_json::Value;
use std::collections::BTreeSet;

/// Configurations nested deeper than this are no models.
const DEEPEST: usize = 64;

/// The Keras that loads.
pub(crate) struct Loader {
    /// Which package's tables apply: `keras`, `tf.keras`, `tf_keras`.
    pub(crate) product: &'static str,
    pub(crate) version: Version,
    /// The version that wrote the file.
    pub(crate) writer: Option<Version>,
    /// What was found, in the order in which Keras would meet it.
    pub(crate) findings: Vec<Finding>,
    /// Classes that are nobody's but the author's.
    pub(crate) custom: BTreeSet<String>,
}

/// In which way an object is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// By its class's name alone, as HDF5 files and Keras before 2.12 do.
    Legacy,
    /// By module, class and registered name, as `.keras` files do.
    Module,
}

impl Loader {
    pub(crate) fn new(product: &'static str, version: Version, writer: Option<Version>) -> Self {
        Self { product, version, writer, findings: Vec::new(), custom: BTreeSet::new() }
    }

    /// Whether it is Keras 3.
    pub(crate) fn three(&self) -> bool {
        self.product == "keras" && self.version.major() >= 3
    }

    /// Whether the file was written by Keras before 3 and is read by Keras 3.
    pub(crate) fn crosses(&self) -> bool {
        self.three() && self.writer.as_ref().is_none_or(|w| w.major() < 3)
    }

    pub(crate) fn class(&self, name: &str) -> Option<&'static Class> {
        tables::keras().class(self.product, name, &self.version)
    }

    /// Makes the object that `config` describes; `top` is the model itself.
    pub(crate) fn object(&mut self, config: &Value, way: Way, path: &str, depth: usize) {
        let Some(class) = config.get("class_name").and_then(Value::as_str) else { return };
        if depth > DEEPEST {
            return;
        }
        let inner = config.get("config").unwrap_or(&Value::Null);
        // A HDF5 file of Keras 2.12 and later spells nested models in the newer way.
        let way = match way {
            Way::Legacy if config.get("module").is_some() && depth > 0 => Way::Module,
            other => other,
        };
        let name = inner.get("name").and_then(Value::as_str).unwrap_or_default();
        let place = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let found = match way {
            Way::Legacy => self.by_name(class, inner, &place),
            Way::Module => self.by_module(config, class, &place),
        };
        if !found {
            return;
        }
        if let Some(layers) = layers_of(class, inner) {
            let path = if depth == 0 { String::new() } else { place };
            for layer in layers {
                self.object(layer, way, &path, depth + 1);
            }
            return;
        }
        self.arguments(class, inner, way, &place);
        for key in ["layer", "backward_layer", "cell", "forward_layer"] {
            self.wrapped(inner.get(key), way, &place, depth);
        }
        for cell in inner.get("cells").and_then(Value::as_array).into_iter().flatten() {
            self.wrapped(Some(cell), way, &place, depth);
        }
    }

    /// The layer inside a wrapper: Keras 3 always makes it in the newer way (`layers/core/wrapper.py`).
    fn wrapped(&mut self, inner: Option<&Value>, way: Way, place: &str, depth: usize) {
        let Some(inner) = inner.filter(|v| v.is_object()) else { return };
        let way = if self.three() { Way::Module } else { way };
        self.object(inner, way, place, depth + 1);
    }

    /// Looks a class up by its name alone.
    fn by_name(&mut self, class: &str, config: &Value, place: &str) -> bool {
        // `config["config"].pop("batch_input_shape", None)` on a list, as Sequential had it until Keras 2.2.2.
        if self.three() && config.is_array() {
            self.findings.push(
                Finding::refused(
                    Cause::Version,
                    "the configuration of `Sequential` is a list, as Keras before 2.2.3 wrote it",
                )
                .error("TypeError: pop expected at most 1 argument, got 2"),
            );
            return false;
        }
        let model = matches!(class, "Functional" | "Model" | "Sequential");
        if self.class(class).is_some_and(|c| c.public) || (model && (class != "Functional" || self.has_functional())) {
            return true;
        }
        let finding = self.unknown(class, place);
        self.findings.push(finding);
        false
    }

    /// Keras before 2.4 knows functional models as `Model` only.
    fn has_functional(&self) -> bool {
        self.class("Functional").is_some()
    }

    /// The finding for a class that is not there.
    fn unknown(&mut self, class: &str, place: &str) -> Finding {
        let help = "Please ensure you are using a `keras.utils.custom_object_scope` and that this object is included in the scope.";
        let text = match self.three() {
            true => format!("ValueError: Unknown layer: '{class}'. {help}"),
            false if self.version.before("2.4") => format!("ValueError: Unknown layer: {class}"),
            false => format!(
                "ValueError: Unknown layer: '{class}'. Please ensure you are using a `keras.utils.custom_object_scope`"
            ),
        };
        self.absent(class).error(text).at(place)
    }

    /// Who has a class that the target lacks: an older Keras, a newer one, or only the author.
    pub(crate) fn absent(&mut self, class: &str) -> Finding {
        let target = format!("{} {}", self.product, self.version);
        if matches!(class, "TFOpLambda" | "SlicingOpLambda" | "TensorFlowOpLayer") {
            let what = format!("`{class}` holds a TensorFlow operation, for which {target} has no class");
            return Finding::refused(Cause::Version, what).row(48);
        }
        match tables::keras().any_version("keras", class).or_else(|| tables::keras().any_version("tf.keras", class)) {
            Some(known) => {
                let what = format!("{target} has no layer class `{class}`; Keras {} has it", known.exists());
                Finding::refused(Cause::Version, what).row(6)
            }
            None => {
                self.custom.insert(class.to_owned());
                let what = format!("`{class}` is no class of Keras but one of the model's author");
                Finding::refused(Cause::CustomObjects, what).row(6)
            }
        }
    }

    /// Looks a class up by its module.
    fn by_module(&mut self, config: &Value, class: &str, place: &str) -> bool {
        let module = config.get("module").and_then(Value::as_str).unwrap_or_default();
        let package = module.split('.').next().unwrap_or_default();
        let home = if self.product == "tf_keras" { "tf_keras" } else { "keras" };
        let short = module == "keras" || module == "keras.layers";
        let full = text::repr(config);
        if (short || module == "keras.models") && self.class(class).is_some_and(|c| c.public || is_model(class)) {
            return true;
        }
        let finding = if package == home && !short && module != "keras.models" {
            if self.importable(module) {
                return true;
            }
            let what = format!(
                "the class `{class}` was saved with the module `{module}`, which {} {} does not have",
                self.product, self.version
            );
            Finding::refused(Cause::Version, what).row(13).error(format!(
                "TypeError: Could not deserialize class '{class}' because its parent module {module} cannot be imported. Full object config: {full}"
            ))
        } else if short && package == home && tables::keras().knows(class) {
            let text = match self.three() && !self.version.before("3.11.3") {
                true => format!(
                    "ValueError: Could not deserialize '{module}.{class}' because it is not a KerasSaveable subclass"
                ),
                false => not_located(class, &full),
            };
            self.absent(class).error(text)
        } else if matches!(package, "tf_keras" | "keras" | "keras_core") {
            let what = format!("the class `{class}` was saved with the module `{module}`, which only {package} has");
            Finding::refused(Cause::Version, what).row(13).row(16).error(not_located(class, &full))
        } else if module.is_empty() && tables::keras().knows(class) {
            let what = format!("`{class}` stands in its wrapper without a module, as Keras before 2.12 wrote it");
            Finding::refused(Cause::Version, what).row(16).error(not_located(class, &full))
        } else {
            self.custom.insert(class.to_owned());
            let what = format!("`{class}` is no class of Keras but one of the model's author");
            Finding::refused(Cause::CustomObjects, what).row(16).row(6).error(not_located(class, &full))
        };
        self.findings.push(finding.at(place));
        false
    }

    /// Where Keras' own modules were over time: `keras.engine` until 2.12, `keras.src.engine` to 2.15, `keras.src.models`
    /// in Keras 3 (column `changes` of keras_layers.tsv).
    fn importable(&self, module: &str) -> bool {
        if self.product == "tf_keras" {
            return module.starts_with("tf_keras.src.");
        }
        let old = module.starts_with("keras.engine.")
            || (module.starts_with("keras.layers.") && module.matches('.').count() > 1);
        match (self.version.major(), module.starts_with("keras.src."), old) {
            (3.., true, _) => !module.starts_with("keras.src.engine."),
            (_, true, _) => {
                !self.version.before("2.13")
                    && !module.starts_with("keras.src.models.")
                    && !module.starts_with("keras.src.ops.")
            }
            (2, _, true) => self.version.before("2.13"),
            _ => false,
        }
    }
}

fn is_model(class: &str) -> bool {
    matches!(class, "Functional" | "Model" | "Sequential")
}

fn not_located(class: &str, full: &str) -> String {
    format!(
        "TypeError: Could not locate class '{class}'. Make sure custom classes and functions are decorated with \
         `@keras.saving.register_keras_serializable()`. If they are already decorated, make sure they are all imported so \
         that the decorator is run before trying to load them. Full object config: {full}"
    )
}

/// The layers of a model; nothing for what is no model.
fn layers_of<'a>(class: &str, config: &'a Value) -> Option<&'a Vec<Value>> {
    let functional = config.get("layers").is_some() && config.get("output_layers").is_some();
    if functional || class == "Sequential" {
        return config.get("layers").unwrap_or(config).as_array();
    }
    None
}
