//! The input is the code of a TorchScript archive: the class `__torch__.M`, whose object has one attribute, `training`; or
//! a whole archive when it starts like a zip. Seed it with the `code/__torch__.py` of real archives.
#![no_main]

/// An object of the class, with `training` false.
const OBJECT: &[u8] = b"\x80\x02c__torch__\nM\n)\x81}X\x08\x00\x00\x00training\x89sb.";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let bytes = match data.starts_with(b"PK") {
        true => Some(data.to_vec()),
        false => modelport_fuzz::zip(&[
            ("m/data.pkl", OBJECT),
            ("m/code/__torch__.py", data),
            ("m/constants.pkl", b"\x80\x02)."),
            ("m/version", b"3\n"),
        ]),
    };
    if let Some(bytes) = bytes {
        modelport_fuzz::torch(bytes);
    }
});
