//! From a file's weights to safetensors: names, types, metadata with provenance.
//!
//! Owns: which tensors are written under which names. Must never know: how a format is read or written.

mod foreign;
mod native;

use crate::Outcome;
use crate::convert::{Stage, check_not_itself};
use crate::load::LoadOptions;
use crate::open::{Opened, open};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::{DType, Provenance, Tensor};
use modelport_safetensors::{Item, WriteOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where tensors are split into several files: the convention of Hugging Face.
const SHARD: u64 = 5_000_000_000;

/// A framework's way to name weights and to lay them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `conv1/kernel`, channels last.
    Keras,
    /// `conv1.weight`, channels first: what `load_state_dict` takes.
    Torch,
    /// As TensorFlow names the variables of a Keras layer; equal to [`Names::Keras`].
    TensorFlow,
}

/// How weights are exported.
#[derive(Default)]
pub struct ExportOptions<'a> {
    /// What the reader needs.
    pub load: LoadOptions,
    /// The naming and layout; the framework's own when absent.
    pub names: Option<Names>,
    /// The type that floating-point tensors of 16 bits and more are converted to; their own when absent.
    pub dtype: Option<DType>,
    /// Bytes of tensors in one file; 5 GB when absent.
    pub shard_size: Option<u64>,
    /// Called as the work goes on.
    pub progress: Option<&'a (dyn Fn(Stage) + 'a)>,
}

/// What an export did.
#[derive(Clone, Debug)]
pub struct Export {
    /// Who wrote the model.
    pub provenance: Provenance,
    /// The target, or the index and its shards.
    pub files: Vec<PathBuf>,
    /// How many tensors were written.
    pub tensors: usize,
    /// Names that share a tensor with another: the name, and the one under which it is written.
    pub shared: Vec<(String, String)>,
    /// Bytes of tensors.
    pub bytes: u64,
    /// What a user should know, as sentences.
    pub notes: Vec<String>,
}

/// The tensors that are to be written, and what the metadata says about them.
pub(crate) struct Named {
    pub(crate) tensors: Vec<(String, Tensor)>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) notes: Vec<String>,
}

/// Writes the weights of `input` to a safetensors file at `output`, or to several with an index. No graph is needed.
///
/// # Errors
/// When `input` cannot be read, holds no weights, or a name or type cannot be written; targets are then as they were.
pub fn export(input: &Path, output: &Path, options: &ExportOptions<'_>) -> Outcome<Export> {
    let stage = |s| options.progress.map_or((), |p| p(s));
    check_not_itself(input, output)?;
    stage(Stage::Reading);
    let opened = open(input, &options.load)?;
    let (items, mut metadata, mut notes) = match (&opened.stored, options.names, options.dtype) {
        // From safetensors to safetensors everything is kept, types without a counterpart here too.
        (Some(stored), None, None) => {
            let items = stored.stored.iter().map(Item::stored).collect::<Result<Vec<_>>>()?;
            (items, stored.metadata.clone(), Vec::new())
        }
        _ => {
            let named = match options.names {
                Some(names) => foreign::translated(&opened, names)?,
                None => native::named(&opened)?,
            };
            let (tensors, mut notes) = cast(named.tensors, options.dtype)?;
            notes.extend(named.notes);
            notes.extend(opened.notes.iter().cloned());
            (items(tensors, input)?, named.metadata, notes)
        }
    };
    if items.is_empty() {
        return Err(Diagnostic::error(Code::SAFETENSORS_WRITE, "the file holds no weights")
            .in_file(input.display().to_string())
            .into());
    }
    metadata.remove("total_size");
    provenance(&mut metadata, &opened, input, options);
    let progress = |done, total| stage(Stage::Writing(done, total));
    let write = WriteOptions {
        metadata,
        shard_size: options.shard_size.unwrap_or(SHARD),
        progress: options.progress.is_some().then_some(&progress),
    };
    let written = modelport_safetensors::write(items, output, &write)?;
    notes.extend(shared_note(&written.shared));
    let modelport_safetensors::Written { files, tensors, shared, bytes } = written;
    Ok(Export { provenance: opened.provenance, files, tensors, shared, bytes, notes })
}

/// Tensors by the names they get.
type NamedTensors = Vec<(String, Tensor)>;

/// Converts floating-point tensors; 8-bit floats stay, for their scales are elsewhere.
fn cast(tensors: NamedTensors, to: Option<DType>) -> Result<(NamedTensors, Vec<String>)> {
    let Some(to) = to else { return Ok((tensors, Vec::new())) };
    let mut kept = 0;
    let mut one = |(name, t): (String, Tensor)| match t.dtype() {
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Ok((name, t.cast(to)?)),
        DType::F8E4M3 | DType::F8E5M2 => {
            kept += 1;
            Ok((name, t))
        }
        _ => Ok((name, t)),
    };
    let tensors = tensors.into_iter().map(&mut one).collect::<Result<_>>()?;
    let note = (kept > 0).then(|| format!("{kept} tensors of 8-bit floats are kept as they are"));
    Ok((tensors, note.into_iter().collect()))
}

fn items(tensors: Vec<(String, Tensor)>, input: &Path) -> Outcome<Vec<Item>> {
    let mut all = Diagnostics::default();
    let mut items = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        match Item::new(name, tensor) {
            Ok(item) => items.push(item),
            Err(d) => all.push(d.in_file(input.display().to_string())),
        }
    }
    if all.0.is_empty() { Ok(items) } else { Err(all) }
}

/// Who wrote the weights, in the words of Hugging Face (`format`) and in ours.
fn provenance(metadata: &mut BTreeMap<String, String>, opened: &Opened, input: &Path, options: &ExportOptions<'_>) {
    let p = &opened.provenance;
    let own = match p.framework.as_str() {
        "torch" => Some(Names::Torch),
        f if f.contains("keras") => Some(Names::Keras),
        "tensorflow" => Some(Names::TensorFlow),
        _ => None,
    };
    let format = options.names.or(own).map(|n| if n == Names::Torch { "pt" } else { "tf" });
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            metadata.entry(key.to_owned()).or_insert(value);
        }
    };
    set("format", format.map(str::to_owned));
    set("modelport.framework", Some(p.framework.clone()));
    set("modelport.framework_version", p.version.clone());
    set("modelport.source", input.file_name().map(|n| n.to_string_lossy().into_owned()));
    set("modelport.source_format", Some(p.format.clone()));
    set("modelport.version", Some(env!("CARGO_PKG_VERSION").to_owned()));
    set("modelport.cast", options.dtype.map(|d| d.to_string()));
}

fn shared_note(shared: &[(String, String)]) -> Option<String> {
    let (name, kept) = shared.first()?;
    let more = shared.len() - 1;
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    Some(format!("`{name}` shares its storage with `{kept}`, which is written{more}; the metadata says so"))
}
