//! Against the reference implementation: what it refuses is refused, what it reads is read the same, and what we write it
//! reads, byte for byte as it would have written it.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelport_ir::{DType, Tensor};
use modelport_safetensors::{Item, WriteOptions, open_bytes, write};
use modelport_storage::MappedFile;
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::{BTreeMap, HashMap};

const DTYPES: [Dtype; 22] = [
    Dtype::BOOL,
    Dtype::F4,
    Dtype::F6_E2M3,
    Dtype::F6_E3M2,
    Dtype::U8,
    Dtype::I8,
    Dtype::F8_E5M2,
    Dtype::F8_E4M3,
    Dtype::F8_E8M0,
    Dtype::F8_E4M3FNUZ,
    Dtype::F8_E5M2FNUZ,
    Dtype::I16,
    Dtype::U16,
    Dtype::F16,
    Dtype::BF16,
    Dtype::I32,
    Dtype::U32,
    Dtype::F32,
    Dtype::C64,
    Dtype::F64,
    Dtype::I64,
    Dtype::U64,
];

fn ours(bytes: &[u8]) -> Result<modelport_safetensors::SafetensorsFile, modelport_diag::Diagnostics> {
    open_bytes(&MappedFile::from_bytes("m.safetensors", bytes.to_vec()))
}

fn assemble(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// Both verdicts must agree, and the tensors too where the file is good.
fn agree(bytes: &[u8]) -> bool {
    let (theirs, ours) = (SafeTensors::deserialize(bytes), ours(bytes));
    let (Ok(theirs), Ok(ours)) = (&theirs, &ours) else {
        return theirs.is_err() == ours.is_err();
    };
    assert_eq!(theirs.len(), ours.stored.len());
    ours.stored.iter().all(|s| {
        let view = theirs.tensor(&s.name).unwrap();
        view.shape() == s.shape
            && format!("{:?}", view.dtype()) == s.element.name()
            && view.data() == s.range.mapped().as_ref()
    })
}

/// A valid file of a few tensors. (Of no tensors and empty metadata the reference writes a file that it cannot read.)
fn file() -> impl Strategy<Value = Vec<u8>> {
    let tensor = ("[a-z.]{0,6}", 0..DTYPES.len(), prop::collection::vec(0usize..4, 0..4));
    (prop::collection::vec(tensor, 0..5), prop::option::of(prop::collection::hash_map("[a-z]{1,4}", ".{0,5}", 1..3)))
        .prop_map(|(tensors, metadata)| {
            let made: BTreeMap<_, _> = tensors
                .into_iter()
                .map(|(name, d, mut shape)| {
                    shape.push(4); // The types below a byte then end at one.
                    let bits = shape.iter().product::<usize>() * DTYPES[d].bitsize();
                    let data: Vec<u8> = (0..bits / 8).map(|i| (i * 7) as u8).collect();
                    (name, (DTYPES[d], shape, data))
                })
                .collect();
            let views = made.iter().map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
            serialize(views, metadata).unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_it_writes_is_read(file in file()) {
        prop_assert!(agree(&file), "{}", String::from_utf8_lossy(&file));
        prop_assert!(ours(&file).is_ok());
    }

    #[test]
    fn a_changed_byte_has_the_same_verdict(file in file(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut file = file;
        let at = at.index(file.len());
        file[at] = to;
        prop_assert!(agree(&file) || SafeTensors::deserialize(&file).is_ok(), "{:?}", String::from_utf8_lossy(&file));
    }

    #[test]
    fn a_cut_or_longer_file_is_refused(file in file(), at in any::<prop::sample::Index>(), extra in 0usize..9) {
        let mut cut = file.clone();
        cut.truncate(at.index(file.len()));
        prop_assert!(ours(&cut).is_err() && agree(&cut));
        let mut long = file;
        long.extend(vec![0; extra]);
        prop_assert!(agree(&long));
    }

    #[test]
    fn other_headers_have_the_same_verdict(
        dtype in prop::sample::select(vec!["F32", "F4", "BF16", "f32", "F128", "U8"]),
        shape in prop::collection::vec(prop::sample::select(vec!["0", "1", "2", "-1", "1.0", "4611686018427387904", "\"a\"", "null"]), 0..3),
        offsets in (0u64..20, 0u64..20),
        second in prop::option::of((0u64..20, 0u64..20)),
        tail in prop::sample::select(vec!["", "   ", "x", ",", "\n"]),
        metadata in prop::sample::select(vec!["", "\"__metadata__\":{\"a\":\"b\"},", "\"__metadata__\":{\"a\":1},", "\"__metadata__\":null,", "\"__metadata__\":[],"]),
        extra in prop::sample::select(vec!["", ",\"more\":[1,{}]", ",\"dtype\":\"F32\""]),
        len in 0usize..24,
    ) {
        let one = |name: &str, (a, b): (u64, u64)| format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{a},{b}]{extra}}}", shape.join(","));
        let second = second.map_or(String::new(), |o| format!(",{}", one("b", o)));
        let file = assemble(&format!("{{{metadata}{}{second}}}{tail}", one("a", offsets)), &vec![1; len]);
        prop_assert!(agree(&file), "{}", String::from_utf8_lossy(&file));
    }

    #[test]
    fn what_we_write_is_what_it_writes(
        tensors in prop::collection::hash_map("[a-zA-Z0-9_./]{1,8}", (0..DTYPES.len(), prop::collection::vec(0usize..5, 0..4)), 0..6)
    ) {
        let known: Vec<_> = tensors.into_iter().filter_map(|(name, (d, shape))| {
            let dtype = modelport_safetensors::Element::from_name(&format!("{:?}", DTYPES[d]))?.dtype()?;
            let len = shape.iter().product::<usize>() * dtype.size();
            Some((name, DTYPES[d], dtype, shape, (0..len).map(|i| (i * 5) as u8).collect::<Vec<u8>>()))
        }).collect();
        let views = known.iter().map(|(n, d, _, s, b)| (n, TensorView::new(*d, s.clone(), b).unwrap()));
        let want = serialize(views, Some(HashMap::from([("format".to_owned(), "pt".to_owned())]))).unwrap();
        let items = known.iter().map(|(n, _, d, s, b)| {
            Item::new(n.clone(), Tensor::from_bytes(*d, s.clone(), b.clone()).unwrap()).unwrap()
        }).collect();
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("m.safetensors");
        let options = WriteOptions { metadata: BTreeMap::from([("format".to_owned(), "pt".to_owned())]), shard_size: u64::MAX, progress: None };
        write(items, &target, &options).unwrap();
        prop_assert_eq!(std::fs::read(&target).unwrap(), want);
    }
}

#[test]
fn what_stands_twice_is_refused() {
    let a = "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
    for header in [
        format!("{{{a},{a}}}"),
        "{\"__metadata__\":{},\"__metadata__\":{}}".to_owned(),
        "{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}".to_owned(),
    ] {
        assert!(ours(&assemble(&header, &[0][..usize::from(header.contains("U8"))])).is_err(), "{header}");
    }
}

#[test]
fn a_header_that_claims_much_costs_nothing() {
    for len in [100_000_001u64, u64::MAX, u64::MAX - 8, 1 << 39] {
        let mut file = len.to_le_bytes().to_vec();
        file.extend(b"{\"a\":1}");
        let found = ours(&file).unwrap_err();
        assert_eq!(found.0[0].code.0, "ST0001");
    }
}

#[test]
fn every_finding_is_reported_at_once() {
    let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]},\
                  \"b\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[4,8]},\
                  \"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}";
    let found = ours(&assemble(header, &[0; 10])).unwrap_err();
    assert_eq!(found.0.iter().map(|d| d.code.0).collect::<Vec<_>>(), ["ST0002", "ST0003", "ST0002"]);
}

#[test]
fn types_without_a_counterpart_are_copied() {
    let header = "{\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]}}";
    let file = ours(&assemble(header, &[7, 9])).unwrap();
    assert!(file.weights.is_empty() && file.notes[0].contains("F4"));
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("m.safetensors");
    let options = WriteOptions { metadata: BTreeMap::new(), shard_size: u64::MAX, progress: None };
    write(file.stored.iter().map(|s| Item::stored(s).unwrap()).collect(), &target, &options).unwrap();
    let bytes = std::fs::read(&target).unwrap();
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("a").unwrap().data(), [7, 9]);
    assert!(agree(&bytes));
    assert_eq!(DType::U8.size(), 1);
}
