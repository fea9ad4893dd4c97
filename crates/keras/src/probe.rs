//! Telling what a file is by its content, and naming what it looks like when it is nothing that Keras writes.
//!
//! Owns: signatures. Must never know: how a format is read.

use crate::hdf5;
use modelport_diag::{Code, Diagnostic, Limits};
use modelport_storage::{MappedFile, ZipArchive};
use std::path::Path;
use std::sync::Arc;

/// What kind of Keras file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// HDF5: a whole model or weights only.
    Hdf5,
    /// A zip archive with `config.json`: `.keras`.
    Archive,
}

/// Members that only a Keras archive has.
const MEMBERS: [&str; 4] = ["config.json", "model.weights.h5", "model.weights.npz", "variables.h5"];

/// Recognises a Keras file by content. A zip archive counts only when it has a member that Keras writes, since torch files
/// are zip archives too.
pub fn probe(file: &Arc<MappedFile>) -> Option<Kind> {
    // A superblock may stand at 512, 1024, …, where the stored member of an archive may have it too.
    if !is_zip(file.bytes()) {
        return hdf5::has_signature(file.bytes()).then_some(Kind::Hdf5);
    }
    let keras = |a: ZipArchive| MEMBERS.iter().any(|m| a.find(m).is_some());
    let archive = ZipArchive::open(file.clone(), Limits::default()).is_ok_and(keras);
    archive.then_some(Kind::Archive)
}

pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The diagnostic for a file that [`probe`] does not know.
pub(crate) fn unknown(file: &MappedFile) -> Box<Diagnostic> {
    let bytes = file.bytes();
    let head = bytes.get(..bytes.len().min(1024)).unwrap_or_default();
    // A character may be cut at the end of the head.
    let (text, cut) = match std::str::from_utf8(head) {
        Ok(_) => (head, true),
        Err(e) => (head.get(..e.valid_up_to()).unwrap_or_default(), e.error_len().is_none()),
    };
    let is_text = cut && !text.iter().any(|b| *b < 9);
    let lower = String::from_utf8_lossy(text).trim_start().to_lowercase();
    if bytes.is_empty() {
        return Diagnostic::error(Code::PROBE_EMPTY, "the file is empty")
            .in_file(file.name())
            .help("the download or the save did not finish; get the file again");
    }
    if lower.starts_with("version https://git-lfs") {
        return Diagnostic::error(Code::PROBE_LFS, "this is a git-lfs pointer, not the model itself")
            .in_file(file.name())
            .help("run `git lfs pull` in the repository, or download the file itself");
    }
    if is_text && (lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.contains("<html")) {
        return Diagnostic::error(Code::PROBE_TEXT, "this is a web page, not a model")
            .in_file(file.name())
            .help("the link leads to a page about the file; use the direct download link");
    }
    let (what, help) = looks_like(bytes, is_text, &lower);
    let code = if is_text { Code::PROBE_TEXT } else { Code::PROBE_UNKNOWN };
    Diagnostic::error(code, what).in_file(file.name()).help(help)
}

/// What the bytes look like, and what to do about it.
fn looks_like(bytes: &[u8], is_text: bool, lower: &str) -> (&'static str, &'static str) {
    let cut_off = "the file was cut off while it was copied or downloaded; get it again";
    if is_text && lower.starts_with('{') && lower.contains("class_name") {
        return (
            "this is a Keras architecture without weights",
            "give the file with the weights as the input, and this one with --arch",
        );
    }
    if is_text {
        return ("this is a text, not a model", "check that it is the right file");
    }
    match bytes {
        [0x50, 0x4b, ..] => {
            ("this zip archive is no model: it has no `config.json` of Keras and no `data.pkl` of PyTorch", cut_off)
        }
        [0x80, 2..=5, ..] => {
            ("this looks like a pickle: a torch file, or pickled weights", "convert it as a torch file")
        }
        [0x80, 6..=20, ..] => (
            "this looks like a pickle of a protocol after 5, the last that is known",
            "save it with protocol 5 or less",
        ),
        [0x1f, 0x8b, ..] => ("this is compressed with gzip", "unpack it first: gunzip, or tar xzf"),
        [0x08, 1..=10, 0x12, ..] => ("this looks like a damaged ONNX file", cut_off),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => {
            ("this is a TensorFlow Lite model", "convert the SavedModel or Keras model that it was made from")
        }
        [b'G', b'G', b'U', b'F', ..] => {
            ("this is a GGUF file of llama.cpp", "convert the PyTorch or safetensors file that it was made from")
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            ("this is a numpy array", "a model has a structure besides its arrays")
        }
        _ if bytes.iter().take(4096).all(|b| *b == 0) => ("the file holds nothing but zeros", cut_off),
        _ => (
            "this is no file that modelport knows",
            "supported are files of Keras (.h5, .keras), TensorFlow (SavedModel, .pb, checkpoints) and PyTorch (.pt, .pth, .pt2), safetensors and ONNX",
        ),
    }
}

/// The diagnostic for an archive without a model, by its members.
pub(crate) fn no_model(file: &MappedFile, names: &[&str]) -> Box<Diagnostic> {
    if !names.is_empty() && names.iter().all(|n| n.ends_with(".npy")) {
        return Diagnostic::error(Code::PROBE_UNKNOWN, "this is an archive of numpy arrays (.npz)")
            .in_file(file.name())
            .found(names.join(", "))
            .help("a model has a structure besides its arrays");
    }
    unknown(file).found(format!("members: {}", names.join(", ")))
}

/// The diagnostic for a directory.
pub(crate) fn directory(path: &Path) -> Box<Diagnostic> {
    let name = path.display().to_string();
    if path.join("saved_model.pb").exists() || path.join("saved_model.pbtxt").exists() {
        return Diagnostic::error(Code::PROBE_UNKNOWN, "this directory is a TensorFlow SavedModel, not a Keras file")
            .in_file(name)
            .help(
                "load it in TensorFlow 2.15 and save it with model.save(\"model.keras\") or model.save(\"model.h5\")",
            );
    }
    Diagnostic::error(Code::PROBE_DIRECTORY, "this is a directory, not a file")
        .in_file(name)
        .help("give the model file that is inside")
}
