//! safetensors: a streaming writer, and a reader whose tensors stay on disk.
//!
//! Owns: the safetensors layout. Must never know: frameworks, graphs.
#![forbid(unsafe_code)]
