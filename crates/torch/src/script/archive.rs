//! The members of a TorchScript archive.
//!
//! Owns: which member is what, in archives since torch 1.3; versions. Must never know: how code is evaluated.

use super::inputs::{self, Example};
use super::legacy;
use super::program::Program;
use super::run::{Model, Objects, evaluate};
use crate::archive::{Pickled, Zip};
use crate::open::{OpenOptions, TorchFile};
use crate::probe::Kind;
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::Provenance;
use std::collections::BTreeMap;

/// Text of code that is read at most: 64 times the archive and 4 MiB.
const MOST_CODE: u64 = 16 << 20;

/// The newest file format that is known (`caffe2/serialize/versions.h`).
const NEWEST: i64 = 10;

/// Reads an archive.
pub(super) fn read(zip: &Zip, options: &OpenOptions) -> std::result::Result<TorchFile, Diagnostics> {
    if zip.has("model.json") {
        return legacy::read(zip, options);
    }
    let program = program(zip, "code/")?;
    let version = version(zip)?;
    let data = zip.pickled("data.pkl", "data/")?;
    let constants = if zip.has("constants.pkl") { Some(zip.pickled("constants.pkl", "constants/")?) } else { None };
    let traced =
        if zip.has("traced_inputs.pkl") { zip.pickled("traced_inputs.pkl", "traced_inputs/").ok() } else { None };
    let provenance = provenance(zip, version);
    let model = Model {
        program,
        data: Objects::Pickle(&data),
        constants: constants.as_ref(),
        tensors: &[],
        version,
        traced: traced.as_ref(),
    };
    let evaluated = evaluate(model, options)?;
    let graph = evaluated.graph.map(|mut g| {
        g.provenance = provenance.clone();
        g
    });
    Ok(TorchFile { provenance, kind: Kind::TorchScript, weights: evaluated.weights, graph, notes: evaluated.notes })
}

/// All files of code below `dir`.
pub(super) fn program(zip: &Zip, dir: &str) -> Result<Program> {
    let mut program = Program::default();
    let mut total = 0u64;
    let names: Vec<String> =
        zip.names().filter(|n| n.starts_with(dir) && n.ends_with(".py")).map(str::to_owned).collect();
    for name in names {
        let bytes = zip.bytes(&name)?;
        total = total.saturating_add(bytes.len() as u64);
        if total > MOST_CODE {
            return Err(Diagnostic::error(Code::IO_LIMIT, "the archive holds more code than any model has")
                .expected(format!("at most {MOST_CODE} bytes")));
        }
        let module = name.trim_start_matches(dir).trim_end_matches(".py").replace('/', ".");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        program.add(module, zip.place(&name), text);
    }
    Ok(program)
}

/// The version of the file format, which is that of all operators in it.
fn version(zip: &Zip) -> Result<i64> {
    let member = [".data/version", "version"].into_iter().find(|m| zip.has(m));
    let Some(member) = member else { return Ok(NEWEST) };
    let bytes = zip.bytes(member)?;
    let text = String::from_utf8_lossy(&bytes);
    let version = text.trim().parse::<i64>().map_err(|_| {
        Diagnostic::error(Code::TORCH_SCRIPT_CODE, "the version of the archive is no number").in_file(zip.place(member))
    })?;
    if version > NEWEST {
        return Err(Diagnostic::error(
            Code::TORCH_SCRIPT_UNSUPPORTED,
            "the archive is of a newer format than is known",
        )
        .in_file(zip.place(member))
        .expected(format!("a version up to {NEWEST}"))
        .found(version.to_string()));
    }
    Ok(version)
}

fn provenance(zip: &Zip, version: i64) -> Provenance {
    let (writer, mut evidence) = zip.version();
    // Newer versions write no member into these archives that the older ones do not.
    let writer = writer.map(|w| w.replace(" to 2.6", " or later"));
    evidence.push(format!("the archive has `code/`, and its operators are of version {version}"));
    Provenance {
        framework: "torch".to_owned(),
        version: writer,
        format: Kind::TorchScript.describe().to_owned(),
        evidence,
        details: BTreeMap::from([("operator version".to_owned(), version.to_string())]),
    }
}

/// The examples that the model was traced with.
pub(super) fn examples(traced: Option<&Pickled>, params: &[super::ast::Param]) -> BTreeMap<String, Example> {
    traced.map_or_else(BTreeMap::new, |t| inputs::examples(t.root(), params))
}
