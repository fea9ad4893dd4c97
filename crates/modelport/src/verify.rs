//! Verification of a written file against every other way to compute the same outputs.

use crate::Outcome;
use crate::load::{LoadOptions, Model, load};
use crate::stand_alone;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{CoreGraph, Dim, Tensor, TensorType};
use modelport_runtime::npz;
use modelport_runtime::verify::{
    Comparison, Divergence, FileDigest, InputUsed, Report, coarsest_dtype, compare_layers, first_divergence, interpret,
    random_inputs, tolerance,
};
use std::path::{Path, PathBuf};

const READ_BACK: &str = "written file, read back and run by the interpreter";
const INTERPRETER: &str = "core graph before the layout pass, run by the interpreter";

/// What a verification compares with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Inputs and outputs that the framework recorded, as `in:<name>` and `out:<name>`.
    pub golden: Option<PathBuf>,
    /// Seed of random inputs.
    pub seed: u64,
    /// Whether values inside the model are compared too.
    pub layers: bool,
}

/// The model that a file should be equivalent to.
pub(crate) struct Subject<'a> {
    pub(crate) input: &'a Path,
    pub(crate) model: &'a Model,
    pub(crate) core: &'a CoreGraph,
}

/// Compares the ONNX file `written` with the model `input`.
///
/// # Errors
/// When either cannot be read or run. A difference is not an error but a [`Report`] that did not pass.
pub fn verify(input: &Path, written: &Path, load_with: &LoadOptions, options: &VerifyOptions) -> Outcome<Report> {
    let model = load(input, load_with)?;
    let core = model.lower(&load_with.custom)?;
    compare(&Subject { input, model: &model, core: &core }, written, options)
}

/// What is said of a graph with a node that draws.
pub(crate) fn drawn(node: &str) -> String {
    format!("`{node}` draws random numbers: every run has its own, and none has those of the framework")
}

/// The diagnostic for a report that did not pass; `draws` is the node that draws random numbers, if one does.
pub(crate) fn failed(report: &Report, draws: Option<&str>) -> Box<Diagnostic> {
    let outputs = report.comparisons.iter().flat_map(|c| c.outputs.iter().map(move |o| (c, o)));
    let mut failures = outputs.filter_map(|(c, o)| {
        o.failure.as_ref().map(|why| format!("{}: {why} ({} against {})", o.name, c.found, c.expected))
    });
    let code = if report.comparisons.iter().flat_map(|c| &c.outputs).any(|o| o.max_abs > o.allowed) {
        Code::VERIFY_DIFFERS
    } else {
        Code::VERIFY_MEANINGLESS
    };
    let first = failures.next().unwrap_or_else(|| "nothing could be compared".to_owned());
    if code == Code::VERIFY_MEANINGLESS {
        return Diagnostic::error(code, format!("that the written model is equivalent cannot be shown: {first}"))
            .in_file(report.written.path.clone())
            .help("give inputs that move every output, with recorded outputs, as `--golden io.npz`")
            .help("or convert without --verify; nothing was written");
    }
    let same_read_back = report.comparisons.iter().any(|c| c.found == READ_BACK && c.passed());
    let what = if same_read_back {
        "tract gives other numbers for the written model"
    } else {
        "the written model is not equivalent"
    };
    let mut d = Diagnostic::error(code, format!("{what}: {first}")).in_file(report.written.path.clone());
    if let Some(at) = &report.first_divergence {
        d = d.help(format!("the first value that differs is `{}`, by {:.2e}", at.node, at.max_abs));
    }
    if let Some(node) = draws {
        return d.help(drawn(node)).help("what depends on them cannot be compared: convert without --verify");
    }
    if same_read_back {
        return d
            .help("the same file, read back and run by the interpreter, gives the model's numbers: tract approximates some functions, and some models multiply roundings")
            .help("outputs recorded by the framework decide, as `--golden io.npz`; or convert without --verify; nothing was written");
    }
    d.help("nothing was written; this is a defect of modelport, please report it with the model's architecture")
}

pub(crate) fn compare(subject: &Subject<'_>, written: &Path, options: &VerifyOptions) -> Outcome<Report> {
    let core = subject.core;
    let recorded = options.golden.as_deref().map(npz::read).transpose()?;
    let inputs = match &recorded {
        Some(arrays) => given_inputs(core, arrays)?,
        None => random_inputs(core, options.seed)?,
    };
    let mut report = Report {
        source: FileDigest::of(subject.input)?,
        written: FileDigest::of(written)?,
        seed: recorded.is_none().then_some(options.seed),
        golden: options.golden.as_deref().map(FileDigest::of).transpose()?,
        inputs: inputs.iter().map(|(n, t)| InputUsed { name: n.clone(), ty: t.ty().to_string() }).collect(),
        tolerance: tolerance(coarsest_dtype(core)),
        comparisons: Vec::new(),
        notes: core.draws().map(drawn).into_iter().collect(),
        first_divergence: None,
        layers: Vec::new(),
    };
    let names: Vec<String> = core.outputs().iter().map(|o| o.name.clone()).collect();
    let reference = interpret(core, &inputs)?;
    let file = WrittenFile::read(core, written)?;
    let (engine, outputs) = file.run(written, &inputs, &reference, &mut report.notes)?;
    let allowed = report.tolerance;
    let first = Comparison::of((INTERPRETER, &reference), (engine, &outputs), &names, allowed)?;
    if !first.passed() && engine != READ_BACK {
        // Whose the difference is: tract approximates some functions.
        let again = file.read_back(&inputs, &reference)?;
        report.comparisons.push(Comparison::of((INTERPRETER, &reference), (READ_BACK, &again), &names, allowed)?);
    }
    report.comparisons.push(first);
    if let Some(arrays) = &recorded {
        let want = given_outputs(&names, arrays)?;
        let label = "outputs recorded by the framework";
        report.comparisons.push(Comparison::of((label, &want), (engine, &outputs), &names, allowed)?);
        report.comparisons.push(Comparison::of((label, &want), (INTERPRETER, &reference), &names, allowed)?);
    }
    if let Some(alone) = stand_alone::outputs(subject, &inputs)? {
        let label = "stand-alone MobileNetV2 built from the file's weights by name";
        report.comparisons.push(Comparison::of((label, &[alone]), (engine, &outputs), &names, allowed)?);
    }
    if options.layers {
        report.layers = compare_layers((core, &inputs), (&file.graph, &file.feed(&inputs)?))?;
    }
    if !report.passed() {
        let apart = report.layers.iter().find(|l| l.max_abs > allowed * l.magnitude);
        let inside = apart.map(|l| Divergence { node: l.name.clone(), max_abs: l.max_abs, magnitude: l.magnitude });
        report.first_divergence = inside.or_else(|| file.divergence(core, written, &inputs, allowed));
    }
    Ok(report)
}

/// Recorded inputs under the graph's names, or in order when there is one of each.
fn given_inputs(core: &CoreGraph, arrays: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>> {
    let recorded: Vec<_> = arrays.iter().filter_map(|(n, t)| Some((n.strip_prefix("in:")?, t))).collect();
    core.inputs()
        .iter()
        .map(|&id| {
            let value = core.value(id);
            let named = recorded.iter().find(|(n, _)| *n == value.name);
            let only = (recorded.len() == 1 && core.inputs().len() == 1).then(|| recorded.first()).flatten();
            let (_, tensor) = named.or(only).ok_or_else(|| missing("in", &value.name, arrays))?;
            Ok((value.name.clone(), tensor.cast(value.ty.dtype)?))
        })
        .collect()
}

fn given_outputs(names: &[String], arrays: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
    let recorded: Vec<_> = arrays.iter().filter_map(|(n, t)| Some((n.strip_prefix("out:")?, t))).collect();
    let by_name = |name: &String| recorded.iter().find(|(n, _)| n == name).map(|(_, t)| (*t).clone());
    if let Some(all) = names.iter().map(by_name).collect::<Option<Vec<_>>>() {
        return Ok(all);
    }
    if recorded.len() == names.len() {
        return Ok(recorded.into_iter().map(|(_, t)| t.clone()).collect());
    }
    Err(missing("out", &names.join("`, `"), arrays))
}

fn missing(kind: &str, name: &str, arrays: &[(String, Tensor)]) -> Box<Diagnostic> {
    Diagnostic::error(Code::VERIFY_FAILED, format!("the recorded file has no `{kind}:{name}`"))
        .found(arrays.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "))
        .help("record with numpy.savez(file, **{\"in:<input>\": x, \"out:<output>\": y})")
}

/// The written file, read back, with how its signature is laid out compared to the model's.
struct WrittenFile {
    graph: CoreGraph,
    input_perms: Vec<Option<Vec<usize>>>,
}

impl WrittenFile {
    fn read(core: &CoreGraph, path: &Path) -> Outcome<Self> {
        let graph = modelport_onnx::read(path, &Limits::default())?;
        if graph.inputs().len() != core.inputs().len() || graph.outputs().len() != core.outputs().len() {
            let count = |g: &CoreGraph| format!("{} inputs and {} outputs", g.inputs().len(), g.outputs().len());
            return Err(Diagnostic::error(Code::VERIFY_FAILED, "the two models have different signatures")
                .in_file(path.display().to_string())
                .expected(count(core))
                .found(count(&graph))
                .into());
        }
        let pairs = core.inputs().iter().zip(graph.inputs());
        let input_perms = pairs.map(|(&a, &b)| moved(core.ty(a), graph.ty(b))).collect();
        Ok(Self { graph, input_perms })
    }

    /// The inputs as the file wants them: under its names, in its layout.
    fn feed(&self, inputs: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let names = self.graph.inputs().iter().map(|&id| self.graph.value(id).name.clone());
        let laid_out = inputs.iter().zip(&self.input_perms).map(|((_, t), perm)| match perm {
            Some(perm) => t.permute(perm),
            None => Ok(t.clone()),
        });
        names.zip(laid_out).map(|(n, t)| Ok((n, t?))).collect()
    }

    /// Runs the file and brings its outputs into the model's layout. Where tract is absent or cannot run the file, the
    /// file is read back and interpreted, and a note says so.
    fn run(
        &self,
        path: &Path,
        inputs: &[(String, Tensor)],
        reference: &[Tensor],
        notes: &mut Vec<String>,
    ) -> Result<(&'static str, Vec<Tensor>)> {
        let feed = self.feed(inputs)?;
        let (engine, outputs) = match by_tract(&self.graph, path, &feed) {
            Ok(outputs) => ("written file, run by tract", outputs),
            Err(why) => {
                notes.push(why);
                (READ_BACK, interpret(&self.graph, &feed)?)
            }
        };
        Ok((engine, laid_back(outputs, reference)?))
    }

    fn read_back(&self, inputs: &[(String, Tensor)], reference: &[Tensor]) -> Result<Vec<Tensor>> {
        laid_back(interpret(&self.graph, &self.feed(inputs)?)?, reference)
    }

    fn divergence(
        &self,
        core: &CoreGraph,
        path: &Path,
        inputs: &[(String, Tensor)],
        allowed: f64,
    ) -> Option<modelport_runtime::verify::Divergence> {
        let feed = self.feed(inputs).ok()?;
        first_divergence(core, inputs, allowed, |names| values_at(path, &feed, names)).ok().flatten()
    }
}

/// Outputs in the model's layout.
fn laid_back(outputs: Vec<Tensor>, reference: &[Tensor]) -> Result<Vec<Tensor>> {
    let back = |(got, want): (Tensor, &Tensor)| match moved(&got.ty(), &want.ty()) {
        Some(perm) => got.permute(&perm),
        None => Ok(got),
    };
    outputs.into_iter().zip(reference).map(back).collect()
}

#[cfg(feature = "tract")]
fn by_tract(graph: &CoreGraph, path: &Path, feed: &[(String, Tensor)]) -> std::result::Result<Vec<Tensor>, String> {
    use modelport_runtime::tract;
    if let Some(defect) = tract::known_defect(graph) {
        return Err(format!("tract was not asked, because {defect}"));
    }
    tract::run(path, feed).map_err(|d| d.message)
}

#[cfg(not(feature = "tract"))]
fn by_tract(_graph: &CoreGraph, _path: &Path, _feed: &[(String, Tensor)]) -> std::result::Result<Vec<Tensor>, String> {
    Err("this modelport was built without tract".to_owned())
}

#[cfg(feature = "tract")]
fn values_at(path: &Path, feed: &[(String, Tensor)], names: &[String]) -> Result<Vec<Option<Tensor>>> {
    modelport_runtime::tract::run_at(path, feed, names)
}

#[cfg(not(feature = "tract"))]
fn values_at(_path: &Path, _feed: &[(String, Tensor)], names: &[String]) -> Result<Vec<Option<Tensor>>> {
    Ok(vec![None; names.len()])
}

/// The permutation that brings channels from last to first or back, when that is how the second type differs.
fn moved(from: &TensorType, to: &TensorType) -> Option<Vec<usize>> {
    let fits = |perm: &[usize]| {
        let pairs = perm.iter().zip(&to.shape).map(|(&p, d)| (&from.shape[p], d));
        pairs.into_iter().all(|(a, b)| !matches!((a, b), (Dim::Known(x), Dim::Known(y)) if x != y))
    };
    let rank = from.rank();
    if rank < 3 || rank != to.rank() || fits(&(0..rank).collect::<Vec<_>>()) {
        return None;
    }
    let first: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    let last: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    [first, last].into_iter().find(|p| fits(p))
}
