//! What a file is, without converting it.

use crate::Outcome;
use crate::load::{LoadOptions, dialect};
use crate::open::{Body, open};
use modelport_ir::{CoreGraph, Dialect, Provenance, SourceGraph, SourceOp, TensorType};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// One weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightInfo {
    /// The file's own name for it.
    pub name: String,
    /// Element type.
    pub dtype: String,
    /// Dimensions.
    pub shape: Vec<usize>,
}

/// One layer or operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its path in the model.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Elements of its weights.
    pub parameters: u64,
    /// The layers and inputs that it takes.
    pub inputs: Vec<String>,
    /// Whether modelport has a lowering for it.
    pub supported: bool,
}

/// What is known about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The path as given.
    pub file: String,
    /// What the file is.
    pub format: String,
    /// Who wrote it.
    pub framework: String,
    /// The version that wrote it, where the file says so.
    pub version: Option<String>,
    /// What in the file says so.
    pub evidence: Vec<String>,
    /// Anything more about its origin.
    pub details: BTreeMap<String, String>,
    /// Graph inputs with their types.
    pub inputs: Vec<(String, String)>,
    /// Graph outputs.
    pub outputs: Vec<String>,
    /// Layers in order; none for a file that holds weights only.
    pub layers: Vec<Layer>,
    /// All weights.
    pub weights: Vec<WeightInfo>,
    /// Elements of all weights.
    pub parameters: u64,
    /// The version rules that a conversion would apply.
    pub rules: Vec<String>,
    /// Choices that the reader made, as sentences for the user.
    pub notes: Vec<String>,
}

/// Describes a file: a model, or weights only.
///
/// # Errors
/// When the file is neither, or is damaged.
pub fn inspect(path: &Path, options: &LoadOptions) -> Outcome<Inspection> {
    let file = open(path, options)?;
    let weights: Vec<_> = file
        .weights
        .iter()
        .map(|(name, t)| WeightInfo { name: name.clone(), dtype: t.dtype().to_string(), shape: t.shape().to_vec() })
        .collect();
    let parameters = file.weights.iter().map(|(_, t)| t.len() as u64).sum();
    let Provenance { framework, version, format, evidence, details } = file.provenance;
    let mut found = Inspection {
        file: path.display().to_string(),
        format,
        framework,
        version,
        evidence,
        details,
        inputs: Vec::new(),
        outputs: Vec::new(),
        layers: Vec::new(),
        weights,
        parameters,
        rules: Vec::new(),
        notes: file.notes,
    };
    match file.body {
        Ok(Body::Source(graph)) => {
            let (graph, applied) = modelport_shim::apply(graph);
            found.rules = applied.into_iter().map(|a| format!("{}: {}", a.node, a.text)).collect();
            describe(&graph, &mut found);
        }
        Ok(Body::Core(graph)) => describe_core(&graph, &mut found),
        Err(_) => {}
    }
    Ok(found)
}

fn describe(graph: &SourceGraph, found: &mut Inspection) {
    let ty = |t: &Option<TensorType>| t.as_ref().map_or("?".to_owned(), TensorType::to_string);
    found.inputs = graph.inputs().iter().map(|&i| (graph.value(i).name.clone(), ty(graph.ty(i)))).collect();
    found.outputs = graph.outputs().iter().map(|o| o.name.clone()).collect();
    let dialect = dialect(graph);
    for node in graph.nodes() {
        let from = |id| graph.producer(id).map_or_else(|| graph.value(id).name.clone(), |n| n.name.clone());
        found.layers.push(Layer {
            name: node.name.clone(),
            class: node.op.name.clone(),
            parameters: node.op.weights.iter().map(|(_, t)| t.len() as u64).sum(),
            inputs: node.inputs.iter().flatten().map(|&id| from(id)).collect(),
            supported: converts(dialect, &node.op),
        });
    }
}

fn converts(dialect: Dialect, op: &SourceOp) -> bool {
    match dialect {
        Dialect::TensorFlow => modelport_tensorflow::converts(op),
        Dialect::Torch => modelport_torch::converts(op),
        Dialect::Keras | Dialect::Onnx => modelport_keras::converts(op),
    }
}

fn describe_core(graph: &CoreGraph, found: &mut Inspection) {
    found.inputs = graph.inputs().iter().map(|&i| (graph.value(i).name.clone(), graph.ty(i).to_string())).collect();
    found.outputs = graph.outputs().iter().map(|o| o.name.clone()).collect();
    for node in graph.nodes() {
        let operands = node.inputs.iter().flatten();
        let parameters = operands.clone().filter_map(|&id| graph.constant(id)).map(|t| t.len() as u64).sum();
        let from = |&id| graph.producer(id).map_or_else(|| graph.value(id).name.clone(), |n| n.name.clone());
        found.layers.push(Layer {
            name: node.name.clone(),
            class: node.op.name().to_owned(),
            parameters,
            inputs: operands.filter(|&&id| graph.constant(id).is_none()).map(from).collect(),
            supported: true,
        });
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.file, self.format)?;
        writeln!(f, "written by {} {}", self.framework, self.version.as_deref().unwrap_or("(version unknown)"))?;
        for evidence in &self.evidence {
            writeln!(f, "  known from {evidence}")?;
        }
        for (key, value) in &self.details {
            writeln!(f, "  {key}: {value}")?;
        }
        for (name, ty) in &self.inputs {
            writeln!(f, "input   {name} {ty}")?;
        }
        for name in &self.outputs {
            writeln!(f, "output  {name}")?;
        }
        if self.layers.is_empty() {
            for w in &self.weights {
                writeln!(f, "  {} {}{:?}", w.name, w.dtype, w.shape)?;
            }
        } else {
            self.table(f)?;
        }
        write!(f, "{} weights, {} parameters", self.weights.len(), grouped(self.parameters))?;
        match self.rules.len() {
            0 => Ok(()),
            1 => write!(f, "; a conversion applies 1 version rule"),
            n => write!(f, "; a conversion applies {n} version rules"),
        }
    }
}

impl Inspection {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |len: fn(&Layer) -> usize| self.layers.iter().map(len).max().unwrap_or(0).min(48);
        let (name, class) = (widest(|l| l.name.len()), widest(|l| l.class.len()));
        for l in &self.layers {
            let note = if l.supported { "" } else { "  (not converted)" };
            writeln!(
                f,
                "  {:name$}  {:class$}  {:>12}  <- {}{note}",
                l.name,
                l.class,
                grouped(l.parameters),
                l.inputs.join(", ")
            )?;
        }
        Ok(())
    }
}

/// 3_538_984 as `3,538,984`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
