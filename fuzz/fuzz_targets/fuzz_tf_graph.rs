//! The input is a GraphDef, binary or text, or a MetaGraphDef. Seed it with `fixtures/ops/tensorflow/*/*/model.pb`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| modelport_fuzz::tensorflow(&[("model.pb", data)], "model.pb"));
