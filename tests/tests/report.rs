//! Reports of verifications: written, read back, held against the files; and the digest in a converted file.
#![allow(clippy::unwrap_used, clippy::panic)]

use modelport::{ConvertOptions, LoadOptions, Recorded, VERIFIED, VerifyOptions};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models/keras/nested_functional_k2_h5").join(name)
}

#[test]
fn a_verified_file_says_so_and_its_report_can_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let options = ConvertOptions { verify: Some(VerifyOptions::default()), ..ConvertOptions::default() };
    let done = modelport::convert(&fixture("model.h5"), &at("m.onnx"), &options).unwrap();
    let bytes = std::fs::read(at("m.onnx")).unwrap();
    assert_eq!(done.written.bytes, bytes.len() as u64);
    let report = done.report.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains(VERIFIED) && text.contains(&report.source.sha256));
    // The digest comes after what was verified, whose hash it has.
    let key = bytes.windows(VERIFIED.len()).rposition(|w| w == VERIFIED.as_bytes()).unwrap();
    let part = at("part.onnx");
    let starts = (key.saturating_sub(8)..key).find(|&n| {
        std::fs::write(&part, &bytes[..n]).unwrap();
        modelport_runtime::verify::FileDigest::of(&part).is_ok_and(|d| text.contains(&d.sha256))
    });
    assert!(starts.is_some());

    let options = VerifyOptions { golden: Some(fixture("io.npz")), seed: 0, layers: true };
    let report = modelport::verify(&fixture("model.h5"), &at("m.onnx"), &LoadOptions::default(), &options).unwrap();
    assert!(report.passed() && report.layers.len() > 2, "{report}");
    modelport::save_report(&report, &["--checksums".to_owned()], &at("r.json")).unwrap();
    let recorded = Recorded::read(&at("r.json")).unwrap();
    assert_eq!((recorded.verdict.as_str(), recorded.arguments.len(), recorded.hashes.len()), ("equivalent", 1, 3));
    recorded.check_files().unwrap();
    std::fs::write(at("m.onnx"), b"another").unwrap();
    assert!(recorded.check_files().unwrap_err().to_string().contains("another than that of the report"));
    assert!(Recorded::read(&fixture("io.npz")).is_err());
}

#[test]
fn what_a_file_names_is_no_markup() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let options = ConvertOptions { verify: Some(VerifyOptions::default()), ..ConvertOptions::default() };
    let mut report = modelport::convert(&fixture("model.h5"), &at("m.onnx"), &options).unwrap().report.unwrap();
    report.comparisons[0].outputs[0].name = "<script>alert(1)</script>".to_owned();
    modelport::save_report(&report, &[], &at("r.html")).unwrap();
    let html = std::fs::read_to_string(at("r.html")).unwrap();
    assert!(!html.contains("<script>alert") && html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("src="));
    assert!(modelport::save_report(&report, &[], &at("r.txt")).is_err());
}

#[test]
fn the_page_of_an_inspection_has_every_node_and_every_weight() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("report.html");
    let models = [
        "keras/mobilenetv2_k2_h5/model.h5",
        "tensorflow/mobilenet_v2_frozen_k2/model.pb",
        "torch/mobilenet_v2_full/model.pt",
    ];
    for model in models {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models").join(model);
        let found = modelport::inspect_to(&path, &LoadOptions::default(), &page).unwrap();
        let html = std::fs::read_to_string(&page).unwrap();
        assert!(found.layers.len() > 90, "{model}");
        for layer in &found.layers {
            let nodes = format!("{{\"name\":\"{}\",\"op\":\"{}\"", layer.name, layer.class);
            assert!(html.contains(&nodes), "{model}: {}", layer.name);
        }
        for weight in &found.weights {
            assert!(html.contains(&format!("<td class=\"mono\">{}</td>", weight.name)), "{model}: {}", weight.name);
        }
        assert!(!html.contains("https://") && !html.contains("src="));
        let again = directory.path().join("again.html");
        modelport::inspect_to(&path, &LoadOptions::default(), &again).unwrap();
        assert_eq!(html, std::fs::read_to_string(&again).unwrap(), "{model}");
    }
    let model = fixture("model.h5");
    assert!(modelport::inspect_to(&model, &LoadOptions::default(), &model).is_err());
}
