//! Pickles that no Python wrote: they end in a value or in a diagnostic, within bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use modelport_diag::Limits;
use modelport_pickle::{Pickle, Trust, Value, parse};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Pickle, String> {
    parse(Bytes::copy_from_slice(bytes), &Limits::default()).map_err(|d| d.to_string())
}

fn fails(bytes: &[u8], code: &str, says: &str) {
    let error = read(bytes).expect_err("it reads");
    assert!(error.contains(code) && error.contains(says), "{error}");
}

#[test]
fn a_call_is_kept_and_not_made() {
    let pickle = read(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.").unwrap();
    assert!(pickle.root().is_class("os", "system"));
    assert_eq!(pickle.root().arg(0).unwrap().str(), Some("touch /tmp/pwned"));
    let global = &pickle.globals()[0];
    assert_eq!((global.trust, global.called, global.at), (Trust::Suspicious, true, 0));
}

#[test]
fn lengths_are_held_against_the_bytes() {
    fails(b"\x80\x02X\xff\xff\xff\xffab.", "PK0001", "4294967295 bytes");
    fails(b"\x80\x02T\xff\xff\xff\x7fab.", "PK0001", "more bytes than there are");
    fails(b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\xffab.", "PK0001", "more bytes than there are");
    fails(b"\x80\x04\x8e\x00\x00\x00\x00\x01\x00\x00\x00ab.", "PK0001", "4294967296 bytes");
    fails(b"\x80\x04\x95\x00\x00\x00\x00\x01\x00\x00\x00N.", "PK0001", "frame");
    fails(b"\x80\x02\x8b\xff\xff\xff\xff1.", "PK0001", "4294967295 bytes");
}

#[test]
fn what_is_outside_is_refused() {
    fails(b"\x80\x05\x97.", "PK0002", "buffers outside");
    fails(b"\x80\x02\x82\x01.", "PK0002", "extension registry");
    fails(b"\x80\x06N.", "PK0002", "protocol of the future");
}

#[test]
fn the_stack_does_not_underflow() {
    for bytes in [
        &b"."[..],
        b"0.",
        b"1.",
        b"2.",
        b"R.",
        b"b.",
        b"t.",
        b"Na.",
        b"(Na.",
        b"}Ns.",
        b"}(Nu.",
        b"N(.",
        b"q\0.",
        b"h\0.",
        b"a",
        b"\x93.",
        b"NN\x93.",
        b"(o.",
        b"\xff",
        b"",
    ] {
        let error = read(bytes).expect_err("it reads");
        assert!(error.contains("PK0001"), "{bytes:?}: {error}");
    }
}

#[test]
fn a_list_that_contains_itself_is_a_list() {
    let pickle = read(b"\x80\x02]q\x00h\x00a.").unwrap();
    assert_eq!(pickle.root().item(0).unwrap().id(), pickle.root().id());
}

#[test]
fn a_memo_bomb_stays_small() {
    // Every list holds the one before ten times: 10^1000 elements in Python's repr.
    let mut bytes = b"\x80\x02]q\x00".to_vec();
    for i in 0..1000u32 {
        bytes.extend(b"](");
        for _ in 0..10 {
            bytes.push(b'j');
            bytes.extend(i.to_le_bytes());
        }
        bytes.push(b'e');
        bytes.push(b'r');
        bytes.extend((i + 1).to_le_bytes());
    }
    bytes.push(b'.');
    let pickle = read(&bytes).unwrap();
    assert!(pickle.len() < 2000);
}

#[test]
fn depth_is_bounded() {
    let mut bytes = b"\x80\x02N".to_vec();
    bytes.extend([0x85; 100_000]);
    bytes.push(b'.');
    fails(&bytes, "IO0005", "nested too deeply");
    let mut bytes = b"\x80\x02N".to_vec();
    bytes.extend([0x85; 500]);
    bytes.push(b'.');
    assert!(read(&bytes).is_ok());
}

#[test]
fn the_number_of_values_is_bounded() {
    let mut bytes = b"\x80\x02(".to_vec();
    bytes.extend(std::iter::repeat_n(b']', 1_100_000));
    bytes.extend(b"t.");
    fails(&bytes, "IO0005", "more values than a model needs");
}

#[test]
fn memo_numbers_with_gaps_cost_nothing() {
    let pickle = read(b"\x80\x02Nr\xff\xff\xff\xff0K\x07r\xf0\xff\xff\xff0j\xf0\xff\xff\xff.").unwrap();
    assert_eq!(pickle.root().int(), Some(7));
}

#[test]
fn another_pickle_may_follow() {
    let pickle = read(b"\x80\x02K\x01.\x80\x02K\x02.").unwrap();
    assert_eq!((pickle.consumed(), pickle.root().int()), (5, Some(1)));
}

#[test]
fn pairs_of_an_ordered_dict_of_python_2_are_entries() {
    let pickle = read(b"ccollections\nOrderedDict\n((lp0\n(lp1\nS'a'\naI1\naatR.").unwrap();
    assert_eq!(pickle.root().get("a").unwrap().int(), Some(1));
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    /// Bytes that are mostly opcodes get further.
    #[test]
    fn no_program_panics(ops in prop::collection::vec(prop::sample::select(&b"(NN))]]}}lltdaesu012K\x01\x88\x89\x8f\x90\x91\x85\x86\x87\x94\x94h\x00q\x00R\x81\x92obQcos\nx\n\x8c\x01a\x93I1\nS'a'\n"[..]), 0..200)) {
        let mut program = ops;
        program.push(b'.');
        if let Ok(pickle) = read(&program) {
            let _ = (pickle.root().entries(), pickle.root().ints(), pickle.root().to_string());
            assert!(!matches!(pickle.root().value(), Value::Global(g) if *g as usize >= pickle.globals().len()));
        }
    }
}
