//! `doctor`: why a file does not load in a framework at a version, and what to do.
//!
//! A prediction from the file's bytes and from tables of facts on versions; nothing is executed. Owns: which examination
//! a file gets. Must never know: how a format is read.

mod diagnosis;
mod keras;
mod onnx;
mod other;
mod show;
mod signatures;
mod tables;
mod target;
mod tensorflow;
pub(crate) mod torch;
mod version;
mod wire;

pub use diagnosis::{Call, Cause, Diagnosis, Finding, Fix, FixKind, Level, Outcome as Prediction};
pub use signatures::{Pasted, Signature, explain as explain_error, signatures};
pub use target::{Product, Target};

use crate::Outcome;
use modelport_diag::Limits;
use modelport_storage::MappedFile;
use std::path::Path;

/// What to examine a file for.
#[derive(Clone, Debug, Default)]
pub struct DoctorOptions {
    /// Where it should load; the newest version of its own framework when absent.
    pub target: Option<Target>,
    /// An error that somebody saw.
    pub pasted: Option<String>,
    /// What the file may make us do.
    pub limits: Limits,
}

/// Examines a file.
///
/// # Errors
/// When it cannot be read at all. A file that is damaged or no model is no error but a diagnosis.
pub fn doctor(path: &Path, options: &DoctorOptions) -> Outcome<Diagnosis> {
    let inside = crate::open::inside(path);
    let mut found = examine(inside.as_deref().unwrap_or(path), options)?;
    found.pasted = options.pasted.as_deref().map(|t| signatures::hold_against(signatures::explain(t), &found));
    Ok(found)
}

fn examine(path: &Path, options: &DoctorOptions) -> Outcome<Diagnosis> {
    let target = |product| options.target.clone().unwrap_or_else(|| Target::newest(product));
    let file = if path.is_file() { MappedFile::open(path).ok() } else { None };
    let of_keras =
        path.join("config.json").is_file() || file.as_ref().is_some_and(|f| modelport_keras::probe(f).is_some());
    if of_keras {
        return Ok(match modelport_keras::raw(path, &options.limits) {
            Ok(raw) => keras::diagnose(&keras::Case { path, file: &raw, target: &target(Product::Keras) }),
            Err(all) => other::unreadable(path, "a Keras file", &all),
        });
    }
    if let Some(f) = &file {
        match torch::read(f, &options.limits) {
            Ok(Some(read)) => {
                return Ok(torch::diagnose(&torch::Case { path, file: &read, target: &target(Product::Torch) }));
            }
            Ok(None) => {}
            Err(all) => return Ok(other::unreadable(path, "a PyTorch file", &all)),
        }
        if modelport_safetensors::probe(f) || path.extension().is_some_and(|e| e == "safetensors") {
            return other::safetensors(path, f, &target(Product::Safetensors), options);
        }
        if onnx::is_model(f) {
            return Ok(onnx::diagnose(path, f, &target(Product::OnnxRuntime)));
        }
    }
    if let Some(read) = tensorflow::read(path) {
        return Ok(tensorflow::diagnose(&tensorflow::Case { path, file: &read, target: &target(Product::TensorFlow) }));
    }
    other::examine(path, options)
}
