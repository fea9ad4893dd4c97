//! `doctor`: why a file does not load in a framework at a version, and what to do.
//!
//! A prediction from the file's bytes and from tables of facts on versions; nothing is executed. Owns: which examination
//! a file gets. Must never know: how a format is read.

mod diagnosis;
mod keras;
mod other;
mod show;
mod signatures;
mod tables;
mod target;
mod version;

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
    let mut found = examine(path, options)?;
    found.pasted = options.pasted.as_deref().map(|t| signatures::hold_against(signatures::explain(t), &found));
    Ok(found)
}

fn examine(path: &Path, options: &DoctorOptions) -> Outcome<Diagnosis> {
    let keras = path.join("config.json").is_file()
        || (path.is_file() && MappedFile::open(path).is_ok_and(|f| modelport_keras::probe(&f).is_some()));
    if keras {
        return match modelport_keras::raw(path, &options.limits) {
            Ok(file) => {
                let target = options.target.clone().unwrap_or_else(|| Target::newest(Product::Keras));
                Ok(keras::diagnose(&keras::Case { path, file: &file, target: &target }))
            }
            Err(all) => Ok(other::unreadable(path, "a Keras file", &all)),
        };
    }
    other::examine(path, options)
}
