//! Lowering one call: its arguments bound, its row applied, its results named; and writing through one view.

use super::call::{Call, Operand, operand_index};
use super::names::{self, Name};
use super::{Lower, Row, alias, find, parts, schema};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::complex::Pair;
use modelport_ir::{Attr, Builder, Def, Node, Op, Source, SourceOp, ValueId};

pub(super) fn too_few(node: &Node<Source>, found: usize) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_GRAPH, format!("`{}` has too few results", node.op.name))
        .at_node(node.name.clone())
        .expected(node.outputs.len().to_string())
        .found(found.to_string())
}

/// The operand that is `self`: the first argument that is a tensor.
pub(super) fn first_operand(op: &SourceOp) -> Option<usize> {
    let by_place = op.attr("@args").and_then(Attr::as_list).and_then(<[Attr]>::first);
    let kwargs = op.attr("@kwargs").and_then(Attr::as_map);
    by_place.or_else(|| kwargs.and_then(|m| m.get("self").or_else(|| m.get("input")))).and_then(operand_index)
}

/// Lowers one call in the builder's scope.
pub(crate) fn lower_row(
    b: &mut Builder,
    row: &'static Row,
    op: &SourceOp,
    name: &Name,
    operands: &[Operand],
    results: usize,
) -> Result<Vec<Operand>> {
    let args = op.attr("@args").and_then(Attr::as_list).unwrap_or_default();
    let kwargs = op.attr("@kwargs").and_then(Attr::as_map);
    let kwargs: Vec<(&str, &Attr)> = kwargs.into_iter().flatten().map(|(k, a)| (k.as_str(), a)).collect();
    let located = |d: Box<Diagnostic>| d.at_node(b.scope());
    let bound = schema::bind(row.name, name.overload.as_deref(), args, &kwargs, operands).map_err(located)?;
    let mut call = Call { b, name: row.name, overload: name.overload.as_deref(), operands, bound, results };
    let results = match parts::through(&mut call, row)? {
        Some(results) => results,
        None => apply(&mut call, row)?,
    };
    let number = row.number || (!operands.is_empty() && operands.iter().all(|o| o.number) && arithmetic(row.name));
    Ok(results.into_iter().map(|o| Operand { number, ..o }).collect())
}

/// What a row makes of a call as it stands.
pub(super) fn apply(call: &mut Call<'_>, row: &Row) -> Result<Vec<Operand>> {
    Ok(match row.lower {
        Lower::One(f) => vec![f(call)?.into()],
        Lower::Pair(f) => vec![f(call)?.into()],
        Lower::Many(f) => f(call)?.into_iter().map(Operand::from).collect(),
    })
}

/// Ops that Python has too: of numbers they give a number.
fn arithmetic(op: &str) -> bool {
    matches!(
        op.trim_start_matches("aten::"),
        "add"
            | "sub"
            | "mul"
            | "div"
            | "floor_divide"
            | "remainder"
            | "pow"
            | "neg"
            | "abs"
            | "floor"
            | "ceil"
            | "round"
            | "trunc"
            | "sqrt"
            | "eq"
            | "ne"
            | "lt"
            | "le"
            | "gt"
            | "ge"
            | "maximum"
            | "minimum"
            | "max"
            | "min"
            | "logical_and"
            | "logical_or"
            | "logical_not"
            | "bitwise_and"
            | "bitwise_or"
            | "bitwise_not"
    )
}

/// What is written in place keeps dtype and shape of what was there.
pub(super) fn fitted(b: &mut Builder, old: Operand, new: Operand) -> Result<Operand> {
    let (ty, is) = (b.ty(old.value).clone(), b.ty(new.value).clone());
    let mut fit = |value: ValueId| {
        let value = b.cast(value, ty.dtype)?;
        if is.shape == ty.shape || is.rank() == ty.rank() {
            return Ok(value);
        }
        let shape = b.one(Op::Shape { start: 0, end: None }, &[old.value])?;
        b.one(Op::Expand, &[value, shape])
    };
    let (value, im) = (fit(new.value)?, new.im.map(&mut fit).transpose()?);
    let both = Pair { re: value, im };
    Ok(if old.im.is_some() { Pair { re: value, im: Some(b.imaginary(both)?) }.into() } else { value.into() })
}

/// The value that was viewed, with `new` written where the view shows it.
pub(super) fn through(
    b: &mut Builder,
    node: &Node<Source>,
    step: &alias::Step,
    from: Operand,
    new: Operand,
) -> Result<Operand> {
    let name = names::parse(&node.op.name);
    let Some(row) = find(&name.base) else { return Ok(new) };
    let args = node.op.attr("@args").and_then(Attr::as_list).unwrap_or_default();
    let kwargs = node.op.attr("@kwargs").and_then(Attr::as_map);
    let kwargs: Vec<(&str, &Attr)> = kwargs.into_iter().flatten().map(|(k, a)| (k.as_str(), a)).collect();
    let mut operands = step.operands.clone();
    if let Some(o) = operands.get_mut(step.viewed) {
        *o = from;
    }
    let bound = schema::bind(row.name, name.overload.as_deref(), args, &kwargs, &operands)?;
    let overload = name.overload.as_deref();
    let results = node.outputs.len();
    let mut call = Call { b, name: row.name, overload, operands: &operands, bound, results };
    parts::write_through(&mut call, step.result, from, new)
}

pub(super) fn value_count(b: &Builder) -> usize {
    b.graph().values().size_hint().0
}

/// Results are named by the node, what lies between by node and op.
pub(super) fn name_values(b: &mut Builder, first_new: usize, results: &[Operand]) {
    let scope = b.scope();
    for i in first_new..value_count(b) {
        let id = ValueId(i as u32);
        let value = b.graph().value(id);
        let Def::Node(node, _) = value.def else { continue };
        let name = match results.iter().position(|r| r.value == id) {
            Some(0) => scope.clone(),
            Some(n) => format!("{scope}_{n}"),
            None if value.name == scope => format!("{scope}/{}", b.graph().node(node).op.name()),
            None => continue,
        };
        b.graph_mut().set_name(id, name);
    }
}
