//! Recurrence written out in core ops: unrolled over a short known time axis, else as a `Loop`. For cells that no fused
//! op expresses.
//!
//! Owns: the iteration. Must never know: which cell it iterates.

use super::recurrent_shapes as shapes;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::BinaryOp;
use modelport_ir::{Builder, DType, Op, TensorType, ValueId};

/// One step of a recurrence.
pub(super) trait Step {
    /// The new states; the first is also the output. `x` is the step's projected input.
    fn step(&self, b: &mut Builder, x: ValueId, states: &[ValueId]) -> Result<Vec<ValueId>>;
}

/// What a recurrence gives.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The outputs of all steps, time first, in the order of the input.
    pub(super) sequence: ValueId,
    /// The states after the last step.
    pub(super) states: Vec<ValueId>,
}

/// Longer time axes become a `Loop`.
const MOST_UNROLLED: usize = 32;

/// Iterates over the first axis of `x`, from its end when `backwards`. Steps at or beyond `lengths` (i32, one per
/// batch element) leave the states as they are.
pub(super) fn run(
    b: &mut Builder,
    cell: &dyn Step,
    x: ValueId,
    states: &[ValueId],
    lengths: Option<ValueId>,
    backwards: bool,
) -> Result<Outcome> {
    match b.shape(x).first().and_then(modelport_ir::Dim::known) {
        Some(time) if (1..=MOST_UNROLLED).contains(&time) => unrolled(b, cell, x, time, states, lengths, backwards),
        time => looped(b, cell, x, time, states, lengths, backwards),
    }
}

/// The states after one step, or as they were where the step is beyond the length.
fn guarded(
    b: &mut Builder,
    cell: &dyn Step,
    x: ValueId,
    states: &[ValueId],
    live: Option<ValueId>,
) -> Result<Vec<ValueId>> {
    let new = cell.step(b, x, states)?;
    let Some(live) = live else { return Ok(new) };
    let mut kept = Vec::with_capacity(new.len());
    for (&new, &old) in new.iter().zip(states) {
        let axes: Vec<i64> = (1..b.rank(new) as i64).collect();
        let live = b.unsqueeze(live, &axes)?;
        kept.push(b.one(Op::Where, &[live, new, old])?);
    }
    Ok(kept)
}

fn unrolled(
    b: &mut Builder,
    cell: &dyn Step,
    x: ValueId,
    time: usize,
    states: &[ValueId],
    lengths: Option<ValueId>,
    backwards: bool,
) -> Result<Outcome> {
    let slices = b.add(Op::Split { axis: 0, sizes: vec![1; time] }, &[Some(x)])?;
    let mut states = states.to_vec();
    let mut outputs = Vec::with_capacity(time);
    for k in 0..time {
        let at = if backwards { time - 1 - k } else { k };
        let slice = *slices.get(at).ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a slice for every step"))?;
        let slice = b.squeeze(slice, &[0])?;
        let live = match lengths {
            Some(l) => {
                let step = b.scalar(DType::I32, at as f64);
                Some(b.binary(BinaryOp::Less, step, l)?)
            }
            None => None,
        };
        states = guarded(b, cell, slice, &states, live)?;
        let output = first(&states)?;
        outputs.push(b.unsqueeze(output, &[0])?);
    }
    if backwards {
        outputs.reverse();
    }
    let sequence = b.concat(&outputs, 0)?;
    Ok(Outcome { sequence, states })
}

fn first(states: &[ValueId]) -> Result<ValueId> {
    states.first().copied().ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a cell without states"))
}

fn looped(
    b: &mut Builder,
    cell: &dyn Step,
    x: ValueId,
    time: Option<usize>,
    states: &[ValueId],
    lengths: Option<ValueId>,
    backwards: bool,
) -> Result<Outcome> {
    let x = if backwards { b.slice_axis(x, 0, -1, i64::MIN + 1, -1)? } else { x };
    let n = b.dim(x, 0)?;
    let trips = b.squeeze(n, &[0])?;
    let mut outer: Vec<TensorType> = states.iter().map(|&s| b.ty(s).clone()).collect();
    outer.push(b.ty(x).clone());
    let lengths_type = lengths.map(|l| b.ty(l).clone());
    let body = body(cell, &b.scope(), &outer, lengths_type, backwards)?;
    let mut operands = vec![Some(trips), None];
    operands.extend(states.iter().copied().chain([x]).chain(lengths).map(Some));
    let mut results = b.add(Op::Loop { carried: states.len(), body: Box::new(body) }, &operands)?;
    let scanned = results.pop().ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a loop without results"))?;
    let sequence = shapes::with_first_dim(b, scanned, time)?;
    let sequence = if backwards { b.slice_axis(sequence, 0, -1, i64::MIN + 1, -1)? } else { sequence };
    Ok(Outcome { sequence, states: results })
}

/// The body of the loop: (iteration, condition, states…, x, lengths?) → (condition, states…, output).
fn body(
    cell: &dyn Step,
    scope: &str,
    outer: &[TensorType],
    lengths: Option<TensorType>,
    backwards: bool,
) -> Result<modelport_ir::CoreGraph> {
    let mut b = Builder::new(format!("{scope}/body"));
    b.push_scope(scope);
    let iteration = b.input("iteration", TensorType::known(DType::I64, &[]));
    let condition = b.input("condition", TensorType::known(DType::Bool, &[]));
    let mut values = Vec::with_capacity(outer.len());
    for (i, ty) in outer.iter().enumerate() {
        values.push(b.input(format!("value_{i}"), ty.clone()));
    }
    let x = values.pop().ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a loop over nothing"))?;
    let live = match lengths {
        Some(ty) => {
            let lengths = b.input("lengths", ty);
            let mut at = iteration;
            if backwards {
                // The input is reversed: step k is time n−1−k.
                let n = b.dim(x, 0)?;
                let n = b.squeeze(n, &[0])?;
                let last = b.binary_scalar(BinaryOp::Sub, n, 1.0)?;
                at = b.binary(BinaryOp::Sub, last, at)?;
            }
            let at = b.cast(at, DType::I32)?;
            Some(b.binary(BinaryOp::Less, at, lengths)?)
        }
        None => None,
    };
    let slice = b.one(Op::Gather { axis: 0 }, &[x, iteration])?;
    let states = guarded(&mut b, cell, slice, &values, live)?;
    b.output("condition", condition);
    for (i, &s) in states.iter().enumerate() {
        b.output(format!("state_{i}"), s);
    }
    b.output("output", first(&states)?);
    Ok(b.finish())
}
