//! Telling what a path is, and opening it with the reader that its content asks for. What a reader gives is brought into
//! one form here; what no reader knows is named by the Keras reader's diagnostic for unknown files.

use crate::Outcome;
use crate::load::LoadOptions;
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::{CoreGraph, Provenance, SourceGraph, Tensor};
use modelport_safetensors::SafetensorsFile;
use modelport_storage::MappedFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a model computes, as its reader gives it.
#[derive(Clone, Debug)]
pub enum Body {
    /// The framework's own ops.
    Source(SourceGraph),
    /// Core ops: the file was ONNX.
    Core(CoreGraph),
}

/// An opened file of any kind; its weights are still on disk.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who wrote it.
    pub provenance: Provenance,
    /// Every weight in the file by the file's own names.
    pub weights: Vec<(String, Tensor)>,
    /// The model; without one, what a user can do about it.
    pub body: Result<Body, Box<Diagnostic>>,
    /// Choices that a reader made, as sentences for the user.
    pub notes: Vec<String>,
    /// The file as it stands, where it is safetensors: its metadata, and tensors of types that are only copied.
    pub stored: Option<SafetensorsFile>,
}

/// Opens with the reader that the content asks for. Weights without a model are no error here.
///
/// # Errors
/// When no reader knows the file, or it is damaged.
pub fn open(path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    if modelport_tensorflow::probe(path).is_some() {
        return tensorflow(path, options);
    }
    if let Some(file) = inside(path) {
        let mut opened = open(&file, options)?;
        opened.notes.insert(0, format!("of the directory, {} is read", file.display()));
        return Ok(opened);
    }
    if !path.is_dir()
        && let Ok(file) = MappedFile::open(path)
        && modelport_keras::probe(&file).is_none()
    {
        if modelport_safetensors::probe(&file) {
            return safetensors(path, options);
        }
        if modelport_torch::probe(&file).is_some() {
            return torch(path, options);
        }
        if modelport_onnx::probe(&file) {
            return onnx(&file, path, options);
        }
    }
    keras(path, options)
}

/// Weights that `save_pretrained` of transformers, diffusers and timm puts into a directory beside a `config.json`, best
/// first. Theirs is no Keras directory, which has a `model.weights.h5`.
const PRETRAINED: &[&str] = &[
    "model.safetensors.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
];

/// The file to read of a directory that `save_pretrained` wrote.
pub(crate) fn inside(path: &Path) -> Option<PathBuf> {
    if !path.is_dir() || path.join("model.weights.h5").exists() {
        return None;
    }
    PRETRAINED.iter().map(|name| path.join(name)).find(|file| file.is_file())
}

fn keras(path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    let open = modelport_keras::OpenOptions { arch: options.arch.clone(), limits: options.limits };
    let mut file = modelport_keras::open(path, &open)?;
    let body = file.require_graph().and_then(|mut graph| {
        graph.set_input_types(&options.input_types)?;
        with_values(graph, options)
    });
    Ok(Opened { provenance: file.provenance, weights: file.weights, body, notes: Vec::new(), stored: None })
}

fn tensorflow(path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    let open = modelport_tensorflow::OpenOptions {
        tag_set: options.tag_set.clone(),
        signature: options.signature.clone(),
        inputs: options.inputs.clone(),
        outputs: options.outputs.clone(),
        input_types: options.input_types.clone(),
        input_values: options.input_values.clone(),
        checksums: options.checksums,
        limits: options.limits,
    };
    let file = modelport_tensorflow::open(path, &open)?;
    let body = match &options.arch {
        // Weights of a Keras model in a checkpoint: the Keras reader knows the architecture.
        Some(arch) if !file.layers.is_empty() => {
            let open = modelport_keras::OpenOptions { arch: Some(arch.clone()), limits: options.limits };
            with_values(modelport_keras::with_weights(file.layers, &open)?, options)
        }
        _ => file.graph.map(Body::Source),
    };
    Ok(Opened { provenance: file.provenance, weights: file.weights, body, notes: file.notes, stored: None })
}

fn torch(path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    let open = modelport_torch::OpenOptions {
        arch: options.arch.as_ref().map(|a| a.display().to_string()),
        weights_key: options.weights_key.clone(),
        input_types: options.input_types.clone(),
        input_values: options.input_values.clone(),
        limits: options.limits,
    };
    let file = modelport_torch::open(path, &open)?;
    let body = match file.kind {
        // Numbers decide what code of it is read.
        modelport_torch::Kind::TorchScript => file.graph.map(Body::Source),
        _ => file.graph.and_then(|graph| with_values(graph, options)),
    };
    Ok(Opened { provenance: file.provenance, weights: file.weights, body, notes: file.notes, stored: None })
}

/// A graph some of whose inputs have a value for good.
fn with_values(mut graph: SourceGraph, options: &LoadOptions) -> Result<Body, Box<Diagnostic>> {
    graph.set_input_values(&options.input_values)?;
    Ok(Body::Source(graph))
}

fn safetensors(path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    let file = modelport_safetensors::open(path, &options.limits)?;
    let (provenance, weights, notes) = (file.provenance.clone(), file.weights.clone(), file.notes.clone());
    Ok(Opened { provenance, weights, body: Err(file.no_graph()), notes, stored: Some(file) })
}

fn onnx(file: &Arc<MappedFile>, path: &Path, options: &LoadOptions) -> Outcome<Opened> {
    if !options.input_types.is_empty() || !options.input_values.is_empty() {
        return Err(Diagnostic::error(Code::USAGE, "an ONNX file says the types of its inputs itself")
            .help("leave --input-type and --input-value out: they are for other kinds of files")
            .into());
    }
    let graph = modelport_onnx::read(path, &options.limits).map_err(|d| located(d, file.name()))?;
    let weights = graph.values().filter_map(|(id, v)| Some((v.name.clone(), graph.constant(id)?.clone())));
    let weights = weights.filter(|(name, _)| !name.is_empty()).collect();
    Ok(Opened {
        provenance: graph.provenance.clone(),
        weights,
        body: Ok(Body::Core(graph)),
        notes: Vec::new(),
        stored: None,
    })
}

/// Findings that say no file are in this one.
pub(crate) fn located(all: Diagnostics, file: &str) -> Diagnostics {
    Diagnostics(all.0.into_iter().map(|d| d.in_file(file)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_best_file_of_a_pretrained_directory_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str| std::fs::write(dir.path().join(name), "x").unwrap();
        put("config.json");
        assert_eq!(inside(dir.path()), None);
        put("pytorch_model.bin");
        assert_eq!(inside(dir.path()), Some(dir.path().join("pytorch_model.bin")));
        put("model.safetensors");
        assert_eq!(inside(dir.path()), Some(dir.path().join("model.safetensors")));
        put("model.weights.h5");
        assert_eq!(inside(dir.path()), None);
        assert_eq!(inside(&dir.path().join("model.safetensors")), None);
    }
}
