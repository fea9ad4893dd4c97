//! The order within ranks: few crossings, by sorting each rank by the middle of its neighbours, down and up.
//!
//! Owns: what is left of what. Must never know: how far.

use super::Net;

/// Sweeps down and up; beyond this many vertices fewer.
const SWEEPS: usize = 8;
const MANY: usize = 20_000;

/// Sorts every rank; of all sweeps the order with the fewest crossings stays.
pub(super) fn order(net: &mut Net) {
    let mut position = vec![0usize; net.vertices.len()];
    for rank in &net.ranks {
        number(rank, &mut position);
    }
    let mut best = net.ranks.clone();
    let mut fewest = crossings(net, &position);
    let sweeps = if net.vertices.len() > MANY { 2 } else { SWEEPS };
    for sweep in 0..sweeps {
        if fewest == 0 {
            break;
        }
        let down = sweep % 2 == 0;
        let count = net.ranks.len();
        for i in 0..count {
            let r = if down { i } else { count - 1 - i };
            let mut rank = std::mem::take(&mut net.ranks[r]);
            let middle = |&v: &usize| {
                let near = if down { &net.vertices[v].up } else { &net.vertices[v].down };
                let sum: usize = near.iter().map(|&n| position[n]).sum();
                if near.is_empty() { position[v] as f64 } else { sum as f64 / near.len() as f64 }
            };
            let mut keyed: Vec<_> = rank.iter().map(|v| (middle(v), *v)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rank = keyed.into_iter().map(|(_, v)| v).collect();
            number(&rank, &mut position);
            net.ranks[r] = rank;
        }
        let now = crossings(net, &position);
        if now < fewest {
            fewest = now;
            best.clone_from(&net.ranks);
        }
    }
    net.ranks = best;
}

fn number(rank: &[usize], position: &mut [usize]) {
    for (i, &v) in rank.iter().enumerate() {
        position[v] = i;
    }
}

/// How often edges cross: inversions between neighbouring ranks, counted with a tree of sums (Barth, Jünger, Mutzel 2002).
pub(super) fn crossings(net: &Net, position: &[usize]) -> usize {
    let mut total = 0;
    for (r, rank) in net.ranks.iter().enumerate() {
        let below = net.ranks.get(r + 1).map_or(0, Vec::len);
        let mut sums = vec![0usize; below + 1];
        let mut seen = 0;
        for &v in rank {
            let mut ends: Vec<_> = net.vertices[v].down.iter().map(|&d| position[d]).collect();
            ends.sort_unstable();
            for &end in &ends {
                // Those that end further left, or here, do not cross.
                let (mut at, mut left) = (end + 1, 0);
                while at > 0 {
                    left += sums[at];
                    at &= at - 1;
                }
                total += seen - left;
            }
            for end in ends {
                seen += 1;
                let mut at = end + 1;
                while at <= below {
                    sums[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
    }
    total
}
