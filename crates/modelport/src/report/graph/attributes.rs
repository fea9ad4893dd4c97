//! Attributes and small constants as short text.
//!
//! Owns: how much of a value is shown. Must never know: what it means.

use super::{FEW, cut};
use modelport_ir::{Attr, Tensor};

/// Characters of one value.
const LONG: usize = 240;
/// Values of one node.
const MANY: usize = 40;

/// What a node says of itself. What is `None`, and what only training asks for, says nothing.
pub(super) fn of<'a>(attrs: impl Iterator<Item = (&'a str, &'a Attr)>) -> Vec<(String, String)> {
    let training = ["initializer", "regularizer", "constraint"];
    let told = attrs.filter(|(k, v)| !v.is_none() && !training.iter().any(|t| k.ends_with(t)));
    let told = told.filter(|(k, v)| !(k.starts_with('@') && only_operands(v)));
    told.take(MANY).map(|(k, v)| (cut(spelled(k), LONG), value(v))).collect()
}

/// The arguments of a call, by a word for people.
fn spelled(key: &str) -> &str {
    match key {
        "@args" => "arguments",
        "@kwargs" => "by keyword",
        _ => key.trim_start_matches('@'),
    }
}

/// The number of the operand that an argument is.
fn operand(attr: &Attr) -> Option<i64> {
    let map = attr.as_map().filter(|m| m.len() == 1)?;
    map.get("@input").and_then(Attr::as_int)
}

/// Arguments that say no more than the operands do.
fn only_operands(attr: &Attr) -> bool {
    match attr {
        Attr::List(items) => items.iter().all(|i| operand(i).is_some() || only_operands(i)),
        Attr::Map(map) => map.is_empty(),
        _ => false,
    }
}

fn value(attr: &Attr) -> String {
    let mut out = String::new();
    write(attr, &mut out, 0);
    cut(&out, LONG)
}

/// Writes a value; stops soon after it is long enough.
fn write(attr: &Attr, out: &mut String, depth: usize) {
    if out.len() > LONG * 4 || depth > 8 {
        out.push('…');
        return;
    }
    match attr {
        Attr::None => out.push_str("none"),
        Attr::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Attr::Int(i) => out.push_str(&i.to_string()),
        Attr::Float(f) => out.push_str(&format!("{f:?}")),
        Attr::Str(s) => out.push_str(&cut(s, LONG)),
        Attr::DType(d) => out.push_str(d.name()),
        Attr::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, out, depth + 1);
                if out.len() > LONG * 4 {
                    break;
                }
            }
            out.push(']');
        }
        map if operand(map).is_some() => {
            out.push_str(&format!("operand {}", operand(map).unwrap_or(0)));
        }
        Attr::Map(map) => entries(map.iter().map(|(k, v)| (k.as_str(), v)), out, depth),
        Attr::Tensor(t) => out.push_str(&tensor(t)),
        Attr::Op(op) => {
            out.push_str(&cut(&op.name, LONG));
            entries(op.attrs.iter().map(|(k, v)| (k.as_str(), v)).filter(|(_, v)| !v.is_none()), out, depth);
        }
        Attr::Graph(graph) => out.push_str(&format!("a graph of {} nodes", graph.nodes().len())),
    }
}

fn entries<'a>(map: impl Iterator<Item = (&'a str, &'a Attr)>, out: &mut String, depth: usize) {
    out.push('{');
    for (i, (key, item)) in map.enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        out.push_str(&cut(key, LONG));
        out.push_str(": ");
        write(item, out, depth + 1);
        if out.len() > LONG * 4 {
            break;
        }
    }
    out.push('}');
}

/// The type of a tensor; of a small one its elements, too.
pub(super) fn tensor(t: &Tensor) -> String {
    let ty = t.ty().to_string();
    if t.len() > FEW {
        return ty;
    }
    if let Some(strings) = t.strings() {
        let strings: Vec<_> = strings.iter().map(|s| cut(&String::from_utf8_lossy(s), LONG)).collect();
        return cut(&format!("{ty} {strings:?}"), LONG);
    }
    let Ok(bytes) = t.bytes() else { return ty };
    let elements = bytes.chunks_exact(t.dtype().size().max(1)).map(|e| modelport_ir::tensor::decode_f64(t.dtype(), e));
    let elements: Vec<_> = elements.map(crate::report::statistics::number).collect();
    if t.rank() == 0 { format!("{ty} {}", elements.join("")) } else { format!("{ty} [{}]", elements.join(", ")) }
}
