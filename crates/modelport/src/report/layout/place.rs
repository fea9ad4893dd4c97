//! The places within ranks: everything as near to its neighbours above and below as the order and the gaps allow.
//!
//! Owns: the middle of every box and point. Must never know: which order would be better.

use super::{NARROW, Net, SIDE};

/// Rounds down and up.
const ROUNDS: usize = 6;
/// What has no neighbour in a direction stays where it is, if nobody else minds.
const INERT: f64 = 0.01;

/// The middle of every vertex; the leftmost box begins at [`SIDE`].
pub(super) fn columns(net: &Net) -> Vec<i32> {
    let mut x = vec![0.0; net.vertices.len()];
    for rank in &net.ranks {
        let gaps = gaps(net, rank);
        let half: f64 = gaps.last().copied().unwrap_or(0.0) / 2.0;
        for (&v, at) in rank.iter().zip(gaps) {
            x[v] = at - half;
        }
    }
    for round in 0..ROUNDS {
        for (up, down) in [(true, false), (false, true)] {
            sweep(net, &mut x, up, down);
        }
        if round + 1 == ROUNDS {
            sweep(net, &mut x, true, true);
        }
    }
    let left = net.vertices.iter().zip(&x).map(|(v, x)| x - f64::from(v.width) / 2.0);
    let shift = f64::from(SIDE) - left.fold(f64::INFINITY, f64::min);
    x.iter().map(|x| (x + shift).round() as i32).collect()
}

/// The nearest place to the left end that each vertex of a rank can have.
fn gaps(net: &Net, rank: &[usize]) -> Vec<f64> {
    let mut at = 0.0;
    let mut all = Vec::with_capacity(rank.len());
    for (i, &v) in rank.iter().enumerate() {
        if let Some(&before) = i.checked_sub(1).and_then(|i| rank.get(i)) {
            let (a, b) = (&net.vertices[before], &net.vertices[v]);
            let side = if a.passing || b.passing { NARROW } else { SIDE };
            at += f64::from(side) + f64::from(a.width + b.width) / 2.0;
        }
        all.push(at);
    }
    all
}

/// One sweep over all ranks, from the top where neighbours above count.
fn sweep(net: &Net, x: &mut [f64], up: bool, down: bool) {
    let count = net.ranks.len();
    for i in 0..count {
        let rank = &net.ranks[if up { i } else { count - 1 - i }];
        let gaps = gaps(net, rank);
        let wish = |v: usize| {
            let vertex = &net.vertices[v];
            let above = vertex.up.iter().filter(|_| up);
            let near = above.chain(vertex.down.iter().filter(|_| down));
            let (mut sum, mut weight) = (INERT * x[v], INERT);
            for &n in near {
                // Long edges are to be straight before all.
                let w = match (vertex.passing, net.vertices[n].passing) {
                    (true, true) => 8.0,
                    (true, false) | (false, true) => 2.0,
                    (false, false) => 1.0,
                };
                sum += w * x[n];
                weight += w;
            }
            (sum / weight, weight)
        };
        let wishes: Vec<_> = rank.iter().zip(&gaps).map(|(&v, gap)| (wish(v), gap)).collect();
        let wishes: Vec<_> = wishes.into_iter().map(|((x, w), gap)| (x - gap, w)).collect();
        for ((&v, at), gap) in rank.iter().zip(never_falling(&wishes)).zip(gaps) {
            x[v] = at + gap;
        }
    }
}

/// The sequence that never falls and is nearest to the wishes in weighted squares: neighbours that would fall are joined
/// to their mean.
fn never_falling(wishes: &[(f64, f64)]) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for &(x, weight) in wishes {
        let mut block = (x, weight, 1);
        while let Some(&(before, w, n)) = blocks.last().filter(|b| b.0 > block.0) {
            let sum = w + block.1;
            block = ((before * w + block.0 * block.1) / sum, sum, n + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(x, _, n)| std::iter::repeat_n(x, n)).collect()
}
