//! The input is an HDF5 file. Seed it with the fixtures: `cp fixtures/ops/keras/*/*/model.h5 fuzz/corpus/fuzz_keras_h5/`
//! (under different names).
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::keras(data.to_vec()));
