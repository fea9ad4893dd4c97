//! From a model to a written file, verified on the way where that is asked for.

use crate::load::{LoadOptions, Model, load};
use crate::{Outcome, report, verify};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::passes::{self, InputLayout};
use modelport_ir::{CoreGraph, text};
use modelport_onnx::{WriteOptions, Written};
use modelport_runtime::verify::{FileDigest, Report};
use modelport_storage::AtomicFile;
use std::path::{Path, PathBuf};

/// How a model is converted.
#[derive(Default)]
pub struct ConvertOptions<'a> {
    /// What the reader needs.
    pub load: LoadOptions,
    /// ONNX opset; the newest that the released onnxruntime runs when absent.
    pub opset: Option<i64>,
    /// Keep weights in a file beside the target; done in any case above 2 GiB.
    pub external_data: bool,
    /// Whether image inputs keep the model's own layout.
    pub layout: InputLayout,
    /// Compare the written file with the interpreter before it gets its name.
    pub verify: Option<verify::VerifyOptions>,
    /// Called as the work goes on.
    pub progress: Option<&'a (dyn Fn(Stage) + 'a)>,
}

/// What a conversion is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the model's structure.
    Reading,
    /// Lowering and rewriting the graph.
    Rewriting,
    /// Writing: bytes so far, of so many.
    Writing(u64, u64),
    /// Comparing numbers.
    Verifying,
}

/// What a conversion did.
#[derive(Debug)]
pub struct Conversion {
    /// The model as read, with the version rules that were applied.
    pub model: Model,
    /// What was written.
    pub written: Written,
    /// The comparison, when it was asked for.
    pub report: Option<Report>,
}

/// Which stage [`emit`] prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// The framework's own ops, after the version rules.
    Source,
    /// Core ops, before any pass.
    Core,
}

/// Converts `input` to an ONNX file at `output`, which appears whole or not at all.
///
/// # Errors
/// Every finding at once; with [`ConvertOptions::verify`] also when the numbers differ, and then nothing is written.
pub fn convert(input: &Path, output: &Path, options: &ConvertOptions<'_>) -> Outcome<Conversion> {
    let stage = |s| options.progress.map_or((), |p| p(s));
    check_target(input, output)?;
    stage(Stage::Reading);
    let mut model = load(input, &options.load)?;
    stage(Stage::Rewriting);
    let core = model.lower(&options.load.custom)?;
    let ready = prepare(&core, options.layout);
    model.notes.extend(ready.draws().map(verify::drawn));
    let writing = |done, total| stage(Stage::Writing(done, total));
    let write = WriteOptions {
        opset: options.opset,
        external_data: options.external_data,
        progress: options.progress.is_some().then_some(&writing),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let Some(check) = &options.verify else {
        let written = modelport_onnx::write(&ready, output, &write)?;
        return Ok(Conversion { model, written, report: None });
    };
    let staging = Staging::beside(output)?;
    let mut written = modelport_onnx::write(&ready, &staging.model, &write)?;
    stage(Stage::Verifying);
    let mut report = verify::compare(&verify::Subject { input, model: &model, core: &core }, &staging.model, check)?;
    report.written.path = output.display().to_string();
    if !report.passed() {
        return Err(verify::failed(&report, ready.draws()).into());
    }
    written.bytes += report::embed(&report, &staging.model)?;
    report.written.sha256 = FileDigest::of(&staging.model)?.sha256;
    written.external = staging.publish(output, &written.external)?;
    Ok(Conversion { model, written, report: Some(report) })
}

/// Everything that the ONNX writer wants of a graph.
fn prepare(core: &CoreGraph, layout: InputLayout) -> CoreGraph {
    passes::channels_first(&passes::optimize(core), layout)
}

/// Prints one stage of the model in the text form.
///
/// # Errors
/// As [`convert`], up to that stage.
pub fn emit(input: &Path, what: Emit, options: &LoadOptions) -> Outcome<String> {
    let model = load(input, options)?;
    Ok(match what {
        Emit::Source => match model.source() {
            Some(source) => text::print_source(source),
            None => return Err(no_source(input).into()),
        },
        Emit::Core => text::print_core(&model.lower(&options.custom)?),
    })
}

/// As [`emit`], into a file, which appears whole or not at all.
///
/// # Errors
/// As [`emit`], `US0001` when the target is the model itself, `IO0003` when it cannot be written.
pub fn emit_to(input: &Path, output: &Path, what: Emit, options: &LoadOptions) -> Outcome<()> {
    check_not_itself(input, output)?;
    let text = emit(input, what, options)?;
    let mut file = AtomicFile::create(output)?;
    file.write(text.as_bytes())?;
    Ok(file.commit()?)
}

fn no_source(input: &Path) -> Box<Diagnostic> {
    usage(input, "an ONNX file has no ops of another framework").help("print its core ops with --emit core")
}

fn usage(output: &Path, message: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::USAGE, message).in_file(output.display().to_string())
}

pub(crate) fn check_not_itself(input: &Path, output: &Path) -> Result<()> {
    let real = |p: &Path| std::fs::canonicalize(p).ok();
    if real(input).is_some_and(|i| Some(i) == real(output)) {
        return Err(usage(output, "the target is the model itself").help("choose another name for the target"));
    }
    Ok(())
}

fn check_target(input: &Path, output: &Path) -> Result<()> {
    check_not_itself(input, output)?;
    let usage = |message| usage(output, message);
    match output.extension().and_then(|e| e.to_str()) {
        Some("onnx") => Ok(()),
        _ => Err(usage("the target's name does not say what to write")
            .help("name a target that ends in .onnx, or in .safetensors for the weights alone")),
    }
}

/// A directory beside the target, on the same file system, in which a file waits for its verification.
struct Staging {
    directory: tempfile::TempDir,
    model: PathBuf,
}

impl Staging {
    fn beside(output: &Path) -> Result<Self> {
        let cannot = |e: std::io::Error| {
            Diagnostic::error(Code::IO_WRITE, format!("cannot write the target: {e}"))
                .in_file(output.display().to_string())
        };
        let name = output.file_name().ok_or_else(|| cannot(std::io::ErrorKind::InvalidInput.into()))?;
        let parent = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory =
            tempfile::Builder::new().prefix(".modelport-").suffix(".part").tempdir_in(parent).map_err(cannot)?;
        let model = directory.path().join(name);
        Ok(Self { directory, model })
    }

    /// Renames the data first: a model must never stand without it.
    fn publish(self, output: &Path, external: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut published = Vec::new();
        for data in external {
            let target = output.with_file_name(data.file_name().unwrap_or_default());
            modelport_storage::publish(data, &target)?;
            published.push(target);
        }
        modelport_storage::publish(&self.model, output)?;
        drop(self.directory);
        Ok(published)
    }
}
