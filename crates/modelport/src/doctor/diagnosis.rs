//! What `doctor` says: findings, predicted loader calls, fixes, and the verdict.
//!
//! Owns: the form of a diagnosis. Must never know: any framework's rules.

use serde::Serialize;

/// Why a file does not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Writer and reader are of different versions.
    Version,
    /// The file is loaded in another way than it was saved.
    SaveMethod,
    /// Classes or functions that only the author has.
    CustomObjects,
    /// Tensors or ops of a device that is not there.
    Device,
    /// The file is incomplete or altered.
    Damage,
    /// It is something else under a model's name.
    NotAModel,
}

impl Cause {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::SaveMethod => "save method",
            Self::CustomObjects => "custom objects",
            Self::Device => "device",
            Self::Damage => "damage",
            Self::NotAModel => "not a model",
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Loads; worth knowing.
    Note,
    /// Depends on what else is installed or on the machine.
    Depends,
    /// Loads, but computes something else than it did.
    OtherNumbers,
    /// Does not load.
    Refused,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The kind of reason.
    pub cause: Cause,
    /// How much it matters.
    pub level: Level,
    /// One sentence, without a full stop.
    pub summary: String,
    /// The text that the user would see, where it is known.
    pub error: Option<String>,
    /// The layers, members or names where it is.
    pub places: Vec<String>,
    /// Rows of the table of error signatures that this explains.
    pub signatures: Vec<u16>,
}

impl Finding {
    /// A finding of the kind and level.
    pub(crate) fn new(cause: Cause, level: Level, summary: impl Into<String>) -> Self {
        Self { cause, level, summary: summary.into(), error: None, places: Vec::new(), signatures: Vec::new() }
    }

    /// A finding that hinders loading.
    pub(crate) fn refused(cause: Cause, summary: impl Into<String>) -> Self {
        Self::new(cause, Level::Refused, summary)
    }

    /// The text that the user would see.
    pub(crate) fn error(mut self, text: impl Into<String>) -> Self {
        self.error = Some(text.into());
        self
    }

    /// Where it is.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.places.push(place.into());
        self
    }

    /// A row of the table of error signatures.
    pub(crate) fn row(mut self, row: u16) -> Self {
        self.signatures.push(row);
        self
    }
}

/// What a loader call will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Loads, with the numbers of the framework that wrote the file.
    Loads,
    /// Loads, but computes something else.
    LoadsWithOtherNumbers,
    /// Raises an exception.
    Refuses,
}

/// One loader call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// As it is written in Python.
    pub code: String,
    /// What it will do.
    pub outcome: Outcome,
    /// The exception that it raises, where it is known.
    pub error: Option<String>,
    /// Whether this is what the framework's documentation tells one to call.
    pub default: bool,
}

/// How a fix helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FixKind {
    /// Another loader call.
    Call,
    /// A command of modelport.
    Modelport,
    /// A version that loads it.
    Version,
    /// Something that must be done outside: fetch the file again, ask its author.
    Other,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// How it helps.
    pub kind: FixKind,
    /// The call, the command or the version.
    pub text: String,
    /// Why, or what it costs; may be empty.
    pub note: String,
}

impl Fix {
    pub(crate) fn new(kind: FixKind, text: impl Into<String>, note: impl Into<String>) -> Self {
        Self { kind, text: text.into(), note: note.into() }
    }
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The path as given.
    pub file: String,
    /// What the file is.
    pub kind: String,
    /// Who wrote it, where that is known.
    pub writer: Option<String>,
    /// What says so.
    pub evidence: Vec<String>,
    /// Where it should load: `keras 3.15.1`.
    pub target: Option<String>,
    /// What the default call will do.
    pub verdict: Outcome,
    /// The loader calls, the default one first.
    pub calls: Vec<Call>,
    /// The reasons, those that hinder first.
    pub findings: Vec<Finding>,
    /// What to do, best first.
    pub fixes: Vec<Fix>,
    /// What a pasted error has to do with it.
    pub pasted: Option<super::signatures::Pasted>,
}

impl Diagnosis {
    /// The first finding that hinders loading; for a file that loads, the first of all.
    pub fn leading(&self) -> Option<&Finding> {
        self.findings.iter().find(|f| f.level == Level::Refused).or(self.findings.first())
    }

    /// The cause of the leading finding.
    pub fn cause(&self) -> Option<Cause> {
        self.leading().map(|f| f.cause)
    }
}

/// Joins findings that say the same, keeping the order in which they were met.
pub(crate) fn joined(all: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in all {
        let same = |k: &&mut Finding| k.summary == finding.summary && k.level == finding.level;
        match kept.iter_mut().find(same) {
            Some(old) => {
                let new: Vec<_> = finding.places.into_iter().filter(|p| !old.places.contains(p)).collect();
                old.places.extend(new);
            }
            None => kept.push(finding),
        }
    }
    kept
}

/// What a call does, given what was found.
pub(crate) fn outcome(findings: &[Finding]) -> Outcome {
    match findings.iter().map(|f| f.level).max() {
        Some(Level::Refused) => Outcome::Refuses,
        Some(Level::OtherNumbers) => Outcome::LoadsWithOtherNumbers,
        _ => Outcome::Loads,
    }
}
