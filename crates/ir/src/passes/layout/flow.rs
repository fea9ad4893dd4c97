//! The cheapest labelling of values by two layouts, as a minimum cut (Dinic's algorithm).
//!
//! Owns: the graph algorithm. Must never know: ops, tensors.

/// Where a label is free or given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Choice {
    /// As in the source graph.
    Kept,
    /// Channels first.
    First,
    /// To be decided.
    Free(usize),
}

/// What a labelling costs.
pub(super) struct Costs {
    edges: Vec<Vec<usize>>,
    to: Vec<usize>,
    room: Vec<u64>,
}

const FIRST: usize = 0;
const KEPT: usize = 1;
/// Enough not to be cut.
const NEVER: u64 = 1 << 40;
/// Edges looked at before the search stops with a labelling that may not be the best one: seconds of work, for graphs
/// of a size and shape that no model has.
const MOST_WORK: usize = 100_000_000;

impl Costs {
    pub(super) fn new() -> Self {
        Self { edges: vec![Vec::new(); 2], to: Vec::new(), room: Vec::new() }
    }

    /// A label to be decided.
    pub(super) fn free(&mut self) -> Choice {
        self.edges.push(Vec::new());
        Choice::Free(self.edges.len() - 1)
    }

    fn at(choice: Choice) -> usize {
        match choice {
            Choice::First => FIRST,
            Choice::Kept => KEPT,
            Choice::Free(i) => i,
        }
    }

    fn edge(&mut self, from: usize, to: usize, cost: u64, back: u64) {
        if from == to {
            return;
        }
        for (from, to, room) in [(from, to, cost), (to, from, back)] {
            self.edges[from].push(self.to.len());
            self.to.push(to);
            self.room.push(room);
        }
    }

    /// What it costs that this label is [`Choice::First`].
    pub(super) fn when_first(&mut self, at: Choice, cost: u64) {
        self.edge(Self::at(at), KEPT, cost, 0);
    }

    /// What it costs that this label is [`Choice::Kept`].
    pub(super) fn when_kept(&mut self, at: Choice, cost: u64) {
        self.edge(FIRST, Self::at(at), cost, 0);
    }

    /// What it costs that any of `users` has another label than `source`; once, however many have.
    pub(super) fn when_different(&mut self, source: Choice, users: &[Choice], cost: u64) {
        let source = Self::at(source);
        if let [user] = users {
            return self.edge(source, Self::at(*user), cost, cost);
        }
        let (some_kept, some_first) = (Self::at(self.free()), Self::at(self.free()));
        self.edge(source, some_kept, cost, 0);
        self.edge(some_first, source, cost, 0);
        for &user in users {
            self.edge(some_kept, Self::at(user), NEVER, 0);
            self.edge(Self::at(user), some_first, NEVER, 0);
        }
    }

    /// Decides: whether each label is [`Choice::First`]. Of equally cheap labellings the one with the most of these, but
    /// what has nothing to do with a label that is given as such is kept.
    pub(super) fn decide(mut self) -> Decision {
        let touched = self.connected();
        let mut work = 0;
        while let Some(levels) = self.levels() {
            if work > MOST_WORK {
                break;
            }
            self.augment(levels, &mut work);
        }
        let kept = self.reaching_kept();
        Decision { first: touched.iter().zip(&kept).map(|(t, k)| *t && !k).collect() }
    }

    /// What has to do with `FIRST`: reached over edges of either direction, not through `KEPT`.
    fn connected(&self) -> Vec<bool> {
        let mut seen = vec![false; self.edges.len()];
        seen[FIRST] = true;
        let mut queue = vec![FIRST];
        while let Some(at) = queue.pop() {
            for &e in &self.edges[at] {
                let to = self.to[e];
                if to != KEPT && !std::mem::replace(&mut seen[to], true) {
                    queue.push(to);
                }
            }
        }
        seen
    }

    /// Distances from `FIRST` over edges with room; `None` when `KEPT` cannot be reached.
    fn levels(&self) -> Option<Vec<u32>> {
        let mut level = vec![u32::MAX; self.edges.len()];
        level[FIRST] = 0;
        let mut queue = std::collections::VecDeque::from([FIRST]);
        while let Some(at) = queue.pop_front() {
            for &e in &self.edges[at] {
                if self.room[e] > 0 && level[self.to[e]] == u32::MAX {
                    level[self.to[e]] = level[at] + 1;
                    queue.push_back(self.to[e]);
                }
            }
        }
        (level[KEPT] != u32::MAX).then_some(level)
    }

    /// Fills the shortest paths.
    fn augment(&mut self, mut level: Vec<u32>, work: &mut usize) {
        let mut next = vec![0; self.edges.len()];
        let mut path: Vec<usize> = Vec::new();
        let mut at = FIRST;
        while *work <= MOST_WORK {
            *work += 1;
            if at == KEPT {
                at = self.fill(&mut path);
                continue;
            }
            match self.edges[at].get(next[at]) {
                Some(&e) if self.room[e] > 0 && level[self.to[e]] == level[at].saturating_add(1) => {
                    path.push(e);
                    at = self.to[e];
                }
                Some(_) => next[at] += 1,
                None => {
                    level[at] = u32::MAX;
                    let Some(e) = path.pop() else { return };
                    at = self.to[e ^ 1];
                    next[at] += 1;
                }
            }
        }
    }

    /// Fills one path as far as there is room, and goes back to before its first full edge.
    fn fill(&mut self, path: &mut Vec<usize>) -> usize {
        let amount = path.iter().map(|&e| self.room[e]).min().unwrap_or(0);
        for &e in path.iter() {
            self.room[e] -= amount;
            self.room[e ^ 1] += amount;
        }
        let full = path.iter().position(|&e| self.room[e] == 0).unwrap_or(0);
        let at = path.get(full).map_or(FIRST, |&e| self.to[e ^ 1]);
        path.truncate(full);
        at
    }

    /// What can reach `KEPT` over edges with room.
    fn reaching_kept(&self) -> Vec<bool> {
        let mut seen = vec![false; self.edges.len()];
        seen[KEPT] = true;
        let mut queue = vec![KEPT];
        while let Some(at) = queue.pop() {
            for &e in &self.edges[at] {
                let from = self.to[e];
                if self.room[e ^ 1] > 0 && !std::mem::replace(&mut seen[from], true) {
                    queue.push(from);
                }
            }
        }
        seen
    }
}

/// A labelling.
pub(super) struct Decision {
    first: Vec<bool>,
}

impl Decision {
    /// Whether the label is [`Choice::First`].
    pub(super) fn is_first(&self, choice: Choice) -> bool {
        match choice {
            Choice::First => true,
            Choice::Kept => false,
            Choice::Free(i) => self.first.get(i).copied().unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_cut_where_it_is_cheapest() {
        let mut c = Costs::new();
        let x: Vec<_> = (0..3).map(|_| c.free()).collect();
        c.when_different(Choice::First, &[x[0]], 5);
        c.when_different(x[0], &[x[1]], 2);
        c.when_different(x[1], &[x[2]], 4);
        c.when_different(x[2], &[Choice::Kept], 3);
        let d = c.decide();
        assert_eq!(x.map_to(|c| d.is_first(c)), [true, false, false]);
    }

    #[test]
    fn a_copy_is_paid_once_for_all_users() {
        let mut c = Costs::new();
        let x = c.free();
        // Three users want it kept, one producer gives it first: one copy, wherever the change happens.
        c.when_different(Choice::First, &[x], 10);
        c.when_different(x, &[Choice::Kept, Choice::Kept, Choice::Kept], 9);
        let d = c.decide();
        assert!(d.is_first(x));
    }

    #[test]
    fn what_touches_nothing_is_kept() {
        let mut c = Costs::new();
        let (x, y) = (c.free(), c.free());
        c.when_different(x, &[y], 1);
        let z = c.free();
        c.when_different(Choice::First, &[z], 1);
        let d = c.decide();
        assert!(!d.is_first(x) && !d.is_first(y) && d.is_first(z));
    }

    trait MapTo {
        fn map_to(&self, f: impl Fn(Choice) -> bool) -> Vec<bool>;
    }

    impl MapTo for Vec<Choice> {
        fn map_to(&self, f: impl Fn(Choice) -> bool) -> Vec<bool> {
            self.iter().map(|&c| f(c)).collect()
        }
    }
}
