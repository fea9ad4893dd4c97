//! Keras models: `.h5`, `.keras`, weights-only `.h5` with an architecture JSON, read into a source graph; and the lowering of
//! Keras layers to core ops.
//!
//! Owns: every file format that Keras 1 to 3 writes, and what its layers mean. Must never know: other frameworks' readers,
//! the shim, writers.
#![forbid(unsafe_code)]

mod archive;
mod graph;
mod hdf5;
mod hdf5_model;
mod json;
mod lower;
mod model;
mod open;
mod probe;
mod raw;
mod sharded;
mod store;
mod weights;

pub use hdf5_model::with_weights;
pub use lower::{Supported, converts, lower, supported};
pub use open::{Content, KerasFile, OpenOptions, open, open_bytes};
pub use probe::{Kind, probe};
pub use raw::{LayerWeights, RawFile, SaveMethod, raw};
