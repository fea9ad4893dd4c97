//! From a file to a core graph: open, shim, lower.

use crate::Outcome;
use crate::open::{Body, located, open};
use crate::transplant::transplant;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{CoreGraph, CustomLayers, Dialect, Provenance, SourceGraph, Tensor, TensorType};
use modelport_shim::Applied;
use std::path::{Path, PathBuf};

/// What a reader may need besides the file.
#[derive(Debug, Default)]
pub struct LoadOptions {
    /// The architecture of a file that holds weights only: for Keras the JSON file, for torch `NAME[,option=value]`.
    pub arch: Option<PathBuf>,
    /// A file whose graph takes the weights of this one, by name.
    pub graph: Option<PathBuf>,
    /// Where the weights are in a torch checkpoint that holds several.
    pub weights_key: Option<String>,
    /// Tags of the SavedModel's meta graph; `serve` when empty.
    pub tag_set: Vec<String>,
    /// Key of the SavedModel's signature; `serving_default` when absent.
    pub signature: Option<String>,
    /// Tensors that are inputs of a GraphDef.
    pub inputs: Vec<String>,
    /// Tensors that are outputs of a GraphDef.
    pub outputs: Vec<String>,
    /// Types of inputs that the file leaves open, by name; an empty name means the only input.
    pub input_types: Vec<(String, TensorType)>,
    /// Values that inputs have for good, by name: they are inputs no more.
    pub input_values: Vec<(String, f64)>,
    /// Whether checksums of tensors are held against their bytes.
    pub checksums: bool,
    /// Bodies of layers that no reader knows.
    pub custom: CustomLayers,
    /// What the file may make us allocate.
    pub limits: Limits,
}

/// Reads `[NAME=]TYPE`, the type of an input that a file leaves open: `x=f32[N,3,224,224]`.
///
/// # Errors
/// `US0001` when it is not of that form.
pub fn parse_input_type(text: &str) -> Result<(String, TensorType)> {
    let (name, ty) = text.rsplit_once('=').unwrap_or(("", text));
    match modelport_ir::text::parse_type(ty) {
        Ok(ty) => Ok((name.to_owned(), ty)),
        Err(d) => Err(Diagnostic::error(Code::USAGE, format!("`{ty}` is no type of an input: {}", d.message))
            .expected("a type such as f32[N,3,224,224], where a word is a size that is known only at run time")),
    }
}

/// Reads `NAME=VALUE`, the value that an input has for good: `sr=16000`, `training=false`.
///
/// # Errors
/// `US0001` when it is not of that form.
pub fn parse_input_value(text: &str) -> Result<(String, f64)> {
    let (name, value) = text.rsplit_once('=').unwrap_or(("", text));
    let number = match value.to_ascii_lowercase().as_str() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        number => number.parse::<f64>().ok().filter(|n| n.is_finite()),
    };
    number.map(|n| (name.to_owned(), n)).ok_or_else(|| {
        Diagnostic::error(Code::USAGE, format!("`{value}` is no value of an input")).expected("a number, true or false")
    })
}

/// A model that was read.
#[derive(Clone, Debug)]
pub struct Model {
    /// The path as given.
    pub file: String,
    /// Who wrote it.
    pub provenance: Provenance,
    /// Every weight in the file by the file's own names.
    pub weights: Vec<(String, Tensor)>,
    /// What it computes, in today's spelling of its framework.
    pub body: Body,
    /// The version rules that brought it there.
    pub applied: Vec<Applied>,
    /// Choices that the reader made, as sentences for the user.
    pub notes: Vec<String>,
}

impl Model {
    /// The graph of the framework's own ops; an ONNX file has none.
    pub fn source(&self) -> Option<&SourceGraph> {
        match &self.body {
            Body::Source(graph) => Some(graph),
            Body::Core(_) => None,
        }
    }

    /// Lowers to core ops; every finding is reported at once.
    ///
    /// # Errors
    /// All layers that are unknown or used in a way that is not supported.
    pub fn lower(&self, custom: &CustomLayers) -> Outcome<CoreGraph> {
        let core = match &self.body {
            Body::Core(core) => return Ok(core.clone()),
            Body::Source(source) => match dialect(source) {
                Dialect::TensorFlow => modelport_tensorflow::lower(source, custom),
                Dialect::Torch => modelport_torch::lower(source, custom),
                Dialect::Keras | Dialect::Onnx => modelport_keras::lower(source, custom),
            },
        };
        core.map_err(|all| located(all, &self.file))
    }
}

/// Whose ops a source graph holds. A graph without a node is as good as any framework's.
pub(crate) fn dialect(source: &SourceGraph) -> Dialect {
    let framework = match source.provenance.framework.as_str() {
        "tensorflow" => Dialect::TensorFlow,
        "torch" => Dialect::Torch,
        _ => Dialect::Keras,
    };
    source.nodes().first().map_or(framework, |n| n.op.dialect)
}

/// Reads a model file of any supported kind; weights stay on disk.
///
/// # Errors
/// When the file is not a model, is damaged, or holds weights only and no architecture is given.
pub fn load(path: &Path, options: &LoadOptions) -> Outcome<Model> {
    let mut opened = open(path, options)?;
    if let Some(graph) = &options.graph {
        let with = LoadOptions {
            tag_set: options.tag_set.clone(),
            signature: options.signature.clone(),
            inputs: options.inputs.clone(),
            outputs: options.outputs.clone(),
            input_types: options.input_types.clone(),
            input_values: options.input_values.clone(),
            limits: options.limits,
            ..LoadOptions::default()
        };
        let name = graph.display().to_string();
        let graph = open(graph, &with)?;
        opened = transplant(opened, graph, &name)?;
    }
    let file = path.display().to_string();
    let body = opened.body.map_err(|d| d.in_file(file.clone()))?;
    let (body, applied) = match body {
        Body::Source(graph) => {
            let (graph, applied) = modelport_shim::apply(graph);
            (Body::Source(graph), applied)
        }
        core @ Body::Core(_) => (core, Vec::new()),
    };
    let (provenance, weights, notes) = (opened.provenance, opened.weights, opened.notes);
    Ok(Model { file, provenance, weights, body, applied, notes })
}
