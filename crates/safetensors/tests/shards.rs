//! Shards with an index, shared tensors, and files that appear whole or not at all.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelport_diag::Limits;
use modelport_ir::{DType, Tensor};
use modelport_safetensors::{Item, WriteOptions, Written, open, write};
use modelport_storage::{ByteRange, MappedFile};
use std::collections::BTreeMap;
use std::path::Path;

fn options(shard_size: u64) -> WriteOptions<'static> {
    WriteOptions { metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]), shard_size, progress: None }
}

fn four(value: u8) -> Tensor {
    Tensor::from_bytes(DType::U8, vec![4], vec![value; 4]).unwrap()
}

fn written(target: &Path, items: &[(&str, Tensor)], shard_size: u64) -> Written {
    let items = items.iter().map(|(n, t)| Item::new(*n, t.clone()).unwrap()).collect();
    write(items, target, &options(shard_size)).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut all: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

#[test]
fn shards_are_read_back_through_their_index() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("model.safetensors");
    std::fs::write(&target, "older").unwrap();
    let items = [("c", four(1)), ("a", four(2)), ("b", four(3))];
    let done = written(&target, &items, 8);
    assert_eq!(done.files[0], dir.path().join("model.safetensors.index.json"));
    assert_eq!(
        names(dir.path()),
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    );
    let file = open(&done.files[0], &Limits::default()).unwrap();
    assert_eq!(file.metadata["k"], "v");
    assert_eq!(file.metadata["total_size"], "12");
    for (name, tensor) in &items {
        let found = file.weights.iter().find(|(n, _)| n == name).unwrap();
        assert_eq!(found.1.bytes().unwrap(), tensor.bytes().unwrap());
    }
    // The model's order decides what goes together, not the names.
    let index = std::fs::read_to_string(&done.files[0]).unwrap();
    assert!(index.contains("\"b\": \"model-00002-of-00002.safetensors\""), "{index}");
}

#[test]
fn a_missing_shard_or_tensor_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("m.safetensors");
    let index = written(&target, &[("a", four(1)), ("b", four(2))], 4).files[0].clone();
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, text.replace("\"a\"", "\"x\"")).unwrap();
    assert!(open(&index, &Limits::default()).unwrap_err().to_string().contains("`x`"));
    std::fs::write(&index, text.replace("m-00001", "../m-00001")).unwrap();
    assert!(open(&index, &Limits::default()).unwrap_err().to_string().contains("no file beside"));
    std::fs::write(&index, &text).unwrap();
    std::fs::remove_file(dir.path().join("m-00002-of-00002.safetensors")).unwrap();
    assert!(open(&index, &Limits::default()).unwrap_err().to_string().contains("m-00002-of-00002"));
}

#[test]
fn one_storage_is_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = MappedFile::from_bytes("w", (0..16u8).collect::<Vec<_>>());
    let at = |offset, shape: Vec<usize>| {
        let range = ByteRange::new(file.clone(), offset, shape.iter().product::<usize>() as u64 * 4).unwrap();
        Tensor::from_range(DType::F32, shape, range).unwrap()
    };
    let tied = at(0, vec![2]);
    let items = [
        ("lm_head", tied.clone()),
        ("embed", tied.clone()),
        ("column", at(0, vec![2, 1])),
        ("other", at(8, vec![2])),
        ("flipped", tied.flip(&[0]).unwrap()),
        // The same numbers in another place are another tensor.
        ("copy", Tensor::from_bytes(DType::F32, vec![2], tied.bytes().unwrap()).unwrap()),
    ];
    let target = dir.path().join("m.safetensors");
    let done = written(&target, &items, u64::MAX);
    assert_eq!(done.shared, [("lm_head".to_owned(), "embed".to_owned())]);
    assert_eq!(done.tensors, 5);
    let back = open(&target, &Limits::default()).unwrap();
    assert_eq!(back.metadata["lm_head"], "embed");
    assert_eq!(back.weights.len(), 6);
    for (name, tensor) in &items {
        let (_, found) = back.weights.iter().find(|(n, _)| n == name).unwrap();
        assert_eq!((found.shape(), found.bytes().unwrap()), (tensor.shape(), tensor.bytes().unwrap()), "{name}");
    }
}

#[test]
fn names_that_stand_twice_leave_the_target_alone() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("m.safetensors");
    std::fs::write(&target, "older").unwrap();
    let items = vec![Item::new("a", four(1)).unwrap(), Item::new("a", four(2)).unwrap()];
    assert_eq!(write(items, &target, &options(u64::MAX)).unwrap_err().0[0].code.0, "ST0004");
    assert_eq!(std::fs::read(&target).unwrap(), b"older");
    assert!(Item::new("s", Tensor::from_strings(vec![1], vec![b"x".to_vec()]).unwrap()).is_err());
    assert_eq!(names(dir.path()), ["m.safetensors"]);
}
