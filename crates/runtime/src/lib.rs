//! The reference interpreter of core graphs, and what is verified with it.
//!
//! Owns: one obvious kernel for every core op, for any layout and rank, by ONNX's latest semantics. Must never know:
//! frameworks, file formats, passes. Slow and obvious is right; only matrix products and convolutions are tuned.
#![forbid(unsafe_code)]

pub mod array;
mod kernels;
pub mod mobilenet_v2;
pub mod npz;
mod run;
#[cfg(feature = "tract")]
pub mod tract;
pub mod verify;

pub use array::Array;
pub use run::{Observer, Options, run, run_observed, run_with};
