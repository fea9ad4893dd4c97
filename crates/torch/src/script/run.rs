//! One model from its code and objects to a graph: the types of inputs that the file does not say are found by trying.
//!
//! Owns: the order of attempts. Must never know: statements, operators.

use super::archive::examples;
use super::ast::Param;
use super::inputs::{InputTypes, is_number, no_forward, types_of};
use super::legacy::Modules;
use super::machine::{Journal, Machine, Step, Stop, no_lowering};
use super::objects::Loader;
use super::program::Program;
use super::prune::prune;
use super::value::{Obj, Value};
use crate::archive::Pickled;
use crate::lower::assume_inputs;
use crate::open::OpenOptions;
use modelport_diag::{Code, Diagnostic, Diagnostics};
use modelport_ir::{DType, Dim, SourceGraph, Tensor, TensorType};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What an archive holds.
pub(super) struct Model<'a> {
    pub(super) program: Program,
    pub(super) data: Objects<'a>,
    pub(super) constants: Option<&'a Pickled>,
    /// Tensors by number, in archives before torch 1.3.
    pub(super) tensors: &'a [Tensor],
    pub(super) version: i64,
    pub(super) traced: Option<&'a Pickled>,
}

/// Where the objects are.
#[derive(Clone, Copy)]
pub(super) enum Objects<'a> {
    Pickle(&'a Pickled),
    /// In archives before torch 1.3.
    Modules(&'a Modules),
}

impl<'a> Objects<'a> {
    /// The root, and what loaded it.
    fn load(self, m: &mut Machine, tensors: &'a [Tensor]) -> Step<(Value, Loader<'a>)> {
        let data = match self {
            Self::Pickle(data) => data,
            Self::Modules(modules) => return modules.load(m),
        };
        let mut loader = Loader::new(data, tensors);
        let root = loader.value(m, data.root(), "")?;
        Ok((root, loader))
    }
}

/// What came of it.
pub(super) struct Evaluated {
    pub(super) weights: Vec<(String, Tensor)>,
    pub(super) graph: std::result::Result<SourceGraph, Box<Diagnostic>>,
    pub(super) notes: Vec<String>,
}

/// One attempt.
struct Attempt {
    graph: SourceGraph,
    notes: Vec<String>,
    /// Why it failed.
    failed: Option<Box<Diagnostic>>,
    /// The first call without a type, and why it has none.
    untyped: Option<Box<Diagnostic>>,
}

impl Attempt {
    /// The op that is the reason for types that are not known.
    fn refused(&self) -> Option<&Diagnostic> {
        self.untyped.as_deref().filter(|why| no_lowering(why))
    }
}

/// Evaluates `forward`.
///
/// # Errors
/// When the objects cannot be read; what is wrong with the code is in [`Evaluated::graph`].
pub(super) fn evaluate(mut model: Model<'_>, options: &OpenOptions) -> std::result::Result<Evaluated, Diagnostics> {
    let loaded = load(&mut model)?;
    let mut notes = Vec::new();
    if loaded.training {
        notes.push(
            "the file was saved in training mode; it is converted as in evaluation: dropout is left out, batch \
             normalization uses its running statistics"
                .to_owned(),
        );
    }
    let graph = graph(&mut model, &loaded.params, options, &mut notes);
    Ok(Evaluated { weights: loaded.weights, graph, notes })
}

struct Loaded {
    weights: Vec<(String, Tensor)>,
    training: bool,
    params: Vec<Param>,
}

/// Reads the objects once, for the weights and the arguments of `forward`.
fn load(model: &mut Model<'_>) -> std::result::Result<Loaded, Diagnostics> {
    let mut machine = machine(model, InputTypes::default());
    let out = (|| {
        let (root, mut loader) = model.data.load(&mut machine, model.tensors)?;
        let params = match forward(&mut machine, &root) {
            Ok(f) => f.params.get(1..).unwrap_or_default().to_vec(),
            Err(_) => Vec::new(),
        };
        Ok((std::mem::take(&mut loader.weights), loader.training, params))
    })();
    model.program = std::mem::take(&mut machine.program);
    match out {
        Ok((weights, training, params)) => Ok(Loaded { weights, training, params }),
        Err(stop) => Err(diagnostic(stop).into()),
    }
}

fn machine(model: &mut Model<'_>, inputs: InputTypes) -> Machine {
    let mut m = Machine::new(std::mem::take(&mut model.program), model.version);
    m.inputs = inputs;
    m.push_frame("main");
    m
}

/// The method `forward` of the root.
fn forward(m: &mut Machine, root: &Value) -> Step<Rc<super::ast::Func>> {
    let Value::Object(r) = root else { return Err(no_forward()) };
    let class = m.object(*r)?.class.clone();
    let class = m.program.class(&class)?;
    class.methods.get("forward").cloned().ok_or_else(no_forward)
}

fn diagnostic(stop: Stop) -> Box<Diagnostic> {
    match stop {
        Stop::Fail(d) => d,
        Stop::Raised(why) => {
            let why: String = why.chars().take(500).collect();
            Diagnostic::error(Code::TORCH_SCRIPT_RAISES, "the model raises an exception for inputs of these types")
                .found(why)
                .help("give the types of the inputs: --input-type NAME=f32[1,3,224,224]")
        }
    }
}

/// Evaluates `forward` once.
fn attempt(model: &mut Model<'_>, inputs: InputTypes) -> Attempt {
    let mut m = machine(model, inputs);
    let out = forward_pass(model, &mut m);
    let graph = match m.frames.drain(..).next() {
        Some(frame) => frame.emit.finish(),
        None => SourceGraph::new("main"),
    };
    let failed = out.err().map(diagnostic);
    model.program = std::mem::take(&mut m.program);
    Attempt { graph, notes: m.notes.into_iter().collect(), failed, untyped: m.untyped }
}

fn forward_pass(model: &Model<'_>, m: &mut Machine) -> Step<()> {
    if let Some(constants) = model.constants {
        let mut loader = Loader::new(constants, model.tensors);
        let all = loader.value(m, constants.root(), "CONSTANTS")?;
        m.constants = m.items(&all)?;
    }
    if let Objects::Modules(modules) = model.data {
        m.constants = modules.constants(m)?;
    }
    let (root, _) = model.data.load(m, model.tensors)?;
    let f = forward(m, &root)?;
    let args = m.arguments_of(f.params.get(1..).unwrap_or_default())?;
    m.begin_journal();
    let out = m.call_method(&root, "forward", args, Vec::new());
    let changed = m.end_journal();
    note_state(m, &changed);
    m.outputs_of(&out?)
}

/// Tells what modules keep for the next call, which a graph cannot.
fn note_state(m: &mut Machine, changed: &Journal) {
    let mut kept = BTreeSet::new();
    for (at, old) in &changed.old {
        let (Obj::Object(old), Obj::Object(new)) = (old, m.obj(*at)) else { continue };
        let kept_by = |(name, value): &(&Rc<str>, &Value)| match (old.attrs.get(*name), value) {
            (Some(Value::Tensor(before)), Value::Tensor(now)) => before != now,
            (_, now) => matches!(now, Value::Tensor(_) | Value::Num(..)),
        };
        kept.extend(new.attrs.iter().filter(kept_by).map(|(name, _)| format!("`{name}`")));
    }
    if !kept.is_empty() {
        let kept: Vec<String> = kept.into_iter().collect();
        m.note(format!(
            "the model keeps {} from one call for the next; the written model computes the first call, from what is in the file",
            kept.join(", ")
        ));
    }
}

/// The graph with all inputs typed as far as anything says.
fn graph(
    model: &mut Model<'_>,
    params: &[Param],
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> std::result::Result<SourceGraph, Box<Diagnostic>> {
    let mut inputs = InputTypes { examples: examples(model.traced, params), ..InputTypes::default() };
    for (name, ty) in &options.input_types {
        let name = if name.is_empty() { params.first().map_or("", |p| &p.name) } else { name };
        inputs.given.insert(name.to_owned(), ty.clone());
    }
    inputs.values.extend(options.input_values.iter().cloned());
    inputs.assumed = types_of(&inputs.examples, params, true);
    let mut first = attempt(model, inputs.clone());
    if !inputs.assumed.is_empty() && (first.failed.is_some() || first.untyped.is_some()) {
        // Some models fit one batch size alone.
        inputs.assumed = types_of(&inputs.examples, params, false);
        let fixed = attempt(model, inputs.clone());
        if fixed.failed.is_none() && fixed.untyped.is_none() {
            notes.push("the model is converted for the shapes that it was traced with".to_owned());
            first = fixed;
        }
    }
    let open = |g: &SourceGraph| g.inputs().iter().any(|&id| g.ty(id).is_none());
    let mut best = first;
    let mut told = Vec::new();
    if open(&best.graph) || (best.failed.is_some() && best.graph.inputs().is_empty()) {
        let (found, why) = search(model, &inputs, best);
        (best, told) = (found, why);
    }
    notes.append(&mut told);
    notes.append(&mut best.notes);
    if open(&best.graph)
        && let Some(why) = best.refused()
    {
        return Err(Box::new(why.clone()));
    }
    match best.failed {
        Some(d) => Err(with_numbers(d, params, options)),
        None => {
            let mut graph = prune(&best.graph);
            // Checks the names that the user gave.
            assume_inputs(&mut graph, &options.input_types, &mut Vec::new())?;
            // Numbers were decided on the way.
            let number = |name: &str| params.iter().any(|p| &*p.name == name && is_number(p));
            let rest: Vec<_> = options.input_values.iter().filter(|(name, _)| !number(name)).cloned().collect();
            graph.set_input_values(&rest)?;
            Ok(graph)
        }
    }
}

/// Numbers that the model takes often decide what it does: how to say one.
fn with_numbers(d: Box<Diagnostic>, params: &[Param], options: &OpenOptions) -> Box<Diagnostic> {
    let given = |name: &str| options.input_values.iter().any(|(n, _)| n == name);
    let open = params.iter().filter(|p| p.default.is_none() && is_number(p) && !given(&p.name));
    open.fold(d, |d, p| {
        d.help(format!("the model takes the number `{0}`: say it with --input-value {0}=VALUE", p.name))
    })
}

/// Tries types for inputs of which nothing is known.
fn search(model: &mut Model<'_>, inputs: &InputTypes, first: Attempt) -> (Attempt, Vec<String>) {
    let mut best = refine(model, inputs, first);
    if settled(&best.0) {
        return best;
    }
    for (dtype, rank) in CANDIDATES {
        let mut guess = inputs.clone();
        let names: Vec<String> = open_inputs(&best.0.graph, inputs);
        for name in &names {
            guess.assumed.insert(name.clone(), candidate(name, *dtype, *rank));
        }
        let tried = attempt(model, guess.clone());
        if tried.failed.is_some() || tried.untyped.is_some() {
            if better(&tried, &best.0) {
                best = (tried, Vec::new());
            }
            continue;
        }
        // What the first uses say is narrower than the guess.
        let mut bare = tried.graph.clone();
        for id in bare.inputs().to_vec() {
            if names.iter().any(|n| *n == bare.value(id).name) {
                bare.set_type(id, None);
            }
        }
        let (narrow, told) = narrowed(inputs, &guess, bare);
        let again = attempt(model, narrow);
        if settled(&again) {
            return (again, told);
        }
        let told = names.iter().map(|n| taken(n, &candidate(n, *dtype, *rank))).collect();
        return (tried, told);
    }
    best
}

/// Types to try for inputs that nothing tells about, in this order.
const CANDIDATES: &[(DType, usize)] = &[
    (DType::F32, 4),
    (DType::F32, 3),
    (DType::F32, 2),
    (DType::I64, 2),
    (DType::F32, 1),
    (DType::F32, 5),
    (DType::I64, 1),
];

fn candidate(name: &str, dtype: DType, rank: usize) -> TensorType {
    let letters: &[&str] = match rank {
        1 => &["N"],
        2 => &["N", "S"],
        3 => &["N", "S", "C"],
        4 => &["N", "C", "H", "W"],
        _ => &["N", "C", "D", "H", "W"],
    };
    let _ = name;
    TensorType::new(dtype, letters.iter().map(|l| Dim::symbol(l)).collect::<Vec<_>>())
}

fn settled(a: &Attempt) -> bool {
    a.failed.is_none() && a.untyped.is_none() && a.graph.inputs().iter().all(|&id| a.graph.ty(id).is_some())
}

/// Whether one attempt came further than another.
fn better(a: &Attempt, b: &Attempt) -> bool {
    let rank = |x: &Attempt| (x.failed.is_none(), x.refused().is_some(), x.graph.nodes().len());
    rank(a) > rank(b)
}

fn taken(name: &str, ty: &TensorType) -> String {
    format!("input `{name}` is taken to be {ty}; say otherwise with --input-type {name}=TYPE")
}

fn open_inputs(graph: &SourceGraph, inputs: &InputTypes) -> Vec<String> {
    let names = graph.inputs().iter().map(|&id| graph.value(id).name.clone());
    names.filter(|n| !inputs.given.contains_key(n) && !inputs.assumed.contains_key(n)).collect()
}

/// What the uses in a graph say about inputs without a type.
fn narrowed(inputs: &InputTypes, guess: &InputTypes, mut graph: SourceGraph) -> (InputTypes, Vec<String>) {
    let mut told = Vec::new();
    let mut narrow = guess.clone();
    if assume_inputs(&mut graph, &[], &mut told).is_ok() {
        for &id in graph.inputs() {
            let name = &graph.value(id).name;
            let known = inputs.given.contains_key(name) || inputs.assumed.contains_key(name);
            if let (Some(ty), false) = (graph.ty(id), known) {
                narrow.assumed.insert(name.clone(), ty.clone());
            }
        }
    }
    (narrow, told)
}

/// Evaluates again with what the first uses say, while they say more.
fn refine(model: &mut Model<'_>, inputs: &InputTypes, first: Attempt) -> (Attempt, Vec<String>) {
    let mut now = inputs.clone();
    let mut best = first;
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..4 {
        let (next, told) = narrowed(&now, &now, best.graph.clone());
        if next.assumed == now.assumed {
            break;
        }
        for (t, name) in told.into_iter().zip(next.assumed.keys().filter(|k| !now.assumed.contains_key(*k))) {
            all.insert(name.clone(), t);
        }
        now = next;
        best = attempt(model, now.clone());
        if settled(&best) {
            break;
        }
    }
    (best, all.into_values().collect())
}
