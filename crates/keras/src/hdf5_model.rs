//! `.h5` files: whole models of Keras 1 to 3, and weights of both layouts.
//!
//! Sources: keras/engine/topology.py and models.py (1.2.2), keras/src/saving/legacy/hdf5_format.py (2.15),
//! keras/src/legacy/saving/legacy_h5_format.py and src/saving/saving_lib.py (3.15). Owns: the root attributes. Must never
//! know: layers.

use crate::hdf5::H5;
use crate::open::{Content, KerasFile, OpenOptions, read_arch};
use crate::probe::Kind;
use crate::store::{self, Attributes};
use crate::weights::{self, Era, LegacyLayer, WeightTree};
use crate::{graph, json, model};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::{Provenance, SourceGraph, Tensor};
use modelport_storage::{ByteRange, MappedFile};
use serde_json::Value;
use std::sync::Arc;

type Read<T> = std::result::Result<T, Diagnostics>;

/// Reads an HDF5 file.
pub(crate) fn read(file: &Arc<MappedFile>, options: &OpenOptions) -> Read<KerasFile> {
    let h5 = H5::open(ByteRange::whole(file.clone()), file.name().to_owned(), &options.limits)?;
    let root = h5.group("")?;
    let attributes = h5.attributes(&root)?;
    let groups = h5.members(&root)?.groups;
    if let Some(config) = store::list(&attributes, "model_config").map(|parts| parts.concat()) {
        let config = json::parse(config.as_bytes(), "the attribute `model_config`", h5.name(), &options.limits)?;
        return whole_model(&h5, &attributes, config, options);
    }
    if let Some(names) = store::list(&attributes, "layer_names") {
        let layers = store::read_legacy(&h5, &root, "", names)?;
        return legacy_weights(&h5, &attributes, layers, options);
    }
    // `model_weights` without a configuration: the file of a model whose architecture could not be saved.
    if groups.iter().any(|g| g == "model_weights") {
        let group = h5.group("model_weights")?;
        let inner = h5.attributes(&group)?;
        if let Some(names) = store::list(&inner, "layer_names") {
            let layers = store::read_legacy(&h5, &group, "model_weights", names)?;
            return legacy_weights(&h5, &inner, layers, options);
        }
    }
    const TREE: [&str; 4] = ["layers", "vars", "_layer_checkpoint_dependencies", "_self_tracked_trackables"];
    if groups.iter().any(|g| TREE.contains(&g.as_str())) {
        let tree = store::read_tree(&h5, &options.limits)?;
        return tree_weights(&tree, options);
    }
    Err(not_keras(&attributes, &groups).into())
}

fn not_keras(attributes: &Attributes, groups: &[String]) -> Box<Diagnostic> {
    let some = |names: Vec<&str>| names.into_iter().take(8).collect::<Vec<_>>().join(", ");
    let found = format!(
        "attributes: {}; groups: {}",
        some(attributes.keys().map(String::as_str).collect()),
        some(groups.iter().map(String::as_str).collect())
    );
    let message = "this HDF5 file has no Keras model in it";
    let mut d = Diagnostic::error(Code::KERAS_NOT_A_MODEL, message)
        .expected("the attribute `model_config`, or the weights of layers")
        .found(found);
    if attributes.contains_key("nb_layers") {
        d = d.help("this is a weight file of Keras before 1.0; load and save it again with Keras 1.2");
    }
    d.help("modelport reads Keras models; other HDF5 files are data")
}

fn whole_model(h5: &H5, attributes: &Attributes, config: Value, options: &OpenOptions) -> Read<KerasFile> {
    let group = h5.group("model_weights")?;
    let inner = h5.attributes(&group)?;
    let names = store::list(&inner, "layer_names")
        .ok_or_else(|| Diagnostic::error(Code::HDF5_DAMAGED, "group `model_weights` has no attribute `layer_names`"))?;
    let mut provenance = provenance(attributes, &inner, "Keras HDF5 model");
    let layers = store::read_legacy(h5, &group, "model_weights", names)?;
    note_theano(&mut provenance, &layers);
    let weights = full_names(&layers, "model_weights/");
    let graph = legacy_graph(config, layers, &provenance, options)?;
    Ok(KerasFile { provenance, kind: Kind::Hdf5, content: Content::Model, weights, graph: Some(graph) })
}

fn legacy_weights(
    h5: &H5,
    attributes: &Attributes,
    layers: Vec<LegacyLayer>,
    options: &OpenOptions,
) -> Read<KerasFile> {
    let arch = options.arch.as_deref().map(|path| read_arch(path, &options.limits)).transpose()?;
    let mut provenance = provenance(attributes, &h5.attributes(&h5.group("")?)?, "Keras HDF5 weights");
    if provenance.version.is_none() {
        provenance.version = arch.as_ref().and_then(noted_version);
    }
    note_theano(&mut provenance, &layers);
    let weights = full_names(&layers, "");
    let graph = arch.map(|config| legacy_graph(config, layers, &provenance, options)).transpose()?;
    Ok(KerasFile { provenance, kind: Kind::Hdf5, content: Content::WeightsOnly, weights, graph })
}

/// The graph of the architecture in `options`, with weights from another kind of file: a list for each outermost layer that has
/// any, in the order of the layers, each in Keras's order.
///
/// # Errors
/// `KR…` when no architecture is given, it cannot be read, or the weights do not fit it.
pub fn with_weights(weights: Vec<(String, Vec<(String, Tensor)>)>, options: &OpenOptions) -> Read<SourceGraph> {
    let Some(path) = options.arch.as_deref() else {
        return Err(Diagnostic::error(Code::KERAS_WEIGHTS_ONLY, "an architecture is needed: --arch").into());
    };
    let config = read_arch(path, &options.limits)?;
    let provenance = Provenance {
        framework: "keras".into(),
        version: noted_version(&config),
        format: "Keras architecture with weights from elsewhere".into(),
        ..Provenance::default()
    };
    let layers = weights.into_iter().map(|(name, weights)| LegacyLayer { name, weights }).collect();
    legacy_graph(config, layers, &provenance, options)
}

/// Weights of the tree layout, with the architecture given beside.
pub(crate) fn tree_weights(tree: &WeightTree, options: &OpenOptions) -> Read<KerasFile> {
    let arch = options.arch.as_deref().map(|path| read_arch(path, &options.limits)).transpose()?;
    let provenance = Provenance {
        framework: "keras".into(),
        version: arch.as_ref().and_then(noted_version),
        format: "Keras 3 weights (.weights.h5)".into(),
        evidence: vec!["groups `layers/…/vars`".into()],
        ..Provenance::default()
    };
    let graph = arch.map(|config| tree_graph(config, tree, &provenance, options.limits)).transpose()?;
    Ok(KerasFile { provenance, kind: Kind::Hdf5, content: Content::WeightsOnly, weights: tree_names(tree), graph })
}

/// The version that an architecture names (`to_json` of Keras 1 and 2), or 3 where its spelling is of Keras 3, which names
/// none.
fn noted_version(arch: &Value) -> Option<String> {
    if let Some(version) = arch.get("keras_version").and_then(Value::as_str) {
        return Some(version.to_owned());
    }
    let layers = arch.get("config")?.get("layers")?.as_array()?;
    let new = |layer: &Value| layer.get("config").is_some_and(|c| c.get("batch_shape").is_some());
    layers.iter().any(new).then(|| "3".to_owned())
}

/// The graph of a configuration with weights of the legacy layout.
fn legacy_graph(
    config: Value,
    layers: Vec<LegacyLayer>,
    provenance: &Provenance,
    options: &OpenOptions,
) -> Read<SourceGraph> {
    let mut model = model::parse(config, &options.limits)?;
    let era = Era::of(provenance.version.as_deref(), &model);
    let diagnostics = weights::assign_legacy(&mut model, era, layers);
    build(&model, diagnostics, provenance)
}

/// The graph of a configuration with weights of the tree layout.
pub(crate) fn tree_graph(
    config: Value,
    tree: &WeightTree,
    provenance: &Provenance,
    limits: modelport_diag::Limits,
) -> Read<SourceGraph> {
    let mut model = model::parse(config, &limits)?;
    let diagnostics = weights::assign_tree(&mut model, tree);
    build(&model, diagnostics, provenance)
}

fn build(model: &model::Model, mut diagnostics: Diagnostics, provenance: &Provenance) -> Read<SourceGraph> {
    match diagnostics.keep(graph::build(model)) {
        Some(mut graph) if !diagnostics.has_errors() => {
            graph.provenance = provenance.clone();
            Ok(graph)
        }
        _ => Err(diagnostics),
    }
}

fn full_names(layers: &[LegacyLayer], prefix: &str) -> Vec<(String, Tensor)> {
    let named = |l: &LegacyLayer| {
        let layer = l.name.clone();
        l.weights.iter().map(move |(n, t)| (format!("{prefix}{layer}/{n}"), t.clone())).collect::<Vec<_>>()
    };
    layers.iter().flat_map(named).collect()
}

/// All weights of a tree by their full paths.
pub(crate) fn tree_names(tree: &WeightTree) -> Vec<(String, Tensor)> {
    let join =
        |path: &str, key: &str| if path.is_empty() { format!("vars/{key}") } else { format!("{path}/vars/{key}") };
    let named = |(path, vars): (&String, &Vec<(String, Tensor)>)| {
        vars.iter().map(|(key, t)| (join(path, key), t.clone())).collect::<Vec<_>>()
    };
    tree.vars.iter().flat_map(named).collect()
}

fn provenance(root: &Attributes, group: &Attributes, format: &str) -> Provenance {
    let find = |name| store::scalar(root, name).or_else(|| store::scalar(group, name)).map(str::to_owned);
    let (version, backend) = (find("keras_version"), find("backend"));
    let mut evidence = Vec::new();
    evidence.extend(version.as_ref().map(|v| format!("attribute keras_version = {v}")));
    if version.is_none() {
        evidence.push("no attribute keras_version".into());
    }
    // TensorFlow's own copy of Keras adds `-tf` to the version (tensorflow/python/keras/__init__.py, 1.x and 2.0 to 2.5).
    let own_copy = version.as_deref().is_some_and(|v| v.ends_with("-tf"));
    Provenance {
        framework: if own_copy { "tf.keras" } else { "keras" }.into(),
        version: version.map(|v| v.trim_end_matches("-tf").to_owned()),
        format: format.into(),
        evidence,
        details: backend.map(|b| ("backend".to_owned(), b)).into_iter().collect(),
    }
}

/// Keras 1 does not write its backend, but its weights have their variables' names (keras 1.2.2 `engine/topology.py:
/// save_weights_to_hdf5_group`): TensorFlow's end in `:0`, Theano's do not. Theano's kernels are backwards.
fn note_theano(provenance: &mut Provenance, layers: &[LegacyLayer]) {
    let mut names = layers.iter().flat_map(|l| &l.weights).map(|(name, _)| name).peekable();
    let keras1 = provenance.version.as_deref().is_some_and(|v| v.starts_with("1."));
    if keras1
        && !provenance.details.contains_key("backend")
        && names.peek().is_some()
        && names.all(|n| !n.contains(':'))
    {
        provenance.details.insert("backend".to_owned(), "theano".to_owned());
        provenance.evidence.push("names of weights without `:0`: written by the Theano backend".to_owned());
    }
}

/// The tree in an HDF5 file or a member of an archive.
pub(crate) fn read_tree(range: ByteRange, name: String, limits: &modelport_diag::Limits) -> Result<WeightTree> {
    store::read_tree(&H5::open(range, name, limits)?, limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelport_ir::DType;

    fn backend(version: &str, weights: &[&str]) -> Option<String> {
        let weight = |n: &&str| ((*n).to_owned(), Tensor::scalar(DType::F32, 1.0));
        let layer = LegacyLayer { name: "conv".into(), weights: weights.iter().map(weight).collect() };
        let mut provenance = Provenance { version: Some(version.into()), ..Provenance::default() };
        note_theano(&mut provenance, &[layer]);
        provenance.details.remove("backend")
    }

    #[test]
    fn theano_is_known_by_the_names_of_its_weights() {
        assert_eq!(backend("1.2.2", &["conv_W", "conv_b"]).as_deref(), Some("theano"));
        assert_eq!(backend("1.2.2", &["conv_W:0", "conv_b:0"]), None);
        assert_eq!(backend("1.2.2", &[]), None);
        assert_eq!(backend("2.0.6", &["conv/kernel", "conv/bias"]), None);
    }
}
