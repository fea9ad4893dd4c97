//! Running a graph: node by node in order, each value freed after its last use.
//!
//! Before a kernel runs, the operands it is about to get are held against the IR's own inference, with every dimension
//! known. So kernels see only operands that fit, and a result too large is refused before anything is allocated.

use crate::Array;
use crate::kernels::{self, Call};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::infer::{self, Known, KnownInt, Operand};
use modelport_ir::tensor::byte_len;
use modelport_ir::{Core, CoreGraph, DType, Dim, Node, Tensor, TensorType, ValueId};
use std::cell::Cell;
use std::collections::HashMap;

/// What is called with every node of the graph after it has run, and with its results.
pub type Observer<'a> = &'a mut dyn FnMut(&Node<Core>, &[Array]);

/// Bounds that a run is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes that the elements of one value may take.
    pub value_bytes: u64,
    /// Iterations of one loop.
    pub iterations: u64,
    /// Nesting of control flow.
    pub depth: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { value_bytes: 8 << 30, iterations: 1 << 24, depth: 32 }
    }
}

/// Runs a graph; inputs and outputs are in the graph's order.
///
/// # Errors
/// `RT0001` with the node, when inputs do not fit the graph or a node cannot be computed on its operands.
pub fn run(graph: &CoreGraph, inputs: Vec<Array>) -> Result<Vec<Array>> {
    run_with(graph, inputs, &Options::default(), None)
}

/// As [`run`], and shows every node's results to `observer`.
///
/// # Errors
/// As [`run`].
pub fn run_observed(graph: &CoreGraph, inputs: Vec<Array>, observer: Observer<'_>) -> Result<Vec<Array>> {
    run_with(graph, inputs, &Options::default(), Some(observer))
}

/// As [`run`], held to `options`.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    graph: &CoreGraph,
    inputs: Vec<Array>,
    options: &Options,
    observer: Option<Observer<'_>>,
) -> Result<Vec<Array>> {
    run_nested(graph, inputs, options, (0, &Cell::new(0)), observer)
}

/// A graph at some depth of control flow, and after some draws of random numbers.
pub(crate) fn run_nested(
    graph: &CoreGraph,
    inputs: Vec<Array>,
    options: &Options,
    at: (usize, &Cell<u64>),
    mut observer: Option<Observer<'_>>,
) -> Result<Vec<Array>> {
    check_inputs(graph, &inputs)?;
    let mut values = Values { graph, slots: Vec::new(), uses: graph.use_counts() };
    values.slots.resize_with(values.uses.len(), || None);
    for (&id, array) in graph.inputs().iter().zip(inputs) {
        values.set(id, array);
    }
    for node in graph.nodes() {
        let located =
            |d: Box<Diagnostic>| d.at_node(if node.name.is_empty() { node.op.name() } else { node.name.as_str() });
        let results = step(node, &mut values, options, at).map_err(located)?;
        if let Some(observer) = observer.as_mut() {
            observer(node, &results);
        }
        for (&id, array) in node.outputs.iter().zip(results) {
            values.set(id, array);
        }
    }
    graph.outputs().iter().map(|o| values.take(o.value)).collect()
}

fn failed(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::RUN_FAILED, message)
}

/// Inputs have the graph's types, and equal symbols are equal sizes.
fn check_inputs(graph: &CoreGraph, inputs: &[Array]) -> Result<()> {
    if inputs.len() != graph.inputs().len() {
        return Err(failed(format!("the graph takes {} inputs, not {}", graph.inputs().len(), inputs.len())));
    }
    let mut symbols: HashMap<&str, usize> = HashMap::new();
    for (&id, array) in graph.inputs().iter().zip(inputs) {
        let want = graph.ty(id);
        let dims = want.shape.iter().zip(array.shape()).all(|(d, &n)| match d {
            Dim::Known(k) => *k == n,
            Dim::Symbol(s) => *symbols.entry(s).or_insert(n) == n,
            Dim::Unknown => true,
        });
        if array.dtype() != want.dtype || array.rank() != want.rank() || !dims {
            return Err(failed(format!("input `{}` has another type than the graph says", graph.value(id).name))
                .expected(want.to_string())
                .found(array.ty().to_string()));
        }
    }
    Ok(())
}

/// The values that are alive.
struct Values<'a> {
    graph: &'a CoreGraph,
    slots: Vec<Option<Array>>,
    uses: Vec<usize>,
}

impl Values<'_> {
    fn slot(&mut self, id: ValueId) -> Result<&mut Option<Array>> {
        self.slots.get_mut(id.0 as usize).ok_or_else(|| failed(format!("value {} does not exist", id.0)))
    }

    /// Keeps a value unless nothing uses it.
    fn set(&mut self, id: ValueId, array: Array) {
        if self.uses.get(id.0 as usize).is_some_and(|&n| n > 0)
            && let Ok(slot) = self.slot(id)
        {
            *slot = Some(array);
        }
    }

    /// Reads a constant when its first use comes.
    fn load(&mut self, id: ValueId) -> Result<()> {
        let constant = self.graph.constant(id);
        let slot = self.slot(id)?;
        if slot.is_none() {
            let tensor = constant.ok_or_else(|| failed(format!("value {} is used before it is defined", id.0)))?;
            *slot = Some(Array::from_tensor(tensor)?);
        }
        Ok(())
    }

    fn get(&self, id: ValueId) -> Option<&Array> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// One use less; the last one frees the value.
    fn release(&mut self, id: ValueId) {
        let at = id.0 as usize;
        if let (Some(n), Some(slot)) = (self.uses.get_mut(at), self.slots.get_mut(at)) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                *slot = None;
            }
        }
    }

    fn take(&mut self, id: ValueId) -> Result<Array> {
        self.load(id)?;
        let last = self.uses.get_mut(id.0 as usize).is_some_and(|n| {
            *n = n.saturating_sub(1);
            *n == 0
        });
        let slot = self.slot(id)?;
        let array = if last { slot.take() } else { slot.clone() };
        array.ok_or_else(|| failed("an output has no value"))
    }
}

fn step(
    node: &Node<Core>,
    values: &mut Values<'_>,
    options: &Options,
    (depth, draws): (usize, &Cell<u64>),
) -> Result<Vec<Array>> {
    for &id in node.inputs.iter().flatten() {
        values.load(id)?;
    }
    let operands: Vec<Option<&Array>> = node.inputs.iter().map(|i| i.and_then(|id| values.get(id))).collect();
    let results = checked_types(node, &operands, options)?;
    let call = Call { op: &node.op, operands: &operands, results: &results, options, depth, draws };
    let out = kernels::apply(&call)?;
    check_results(&out, &results)?;
    for &id in node.inputs.iter().flatten() {
        values.release(id);
    }
    Ok(out)
}

/// Values up to this many elements are shown to inference, which needs shapes, axes, scales.
const SMALL: usize = 64;

/// Types of the results for these very operands, none of them too large.
fn checked_types(node: &Node<Core>, operands: &[Option<&Array>], options: &Options) -> Result<Vec<TensorType>> {
    let types: Vec<Option<TensorType>> = operands.iter().map(|o| o.map(Array::ty)).collect();
    let small = |o: &Option<&Array>| -> Result<(Option<Tensor>, Option<Known>)> {
        let Some(a) = o.filter(|a| a.len() <= SMALL && a.rank() <= 1) else { return Ok((None, None)) };
        let known = a.dtype().is_int().then(|| a.to_i64s()).transpose()?;
        Ok((Some(a.to_tensor()?), known.map(|v| Known(v.into_iter().map(KnownInt::Value).collect()))))
    };
    let known = operands.iter().map(small).collect::<Result<Vec<_>>>()?;
    let facts: Vec<Option<Operand<'_>>> = types
        .iter()
        .zip(&known)
        .map(|(ty, (constant, known))| {
            ty.as_ref().map(|ty| Operand { ty, constant: constant.as_ref(), known: known.as_ref() })
        })
        .collect();
    let results = infer::infer(&node.op, &facts).map_err(|mut d| {
        d.code = Code::RUN_FAILED;
        d
    })?;
    for ty in &results {
        if let Some(shape) = ty.static_shape() {
            check_size(ty.dtype, &shape, options)?;
        }
    }
    Ok(results)
}

/// Refuses a value that would take too much memory.
pub(crate) fn check_size(dtype: DType, shape: &[usize], options: &Options) -> Result<()> {
    // A string takes a pointer and two lengths, besides its bytes. Axes of 0 must not hide absurd ones beside them.
    let size = if dtype == DType::Str { DType::C128 } else { dtype };
    let whole: Vec<usize> = shape.iter().map(|&n| n.max(1)).collect();
    match byte_len(size, &whole) {
        Ok(n) if n as u64 <= options.value_bytes => Ok(()),
        _ => Err(failed(format!("a result of type {} is too large", TensorType::known(dtype, shape)))
            .expected(format!("at most {} bytes", options.value_bytes))
            .help("the limit can be raised where the interpreter is called")),
    }
}

/// A kernel that breaks its op's type is a defect here, not in the model.
fn check_results(out: &[Array], types: &[TensorType]) -> Result<()> {
    let fits = out.len() == types.len()
        && out.iter().zip(types).all(|(a, ty)| {
            a.dtype() == ty.dtype
                && a.rank() == ty.rank()
                && ty.shape.iter().zip(a.shape()).all(|(d, &n)| d.known().is_none_or(|k| k == n))
        });
    if fits {
        return Ok(());
    }
    let list = |all: Vec<String>| all.join(", ");
    Err(Diagnostic::error(Code::INTERNAL, "a kernel's results have other types than inference says")
        .expected(list(types.iter().map(ToString::to_string).collect()))
        .found(list(out.iter().map(|a| a.ty().to_string()).collect())))
}
