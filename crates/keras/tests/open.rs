//! Every fixture opens; every file in `fixtures/bad` is refused with the fitting code.

#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_diag::Limits;
use modelport_ir::Attr;
use modelport_keras::{Content, KerasFile, OpenOptions, open, open_bytes};
use modelport_storage::{MappedFile, ZipArchive};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// All model files below a directory.
fn models(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "h5" || e == "keras") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

fn options(path: &Path) -> OpenOptions {
    let arch = path.with_file_name("arch.json");
    OpenOptions { arch: arch.exists().then_some(arch), limits: Limits::default() }
}

/// Everything that must hold for an opened fixture.
fn check(file: &mut KerasFile) -> Result<(), String> {
    let graph = file.require_graph().map_err(|d| d.to_string())?;
    let version = file.provenance.version.clone().unwrap_or_default();
    if file.content == Content::Model
        && !["1.2.2", "2.0.6", "2.2.4", "2.2.4-tf", "2.13.1", "2.15.0", "3.15.1"].contains(&version.as_str())
    {
        return Err(format!("version {version}"));
    }
    if graph.nodes().is_empty() || graph.inputs().is_empty() || graph.outputs().is_empty() {
        return Err("the graph has no nodes, inputs or outputs".into());
    }
    let mut attached: Vec<String> = Vec::new();
    for node in graph.nodes() {
        let inputs = node.inputs.len() as i64;
        let refers =
            |a: &Attr| a.as_map().and_then(|m| m.get("@input")).and_then(Attr::as_int).is_none_or(|i| i < inputs);
        let args = node.op.attr("@args").and_then(Attr::as_list).ok_or("no @args")?;
        if !args.iter().all(refers) {
            return Err(format!("{}: {args:?}", node.name));
        }
        weights_of(&node.op, &mut attached);
    }
    for (name, tensor) in &file.weights {
        let bytes = tensor.bytes().map_err(|d| d.to_string())?;
        if bytes.len() != tensor.byte_len() {
            return Err(format!("{name} has {} bytes", bytes.len()));
        }
    }
    // Every weight of the file is used, but for the state of random generators and a kernel that is stored twice.
    let mut wanted: Vec<String> = file
        .weights
        .iter()
        .filter(|(n, _)| {
            !n.contains("seed_generator") && !n.contains("StateVar") && !n.ends_with("spectral_normalization/vars/0")
        })
        .map(|(_, t)| format!("{t:?}"))
        .collect();
    wanted.sort();
    attached.sort();
    attached.dedup();
    wanted.dedup();
    let lost: Vec<_> = wanted.iter().filter(|w| !attached.contains(w)).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("not attached: {lost:?}")) }
}

fn weights_of(op: &modelport_ir::SourceOp, out: &mut Vec<String>) {
    out.extend(op.weights.iter().map(|(_, t)| format!("{t:?}")));
    let mut todo: Vec<&Attr> = op.attrs.values().collect();
    while let Some(attr) = todo.pop() {
        match attr {
            Attr::Op(inner) => weights_of(inner, out),
            Attr::Graph(graph) => graph.nodes().iter().for_each(|n| weights_of(&n.op, out)),
            Attr::List(list) => todo.extend(list),
            _ => {}
        }
    }
}

#[test]
fn every_fixture_opens() {
    let mut failed = Vec::new();
    let mut count = 0;
    for part in ["models/keras", "ops/keras"] {
        for path in models(&fixtures().join(part)) {
            count += 1;
            let result = open(&path, &options(&path)).map_err(|d| d.to_string()).and_then(|mut file| check(&mut file));
            if let Err(why) = result {
                failed.push(format!("{}: {why}", path.strip_prefix(fixtures()).unwrap().display()));
            }
        }
    }
    assert!(count > 900, "only {count} fixtures were found");
    assert!(failed.is_empty(), "{} of {count} fixtures:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn bad_files_are_refused_with_the_fitting_code() {
    let expected = [
        ("broken_json/model.keras", "KR0003"),
        ("empty/model.h5", "PR0004"),
        ("html/model.h5", "PR0003"),
        ("lfs_pointer/model.h5", "PR0002"),
        ("plain_zip/model.keras", "PR0001"),
        ("truncated_10/model.h5", "IO0004"),
        ("truncated_50/model.h5", "IO0004"),
        ("truncated_90/model.h5", "IO0004"),
        ("weights_only/model.weights.h5", "KR0002"),
        ("zip_no_config/model.keras", "ZP0002"),
    ];
    for (file, code) in expected {
        let path = fixtures().join("bad").join(file);
        let result = open(&path, &OpenOptions::default());
        let found = match result.and_then(|mut f| f.require_graph().map(drop).map_err(Into::into)) {
            Ok(()) => panic!("{file} opens"),
            Err(d) => d,
        };
        assert_eq!(found.0[0].code.0, code, "{file}: {found}");
    }
    let missing = open(&fixtures().join("no/such/file.h5"), &OpenOptions::default()).unwrap_err();
    assert_eq!(missing.0[0].code.0, "IO0001");
    let directory = open(&fixtures().join("bad"), &OpenOptions::default()).unwrap_err();
    assert_eq!(directory.0[0].code.0, "PR0005");
}

/// A copy of a fixture's files in a directory of its own.
fn unpacked(archive: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let zip = ZipArchive::open(MappedFile::open(archive).unwrap(), Limits::default()).unwrap();
    for member in zip.members() {
        std::fs::write(dir.path().join(&member.name), zip.range(&member.name).unwrap().read().unwrap()).unwrap();
    }
    dir
}

#[test]
fn a_directory_opens_like_the_archive() {
    let archive = fixtures().join("models/keras/nested_functional_k3_keras/model.keras");
    let dir = unpacked(&archive);
    let from_dir = open(dir.path(), &OpenOptions::default()).unwrap();
    let from_zip = open(&archive, &OpenOptions::default()).unwrap();
    let bytes =
        |f: &KerasFile| f.weights.iter().map(|(n, t)| (n.clone(), t.bytes().unwrap().to_vec())).collect::<Vec<_>>();
    assert_eq!(bytes(&from_dir), bytes(&from_zip));
    assert_eq!(from_dir.graph.unwrap().nodes().len(), from_zip.graph.unwrap().nodes().len());
}

#[test]
fn weights_in_several_files_open_by_their_map() {
    let fixture = fixtures().join("models/keras/shared_k3_weights_h5");
    let whole = models(&fixture).remove(0);
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(&whole, dir.path().join("model_00000.weights.h5")).unwrap();
    let map = dir.path().join("model.weights.json");
    let write =
        |shard: &str| std::fs::write(&map, format!(r#"{{"metadata": {{}}, "weight_map": {{"/vars": ["{shard}"]}}}}"#));
    write("model_00000.weights.h5").unwrap();
    let file = open(&map, &options(&whole)).unwrap();
    assert_eq!(file.weights.len(), open(&whole, &options(&whole)).unwrap().weights.len());
    assert!(file.graph.is_some());
    for (shard, code) in [("../model.h5", "KR0003"), ("model_00001.weights.h5", "IO0001")] {
        write(shard).unwrap();
        assert_eq!(open(&map, &options(&whole)).unwrap_err().0[0].code.0, code);
    }
}

/// Bytes under a name, and what opening them says.
fn refusal(bytes: &[u8]) -> (&'static str, String) {
    let d = open_bytes(&MappedFile::from_bytes("file", bytes.to_vec()), &OpenOptions::default()).unwrap_err();
    (d.0[0].code.0, d.0[0].message.clone())
}

#[test]
fn what_is_no_keras_file_is_named() {
    for (bytes, code, word) in [
        (b"\x80\x02}q\x00.".as_slice(), "PR0001", "pickle"),
        (b"\x1f\x8b\x08\x00", "PR0001", "gzip"),
        (b"\x08\x07\x12\x04onnx\xff", "PR0001", "ONNX"),
        (b"\x93NUMPY\x01\x00", "PR0001", "numpy"),
        (b"PK\x03\x04 and no more", "ZP0001", "zip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "PR0002", "git-lfs"),
        (b"\n<!DOCTYPE html><html>", "PR0003", "web page"),
        (br#"{"class_name": "Sequential", "config": []}"#, "PR0003", "architecture"),
        (b"404: Not Found", "PR0003", "text"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "PR0001", "zeros"),
        (b"", "PR0004", "empty"),
    ] {
        let (found, message) = refusal(bytes);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(word), "{message}");
    }
    let saved_model = tempfile::tempdir().unwrap();
    std::fs::write(saved_model.path().join("saved_model.pb"), b"x").unwrap();
    let d = open(saved_model.path(), &OpenOptions::default()).unwrap_err();
    assert_eq!(d.0[0].code.0, "PR0001");
    assert!(d.0[0].message.contains("SavedModel"), "{d}");
}

/// Weights that belong to another architecture are refused, with the layer, what it wants and what there is.
#[test]
fn an_architecture_of_another_model_is_refused() {
    for family in ["k2", "k3"] {
        let weights = models(&fixtures().join(format!("models/keras/nested_functional_{family}_weights_h5"))).remove(0);
        let arch = fixtures().join(format!("models/keras/multi_io_{family}_weights_h5/arch.json"));
        let d = open(&weights, &OpenOptions { arch: Some(arch), limits: Limits::default() }).unwrap_err();
        assert!(d.0.iter().any(|d| d.code.0 == "KR0004"), "{d}");
        assert!(d.0.iter().all(|d| d.expected.is_some() && d.found.is_some()), "{d}");
    }
}

/// Layers that cannot be lowered are still part of the graph, so that the lowering can name them all.
#[test]
fn unknown_and_lambda_layers_stay_nodes() {
    for (file, class) in [
        ("lambda_layer_h5/model.h5", "Lambda"),
        ("lambda_layer_keras/model.keras", "Lambda"),
        ("unknown_layers_h5/model.h5", "Dense"),
        ("unknown_layers_keras/model.keras", "Dense"),
    ] {
        let file = open(&fixtures().join("bad").join(file), &OpenOptions::default()).unwrap();
        let graph = file.graph.unwrap();
        assert!(graph.nodes().iter().any(|n| n.op.name == class), "{:?}", graph.nodes());
    }
}

#[test]
fn weights_without_architecture_are_listed() {
    let mut file = open(&fixtures().join("bad/weights_only/model.weights.h5"), &OpenOptions::default()).unwrap();
    assert_eq!(file.content, Content::WeightsOnly);
    let text = file.require_graph().unwrap_err().to_string();
    assert!(text.contains("--arch"), "{text}");
    assert!(file.weights.iter().take(3).all(|(name, _)| text.contains(name)), "{text}");
}

#[test]
fn an_hdf5_file_without_a_model_is_named() {
    let mut bytes = std::fs::read(fixtures().join("models/keras/k2_0_model/model.h5")).unwrap();
    for name in [b"model_config".as_slice(), b"model_weights"] {
        let found: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
        found.into_iter().for_each(|at| bytes[at] = b'z');
    }
    let (code, message) = refusal(&bytes);
    assert_eq!(code, "KR0001", "{message}");
}
