//! Files on disk: streaming, external data, names, damage, hostile locations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cases;

use modelport_diag::{Code, Limits};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, CoreGraph, DType, Dim, Tensor, TensorType};
use modelport_onnx::{WriteOptions, equivalent, read, read_bytes, to_bytes, write};
use modelport_storage::{ByteRange, MappedFile};
use std::cell::RefCell;
use std::path::Path;

/// A chain of products with weights that stand in a file: one as it is, one permuted, one twice.
fn weighty(dir: &Path) -> CoreGraph {
    let n = 300usize;
    let bytes: Vec<u8> = (0..n * n).flat_map(|i| (((i * 7919) % 1000) as f32 / 1000.0 - 0.5).to_le_bytes()).collect();
    let source = dir.join("weights.bin");
    std::fs::write(&source, bytes).unwrap();
    let file = MappedFile::open(&source).unwrap();
    let whole = Tensor::from_range(DType::F32, vec![n, n], ByteRange::whole(file)).unwrap();
    let mut b = Builder::new("weighty");
    let mut x = b.input("x", TensorType::new(DType::F32, vec![Dim::symbol("N"), Dim::Known(n)]));
    for (name, t) in [("a", whole.clone()), ("b", whole.permute(&[1, 0]).unwrap()), ("a", whole)] {
        let w = b.constant(name, t);
        b.push_scope(format!("dense_{name}"));
        x = b.one(modelport_ir::Op::MatMul, &[x, w]).unwrap();
        b.pop_scope();
    }
    let bias = b.constant("bias", Tensor::floats(&vec![0.25; n]));
    x = b.binary(BinaryOp::Add, x, bias).unwrap();
    b.output("y", x);
    b.finish()
}

#[test]
fn streams_weights_once_and_reads_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let graph = weighty(dir.path());
    let target = dir.path().join("m.onnx");
    let seen = RefCell::new(Vec::new());
    let progress = |done, total| seen.borrow_mut().push((done, total));
    let options = WriteOptions { progress: Some(&progress), ..WriteOptions::default() };
    let written = write(&graph, &target, &options).unwrap();
    let size = std::fs::metadata(&target).unwrap().len();
    assert_eq!(written.bytes, size);
    // Two matrices, not three, a bias, and little else.
    let weights = (2 * 300 * 300 + 300) * 4;
    assert!((weights..weights + 1000).contains(&size), "{size}");
    assert_eq!(written.nodes, 4);
    assert!(written.external.is_empty());
    let seen = seen.into_inner();
    assert!(seen.is_sorted() && seen.last() == Some(&(size, size)), "{seen:?}");
    let back = read(&target, &Limits::default()).unwrap();
    equivalent(&graph, &back).unwrap();
    assert!(
        back.values()
            .any(|(_, v)| v.name == "a" && matches!(&v.def, modelport_ir::Def::Const(t) if t.file_range().is_some()))
    );
}

#[test]
fn external_data_is_aligned_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let graph = weighty(dir.path());
    let target = dir.path().join("m.onnx");
    std::fs::write(dir.path().join("m.onnx.data"), b"left over from before").unwrap();
    let written = write(&graph, &target, &WriteOptions { external_data: true, ..WriteOptions::default() }).unwrap();
    assert_eq!(written.external, [dir.path().join("m.onnx.data")]);
    assert!(std::fs::metadata(&target).unwrap().len() < 2000);
    let back = read(&target, &Limits::default()).unwrap();
    equivalent(&graph, &back).unwrap();
    for (_, v) in back.values() {
        let modelport_ir::Def::Const(t) = &v.def else { continue };
        assert_eq!(t.file_range().unwrap().offset() % 4096, 0, "{}", v.name);
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn external_data_stays_in_the_directory() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("model");
    std::fs::create_dir(&dir).unwrap();
    let graph = weighty(&dir);
    let target = dir.join("m.onnx");
    write(&graph, &target, &WriteOptions { external_data: true, ..WriteOptions::default() }).unwrap();
    std::fs::rename(dir.join("m.onnx.data"), outer.path().join("onnx.data")).unwrap();
    let bytes = std::fs::read(&target).unwrap();
    // The same length, one directory up, where the file is.
    std::fs::rename(outer.path().join("onnx.data"), outer.path().join("nnx.data")).unwrap();
    std::fs::write(&target, replaced(&bytes, b"m.onnx.data", b"../nnx.data")).unwrap();
    let refused = read(&target, &Limits::default()).unwrap_err();
    assert_eq!(refused.0[0].code, Code::ONNX_READ);
    assert!(refused.to_string().contains("leaves the model's directory"), "{refused}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for i in 0..out.len().saturating_sub(from.len()) {
        if out[i..].starts_with(from) {
            out[i..i + to.len()].copy_from_slice(to);
        }
    }
    out
}

#[test]
fn names_are_kept_and_unique() {
    let mut b = Builder::new("names");
    let x = b.input("x", TensorType::new(DType::F32, vec![Dim::symbol("N"), Dim::Unknown]));
    let w = b.constant("dense/kernel", Tensor::floats(&[2.0]));
    b.push_scope("dense");
    let y = b.binary(BinaryOp::Mul, x, w).unwrap();
    let y = b.binary(BinaryOp::Add, y, w).unwrap();
    b.pop_scope();
    b.output("probabilities", y);
    b.output("copy", y);
    let graph = b.finish();
    let bytes = to_bytes(&graph, &WriteOptions::default()).unwrap();
    let back = read_bytes(MappedFile::from_bytes("m.onnx", bytes), &Limits::default()).unwrap();
    assert_eq!(back.value(back.inputs()[0]).name, "x");
    assert_eq!(back.ty(back.inputs()[0]), graph.ty(graph.inputs()[0]));
    let outputs: Vec<_> = back.outputs().iter().map(|o| o.name.as_str()).collect();
    assert_eq!(outputs, ["probabilities", "copy"]);
    let nodes: Vec<_> = back.nodes().iter().map(|n| n.name.as_str()).collect();
    assert_eq!(nodes, ["dense", "dense_1", "copy"]);
    assert!(back.values().any(|(_, v)| v.name == "dense/kernel"));
}

#[test]
fn what_an_opset_lacks_is_named_for_every_node_and_leaves_the_target() {
    let (_, graph) = cases::all().into_iter().find(|(n, _)| n == "ScatterNd-max").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("m.onnx");
    std::fs::write(&target, b"old").unwrap();
    let refused = write(&graph, &target, &WriteOptions { opset: Some(13), ..WriteOptions::default() }).unwrap_err();
    assert_eq!(refused.0.len(), 1);
    assert_eq!(refused.0[0].code, Code::ONNX_OPSET);
    assert!(refused.to_string().contains("--opset 18"), "{refused}");
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    for opset in [10, 29] {
        let refused =
            write(&graph, &target, &WriteOptions { opset: Some(opset), ..WriteOptions::default() }).unwrap_err();
        assert_eq!(refused.0[0].code, Code::ONNX_OPSET);
    }
}

/// Every truncation and 4,000 damaged bytes: a graph or a diagnostic, never a panic.
#[test]
fn damage_is_a_diagnostic() {
    for name in ["Lstm-bidirectional", "If", "Loop", "Resize-linear-half_pixel-sizes", "Split"] {
        let (_, graph) = cases::all().into_iter().find(|(n, _)| n == name).unwrap();
        let bytes = to_bytes(&graph, &WriteOptions::default()).unwrap();
        let attempt = |bytes: Vec<u8>| drop(read_bytes(MappedFile::from_bytes("m.onnx", bytes), &Limits::default()));
        for end in 0..bytes.len() {
            attempt(bytes[..end].to_vec());
        }
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..4000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut damaged = bytes.clone();
            damaged[(seed >> 33) as usize % bytes.len()] = (seed >> 24) as u8;
            attempt(damaged);
        }
    }
}

/// What ONNX allows and no runtime computes is written on a wider type: the results keep theirs.
#[test]
fn ops_are_written_on_types_that_have_kernels() {
    let mut b = Builder::new("narrow");
    let four = |dtype| TensorType::new(dtype, vec![Dim::symbol("N"), Dim::Known(4)]);
    let (c, x, y) = (b.input("c", four(DType::Bool)), b.input("x", four(DType::Bool)), b.input("y", four(DType::I16)));
    let picked = b.one(modelport_ir::Op::Where, &[c, x, c]).unwrap();
    let sum = b.binary(BinaryOp::Add, y, y).unwrap();
    let largest = b.binary(BinaryOp::Max, y, sum).unwrap();
    for (name, value) in [("picked", picked), ("sum", sum), ("largest", largest)] {
        b.output(name, value);
    }
    let bytes = to_bytes(&b.finish(), &WriteOptions::default()).unwrap();
    let back = read_bytes(MappedFile::from_bytes("narrow.onnx", bytes), &Limits::default()).unwrap();
    let dtype = |id| back.value(id).ty.dtype;
    for (name, value, op, wide) in [("picked", 0, "Where", DType::U8), ("largest", 2, "Max", DType::I32)] {
        let result = back.outputs()[value].value;
        assert_eq!(dtype(result), if op == "Max" { DType::I16 } else { DType::Bool }, "{name}");
        let cast = back.producer(result).unwrap();
        let inner = cast.inputs[0].unwrap();
        assert_eq!(dtype(inner), wide, "{name}");
    }
}
