//! The text form of both stages: printer and parser, and the language in which custom layers are declared.
//!
//! ```text
//! core "model" {
//!   input %0 "x": f32[N,10]
//!   const %1 "dense/kernel" = f32[10,5] ref "sha256:…" @ "model.h5" + 2048
//!   const %2 "dense/bias" = f32[5] [0.1, 0.0, -2.5e-3, nan, inf]
//!   %3 "dense": f32[N,5] = MatMul(%0, %1)
//!   %4 "dense": f32[N,5] = Add(%3, %2)
//!   %5 "softmax": f32[N,5] = Softmax{axis=-1}(%4) @ "dense/softmax"
//!   output "dense" = %5
//! }
//! ```
//! A label is `%` and a word; after it may stand the value's name and its type, which is inferred in core graphs where it
//! is not written. `_` is an absent operand. A node is named like its first result unless `@` says otherwise. Source graphs
//! begin with `source`, their ops with a dialect: `keras.Dense{units=5} weights {kernel=f32[…] …}(%0)`. `#` and `//`
//! begin comments. Strings that are not plain names stand in quotes with `\" \\ \n \r \t \xNN \u{…}`.
//!
//! Owns: spelling. Must never know: files and frameworks.

mod constant;
mod cursor;
pub mod declare;
mod lexer;
mod number;
mod parse;
mod print;
mod provenance;
#[cfg(test)]
mod tests;
mod value;

pub use constant::{Constants, KeptConstants, NoConstants, Reference};
pub use declare::{Declaration, parse_custom, print_declaration_template};

use crate::{CoreGraph, Graph, SourceGraph, TensorType};
use cursor::Cursor;
use modelport_diag::{Code, Result};

/// Reads a type as graphs spell it: `f32[N,224,224,3]`; `?` is an unknown dimension, a word a symbol.
///
/// # Errors
/// `IR0003` when it is none.
pub fn parse_type(text: &str) -> Result<TensorType> {
    let mut c = Cursor::new(text, Code::IR_PARSE);
    let ty = value::parse_type(&mut c)?;
    c.end()?;
    Ok(ty)
}

fn print<S: print::Spell>(graph: &Graph<S>) -> (String, KeptConstants) {
    let (mut out, mut kept) = (String::new(), KeptConstants::default());
    print::graph(graph, &mut out, &mut kept, 0);
    out.push('\n');
    (out, kept)
}

fn parse<S: parse::Read>(text: &str, constants: &mut dyn Constants) -> Result<Graph<S>> {
    let mut c = Cursor::new(text, Code::IR_PARSE);
    let graph = parse::graph(&mut c, constants)?;
    c.end()?;
    Ok(graph)
}

/// Prints a core graph. Constants of up to 64 elements stand in the text, larger ones by a digest, for which they are
/// read.
pub fn print_core(graph: &CoreGraph) -> String {
    print(graph).0
}

/// Prints a core graph, and keeps the constants that its text does not contain.
pub fn print_core_keeping(graph: &CoreGraph) -> (String, KeptConstants) {
    print(graph)
}

/// Parses a core graph and verifies it.
///
/// # Errors
/// `IR0003` with line and column; `IR0001` where a type is to be inferred and the operands do not fit; `IR0002` when the
/// graph breaks an invariant; `IR0004` when `constants` gives one of another type.
pub fn parse_core(text: &str, constants: &mut dyn Constants) -> Result<CoreGraph> {
    let graph = parse(text, constants)?;
    crate::verify(&graph)?;
    Ok(graph)
}

/// Prints a source graph; constants and weights as in [`print_core`].
pub fn print_source(graph: &SourceGraph) -> String {
    print(graph).0
}

/// Prints a source graph, and keeps the constants that its text does not contain.
pub fn print_source_keeping(graph: &SourceGraph) -> (String, KeptConstants) {
    print(graph)
}

/// Parses a source graph.
///
/// # Errors
/// `IR0003` with line and column; `IR0004` when `constants` gives one of another type.
pub fn parse_source(text: &str, constants: &mut dyn Constants) -> Result<SourceGraph> {
    parse(text, constants)
}
