//! `torch.export` archives (`.pt2`): both layouts, schema majors 1 to 8.
//!
//! Owns: where the program, weights and constants stand (`torch/export/__init__.py` up to 2.7,
//! `torch/export/pt2_archive` from 2.8). Must never know: what ops mean.

mod arguments;
mod higher;
mod json;
mod program;
mod symbols;
mod weights;

use crate::archive::Zip;
use crate::open::{OpenOptions, TorchFile};
use crate::probe::Kind;
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::Provenance;
use serde_json::Value;
use std::collections::BTreeMap;

/// The newest schema major that is read (`SCHEMA_VERSION` in `torch/_export/serde/schema.py` of 2.15).
const NEWEST_MAJOR: i64 = 8;

/// Reads an archive that the probe knows.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(zip: &Zip, options: &OpenOptions) -> Result<TorchFile, Diagnostics> {
    let mut notes = Vec::new();
    let member = program_member(zip, &mut notes)?;
    let program = json::parse(&zip.bytes(&member)?).map_err(|d| d.in_file(zip.place(&member)))?;
    let (major, minor) = schema_version(zip, &program).map_err(|d| d.in_file(zip.place(&member)))?;
    let model = member.trim_start_matches("models/").trim_end_matches(".json").to_owned();
    let found = weights::read(zip, &model, options)?;
    let provenance = provenance(&program, &member, major, minor);
    let graph = program::read(&program, &found, options, &mut notes);
    let graph = graph.map_err(|d| d.in_file(zip.place(&member))).map(|mut graph| {
        graph.provenance = provenance.clone();
        graph
    });
    let weights = found.into_iter().filter(|(_, w)| w.weight).map(|(name, w)| (name, w.tensor)).collect();
    Ok(TorchFile { provenance, kind: Kind::Exported, weights, graph, notes })
}

/// The member that holds the program.
fn program_member(zip: &Zip, notes: &mut Vec<String>) -> modelport_diag::Result<String> {
    let flat = "serialized_exported_program.json";
    if zip.has(flat) {
        return Ok(flat.to_owned());
    }
    let models: Vec<&str> = zip.names().filter(|n| n.starts_with("models/") && n.ends_with(".json")).collect();
    let chosen = models.iter().find(|n| **n == "models/model.json").or(models.first()).ok_or_else(|| {
        Diagnostic::error(Code::TORCH_PROGRAM, "the archive has no exported program in `models/`")
            .help("an archive of AOTInductor holds compiled code only; save the program with torch.export.save")
    })?;
    if models.len() > 1 {
        notes.push(format!("the archive holds {} programs; `{chosen}` is read", models.len()));
    }
    Ok((*chosen).to_owned())
}

/// Major and minor; files up to 2.2 have a plain number, in the program or in `version`.
fn schema_version(zip: &Zip, program: &Value) -> modelport_diag::Result<(i64, i64)> {
    let said = program.get("schema_version");
    let int = |v: Option<&Value>| v.and_then(Value::as_i64);
    let member = || {
        let text = zip.bytes("version").ok()?;
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        let mut parts = text.split('.').map(|p| p.parse::<i64>().ok());
        Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
    };
    let found = match said {
        Some(Value::Object(o)) => int(o.get("major")).map(|major| (major, int(o.get("minor")).unwrap_or(0))),
        other => int(other).map(|major| (major, 0)).or_else(member),
    };
    let (major, minor) = found.unwrap_or((1, 0));
    if (1..=NEWEST_MAJOR).contains(&major) {
        return Ok((major, minor));
    }
    Err(Diagnostic::error(Code::TORCH_SCHEMA, "the program is of a schema version that is not read")
        .expected(format!("1 to {NEWEST_MAJOR}"))
        .found(major.to_string()))
}

fn provenance(program: &Value, member: &str, major: i64, minor: i64) -> Provenance {
    let version = program.get("torch_version").and_then(Value::as_str);
    let mut details = BTreeMap::from([("schema".to_owned(), format!("{major}.{minor}"))]);
    if let Some(aten) = program.get("opset_version").and_then(|o| o.get("aten")).and_then(Value::as_i64) {
        details.insert("aten opset".to_owned(), aten.to_string());
    }
    // Without a version of its own the schema tells which releases write it (`facts/torch_formats.tsv`).
    let by_schema = match (major, minor) {
        (1, _) => "2.1",
        (2, _) => "2.2",
        (5, 0..=1) => "2.3",
        (5, _) => "2.4",
        (7, _) => "2.5",
        (8, 0..=2) => "2.6",
        (8, 3..=7) => "2.7",
        (8, 8) => "2.8",
        _ => "",
    };
    let exact = version.filter(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    let version = exact.or(Some(by_schema)).filter(|v| !v.is_empty()).map(str::to_owned);
    let evidence = match exact {
        Some(v) => format!("torch_version {v} in {member}"),
        None => format!("schema version {major}.{minor} in {member}"),
    };
    Provenance {
        framework: "torch".to_owned(),
        version,
        format: Kind::Exported.describe().to_owned(),
        evidence: vec![evidence],
        details,
    }
}
