//! For every recorded model: source graph and core graph -> text -> the same graph, and core graph -> ONNX -> the core
//! graph that it was, in the normal form of `modelport_onnx`.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use modelport::{CoreGraph, Limits, SourceGraph};
use modelport_ir::passes::{self, InputLayout};
use modelport_ir::text;
use modelport_onnx::WriteOptions;
use modelport_tests::fixtures::{Case, cases};
use modelport_tests::same::same;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases = cases();
    assert!(!cases.is_empty(), "there are no fixtures");
    let trials =
        cases.into_iter().map(|case| Trial::test(case.name.clone(), move || check(&case).map_err(Failed::from)));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn check(case: &Case) -> Result<(), String> {
    let options = case.options()?;
    let model = modelport::load(&case.model, &options).map_err(|d| d.to_string())?;
    if let Some(source) = model.source() {
        through_source_text(source)?;
    }
    let core = model.lower(&options.custom).map_err(|d| d.to_string())?;
    through_text(&core)?;
    let optimized = passes::optimize(&core);
    let ready = passes::channels_first(&optimized, InputLayout::Keep);
    through_text(&ready).map_err(|d| format!("after the layout pass: {d}"))?;
    through_onnx(&ready)
}

fn through_source_text(graph: &SourceGraph) -> Result<(), String> {
    let (source, mut kept) = text::print_source_keeping(graph);
    let parsed = text::parse_source(&source, &mut kept).map_err(|d| format!("source text: {d}"))?;
    if text::print_source(&parsed) != source {
        return Err("the source graph's text, parsed, prints otherwise".to_owned());
    }
    Ok(())
}

fn through_text(graph: &CoreGraph) -> Result<(), String> {
    let (text, mut kept) = text::print_core_keeping(graph);
    let parsed = text::parse_core(&text, &mut kept).map_err(|d| format!("core text: {d}"))?;
    same(graph, &parsed).map_err(|d| format!("core text: {d}"))
}

fn through_onnx(graph: &CoreGraph) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = dir.path().join("out.onnx");
    let newest = WriteOptions { opset: Some(modelport_onnx::NEWEST_OPSET), ..WriteOptions::default() };
    modelport_onnx::write(graph, &path, &newest).map_err(|d| format!("write: {d}"))?;
    let read = modelport_onnx::read(&path, &Limits::default()).map_err(|d| format!("read: {d}"))?;
    modelport_onnx::equivalent(graph, &read).map_err(|d| format!("ONNX: {d}"))
}
