//! Branches: `Merge` nodes over what `Switch` nodes of one predicate let through become one `If`.

use super::{Flat, Kind, MADE};
use crate::graph::body::Ref;
use crate::graph::library::Library;
use modelport_diag::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A `Merge` whose branches are whole.
struct Ready {
    merge: usize,
    /// What the merge gets when the predicate is false, and when it is true.
    sides: [Ref; 2],
    nodes: [BTreeSet<usize>; 2],
}

/// Turns all branches that have no other construct inside that was not turned yet; whether there was one.
pub(super) fn turn(flat: &mut Flat, library: &Library) -> Result<bool> {
    // One `If` must not need its own results: what waits for other merges of the predicate, as a gradient does, is another.
    let depths = depths(flat);
    let mut by_predicate: BTreeMap<(Ref, usize), Vec<Ready>> = BTreeMap::new();
    for at in 0..flat.body.nodes.len() {
        if flat.kind(at) != Kind::Merge || flat.replaced.contains_key(&Ref::Node(at, 0)) {
            continue;
        }
        if let Some((predicate, ready)) = ready(flat, at) {
            let depth = depths.get(at).copied().unwrap_or(0);
            by_predicate.entry((predicate, depth)).or_default().push(ready);
        }
    }
    let turned = !by_predicate.is_empty();
    for ((predicate, _), merges) in by_predicate {
        one(flat, library, predicate, &merges)?;
    }
    Ok(turned)
}

/// How many merges at most stand one behind the other before each node, and at it. What a loop carries back is not counted.
fn depths(flat: &Flat) -> Vec<usize> {
    let mut depths: Vec<Option<usize>> = vec![None; flat.body.nodes.len()];
    let mut seen = vec![false; depths.len()];
    let node = |r: &Ref| if let Ref::Node(at, _) = flat.now(*r) { Some(at) } else { None };
    for start in 0..depths.len() {
        let mut next = vec![start];
        while let Some(&at) = next.last() {
            let done = |at: usize| depths.get(at).copied().flatten();
            let carried = flat.kind(at) == Kind::Next;
            let inputs = flat.inputs.get(at).filter(|_| !carried).into_iter().flatten().filter_map(node);
            let first = seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
            let open = next.len();
            if first {
                next.extend(inputs.clone().filter(|i| done(*i).is_none()));
            }
            // The second time all that it takes is counted, but for what stands in a circle.
            if next.len() == open {
                let before = inputs.filter_map(done).max().unwrap_or(0);
                let own = done(at).unwrap_or(before + usize::from(flat.kind(at) == Kind::Merge));
                if let Some(d) = depths.get_mut(at) {
                    *d = Some(own);
                }
                next.pop();
            }
        }
    }
    depths.into_iter().map(|d| d.unwrap_or(0)).collect()
}

/// The predicate of a merge, and what is on its sides.
fn ready(flat: &Flat, merge: usize) -> Option<(Ref, Ready)> {
    let [a, b] = [flat.input(merge, 0)?, flat.input(merge, 1)?];
    let is_switch = |r: Ref| matches!(r, Ref::Node(at, _) if flat.kind(at) == Kind::Switch);
    let (first, second) = (flat.inside(&[a], &is_switch)?, flat.inside(&[b], &is_switch)?);
    let (p, side) = switch_of(flat, a, &first).or_else(|| {
        let (p, side) = switch_of(flat, b, &second)?;
        Some((p, 1 - side))
    })?;
    let (sides, nodes) = if side == 0 { ([a, b], [first, second]) } else { ([b, a], [second, first]) };
    Some((p, Ready { merge, sides, nodes }))
}

/// The predicate that a side depends on, and for which value of it the side counts: from a value that was let through, or
/// from what its constants wait for.
fn switch_of(flat: &Flat, end: Ref, nodes: &BTreeSet<usize>) -> Option<(Ref, usize)> {
    let switch = |r: Ref| match flat.now(r) {
        Ref::Node(at, side) if flat.kind(at) == Kind::Switch => Some((flat.input(at, 1)?, side.min(1))),
        _ => None,
    };
    let data = nodes.iter().flat_map(|n| flat.inputs.get(*n).into_iter().flatten());
    if let Some(found) = std::iter::once(&end).chain(data).find_map(|r| switch(*r)) {
        return Some(found);
    }
    let waits = nodes.iter().flat_map(|n| flat.control.get(*n).into_iter().flatten());
    waits.copied().find_map(|at| match flat.kind(at) {
        Kind::Switch => None,
        _ => flat.inputs.get(at)?.iter().find_map(|r| switch(*r)),
    })
}

fn one(flat: &mut Flat, library: &Library, predicate: Ref, merges: &[Ready]) -> Result<()> {
    let mut given: Vec<Ref> = Vec::new();
    let mut numbers: HashMap<Ref, usize> = HashMap::new();
    let mut nodes = [BTreeSet::new(), BTreeSet::new()];
    for ready in merges {
        for (all, own) in nodes.iter_mut().zip(&ready.nodes) {
            all.extend(own);
        }
    }
    let used = nodes.iter().flatten().flat_map(|n| flat.inputs.get(*n).into_iter().flatten());
    let ends = merges.iter().flat_map(|m| m.sides.iter());
    let all: BTreeSet<usize> = used.chain(ends).filter_map(|r| switch_at(flat, *r)).collect();
    for switch in all {
        let Some(data) = flat.input(switch, 0) else { continue };
        let at = given.iter().position(|g| *g == data).unwrap_or_else(|| {
            given.push(data);
            given.len() - 1
        });
        numbers.extend([(Ref::Node(switch, 0), at), (Ref::Node(switch, 1), at)]);
    }
    let name = merges.first().map_or("cond", |m| flat.name(m.merge)).to_owned();
    let names = ["else", "then"].map(|part| format!("{MADE}{}/{name}/{part}", flat.body.name));
    for side in 0..2 {
        let results: Vec<Ref> = merges.iter().map(|m| m.sides[side]).collect();
        library.add(flat.function(names[side].clone(), &nodes[side], (given.len(), &numbers), &results)?);
    }
    let mut inputs = vec![predicate];
    inputs.extend(given);
    let path = format!("{name}/If");
    let node = flat.add(&path, "If", &[("then_branch", &names[1]), ("else_branch", &names[0])], inputs);
    for (i, ready) in merges.iter().enumerate() {
        flat.replaced.insert(Ref::Node(ready.merge, 0), Ref::Node(node, i));
    }
    Ok(())
}

fn switch_at(flat: &Flat, at: Ref) -> Option<usize> {
    match flat.now(at) {
        Ref::Node(node, _) if flat.kind(node) == Kind::Switch => Some(node),
        _ => None,
    }
}
