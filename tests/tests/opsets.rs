//! ONNX files brought to another opset through the core graph: up, down, and there and back; each is held against the file that it
//! came from and against what onnxruntime recorded.
#![allow(clippy::unwrap_used, clippy::panic)]

use modelport::{ConvertOptions, LoadOptions, VerifyOptions};
use std::path::{Path, PathBuf};

const OLDEST: i64 = 11;
const NEWEST: i64 = 28;

/// The ONNX files of `fixtures/models`, with what onnxruntime recorded.
fn fixtures() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models/onnx");
    let mut all: Vec<_> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|d| (d.join("model.onnx"), d.join("io.npz"))).collect()
}

fn convert(from: &Path, to: &Path, opset: i64, golden: Option<&Path>) {
    let verify = Some(VerifyOptions { golden: golden.map(Path::to_owned), ..VerifyOptions::default() });
    let options = ConvertOptions { opset: Some(opset), verify, ..ConvertOptions::default() };
    let done = modelport::convert(from, to, &options).unwrap_or_else(|d| panic!("{}: {d}", from.display()));
    assert_eq!(done.written.opset, opset);
    assert!(done.report.unwrap().passed(), "{} at opset {opset}", from.display());
}

/// Whether `to` computes what `from` does.
fn same(from: &Path, to: &Path, golden: Option<&Path>) {
    let options = VerifyOptions { golden: golden.map(Path::to_owned), seed: 3, layers: false };
    let report = modelport::verify(from, to, &LoadOptions::default(), &options).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn old_files_come_to_the_newest_opset_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let fixtures = fixtures();
    assert!(fixtures.len() >= 4);
    for (model, golden) in &fixtures {
        let golden = Some(golden.as_path());
        convert(model, &at("new.onnx"), NEWEST, golden);
        convert(&at("new.onnx"), &at("old.onnx"), OLDEST, golden);
        convert(&at("old.onnx"), &at("again.onnx"), NEWEST, golden);
        same(model, &at("again.onnx"), golden);
        for opset in OLDEST..=NEWEST {
            convert(model, &at("any.onnx"), opset, golden);
        }
    }
}

#[test]
fn a_network_comes_from_the_newest_opset_to_the_oldest() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let models = [
        "models/keras/real_keras224_rnn/model.h5",
        "models/keras/nested_functional_k3_keras/model.keras",
        "models/torch/recurrent/model.pt",
    ];
    let mut done = 0;
    for model in models.map(|m| fixtures.join(m)).iter().filter(|m| m.exists()) {
        convert(model, &at("new.onnx"), NEWEST, None);
        convert(&at("new.onnx"), &at("old.onnx"), OLDEST, None);
        same(model, &at("old.onnx"), None);
        convert(&at("old.onnx"), &at("again.onnx"), NEWEST, None);
        same(&at("new.onnx"), &at("again.onnx"), None);
        done += 1;
    }
    assert!(done >= 2);
}
