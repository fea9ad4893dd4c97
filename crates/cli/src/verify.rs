//! `modelport verify`: the report, and its repetition.

use crate::args::{Arguments, Command, Reading, Verify};
use crate::commands::load_options;
use crate::output::{self, DIFFERENT, USAGE};
use clap::Parser;
use modelport::{Code, Diagnostic, Diagnostics, Recorded, VerifyOptions};
use serde_json::json;
use std::path::Path;

/// Verifies, or repeats a verification.
pub(crate) fn run(a: Verify) -> Result<u8, Diagnostics> {
    match &a.replay {
        Some(report) => replay(report, &a),
        None => verify(a),
    }
}

fn verify(a: Verify) -> Result<u8, Diagnostics> {
    let load = load_options(&a.reading)?;
    let (Some(input), Some(written)) = (&a.input, &a.written) else { return Ok(USAGE) };
    let options = VerifyOptions { golden: a.golden, seed: a.seed, layers: a.report.is_some() };
    let report = modelport::verify(input, written, &load, &options)?;
    if let Some(path) = &a.report {
        modelport::save_report(&report, &arguments(&a.reading), path)?;
    }
    let printed = if a.json { output::line(json!(report)) } else { output::line(&report) };
    Ok(if report.passed() { printed } else { DIFFERENT })
}

/// The files must be those of the report; the arguments are, too.
fn replay(report: &Path, a: &Verify) -> Result<u8, Diagnostics> {
    let recorded = Recorded::read(report)?;
    recorded.check_files()?;
    let mut line = vec!["modelport".to_owned(), "verify".to_owned()];
    line.extend(recorded.arguments.iter().cloned());
    line.push(format!("--seed={}", recorded.seed));
    line.extend(recorded.golden.iter().map(|g| format!("--golden={g}")));
    line.extend(a.report.iter().map(|r| format!("--report={}", r.display())));
    line.extend(a.json.then(|| "--json".to_owned()));
    line.extend(["--".to_owned(), recorded.source.clone(), recorded.written.clone()]);
    let parsed = Arguments::try_parse_from(line).ok().and_then(|p| match p.command {
        Command::Verify(v) if v.replay.is_none() => Some(v),
        _ => None,
    });
    let Some(again) = parsed else {
        let what = "the report's arguments are none of `modelport verify`";
        return Err(Diagnostic::error(Code::VERIFY_FAILED, what).in_file(report.display().to_string()).into());
    };
    let code = verify(again)?;
    let same = (code == DIFFERENT) == (recorded.verdict != "equivalent");
    if !a.json {
        output::line(if same { "as in the report" } else { "NOT as in the report" });
    }
    Ok(if same { code } else { DIFFERENT })
}

/// The arguments with which the model was read, as they would be given again.
fn arguments(r: &Reading) -> Vec<String> {
    let mut all = Vec::new();
    let mut one = |flag: &str, value: Option<String>| all.extend(value.map(|v| format!("--{flag}={v}")));
    let path = |p: &std::path::PathBuf| p.display().to_string();
    let joined = |list: &[String]| (!list.is_empty()).then(|| list.join(","));
    one("arch", r.arch.as_ref().map(path));
    one("graph", r.graph.as_ref().map(path));
    one("weights-key", r.weights_key.clone());
    one("tag-set", joined(&r.tag_set));
    one("signature", r.signature.clone());
    one("inputs", joined(&r.inputs));
    one("outputs", joined(&r.outputs));
    r.input_type.iter().for_each(|t| one("input-type", Some(t.clone())));
    r.custom.iter().for_each(|c| one("custom", Some(path(c))));
    all.extend(r.checksums.then(|| "--checksums".to_owned()));
    all.extend(r.allow_custom_ops.then(|| "--allow-custom-ops".to_owned()));
    all
}
