//! The input is a pickle, of any protocol. Seed it with `fixtures/weights/torch/pickle_*/model.pkl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::pickle(data));
