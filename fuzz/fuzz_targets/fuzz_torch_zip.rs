//! The input is a `torch.save` archive when it starts like a zip; otherwise the pickle of one, with its length in the first
//! two bytes, and a storage after it, so that the fuzzer need not learn checksums. Seed it with
//! `fixtures/weights/torch/*/model.pt`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"PK") {
        modelport_fuzz::torch(data.to_vec());
    } else if let Some(bytes) = archive(data) {
        modelport_fuzz::torch(bytes);
    }
});

fn archive(data: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    let (pickle, storage) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    modelport_fuzz::zip(&[
        ("m/data.pkl", pickle),
        ("m/byteorder", b"little"),
        ("m/data/0", storage),
        ("m/version", b"3\n"),
    ])
}
