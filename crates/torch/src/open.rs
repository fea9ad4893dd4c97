//! Opening a PyTorch file of any kind: [`open`] and what it gives.
//!
//! Owns: the choice of the reader by content. Must never know: the layouts themselves.

use crate::archive::{Archive, Zip};
use crate::checkpoint::{self, Found};
use crate::probe::{Kind, probe};
use crate::{architectures, exported, modules, script};
use modelport_diag::{Code, Diagnostic, Diagnostics, Limits};
use modelport_ir::{Provenance, SourceGraph, Tensor, TensorType};
use modelport_pickle::Node;
use modelport_storage::MappedFile;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The architecture of weights alone: `NAME[,option=value]`.
    pub arch: Option<String>,
    /// Where the weights are in a checkpoint that holds several: `state_dict`, `model.ema`.
    pub weights_key: Option<String>,
    /// Types of inputs that the file leaves open, by name.
    pub input_types: Vec<(String, TensorType)>,
    /// Values that inputs have for good, by name.
    pub input_values: Vec<(String, f64)>,
    /// What the file may make us do.
    pub limits: Limits,
}

/// An opened file; its weights are still on disk.
#[derive(Clone, Debug)]
pub struct TorchFile {
    /// Who wrote it.
    pub provenance: Provenance,
    /// The container.
    pub kind: Kind,
    /// All weights by the names of the `state_dict`.
    pub weights: Vec<(String, Tensor)>,
    /// The model; without one, what a user can do about it.
    pub graph: Result<SourceGraph, Box<Diagnostic>>,
    /// Choices that were made, as sentences for the user.
    pub notes: Vec<String>,
}

/// Opens a file, recognised by content.
///
/// # Errors
/// When it is something else or is damaged.
pub fn open(path: &Path, options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    open_bytes(&MappedFile::open(path)?, options)
}

/// Opens a mapped file, or bytes in memory.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(file: &Arc<MappedFile>, options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    let zip = || Zip::open(file, &options.limits);
    let opened = match probe(file) {
        Some(kind @ (Kind::TorchScript | Kind::Exported))
            if options.arch.is_some() || options.weights_key.is_some() =>
        {
            Err(has_a_graph(kind, options).into())
        }
        Some(Kind::TorchScript) => zip().map_err(Diagnostics::from).and_then(|zip| script::read(&zip, options)),
        Some(Kind::Exported) => zip().map_err(Diagnostics::from).and_then(|zip| exported::read(&zip, options)),
        Some(kind) => saved(file, kind, options),
        None => Err(Diagnostic::error(Code::PROBE_UNKNOWN, "this is no file that PyTorch writes").into()),
    };
    opened.map_err(|all| Diagnostics(all.0.into_iter().map(|d| d.in_file(file.name())).collect()))
}

/// Options for weights alone were given for a whole model.
fn has_a_graph(kind: Kind, options: &OpenOptions) -> Box<Diagnostic> {
    let option = if options.arch.is_some() { "--arch" } else { "--weights-key" };
    let what = kind.describe();
    Diagnostic::error(Code::USAGE, format!("this is a {what}, which holds one whole model, and no bare `state_dict`"))
        .expected(format!("weights alone, for {option}"))
        .help(format!("leave {option} out: the model is converted as the file has it"))
}

/// What `torch.save` wrote: weights, a checkpoint around them, or a whole module.
fn saved(file: &Arc<MappedFile>, kind: Kind, options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    let archive = Archive::open(file, kind, &options.limits)?;
    let Found { weights, module, mut notes, details } = checkpoint::find(&archive.pickled, kind, options)?;
    let graph = match module {
        Some(id) => {
            let tensors = |node: Node<'_>| archive.pickled.tensor(node);
            modules::graph(&tensors, archive.pickled.pickle().node(id), options, &mut notes)
        }
        None => architectures::recognise(&weights, options, &mut notes),
    };
    let provenance = provenance(&archive, kind, details);
    let graph = graph.map(|mut graph| {
        graph.provenance = provenance.clone();
        graph
    });
    Ok(TorchFile { provenance, kind, weights, graph, notes })
}

fn provenance(archive: &Archive, kind: Kind, details: BTreeMap<String, String>) -> Provenance {
    Provenance {
        framework: "torch".to_owned(),
        version: archive.version.clone(),
        format: kind.describe().to_owned(),
        evidence: archive.evidence.clone(),
        details,
    }
}
