//! `repair`: a file in its own format, rewritten so that the target loads it. For Keras the configuration is all that changes:
//! an HDF5 file keeps all of its own bytes, an archive the members that hold weights. A PyTorch file of any kind becomes a
//! plain `state_dict`.
//!
//! Owns: which part of a file is replaced. Must never know: what a layer computes.

mod archive;
mod calls;
mod config;
mod hdf5;
mod heap;
mod layers;
mod nested;
mod operations;
mod torch;
mod training;

use crate::Outcome;
use crate::convert::check_not_itself;
use crate::doctor::{DoctorOptions, Finding, Level, Product, Target, doctor};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits};
use modelport_keras::{RawFile, SaveMethod};
use modelport_storage::MappedFile;
use serde_json::Value;
use std::path::Path;

/// What a file is repaired for.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// Where it should load; the newest Keras or torch when absent.
    pub target: Option<Target>,
    /// What the file may make us do.
    pub limits: Limits,
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The product and version that it is for.
    pub target: String,
    /// What was changed, each change once, with the number of times.
    pub changes: Vec<(String, usize)>,
    /// What a user should know, as sentences.
    pub notes: Vec<String>,
}

/// Which of Keras 3's two ways to read a configuration a file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `.h5`: classes by their short names.
    Hdf5,
    /// `.keras`: classes by module.
    Archive,
}

/// Writes `input` to `output` in its own format, so that the target loads it with the outputs that the version which wrote
/// it computes.
///
/// # Errors
/// When the file is neither a Keras model nor a PyTorch file, or something in it has no counterpart in the target: every such
/// layer at once, and nothing is written.
pub fn repair(input: &Path, output: &Path, options: &RepairOptions) -> Outcome<Repair> {
    check_not_itself(input, output)?;
    if input.is_file() && modelport_torch::probe(&MappedFile::open(input)?).is_some() {
        let target = options.target.clone().unwrap_or_else(|| Target::newest(Product::Torch));
        return torch::repair(input, output, &target, options);
    }
    let target = options.target.clone().unwrap_or_else(|| Target::newest(Product::Keras));
    check_target(&target)?;
    let located = |d: Diagnostics| crate::open::located(d, &input.display().to_string());
    let raw = modelport_keras::raw(input, &options.limits).map_err(located)?;
    let way = check_method(&raw).map_err(|d| d.in_file(input.display().to_string()))?;
    let Some(mut model) = raw.config.clone() else { return Err(no_model(input).into()) };
    let mut log = config::rewrite(&mut model, way, &raw);
    if !log.problems.0.is_empty() {
        return Err(located(log.problems));
    }
    // An archive holds it beside the layers.
    let mut training = raw.training.clone().filter(|_| way == Way::Hdf5);
    let inside = model.get_mut("compile_config").filter(|c| c.is_object());
    if let Some(training) = training.as_mut().or(inside) {
        training::rewrite(training, &mut log);
    }
    let version = version_of(&target);
    let file = MappedFile::open(input)?;
    match way {
        Way::Hdf5 => {
            let mut texts = vec![("model_config", model.to_string()), ("keras_version", version)];
            texts.extend(training.map(|t| ("training_config", t.to_string())));
            hdf5::write(&file, output, &texts).map_err(|d| d.in_file(file.name()))?;
        }
        Way::Archive => archive::write(input, output, &model, &version)?,
    }
    let mut notes = log.notes.clone();
    notes.extend(remaining(output, &target));
    Ok(Repair { target: target.to_string(), changes: log.counted(), notes })
}

/// What still hinders the written file, such as classes that only the author has.
fn remaining(output: &Path, target: &Target) -> Vec<String> {
    let options = DoctorOptions { target: Some(target.clone()), ..DoctorOptions::default() };
    let found = doctor(output, &options).map(|d| d.findings).unwrap_or_default();
    let hinders = |f: &Finding| matches!(f.level, Level::Refused | Level::OtherNumbers);
    found.into_iter().filter(hinders).map(|f| format!("still: {}", f.summary)).collect()
}

fn check_target(target: &Target) -> Result<(), Box<Diagnostic>> {
    if target.product == Product::Keras && target.version.major() >= 3 {
        return Ok(());
    }
    Err(Diagnostic::error(Code::USAGE, format!("files are repaired for Keras 3, not for {target}")).help(
        "for another framework convert the model: modelport convert IN OUT.onnx, or OUT.safetensors for the weights",
    ))
}

/// The version in three parts, as Keras writes it.
fn version_of(target: &Target) -> String {
    let text = target.version.to_string();
    match text.split('.').count() {
        1 => format!("{text}.0.0"),
        2 => format!("{text}.0"),
        _ => text,
    }
}

fn check_method(raw: &RawFile) -> Result<Way, Box<Diagnostic>> {
    match raw.method {
        SaveMethod::H5Model => Ok(Way::Hdf5),
        SaveMethod::Archive => Ok(Way::Archive),
        SaveMethod::Directory => Err(Diagnostic::error(Code::USAGE, "a directory is not repaired")
            .help("zip what is in it to a .keras file first")),
        SaveMethod::H5Weights | SaveMethod::TreeWeights => Err(Diagnostic::error(
            Code::KERAS_WEIGHTS_ONLY,
            "the file holds weights only; there is no configuration to repair",
        )),
    }
}

fn no_model(input: &Path) -> Box<Diagnostic> {
    Diagnostic::error(Code::KERAS_NOT_A_MODEL, "the file holds no model configuration")
        .in_file(input.display().to_string())
}

/// What was found and changed while a configuration was rewritten.
#[derive(Debug, Default)]
pub(crate) struct Log {
    changes: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) problems: Diagnostics,
}

impl Log {
    pub(crate) fn changed(&mut self, what: impl Into<String>) {
        self.changes.push(what.into());
    }

    /// Something that no configuration of Keras 3 says.
    pub(crate) fn problem(&mut self, layer: &str, message: String, help: &str) {
        self.problems.push(Diagnostic::error(Code::KERAS_UNSUPPORTED, message).at_node(layer).help(help));
    }

    fn counted(&self) -> Vec<(String, usize)> {
        let mut all: Vec<(String, usize)> = Vec::new();
        for change in &self.changes {
            match all.iter_mut().find(|(c, _)| c == change) {
                Some((_, n)) => *n += 1,
                None => all.push((change.clone(), 1)),
            }
        }
        all
    }
}

/// The text at a key.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
