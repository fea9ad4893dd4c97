//! What the fuzz targets share: one input on its whole way from bytes to a core graph. Whatever it is, the answer is a
//! graph or diagnostics; a panic, a hang or an allocation out of proportion is a finding.
#![forbid(unsafe_code)]

use modelport_ir::CustomLayers;
use modelport_keras::OpenOptions;
use modelport_storage::MappedFile;

/// Opens the bytes as a Keras file, applies the version rules, lowers, and reads every weight that is left.
pub fn keras(bytes: Vec<u8>) {
    let file = MappedFile::from_bytes("fuzz", bytes);
    let Ok(opened) = modelport_keras::open_bytes(&file, &OpenOptions::default()) else { return };
    for (_, tensor) in &opened.weights {
        let _ = tensor.bytes();
    }
    if let Some(graph) = opened.graph {
        let (graph, _) = modelport_shim::apply(graph);
        let _ = modelport_keras::lower(&graph, &CustomLayers::default());
    }
}
