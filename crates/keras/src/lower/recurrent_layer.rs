//! What all recurrent layers share: time axis, direction, mask, states, results (keras/src/layers/rnn/rnn.py, 3.15;
//! `time_major` is Keras 2's).
//!
//! Owns: the frame around a recurrence. Must never know: the cells' equations.

use super::recurrent_cell::Cell;
use super::recurrent_fused as fused;
use super::recurrent_mask::Compaction;
use super::recurrent_shapes::{self as shapes, From};
use super::recurrent_steps::{self as steps, Outcome};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, Builder, SourceOp, ValueId};

/// A recurrence over the first axis.
pub(super) trait Recurrence {
    /// The number of states.
    fn states(&self) -> usize;
    /// Which state is the output.
    fn output_state(&self) -> usize;
    /// Runs over `x` (time, batch, …) from the initial states (zeros when empty).
    fn run(
        &self,
        b: &mut Builder,
        x: ValueId,
        initial: &[ValueId],
        lengths: Option<ValueId>,
        backwards: bool,
    ) -> Result<Outcome>;
}

/// Cells one above the other (`StackedRNNCells`), most often one.
pub(super) struct Stack(pub(super) Vec<Cell>);

impl Recurrence for Stack {
    fn states(&self) -> usize {
        self.0.iter().map(|c| c.kind.states()).sum()
    }

    fn output_state(&self) -> usize {
        self.states().saturating_sub(self.0.last().map_or(0, |c| c.kind.states()))
    }

    fn run(
        &self,
        b: &mut Builder,
        x: ValueId,
        initial: &[ValueId],
        lengths: Option<ValueId>,
        backwards: bool,
    ) -> Result<Outcome> {
        let (mut sequence, mut states, mut rest) = (x, Vec::new(), initial);
        for cell in &self.0 {
            let (own, others) = rest.split_at(cell.kind.states().min(rest.len()));
            rest = others;
            let outcome = run_cell(b, cell, sequence, own, lengths, backwards)?;
            sequence = outcome.sequence;
            states.extend(outcome.states);
        }
        Ok(Outcome { sequence, states })
    }
}

fn run_cell(
    b: &mut Builder,
    cell: &Cell,
    x: ValueId,
    initial: &[ValueId],
    lengths: Option<ValueId>,
    backwards: bool,
) -> Result<Outcome> {
    if fused::fits(cell) {
        return fused::run(b, cell, x, initial, lengths, backwards);
    }
    let projected = cell.project(b, x)?;
    let mut states = initial.to_vec();
    if states.is_empty() {
        let dims = [From::Dim(projected, 1), From::Size(cell.units as i64)];
        let zeros = shapes::zeros(b, b.dtype(projected), &dims)?;
        states = vec![zeros; cell.kind.states()];
    }
    steps::run(b, cell, projected, &states, lengths, backwards)
}

/// The arguments that all recurrent layers have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) return_sequences: bool,
    pub(super) return_state: bool,
    pub(super) go_backwards: bool,
    pub(super) time_major: bool,
    pub(super) zero_output_for_mask: bool,
}

impl Options {
    /// From a layer's config.
    pub(super) fn read(op: &SourceOp) -> Self {
        let flag = |name: &str| op.attr(name).and_then(Attr::as_bool).unwrap_or(false);
        Self {
            return_sequences: flag("return_sequences"),
            return_state: flag("return_state"),
            go_backwards: flag("go_backwards"),
            time_major: flag("time_major"),
            zero_output_for_mask: flag("zero_output_for_mask"),
        }
    }
}

/// What a recurrent layer works on.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) x: ValueId,
    pub(super) mask: Option<ValueId>,
    /// Initial states, or none for zeros.
    pub(super) initial: Vec<ValueId>,
}

/// Swaps batch and time.
pub(super) fn swapped(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let rank = b.rank(x);
    if rank < 2 {
        return Err(Diagnostic::error(Code::KERAS_ARGUMENT, "a sequence must have a batch and a time axis")
            .found(b.ty(x).to_string()));
    }
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(0, 1);
    b.transpose(x, &perm)
}

/// Reverses an axis.
pub(super) fn flipped(b: &mut Builder, x: ValueId, axis: i64) -> Result<ValueId> {
    b.slice_axis(x, axis, -1, i64::MIN + 1, -1)
}

/// The results of a layer: its output, then the final states. With `time_order` the output sequence of a layer that
/// goes backwards stands in the order of its input (as `Bidirectional` turns it), else in that of iteration.
pub(super) fn run(
    b: &mut Builder,
    recurrence: &dyn Recurrence,
    options: Options,
    feed: &Feed,
    time_order: bool,
) -> Result<Vec<ValueId>> {
    let (output, mut states) = match feed.mask {
        Some(mask) => masked(b, recurrence, options, feed, mask)?,
        None => plain(b, recurrence, options, feed)?,
    };
    let turn = options.return_sequences && options.go_backwards && !time_order;
    let axis = if options.time_major { 0 } else { 1 };
    let mut results = vec![if turn { flipped(b, output, axis)? } else { output }];
    if options.return_state {
        results.append(&mut states);
    }
    Ok(results)
}

fn plain(b: &mut Builder, r: &dyn Recurrence, options: Options, feed: &Feed) -> Result<(ValueId, Vec<ValueId>)> {
    let x = if options.time_major { feed.x } else { swapped(b, feed.x)? };
    let outcome = r.run(b, x, &feed.initial, None, options.go_backwards)?;
    let output = if !options.return_sequences {
        last_output(r, &outcome)?
    } else if options.time_major {
        outcome.sequence
    } else {
        swapped(b, outcome.sequence)?
    };
    Ok((output, outcome.states))
}

/// The h of the last cell.
fn last_output(r: &dyn Recurrence, outcome: &Outcome) -> Result<ValueId> {
    outcome
        .states
        .get(r.output_state())
        .copied()
        .ok_or_else(|| Diagnostic::error(Code::INTERNAL, "a recurrence without states"))
}

fn masked(
    b: &mut Builder,
    r: &dyn Recurrence,
    options: Options,
    feed: &Feed,
    mask: ValueId,
) -> Result<(ValueId, Vec<ValueId>)> {
    let (mut x, mut mask) = (feed.x, mask);
    if options.time_major {
        (x, mask) = (swapped(b, x)?, swapped(b, mask)?);
    }
    let plan = Compaction::plan(b, mask, options.go_backwards)?;
    let x = plan.compact(b, x)?;
    let x = swapped(b, x)?;
    let lengths = if options.return_state { Some(plan.lengths(b)?) } else { None };
    let outcome = r.run(b, x, &feed.initial, lengths, false)?;
    let y = swapped(b, outcome.sequence)?;
    let mut states = Vec::new();
    if options.return_state {
        for (i, &s) in outcome.states.iter().enumerate() {
            states.push(plan.state(b, s, feed.initial.get(i).copied())?);
        }
    }
    let output = if !options.return_sequences {
        plan.last(b, y, options.zero_output_for_mask)?
    } else {
        let y = plan.spread(b, y, options.zero_output_for_mask)?;
        if options.time_major { swapped(b, y)? } else { y }
    };
    Ok((output, states))
}
