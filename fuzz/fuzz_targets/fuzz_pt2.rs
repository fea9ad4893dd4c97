//! The input is the program of a `.pt2` archive: JSON; or a whole archive when it starts like a zip. Seed it with the
//! `models/model.json` of `fixtures/ops/torch/*/*/model.pt2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bytes = match data.starts_with(b"PK") {
        true => Some(data.to_vec()),
        false => modelport_fuzz::zip(&[
            ("m/archive_format", b"pt2"),
            ("m/archive_version", b"0"),
            ("m/byteorder", b"little"),
            ("m/models/model.json", data),
        ]),
    };
    if let Some(bytes) = bytes {
        modelport_fuzz::torch(bytes);
    }
});
