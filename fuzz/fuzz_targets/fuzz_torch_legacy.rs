//! The input is a file of `torch.save` before 1.6, or what follows its magic number, protocol and system. Seed it with
//! `fixtures/weights/torch/*_legacy*/model.pt`.
#![no_main]

/// The pickles that every such file begins with.
const HEAD: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let whole = data.windows(10).take(32).any(|w| HEAD.windows(10).nth(4) == Some(w));
    let head = if whole { &[][..] } else { HEAD };
    modelport_fuzz::torch([head, data].concat());
});
