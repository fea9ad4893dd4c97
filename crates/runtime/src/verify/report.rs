//! The report of a verification.

use super::{LayerReport, OutputReport, compare};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file and what it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDigest {
    /// The path as given.
    pub path: String,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

impl FileDigest {
    /// Reads the whole file once; of a directory, or of a checkpoint named by its prefix, all files in the order of their
    /// names, each name before its bytes.
    ///
    /// # Errors
    /// `IO0001` or `IO0002` when it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let failed =
            |e: std::io::Error| Diagnostic::error(Code::IO_OPEN, format!("cannot read the file: {e}")).in_file(&name);
        let mut hash = Sha256::new();
        if path.is_file() {
            add_file(&mut hash, path).map_err(failed)?;
        } else {
            for (file, below) in files_of(path).map_err(failed)? {
                hash.update(below.as_bytes());
                hash.update([0]);
                add_file(&mut hash, &file).map_err(failed)?;
            }
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { path: name, sha256 })
    }
}

fn add_file(hash: &mut Sha256, path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            n => hash.update(&chunk[..n]),
        }
    }
}

/// The files of a directory, or those whose names begin with a prefix, with their names below it.
fn files_of(path: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let (top, prefix) = if path.is_dir() {
        (path.to_owned(), String::new())
    } else {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned(), name)
    };
    let mut found = Vec::new();
    let mut todo = vec![top.clone()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let file = entry?.path();
            let below = file.strip_prefix(&top).unwrap_or(&file).to_string_lossy().into_owned();
            if !below.starts_with(&prefix) {
                continue;
            }
            if file.is_dir() {
                todo.push(file);
            } else {
                found.push((file, below));
            }
        }
    }
    if found.is_empty() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

/// An input as it was fed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputUsed {
    /// The input's name.
    pub name: String,
    /// Element type and shape.
    pub ty: String,
}

/// All outputs computed in one way, held against those computed in another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How the expected values were computed.
    pub expected: String,
    /// How the values that are held against them were computed.
    pub found: String,
    /// Output by output.
    pub outputs: Vec<OutputReport>,
}

impl Comparison {
    /// Compares outputs in order; `names` are the expected ones'.
    ///
    /// # Errors
    /// `VF0003` when their numbers differ, or an element cannot be read.
    pub fn of(
        (expected, want): (&str, &[Tensor]),
        (found, got): (&str, &[Tensor]),
        names: &[String],
        tolerance: f64,
    ) -> Result<Self> {
        if want.len() != got.len() || want.len() != names.len() {
            return Err(Diagnostic::error(Code::VERIFY_FAILED, format!("{found} has another number of outputs"))
                .expected(want.len().to_string())
                .found(got.len().to_string()));
        }
        let all = names.iter().zip(want).zip(got);
        let outputs = all.map(|((n, w), g)| compare(n, w, g, tolerance)).collect::<Result<_>>()?;
        Ok(Self { expected: expected.into(), found: found.into(), outputs })
    }

    /// Whether every output matches.
    pub fn passed(&self) -> bool {
        self.outputs.iter().all(|o| o.failure.is_none())
    }
}

/// Where two ways part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Divergence {
    /// The value's name.
    pub node: String,
    /// The largest difference there.
    pub max_abs: f64,
    /// The largest magnitude there.
    pub magnitude: f64,
}

/// What was compared, on which inputs, and how it came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The model that was read.
    pub source: FileDigest,
    /// The file that was written.
    pub written: FileDigest,
    /// The seed of random inputs; absent when inputs were recorded.
    pub seed: Option<u64>,
    /// The recorded inputs and outputs.
    pub golden: Option<FileDigest>,
    /// The inputs.
    pub inputs: Vec<InputUsed>,
    /// The share of an output's largest magnitude that a difference may reach.
    pub tolerance: f64,
    /// The comparisons, strongest first.
    pub comparisons: Vec<Comparison>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
    /// The first value that differs, when a comparison failed and it could be found.
    pub first_divergence: Option<Divergence>,
    /// Values inside the model, in the order in which they are computed; empty unless asked for.
    pub layers: Vec<LayerReport>,
}

impl Report {
    /// Whether there was a comparison, and all of them hold.
    pub fn passed(&self) -> bool {
        !self.comparisons.is_empty() && self.comparisons.iter().all(Comparison::passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "source   {}  sha256 {}", self.source.path, self.source.sha256)?;
        writeln!(f, "written  {}  sha256 {}", self.written.path, self.written.sha256)?;
        let inputs: Vec<_> = self.inputs.iter().map(|i| format!("{} {}", i.name, i.ty)).collect();
        let origin = self.seed.map_or("recorded".to_owned(), |s| format!("random, seed {s}"));
        writeln!(f, "inputs   {} ({origin})", inputs.join(", "))?;
        for comparison in &self.comparisons {
            writeln!(f, "{}  against  {}", comparison.found, comparison.expected)?;
            for o in &comparison.outputs {
                let verdict = o.failure.as_deref().map_or("ok".to_owned(), |why| format!("FAILED: {why}"));
                writeln!(
                    f,
                    "  {} {}  max abs {:.2e} of {:.3e} (allowed {:.2e}), max rel {:.2e}, max ulp {}  {verdict}",
                    o.name, o.ty, o.max_abs, o.magnitude, o.allowed, o.max_rel, o.max_ulp
                )?;
            }
        }
        for note in &self.notes {
            writeln!(f, "note     {note}")?;
        }
        if let Some(d) = &self.first_divergence {
            writeln!(f, "first value that differs: `{}`, by {:.2e} of {:.3e}", d.node, d.max_abs, d.magnitude)?;
        }
        write!(f, "{}", if self.passed() { "equivalent" } else { "NOT equivalent" })
    }
}
