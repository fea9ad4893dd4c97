//! `verify --report` and `--replay` through the command: the repetition has the numbers of the report, and a file that is another
//! by now is told by its hash.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn modelport(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modelport")).args(arguments).output().unwrap()
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ops/keras/Dense/k2_softmax/model.h5")
}

#[test]
fn a_verification_is_repeated_from_its_report() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let (source, written, report) = (at("model.h5"), at("m.onnx"), at("report.json"));
    std::fs::copy(model(), &source).unwrap();
    assert!(modelport(&["convert", &source, &written]).status.success());
    let first = modelport(&["verify", &source, &written, "--seed=7", "--checksums", "--report", &report]);
    assert_eq!(first.status.code(), Some(0), "{first:?}");

    // The report of the repetition differs in nothing, whether it is written or printed.
    let again = at("again.json");
    let replay = modelport(&["verify", "--replay", &report, "--report", &again]);
    assert_eq!(replay.status.code(), Some(0), "{replay:?}");
    let printed = String::from_utf8(replay.stdout).unwrap();
    assert_eq!(printed, format!("{}as in the report\n", String::from_utf8(first.stdout).unwrap()));
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&report), read(&again));
    assert!(read(&report).contains("\"seed\": 7") && read(&report).contains("--checksums"));

    // A report that says otherwise is not confirmed.
    std::fs::write(&again, read(&report).replace("\"equivalent\"", "\"not equivalent\"")).unwrap();
    let replay = modelport(&["verify", "--replay", &again]);
    assert_eq!(replay.status.code(), Some(3));
    assert!(String::from_utf8(replay.stdout).unwrap().contains("NOT as in the report"));

    for changed in [&written, &source] {
        let bytes = std::fs::read(changed).unwrap();
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(changed, other).unwrap();
        let replay = modelport(&["verify", "--replay", &report]);
        let said = String::from_utf8(replay.stderr).unwrap();
        assert_eq!(replay.status.code(), Some(1), "{said}");
        assert!(said.contains("another than that of the report") && said.contains(changed.as_str()), "{said}");
        assert_eq!(said.matches("sha256 ").count(), 2, "{said}");
        std::fs::write(changed, bytes).unwrap();
    }
    assert!(modelport(&["verify", "--replay", &report]).status.success());
}
