//! The text form of both stages: printer and parser.

use crate::{CoreGraph, Tensor};
use modelport_diag::{Code, Diagnostic, Result};

/// Supplies the constants that a text names but does not contain.
pub trait Constants {
    /// The constant called `name`.
    fn constant(&mut self, name: &str) -> Option<Tensor>;
}

/// No constants besides those in the text.
#[derive(Clone, Copy, Debug)]
pub struct NoConstants;

impl Constants for NoConstants {
    fn constant(&mut self, _name: &str) -> Option<Tensor> {
        None
    }
}

/// Prints a core graph.
pub fn print_core(_graph: &CoreGraph) -> String {
    String::new()
}

/// Parses a core graph.
///
/// # Errors
/// `IR0003` with line and column.
pub fn parse_core(_text: &str, _constants: &mut dyn Constants) -> Result<CoreGraph> {
    Err(Diagnostic::error(Code::IR_PARSE, "not a graph"))
}
