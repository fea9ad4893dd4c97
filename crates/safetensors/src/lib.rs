//! safetensors: a streaming writer, and a reader whose tensors stay on disk.
//!
//! The format is eight bytes with the length of a JSON header, the header, and the tensors' bytes one after the other. What
//! the reference implementation (huggingface/safetensors 0.8, `safetensors/src/tensor.rs`) refuses is refused here, and what
//! is written has the order that it writes.
//!
//! Owns: the safetensors layout, shards and their index. Must never know: frameworks, graphs.
#![forbid(unsafe_code)]

mod element;
mod header;
mod index;
mod read;
mod shard;
mod write;

pub use element::Element;
pub use read::{SafetensorsFile, Stored, open, open_bytes, probe};
pub use shard::parse_size;
pub use write::{Item, WriteOptions, Written, write};
