//! Equal nodes on equal operands are one.

use super::super::net::Net;
use crate::{NodeId, Op, ValueId};
use std::collections::HashMap;

/// Merges nodes that compute the same.
pub(super) fn merge(net: &mut Net) {
    let mut seen: HashMap<(String, Vec<Option<ValueId>>), NodeId> = HashMap::new();
    for id in net.ids().filter(|&id| !net.is_dead(id)).collect::<Vec<_>>() {
        if is_one_of_a_kind(&net.node(id).op) {
            continue;
        }
        let key = (format!("{:?}", net.node(id).op), net.node(id).inputs.clone());
        let first = *seen.entry(key).or_insert(id);
        if first == id {
            continue;
        }
        let pairs: Vec<_> = net.node(id).outputs.iter().copied().zip(net.node(first).outputs.iter().copied()).collect();
        if pairs.iter().all(|&(old, new)| net.can_replace(old, new)) {
            pairs.into_iter().for_each(|(old, new)| net.replace(old, new));
        }
    }
}

/// Random numbers are drawn anew by each node; bodies are long to compare, and what an op of another runtime does is not known.
fn is_one_of_a_kind(op: &Op) -> bool {
    op.draws() || matches!(op, Op::If { .. } | Op::Loop { .. } | Op::Custom { .. })
}
