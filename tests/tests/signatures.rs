//! The 55 error texts that users paste: for each, a file on which `doctor` gives the diagnosis, or the reason why no file
//! can tell; and the pasted text, which must be recognised as that row. The table is signatures.tsv beside this file.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use modelport::doctor::{Cause, DoctorOptions, Finding, Target, doctor, explain_error, signatures};
use modelport_tests::fixtures::root;
use std::fs;
use std::path::{Path, PathBuf};

struct Row {
    number: u16,
    file: &'static str,
    target: &'static str,
    cause: &'static str,
    text: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("signatures.tsv").lines().filter(|l| !l.starts_with('#'));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [number, file, target, cause, text] = cells[..] else { panic!("not five columns: {line}") };
        Row { number: number.parse().expect("a number"), file, target, cause, text }
    };
    lines.map(row).collect()
}

const LFS: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 14049536\n";

/// The file of a row; those that no framework writes are made here.
fn file(name: &str, dir: &Path) -> PathBuf {
    let fixture = |name: &str| root().join("doctor").join(name);
    let Some(name) = name.strip_prefix("made:") else { return fixture(name) };
    let path = dir.join(name);
    let read = |name: &str| fs::read(fixture(name)).expect("a fixture");
    let write = |bytes: &[u8]| fs::write(&path, bytes).expect("a file");
    match name {
        "lfs.pth" | "lfs.h5" => write(LFS.as_bytes()),
        "truncated.pth" => {
            let whole = read("state_dict.pth");
            write(&whole[..whole.len() * 2 / 3]);
        }
        "truncated.safetensors" => {
            let header = br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
            write(&[&(header.len() as u64).to_le_bytes()[..], header, &[0; 5]].concat());
        }
        "no_index.ckpt" => {
            let data = dir.join("no_index.ckpt.data-00000-of-00001");
            fs::write(data, read("variables.ckpt.data-00000-of-00001")).expect("a file");
        }
        "graph_as_saved_model" => {
            fs::create_dir(&path).expect("a directory");
            fs::write(path.join("saved_model.pb"), read("frozen.pb")).expect("a file");
        }
        "emptied.keras" => emptied(&fixture("sequential_215.keras"), &path),
        _ => panic!("nobody makes {name}"),
    }
    path
}

/// A `.keras` archive whose weight file is that of a model without weights.
fn emptied(from: &Path, to: &Path) {
    let mut source = zip::ZipArchive::new(fs::File::open(from).expect("a fixture")).expect("an archive");
    let mut donor = zip::ZipArchive::new(fs::File::open(root().join("doctor/custom.keras")).expect("a fixture"))
        .expect("an archive");
    let mut target = zip::ZipWriter::new(fs::File::create(to).expect("a file"));
    for i in 0..source.len() {
        let mut member = source.by_index(i).expect("a member");
        let name = member.name().expect("a name").into_owned();
        target.start_file(name.clone(), zip::write::SimpleFileOptions::default()).expect("a member");
        if name == "model.weights.h5" {
            std::io::copy(&mut donor.by_name(&name).expect("weights"), &mut target).expect("a copy");
        } else {
            std::io::copy(&mut member, &mut target).expect("a copy");
        }
    }
    target.finish().expect("an archive");
}

fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Version => "version",
        Cause::SaveMethod => "save_method",
        Cause::CustomObjects => "custom_objects",
        Cause::Device => "device",
        Cause::Damage => "damage",
        Cause::NotAModel => "not_a_model",
    }
}

#[test]
fn every_row_is_reached_or_has_a_reason() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (mut wrong, mut told) = (Vec::new(), 0);
    let all = rows();
    assert_eq!(all.iter().map(|r| r.number).collect::<Vec<_>>(), (1..=55).collect::<Vec<_>>());
    for row in &all {
        if row.file == "-" {
            assert!(row.cause.len() > 20, "row {} gives no reason", row.number);
            continue;
        }
        told += 1;
        let path = file(row.file, dir.path());
        let target = Target::parse(row.target).expect("a target");
        let options =
            DoctorOptions { target: Some(target), pasted: Some(row.text.to_owned()), ..DoctorOptions::default() };
        let found = match doctor(&path, &options) {
            Ok(found) => found,
            Err(d) => {
                wrong.push(format!("row {}: not read: {d}", row.number));
                continue;
            }
        };
        let of_row = |f: &&Finding| f.signatures.contains(&row.number);
        match found.findings.iter().find(of_row) {
            Some(f) if word(f.cause) == row.cause => {}
            Some(f) => wrong.push(format!("row {}: cause {}, expected {}", row.number, word(f.cause), row.cause)),
            None => wrong.push(format!("row {}: not among the findings:\n{found}", row.number)),
        }
        let confirmed = found.pasted.and_then(|p| p.confirmed);
        if confirmed != Some(true) {
            wrong.push(format!("row {}: the file does not confirm the pasted text", row.number));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(told >= 49, "only {told} rows have a file");
}

#[test]
fn every_text_is_recognised() {
    let mut wrong = Vec::new();
    for row in rows() {
        let trace = format!("Traceback (most recent call last):\n  File \"x.py\", line 3, in <module>\n{}\n", row.text);
        let found = explain_error(&trace);
        if found.row != Some(row.number) {
            wrong.push(format!("row {}: taken for {:?}: {}", row.number, found.row, row.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(signatures().len(), 55);
}

#[test]
fn a_wrong_suspicion_is_corrected() {
    let text =
        "RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.";
    let options = DoctorOptions { pasted: Some(text.to_owned()), ..DoctorOptions::default() };
    let found = doctor(&root().join("doctor/main_class.pth"), &options).expect("a diagnosis");
    let pasted = found.pasted.expect("an answer");
    assert_eq!((pasted.row, pasted.confirmed), (Some(5), Some(false)));
}

#[test]
fn a_model_inside_a_checkpoint_is_no_state_dict() {
    let found = doctor(&root().join("doctor/yolo_checkpoint.pth"), &DoctorOptions::default()).expect("a diagnosis");
    let advice: Vec<_> = found.fixes.iter().map(|f| f.text.as_str()).collect();
    assert!(advice.iter().any(|a| a.ends_with("weights_only=False)[\"model\"]")), "{advice:?}");
    assert!(advice.iter().any(|a| a.starts_with("import models; torch.export.save(")), "{advice:?}");
    assert!(!advice.iter().any(|a| a.contains("load_state_dict")), "{advice:?}");
    let found = doctor(&root().join("doctor/checkpoint.pth"), &DoctorOptions::default()).expect("a diagnosis");
    assert!(found.fixes.iter().any(|f| f.text.contains("load_state_dict(torch.load(")));
}
