//! One function for each command.

use crate::args::{Arguments, Command, Convert, Emit, Inspect, Layout, Reading};
use crate::export;
use crate::output::{self, DONE, FAILED, USAGE};
use crate::progress::Progress;
use clap::CommandFactory;
use modelport::{CODES, Conversion, ConvertOptions, Diagnostics, InputLayout, LoadOptions, VerifyOptions};
use serde_json::json;

/// Runs a command; returns the exit code.
pub(crate) fn run(arguments: Arguments) -> u8 {
    let done = match arguments.command {
        Command::Convert(a) => convert(a),
        Command::Verify(a) => crate::verify::run(a),
        Command::Inspect(a) => inspect(a),
        Command::Repair(a) => export::repair(a),
        Command::Doctor(a) => return crate::doctor::run(a),
        Command::Explain { code } => Ok(explain(code.as_deref())),
        Command::Supported => {
            for list in modelport::supported() {
                let (framework, what, names) = (list.framework, list.what, list.names.join("\n  "));
                if output::line(format_args!("{framework}, {what}\n  {names}")) != DONE {
                    return FAILED;
                }
            }
            Ok(DONE)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "modelport", &mut std::io::stdout().lock());
            Ok(DONE)
        }
    };
    done.unwrap_or_else(|diagnostics| output::refused(&diagnostics))
}

pub(crate) fn load_options(reading: &Reading) -> Result<LoadOptions, Diagnostics> {
    let input_types = reading.input_type.iter().map(|t| modelport::parse_input_type(t));
    let input_values = reading.input_value.iter().map(|t| modelport::parse_input_value(t));
    let mut options = LoadOptions {
        arch: reading.arch.clone(),
        graph: reading.graph.clone(),
        weights_key: reading.weights_key.clone(),
        tag_set: reading.tag_set.clone(),
        signature: reading.signature.clone(),
        inputs: reading.inputs.clone(),
        outputs: reading.outputs.clone(),
        input_types: input_types.collect::<Result<_, _>>()?,
        input_values: input_values.collect::<Result<_, _>>()?,
        checksums: reading.checksums,
        ..LoadOptions::default()
    };
    options.custom.allow_custom_ops = reading.allow_custom_ops;
    for file in &reading.custom {
        modelport::read_declarations(file, &mut options.custom)?;
    }
    Ok(options)
}

fn convert(a: Convert) -> Result<u8, Diagnostics> {
    let load = load_options(&a.reading)?;
    if let Some(stage) = a.emit {
        let stage = match stage {
            Emit::Source => modelport::Emit::Source,
            Emit::Core => modelport::Emit::Core,
        };
        return match a.output {
            Some(target) => modelport::emit_to(&a.input, &target, stage, &load).map(|()| DONE),
            None => Ok(output::line(modelport::emit(&a.input, stage, &load)?.trim_end())),
        };
    }
    let Some(target) = a.output.clone() else { return Ok(USAGE) };
    let weights = export::is_wanted(&target);
    if let Some(d) = export::misplaced(&a, weights) {
        return Err(d.into());
    }
    if weights {
        return export::run(&a, &target, load);
    }
    let progress = Progress::new();
    let options = ConvertOptions {
        load,
        opset: a.opset,
        external_data: a.external_data,
        layout: match a.input_layout {
            Layout::Keep => InputLayout::Keep,
            Layout::Nchw => InputLayout::Nchw,
        },
        verify: (a.verify || a.golden.is_some()).then_some(VerifyOptions {
            golden: a.golden,
            seed: a.seed,
            layers: false,
        }),
        progress: Some(&|stage| progress.show(stage)),
    };
    let done = modelport::convert(&a.input, &target, &options)?;
    drop(options);
    drop(progress);
    if a.json {
        return Ok(output::line(as_json(&done, &target)));
    }
    if a.verbose {
        for rule in &done.model.applied {
            output::line(format_args!("{}: {} [{}]", rule.node, rule.text, rule.rule));
        }
    }
    output::notes(&done.model.notes);
    if let Some(report) = &done.report {
        output::line(report);
    }
    let w = &done.written;
    Ok(output::line(format_args!(
        "{}: {}, {} nodes, opset {}, {}{}",
        target.display(),
        written_by(&done.model.provenance),
        w.nodes,
        w.opset,
        output::size(w.bytes),
        rules(done.model.applied.len()),
    )))
}

fn rules(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", 1 version rule applied".to_owned(),
        n => format!(", {n} version rules applied"),
    }
}

fn written_by(p: &modelport::Provenance) -> String {
    let version = p.version.as_deref().map_or(String::new(), |v| format!(" {v}"));
    format!("from {}{version}", p.framework)
}

fn as_json(done: &Conversion, target: &std::path::Path) -> serde_json::Value {
    let p = &done.model.provenance;
    let w = &done.written;
    json!({
        "target": target.display().to_string(),
        "framework": p.framework,
        "version": p.version,
        "format": p.format,
        "nodes": w.nodes,
        "opset": w.opset,
        "ir_version": w.ir_version,
        "bytes": w.bytes,
        "external": w.external.iter().map(|e| e.display().to_string()).collect::<Vec<_>>(),
        "rules": done.model.applied.iter().map(|r| json!({"rule": r.rule, "node": r.node, "text": r.text})).collect::<Vec<_>>(),
        "report": done.report,
    })
}

fn inspect(a: Inspect) -> Result<u8, Diagnostics> {
    let options = load_options(&a.reading)?;
    let found = match &a.html {
        Some(page) => modelport::inspect_to(&a.input, &options, page)?,
        None => modelport::inspect(&a.input, &options)?,
    };
    if !a.json {
        output::notes(&found.notes);
    }
    let shown = modelport::Shown { found: &found, layers: a.layers, ops: a.ops, weights: a.weights };
    Ok(if a.json { output::line(json!(found)) } else { output::line(shown) })
}

fn explain(code: Option<&str>) -> u8 {
    let wanted = |c: &modelport::Code| code.is_none_or(|w| c.0.eq_ignore_ascii_case(w));
    let lines: Vec<_> = CODES.iter().filter(|(c, _)| wanted(c)).map(|(c, text)| format!("{c} {text}")).collect();
    if lines.is_empty() { USAGE } else { output::line(lines.join("\n")) }
}
