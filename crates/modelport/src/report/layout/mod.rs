//! Where the boxes of a graph go: Sugiyama's way, in layers from top to bottom.
//!
//! Ranks by the longest path, fewer crossings by barycentres (Sugiyama, Tagawa, Toda 1981), places by least squares with the
//! order kept. An edge over several ranks goes through points that take room in each; edges of one box share them. Owns: the
//! geometry of one level. Must never know: what a box stands for.

mod order;
mod place;
mod rank;

/// The height of a box.
pub(crate) const HEIGHT: i32 = 38;
/// Between two ranks.
const GAP: i32 = 34;
/// Between two boxes of a rank.
const SIDE: i32 = 22;
/// Between two edges, or an edge and a box.
const NARROW: i32 = 12;

/// What is to be laid out. Edges lead from a box to a later one; others are left out.
#[derive(Default)]
pub(crate) struct Sketch {
    /// Width of every box.
    pub(crate) widths: Vec<i32>,
    /// From and to, by index.
    pub(crate) edges: Vec<(usize, usize)>,
    /// A point above everything, where edges from outside come in.
    pub(crate) entry: Option<usize>,
    /// A point below everything, where edges leave.
    pub(crate) exit: Option<usize>,
}

/// Where everything is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Layout {
    /// The middle of a box's upper edge.
    pub(crate) boxes: Vec<(i32, i32)>,
    /// The edges with the points that they go through, both ends included, from top to bottom.
    pub(crate) routes: Vec<Route>,
    /// Everything is between 0 and this.
    pub(crate) width: i32,
    /// Everything is between 0 and this.
    pub(crate) height: i32,
}

/// An edge.
#[derive(Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) points: Vec<(i32, i32)>,
}

/// A box, or a point of an edge on its way through a rank.
struct Vertex {
    rank: usize,
    width: i32,
    /// Whether an edge passes here.
    passing: bool,
    up: Vec<usize>,
    down: Vec<usize>,
}

/// Boxes and points by rank; the order of a rank is that from left to right.
struct Net {
    vertices: Vec<Vertex>,
    ranks: Vec<Vec<usize>>,
    /// Every edge as the vertices on its way.
    ways: Vec<Vec<usize>>,
}

/// Lays out a sketch. The same sketch has the same layout everywhere.
pub(crate) fn layout(sketch: &Sketch) -> Layout {
    let count = sketch.widths.len();
    let mut edges: Vec<_> = sketch.edges.iter().copied().filter(|&(a, b)| a < b && b < count).collect();
    edges.sort_unstable();
    edges.dedup();
    if count == 0 {
        return Layout::default();
    }
    let ranks = rank::ranks(count, &edges, sketch.entry, sketch.exit);
    let mut net = rank::net(&sketch.widths, &ranks, &edges);
    order::order(&mut net);
    let x = place::columns(&net);
    let tops = tops(&net, sketch);
    let height_of = |i: usize| if Some(i) == sketch.entry || Some(i) == sketch.exit { 0 } else { HEIGHT };
    let boxes = (0..count).map(|i| (x[i], tops[net.vertices[i].rank])).collect();
    let routes = edges.iter().zip(&net.ways).map(|(&(from, to), way)| {
        let mut points = Vec::with_capacity(way.len() * 2);
        for &v in way {
            let top = tops[net.vertices[v].rank];
            if v != from {
                push(&mut points, (x[v], top));
            }
            if v != to {
                let height = if v == from { height_of(v) } else { HEIGHT };
                push(&mut points, (x[v], top + height));
            }
        }
        Route { from, to, points }
    });
    let routes = routes.collect();
    let right = net.vertices.iter().zip(&x).map(|(v, x)| x + v.width.div_euclid(2)).max().unwrap_or(0);
    let last = net.ranks.len() - 1;
    let height = tops[last] + if net.ranks[last].iter().all(|&v| height_of(v) == 0) { 0 } else { HEIGHT };
    Layout { boxes, routes, width: right + SIDE, height }
}

/// Adds a point; of points on one vertical line only the outermost are kept.
fn push(points: &mut Vec<(i32, i32)>, point: (i32, i32)) {
    if let [.., before, last] = points.as_mut_slice()
        && before.0 == point.0
        && last.0 == point.0
    {
        last.1 = point.1;
    } else {
        points.push(point);
    }
}

/// The upper edge of every rank. Where edges come in or leave there is no box, so it takes less room.
fn tops(net: &Net, sketch: &Sketch) -> Vec<i32> {
    let mut top = if sketch.entry.is_some() { 0 } else { GAP / 2 };
    let mut tops = Vec::with_capacity(net.ranks.len());
    for rank in &net.ranks {
        tops.push(top);
        let port = rank.iter().any(|&v| Some(v) == sketch.entry);
        top += if port { GAP } else { HEIGHT + GAP };
    }
    tops
}

#[cfg(test)]
mod tests;
