//! The intermediate representation: one graph container for two stages, lazy tensors, the closed set of core ops,
//! shape inference, the verifier, the text form and the passes.
//!
//! Owns: what a model *means*, independent of who wrote it and who reads it next. Must never know: any framework, any
//! file format. Readers fill it, writers drain it.
#![forbid(unsafe_code)]

pub mod arrange;
mod attr;
pub mod builder;
mod color;
pub mod columns;
pub mod complex;
pub mod core;
pub mod custom;
pub mod drawn;
mod dtype;
mod error_function;
mod fold;
mod formula;
pub mod fourier;
mod given;
mod graph;
pub mod infer;
mod order;
pub mod passes;
mod product;
pub mod segment;
mod shift;
pub mod small_matrix;
mod source;
pub mod tensor;
pub mod text;
mod types;
mod verify;

pub use attr::Attr;
pub use builder::Builder;
pub use core::Op;
pub use custom::{Children, CustomLayer, CustomLayers};
pub use dtype::DType;
pub use graph::{
    Core, CoreGraph, Def, Graph, Node, NodeId, Output, Provenance, Source, SourceGraph, Stage, Value, ValueId,
};
pub use source::{Dialect, SourceOp};
pub use tensor::Tensor;
pub use types::{Dim, Shape, TensorType};
pub use verify::verify;
