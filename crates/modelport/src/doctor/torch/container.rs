//! The container of a PyTorch file, read as far as a diagnosis needs: members, versions, the pickle.
//!
//! Owns: what each container is told by, and which versions read it. Must never know: what a pickle's names mean.

use super::Case;
use crate::doctor::diagnosis::{Cause, Finding};
use crate::doctor::tables;
use crate::doctor::version::{Version, within};
use modelport_diag::{Diagnostics, Limits, Result};
use modelport_pickle::Pickle;
use modelport_storage::{ByteRange, MappedFile, ZipArchive};
use std::sync::Arc;

/// How a file was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// `torch.save` since 1.6.
    Zip,
    /// `torch.save` before 1.6: pickles, then storages.
    Legacy,
    /// `torch.save` of 0.1.
    Tar,
    /// `torch.jit.save`.
    TorchScript,
    /// `torch.export.save`.
    Exported,
    /// `pickle.dump`.
    Pickle,
}

/// A file's container and what is in it.
pub(crate) struct File {
    pub(crate) container: Container,
    pub(crate) writer: Option<String>,
    pub(crate) evidence: Vec<String>,
    /// The number in the member `version`.
    pub(crate) format: Option<u64>,
    /// `schema_version` of an exported program.
    pub(crate) schema: Option<u64>,
    /// The object's pickle.
    pub(crate) pickle: Option<Pickle>,
    /// Namespaces of ops that TorchScript code calls beyond torch's own.
    pub(crate) extensions: Vec<String>,
}

/// `torch/serialization.py`: the pickled number that a file of `torch.save` starts with before 1.6.
const MAGIC: &[u8] = &[0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Recognises and reads a file; `None` when it is none of torch's.
///
/// # Errors
/// When it is one, but damaged.
pub(crate) fn read(file: &Arc<MappedFile>, limits: &Limits) -> std::result::Result<Option<File>, Diagnostics> {
    let bytes = file.bytes();
    if bytes.starts_with(b"PK\x03\x04") {
        let archive = ZipArchive::open(file.clone(), *limits)?;
        return Ok(zip(&archive, limits)?);
    }
    if bytes.first() == Some(&0x80) && bytes.get(1).is_some_and(|p| (2..=5).contains(p)) {
        let start = bytes.get(2..2 + MAGIC.len());
        return Ok(Some(if start == Some(MAGIC) { legacy(file, limits)? } else { plain(file, limits)? }));
    }
    // GNU tar: `ustar` at 257; torch 0.1 has the members `sys_info`, `pickle`, `tensors`, `storages`.
    let tar = bytes.get(257..262) == Some(b"ustar")
        && bytes.get(..4096.min(bytes.len())).is_some_and(|h| h.windows(8).any(|w| w == b"sys_info"));
    Ok(tar.then(|| empty(Container::Tar)))
}

fn empty(container: Container) -> File {
    File {
        container,
        writer: None,
        evidence: Vec::new(),
        format: None,
        schema: None,
        pickle: None,
        extensions: Vec::new(),
    }
}

fn zip(archive: &ZipArchive, limits: &Limits) -> Result<Option<File>> {
    let members = archive.members();
    let ending = |end: &str| {
        members
            .iter()
            .map(|m| m.name.as_str())
            .find(|n| *n == end || n.strip_suffix(end).is_some_and(|r| r.ends_with('/')))
    };
    let models = |n: &str| n.contains("models/") && n.ends_with(".json");
    let program =
        members.iter().map(|m| m.name.as_str()).find(|n| models(n) || n.ends_with("serialized_exported_program.json"));
    let exported =
        program.filter(|_| ending("archive_format").is_some() || ending("serialized_exported_program.json").is_some());
    let text = |name: &str| archive.metadata(name).map(|b| String::from_utf8_lossy(&b).trim().to_owned());
    let format = ending("version").map(text).transpose()?.and_then(|v| v.parse().ok());
    if let Some(program) = exported {
        let schema = schema(&archive.metadata(program)?);
        let mut file = File { format, schema, ..empty(Container::Exported) };
        file.evidence.push(format!("member {program}"));
        file.writer = schema.and_then(exporter);
        return Ok(Some(file));
    }
    let Some(pickle) = ending("data.pkl").map(str::to_owned) else { return Ok(None) };
    let script = ending("constants.pkl").is_some();
    let mut file = File { format, ..empty(if script { Container::TorchScript } else { Container::Zip }) };
    file.evidence.push(format!("member {pickle}"));
    file.evidence.extend(format.map(|v| format!("file format {v}")));
    file.writer = writer(script, format, ending("byteorder").is_some(), ending(".format_version").is_some());
    if script {
        file.extensions = extensions(archive);
    } else {
        file.pickle = Some(modelport_pickle::parse(archive.metadata(&pickle)?, limits)?);
    }
    Ok(Some(file))
}

/// Namespaces that code names as `ops.<namespace>.<op>`, beyond those that every torch has.
fn extensions(archive: &ZipArchive) -> Vec<String> {
    const OWN: &[&str] = &["aten", "prim", "quantized", "torch", "inductor", "profiler", "_quantized"];
    let mut found = Vec::new();
    let code = archive.members().iter().filter(|m| m.name.contains("code/") && m.name.ends_with(".py"));
    for text in code.filter_map(|m| archive.metadata(&m.name).ok()) {
        let text = String::from_utf8_lossy(&text).into_owned();
        for (at, _) in text.match_indices("ops.") {
            let rest = text.get(at + 4..).unwrap_or_default();
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let op: String = rest.chars().skip(name.len()).take(1).collect();
            if op == "." && !name.is_empty() && !OWN.contains(&name.as_str()) && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// The first number of `schema_version`: a number in 2.1 and 2.2, `{"major": …}` later.
fn schema(program: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(program).ok()?;
    let version = value.get("schema_version")?;
    version.as_u64().or_else(|| version.get("major")?.as_u64())
}

/// The versions whose schema has that major number.
fn exporter(major: u64) -> Option<String> {
    let rows = tables::torch().iter().filter(|f| f.area == "export_schema_version" && f.item == "SCHEMA_VERSION");
    let mut versions = rows.filter(|f| schema_major(f.value) == Some(major)).flat_map(|f| f.versions.split(['-', ',']));
    let first = versions.next()?;
    let last = versions.last().unwrap_or(first);
    Some(if first == last { format!("torch {first}") } else { format!("torch {first} to {last}") })
}

fn schema_major(value: &str) -> Option<u64> {
    value.trim_start_matches('(').split(',').next()?.trim().parse().ok()
}

/// What the members say about the version that wrote them (torch_formats.tsv).
fn writer(script: bool, format: Option<u64>, byteorder: bool, format_version: bool) -> Option<String> {
    if script {
        return Some("torch.jit".to_owned());
    }
    Some(
        match (format_version, byteorder, format) {
            (true, ..) => "torch 2.7 or later",
            (_, true, _) => "torch 2.1 to 2.6",
            (_, _, Some(3..)) => "torch 1.6 to 2.0",
            _ => "torch 1.4 or 1.5",
        }
        .to_owned(),
    )
}

fn legacy(file: &Arc<MappedFile>, limits: &Limits) -> Result<File> {
    let mut at = 0u64;
    let mut next = || -> Result<Pickle> {
        let rest = ByteRange::new(file.clone(), at, file.len().saturating_sub(at))?.mapped();
        let pickle = modelport_pickle::parse(rest, limits)?;
        at += pickle.consumed() as u64;
        Ok(pickle)
    };
    // The magic number, the protocol, facts about the machine, and then the object.
    for _ in 0..3 {
        next()?;
    }
    let pickle = next()?;
    let mut found = empty(Container::Legacy);
    found.writer = Some("torch before 1.6, or with _use_new_zipfile_serialization=False".to_owned());
    found.evidence.push("the magic number of torch.save".to_owned());
    found.pickle = Some(pickle);
    Ok(found)
}

fn plain(file: &Arc<MappedFile>, limits: &Limits) -> Result<File> {
    let pickle = modelport_pickle::parse(file.bytes().clone(), limits)?;
    let mut found = empty(Container::Pickle);
    found.evidence.push(format!("a pickle of protocol {} without torch's magic number", pickle.protocol()));
    found.pickle = Some(pickle);
    Ok(found)
}

impl File {
    /// The words for people.
    pub(crate) fn kind(&self) -> String {
        let content = self.pickle.as_ref().map_or("", |p| super::pickled::content(p));
        match self.container {
            Container::Zip => format!("a PyTorch file (torch.save){content}"),
            Container::Legacy => format!("a PyTorch file of the format before 1.6{content}"),
            Container::Tar => "a PyTorch file of version 0.1 (tar)".to_owned(),
            Container::TorchScript => "a TorchScript archive (torch.jit.save)".to_owned(),
            Container::Exported => "an exported program (torch.export.save, .pt2)".to_owned(),
            Container::Pickle => format!("a plain pickle, not made by torch.save{content}"),
        }
    }
}

/// What the container means to the version that loads.
pub(crate) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let torch = case.torch();
    match case.file.container {
        Container::Zip | Container::TorchScript => zip_findings(case, &torch),
        Container::Exported => exported(case, &torch).into_iter().collect(),
        Container::Pickle => {
            let what = "this is a plain pickle, which `torch.load` does not take";
            let text = "_pickle.UnpicklingError / RuntimeError: Invalid magic number; corrupt file?";
            vec![Finding::refused(Cause::SaveMethod, what).row(41).error(text)]
        }
        Container::Legacy | Container::Tar => Vec::new(),
    }
}

fn zip_findings(case: &Case<'_>, torch: &Version) -> Vec<Finding> {
    let mut found = Vec::new();
    let path = case.path.display();
    if case.file.container == Container::Zip && torch.before("1.4") {
        let text = format!("RuntimeError: {path} is a zip archive (did you mean to use torch.jit.load()?)");
        let what = "torch.save writes zip archives since 1.6, which torch before 1.4 takes for TorchScript";
        found.push(Finding::refused(Cause::Version, what).row(52).error(text));
        return found;
    }
    let newest = tables::torch()
        .iter()
        .filter(|f| f.item.starts_with("kMaxSupportedFileFormatVersion") && !f.item.contains("#else"));
    let newest = newest.filter(|f| within(f.versions, &nearest(torch))).filter_map(|f| hexadecimal(f.value)).max();
    if let (Some(format), Some(newest)) = (case.file.format, newest)
        && format > newest
    {
        let what = format!("the archive has file format {format}, and torch {torch} reads up to {newest}");
        let text = format!(
            "RuntimeError: Attempted to read a PyTorch file with version {format}, but the maximum supported version for reading is {newest}. Your PyTorch installation may be too old."
        );
        found.push(Finding::refused(Cause::Version, what).row(52).error(text));
    }
    for name in &case.file.extensions {
        let what = format!("the code calls ops of `{name}`, which are there only after `import {name}`");
        let text = format!("RuntimeError: Unknown builtin op: {name}::…");
        found.push(Finding::refused(Cause::CustomObjects, what).row(43).error(text));
    }
    found
}

fn exported(case: &Case<'_>, torch: &Version) -> Option<Finding> {
    if torch.before("2.1") {
        let what = "exported programs are loaded by torch 2.1 and later";
        return Some(
            Finding::refused(Cause::Version, what)
                .row(53)
                .error("AttributeError: module 'torch.export' has no attribute 'load'"),
        );
    }
    let rows = tables::torch().iter().filter(|f| f.area == "export_schema_version" && f.item == "SCHEMA_VERSION");
    let own = rows.filter(|f| within(f.versions, &nearest(torch))).find_map(|f| schema_major(f.value))?;
    let schema = case.file.schema.filter(|s| *s != own)?;
    let what = format!("the program has schema version {schema}, and torch {torch} loads {own} only");
    let text =
        format!("SerializeError: Serialized schema version {schema} does not match our current schema version {own}.");
    Some(Finding::refused(Cause::Version, what).row(53).error(text))
}

/// The covered version that speaks for this one: tables name x.y.0 or x.y.1.
pub(crate) fn nearest(torch: &Version) -> Version {
    const COVERED: &str = "1.0.0 1.1.0 1.2.0 1.3.0 1.4.0 1.5.0 1.6.0 1.7.0 1.8.0 1.9.0 1.10.0 1.11.0 1.12.0 1.13.1 2.0.1 2.1.0 2.2.0 2.3.0 \
                           2.4.0 2.5.0 2.6.0 2.7.0 2.8.0 2.9.0 2.10.0 2.11.0 2.12.0 2.13.0 2.14.0 2.15.0";
    let minor = Version::of(&format!("{}.{}", torch.major(), torch.minor().unwrap_or(0)));
    crate::doctor::version::nearest(COVERED.split_whitespace(), &minor).unwrap_or_else(|| torch.clone())
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x").trim_end_matches('L'), 16).ok()
}
