//! The one error type of the workspace, and the resource limits that hostile input is held to.
//!
//! Owns: [`Diagnostic`], its stable [`Code`]s, [`Limits`]. Must never know: any file format, any framework, how a
//! diagnostic is drawn on a terminal (the CLI does that).
#![forbid(unsafe_code)]

mod code;
mod diagnostic;
mod limits;

pub use code::{CODES, Code};
pub use diagnostic::{Diagnostic, Diagnostics, Location, Result, Severity};
pub use limits::Limits;
