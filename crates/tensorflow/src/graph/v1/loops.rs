//! Loops: the frame that `Enter` nodes name becomes one `While`.

use super::{Flat, Kind, MADE, wrong};
use crate::graph::body::Ref;
use crate::graph::library::Library;
use modelport_diag::Result;
use modelport_proto::tensorflow::attr_value::Value;
use std::collections::{BTreeMap, HashMap};

/// A loop.
#[derive(Debug, Default)]
struct Frame {
    /// Values that change: where they enter, where old and new ones meet, where the new ones come from.
    carried: Vec<Carried>,
    /// `Enter` nodes of values that stay.
    fixed: Vec<usize>,
    /// The condition.
    condition: Option<Ref>,
}

#[derive(Debug)]
struct Carried {
    enter: usize,
    merge: usize,
    next: usize,
    /// The node that lets a value into the body or out of the loop.
    switch: Option<usize>,
}

/// Turns all loops that have no other construct inside that was not turned yet; whether there was one.
pub(super) fn turn(flat: &mut Flat, library: &Library) -> Result<bool> {
    let mut turned = false;
    for (name, frame) in frames(flat)? {
        turned |= one(flat, library, &name, &frame)?;
    }
    Ok(turned)
}

/// The loops that are left, by the name of their frame.
fn frames(flat: &Flat) -> Result<BTreeMap<String, Frame>> {
    let mut frames: BTreeMap<String, Frame> = BTreeMap::new();
    let mut merges: HashMap<usize, (usize, usize)> = HashMap::new();
    let mut switches: HashMap<usize, usize> = HashMap::new();
    for at in 0..flat.body.nodes.len() {
        match (flat.kind(at), flat.input(at, 0), flat.input(at, 1)) {
            (Kind::Merge, Some(Ref::Node(enter, _)), Some(Ref::Node(next, _)))
                if flat.kind(enter) == Kind::Enter && flat.kind(next) == Kind::Next =>
            {
                merges.insert(enter, (at, next));
            }
            (Kind::Switch, Some(Ref::Node(merge, 0)), _) if flat.kind(merge) == Kind::Merge => {
                switches.insert(merge, at);
            }
            _ => {}
        }
    }
    for at in 0..flat.body.nodes.len() {
        if flat.kind(at) != Kind::Enter {
            continue;
        }
        let node = flat.body.node(at)?;
        let Some(Value::S(frame)) = node.attr.get("frame_name").and_then(|f| f.value.as_ref()) else {
            return Err(wrong("a loop has no name", &node.name));
        };
        let frame = frames.entry(String::from_utf8_lossy(frame).into_owned()).or_default();
        let Some(&(merge, next)) = merges.get(&at) else {
            frame.fixed.push(at);
            continue;
        };
        let switch = switches.get(&merge).copied();
        if let Some(condition) = switch.and_then(|s| flat.input(s, 1)) {
            frame.condition = Some(condition);
        }
        frame.carried.push(Carried { enter: at, merge, next, switch });
    }
    frames.retain(|_, f| f.condition.is_some());
    Ok(frames)
}

fn one(flat: &mut Flat, library: &Library, name: &str, frame: &Frame) -> Result<bool> {
    // A frame that was turned has no exit left that is not replaced.
    let exits = exits(flat, frame);
    let (Some(condition), false) = (frame.condition, exits.is_empty()) else { return Ok(false) };
    let mut before: HashMap<Ref, usize> = HashMap::new();
    let mut inside: HashMap<Ref, usize> = HashMap::new();
    let mut given = Vec::new();
    let mut results = Vec::new();
    let missing = |at: usize| wrong("a node of a loop has no input", flat.name(at));
    for (i, carried) in frame.carried.iter().enumerate() {
        before.insert(Ref::Node(carried.merge, 0), i);
        inside.insert(Ref::Node(carried.merge, 0), i);
        inside.extend(carried.switch.map(|s| (Ref::Node(s, 1), i)));
        given.push(flat.input(carried.enter, 0).ok_or_else(|| missing(carried.enter))?);
        results.push(flat.input(carried.next, 0).ok_or_else(|| missing(carried.next))?);
    }
    for (i, enter) in frame.fixed.iter().enumerate() {
        let i = frame.carried.len() + i;
        before.insert(Ref::Node(*enter, 0), i);
        inside.insert(Ref::Node(*enter, 0), i);
        given.push(flat.input(*enter, 0).ok_or_else(|| missing(*enter))?);
        results.push(Ref::Node(*enter, 0));
    }
    // LoopCond hands its operand on.
    let condition = match condition {
        Ref::Node(at, _) if flat.body.node(at)?.op == "LoopCond" => flat.input(at, 0).ok_or_else(|| missing(at))?,
        other => other,
    };
    let Some(asked) = flat.inside(&[condition], &|r| before.contains_key(&r)) else { return Ok(false) };
    let Some(done) = flat.inside(&results, &|r| inside.contains_key(&r)) else { return Ok(false) };
    let names = ["cond", "body"].map(|part| format!("{MADE}{}/{name}/{part}", flat.body.name));
    library.add(flat.function(names[0].clone(), &asked, (given.len(), &before), &[condition])?);
    library.add(flat.function(names[1].clone(), &done, (given.len(), &inside), &results)?);
    let path = format!("{}/While", name.trim_end_matches('/'));
    let node = flat.add(&path, "While", &[("cond", &names[0]), ("body", &names[1])], given);
    for (exit, i) in exits {
        flat.replaced.insert(Ref::Node(exit, 0), Ref::Node(node, i));
    }
    Ok(true)
}

/// The nodes that let values out of the loop and are not replaced yet.
fn exits(flat: &Flat, frame: &Frame) -> Vec<(usize, usize)> {
    let switch = |at: usize| frame.carried.iter().position(|c| c.switch == Some(at));
    let exit = |at: usize| match (flat.kind(at), flat.inputs.get(at)?.first()?) {
        (Kind::Exit, Ref::Node(from, 0)) => Some((at, switch(*from)?)),
        _ => None,
    };
    let all = (0..flat.body.nodes.len()).filter_map(exit);
    all.filter(|(at, _)| !flat.replaced.contains_key(&Ref::Node(*at, 0))).collect()
}
