//! Control flow: bodies are graphs of their own, run by the interpreter.

use super::Call;
use crate::Array;
use crate::run::run_nested;
use modelport_diag::Result;
use modelport_ir::CoreGraph;
use ndarray::{ArrayD, IxDyn};

fn body(c: &Call<'_>, graph: &CoreGraph, inputs: Vec<Array>) -> Result<Vec<Array>> {
    c.require(c.depth < c.options.depth, || format!("control flow is nested deeper than {}", c.options.depth))?;
    run_nested(graph, inputs, c.options, (c.depth + 1, c.draws), None)
}

fn truth(c: &Call<'_>, a: &Array) -> Result<bool> {
    a.view::<bool>().and_then(|a| a.first().copied()).ok_or_else(|| c.error("the condition must be one truth value"))
}

/// Operands from `first` on, all of which must be there.
fn passed(c: &Call<'_>, first: usize) -> Result<Vec<Array>> {
    (first..c.operands.len()).map(|i| c.x(i).cloned()).collect()
}

pub(super) fn branch(c: &Call<'_>, yes: &CoreGraph, no: &CoreGraph) -> Result<Vec<Array>> {
    let graph = if truth(c, c.x(0)?)? { yes } else { no };
    body(c, graph, passed(c, 1)?)
}

pub(super) fn repeat(c: &Call<'_>, carried: usize, graph: &CoreGraph) -> Result<Vec<Array>> {
    let trips = if c.opt(0).is_some() { c.int(0)? } else { i64::MAX };
    let mut go_on = c.opt(1).map_or(Ok(true), |a| truth(c, a))?;
    let mut state = passed(c, 2)?;
    let captures = state.split_off(carried.min(state.len()));
    let scans = graph.outputs().len().saturating_sub(carried + 1);
    let mut collected: Vec<Vec<Array>> = vec![Vec::new(); scans];
    let mut trip = 0i64;
    while go_on && trip < trips {
        let limit = c.options.iterations;
        c.require(trip.unsigned_abs() < limit, || format!("the loop did not end within {limit} iterations"))?;
        let mut inputs = vec![Array::scalar(trip), Array::scalar(true)];
        fit(graph, &mut inputs)?;
        inputs.append(&mut state);
        inputs.extend(captures.iter().cloned());
        let mut results = body(c, graph, inputs)?.into_iter();
        go_on = truth(c, &results.next().ok_or_else(|| c.error("the body has no condition"))?)?;
        state = results.by_ref().take(carried).collect();
        for (all, element) in collected.iter_mut().zip(results) {
            let shape = [&[all.len() + 1], element.shape()].concat();
            c.check_size(element.dtype(), &shape)?;
            all.push(element);
        }
        trip += 1;
    }
    for (i, elements) in collected.into_iter().enumerate() {
        state.push(stacked(c, elements, graph, carried + 1 + i)?);
    }
    Ok(state)
}

/// Iteration and condition are scalars or vectors of one element, as the body has them.
fn fit(graph: &CoreGraph, inputs: &mut [Array]) -> Result<()> {
    for (input, &id) in inputs.iter_mut().zip(graph.inputs()) {
        *input = input.reshape(&vec![1; graph.ty(id).rank()])?;
    }
    Ok(())
}

/// Scan elements as one value; without any, its type comes from the body.
fn stacked(c: &Call<'_>, elements: Vec<Array>, graph: &CoreGraph, output: usize) -> Result<Array> {
    if let Some(first) = elements.first() {
        let alike = elements.iter().all(|e| e.shape() == first.shape());
        c.require(alike, || "scan outputs differ from one iteration to the next".to_owned())?;
        let (sources, n): (Vec<&Array>, _) = (elements.iter().collect(), first.len());
        let shape = [&[elements.len()], first.shape()].concat();
        let mut places = (0..elements.len()).flat_map(|e| (0..n).map(move |at| Some((e, at))));
        return Array::gathered(&sources, &shape, &mut places);
    }
    let ty =
        graph.outputs().get(output).map(|o| graph.ty(o.value)).ok_or_else(|| c.error("a scan output is missing"))?;
    let shape: Vec<usize> = std::iter::once(0).chain(ty.shape.iter().map(|d| d.known().unwrap_or(0))).collect();
    c.check_size(ty.dtype, &shape)?;
    let none = Array::from(ArrayD::<f32>::zeros(IxDyn(&shape)));
    none.cast(ty.dtype)
}
