//! What the fuzz targets share: one input on its whole way from bytes to a core graph. Whatever it is, the answer is a
//! graph or diagnostics; a panic, a hang or an allocation out of proportion is a finding.
#![forbid(unsafe_code)]

use modelport_diag::Limits;
use modelport_ir::{CustomLayers, SourceGraph, Tensor};
use modelport_storage::MappedFile;
use std::io::{Cursor, Write};

fn read(weights: &[(String, Tensor)]) {
    for (_, tensor) in weights {
        let _ = tensor.bytes();
    }
}

fn modern(graph: SourceGraph) -> SourceGraph {
    modelport_shim::apply(graph).0
}

/// Opens the bytes as a Keras file, applies the version rules, lowers, and reads every weight that is left.
pub fn keras(bytes: Vec<u8>) {
    let file = MappedFile::from_bytes("fuzz", bytes);
    let Ok(opened) = modelport_keras::open_bytes(&file, &modelport_keras::OpenOptions::default()) else { return };
    read(&opened.weights);
    if let Some(graph) = opened.graph {
        let _ = modelport_keras::lower(&modern(graph), &CustomLayers::default());
    }
}

/// Reads the bytes as a pickle and looks at every value.
pub fn pickle(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(pickle) = modelport_pickle::parse(bytes::Bytes::copy_from_slice(bytes), &limits) else { return };
    for id in pickle.ids() {
        let node = pickle.node(id);
        let _ = (node.to_string(), node.entries().map(|e| e.len()), node.attr("_modules").is_some());
    }
}

/// The same as [`keras`] for a file of PyTorch.
pub fn torch(bytes: Vec<u8>) {
    let file = MappedFile::from_bytes("fuzz", bytes);
    let Ok(opened) = modelport_torch::open_bytes(&file, &modelport_torch::OpenOptions::default()) else { return };
    read(&opened.weights);
    if let Ok(graph) = opened.graph {
        let _ = modelport_torch::lower(&modern(graph), &CustomLayers::default());
    }
}

/// The same for files of TensorFlow in a directory, of which `model` is opened.
pub fn tensorflow(files: &[(&str, &[u8])], model: &str) {
    let Ok(dir) = tempfile::tempdir() else { return };
    for (name, bytes) in files {
        if std::fs::write(dir.path().join(name), bytes).is_err() {
            return;
        }
    }
    let options = modelport_tensorflow::OpenOptions { checksums: true, ..Default::default() };
    let Ok(opened) = modelport_tensorflow::open(&dir.path().join(model), &options) else { return };
    read(&opened.weights);
    if let Ok(graph) = opened.graph {
        let _ = modelport_tensorflow::lower(&modern(graph), &CustomLayers::default());
    }
}

/// Reads the bytes as a safetensors file.
pub fn safetensors(bytes: Vec<u8>) {
    let file = MappedFile::from_bytes("fuzz", bytes);
    if let Ok(opened) = modelport_safetensors::open_bytes(&file) {
        read(&opened.weights);
    }
}

/// Reads the bytes as an ONNX model.
pub fn onnx(bytes: Vec<u8>) {
    let _ = modelport_onnx::read_bytes(MappedFile::from_bytes("fuzz", bytes), &Limits::default());
}

/// A stored zip archive.
pub fn zip(members: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(*name, stored).ok()?;
        zip.write_all(bytes).ok()?;
    }
    Some(zip.finish().ok()?.into_inner())
}
