//! Values inside two graphs, held against each other by name.
//!
//! Owns: which values correspond. Must never know: how either graph came about.

use super::{arrays_for, sorted};
use modelport_diag::Result;
use modelport_ir::{CoreGraph, Tensor};
use serde::Serialize;
use std::collections::HashMap;

/// How far a value inside the model is apart in the two graphs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// The value's name.
    pub name: String,
    /// The largest difference; values are compared in order of size, because the layout pass moves axes.
    pub max_abs: f64,
    /// The largest magnitude.
    pub magnitude: f64,
}

/// Runs both graphs with the interpreter and compares every value that has a name in both and as many elements, in the order
/// in which the first computes them.
///
/// # Errors
/// When the interpreter fails on either.
pub fn compare_layers(
    (graph, inputs): (&CoreGraph, &[(String, Tensor)]),
    (other, feed): (&CoreGraph, &[(String, Tensor)]),
) -> Result<Vec<LayerReport>> {
    let mut order = Vec::new();
    let mut ours = HashMap::new();
    observe(graph, inputs, &mut |name, values| {
        order.push(name.clone());
        ours.insert(name, values);
    })?;
    let mut apart = HashMap::new();
    observe(other, feed, &mut |name, theirs| {
        let Some(values) = ours.get(&name).filter(|v| v.len() == theirs.len()) else { return };
        let difference = |(a, b): (&f64, &f64)| if a == b { 0.0 } else { (a - b).abs() };
        let max_abs = values.iter().zip(&theirs).map(difference).fold(0.0, f64::max);
        let magnitude = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        apart.insert(name.clone(), LayerReport { name, max_abs, magnitude });
    })?;
    Ok(order.into_iter().filter_map(|name| apart.remove(&name)).collect())
}

fn observe(graph: &CoreGraph, inputs: &[(String, Tensor)], seen: &mut dyn FnMut(String, Vec<f64>)) -> Result<()> {
    let mut failed = None;
    crate::run_observed(graph, arrays_for(graph, inputs)?, &mut |node, values| {
        for (id, value) in node.outputs.iter().zip(values) {
            let name = graph.value(*id).name.clone();
            match value.to_tensor().and_then(|t| sorted(&t)) {
                Ok(values) if !name.is_empty() => seen(name, values),
                Ok(_) => {}
                Err(e) => failed = Some(e),
            }
        }
    })?;
    failed.map_or(Ok(()), Err)
}
