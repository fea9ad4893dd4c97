//! Keras files: what `load_model` of any Keras does with them.
//!
//! Sources: keras 3.15.1 `saving/saving_api.py`, `legacy/saving/legacy_h5_format.py`, `legacy/saving/saving_utils.py`; keras
//! 2.15 `saving/saving_api.py`, `saving/legacy/save.py`; facts in data/keras.tsv. Owns: containers, training
//! configurations, the calls. Must never know: other frameworks' files.

mod crossing;
mod fixes;
mod layer;
mod text;
mod walk;

use super::diagnosis::{Call, Cause, Diagnosis, Finding, Level, Outcome, joined, outcome};
use super::target::{Product, Target};
use super::version::Version;
use modelport_keras::{RawFile, SaveMethod};
use serde_json::Value;
use std::path::Path;
use walk::{Loader, Way};

/// Metrics by their short names, for which Keras 3 has no public function of that name (keras 3.15.1
/// `metrics/__init__.py`).
const SHORT_METRICS: &[&str] = &["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE"];

/// A Keras file and where it should load.
pub(crate) struct Case<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: &'a RawFile,
    pub(crate) target: &'a Target,
}

/// The whole diagnosis of a Keras file.
pub(crate) fn diagnose(case: &Case<'_>) -> Diagnosis {
    let mut loader = case.loader();
    let before = case.container(&loader);
    let stops = before.iter().any(|f| f.level == Level::Refused);
    loader.findings.extend(before);
    if let Some(config) = case.file.config.as_ref().filter(|_| !stops || case.file.method == SaveMethod::Archive) {
        let way = match case.file.method {
            SaveMethod::H5Model | SaveMethod::H5Weights | SaveMethod::TreeWeights => Way::Legacy,
            SaveMethod::Archive | SaveMethod::Directory => Way::Module,
        };
        loader.object(config, way, "", 0);
        if loader.crosses() {
            loader.findings.extend(crossing::find(config, way));
        }
        if way == Way::Legacy && case.nodes_are_new() && !loader.three() {
            let what = "the connections between layers are spelled as Keras 3 spells them";
            loader.findings.push(Finding::refused(Cause::Version, what).row(14));
        }
        case.weights(&mut loader);
        case.arrangement(&mut loader);
    }
    let structure = outcome(&loader.findings);
    let error = loader.findings.iter().find(|f| f.level == Level::Refused).and_then(|f| f.error.clone());
    if let Some(training) = case.training(&loader) {
        loader.findings.push(training);
    }
    loader.findings.extend(case.environment(&loader));
    let verdict = outcome(&loader.findings);
    let path = case.path.display();
    let prefix = case.module();
    let fatal = |f: &&Finding| f.level == Level::Refused;
    let first = loader.findings.iter().find(fatal).and_then(|f| f.error.clone());
    let mut calls =
        vec![Call { code: format!("{prefix}.load_model(\"{path}\")"), outcome: verdict, error: first, default: true }];
    if case.file.training.is_some() {
        let code = format!("{prefix}.load_model(\"{path}\", compile=False)");
        calls.push(Call { code, outcome: structure, error, default: false });
    }
    if case.file.config.is_none() {
        let code = format!("model.load_weights(\"{path}\")  # after making the model in Python");
        calls.push(Call { code, outcome: Outcome::Loads, error: None, default: false });
    }
    let fixes = fixes::of(case, &loader, structure, verdict);
    let mut findings = joined(loader.findings);
    findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    Diagnosis {
        file: path.to_string(),
        kind: kind(case.file.method).to_owned(),
        writer: case.writer_name(),
        evidence: case.evidence(),
        target: Some(case.target.to_string()),
        verdict,
        calls,
        findings,
        fixes,
        pasted: None,
    }
}

fn kind(method: SaveMethod) -> &'static str {
    match method {
        SaveMethod::H5Model => "a whole Keras model in HDF5",
        SaveMethod::H5Weights => "Keras weights without a model, in HDF5",
        SaveMethod::TreeWeights => "Keras weights without a model (.weights.h5)",
        SaveMethod::Archive => "a whole Keras model in a .keras archive",
        SaveMethod::Directory => "a whole Keras model, saved unzipped into a directory",
    }
}

impl Case<'_> {
    fn loader(&self) -> Loader {
        let (product, version) = self.target.keras();
        let writer = self.file.version.as_deref().and_then(Version::parse);
        Loader::new(product, version, writer)
    }

    /// The module that `load_model` is in.
    fn module(&self) -> &'static str {
        match (self.target.product, self.target.version.major()) {
            (Product::TfKeras, _) => "tf_keras.models",
            (Product::TensorFlow, _) => "tf.keras.models",
            (_, 3..) => "keras.saving",
            _ => "keras.models",
        }
    }

    /// Who wrote it: the package is in the modules of an archive, the version in both.
    fn writer_name(&self) -> Option<String> {
        let module =
            self.file.config.as_ref().and_then(|c| c.get("module")).and_then(Value::as_str).unwrap_or_default();
        let version = self.file.version.as_deref()?;
        let name = match version.ends_with("-tf") {
            true => "tf.keras (TensorFlow's own Keras)",
            false if module.starts_with("tf_keras.") => "tf_keras",
            false => "keras",
        };
        Some(format!("{name} {}", version.trim_end_matches("-tf")))
    }

    fn evidence(&self) -> Vec<String> {
        let place = match self.file.method {
            SaveMethod::Archive | SaveMethod::Directory => "metadata.json",
            _ => "attribute keras_version",
        };
        let mut all = Vec::new();
        match &self.file.version {
            Some(v) => all.push(format!("{place}: {v}")),
            None => all.push(format!("{place} is absent")),
        }
        all.extend(self.file.backend.as_ref().map(|b| format!("backend: {b}")));
        all
    }

    /// What the container and the path's ending mean to the loader.
    fn container(&self, loader: &Loader) -> Vec<Finding> {
        let name = self.path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        let path = self.path.display();
        let h5_name = name.ends_with(".h5") || name.ends_with(".hdf5");
        let mut found = Vec::new();
        match self.file.method {
            SaveMethod::H5Weights | SaveMethod::TreeWeights => found.push(weights_only(loader, &path.to_string())),
            SaveMethod::H5Model if loader.three() && !h5_name => {
                let text = match name.ends_with(".keras") {
                    true => format!(
                        "ValueError: File not found: filepath={path}. Please ensure the file is an accessible `.keras` zip file."
                    ),
                    false => format!(
                        "ValueError: File format not supported: filepath={path}. Keras 3 only supports V3 `.keras` files, legacy H5 format files (`.h5` extension)."
                    ),
                };
                let what =
                    "this is an HDF5 file, and Keras 3 goes by the ending of its name, which is neither .h5 nor .hdf5";
                found.push(Finding::refused(Cause::SaveMethod, what).row(44).error(text));
            }
            SaveMethod::Archive => found.extend(self.archive(loader, &name)),
            SaveMethod::Directory if !loader.three() || loader.version.before("3.4") => {
                let what = "a model saved unzipped (zipped=False) is read by Keras 3.4 and later";
                found.push(Finding::refused(Cause::Version, what));
            }
            _ => {}
        }
        found
    }

    fn archive(&self, loader: &Loader, name: &str) -> Option<Finding> {
        let path = self.path.display();
        // The serialization of `.keras` came with 2.11 (experimental) and 2.12 (keras_serialization.tsv).
        if loader.product == "tf.keras" || (loader.product == "keras" && loader.version.before("2.12")) {
            let what = format!(
                "`.keras` archives are read by Keras 2.12 and later, not by {} {}",
                loader.product, loader.version
            );
            let text =
                format!("OSError: SavedModel file does not exist at: {path}/{{saved_model.pbtxt|saved_model.pb}}");
            return Some(Finding::refused(Cause::Version, what).row(44).row(11).error(text));
        }
        if name.ends_with(".keras") {
            return None;
        }
        let text = match name.ends_with(".h5") || name.ends_with(".hdf5") {
            true => "OSError: Unable to synchronously open file (file signature not found)".to_owned(),
            false => format!(
                "ValueError: File format not supported: filepath={path}. Keras 3 only supports V3 `.keras` files, legacy H5 format files (`.h5` extension)."
            ),
        };
        let what = "this is a .keras archive, and Keras goes by the ending of its name, which is not .keras";
        Some(Finding::refused(Cause::SaveMethod, what).row(44).error(text))
    }

    /// Whether connections are objects, as Keras 3 writes them also into HDF5 files.
    fn nodes_are_new(&self) -> bool {
        let layers = self.file.config.as_ref().and_then(|c| c.get("config")?.get("layers")?.as_array());
        let nodes = layers.into_iter().flatten().filter_map(|l| l.get("inbound_nodes")?.as_array());
        nodes.flatten().any(Value::is_object)
    }

    /// Weights that do not fit although every argument does.
    fn weights(&self, loader: &mut Loader) {
        if !loader.crosses() {
            return;
        }
        // Keras 1 and the Theano backend: Keras 3 has no `preprocess_weights_for_loading` (keras_serialization.tsv).
        let first = loader.writer.as_ref().is_some_and(|w| w.major() < 2);
        if first || self.file.backend.as_deref() == Some("theano") {
            let what = "kernels are stored as Keras 1 or the Theano backend stored them; Keras 3 does not convert them";
            loader.findings.push(Finding::new(Cause::Version, Level::OtherNumbers, what).row(37));
        }
    }

    /// Weights of an archive that do not fit their layers, as our own reader finds them.
    fn arrangement(&self, loader: &mut Loader) {
        let sound = loader.findings.iter().all(|f| f.level < Level::Refused);
        if self.file.method != SaveMethod::Archive || !sound {
            return;
        }
        let Err(all) = modelport_keras::open(self.path, &modelport_keras::OpenOptions::default()) else { return };
        for d in all.0.iter().filter(|d| d.code == modelport_diag::Code::KERAS_WEIGHTS) {
            let what = format!("the weights in the archive do not fit the model: {}", d.message);
            let text = "ValueError: A total of … objects could not be loaded. Layer … expected … variables, but received … variables during loading.";
            let node = d.location.node.clone().unwrap_or_default();
            loader.findings.push(Finding::refused(Cause::Damage, what).row(45).error(text).at(node));
        }
    }

    /// What `compile=True` stumbles over.
    fn training(&self, loader: &Loader) -> Option<Finding> {
        let training = self.file.training.as_ref()?;
        let h5 = self.file.method == SaveMethod::H5Model;
        if !loader.three() || !h5 {
            return None;
        }
        let mut names = Vec::new();
        strings(training.get("metrics").unwrap_or(&Value::Null), &mut names, 0);
        let name = names.into_iter().find(|n| SHORT_METRICS.contains(n))?;
        let text = match loader.version.before("3.11.3") {
            true => format!(
                "TypeError: Could not locate function '{name}'. Make sure custom classes are decorated with `@keras.saving.register_keras_serializable()`."
            ),
            false => format!(
                "ValueError: Could not deserialize 'keras.metrics.{name}' because it is not a KerasSaveable subclass"
            ),
        };
        let what = format!(
            "the training configuration names the metric `{name}`, which Keras 3 cannot find by that name; inference does not need it"
        );
        Some(Finding::refused(Cause::SaveMethod, what).row(47).error(text).at("training_config"))
    }

    /// What depends on other packages.
    fn environment(&self, loader: &Loader) -> Option<Finding> {
        let old = match loader.product {
            "keras" => loader.version.before("2.6"),
            "tf.keras" => loader.version.before("2.5"),
            _ => false,
        };
        let h5 = !matches!(self.file.method, SaveMethod::Archive | SaveMethod::Directory);
        if !old || !h5 {
            return None;
        }
        let what = "this Keras decodes HDF5 attributes as bytes, which h5py 3 gives as strings: it needs h5py below 3";
        let text = "AttributeError: 'str' object has no attribute 'decode'";
        Some(Finding::new(Cause::Version, Level::Depends, what).row(15).error(text))
    }
}

/// The names in a nested list of metrics, of which each may be a string or an object.
fn strings<'a>(value: &'a Value, into: &mut Vec<&'a str>, depth: usize) {
    match value {
        Value::String(s) => into.push(s),
        Value::Array(items) if depth < 8 => items.iter().for_each(|v| strings(v, into, depth + 1)),
        // `MeanMetricWrapper` of Keras 2 has the name that was given to `compile`.
        Value::Object(map) if map.contains_key("class_name") => {
            into.extend(map.get("config").and_then(|c| c.get("name")).and_then(Value::as_str));
        }
        Value::Object(map) if depth < 8 => {
            map.values().for_each(|v| strings(v, into, depth + 1));
        }
        _ => {}
    }
}

fn weights_only(loader: &Loader, path: &str) -> Finding {
    let text = match (loader.three(), loader.version.before("2.4")) {
        (true, _) => format!("ValueError: No model config found in the file at {path}."),
        (false, true) => "ValueError: No model found in config file.".to_owned(),
        (false, false) => "ValueError: No model config found in the file at <h5py.File>.".to_owned(),
    };
    Finding::refused(
        Cause::SaveMethod,
        "the file holds weights without the model: there is no attribute `model_config`",
    )
    .row(10)
    .error(text)
}
