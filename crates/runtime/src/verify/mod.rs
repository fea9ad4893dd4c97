//! Verification: several ways to compute a model's outputs are compared, and the result is a report one can hand on.
//!
//! Owns: random inputs, comparison, the report. Must never know: file formats other than ONNX's, which only tract
//! sees; who wrote the source.

mod compare;
mod inputs;
mod layers;
mod report;
mod sizes;

pub use compare::{OutputReport, compare, tolerance};
pub use inputs::{Random, random_inputs};
pub use layers::{LayerReport, compare_layers};
pub use report::{Comparison, Divergence, FileDigest, InputUsed, Report};

use crate::Array;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{CoreGraph, DType, Tensor};
use std::collections::HashMap;

/// The element type of least precision that the graph computes with.
pub fn coarsest_dtype(graph: &CoreGraph) -> DType {
    let has = |dtype| graph.values().any(|(_, v)| v.ty.dtype == dtype);
    [DType::BF16, DType::F16].into_iter().find(|&d| has(d)).unwrap_or(DType::F32)
}

/// Runs the interpreter on tensors given by name, in the order of the graph's inputs.
///
/// # Errors
/// `VF0003` when an input is missing or has another type than the graph's, or whatever the interpreter finds.
pub fn interpret(graph: &CoreGraph, inputs: &[(String, Tensor)]) -> Result<Vec<Tensor>> {
    let arrays = arrays_for(graph, inputs)?;
    crate::run(graph, arrays)?.into_iter().map(|a| a.to_tensor()).collect()
}

fn arrays_for(graph: &CoreGraph, inputs: &[(String, Tensor)]) -> Result<Vec<Array>> {
    graph
        .inputs()
        .iter()
        .map(|&id| {
            let name = &graph.value(id).name;
            let tensor = inputs.iter().find(|(n, _)| n == name).map(|(_, t)| t).ok_or_else(|| {
                Diagnostic::error(Code::VERIFY_FAILED, format!("there is no value for the input `{name}`"))
                    .found(inputs.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", "))
                    .help("recorded inputs are called `in:<name>` in the .npz file")
            })?;
            Array::from_tensor(tensor)
        })
        .collect()
}

/// The first node whose values differ between the interpreter and another engine. `probe` gives the other engine's
/// values by name; values are compared without their order, because the layout pass moves axes.
///
/// # Errors
/// When the interpreter or the other engine fails.
pub fn first_divergence(
    graph: &CoreGraph,
    inputs: &[(String, Tensor)],
    tolerance: f64,
    probe: impl FnOnce(&[String]) -> Result<Vec<Option<Tensor>>>,
) -> Result<Option<Divergence>> {
    let mut names = Vec::new();
    let mut ours: HashMap<String, Vec<f64>> = HashMap::new();
    let mut failed = None;
    crate::run_observed(graph, arrays_for(graph, inputs)?, &mut |node, values| {
        for (id, value) in node.outputs.iter().zip(values) {
            let name = graph.value(*id).name.clone();
            match value.to_tensor().and_then(|t| sorted(&t)) {
                Ok(values) if !name.is_empty() => {
                    names.push(name.clone());
                    ours.insert(name, values);
                }
                Ok(_) => {}
                Err(e) => failed = Some(e),
            }
        }
    })?;
    failed.map_or(Ok(()), Err)?;
    let theirs = probe(&names)?;
    for (name, tensor) in names.iter().zip(theirs) {
        let (Some(tensor), Some(ours)) = (tensor, ours.get(name)) else { continue };
        let theirs = sorted(&tensor)?;
        let magnitude = ours.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // A fused activation gives a value of one name before or after it; another count is another value.
        if ours.len() == theirs.len() && apart > tolerance * magnitude {
            return Ok(Some(Divergence { node: name.clone(), max_abs: apart, magnitude }));
        }
    }
    Ok(None)
}

fn sorted(tensor: &Tensor) -> Result<Vec<f64>> {
    let mut values = tensor.to_f64s()?;
    values.sort_by(f64::total_cmp);
    Ok(values)
}
