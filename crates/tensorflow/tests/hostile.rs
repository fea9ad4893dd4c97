//! Damaged, incomplete and mistaken input: each is told from the others by its diagnostic, and none ends in a panic or hangs.

#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_ir::CustomLayers;
use modelport_tensorflow::{OpenOptions, lower, open};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/tensorflow").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

/// A copy of a SavedModel to damage.
fn saved() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    copy(&fixture("two_inputs_k2/model"), &model);
    (dir, model)
}

/// The diagnostics of opening and lowering; nothing when the model converts.
fn said_with(path: &Path, options: &OpenOptions) -> Option<String> {
    let opened = match open(path, options) {
        Ok(opened) => opened,
        Err(all) => return Some(all.to_string()),
    };
    match opened.graph {
        Err(d) => Some(d.to_string()),
        Ok(graph) => lower(&graph, &CustomLayers::default()).err().map(|all| all.to_string()),
    }
}

fn said(path: &Path) -> Option<String> {
    said_with(path, &OpenOptions::default())
}

#[track_caller]
fn says(path: &Path, wanted: &[&str]) {
    let found = said(path).unwrap_or_else(|| panic!("{} converts", path.display()));
    for text in wanted {
        assert!(found.contains(text), "`{text}` is not said:\n{found}");
    }
}

const DATA: &str = "variables/variables.data-00000-of-00001";

#[test]
fn a_missing_shard() {
    let (_keep, model) = saved();
    fs::remove_file(model.join(DATA)).unwrap();
    says(&model, &["TF0008", "missing", "variables.data-00000-of-00001"]);
}

#[test]
fn an_offset_past_the_end_of_the_shard() {
    let (_keep, model) = saved();
    let bytes = fs::read(model.join(DATA)).unwrap();
    fs::write(model.join(DATA), &bytes[..20]).unwrap();
    says(&model, &["TF0008", "ends before the tensor", "a file of 20 bytes"]);
}

#[test]
fn checksums_of_tensors_on_request() {
    let (_keep, model) = saved();
    let mut bytes = fs::read(model.join(DATA)).unwrap();
    bytes[40] ^= 8;
    fs::write(model.join(DATA), bytes).unwrap();
    assert_eq!(said(&model), None);
    let options = OpenOptions { checksums: true, ..OpenOptions::default() };
    let found = said_with(&model, &options).unwrap();
    assert!(found.contains("TF0009") && found.contains("layer_with_weights-0/kernel"), "{found}");
    assert_eq!(said_with(&fixture("two_inputs_k2/model"), &options), None);
}

#[test]
fn checksums_of_the_index_always() {
    let (_keep, model) = saved();
    let index = model.join("variables/variables.index");
    let mut bytes = fs::read(&index).unwrap();
    bytes[60] ^= 8;
    fs::write(&index, bytes).unwrap();
    says(&model, &["TF0009", "index"]);
}

#[test]
fn no_checkpoint_beside_the_graph() {
    let (_keep, model) = saved();
    fs::remove_dir_all(model.join("variables")).unwrap();
    says(&model, &["TF0006", "has no value", "variables/variables.index"]);
}

#[test]
fn parts_and_surroundings_of_a_model() {
    let (keep, model) = saved();
    says(keep.path(), &["TF0012", "holds one or several", "model"]);
    says(&model.join("variables"), &["TF0012", "variables of a SavedModel", "directory above"]);
    says(&model.join(DATA), &["TF0010", "variables of a SavedModel: give its directory"]);
    let opened = open(&model.join("saved_model.pb"), &OpenOptions::default()).unwrap();
    assert!(opened.graph.is_ok() && opened.notes.iter().any(|n| n.contains("its directory is read")));
    for part in ["model.ckpt-7.meta", "model.ckpt-7.data-00000-of-00001", "model.ckpt-7.index", "model.ckpt-7"] {
        let opened = open(&fixture("tf1_meta").join(part), &OpenOptions::default()).unwrap();
        assert!(opened.graph.is_ok(), "{part}");
    }
}

#[test]
fn a_frozen_graph_under_the_name_of_a_saved_model() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(fixture("tf1_dynamic_rnn/model.pb"), dir.path().join("saved_model.pb")).unwrap();
    let opened = open(dir.path(), &OpenOptions::default()).unwrap();
    assert!(opened.graph.is_ok());
    assert!(opened.notes.iter().any(|n| n.contains("no SavedModel, but a frozen graph")), "{:?}", opened.notes);
}

#[test]
fn tags_signatures_and_outputs_that_are_not_there() {
    let model = fixture("two_inputs_k2/model");
    let options = OpenOptions { tag_set: vec!["gpu".to_owned()], ..OpenOptions::default() };
    let found = said_with(&model, &options).unwrap();
    assert!(found.contains("TF0004") && found.contains("`serve`"), "{found}");
    let options = OpenOptions { signature: Some("score".to_owned()), ..OpenOptions::default() };
    let found = said_with(&model, &options).unwrap();
    assert!(found.contains("serving_default(a: f32[?,5], b: f32[?,3])"), "{found}");
    let options = OpenOptions { outputs: vec!["nothing".to_owned()], ..OpenOptions::default() };
    let found = said_with(&fixture("tf1_dynamic_rnn/model.pb"), &options).unwrap();
    assert!(found.contains("no tensor `nothing`"), "{found}");
}

const INPUT: &str = r#"node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: 2 } } } } }"#;

fn text(rest: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.pbtxt");
    fs::write(&path, format!("{INPUT}\n{rest}")).unwrap();
    (dir, path)
}

fn node(name: &str, op: &str, inputs: &[&str], more: &str) -> String {
    let inputs: String = inputs.iter().map(|i| format!(" input: \"{i}\"")).collect();
    format!("{{ name: \"{name}\" op: \"{op}\"{inputs} attr {{ key: \"T\" value {{ type: DT_FLOAT }} }} {more} }}")
}

#[test]
fn functions_that_call_each_other_in_a_circle() {
    let call = |to: &str| format!("attr {{ key: \"f\" value {{ func {{ name: \"{to}\" }} }} }}");
    let function = |name: &str, to: &str| {
        let argument = |kind: &str, name: &str| format!("{kind} {{ name: \"{name}\" type: DT_FLOAT }}");
        let (a, b) = (argument("input_arg", "a"), argument("output_arg", "b"));
        let inner = node("c", "PartitionedCall", &["a"], &call(to));
        let ret = "ret { key: \"b\" value: \"c:output:0\" }";
        format!("function {{ signature {{ name: \"{name}\" {a} {b} }} node_def {inner} {ret} }}\n")
    };
    let library = format!("library {{ {} {} }}", function("f", "g"), function("g", "f"));
    let (_keep, path) = text(&format!("node {}\n{library}", node("y", "PartitionedCall", &["x"], &call("f"))));
    says(&path, &["TF0003", "calls itself", "f -> g -> f"]);
}

#[test]
fn nodes_in_a_circle() {
    let [a, b] = [node("a", "Add", &["x", "b"], ""), node("b", "Mul", &["a", "x"], "")];
    let (_keep, path) = text(&format!("node {a}\nnode {b}\nnode {}", node("c", "Relu", &["b"], "")));
    says(&path, &["TF0002", "circle"]);
}

#[test]
fn unsupported_ops_are_all_named_with_counts_and_paths() {
    let nodes = [
        node("l1/f", "Fancy", &["x"], ""),
        node("l2/f", "Fancy", &["l1/f"], ""),
        node("l2/s", "StringLength", &["l2/f"], ""),
        node("y", "Relu", &["l2/s"], ""),
    ];
    let (_keep, path) = text(&nodes.map(|n| format!("node {n}\n")).concat());
    says(&path, &["TF0101", "Fancy × 2: `l1/f`, `l2/f`", "StringLength × 1: `l2/s`"]);
}

/// A graph that is cut off is told from a file that is something else.
#[test]
fn a_saved_model_that_is_cut_off() {
    let (_keep, model) = saved();
    let file = model.join("saved_model.pb");
    let bytes = fs::read(&file).unwrap();
    for percent in [10, 50, 90] {
        fs::write(&file, &bytes[..bytes.len() * percent / 100]).unwrap();
        says(&model, &["TF0001", "cut off"]);
    }
}

/// Every file of a model cut off at many places and with bytes changed: each ends in time, in a model or in diagnostics.
#[test]
fn damage_anywhere() {
    let slow = Duration::from_secs(5);
    for name in ["two_inputs_k2/model", "tf1_meta", "tf1_partitioned_shards", "object_checkpoint", "control_flow/model"]
    {
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture(name), dir.path());
        let inside = [dir.path().to_owned(), dir.path().join("variables")];
        let files = inside.iter().filter(|d| d.is_dir()).flat_map(|d| fs::read_dir(d).unwrap());
        let files: Vec<_> = files.map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
        let (mut state, mut tried) = (0x9E37_79B9_7F4A_7C15u64, 0);
        for file in files.iter().filter(|f| f.extension().is_none_or(|e| e != "npz" && e != "json")) {
            let whole = fs::read(file).unwrap();
            for round in 0..60usize {
                let mut bytes = whole.clone();
                if round < 20 {
                    bytes.truncate(whole.len() * round / 20);
                } else {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let at = usize::try_from(state >> 33).unwrap() % whole.len();
                    bytes[at] ^= 1 << (state >> 61);
                }
                fs::write(file, bytes).unwrap();
                let before = Instant::now();
                let path = if dir.path().join("variables").is_dir() { dir.path() } else { file };
                let _ = said(path);
                assert!(before.elapsed() < slow, "{} hangs, round {round}", file.display());
                tried += 1;
            }
            fs::write(file, whole).unwrap();
        }
        assert!(tried >= 120, "{name}: nothing was damaged");
    }
}
