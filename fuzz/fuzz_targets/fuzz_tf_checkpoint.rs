//! The input is the index of a checkpoint whose tensors are in 4 KiB of numbers; after a first byte of 0 it is a checkpoint
//! of the first format, which is one file. Seed it with `fixtures/models/tensorflow/*/*.index`, with any byte before.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        0 => modelport_fuzz::tensorflow(&[("model.ckpt", data)], "model.ckpt"),
        _ => {
            let files = [("model.index", data), ("model.data-00000-of-00001", &[0x3f; 4096][..])];
            modelport_fuzz::tensorflow(&files, "model.index");
        }
    }
});
