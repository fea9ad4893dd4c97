//! Random inputs in the range that a graph was made for.

use super::sizes;
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{CoreGraph, DType, Op, Tensor, ValueId};

/// Strings of the graph that its inputs are drawn from.
const WORDS: usize = 1 << 12;

/// SplitMix64: small, and the same on every machine for a seed that a report names.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `low..high`.
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (self.next() >> 11) as f64 / (1u64 << 53) as f64 * (high - low)
    }
}

/// One random tensor for every graph input, by name.
///
/// # Errors
/// When an input is too large to be made.
pub fn random_inputs(graph: &CoreGraph, seed: u64) -> Result<Vec<(String, Tensor)>> {
    let mut random = Random::new(seed);
    graph
        .inputs()
        .iter()
        .zip(sizes::shapes(graph))
        .map(|(&id, shape)| {
            let value = graph.value(id);
            if value.ty.dtype == DType::Str {
                return Ok((value.name.clone(), words(graph, &shape, &mut random)?));
            }
            let (low, high) = range(graph, id);
            let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&n| n < 1 << 32).unwrap_or(0);
            let whole = !value.ty.dtype.is_float();
            let mut draw = || random.uniform(low, high);
            let values: Vec<f64> = (0..count).map(|_| if whole { draw().floor() } else { draw() }).collect();
            Ok((value.name.clone(), Tensor::from_f64s(value.ty.dtype, &shape, &values)?))
        })
        .collect()
}

/// Strings: those that the graph itself knows, and one that it does not.
fn words(graph: &CoreGraph, shape: &[usize], random: &mut Random) -> Result<Tensor> {
    let known = graph.values().filter_map(|(id, _)| graph.constant(id)?.strings()).flatten();
    let mut words: Vec<Vec<u8>> = known.take(WORDS).cloned().collect();
    words.push(b"word".to_vec());
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&n| n < 1 << 24).unwrap_or(0);
    let pick = |_| words.get(random.uniform(0.0, words.len() as f64) as usize).cloned().unwrap_or_default();
    Tensor::from_strings(shape.to_vec(), (0..count).map(pick).collect())
}

/// The range an input is meant for: indices stay inside of the table that they look up, pixels that the graph scales
/// down are pixels, bools are bools, everything else is around zero.
fn range(graph: &CoreGraph, id: ValueId) -> (f64, f64) {
    if graph.ty(id).dtype == DType::Bool {
        return (0.0, 2.0);
    }
    let mut bound: Option<f64> = None;
    let mut pixels = false;
    for node in graph.nodes() {
        if !reaches(graph, id, node.inputs.iter().flatten()) {
            continue;
        }
        match &node.op {
            Op::Gather { axis } => {
                let table = node.inputs.first().copied().flatten().filter(|&t| t != id);
                let rows = table.and_then(|t| graph.ty(t).shape.get(usize::try_from(*axis).ok()?)?.known());
                bound = rows.map(|r| bound.map_or(r as f64, |b| b.min(r as f64))).or(bound);
            }
            Op::Binary(BinaryOp::Mul) => pixels |= scalar(graph, &node.inputs).is_some_and(|s| s.abs() < 0.05),
            Op::Binary(BinaryOp::Div) => pixels |= scalar(graph, &node.inputs).is_some_and(|s| s.abs() > 20.0),
            _ => {}
        }
    }
    match (graph.ty(id).dtype.is_float(), bound) {
        (_, Some(rows)) => (0.0, rows),
        (true, None) if pixels => (0.0, 255.0),
        (true, None) => (-1.0, 1.0),
        (false, None) if pixels => (0.0, 256.0),
        (false, None) => (0.0, 5.0),
    }
}

/// Whether the value, or a cast of it, is among the operands.
fn reaches<'a>(graph: &CoreGraph, id: ValueId, operands: impl Iterator<Item = &'a ValueId>) -> bool {
    let base = |mut v: ValueId| {
        while let Some(node) = graph.producer(v) {
            match (&node.op, node.inputs.first().copied().flatten()) {
                (Op::Cast { .. } | Op::Transpose { .. }, Some(x)) => v = x,
                _ => break,
            }
        }
        v
    };
    operands.copied().any(|v| base(v) == id)
}

fn scalar(graph: &CoreGraph, operands: &[Option<ValueId>]) -> Option<f64> {
    let constants = operands.iter().flatten().filter_map(|&v| graph.constant(v));
    constants.filter(|t| t.len() == 1).find_map(|t| t.to_f64s().ok()?.first().copied())
}
