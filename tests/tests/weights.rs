//! Files with weights in every container and corner of a checkpoint (`fixtures/weights`): what is read out of them is what
//! their framework reads, bit for bit. `xtask/python/torch_weights.py` records them.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use modelport::{LoadOptions, inspect};
use modelport_ir::{DType, Tensor};
use modelport_tests::fixtures::{entries, is_model, root};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let all: Vec<_> = entries(&root().join("weights/torch")).into_iter().filter(|p| p.is_dir()).collect();
    assert!(all.len() > 40, "fixtures/weights is gone");
    all
}

fn open(case: &Path) -> modelport_torch::TorchFile {
    let model = entries(case).into_iter().find(|p| is_model(p)).expect("a case without a model");
    let args = fs::read_to_string(case.join("args.txt")).unwrap_or_default();
    let weights_key = args.trim().strip_prefix("--weights-key ").map(str::to_owned);
    let options = modelport_torch::OpenOptions { weights_key, ..Default::default() };
    modelport_torch::open(&model, &options).unwrap_or_else(|d| panic!("{}: {d}", case.display()))
}

/// The recorded arrays by name; `bf16@name` is of a type that numpy lacks, and recorded as f32.
fn recorded(case: &Path) -> BTreeMap<String, (DType, Tensor)> {
    let arrays = modelport_runtime::npz::read(&case.join("weights.npz")).expect("weights.npz is not readable");
    let named = |(name, tensor): (String, Tensor)| match name.split_once('@') {
        Some((dtype, name)) => (name.to_owned(), (DType::from_name(dtype).expect("a type"), tensor)),
        None => (name, (tensor.dtype(), tensor)),
    };
    arrays.into_iter().map(named).collect()
}

#[test]
fn weights_are_what_torch_reads() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = open(&case);
        let mut recorded = recorded(&case);
        for (name, tensor) in &found.weights {
            let Some((dtype, want)) = recorded.remove(name) else {
                wrong.push(format!("{}: `{name}` is not there in torch", case.display()));
                continue;
            };
            let same = tensor.dtype() == dtype && tensor.shape() == want.shape() && same_values(tensor, &want);
            if !same {
                wrong.push(format!("{}: `{name}` is {tensor:?}, in torch {want:?}", case.display()));
            }
        }
        wrong.extend(recorded.keys().map(|name| format!("{}: `{name}` is missing", case.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bit for bit, but for weights that are computed.
fn same_values(tensor: &Tensor, want: &Tensor) -> bool {
    let found = tensor.cast(want.dtype()).and_then(|t| t.bytes()).expect("a weight is not readable");
    let wanted = want.bytes().expect("a recorded weight is not readable");
    if found == wanted {
        return true;
    }
    let computed = format!("{tensor:?}").contains("normalisation");
    let (a, b) = (tensor.to_f64s().expect("numbers"), want.to_f64s().expect("numbers"));
    computed && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs()))
}

#[test]
fn inspecting_lists_every_weight() {
    for case in cases().into_iter().step_by(7) {
        let found = open(&case);
        let model = entries(&case).into_iter().find(|p| is_model(p)).expect("a case without a model");
        let args = fs::read_to_string(case.join("args.txt")).unwrap_or_default();
        let weights_key = args.trim().strip_prefix("--weights-key ").map(str::to_owned);
        let options = LoadOptions { weights_key, ..LoadOptions::default() };
        let inspected = inspect(&model, &options).unwrap_or_else(|d| panic!("{}: {d}", case.display()));
        let names: Vec<_> = found.weights.iter().map(|(n, _)| n.clone()).collect();
        assert_eq!(inspected.weights.iter().map(|w| w.name.clone()).collect::<Vec<_>>(), names);
        assert_eq!(inspected.framework, "torch");
    }
}

/// A pickle whose loading in Python would run a command: its weights are read, nothing runs, and the command is named.
#[test]
fn what_loading_in_python_would_run_is_said() {
    let found = open(&root().join("weights/torch/runs_a_command"));
    assert!(found.weights.len() > 5, "{:?}", found.weights);
    let said =
        found.notes.iter().any(|n| n.contains("not safe") && (n.contains("posix.system") || n.contains("os.system")));
    assert!(said, "{:?}", found.notes);
    assert!(!Path::new("modelport-was-here").exists(), "the command ran");
}
