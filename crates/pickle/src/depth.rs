//! How deep values lie in each other, found without recursion.
//!
//! Owns: the bound that lets everyone else walk values recursively. A value that contains itself counts once on a way.

use crate::{Id, Value};
use modelport_diag::{Code, Diagnostic, Limits, Result};

/// Levels of values for one level of [`Limits::depth`]: a module in a module is an object with a state with a dict of
/// objects, and wrappers come on top.
const LEVELS: usize = 16;

enum Mark {
    New,
    Open,
    Done(u32),
}

/// Fails when values lie too deep in each other below `root`.
pub(crate) fn check(values: &[Value], root: Id, limits: &Limits) -> Result<()> {
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
                each(value, &mut |child| {
                    if matches!(marks.get(child.index()), Some(Mark::New)) {
                        way.push(child);
                    }
                });
            }
            Mark::Open => {
                let mut below = 0;
                each(value, &mut |child| {
                    if let Some(Mark::Done(depth)) = marks.get(child.index()) {
                        below = below.max(*depth);
                    }
                });
                if below as usize >= most {
                    return Err(Diagnostic::error(Code::IO_LIMIT, "the values of the pickle are nested too deeply")
                        .expected(format!("at most {most} levels"))
                        .help("the file was made to exhaust its reader"));
                }
                if let Some(mark) = marks.get_mut(id.index()) {
                    *mark = Mark::Done(below + 1);
                }
                way.pop();
            }
            Mark::Done(_) => {
                way.pop();
            }
        }
    }
    Ok(())
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
