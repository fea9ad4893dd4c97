//! Checkpoints: with the graph of their `.meta`, or as weights alone.
//!
//! Owns: what a checkpoint without a graph means. Must never know: how tables are stored.

use crate::checkpoint::{Checkpoint, Paths};
use crate::open::{OpenOptions, TensorFlowFile};
use crate::probe::{Kind, Message, message, saved_model_in, shown};
use crate::{objects, saved_model, text, wire};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Provenance, Tensor};
use modelport_proto::tensorflow::MetaGraphDef;
use modelport_storage::MappedFile;
use std::path::Path;

/// Opens a checkpoint.
///
/// # Errors
/// When it is damaged, or files of it are missing.
pub(crate) fn open(paths: &Paths, options: &OpenOptions) -> Result<TensorFlowFile> {
    let checkpoint = Checkpoint::open(&paths.index, &paths.prefix, options.checksums, &options.limits)?;
    let notes: Vec<String> = paths.note.iter().cloned().collect();
    let format = match checkpoint {
        Checkpoint::V1(_) => "TensorFlow checkpoint, V1",
        Checkpoint::V2(_) => "TensorFlow checkpoint",
    };
    let mut provenance = Provenance {
        framework: "tensorflow".to_owned(),
        format: format.to_owned(),
        evidence: vec!["the file is a table of tensors".to_owned()],
        ..Provenance::default()
    };
    if let Some(meta) = &paths.meta {
        return with_graph(meta, &checkpoint, options, (provenance, notes));
    }
    let weights = checkpoint.variables()?;
    if checkpoint.objects()?.is_some() {
        provenance.details.insert("objects".to_owned(), "TF2".to_owned());
    }
    let graph = Err(weights_only(&paths.index, &weights));
    Ok(TensorFlowFile {
        provenance,
        kind: Kind::Checkpoint,
        weights,
        layers: objects::layers(&checkpoint)?,
        graph,
        notes,
    })
}

fn with_graph(
    path: &Path,
    checkpoint: &Checkpoint,
    options: &OpenOptions,
    (mut provenance, notes): (Provenance, Vec<String>),
) -> Result<TensorFlowFile> {
    let mut file = MappedFile::open(path)?;
    if message(file.bytes()) != Some(Message::MetaGraph) && text::kind(file.bytes()) == Some(Message::MetaGraph) {
        file = text::file(&file, Message::MetaGraph)?;
    }
    let meta: MetaGraphDef =
        wire::decode(file.bytes(), "the graph of the checkpoint").map_err(|d| d.in_file(file.name()))?;
    let def = wire::graph(&meta.graph_def, &options.limits).map_err(|d| d.in_file(file.name()))?;
    let version = meta.meta_info_def.as_ref().map(|i| i.tensorflow_version.clone());
    provenance.version = version.filter(|v| !v.is_empty() && v != "unknown");
    if provenance.version.is_some() {
        provenance.evidence = vec!["tensorflow_version of the `.meta` file".to_owned()];
    }
    provenance.format += " with its graph (.meta)";
    let producer = def.versions.as_ref().map_or(def.version, |v| v.producer);
    provenance.details.insert("producer".to_owned(), producer.to_string());
    let mut opened = saved_model::model(&file, (meta, def), Some(checkpoint), options, (provenance, notes))?;
    opened.kind = Kind::Checkpoint;
    Ok(opened)
}

/// What to do with weights that have no graph.
fn weights_only(index: &Path, weights: &[(String, Tensor)]) -> Box<Diagnostic> {
    let mut list: Vec<_> = weights.iter().take(12).map(|(name, t)| format!("{name}: {}", t.ty())).collect();
    if weights.len() > list.len() {
        list.push(format!("… and {} more", weights.len() - list.len()));
    }
    let d = Diagnostic::error(Code::TF_WEIGHTS_ONLY, "the checkpoint holds weights only, no graph")
        .in_file(index.display().to_string())
        .found(format!("{} tensors: {}", weights.len(), list.join(", ")));
    let above = index.parent().and_then(Path::parent).filter(|dir| saved_model_in(dir).is_some());
    let d = match above {
        Some(dir) => d.help(format!("these are the variables of a SavedModel: give its directory, {}", shown(dir))),
        None => d,
    };
    d.help("for a Keras model, give its architecture with --arch: what `model.to_json()` returns")
        .help(
            "for a TF1 model, put its `.meta` file beside the checkpoint; or save the whole model: tf.saved_model.save",
        )
        .help("modelport can write the weights by themselves as safetensors")
}
