//! PyTorch files: zip and legacy archives, state_dicts, whole modules, TorchScript and `.pt2`, read into a source graph;
//! and the lowering of ATen ops to core ops.
//!
//! Owns: every file format that PyTorch writes, and what its ops and modules mean. Must never know: other frameworks'
//! readers, the shim, writers.
#![forbid(unsafe_code)]

mod architectures;
#[allow(dead_code, unused_imports, reason = "the readers of TorchScript and .pt2 use the rest of it")]
mod archive;
mod checkpoint;
pub mod emit;
mod exported;
mod lower;
mod model;
mod modules;
mod open;
mod probe;
mod script;

pub use architectures::names as architectures;
pub use emit::{Arg, Emit};
pub use lower::{assume_inputs, converts, lower, supported};
pub use modules::supported as supported_modules;
pub use open::{OpenOptions, TorchFile, open, open_bytes};
pub use probe::{Kind, probe};
