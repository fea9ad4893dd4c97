//! The input is the `saved_model.pb` of a SavedModel without variables. Seed it with
//! `fixtures/models/tensorflow/*/model/saved_model.pb`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::tensorflow(&[("saved_model.pb", data)], ""));
