//! Ops without a lowering. They are named all at once, with counts and places; or written as custom ops where the user
//! asks for that.

use super::{find, refused};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::core::CustomResult;
use modelport_ir::{Attr, Builder, CustomLayers, DType, Node, Op, Source, SourceOp, ValueId};
use std::collections::BTreeMap;

/// A node of an op that has no lowering.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    op: String,
    node: String,
}

/// Records an unknown op whose operands could not be computed.
pub(crate) fn check(op: &SourceOp, node: &str, custom: &CustomLayers, unknown: &mut Vec<Unknown>) {
    if find(&op.name).is_none() && custom.get(&op.name).is_none() && !custom.allow_custom_ops {
        unknown.push(Unknown { op: op.name.clone(), node: node.to_owned() });
    }
    for attr in op.attrs.values() {
        inside(attr, node, custom, unknown, 0);
    }
}

/// Unknown ops in bodies.
fn inside(attr: &Attr, node: &str, custom: &CustomLayers, unknown: &mut Vec<Unknown>, depth: usize) {
    match attr {
        Attr::Graph(graph) if depth < 32 => {
            for n in graph.nodes() {
                let path = format!("{node}/{}", n.name);
                if find(&n.op.name).is_none() && custom.get(&n.op.name).is_none() && !custom.allow_custom_ops {
                    unknown.push(Unknown { op: n.op.name.clone(), node: path.clone() });
                }
                n.op.attrs.values().for_each(|a| inside(a, &path, custom, unknown, depth + 1));
            }
        }
        Attr::List(items) if depth < 32 => items.iter().for_each(|a| inside(a, node, custom, unknown, depth + 1)),
        _ => {}
    }
}

/// The domain of custom ops.
const DOMAIN: &str = "modelport.tensorflow";

/// Lowers a node of an op without a row: a custom op where that is allowed, else it is recorded and fails.
pub(crate) fn lower(
    b: &mut Builder,
    custom: &CustomLayers,
    unknown: &mut Vec<Unknown>,
    node: &Node<Source>,
    operands: &[ValueId],
) -> Result<Vec<ValueId>> {
    if !custom.allow_custom_ops {
        unknown.push(Unknown { op: node.op.name.clone(), node: b.scope() });
        return Err(Diagnostic::error(Code::TF_UNKNOWN_OP, "unknown op"));
    }
    // The result's type is a guess where the file does not tell the element type: that of the first operand.
    let like = operands.first().map(|&o| b.ty(o).clone());
    let dtype = match node.op.attr("T").or_else(|| node.op.attr("dtype")) {
        Some(Attr::DType(d)) => *d,
        _ => like.as_ref().map_or(DType::F32, |t| t.dtype),
    };
    let shape = like.map_or_else(Vec::new, |t| vec![modelport_ir::Dim::Unknown; t.rank()]);
    let results = vec![CustomResult { dtype, shape }; node.outputs.len().max(1)];
    let attributes: BTreeMap<String, Attr> = node
        .op
        .attrs
        .iter()
        .filter(|(k, a)| !k.starts_with('_') && !matches!(a, Attr::None | Attr::Graph(_) | Attr::Op(_)))
        .map(|(k, a)| (k.clone(), a.clone()))
        .collect();
    let op = Op::Custom { domain: DOMAIN.to_owned(), op_type: node.op.name.clone(), attributes, results };
    let operands: Vec<_> = operands.iter().copied().map(Some).collect();
    b.add(op, &operands)
}

/// Places that are listed for one op; the rest are counted.
const LISTED: usize = 3;

/// One TF0101 for all unknown ops.
pub(crate) fn diagnose(unknown: &[Unknown], problems: &mut Diagnostics) {
    let Some(first) = unknown.first() else { return };
    let mut by_op: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for u in unknown {
        by_op.entry(&u.op).or_default().push(&u.node);
    }
    let names: Vec<_> = by_op.keys().map(|n| format!("`{n}`")).collect();
    let message = match names.len() {
        1 => format!("TensorFlow op {} has no lowering", names.join(", ")),
        n => format!("{n} TensorFlow ops have no lowering: {}", names.join(", ")),
    };
    let line = |(op, nodes): (&&str, &Vec<&str>)| {
        let places: Vec<_> = nodes.iter().take(LISTED).map(|n| format!("`{n}`")).collect();
        let more = if nodes.len() > LISTED { format!(" and {} more", nodes.len() - LISTED) } else { String::new() };
        format!("{op} × {}: {}{more}", nodes.len(), places.join(", "))
    };
    let found: Vec<_> = by_op.iter().map(line).collect();
    let mut d = Diagnostic::error(Code::TF_UNKNOWN_OP, message).at_node(first.node.clone()).found(found.join("\n"));
    for (reason, ops) in reasons(by_op.keys().copied()) {
        d = d.help(format!("{}: {reason}", ops.join(", ")));
    }
    problems.push(
        d.help("declare what they compute in a text file, given with `--custom FILE`")
            .help("cut the graph before or behind them with `--inputs` and `--outputs`")
            .help("or write them as ops of the domain `modelport.tensorflow` with `--allow-custom-ops`"),
    );
}

/// The reasons that are known, each with the ops that it holds for.
fn reasons<'a>(ops: impl Iterator<Item = &'a str>) -> Vec<(&'static str, Vec<&'a str>)> {
    let mut out: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for op in ops {
        let Some(reason) = refused::reason(op) else { continue };
        match out.iter_mut().find(|(r, _)| *r == reason) {
            Some((_, list)) => list.push(op),
            None => out.push((reason, vec![op])),
        }
    }
    out
}
