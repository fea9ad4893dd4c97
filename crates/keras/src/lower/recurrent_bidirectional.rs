//! `Bidirectional` (keras/src/layers/rnn/bidirectional.py, 3.15).
//!
//! Owns: how two directions are run and merged. Must never know: cells' equations.

use super::call::Call;
use super::recurrent::{cells, initial_states};
use super::recurrent_cell::Cell;
use super::recurrent_fused as fused;
use super::recurrent_layer::{self as layer, Feed, Options, Recurrence, Stack, flipped, swapped};
use super::{Row, row_many};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, Direction, ReduceKind};
use modelport_ir::{Attr, Builder, Op, SourceOp, ValueId};

pub(crate) const ROWS: &[Row] = &[row_many("Bidirectional", bidirectional)];

/// How the outputs of both directions become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merge {
    Concat,
    Sum,
    Average,
    Multiply,
    Apart,
}

fn merge_mode(call: &Call<'_>) -> Result<Merge> {
    Ok(match call.opt_str("merge_mode")? {
        None => Merge::Apart,
        Some("concat") => Merge::Concat,
        Some("sum") => Merge::Sum,
        Some("ave") => Merge::Average,
        Some("mul") => Merge::Multiply,
        Some(other) => return Err(call.bad_argument("merge_mode", "concat, sum, ave, mul or None", other)),
    })
}

fn inner<'a>(call: &Call<'a>, name: &str) -> Result<&'a SourceOp> {
    match call.op.attr(name) {
        Some(Attr::Op(op)) => Ok(op),
        _ => Err(call.missing_argument(name, "a recurrent layer")),
    }
}

fn bidirectional(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (forward, backward) = (inner(call, "forward_layer")?, inner(call, "backward_layer")?);
    let merge = merge_mode(call)?;
    let sides = [cells(call, forward)?, cells(call, backward)?];
    let options = [Options::read(forward), Options::read(backward)];
    let initial = initial_states(call, sides.iter().map(|s| s.states()).sum())?;
    let (mask, x) = (call.mask(0), call.float_x()?);
    if options[0].return_sequences {
        call.set_mask(0, mask);
        if merge == Merge::Apart {
            call.set_mask(1, mask);
        }
    }
    if let (None, [Some(f), Some(b)]) = (mask, [single(&sides[0]), single(&sides[1])])
        && fused::fit_together(f, b)
        && !options[0].go_backwards
        && options[1].go_backwards
    {
        return together(call.b, [f, b], options[0], merge, x, &initial);
    }
    apart(call.b, &sides, options, merge, Feed { x, mask, initial })
}

fn single(stack: &Stack) -> Option<&Cell> {
    match stack.0.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// Both directions in one fused op.
fn together(
    b: &mut Builder,
    cells: [&Cell; 2],
    options: Options,
    merge: Merge,
    x: ValueId,
    initial: &[ValueId],
) -> Result<Vec<ValueId>> {
    let x = if options.time_major { x } else { swapped(b, x)? };
    let (forward, backward) = initial.split_at(initial.len() / 2);
    let mut states = Vec::with_capacity(forward.len());
    for (&f, &r) in forward.iter().zip(backward) {
        let both = [b.unsqueeze(f, &[0])?, b.unsqueeze(r, &[0])?];
        states.push(b.concat(&both, 0)?);
    }
    let results = fused::op(b, &cells, Direction::Bidirectional, x, &states, None)?;
    let missing = || Diagnostic::error(Code::INTERNAL, "a recurrent op has a sequence and states");
    let (&y, finals) = results.split_first().ok_or_else(missing)?;
    let h = *finals.first().ok_or_else(missing)?;
    let mut out = if options.return_sequences {
        sequence(b, y, merge, options.time_major)?
    } else {
        // direction, batch, units
        stacked(b, h, merge, 0, &[1, 0, 2])?
    };
    if options.return_state {
        let mut last = [Vec::new(), Vec::new()];
        for &s in finals {
            for (direction, side) in directions(b, s, 0)?.into_iter().zip(&mut last) {
                side.push(direction);
            }
        }
        out.extend(last.into_iter().flatten());
    }
    Ok(out)
}

/// y is time, direction, batch, units.
fn sequence(b: &mut Builder, y: ValueId, merge: Merge, time_major: bool) -> Result<Vec<ValueId>> {
    let perm: &[usize] = if time_major { &[0, 2, 1, 3] } else { &[2, 0, 1, 3] };
    let merged = stacked(b, y, merge, 1, perm)?;
    if time_major || merge == Merge::Concat {
        return Ok(merged);
    }
    merged.into_iter().map(|v| swapped(b, v)).collect()
}

/// The values of both directions, side by side along `axis`.
fn directions(b: &mut Builder, x: ValueId, axis: i64) -> Result<Vec<ValueId>> {
    let pieces = b.add(Op::Split { axis, sizes: vec![1, 1] }, &[Some(x)])?;
    pieces.into_iter().map(|p| b.squeeze(p, &[axis])).collect()
}

/// Merges over the direction `axis`; `perm` moves it before the last for concatenation.
fn stacked(b: &mut Builder, x: ValueId, merge: Merge, axis: i64, perm: &[usize]) -> Result<Vec<ValueId>> {
    let kind = match merge {
        Merge::Sum => ReduceKind::Sum,
        Merge::Average => ReduceKind::Mean,
        Merge::Multiply => ReduceKind::Prod,
        Merge::Apart => return directions(b, x, axis),
        Merge::Concat => {
            let moved = b.transpose(x, perm)?;
            let width = b.shape(x).last().and_then(modelport_ir::Dim::known).unwrap_or(0);
            let mut shape = vec![0; b.rank(x) - 2];
            shape.push(2 * width as i64);
            return Ok(vec![b.reshape(moved, &shape)?]);
        }
    };
    Ok(vec![b.reduce(kind, x, &[axis], false)?])
}

/// Each direction on its own.
fn apart(b: &mut Builder, sides: &[Stack; 2], options: [Options; 2], merge: Merge, feed: Feed) -> Result<Vec<ValueId>> {
    let mut results = Vec::with_capacity(2);
    let mut start = 0;
    for (i, ((side, options), scope)) in sides.iter().zip(options).zip(["forward", "backward"]).enumerate() {
        let wanted = if feed.initial.is_empty() { 0 } else { side.states() };
        let initial = feed.initial.iter().skip(start).take(wanted).copied().collect();
        start += wanted;
        b.push_scope(scope);
        // Keras turns the backward result only; a forward layer that goes backwards keeps its own order.
        let out = layer::run(b, side, options, &Feed { initial, ..feed.clone() }, i == 1 && options.go_backwards);
        b.pop_scope();
        let mut out = out?;
        if let (1, true, Some(y)) = (i, options.return_sequences && !options.go_backwards, out.first_mut()) {
            *y = flipped(b, *y, if options.time_major { 0 } else { 1 })?;
        }
        results.push(out);
    }
    let mut rest = Vec::new();
    let mut outputs = Vec::new();
    for side in results {
        if let Some((&first, states)) = side.split_first() {
            outputs.push(first);
            rest.extend_from_slice(states);
        }
    }
    let &[f, r] = outputs.as_slice() else { return Err(Diagnostic::error(Code::INTERNAL, "two directions")) };
    let mut out = match merge {
        Merge::Concat => vec![b.concat(&[f, r], -1)?],
        Merge::Sum => vec![b.binary(BinaryOp::Add, f, r)?],
        Merge::Multiply => vec![b.binary(BinaryOp::Mul, f, r)?],
        Merge::Average => {
            let sum = b.binary(BinaryOp::Add, f, r)?;
            vec![b.binary_scalar(BinaryOp::Mul, sum, 0.5)?]
        }
        Merge::Apart => vec![f, r],
    };
    out.extend(rest);
    Ok(out)
}
