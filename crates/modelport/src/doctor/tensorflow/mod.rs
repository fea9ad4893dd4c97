//! TensorFlow's SavedModels, graphs and checkpoints in TensorFlow and Keras of a version.
//!
//! Sources: tensorflow/core/protobuf/{saved_model,meta_graph}.proto, core/framework/{graph,node_def,op_def}.proto; tables
//! data/tensorflow.tsv. Owns: what a path is taken for, ops by version. Must never know: what ops compute.

mod file;
mod ops;

use super::diagnosis::{Call, Cause, Diagnosis, Finding, Fix, FixKind, Level, joined, outcome};
use super::target::{Product, Target};
pub(crate) use file::{File, Kind, read};
use std::path::Path;

/// A TensorFlow model and where it should load.
pub(crate) struct Case<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: &'a File,
    pub(crate) target: &'a Target,
}

/// The whole diagnosis.
pub(crate) fn diagnose(case: &Case<'_>) -> Diagnosis {
    let path = case.path.display().to_string();
    let mut findings = case.container();
    let keras3 = matches!(case.target.product, Product::Keras) && case.target.version.major() >= 3;
    if keras3 && case.file.kind == Kind::SavedModel {
        findings.push(keras_three(&path));
    }
    // What the graph needs of TensorFlow; Keras 3 runs on the newest.
    findings.extend(ops::findings(case));
    let verdict = outcome(&findings);
    let error = findings.iter().find(|f| f.level == Level::Refused).and_then(|f| f.error.clone());
    let calls = vec![Call { code: case.call(keras3), outcome: verdict, error, default: true }];
    let mut findings = joined(findings);
    findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    Diagnosis {
        file: path,
        kind: case.file.words(),
        writer: case.file.writer(),
        evidence: case.file.evidence(),
        target: Some(case.target.to_string()),
        verdict,
        calls,
        fixes: case.fixes(&findings, keras3),
        findings,
        pasted: None,
    }
}

fn keras_three(path: &str) -> Finding {
    let text = format!(
        "ValueError: File format not supported: filepath={path}. Keras 3 only supports V3 `.keras` files and legacy H5 format files (`.h5` extension)."
    );
    Finding::refused(Cause::SaveMethod, "this is a SavedModel, which `load_model` of Keras 3 does not read")
        .row(3)
        .error(text)
}

impl Case<'_> {
    fn call(&self, keras3: bool) -> String {
        let path = self.path.display();
        match self.file.kind {
            Kind::SavedModel if keras3 => format!("keras.saving.load_model(\"{path}\")"),
            Kind::SavedModel if self.target.product == Product::TfKeras => {
                format!("tf_keras.models.load_model(\"{path}\")")
            }
            Kind::SavedModel if self.target.product == Product::Keras => format!("keras.models.load_model(\"{path}\")"),
            Kind::SavedModel => format!("tf.saved_model.load(\"{path}\")"),
            Kind::Graph | Kind::TextGraph => {
                format!("tf.compat.v1.GraphDef.FromString(open(\"{path}\", \"rb\").read())")
            }
            Kind::Checkpoint => format!("tf.train.load_checkpoint(\"{path}\")"),
        }
    }

    /// What the path means to the loader.
    fn container(&self) -> Vec<Finding> {
        let path = self.path.display();
        let mut found = Vec::new();
        let refused = |cause, what: String, row: u16, text: String| Finding::refused(cause, what).row(row).error(text);
        match self.file.kind {
            Kind::SavedModel if !self.path.is_dir() => {
                let parent = self.path.parent().map(|p| p.display().to_string()).unwrap_or_default();
                let text =
                    format!("OSError: SavedModel file does not exist at: {path}/{{saved_model.pbtxt|saved_model.pb}}");
                let what =
                    format!("the path is the file inside of the SavedModel; the loader wants its directory `{parent}`");
                found.push(refused(Cause::SaveMethod, what, 11, text).row(28));
            }
            Kind::SavedModel if self.file.below.is_some() => {
                let below = self.file.below.clone().unwrap_or_default();
                let text =
                    format!("OSError: SavedModel file does not exist at: {path}/{{saved_model.pbtxt|saved_model.pb}}");
                found.push(refused(
                    Cause::SaveMethod,
                    format!("the SavedModel is one directory down, in `{below}`"),
                    11,
                    text,
                ));
            }
            Kind::Graph if self.file.in_saved_model => {
                let text = "RuntimeError: MetaGraphDef associated with tags 'serve' could not be found in SavedModel.";
                let what = "the saved_model.pb is a frozen graph under that name, not a SavedModel";
                found.push(refused(Cause::SaveMethod, what.into(), 29, text.into()));
            }
            Kind::TextGraph => {
                let text = "google.protobuf.message.DecodeError: Error parsing message";
                let what = "this is a graph as text (.pbtxt), which must be parsed with text_format";
                found.push(refused(Cause::SaveMethod, what.into(), 28, text.into()));
            }
            Kind::Checkpoint => found.extend(self.checkpoint()),
            _ => {}
        }
        found.extend(self.meta_graph());
        if self.file.broken {
            let text = "google.protobuf.message.DecodeError: Error parsing message";
            found.push(refused(
                Cause::Damage,
                "the protobuf message ends in the middle of a field".into(),
                28,
                text.into(),
            ));
        }
        found
    }

    fn checkpoint(&self) -> Option<Finding> {
        let path = self.path.display();
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !self.file.index {
            let what = "there is no .index file of that prefix, or no data file beside it";
            let text = format!(
                "NotFoundError: Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {path}"
            );
            return Some(Finding::refused(Cause::SaveMethod, what).row(27).error(text));
        }
        let piece = name.ends_with(".index") || name.ends_with(".meta") || name.contains(".data-");
        let what = "the path is one file of a checkpoint; TensorFlow wants the prefix that its files share";
        let text = "DataLossError: Unable to open table file: not an sstable (bad magic number)";
        piece.then(|| Finding::refused(Cause::SaveMethod, what).row(26).error(text))
    }

    /// Tags, signatures and variables of a SavedModel.
    fn meta_graph(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.file.kind != Kind::SavedModel {
            return found;
        }
        let sets: Vec<_> = self.file.tags.iter().map(|t| t.join(",")).collect();
        if !self.file.tags.iter().any(|t| t.iter().any(|t| t == "serve")) {
            let what = format!("no meta graph has the tag `serve`; there are: {}", sets.join("; "));
            let text = "RuntimeError: MetaGraphDef associated with tags 'serve' could not be found in SavedModel.";
            found.push(Finding::refused(Cause::SaveMethod, what).row(29).error(text));
        }
        if self.file.needs_variables && !self.file.has_variables {
            let what = "the graph has variables, and the directory `variables` with their values is missing";
            let text = "NotFoundError: Unsuccessful TensorSliceReader constructor: Failed to find any matching files for …/variables/variables";
            found.push(Finding::refused(Cause::Damage, what).row(27).error(text));
        }
        if !self.file.keras_metadata {
            let what = "there is no Keras metadata: what is loaded is called through its signatures, not like a layer";
            let text = "TypeError: '_UserObject' object is not callable";
            found.push(Finding::new(Cause::SaveMethod, Level::Note, what).row(50).error(text));
        }
        found
    }

    fn fixes(&self, findings: &[Finding], keras3: bool) -> Vec<Fix> {
        let path = self.path.display();
        let has = |row: u16| findings.iter().any(|f| f.signatures.contains(&row) && f.level > Level::Note);
        let mut fixes = Vec::new();
        let call = |text: String, note: &str| Fix::new(FixKind::Call, text, note);
        if has(11) {
            let inner = self.file.below.clone().or_else(|| self.path.parent().map(|p| p.display().to_string()));
            fixes.push(call(
                format!("tf.saved_model.load(\"{}\")", inner.unwrap_or_default()),
                "the directory that holds saved_model.pb",
            ));
        }
        if keras3 && has(3) {
            let key = self.file.signatures.first().cloned().unwrap_or_else(|| "serving_default".to_owned());
            fixes.push(call(
                format!("keras.layers.TFSMLayer(\"{path}\", call_endpoint=\"{key}\")"),
                "a layer for inference",
            ));
            fixes.push(call(format!("tf_keras.models.load_model(\"{path}\")"), "Keras 2: pip install tf_keras"));
        }
        if has(29)
            && let Some(tags) = self.file.tags.first()
        {
            fixes.push(call(format!("tf.saved_model.load(\"{path}\", tags={tags:?})"), ""));
        }
        if has(26) {
            let name = self.path.display().to_string();
            let prefix = [".index", ".meta", ".data-"]
                .into_iter()
                .find_map(|e| name.rsplit_once(e))
                .map_or(name.as_str(), |(p, _)| p);
            fixes.push(call(format!("tf.train.load_checkpoint(\"{prefix}\")"), "the prefix"));
        }
        if findings.iter().any(|f| f.level > Level::Note) {
            let target = if self.file.kind == Kind::Checkpoint { "out.safetensors" } else { "out.onnx --verify" };
            fixes.push(Fix::new(
                FixKind::Modelport,
                format!("modelport convert {path} {target}"),
                "reads it without TensorFlow",
            ));
        }
        let older = |f: &Finding| f.level == Level::Refused && f.cause == Cause::Version && !f.signatures.contains(&3);
        if findings.iter().any(older)
            && let Some(version) = self.file.needed()
        {
            let command = format!("pip install \"tensorflow{version}\"");
            fixes.push(Fix::new(FixKind::Version, command, "has all its ops"));
        }
        fixes
    }
}
