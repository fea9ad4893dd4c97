//! The input is the `config.json` and the weights of a `.keras` archive, split at the first zero byte, so that the fuzzer
//! need not learn checksums; and, when it starts like a zip, the archive itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"PK") {
        modelport_fuzz::keras(data.to_vec());
    } else if let Some(archive) = archive(data) {
        modelport_fuzz::keras(archive);
    }
});

/// A stored archive with the members that Keras 3 writes.
fn archive(data: &[u8]) -> Option<Vec<u8>> {
    let at = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (config, rest) = data.split_at(at);
    let metadata: &[u8] = br#"{"keras_version": "3.15.0", "date_saved": "2026-01-01@00:00:00"}"#;
    let weights = rest.get(1..).unwrap_or(&[]);
    modelport_fuzz::zip(&[("metadata.json", metadata), ("config.json", config), ("model.weights.h5", weights)])
}
