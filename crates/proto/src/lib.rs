//! Protobuf messages generated from `/proto`: our own minimal schemas, holding only the fields that modelport reads or
//! writes. `cargo xtask codegen` makes the files of this crate; nothing here is written by hand but this list.
//! Tensor data is `bytes::Bytes`: decoding from a `Bytes` copies none of it.
//!
//! The crate must know nothing of what the messages mean.
#![forbid(unsafe_code)]

/// ONNX, from `proto/onnx.proto`.
#[allow(missing_docs, clippy::all, reason = "generated")]
#[rustfmt::skip]
pub mod onnx;

/// TensorFlow, from `proto/tensorflow.proto`.
#[allow(missing_docs, clippy::all, reason = "generated")]
#[rustfmt::skip]
pub mod tensorflow;

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost::bytes::Bytes;

    use super::onnx::{GraphProto, ModelProto, TensorProto};

    #[test]
    fn tensor_data_is_not_copied() {
        let tensor = TensorProto { raw_data: Bytes::from(vec![7; 100]), ..Default::default() };
        let graph = GraphProto { initializer: vec![tensor], ..Default::default() };
        let file = Bytes::from(ModelProto { graph: Some(graph), ..Default::default() }.encode_to_vec());
        let read = ModelProto::decode(file.clone()).unwrap();
        let data = &read.graph.unwrap().initializer[0].raw_data;
        assert_eq!(data.len(), 100);
        assert!(file.as_ptr_range().contains(&data.as_ptr()));
    }
}
