//! Reports that one can hand on: a verification as JSON or as a page, an inspection as a page.
//!
//! Owns: where a report is written, and the digest that a converted file carries. Must never know: how numbers were computed.

mod graph;
mod inspection;
mod layout;
mod page;
mod statistics;
mod verification;

use crate::inspect::{Inspection, examine};
use crate::load::LoadOptions;
use crate::{Outcome, convert};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_proto::onnx::StringStringEntryProto;
use modelport_runtime::verify::Report;
use modelport_storage::AtomicFile;
use prost::Message;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// The metadata under which a converted file says that it was verified.
pub const VERIFIED: &str = "modelport.verified";

/// Writes a verification to a file that ends in `.json` or `.html`. `arguments` are those with which the model was read, so
/// that the comparison can be repeated.
///
/// # Errors
/// `US0001` when the name ends otherwise, `IO0003` when it cannot be written.
pub fn save_report(report: &Report, arguments: &[String], path: &Path) -> Outcome<()> {
    let text = match path.extension().and_then(|e| e.to_str()) {
        Some("json") => format!("{:#}\n", as_json(report, arguments)),
        Some("html") => verification::page(report, arguments),
        _ => return Err(misnamed(path).into()),
    };
    Ok(write(path, &text)?)
}

/// Describes a file, as [`crate::inspect`] does, and writes what is known of it to a page that stands alone: the graph drawn, and
/// every weight with its statistics. Weights are read one at a time.
///
/// # Errors
/// When the file is no model and no weights, or is damaged; `US0001` when the page is to replace it, `IO0003` when the page
/// cannot be written.
pub fn inspect_to(path: &Path, options: &LoadOptions, target: &Path) -> Outcome<Inspection> {
    convert::check_not_itself(path, target)?;
    let file = examine(path, options)?;
    write(target, &inspection::page(&file))?;
    Ok(file.found)
}

/// The report as JSON: the fields of [`Report`], and `modelport`, `verdict` and `arguments`.
fn as_json(report: &Report, arguments: &[String]) -> Value {
    let mut value = json!(report);
    if let Some(map) = value.as_object_mut() {
        map.insert("modelport".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        map.insert("verdict".to_owned(), json!(verdict(report)));
        map.insert("arguments".to_owned(), json!(arguments));
    }
    value
}

fn verdict(report: &Report) -> &'static str {
    if report.passed() { "equivalent" } else { "not equivalent" }
}

fn misnamed(path: &Path) -> Box<Diagnostic> {
    Diagnostic::error(Code::USAGE, "a report's name ends in .json or .html").in_file(path.display().to_string())
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(text.as_bytes())?;
    file.commit()
}

/// Adds to a written ONNX file what it was verified with. A protobuf message may be continued, so nothing is rewritten.
pub(crate) fn embed(report: &Report, model: &Path) -> Result<u64> {
    let outputs = || report.comparisons.iter().flat_map(|c| &c.outputs);
    let worst = |f: fn(&modelport_runtime::verify::OutputReport) -> f64| outputs().map(f).fold(0.0, f64::max);
    let digest = json!({
        "source_sha256": report.source.sha256,
        "written_sha256": report.written.sha256,
        "golden_sha256": report.golden.as_ref().map(|g| &g.sha256),
        "seed": report.seed,
        "tolerance": report.tolerance,
        "max_abs": worst(|o| o.max_abs),
        "max_rel": worst(|o| o.max_rel),
        "against": report.comparisons.iter().map(|c| &c.expected).collect::<Vec<_>>(),
        "verdict": verdict(report),
    });
    let entry = StringStringEntryProto { key: VERIFIED.to_owned(), value: digest.to_string() };
    // Field 14 of ModelProto, `metadata_props`.
    let mut bytes = vec![14 << 3 | 2];
    bytes.extend(entry.encode_length_delimited_to_vec());
    let failed = |e: std::io::Error| Diagnostic::error(Code::IO_WRITE, format!("cannot write the target: {e}"));
    let mut file = std::fs::OpenOptions::new().append(true).open(model).map_err(failed)?;
    file.write_all(&bytes).map_err(failed)?;
    Ok(bytes.len() as u64)
}

/// A verification that was written before.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The model's path.
    pub source: String,
    /// The written file's path.
    pub written: String,
    /// Hashes of the model, the written file and the recorded outputs, by path.
    pub hashes: Vec<(String, String)>,
    /// The recorded outputs' path.
    pub golden: Option<String>,
    /// The seed of random inputs.
    pub seed: u64,
    /// The arguments with which the model was read.
    pub arguments: Vec<String>,
    /// `equivalent` or `not equivalent`.
    pub verdict: String,
}

impl Recorded {
    /// Reads a report that [`save_report`] wrote as JSON.
    ///
    /// # Errors
    /// `IO0001` when it cannot be read, `VF0003` when it is no such report.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| {
            Diagnostic::error(Code::IO_OPEN, format!("cannot read the report: {e}")).in_file(name.clone())
        })?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        Self::of(&value).ok_or_else(|| {
            let what = "this is no report of a verification";
            Diagnostic::error(Code::VERIFY_FAILED, what)
                .in_file(name)
                .help("`modelport verify --report OUT.json` writes one")
        })
    }

    fn of(value: &Value) -> Option<Self> {
        let file = |key: &str| {
            let file = value.get(key)?;
            Some((file.get("path")?.as_str()?.to_owned(), file.get("sha256")?.as_str()?.to_owned()))
        };
        let (source, written) = (file("source")?, file("written")?);
        let golden = file("golden");
        let arguments = value.get("arguments")?.as_array()?.iter().map(|a| Some(a.as_str()?.to_owned()));
        Some(Self {
            source: source.0.clone(),
            written: written.0.clone(),
            golden: golden.as_ref().map(|g| g.0.clone()),
            hashes: [Some(source), Some(written), golden].into_iter().flatten().collect(),
            seed: value.get("seed").and_then(Value::as_u64).unwrap_or(0),
            arguments: arguments.collect::<Option<_>>()?,
            verdict: value.get("verdict")?.as_str()?.to_owned(),
        })
    }

    /// Whether the files are still those of the report.
    ///
    /// # Errors
    /// `VF0003` when a file is another by now, `IO0001` when it cannot be read.
    pub fn check_files(&self) -> Result<()> {
        for (path, hash) in &self.hashes {
            let now = modelport_runtime::verify::FileDigest::of(Path::new(path))?;
            if now.sha256 != *hash {
                return Err(Diagnostic::error(Code::VERIFY_FAILED, "the file is another than that of the report")
                    .in_file(path.clone())
                    .expected(format!("sha256 {hash}"))
                    .found(format!("sha256 {}", now.sha256)));
            }
        }
        Ok(())
    }
}
