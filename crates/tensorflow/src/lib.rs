//! TensorFlow models: SavedModels, frozen GraphDefs, MetaGraphs and checkpoints, read into a source graph; and the
//! lowering of TensorFlow ops to core ops.
//!
//! Owns: every file format that TensorFlow 1 and 2 write, and what its ops mean. Must never know: other frameworks'
//! readers, the shim, writers.
#![forbid(unsafe_code)]

mod assets;
mod checkpoint;
mod dtype;
mod frozen;
mod graph;
mod lower;
mod objects;
mod open;
mod probe;
mod restore;
mod saved_model;
mod tables;
mod tensor_proto;
mod text;
mod weights;
mod wire;

pub use lower::{converts, lower, supported};
pub use objects::LayerWeights;
pub use open::{OpenOptions, TensorFlowFile, open};
pub use probe::{Kind, probe};
