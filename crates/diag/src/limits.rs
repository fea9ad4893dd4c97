//! Resource limits: what a file may make us allocate, nest or repeat.

use crate::{Code, Diagnostic, Result};

/// Bounds that every reader holds its input to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one metadata item (JSON, attribute, header) may take once unpacked.
    pub metadata_bytes: u64,
    /// How many bytes unpacked data may be larger than the file that holds it (a zip bomb's ratio is over 1000).
    pub expansion: u64,
    /// Nesting of models, groups, messages.
    pub depth: usize,
    /// Nodes, layers or objects in one file.
    pub objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { metadata_bytes: 256 << 20, expansion: 1100, depth: 64, objects: 1_000_000 }
    }
}

impl Limits {
    /// Fails when `depth` levels are nested too deeply.
    ///
    /// # Errors
    /// `IO0005` beyond [`Limits::depth`].
    pub fn check_depth(&self, depth: usize, what: &str) -> Result<()> {
        if depth <= self.depth {
            return Ok(());
        }
        Err(Diagnostic::error(Code::IO_LIMIT, format!("{what} is nested too deeply"))
            .expected(format!("at most {} levels", self.depth))
            .help("the file refers to itself, or was made to exhaust its reader"))
    }
}
