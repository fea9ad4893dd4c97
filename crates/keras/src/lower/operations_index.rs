//! Indexing with Python's brackets: Keras 3's `GetItem` and Keras 2's `SlicingOpLambda` (`__operators__.getitem`).
//!
//! Owns: slices, integers, `None`, `...` and scalar tensors between brackets. Must never know: which dialect wrote them.

use super::call::{Call, tensor_index};
use super::config::show;
use super::operations_args as args;
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Op, ValueId};

/// One entry between the brackets.
enum Entry<'a> {
    Slice(&'a Attr, &'a Attr, &'a Attr),
    Index(i64),
    Tensor(&'a Attr),
    NewAxis,
    Ellipsis,
}

const NONE: &Attr = &Attr::None;

fn entry(attr: &Attr) -> Option<Entry<'_>> {
    match attr {
        Attr::None => return Some(Entry::NewAxis),
        Attr::Int(i) => return Some(Entry::Index(*i)),
        Attr::Str(s) if s == "..." || s == "Ellipsis" => return Some(Entry::Ellipsis),
        _ => {}
    }
    if tensor_index(attr).is_some() {
        return Some(Entry::Tensor(attr));
    }
    let map = attr.as_map()?;
    if let Some("__ellipsis__" | "Ellipsis" | "ellipsis") = map.get("class_name").and_then(Attr::as_str) {
        return Some(Entry::Ellipsis);
    }
    let fields = map.get("config").and_then(Attr::as_map).unwrap_or(map);
    let field = |k: &str| fields.get(k).unwrap_or(NONE);
    let slice = fields.contains_key("start") || fields.contains_key("stop");
    slice.then(|| Entry::Slice(field("start"), field("stop"), field("step")))
}

/// What is left to do after slicing.
#[derive(Default)]
struct Plan {
    starts: Vec<ValueId>,
    ends: Vec<ValueId>,
    axes: Vec<i64>,
    steps: Vec<i64>,
    /// Axes of the operand that an integer removes.
    removed: Vec<i64>,
    /// Axes of the operand that a scalar tensor picks from.
    picked: Vec<(i64, ValueId)>,
    /// Axes of 1 in the result.
    added: Vec<i64>,
}

/// `x[key]`.
pub(super) fn get_item(call: &mut Call<'_>, x: ValueId, key: &Attr) -> Result<ValueId> {
    let list = match key {
        Attr::List(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let bad = |call: &Call<'_>| call.unsupported("this way of indexing has no lowering").found(show(key));
    let entries: Vec<Entry<'_>> = list.iter().map(entry).collect::<Option<_>>().ok_or_else(|| bad(call))?;
    let rank = call.b.rank(x);
    let used = entries.iter().filter(|e| !matches!(e, Entry::NewAxis | Entry::Ellipsis)).count();
    let skipped = rank.checked_sub(used).ok_or_else(|| bad(call))?;
    let mut plan = Plan::default();
    let (mut axis, mut out) = (0i64, 0i64);
    for e in &entries {
        match e {
            Entry::Ellipsis => {
                axis += skipped as i64;
                out += skipped as i64;
                continue;
            }
            Entry::NewAxis => {
                plan.added.push(out);
                out += 1;
                continue;
            }
            Entry::Index(i) => index(call, &mut plan, axis, *i),
            Entry::Tensor(attr) => {
                let at = args::read(call, attr)?;
                let at = args::own(call.b, at);
                if call.b.rank(at) != 0 || !call.b.dtype(at).is_int() {
                    return Err(bad(call));
                }
                plan.picked.push((axis, at));
            }
            Entry::Slice(start, stop, step) => {
                slice(call, &mut plan, axis, [start, stop, step])?;
                out += 1;
            }
        }
        axis += 1;
    }
    apply(call, x, plan)
}

fn index(call: &mut Call<'_>, plan: &mut Plan, axis: i64, i: i64) {
    plan.starts.push(call.b.ints(&[i]));
    plan.ends.push(call.b.ints(&[if i == -1 { i64::MAX } else { i.saturating_add(1) }]));
    plan.axes.push(axis);
    plan.steps.push(1);
    plan.removed.push(axis);
}

fn slice(call: &mut Call<'_>, plan: &mut Plan, axis: i64, [start, stop, step]: [&Attr; 3]) -> Result<()> {
    let step = match step {
        Attr::None => 1,
        other => other
            .as_int()
            .filter(|&s| s != 0)
            .ok_or_else(|| call.unsupported("the step of a slice must be a number that is not 0").found(show(other)))?,
    };
    if start.is_none() && stop.is_none() && step == 1 {
        return Ok(());
    }
    let (first, last) = if step > 0 { (0, i64::MAX) } else { (i64::MAX, i64::MIN + 1) };
    let mut bound = |attr: &Attr, default: i64| match attr {
        Attr::None => Ok(call.b.ints(&[default])),
        other => args::extent(call, other),
    };
    let (start, stop) = (bound(start, first)?, bound(stop, last)?);
    plan.starts.push(start);
    plan.ends.push(stop);
    plan.axes.push(axis);
    plan.steps.push(step);
    Ok(())
}

fn apply(call: &mut Call<'_>, x: ValueId, plan: Plan) -> Result<ValueId> {
    let b = &mut *call.b;
    let mut y = x;
    if !plan.axes.is_empty() {
        let starts = b.concat(&plan.starts, 0)?;
        let ends = b.concat(&plan.ends, 0)?;
        let (axes, steps) = (b.ints(&plan.axes), b.ints(&plan.steps));
        y = b.one(Op::Slice, &[y, starts, ends, axes, steps])?;
    }
    // A scalar index removes its axis; from the back, so that those before stay where they are.
    let mut removed: Vec<(i64, Option<ValueId>)> = plan.removed.iter().map(|&a| (a, None)).collect();
    removed.extend(plan.picked.iter().map(|&(a, at)| (a, Some(at))));
    removed.sort_by_key(|r| std::cmp::Reverse(r.0));
    if removed.iter().all(|r| r.1.is_none()) {
        y = if removed.is_empty() { y } else { b.squeeze(y, &plan.removed)? };
    } else {
        for (axis, at) in removed {
            y = match at {
                Some(at) => {
                    let at = b.cast(at, DType::I64)?;
                    b.one(Op::Gather { axis }, &[y, at])?
                }
                None => b.squeeze(y, &[axis])?,
            };
        }
    }
    if plan.added.is_empty() { Ok(y) } else { b.unsqueeze(y, &plan.added) }
}
