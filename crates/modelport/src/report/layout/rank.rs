//! Ranks, and the points of edges that pass through them.
//!
//! Owns: which rank a box is in. Must never know: what is left and right.

use super::{Net, Vertex};

/// The rank of every box: the longest way from a box that nothing leads to. A box that nothing leads to, as a constant,
/// stands right above the first that it leads to.
pub(super) fn ranks(count: usize, edges: &[(usize, usize)], entry: Option<usize>, exit: Option<usize>) -> Vec<usize> {
    let lowest = usize::from(entry.is_some());
    let mut ranks = vec![lowest; count];
    let mut led_to = vec![false; count];
    if let Some(entry) = entry {
        ranks[entry] = 0;
    }
    // Sorted by their beginnings, whose ranks are final when their turn comes: edges lead to later boxes only.
    for &(from, to) in edges {
        ranks[to] = ranks[to].max(ranks[from] + 1);
        led_to[to] = true;
    }
    let mut nearest = vec![usize::MAX; count];
    for &(from, to) in edges {
        nearest[from] = nearest[from].min(ranks[to]);
    }
    for i in (0..count).filter(|&i| Some(i) != entry) {
        if !led_to[i] && nearest[i] != usize::MAX {
            ranks[i] = nearest[i] - 1;
        }
    }
    if let Some(exit) = exit {
        let others = ranks.iter().enumerate().filter(|&(i, _)| i != exit);
        ranks[exit] = others.map(|(_, &r)| r + 1).max().unwrap_or(0);
    }
    ranks
}

/// Boxes and points of edges by rank. All edges of a box pass through the same points as long as they go on.
pub(super) fn net(widths: &[i32], ranks: &[usize], edges: &[(usize, usize)]) -> Net {
    let vertex = |(&width, &rank): (&i32, &usize)| Vertex { rank, width, passing: false, up: vec![], down: vec![] };
    let mut vertices: Vec<_> = widths.iter().zip(ranks).map(vertex).collect();
    let mut ways = Vec::with_capacity(edges.len());
    let mut trunk: Vec<usize> = Vec::new();
    for &(from, to) in edges {
        if trunk.first() != Some(&from) {
            trunk = vec![from];
        }
        let steps = ranks[to].saturating_sub(ranks[from]);
        while trunk.len() < steps {
            let above = trunk[trunk.len() - 1];
            let passing = vertices.len();
            vertices[above].down.push(passing);
            let rank = ranks[from] + trunk.len();
            vertices.push(Vertex { rank, width: 0, passing: true, up: vec![above], down: vec![] });
            trunk.push(passing);
        }
        let mut way: Vec<_> = trunk.iter().copied().take(steps).collect();
        if let Some(&last) = way.last() {
            vertices[last].down.push(to);
            vertices[to].up.push(last);
        }
        way.push(to);
        ways.push(way);
    }
    let mut by_rank = vec![Vec::new(); ranks.iter().max().map_or(0, |r| r + 1)];
    for (i, v) in vertices.iter().enumerate() {
        by_rank[v.rank].push(i);
    }
    Net { vertices, ranks: by_rank, ways }
}
