//! The protobuf wire format, by hand: weights are streamed out and located in place, which generated types cannot do.
//!
//! Owns: tags, varints, lengths. Must never know: what ONNX means by a field.
//! Source: protobuf documentation, "Encoding".

mod decode;
mod encode;

pub(crate) use decode::Fields;
pub(crate) use encode::{Message, varint_len};
