//! ONNX files in ONNX Runtime of a version.
//!
//! Sources: onnx/onnx.proto of onnx 1.23; data/onnx.tsv. Owns: opsets and IR versions by release. Must never know: what
//! operators compute.

use super::diagnosis::{Call, Cause, Diagnosis, Finding, Fix, FixKind, Level, Outcome, joined, outcome};
use super::tables::{self, OnnxRelease};
use super::target::Target;
use super::version::Version;
use super::wire;
use modelport_storage::MappedFile;
use std::collections::BTreeSet;
use std::path::Path;

/// Domains that ONNX Runtime has operators of.
const DOMAINS: &[&str] = &[
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "com.microsoft",
    "com.microsoft.nchwc",
    "ai.onnx.training",
    "ai.onnx.preview.training",
];

/// What the file says.
struct File {
    ir_version: i64,
    opsets: Vec<(String, i64)>,
    writer: Option<String>,
    domains: BTreeSet<String>,
    missing: Vec<String>,
    training: Vec<String>,
}

/// Whether the bytes look like a model.
pub(crate) fn is_model(file: &MappedFile) -> bool {
    let bytes = file.bytes();
    let opset = |m: &[u8]| wire::number(m, 2).is_some_and(|v| v < 1000);
    wire::number(bytes, 1).is_some_and(|v| v < 100) && wire::bytes(bytes, 7).is_some() && wire::all(bytes, 8).any(opset)
}

/// The whole diagnosis.
pub(crate) fn diagnose(path: &Path, mapped: &MappedFile, target: &Target) -> Diagnosis {
    let file = read(path, mapped.bytes());
    let releases = tables::onnx("onnxruntime");
    let covered = super::version::nearest(releases.iter().map(|r| r.version), &target.version);
    let release = releases.iter().find(|r| covered.as_ref() == Version::parse(r.version).as_ref());
    let findings = release.map(|r| findings(&file, r, target)).unwrap_or_default();
    let verdict = outcome(&findings);
    let error = findings.iter().find(|f| f.level == Level::Refused).and_then(|f| f.error.clone());
    let mut findings = joined(findings);
    findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    let shown = path.display();
    let call =
        Call { code: format!("onnxruntime.InferenceSession(\"{shown}\")"), outcome: verdict, error, default: true };
    let opsets = file.opsets.iter().map(|(d, v)| format!("{} {v}", if d.is_empty() { "ai.onnx" } else { d }));
    Diagnosis {
        file: shown.to_string(),
        kind: "an ONNX model".to_owned(),
        writer: file.writer.clone(),
        evidence: vec![
            format!("IR version {}", file.ir_version),
            format!("opsets: {}", opsets.collect::<Vec<_>>().join(", ")),
        ],
        target: Some(target.to_string()),
        verdict,
        calls: vec![call],
        fixes: fixes(&file, release, &releases, path, verdict),
        findings,
        pasted: None,
    }
}

fn read(path: &Path, bytes: &[u8]) -> File {
    let number = |m: &[u8], n| wire::number(m, n).and_then(|v| i64::try_from(v).ok()).unwrap_or(0);
    let writer = [wire::text(bytes, 2), wire::text(bytes, 3)].join(" ").trim().to_owned();
    let graph = wire::bytes(bytes, 7).unwrap_or_default();
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = File {
        ir_version: number(bytes, 1),
        opsets: wire::all(bytes, 8).map(|m| (wire::text(m, 1), number(m, 2))).collect(),
        writer: Some(writer).filter(|w| !w.is_empty()),
        domains: wire::all(graph, 1).map(|n| wire::text(n, 7)).collect(),
        missing: Vec::new(),
        training: Vec::new(),
    };
    let outside = wire::all(graph, 5).flat_map(|t| wire::all(t, 13)).filter(|e| wire::text(e, 1) == "location");
    let names: BTreeSet<String> = outside.map(|e| wire::text(e, 2)).collect();
    file.missing = names.into_iter().filter(|n| !directory.join(n).is_file()).collect();
    let mode = |n: &[u8]| wire::all(n, 5).any(|a| wire::text(a, 1) == "training_mode" && wire::number(a, 3) == Some(1));
    file.training = wire::all(graph, 1).filter(|n| mode(n)).map(|n| wire::text(n, 3)).collect();
    file
}

fn findings(file: &File, release: &OnnxRelease, target: &Target) -> Vec<Finding> {
    let mut found = Vec::new();
    let refused = |cause, what: String, text: String| Finding::refused(cause, what).error(text);
    if file.ir_version > release.ir_version {
        let what =
            format!("the file has IR version {}, and {target} reads up to {}", file.ir_version, release.ir_version);
        let text = format!(
            "[ONNXRuntimeError] : 1 : FAIL : Unsupported model IR version: {}, max supported IR version: {}",
            file.ir_version, release.ir_version
        );
        found.push(refused(Cause::Version, what, text).row(33));
    }
    for (domain, version) in &file.opsets {
        let newest = match domain.as_str() {
            "" | "ai.onnx" => release.opset,
            "ai.onnx.ml" => release.ml_opset,
            _ => continue,
        };
        let name = if domain.is_empty() { "ai.onnx" } else { domain };
        if *version > newest {
            let what = format!("the file has opset {version} of {name}, and {target} runs up to {newest}");
            let text = format!(
                "[ONNXRuntimeError] : 1 : FAIL : ONNX Runtime only *guarantees* support for models stamped with official released onnx opset versions. Opset {version} is under development and support for this is limited. Current official support for domain {name} is till opset {newest}."
            );
            found.push(refused(Cause::Version, what, text).row(33).row(34));
        }
        // The documentation: every release runs opset 7 and later.
        if *version < 7 && domain.is_empty() {
            let what = format!("the file has opset {version}, and ONNX Runtime runs opset 7 and later");
            found.push(Finding::new(Cause::Version, Level::Depends, what).row(34));
        }
    }
    for domain in file.domains.iter().filter(|d| !DOMAINS.contains(&d.as_str())) {
        let what = format!("operators of the domain `{domain}`, which must be registered with the session");
        let text = format!("[ONNXRuntimeError] : 10 : INVALID_GRAPH : … {domain}:… is not a registered function/op");
        found.push(refused(Cause::CustomObjects, what, text).row(25));
    }
    for name in &file.missing {
        let what = format!("the weights are in `{name}`, which is not beside the model");
        found.push(
            refused(Cause::Damage, what, format!("[ONNXRuntimeError] : … External data path does not exist: {name}"))
                .row(35),
        );
    }
    if !file.training.is_empty() {
        let mut f = Finding::new(
            Cause::SaveMethod,
            Level::OtherNumbers,
            "the model was exported in training mode: it normalises with the batch's own statistics",
        )
        .row(36);
        f.places.clone_from(&file.training);
        found.push(f);
    }
    found
}

fn fixes(file: &File, release: Option<&OnnxRelease>, all: &[OnnxRelease], path: &Path, verdict: Outcome) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let Some(release) = release.filter(|_| verdict == Outcome::Refuses) else { return fixes };
    let shown = path.display();
    let own = file.opsets.iter().find(|(d, _)| d.is_empty()).map_or(0, |(_, v)| *v);
    if own > release.opset || file.ir_version > release.ir_version {
        let opset = own.min(release.opset);
        let text = format!("modelport convert {shown} out.onnx --opset {opset}");
        fixes.push(Fix::new(FixKind::Modelport, text, "the same model at an opset and IR version that it runs"));
        let fits = |r: &&OnnxRelease| r.opset >= own && r.ir_version >= file.ir_version;
        if let Some(r) = all.iter().filter(fits).min_by_key(|r| Version::of(r.version)) {
            fixes.push(Fix::new(
                FixKind::Version,
                format!("pip install \"onnxruntime>={}\"", r.version),
                "runs it as it is",
            ));
        }
    }
    if let Some(name) = file.missing.first() {
        fixes.push(Fix::new(FixKind::Other, format!("fetch `{name}` and put it beside the model"), ""));
    }
    fixes
}
