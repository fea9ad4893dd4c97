//! One value, pickled by Python 2.7 and 3.8 in every protocol (`xtask/python/pickles.py`), reads the same from all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use modelport_pickle::{Made, Node, Trust, Value, parse};
use std::path::Path;

fn files() -> Vec<(String, Bytes)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap().into()))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "the recorded pickles are gone");
    files
}

fn bytes_of(node: Node<'_>) -> Vec<u8> {
    match node.value() {
        Value::Bytes(b) => b.to_vec(),
        // ASCII in Python 2.
        Value::Str(s) => s.as_bytes().to_vec(),
        // Protocols before 3 have no bytes; Python 3 writes a call there.
        _ if node.is_class("_codecs", "encode") => {
            node.arg(0).unwrap().str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
        }
        _ => panic!("{node} is no bytes"),
    }
}

#[test]
fn every_protocol_gives_the_same_plain_data() {
    for (name, bytes) in files() {
        let len = bytes.len();
        let pickle = parse(bytes, &Default::default()).unwrap_or_else(|d| panic!("{name}: {d}"));
        assert_eq!(pickle.consumed(), len, "{name}");
        let root = pickle.root();
        let get = |key: &str| root.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
        assert!(get("none").is_none(), "{name}");
        assert_eq!(get("bools").items().unwrap().map(|b| b.bool()).collect::<Vec<_>>(), [Some(true), Some(false)]);
        let ints = [0, 255, 256, 65535, 65536, -1, -(1 << 31), 1 << 40, -(1 << 62)];
        assert_eq!(get("ints").ints().unwrap(), ints, "{name}");
        let floats: Vec<_> = get("floats").items().unwrap().map(|f| f.float().unwrap()).collect();
        assert_eq!(floats, [0.1, -1e300, f64::INFINITY], "{name}");
        assert_eq!(get("text").str(), Some("grüße € 😀\n\\"), "{name}");
        assert_eq!(get("long").str().map(str::len), Some(300), "{name}");
        assert_eq!(bytes_of(get("bytes")), b"\x00\xffraw\n'\"\\", "{name}");
        let lens: Vec<_> = get("tuples").items().unwrap().map(|t| t.items().unwrap().len()).collect();
        assert_eq!(lens, [0, 1, 2, 3, 4], "{name}");
        for (key, element) in [("set", 5), ("frozen", 6)] {
            assert_eq!(get(key).items().unwrap().map(|i| i.int()).collect::<Vec<_>>(), [Some(element)], "{name} {key}");
        }
        let big: Vec<Vec<u8>> = get("big")
            .items()
            .unwrap()
            .map(|b| match b.value() {
                Value::BigInt(b) => b.to_vec(),
                _ => panic!("{name}: {b}"),
            })
            .collect();
        assert_eq!(big[0][..9], [0, 0, 0, 0, 0, 0, 0, 0, 1], "{name}");
        assert_eq!(big[1][..13], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0], "{name}");
    }
}

#[test]
fn sharing_objects_and_cycles_are_kept() {
    for (name, bytes) in files() {
        let pickle = parse(bytes, &Default::default()).unwrap();
        let root = pickle.root();
        let get = |key: &str| root.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
        let shared = get("shared");
        assert_eq!(shared.item(0).unwrap().id(), shared.item(1).unwrap().id(), "{name}");
        let entries = get("ordered").entries().unwrap();
        let keys: Vec<_> = entries.iter().map(|(k, v)| (k.str().unwrap(), v.int().unwrap())).collect();
        assert_eq!(keys, [("z", 1), ("a", 2)], "{name}");
        assert_eq!(get("counts").get("k").unwrap().int(), Some(3), "{name}");
        let plain = get("plain");
        assert!(plain.is_class("__main__", "Plain"), "{name}: {plain}");
        assert_eq!(plain.object().unwrap().made, Made::New, "{name}");
        assert_eq!(plain.attr("name").unwrap().str(), Some("plain"), "{name}");
        assert_eq!(plain.attr("me").unwrap().id(), plain.id(), "{name}");
        assert_eq!(get("pair").ints().unwrap(), [7, 8], "{name}");
        assert!(get("old").is_class("__main__", "Old"), "{name}");
        assert_eq!(get("old").attr("x").unwrap().int(), Some(-1), "{name}");
        if let Some(slotted) = root.get("slotted") {
            assert_eq!(slotted.attr("width").unwrap().float(), Some(0.5), "{name}");
        }
        assert!(get("class").is_global("__main__", "Plain"), "{name}");
        assert!(get("complex").is_class("builtins", "complex"), "{name}");
    }
}

#[test]
fn names_are_reported_once_with_their_use() {
    for (name, bytes) in files() {
        let pickle = parse(bytes, &Default::default()).unwrap();
        let plain: Vec<_> = pickle.globals().iter().filter(|g| &*g.name == "Plain").collect();
        assert_eq!(plain.len(), 1, "{name}");
        assert_eq!((plain[0].trust, plain[0].called), (Trust::Unknown, true), "{name}");
        let worst = pickle.globals().iter().map(|g| g.trust).max();
        assert_eq!(worst, Some(Trust::Unknown), "{name}: {:?}", pickle.globals());
    }
}
