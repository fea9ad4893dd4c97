//! Files that are no model, or damaged: git-lfs pointers, web pages, empty and truncated files.
//!
//! Owns: what each framework says when it is given such a file. Must never know: any format beyond its first bytes.

use super::DoctorOptions;
use super::diagnosis::{Call, Cause, Diagnosis, Finding, Fix, FixKind, Outcome as Prediction};
use super::target::Target;
use crate::Outcome;
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_storage::MappedFile;
use std::path::Path;
use std::sync::Arc;

/// A file that no reader knows.
pub(crate) fn examine(path: &Path, options: &DoctorOptions) -> Outcome<Diagnosis> {
    let open = modelport_keras::OpenOptions { arch: None, limits: options.limits };
    match modelport_keras::open(path, &open) {
        Ok(file) => {
            Err(Diagnostic::error(Code::INTERNAL, format!("{} was not recognised at first", file.provenance.format))
                .into())
        }
        Err(all) if all.0.iter().any(|d| d.code == Code::IO_OPEN) => Err(all),
        Err(all) => Ok(unreadable(path, "no model", &all)),
    }
}

/// A file called or made like safetensors.
pub(crate) fn safetensors(
    path: &Path,
    file: &Arc<MappedFile>,
    target: &Target,
    options: &DoctorOptions,
) -> Outcome<Diagnosis> {
    let all = match modelport_safetensors::open_bytes(file) {
        Ok(_) => Diagnostics::default(),
        Err(all) if modelport_safetensors::probe(file) => all,
        // Another format under the name.
        Err(_) => return examine(path, options),
    };
    let shown = path.display();
    let mut found = unreadable(path, "tensors in a safetensors file, without a model", &all);
    found.target = Some(target.to_string());
    let loads = all.0.is_empty();
    found.verdict = if loads { Prediction::Loads } else { Prediction::Refuses };
    let error = found.findings.first().and_then(|f| f.error.clone());
    found.calls = vec![Call {
        code: format!("safetensors.torch.load_file(\"{shown}\")"),
        outcome: found.verdict,
        error,
        default: true,
    }];
    if loads {
        let command = format!("modelport convert {shown} out.onnx --graph MODEL");
        found.fixes.push(Fix::new(
            FixKind::Modelport,
            command,
            "the weights in another file's model; --arch NAME for a known architecture",
        ));
    }
    Ok(found)
}

/// A diagnosis from the diagnostics of a reader.
pub(crate) fn unreadable(path: &Path, kind: &str, all: &Diagnostics) -> Diagnosis {
    let findings: Vec<_> = all.0.iter().map(|d| finding(path, d)).collect();
    let leading = findings.first();
    let error = leading.and_then(|f| f.error.clone());
    let what = all.0.first().map_or(kind, |d| d.message.as_str());
    let kind = match leading.map(|f| f.cause) {
        Some(Cause::NotAModel) => what.trim_start_matches("this is ").to_owned(),
        _ => kind.to_owned(),
    };
    let fixes = all.0.iter().flat_map(|d| &d.help).map(|h| Fix::new(FixKind::Other, h.clone(), "")).collect();
    Diagnosis {
        file: path.display().to_string(),
        kind,
        writer: None,
        evidence: Vec::new(),
        target: None,
        verdict: Prediction::Refuses,
        calls: vec![Call {
            code: format!("loading {}", path.display()),
            outcome: Prediction::Refuses,
            error,
            default: true,
        }],
        findings,
        fixes,
        pasted: None,
    }
}

fn finding(path: &Path, d: &Diagnostic) -> Finding {
    let found = |cause, rows: &[u16], error: &str| {
        let mut f = Finding::refused(cause, d.message.clone());
        f.signatures = rows.to_vec();
        f.error = (!error.is_empty()).then(|| error.to_owned());
        f.places.extend(d.location.byte.map(|b| format!("byte {b}")));
        f
    };
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
    let torch = ends(&[".pt", ".pth", ".bin", ".ckpt", ".pkl"]);
    let h5 = "OSError: Unable to synchronously open file (file signature not found)";
    let first = match d.code {
        Code::PROBE_LFS if torch => "_pickle.UnpicklingError: invalid load key, 'v'.",
        Code::PROBE_TEXT if torch => "_pickle.UnpicklingError: invalid load key, '<'.",
        _ if ends(&[".safetensors"]) => "safetensors.SafetensorError: Error while deserializing header: HeaderTooLarge",
        _ if ends(&[".onnx", ".pb"]) => "google.protobuf.message.DecodeError: Error parsing message",
        _ => h5,
    };
    match d.code {
        Code::PROBE_LFS => found(Cause::NotAModel, &[9, 42, 44, 28], first),
        Code::PROBE_TEXT => found(Cause::NotAModel, &[9, 44, 42, 28], first),
        Code::PROBE_EMPTY => found(Cause::Damage, &[44], "EOFError: Ran out of input"),
        Code::IO_TRUNCATED | Code::HDF5_DAMAGED if !ends(&[".safetensors"]) => {
            found(Cause::Damage, &[44], "OSError: Unable to synchronously open file (truncated file)")
        }
        Code::ZIP_DAMAGED => found(
            Cause::Damage,
            &[4, 44],
            "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory",
        ),
        Code::PROBE_UNKNOWN | Code::PROBE_DIRECTORY => found(Cause::NotAModel, &[44], first),
        _ if ends(&[".safetensors"]) => found(
            Cause::Damage,
            &[42],
            "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
        ),
        _ if ends(&[".pb"]) => found(Cause::Damage, &[28], first),
        _ => found(Cause::Damage, &[4], ""),
    }
}
