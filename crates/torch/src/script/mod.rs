//! TorchScript archives: the archived code is parsed and partially evaluated. Methods are inlined, Python values are
//! computed when the model is converted, tensors become values of a graph of ATen calls; control flow that depends on data
//! becomes `prim::If` and `prim::Loop`.
//!
//! Owns: everything between the members of such an archive and the source graph. Must never know: what ATen ops compute
//! (it asks the lowerings for types), how files are mapped.
//!
//! Formats: `torch/csrc/jit/serialization/{export_module,import,import_legacy,python_print,pickler}.cpp` of torch 1.0 to
//! 2.15. Code in an archive is hostile until proven otherwise: depth, work and size are bounded, nothing is executed.

mod archive;
mod ast;
mod branch;
mod builtin;
mod calls;
mod collection_ops;
mod collections;
mod expr;
mod frame;
mod frozen;
mod inputs;
mod legacy;
mod lex;
mod loops;
mod machine;
mod objects;
mod ops;
mod parse;
mod parse_expr;
mod program;
mod prune;
mod questions;
mod run;
mod scalars;
mod stmt;
mod strings;
mod tensor;
#[cfg(test)]
mod tests;
mod thaw;
mod types;
mod typing;
mod value;
mod version;

use crate::archive::Zip;
use crate::open::{OpenOptions, TorchFile};
use modelport_diag::{Code, Diagnostic, Diagnostics};

/// Stack for the evaluation: it recurses where programs nest, and programs are hostile. Only what is used is ever backed
/// by memory.
const STACK: usize = 256 << 20;

/// Reads an archive that the probe knows.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(zip: &Zip, options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    let on_thread = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("torchscript".to_owned()).stack_size(STACK);
        let handle = thread.spawn_scoped(scope, || archive::read(zip, options)).ok()?;
        handle.join().ok()
    });
    on_thread.unwrap_or_else(|| {
        Err(Diagnostic::error(Code::INTERNAL, "the evaluation of the archived code could not be carried out").into())
    })
}
