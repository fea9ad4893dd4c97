//! The levels of a drawing: every block with its boxes laid out as if all blocks inside were closed. The page's script makes
//! room where one is opened.
//!
//! Owns: widths of boxes, and the order of the data. Must never know: where a box comes to lie.

use super::DrawnNode;
use super::blocks::{Block, Item, Plan, blocks};
use crate::report::layout::{Sketch, layout};
use serde::Serialize;

/// Width of a letter in a box, in tenths, and the letters that fit.
const LETTER: usize = 68;
const LETTERS: usize = 30;
const NARROWEST: i32 = 84;

/// A block, or the whole graph.
#[derive(Debug, Serialize)]
pub(crate) struct Level {
    /// The end of its path.
    pub(crate) label: String,
    /// Nodes in it, and in blocks in it.
    pub(crate) count: usize,
    /// Width when it is open.
    pub(crate) width: i32,
    /// Height when it is open.
    pub(crate) height: i32,
    /// Boxes: whether a level (1), a node (0), or where edges come in or leave (2); its number; middle, top and width.
    pub(crate) boxes: Vec<(u8, usize, i32, i32, i32)>,
    /// Edges: from and to as indices of boxes, then the points, x and y in turns.
    pub(crate) edges: Vec<(usize, usize, Vec<i32>)>,
}

/// All levels; the whole graph first, each before those in it.
pub(super) fn levels(nodes: &[DrawnNode], plan: &Plan<'_>) -> Vec<Level> {
    let whole = blocks(plan);
    let mut before = vec![Vec::new(); nodes.len()];
    for (from, list) in plan.next.iter().enumerate() {
        list.iter().for_each(|&to| before[to].push(from));
    }
    let mut maker = Maker { nodes, plan, before, owner: vec![usize::MAX; nodes.len()], levels: Vec::new() };
    maker.level(&whole);
    maker.levels
}

struct Maker<'a> {
    nodes: &'a [DrawnNode],
    plan: &'a Plan<'a>,
    before: Vec<Vec<usize>>,
    owner: Vec<usize>,
    levels: Vec<Level>,
}

/// The width of a box for a text.
pub(super) fn width(letters: usize) -> i32 {
    ((letters.min(LETTERS) * LETTER / 10) as i32 + 18).max(NARROWEST)
}

impl Maker<'_> {
    /// Lays out a block and those in it; its number.
    fn level(&mut self, block: &Block) -> usize {
        let number = self.levels.len();
        self.levels.push(Level {
            label: block.label.clone(),
            count: block.nodes.len(),
            width: 0,
            height: 0,
            boxes: Vec::new(),
            edges: Vec::new(),
        });
        let sketch = self.sketch(block);
        let found = layout(&sketch);
        let mut boxes = Vec::with_capacity(found.boxes.len());
        let ahead = usize::from(sketch.entry.is_some());
        for (i, &(x, y)) in found.boxes.iter().enumerate() {
            let (kind, index) = match i.checked_sub(ahead).and_then(|i| block.items.get(i)) {
                Some(Item::Node(n)) => (0, *n),
                Some(Item::Block(inner)) => (1, self.level(inner)),
                None => (2, 0),
            };
            boxes.push((kind, index, x, y, sketch.widths[i]));
        }
        let flat = |points: Vec<(i32, i32)>| points.into_iter().flat_map(|(x, y)| [x, y]).collect();
        let edges = found.routes.into_iter().map(|r| (r.from, r.to, flat(r.points)));
        let level = &mut self.levels[number];
        (level.width, level.height) = (found.width, found.height);
        level.edges = edges.collect();
        level.boxes = boxes;
        number
    }

    fn sketch(&mut self, block: &Block) -> Sketch {
        for (i, item) in block.items.iter().enumerate() {
            inside(item).iter().for_each(|&n| self.owner[n] = i);
        }
        let (mut edges, mut ins, mut outs) = (Vec::new(), Vec::new(), Vec::new());
        for &n in &block.nodes {
            let i = self.owner[n];
            for &to in &self.plan.next[n] {
                match self.owner[to] {
                    usize::MAX => outs.push(i),
                    j => edges.push((i, j)),
                }
            }
            ins.extend(self.before[n].iter().filter(|&&from| self.owner[from] == usize::MAX).map(|_| i));
        }
        block.nodes.iter().for_each(|&n| self.owner[n] = usize::MAX);
        let mut sketch = Sketch::default();
        let ahead = usize::from(!ins.is_empty());
        if ahead == 1 {
            sketch.entry = Some(0);
            sketch.widths.push(1);
        }
        sketch.widths.extend(block.items.iter().map(|item| self.width(item)));
        let end = sketch.widths.len();
        if !outs.is_empty() {
            sketch.exit = Some(end);
            sketch.widths.push(1);
        }
        let entering = ins.into_iter().map(|i| (0, i + ahead));
        let leaving = outs.into_iter().map(|i| (i + ahead, end));
        sketch.edges = edges.into_iter().map(|(a, b)| (a + ahead, b + ahead)).chain(entering).chain(leaving).collect();
        sketch
    }

    fn width(&self, item: &Item) -> i32 {
        width(match item {
            Item::Node(n) => {
                let node = &self.nodes[*n];
                let below = if node.op.is_empty() { node.results.first().map_or("", |r| &r.1) } else { &node.op };
                below.chars().count().max(node.short.chars().count())
            }
            // `label` and `12 nodes`, with a sign to open it.
            Item::Block(block) => block.label.chars().count().max(9) + 3,
        })
    }
}

fn inside(item: &Item) -> &[usize] {
    match item {
        Item::Node(n) => std::slice::from_ref(n),
        Item::Block(block) => &block.nodes,
    }
}
