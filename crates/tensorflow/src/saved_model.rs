//! SavedModels: a directory with `saved_model.pb` (or `.pbtxt`), variables and assets.
//!
//! Owns: meta graphs, tags, signatures, the layout of the directory (python/saved_model/constants.py, 2.21). Must never
//! know: what ops mean.

use crate::assets::Assets;
use crate::checkpoint::Checkpoint;
use crate::frozen::parts;
use crate::graph::{
    Input, Interface, Output, Variables, Wishes, add_feeds, build, input_type, interface_of_graph, name_of, sizes,
    type_name,
};
use crate::open::{OpenOptions, TensorFlowFile};
use crate::probe::Kind;
use crate::restore::{Tracer, variables};
use crate::wire;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Provenance, Tensor};
use modelport_proto::tensorflow::tensor_info::Encoding;
use modelport_proto::tensorflow::{GraphDef, MetaGraphDef, SavedModel, SignatureDef, TensorInfo};
use modelport_storage::MappedFile;
use std::path::Path;
use std::sync::Arc;

/// Signatures that set a model up; nobody converts them.
const SETUP: [&str; 2] = ["__saved_model_init_op", "__saved_model_train_op"];

fn signature_error(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_SIGNATURE, message)
}

/// Opens the SavedModel in `dir`, whose message is `file`.
///
/// # Errors
/// When it is damaged or has no such meta graph.
pub(crate) fn open(dir: &Path, file: &Arc<MappedFile>, options: &OpenOptions) -> Result<TensorFlowFile> {
    let mut notes = Vec::new();
    let saved: SavedModel = wire::decode(file.bytes(), "the SavedModel").map_err(|d| d.in_file(file.name()))?;
    let meta = meta_graph(saved, options, &mut notes).map_err(|d| d.in_file(file.name()))?;
    let def = wire::graph(&meta.graph_def, &options.limits).map_err(|d| d.in_file(file.name()))?;
    let provenance = provenance(&meta, &def, dir);
    let index = dir.join("variables").join("variables.index");
    let prefix = dir.join("variables").join("variables");
    let checkpoint = match index.is_file() {
        true => Some(Checkpoint::open(&index, &prefix, options.checksums, &options.limits)?),
        false => None,
    };
    model(file, (meta, def), checkpoint.as_ref(), options, (provenance, notes))
}

/// A meta graph with its checkpoint as an opened model.
///
/// # Errors
/// When the graph or the checkpoint is damaged.
pub(crate) fn model(
    file: &Arc<MappedFile>,
    (meta, def): (MetaGraphDef, GraphDef),
    checkpoint: Option<&Checkpoint>,
    options: &OpenOptions,
    (provenance, mut notes): (Provenance, Vec<String>),
) -> Result<TensorFlowFile> {
    let dir = Path::new(file.name()).parent().unwrap_or(Path::new(""));
    let assets = Assets::of(&meta, dir);
    let mut parts = parts(file, def, (&assets, checkpoint), options).map_err(|d| d.in_file(file.name()))?;
    let tracer = Tracer { file, library: &parts.library, assets: &assets, checkpoint };
    let restore = meta.saver_def.as_ref().map_or("", |s| s.restore_op_name.as_str());
    parts.variables = variables(&tracer, &parts.main, restore)?;
    let weights = weights(&parts.variables, checkpoint)?;
    let wishes = Wishes { inputs: &options.inputs, outputs: &options.outputs, types: &options.input_types };
    let interface = interface(&meta, options, wishes, &mut notes).and_then(|chosen| {
        let mut interface = chosen.map_or_else(|| interface_of_graph(&parts, wishes, &mut notes), Ok)?;
        add_feeds(&parts, &mut interface, wishes, &mut notes)?;
        Ok(interface)
    });
    let graph = interface.and_then(|i| build(&parts, &i)).map(|(mut graph, found)| {
        notes.extend(found);
        graph.provenance = provenance.clone();
        graph
    });
    let graph = graph.map_err(|d| d.in_file(file.name()));
    Ok(TensorFlowFile { provenance, kind: Kind::SavedModel, weights, layers: Vec::new(), graph, notes })
}

/// All variables by name.
fn weights(variables: &Variables, checkpoint: Option<&Checkpoint>) -> Result<Vec<(String, Tensor)>> {
    let mut all: Vec<_> = variables.by_node.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
    if all.is_empty()
        && let Some(checkpoint) = checkpoint
    {
        all = checkpoint.variables()?;
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

fn provenance(meta: &MetaGraphDef, def: &GraphDef, dir: &Path) -> Provenance {
    let info = meta.meta_info_def.clone().unwrap_or_default();
    let version = Some(info.tensorflow_version).filter(|v| !v.is_empty() && v != "unknown");
    let mut provenance = Provenance {
        framework: "tensorflow".to_owned(),
        evidence: vec![match version {
            Some(_) => "tensorflow_version of the meta graph".to_owned(),
            None => "the directory holds a SavedModel".to_owned(),
        }],
        version,
        format: "TensorFlow SavedModel".to_owned(),
        ..Provenance::default()
    };
    let producer = def.versions.as_ref().map_or(def.version, |v| v.producer);
    let mut detail = |key: &str, value: String| drop(provenance.details.insert(key.to_owned(), value));
    detail("producer", producer.to_string());
    detail("tags", info.tags.join(","));
    let signatures: Vec<_> = meta.signature_def.keys().filter(|k| !SETUP.contains(&k.as_str())).cloned().collect();
    detail("signatures", signatures.join(", "));
    if dir.join("keras_metadata.pb").is_file() {
        detail("saved by", "Keras 2".to_owned());
    }
    provenance
}

/// The meta graph that is asked for; `serve` when nothing is.
fn meta_graph(saved: SavedModel, options: &OpenOptions, notes: &mut Vec<String>) -> Result<MetaGraphDef> {
    let mut all: Vec<MetaGraphDef> = Vec::new();
    for bytes in saved.meta_graphs.iter().take(options.limits.objects) {
        all.push(wire::decode(bytes, "a meta graph")?);
    }
    let tags = |m: &MetaGraphDef| m.meta_info_def.as_ref().map(|i| i.tags.clone()).unwrap_or_default();
    let mut wanted = options.tag_set.clone();
    if wanted.is_empty() {
        wanted.push("serve".to_owned());
    }
    wanted.sort();
    let fits = |m: &MetaGraphDef| {
        let mut tags = tags(m);
        tags.sort();
        tags == wanted
    };
    let listed: Vec<String> = all.iter().map(|m| format!("`{}`", tags(m).join(","))).collect();
    if let Some(at) = all.iter().position(fits) {
        return Ok(all.swap_remove(at));
    }
    if options.tag_set.is_empty() && all.len() == 1 {
        notes.push(format!("the only meta graph has the tags {}", listed.join(", ")));
        return Ok(all.swap_remove(0));
    }
    let d = signature_error(format!("no meta graph has exactly the tags `{}`", wanted.join(",")));
    Err(if listed.is_empty() {
        d.found("a SavedModel without any graph")
    } else {
        d.found(listed.join(", ")).help("choose one with --tag-set")
    })
}

/// Inputs and outputs by signature; nothing when there is no signature, and none is asked for.
fn interface(
    meta: &MetaGraphDef,
    options: &OpenOptions,
    wishes: Wishes<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<Interface>> {
    let usable: Vec<_> = meta.signature_def.iter().filter(|(k, _)| !SETUP.contains(&k.as_str())).collect();
    let key = options.signature.as_deref().unwrap_or("serving_default");
    let signature = match usable.iter().find(|(k, _)| *k == key) {
        Some((_, signature)) => *signature,
        None if options.signature.is_none() && usable.is_empty() => return Ok(None),
        None if options.signature.is_none() && !wishes.outputs.is_empty() => return Ok(None),
        None => match usable.as_slice() {
            [(only, signature)] if options.signature.is_none() => {
                notes.push(format!("the only signature is read, `{only}`"));
                *signature
            }
            _ => return Err(no_signature(key, &usable)),
        },
    };
    if usable.len() > 1 && options.signature.is_none() {
        let names: Vec<_> = usable.iter().map(|(k, _)| k.as_str()).filter(|k| *k != key).collect();
        notes.push(format!("the signature `{key}` is read; --signature chooses another: {}", names.join(", ")));
    }
    of_signature(signature, wishes).map(Some)
}

fn no_signature(key: &str, usable: &[(&String, &SignatureDef)]) -> Box<Diagnostic> {
    let d = signature_error(format!("there is no signature `{key}`"));
    if usable.is_empty() {
        return d.found("no signatures");
    }
    let describe = |list: &std::collections::BTreeMap<String, TensorInfo>| {
        let tensor = |(name, info): (&String, &TensorInfo)| {
            let dims = sizes(info.tensor_shape.as_ref()).map_or_else(
                || "?".to_owned(),
                |s| s.iter().map(|n| if *n < 0 { "?".to_owned() } else { n.to_string() }).collect::<Vec<_>>().join(","),
            );
            format!("{name}: {}[{dims}]", type_name(info.dtype))
        };
        list.iter().map(tensor).collect::<Vec<_>>().join(", ")
    };
    let lines = usable.iter().map(|(k, s)| format!("{k}({}) -> ({})", describe(&s.inputs), describe(&s.outputs)));
    d.help(format!("choose one with --signature:\n{}", lines.collect::<Vec<_>>().join("\n")))
}

fn of_signature(signature: &SignatureDef, wishes: Wishes<'_>) -> Result<Interface> {
    let mut interface = Interface::default();
    for (name, info) in &signature.inputs {
        let tensor = tensor_of(name, info)?;
        let shape = sizes(info.tensor_shape.as_ref());
        let ty = input_type(name, info.dtype, shape, wishes, signature.inputs.len() == 1)?;
        interface.inputs.push(Input { name: name.clone(), tensor, ty });
    }
    for (name, info) in &signature.outputs {
        interface.outputs.push(Output { name: name.clone(), tensor: tensor_of(name, info)? });
    }
    if interface.outputs.is_empty() {
        return Err(signature_error("the signature has no outputs").help("choose another with --signature"));
    }
    if !wishes.outputs.is_empty() {
        let known = |name: &String| interface.outputs.iter().find(|o| o.name == *name || o.tensor == *name).cloned();
        let named = |name: &String| Output { name: name_of(name), tensor: name.clone() };
        interface.outputs = wishes.outputs.iter().map(|name| known(name).unwrap_or_else(|| named(name))).collect();
    }
    Ok(interface)
}

fn tensor_of(name: &str, info: &TensorInfo) -> Result<String> {
    match &info.encoding {
        Some(Encoding::Name(tensor)) => Ok(tensor.clone()),
        other => {
            let kind = if matches!(other, Some(Encoding::CooSparse(_))) { "sparse" } else { "a composite tensor" };
            Err(signature_error(format!("`{name}` of the signature is {kind}, which ONNX has no tensors for"))
                .help("save the model with dense inputs and outputs"))
        }
    }
}
