//! How deep values lie in each other, found without recursion.
//!
//! Owns: the bound that lets everyone else walk values recursively. A value that contains itself counts once on a way.
//! On the way it counts how many values there would be if none were shared.

use crate::{Id, Value};
use modelport_diag::{Code, Diagnostic, Limits, Result};

/// Levels of values for one level of [`Limits::depth`]: a module in a module is an object with a state with a dict of
/// objects, and wrappers come on top.
const LEVELS: usize = 16;

enum Mark {
    New,
    Open,
    Done(u32, u64),
}

/// What a look at all values gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// How many values there would be if none stood in several places.
    pub(crate) unfolded: u64,
    /// Whether a value contains itself.
    pub(crate) recursive: bool,
}

/// Fails when values lie too deep in each other below `root`.
pub(crate) fn check(values: &[Value], root: Id, limits: &Limits) -> Result<Extent> {
    let mut extent = Extent::default();
    let most = limits.depth.saturating_mul(LEVELS);
    let mut marks: Vec<Mark> = values.iter().map(|_| Mark::New).collect();
    let mut way = vec![root];
    while let Some(&id) = way.last() {
        let (Some(value), Some(mark)) = (values.get(id.index()), marks.get_mut(id.index())) else {
            way.pop();
            continue;
        };
        match mark {
            Mark::New => {
                *mark = Mark::Open;
                each(value, &mut |child| match marks.get(child.index()) {
                    Some(Mark::New) => way.push(child),
                    // Everything that is open contains this value.
                    Some(Mark::Open) => extent.recursive = true,
                    _ => {}
                });
            }
            Mark::Open => {
                let (mut below, mut size) = (0, 1u64);
                each(value, &mut |child| {
                    if let Some(Mark::Done(depth, within)) = marks.get(child.index()) {
                        below = below.max(*depth);
                        size = size.saturating_add(*within);
                    }
                });
                if below as usize >= most {
                    return Err(Diagnostic::error(Code::IO_LIMIT, "the values of the pickle are nested too deeply")
                        .expected(format!("at most {most} levels"))
                        .help("the file was made to exhaust its reader"));
                }
                if let Some(mark) = marks.get_mut(id.index()) {
                    *mark = Mark::Done(below + 1, size);
                }
                extent.unfolded = size;
                way.pop();
            }
            Mark::Done(..) => {
                way.pop();
            }
        }
    }
    Ok(extent)
}

/// Everything that a value contains.
fn each(value: &Value, f: &mut dyn FnMut(Id)) {
    match value {
        Value::List(ids) | Value::Tuple(ids) | Value::Set(ids) => ids.iter().for_each(|&id| f(id)),
        Value::Dict(pairs) => pairs.iter().for_each(|&(k, v)| {
            f(k);
            f(v);
        }),
        Value::PersId(id) => f(*id),
        Value::Object(o) => {
            f(o.class);
            f(o.args);
            o.kwargs.into_iter().chain(o.state).chain(o.items.iter().copied()).for_each(&mut *f);
            o.entries.iter().for_each(|&(k, v)| {
                f(k);
                f(v);
            });
        }
        _ => {}
    }
}
