//! The input is an ONNX model. Write seeds with `modelport convert fixtures/ops/keras/Dense/k3_relu/model.keras seed.onnx`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::onnx(data.to_vec()));
