//! Files in other formats than ONNX: `convert` to safetensors, and `repair`.

use crate::args::{Convert, Float, Names, Repair};
use crate::output;
use crate::progress::Progress;
use modelport::doctor::Target;
use modelport::{DType, Diagnostic, Diagnostics, ExportOptions, LoadOptions, RepairOptions};
use serde_json::json;
use std::path::Path;

/// Whether the target's name asks for it.
pub(crate) fn is_wanted(target: &Path) -> bool {
    target.extension().is_some_and(|e| e == "safetensors")
}

/// Options that only one kind of target has.
pub(crate) fn misplaced(a: &Convert, wanted: bool) -> Option<Box<Diagnostic>> {
    let onnx = [
        ("--opset", a.opset.is_some()),
        ("--external-data", a.external_data),
        ("--verify", a.verify),
        ("--golden", a.golden.is_some()),
    ];
    let weights =
        [("--names", a.names.is_some()), ("--dtype", a.dtype.is_some()), ("--shard-size", a.shard_size.is_some())];
    let (given, kind) = if wanted { (&onnx[..], "an ONNX") } else { (&weights[..], "a safetensors") };
    let names: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let message = format!("{} is for {kind} target", names.join(", "));
    (!names.is_empty()).then(|| Diagnostic::error(modelport::Code::USAGE, message))
}

/// Writes the weights.
pub(crate) fn run(a: &Convert, target: &Path, load: LoadOptions) -> Result<u8, Diagnostics> {
    let progress = Progress::new();
    let options = ExportOptions {
        load,
        names: a.names.map(|n| match n {
            Names::Keras => modelport::Names::Keras,
            Names::Torch => modelport::Names::Torch,
            Names::Tf => modelport::Names::TensorFlow,
        }),
        dtype: a.dtype.map(|d| match d {
            Float::F16 => DType::F16,
            Float::Bf16 => DType::BF16,
            Float::F32 => DType::F32,
        }),
        shard_size: a.shard_size.as_deref().map(modelport::parse_size).transpose()?,
        progress: Some(&|stage| progress.show(stage)),
    };
    let done = modelport::export(&a.input, target, &options)?;
    drop(options);
    drop(progress);
    let p = &done.provenance;
    if a.json {
        return Ok(output::line(json!({
            "files": done.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
            "framework": p.framework,
            "version": p.version,
            "format": p.format,
            "tensors": done.tensors,
            "bytes": done.bytes,
            "shared": done.shared.iter().map(|(name, kept)| json!({"name": name, "written_as": kept})).collect::<Vec<_>>(),
            "notes": done.notes,
        })));
    }
    output::notes(&done.notes);
    let version = p.version.as_deref().map_or(String::new(), |v| format!(" {v}"));
    let shards = match done.files.len() {
        0 | 1 => String::new(),
        n => format!(" in {} files", n - 1),
    };
    Ok(output::line(format_args!(
        "{}: from {}{version}, {} tensors, {}{shards}",
        done.files.first().map_or(target, |f| f).display(),
        p.framework,
        done.tensors,
        output::size(done.bytes),
    )))
}

/// Rewrites a file in its own format.
pub(crate) fn repair(a: Repair) -> Result<u8, Diagnostics> {
    let target = a.target.as_deref().map(Target::parse).transpose()?;
    let done = modelport::repair(&a.input, &a.output, &RepairOptions { target, ..RepairOptions::default() })?;
    if a.json {
        let changes = done.changes.iter().map(|(what, count)| json!({"change": what, "times": count}));
        return Ok(output::line(json!({
            "target": a.output.display().to_string(),
            "for": done.target,
            "changes": changes.collect::<Vec<_>>(),
            "notes": done.notes,
        })));
    }
    for (what, count) in &done.changes {
        let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
        output::line(format_args!("{what}{times}"));
    }
    output::notes(&done.notes);
    let count: usize = done.changes.iter().map(|(_, n)| n).sum();
    Ok(output::line(format_args!(
        "{}: for {}, {count} change{}, weights as they were",
        a.output.display(),
        done.target,
        if count == 1 { "" } else { "s" }
    )))
}
