//! Every fixture opens; every file in `fixtures/bad` is refused with the fitting code.

#![allow(clippy::unwrap_used, clippy::panic)]

use modelport_diag::Limits;
use modelport_ir::Attr;
use modelport_keras::{Content, KerasFile, OpenOptions, open};
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
fn check(file: &KerasFile) -> Result<(), String> {
    let graph = file.require_graph().map_err(|d| d.to_string())?;
    let version = file.provenance.version.clone().unwrap_or_default();
    if file.content == Content::Model && !["1.2.2", "2.0.6", "2.15.0", "3.15.1"].contains(&version.as_str()) {
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
            let result = open(&path, &options(&path)).map_err(|d| d.to_string()).and_then(|file| check(&file));
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
        let found = match result.and_then(|f| f.require_graph().map(drop).map_err(Into::into)) {
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
