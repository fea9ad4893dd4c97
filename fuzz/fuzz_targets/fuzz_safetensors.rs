//! The input is a safetensors file. Write seeds with `modelport convert fixtures/weights/torch/types/model.pt
//! seed.safetensors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::safetensors(data.to_vec()));
