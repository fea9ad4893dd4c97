//! [`Diagnostic`]: what is wrong, where, what was expected and found, and what to do.

use crate::Code;
use std::fmt;

/// The result of everything that can fail on input.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// Something worth knowing that changes nothing.
    Note,
    /// The conversion goes on, but the user should know.
    Warning,
    /// The conversion fails.
    Error,
}

/// Where in the input a diagnostic points; every part is optional.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Location {
    /// The file, or `archive.zip!member`.
    pub file: Option<String>,
    /// The byte offset in that file.
    pub byte: Option<u64>,
    /// The layer or node, as a path in the model.
    pub node: Option<String>,
    /// The attribute or argument of that node.
    pub attribute: Option<String>,
}

impl Location {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Location::default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        let mut part = |f: &mut fmt::Formatter<'_>, text: String| {
            let r = write!(f, "{sep}{text}");
            sep = ", ";
            r
        };
        if let Some(file) = &self.file {
            part(f, file.clone())?;
        }
        if let Some(byte) = self.byte {
            part(f, format!("byte {byte}"))?;
        }
        if let Some(node) = &self.node {
            part(f, format!("node `{node}`"))?;
        }
        if let Some(attribute) = &self.attribute {
            part(f, format!("attribute `{attribute}`"))?;
        }
        Ok(())
    }
}

/// One finding: a code, a sentence, a place, what was expected and found, and help.
///
/// It is boxed in [`Result`] because the good path should stay small.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, without a full stop.
    pub message: String,
    /// Where.
    pub location: Location,
    /// What would have been right.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// What to do, one entry a suggestion.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A new error.
    pub fn error(code: Code, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            location: Location::default(),
            expected: None,
            found: None,
            help: Vec::new(),
        })
    }

    /// A new warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Box<Self> {
        let mut d = Self::error(code, message);
        d.severity = Severity::Warning;
        d
    }

    /// A new note.
    pub fn note(code: Code, message: impl Into<String>) -> Box<Self> {
        let mut d = Self::error(code, message);
        d.severity = Severity::Note;
        d
    }

    /// Says in which file, unless that is known already.
    pub fn in_file(mut self: Box<Self>, file: impl Into<String>) -> Box<Self> {
        self.location.file.get_or_insert_with(|| file.into());
        self
    }

    /// Says at which byte, unless that is known already.
    pub fn at_byte(mut self: Box<Self>, byte: u64) -> Box<Self> {
        self.location.byte.get_or_insert(byte);
        self
    }

    /// Says at which node, unless that is known already.
    pub fn at_node(mut self: Box<Self>, node: impl Into<String>) -> Box<Self> {
        self.location.node.get_or_insert_with(|| node.into());
        self
    }

    /// Says at which attribute, unless that is known already.
    pub fn at_attribute(mut self: Box<Self>, attribute: impl Into<String>) -> Box<Self> {
        self.location.attribute.get_or_insert_with(|| attribute.into());
        self
    }

    /// Says what was expected.
    pub fn expected(mut self: Box<Self>, expected: impl Into<String>) -> Box<Self> {
        self.expected = Some(expected.into());
        self
    }

    /// Says what was found.
    pub fn found(mut self: Box<Self>, found: impl Into<String>) -> Box<Self> {
        self.found = Some(found.into());
        self
    }

    /// Adds a suggestion.
    pub fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help.push(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        if !self.location.is_empty() {
            write!(f, "\n  at  {}", self.location)?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected: {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n  found: {found}")?;
        }
        for help in &self.help {
            write!(f, "\n  help: {}", help.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// What a whole conversion had to say: all findings, in the order in which they were met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Box<Diagnostic>>);

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Box<Diagnostic>) {
        self.0.push(diagnostic);
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Keeps the value of `result`, or records why there is none.
    pub fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|d| self.push(d)).ok()
    }
}

impl From<Box<Diagnostic>> for Diagnostics {
    fn from(d: Box<Diagnostic>) -> Self {
        Self(vec![d])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
