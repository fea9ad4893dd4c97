//! A PyTorch file of any kind as a plain `state_dict`, which every version loads with `weights_only=True` and without the
//! classes of the author: in the archive of torch 1.6 and later, or in the stream that all before it read.
//!
//! Source: `torch/serialization.py` of torch 2.15 (`_save`, `_legacy_save`). Owns: which storages there are and where they
//! stand. Must never know: how a pickle is spelled.

mod pickle;

use super::{Log, Repair, RepairOptions};
use crate::doctor::{Product, Target};
use crate::load::LoadOptions;
use crate::{Outcome, open};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::tensor::write_all;
use modelport_ir::{DType, Tensor};
use modelport_storage::AtomicFile;
use pickle::Pickle;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use zip::write::{FileOptions, SimpleFileOptions};
use zip::{CompressionMethod, ZipWriter};

/// Where tensors begin, as torch aligns them.
const ALIGNMENT: u16 = 64;
/// The first release that reads archives.
const ARCHIVES: &str = "1.6";

/// A tensor, and the storage that holds it.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) tensor: Tensor,
    pub(crate) storage: usize,
}

/// Writes the weights of `input` as a `state_dict`.
pub(crate) fn repair(input: &Path, output: &Path, target: &Target, options: &RepairOptions) -> Outcome<Repair> {
    if target.product != Product::Torch {
        let message = format!("a PyTorch file is repaired for torch, not for {target}");
        let help = "convert it: modelport convert IN OUT.onnx, or OUT.safetensors for the weights";
        return Err(Diagnostic::error(Code::USAGE, message).help(help).into());
    }
    let load = LoadOptions { limits: options.limits, ..LoadOptions::default() };
    let opened = open(input, &load)?;
    let before = opened.provenance.format;
    let entries = entries(opened.weights);
    if entries.is_empty() {
        let none = Diagnostic::error(Code::TORCH_NO_WEIGHTS, "the file holds no weights");
        return Err(none.in_file(input.display().to_string()).into());
    }
    let legacy = target.version.before(ARCHIVES);
    if legacy {
        legacy_types(&entries)?;
    }
    let target_file = AtomicFile::create(output)?;
    if legacy {
        stream(target_file, &entries)?
    } else {
        archive(target_file, output, &entries)?
    }
    let mut log = Log::default();
    log.changed(format!("{before} is a state_dict"));
    let storages = count(&entries);
    // The others are about the graph.
    let mut notes = opened.notes;
    notes.retain(|n| n.contains("weights are those") || n.contains("left out"));
    if storages < entries.len() {
        notes.push(format!("{} tensors share a storage with another, as before", entries.len() - storages));
    }
    notes.push("all tensors are on the CPU; load with torch.load(path), then model.load_state_dict".to_owned());
    Ok(Repair { target: target.to_string(), changes: log.counted(), notes })
}

/// Tensors in their order; those that are the same bytes with the same recipe share a storage.
fn entries(weights: Vec<(String, Tensor)>) -> Vec<Entry> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(weights.len());
    let mut next = 0;
    for (name, tensor) in weights.into_iter().filter(|(_, t)| t.dtype() != DType::Str) {
        let place = tensor.source().filter(|_| !tensor.is_empty()).map(|p| (p, tensor.dtype()));
        let group = place.map(|p| groups.entry(p).or_default());
        let same = group.as_ref().and_then(|g| g.iter().find(|&&i| entries[i].tensor == tensor)).copied();
        let storage = same.map_or(next, |i| entries[i].storage);
        if same.is_none() {
            next += 1;
            if let Some(group) = group {
                group.push(entries.len());
            }
        }
        entries.push(Entry { name, tensor, storage });
    }
    entries
}

fn count(entries: &[Entry]) -> usize {
    entries.iter().map(|e| e.storage + 1).max().unwrap_or(0)
}

/// The tensors whose bytes the storages are, in the order of their keys.
fn storages(entries: &[Entry]) -> impl Iterator<Item = &Tensor> {
    let mut next = 0;
    entries.iter().filter_map(move |e| {
        let new = e.storage == next;
        next += usize::from(new);
        new.then_some(&e.tensor)
    })
}

/// A zip file: `archive/data.pkl` and the bytes of each storage, stored and aligned.
fn archive(mut target: AtomicFile, output: &Path, entries: &[Entry]) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| {
        let message = format!("the archive cannot be written: {e}");
        Diagnostic::error(Code::IO_WRITE, message).in_file(output.display().to_string())
    };
    let mut zip = ZipWriter::new(target.file());
    let plain: SimpleFileOptions = FileOptions::default().compression_method(CompressionMethod::Stored);
    let mut member = |name: &str, bytes: &[u8]| {
        let begun = zip.start_file(format!("archive/{name}"), plain);
        begun.map_err(|e| failed(&e)).and_then(|()| zip.write_all(bytes).map_err(|e| failed(&e)))
    };
    member("data.pkl", &Pickle::state_dict(entries, false))?;
    member("byteorder", b"little")?;
    for (key, tensor) in storages(entries).enumerate() {
        let large = tensor.byte_len() as u64 >= u64::from(u32::MAX);
        let options = plain.with_alignment(ALIGNMENT).large_file(large);
        zip.start_file(format!("archive/data/{key}"), options).map_err(|e| failed(&e))?;
        tensor.for_chunks(&mut |_, chunk| zip.write_all(chunk).map_err(|e| failed(&e)))?;
    }
    zip.start_file("archive/version", plain).map_err(|e| failed(&e))?;
    zip.write_all(b"3\n").map_err(|e| failed(&e))?;
    zip.finish().map_err(|e| failed(&e))?;
    target.commit()
}

/// Five pickles, then the number of elements and the bytes of each storage.
fn stream(mut target: AtomicFile, entries: &[Entry]) -> Result<()> {
    for head in Pickle::stream_head() {
        target.write(&head)?;
    }
    target.write(&Pickle::state_dict(entries, true))?;
    target.write(&Pickle::keys(count(entries)))?;
    let (mut at, mut places) = (target.position()?, Vec::new());
    for tensor in storages(entries) {
        target.write_at(&(tensor.len() as u64).to_le_bytes(), at)?;
        places.push((at + 8, tensor));
        at += 8 + tensor.byte_len() as u64;
    }
    write_all(&places, &target, &mut |_| {})?;
    target.commit()
}

/// Types that no storage of old versions holds.
fn legacy_types(entries: &[Entry]) -> Outcome<()> {
    let new = entries.iter().filter(|e| pickle::storage(e.tensor.dtype()).is_none());
    let all = new.map(|e| {
        let message = format!("`{}` is {}, which torch before {ARCHIVES} does not have", e.name, e.tensor.ty());
        Diagnostic::error(Code::TORCH_UNSUPPORTED_TENSOR, message).at_node(e.name.clone())
    });
    let all: Vec<_> = all.collect();
    if all.is_empty() { Ok(()) } else { Err(modelport_diag::Diagnostics(all)) }
}
