//! Keras models: `.h5`, `.keras`, weights-only `.h5` with an architecture JSON, read into a source graph; and the lowering of
//! Keras layers to core ops.
//!
//! Owns: every file format that Keras 1 to 3 writes, and what its layers mean. Must never know: other frameworks' readers,
//! the shim, writers.
#![forbid(unsafe_code)]

mod lower;

pub use lower::{lower, supported};
