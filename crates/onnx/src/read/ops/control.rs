//! `If` and `Loop`: what a body uses from outside is passed in.

use super::Out;
use crate::read::decode::{self, GraphP};
use crate::read::node::At;
use crate::read::{Reader, undefined};
use modelport_diag::Result;
use modelport_ir::{CoreGraph, DType, Op, TensorType, ValueId};
use std::collections::HashSet;

pub(super) fn read(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    match at.op() {
        "If" => branch(r, at),
        "Loop" => repeat(r, at),
        _ => Ok(None),
    }
}

fn body<'a>(r: &Reader<'_>, at: &At<'_, 'a>, name: &'static str) -> Result<GraphP<'a>> {
    r.shared.limits.check_depth(r.depth + 1, "the graph")?;
    let fields = at.attr(name).and_then(|a| a.graph).ok_or_else(|| at.wrong(name, "a graph", "nothing"))?;
    decode::graph(fields, &r.shared.limits)
}

fn branch(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let (yes, no) = (body(r, at, "then_branch")?, body(r, at, "else_branch")?);
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for g in [&yes, &no] {
        free_names(r, g, &mut names, &mut seen)?;
    }
    let (captured, operands) = captures(r, &names)?;
    let then_branch = Box::new(read_body(r, &yes, &[], &captured)?);
    let else_branch = Box::new(read_body(r, &no, &[], &captured)?);
    let mut cond = at.x(0)?;
    if r.b.rank(cond) > 0 {
        cond = r.b.reshape(cond, &[])?;
    }
    let mut all = vec![Some(cond)];
    all.extend(operands);
    r.b.add(Op::If { then_branch, else_branch }, &all).map(Some)
}

fn repeat(r: &mut Reader<'_>, at: &At<'_, '_>) -> Out {
    let g = body(r, at, "body")?;
    let carried = at.inputs.len().saturating_sub(2);
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    free_names(r, &g, &mut names, &mut seen)?;
    let (captured, operands) = captures(r, &names)?;
    let mut own = vec![TensorType::known(DType::I64, &[]), TensorType::known(DType::Bool, &[])];
    for i in 0..carried {
        let mut ty = r.b.ty(at.x(i + 2)?).clone();
        // A carried value may change its shape, as long as its rank stays.
        if g.inputs.get(i + 2).and_then(|v| v.dims.as_ref()).is_none_or(|d| d.len() == ty.rank()) {
            ty.shape = declared_dims(&g, i + 2, &ty);
        }
        own.push(ty);
    }
    let body = Box::new(read_body(r, &g, &own, &captured)?);
    let mut all: Vec<_> = (0..2 + carried).map(|i| at.opt(i)).collect();
    for i in 0..2 {
        if let (Some(id), Some(slot)) = (at.opt(i), all.get_mut(i))
            && r.b.rank(id) == 1
        {
            *slot = Some(r.b.reshape(id, &[])?);
        }
    }
    all.extend(operands);
    r.b.add(Op::Loop { carried, body }, &all).map(Some)
}

/// Known dimensions count only where the body declares them too.
fn declared_dims(g: &GraphP<'_>, i: usize, ty: &TensorType) -> Vec<modelport_ir::Dim> {
    let Some(dims) = g.inputs.get(i).and_then(|v| v.dims.as_ref()) else {
        return vec![modelport_ir::Dim::Unknown; ty.rank()];
    };
    ty.shape
        .iter()
        .zip(dims)
        .map(|(have, d)| match d {
            decode::DimP::Value(n) if usize::try_from(*n).ok() == have.known() => have.clone(),
            decode::DimP::Param(s) if have == &modelport_ir::Dim::symbol(s) => have.clone(),
            _ => modelport_ir::Dim::Unknown,
        })
        .collect()
}

/// Names that a body uses and does not define, those of its own bodies included, in the order of their use.
fn free_names(r: &Reader<'_>, g: &GraphP<'_>, out: &mut Vec<String>, seen: &mut HashSet<String>) -> Result<()> {
    walk(r, g, out, seen, &mut HashSet::new(), r.depth + 1)
}

fn walk(
    r: &Reader<'_>,
    g: &GraphP<'_>,
    out: &mut Vec<String>,
    seen: &mut HashSet<String>,
    around: &mut HashSet<String>,
    depth: usize,
) -> Result<()> {
    r.shared.limits.check_depth(depth, "the graph")?;
    let mut added = Vec::new();
    let mut define = |around: &mut HashSet<String>, name: &str| {
        if around.insert(name.to_owned()) {
            added.push(name.to_owned());
        }
    };
    g.inputs.iter().for_each(|v| define(around, &v.name));
    for &f in &g.tensors {
        define(around, &tensor_name(f)?);
    }
    for node in &g.nodes {
        for name in node.inputs.iter().filter(|n| !n.is_empty() && !around.contains(*n)) {
            if seen.insert(name.clone()) {
                out.push(name.clone());
            }
        }
        for fields in node.attrs.iter().filter_map(|a| a.graph) {
            walk(r, &decode::graph(fields, &r.shared.limits)?, out, seen, around, depth + 1)?;
        }
        node.outputs.iter().for_each(|o| define(around, o));
    }
    for name in g.outputs.iter().filter(|n| !around.contains(*n)) {
        if seen.insert(name.clone()) {
            out.push(name.clone());
        }
    }
    for name in added {
        around.remove(&name);
    }
    Ok(())
}

fn tensor_name(mut f: crate::wire::Fields<'_>) -> Result<String> {
    let mut name = String::new();
    while let Some(field) = f.next_field()? {
        if field.number == 8 {
            name = field.text()?;
        }
    }
    Ok(name)
}

/// A value from outside: a constant is copied into the body, another is passed in.
enum Captured {
    Constant(String, modelport_ir::Tensor),
    Passed(String, TensorType),
}

fn captures(r: &Reader<'_>, names: &[String]) -> Result<(Vec<Captured>, Vec<Option<ValueId>>)> {
    let (mut captured, mut operands) = (Vec::new(), Vec::new());
    for name in names {
        let id = *r.values.get(name).ok_or_else(|| undefined(name))?;
        match r.b.as_constant(id) {
            Some(tensor) => captured.push(Captured::Constant(name.clone(), tensor.clone())),
            None => {
                captured.push(Captured::Passed(name.clone(), r.b.ty(id).clone()));
                operands.push(Some(id));
            }
        }
    }
    Ok((captured, operands))
}

fn read_body(r: &mut Reader<'_>, g: &GraphP<'_>, own: &[TensorType], captured: &[Captured]) -> Result<CoreGraph> {
    let (absent, calls) = (r.absent.clone(), r.calls);
    let mut inner = Reader { absent, calls, ..Reader::new(&g.name, r.shared, r.depth + 1) };
    for (v, ty) in g.inputs.iter().zip(own) {
        let id = inner.b.input(v.name.clone(), ty.clone());
        inner.values.insert(v.name.clone(), id);
    }
    for c in captured {
        let (name, id) = match c {
            Captured::Constant(name, tensor) => (name, inner.b.constant(name.clone(), tensor.clone())),
            Captured::Passed(name, ty) => (name, inner.b.input(name.clone(), ty.clone())),
        };
        inner.values.entry(name.clone()).or_insert(id);
    }
    inner.tensors(g)?;
    inner.nodes_and_outputs(g)?;
    Ok(inner.b.finish())
}
