//! Blocks: nodes whose paths begin alike, so that a large graph can be looked at from afar.
//!
//! Owns: which nodes make a block. Must never know: where it is drawn.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A level of more boxes than this is cut into parts.
const MOST: usize = 200;
/// The boxes of a part.
const PART: usize = 50;
/// Blocks within blocks.
const DEEPEST: usize = 12;

/// A box of a level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Node(usize),
    Block(Block),
}

/// Nodes that are drawn as one box, or as a frame around theirs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    /// The end of the path that the nodes share.
    pub(crate) label: String,
    /// Boxes; every edge leads to a later one.
    pub(crate) items: Vec<Item>,
    /// Every node inside.
    pub(crate) nodes: Vec<usize>,
}

/// What is drawn.
pub(crate) struct Plan<'a> {
    /// Paths of nodes; `None` for what stays outside of blocks: the graph's inputs and outputs.
    pub(crate) paths: Vec<Option<&'a str>>,
    /// The nodes that each node leads to, which are later ones.
    pub(crate) next: Vec<Vec<usize>>,
}

/// The whole graph as a block of blocks. What is a block can be drawn as one box: no path leaves it and comes back.
pub(crate) fn blocks(plan: &Plan<'_>) -> Block {
    let nodes: Vec<_> = (0..plan.paths.len()).collect();
    let items = level(plan, &nodes, 0, 0, &mut vec![usize::MAX; nodes.len()]);
    Block { label: String::new(), items, nodes }
}

/// The boxes of nodes whose paths are alike up to `from`. In `owner` is nobody before and after.
fn level(plan: &Plan<'_>, nodes: &[usize], from: usize, depth: usize, owner: &mut [usize]) -> Vec<Item> {
    let mut items: Vec<(Item, usize)> = if depth < DEEPEST {
        grouped(plan, nodes, from)
    } else {
        nodes.iter().map(|&n| (Item::Node(n), from)).collect()
    };
    // A block that a path leaves and comes back to is opened, until there is none.
    let order = loop {
        let (order, cyclic) = sorted(plan, &items, owner);
        if cyclic.is_empty() {
            break order;
        }
        let mut opened = Vec::with_capacity(items.len());
        for (i, (item, end)) in items.into_iter().enumerate() {
            match item {
                Item::Block(block) if cyclic.contains(&i) => opened.extend(grouped(plan, &block.nodes, end)),
                item => opened.push((item, end)),
            }
        }
        items = opened;
    };
    let mut items: Vec<_> = items.into_iter().map(Some).collect();
    let in_order = order.into_iter().filter_map(|i| items.get_mut(i).and_then(Option::take));
    let filled = in_order.map(|(item, end)| match item {
        Item::Block(mut block) => {
            block.items = level(plan, &block.nodes, end, depth + 1, owner);
            Item::Block(block)
        }
        node @ Item::Node(_) => node,
    });
    parts(filled.collect())
}

/// Cuts a level with too many boxes into consecutive parts of about the same size.
fn parts(mut items: Vec<Item>) -> Vec<Item> {
    while items.len() > MOST {
        let count = items.len().div_ceil(PART);
        let mut cut = Vec::with_capacity(count);
        for i in 0..count {
            let rest = items.split_off(items.len() / (count - i));
            let nodes: Vec<_> = items.iter().flat_map(nodes_of).copied().collect();
            cut.push(Item::Block(Block { label: format!("part {} of {count}", i + 1), nodes, items }));
            items = rest;
        }
        items = cut;
    }
    items
}

fn nodes_of(item: &Item) -> &[usize] {
    match item {
        Item::Node(n) => std::slice::from_ref(n),
        Item::Block(block) => &block.nodes,
    }
}

/// Nodes by the next piece of their paths; with each the length of the path so far. Pieces that all share make no block.
fn grouped(plan: &Plan<'_>, nodes: &[usize], mut from: usize) -> Vec<(Item, usize)> {
    let inner = nodes.iter().filter(|&&n| plan.paths.get(n).is_some_and(Option::is_some)).count();
    loop {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for &n in nodes {
            if let Some(path) = plan.paths.get(n).copied().flatten()
                && let Some(end) = piece(path, from)
            {
                groups.entry(path.get(from..end).unwrap_or_default()).or_default().push(n);
            }
        }
        if let Some((shared, group)) = groups.first_key_value()
            && group.len() == inner
        {
            from += shared.len() + 1;
            continue;
        }
        groups.retain(|_, group| group.len() > 1);
        let grouped: HashSet<_> = groups.values().flatten().copied().collect();
        let alone = nodes.iter().filter(|n| !grouped.contains(n)).map(|&n| (Item::Node(n), from));
        let mut items: Vec<_> = alone.collect();
        for (label, nodes) in groups {
            let end = from + label.len() + 1;
            items.push((Item::Block(Block { label: label.to_owned(), nodes, items: Vec::new() }), end));
        }
        return items;
    }
}

/// Where the piece of a path that begins at `from` ends: at a `/`, or as in `block_1_expand` at a `_` after a number. The last
/// piece has no end: it is the node's own.
fn piece(path: &str, from: usize) -> Option<usize> {
    let rest = path.get(from..)?;
    let mut before = ' ';
    let mut letters = false;
    for (i, c) in rest.char_indices() {
        let more = i > 0 && i + 1 < rest.len();
        if more && (c == '/' || (c == '_' && before.is_ascii_digit() && letters)) {
            return Some(from + i);
        }
        letters |= c.is_alphabetic();
        before = c;
    }
    None
}

/// The order in which every edge leads to a later item, of those that can come next the one with the earliest node; and the
/// items that have no place in one because they are on a cycle.
fn sorted(plan: &Plan<'_>, items: &[(Item, usize)], owner: &mut [usize]) -> (Vec<usize>, Vec<usize>) {
    let first: Vec<_> = items.iter().map(|(item, _)| nodes_of(item).first().copied().unwrap_or(0)).collect();
    let edges = between(plan, items, owner);
    let (mut followers, mut leaders) = (vec![Vec::new(); items.len()], vec![Vec::new(); items.len()]);
    for (a, b) in edges {
        followers[a].push(b);
        leaders[b].push(a);
    }
    let order = taken(&followers, &leaders, &first);
    // What is left is on a cycle or behind one; what is behind one can be taken from the other end.
    let mut left = vec![true; items.len()];
    order.iter().for_each(|&i| left[i] = false);
    if order.len() < items.len() {
        taken(&leaders, &followers, &first).iter().for_each(|&i| left[i] = false);
    }
    (order, (0..items.len()).filter(|&i| left[i]).collect())
}

/// Takes items that no other has to come before, one after the other.
fn taken(followers: &[Vec<usize>], leaders: &[Vec<usize>], first: &[usize]) -> Vec<usize> {
    let mut waits: Vec<_> = leaders.iter().map(Vec::len).collect();
    let mut free: BTreeSet<_> = (0..waits.len()).filter(|&i| waits[i] == 0).map(|i| (first[i], i)).collect();
    let mut order = Vec::with_capacity(waits.len());
    while let Some((_, i)) = free.pop_first() {
        order.push(i);
        for &next in &followers[i] {
            waits[next] -= 1;
            if waits[next] == 0 {
                free.insert((first[next], next));
            }
        }
    }
    order
}

/// Edges between different items.
fn between(plan: &Plan<'_>, items: &[(Item, usize)], owner: &mut [usize]) -> BTreeSet<(usize, usize)> {
    let all = || items.iter().enumerate().flat_map(|(i, (item, _))| nodes_of(item).iter().map(move |&n| (n, i)));
    all().for_each(|(n, i)| owner[n] = i);
    let ends = all().flat_map(|(n, i)| plan.next[n].iter().map(move |&to| (i, to)));
    let edges = ends.map(|(i, to)| (i, owner[to])).filter(|&(a, b)| a != b && b != usize::MAX).collect();
    all().for_each(|(n, _)| owner[n] = usize::MAX);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a{b c} d`: the blocks of a graph as text, with the names of nodes.
    fn show(names: &[&str], items: &[Item]) -> String {
        let one = |item: &Item| match item {
            Item::Node(n) => names[*n].rsplit('/').next().unwrap().to_owned(),
            Item::Block(b) => format!("{}{{{}}}", b.label, show(names, &b.items)),
        };
        items.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn found(names: &[&str], edges: &[(usize, usize)]) -> String {
        show(names, &blocks(&plan(names, edges)).items)
    }

    fn plan<'a>(names: &[&'a str], edges: &[(usize, usize)]) -> Plan<'a> {
        let mut next = vec![Vec::new(); names.len()];
        edges.iter().for_each(|&(a, b)| next[a].push(b));
        Plan { paths: names.iter().map(|n| Some(*n)).collect(), next }
    }

    fn chain(n: usize) -> Vec<(usize, usize)> {
        (1..n).map(|i| (i - 1, i)).collect()
    }

    #[test]
    fn paths_and_numbered_names_make_blocks() {
        let names = ["stem", "layer1/0/conv", "layer1/0/relu", "layer1/1/conv", "layer1/1/relu", "fc"];
        assert_eq!(found(&names, &chain(6)), "stem layer1{0{conv relu} 1{conv relu}} fc");
        let names = ["Conv1", "block_1_expand", "block_1_BN", "block_2_expand", "block_2_BN", "conv2d_1", "conv2d_2"];
        assert_eq!(
            found(&names, &chain(7)),
            "Conv1 block_1{block_1_expand block_1_BN} block_2{block_2_expand block_2_BN} conv2d_1 conv2d_2"
        );
    }

    #[test]
    fn what_all_share_makes_no_block() {
        assert_eq!(found(&["m/a/x", "m/a/y", "m/b/x", "m/b/y"], &chain(4)), "a{x y} b{x y}");
        assert_eq!(found(&["m/a/x"], &[]), "x");
        assert_eq!(found(&["/", "//", "", "a/"], &chain(4)).split(' ').count(), 4);
    }

    #[test]
    fn a_block_that_a_path_comes_back_to_is_opened() {
        // The cell is used twice, with something else in between.
        let names = ["cell/w/a", "cell/w/b", "other", "cell/v/a", "cell/v/b"];
        assert_eq!(found(&names, &chain(5)), "w{a b} other v{a b}");
        let names = ["c/a", "other", "c/b"];
        assert_eq!(found(&names, &chain(3)), "a other b");
    }

    #[test]
    fn large_levels_are_cut_into_parts_and_deep_paths_end() {
        let names: Vec<String> = (0..20_000).map(|i| format!("n{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = plan(&names, &chain(20_000));
        fn check(block: &Block, seen: &mut Vec<usize>) {
            assert!(block.items.len() <= MOST);
            for item in &block.items {
                match item {
                    Item::Node(n) => seen.push(*n),
                    Item::Block(b) => check(b, seen),
                }
            }
        }
        let mut seen = Vec::new();
        check(&blocks(&plan), &mut seen);
        assert_eq!(seen, (0..20_000).collect::<Vec<_>>());
        let deep: Vec<String> = (1..400).map(|i| "a/".repeat(i)).collect();
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        assert!(found(&deep, &chain(399)).contains('{'));
    }
}
