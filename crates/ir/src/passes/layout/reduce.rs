//! Reductions: axes move with the layout; without `keepdims` the result may have none left.

use super::super::axes;
use super::forms::{Ctx, Form, Operand};
use crate::Op;

pub(super) fn first(c: Ctx<'_>) -> Option<Form> {
    let rank = c.rank(0);
    if rank < 3 {
        return None;
    }
    let (list, keep) = match &c.node.op {
        Op::Reduce { axes, keepdims, .. } => (axes::normal_or_all(axes, rank)?, *keepdims),
        Op::ArgReduce { axis, keepdims, .. } => (vec![axes::normal(*axis, rank)?], *keepdims),
        _ => return None,
    };
    let mut moved: Vec<i64> = list.iter().map(|&a| axes::moved(a, rank) as i64).collect();
    moved.sort_unstable();
    let landed = if keep { true } else { axes::landing(&left(rank, &list))? };
    let op = match &c.node.op {
        Op::Reduce { kind, keepdims, .. } => Op::Reduce { kind: *kind, axes: moved, keepdims: *keepdims },
        Op::ArgReduce { kind, keepdims, select_last, .. } => {
            let axis = moved.first().copied()?;
            Op::ArgReduce { kind: *kind, axis, keepdims: *keepdims, select_last: *select_last }
        }
        _ => return None,
    };
    Some(Form::new(op, vec![Operand::First], vec![landed]))
}

/// The order in which the result's axes come out when axes of a channels-first operand are dropped.
pub(super) fn left(rank: usize, dropped: &[usize]) -> Vec<usize> {
    let kept: Vec<usize> = (0..rank).filter(|a| !dropped.contains(a)).collect();
    axes::first(rank).iter().filter_map(|a| kept.iter().position(|k| k == a)).collect()
}
