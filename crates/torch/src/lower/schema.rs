//! ATen schemas: the parameters of each overload, as data lines, and the binding of a call to one.
//!
//! Owns: which argument is which parameter, and which overload a call without one means. Must never know: what ops do.
//!
//! The lines of `schemas.txt` are written by `xtask/python/torch_schemas.py` from the registry of PyTorch 2.15.

use super::call::Operand;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, DType};
use std::collections::HashMap;
use std::sync::OnceLock;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tensor,
    Int,
    Float,
    Bool,
    Scalar,
    Str,
    DType,
    /// Device, layout, memory format, generator: without effect here.
    Any,
}

/// A parameter of an overload.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) list: bool,
    /// Whether one number may stand for a list of equal ones.
    pub(crate) fixed: bool,
    pub(crate) optional: bool,
    /// What an absent argument means; without one it is required.
    pub(crate) default: Option<Attr>,
}

/// One overload.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) overload: &'static str,
    pub(crate) params: Vec<Param>,
    /// How many results there are; a list of tensors is one.
    results: usize,
}

/// How many results an op has, where all of its overloads agree.
pub(crate) fn result_count(name: &str) -> Option<usize> {
    let all = overloads(name);
    let first = all.first()?.results;
    all.iter().all(|s| s.results == first).then_some(first)
}

/// All overloads of an op by its name: `aten::add`.
pub(crate) fn overloads(name: &str) -> &'static [Schema] {
    static ALL: OnceLock<HashMap<&'static str, Vec<Schema>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let mut all: HashMap<&'static str, Vec<Schema>> = HashMap::new();
        for (name, schema) in include_str!("schemas.txt").lines().filter_map(parse) {
            all.entry(name).or_default().push(schema);
        }
        all
    });
    all.get(name).map_or(&[], Vec::as_slice)
}

/// `aten::add.Tensor(self: Tensor, other: Tensor, *, alpha: Scalar = 1) -> Tensor`.
fn parse(line: &'static str) -> Option<(&'static str, Schema)> {
    let (head, rest) = line.split_once('(')?;
    let (params, results) = rest.split_once(") -> ")?;
    let (name, overload) = head.split_once('.').unwrap_or((head, ""));
    let params = split(params).into_iter().filter(|p| *p != "*").map(param).collect::<Option<Vec<_>>>()?;
    Some((name, Schema { overload, params, results: split(results.trim_matches(|c| "()".contains(c))).len() }))
}

/// Pieces between commas that are outside brackets.
fn split(text: &'static str) -> Vec<&'static str> {
    let (mut depth, mut start, mut out) = (0usize, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                out.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(text[start..].trim());
    out.retain(|p| !p.is_empty());
    out
}

fn param(text: &'static str) -> Option<Param> {
    let (name, rest) = text.split_once(": ")?;
    let (ty, default) = match rest.split_once(" = ") {
        Some((ty, default)) => (ty, Some(value(default))),
        None => (rest, None),
    };
    let optional = ty.ends_with('?');
    let ty = ty.trim_end_matches('?');
    let (ty, list, fixed) = match ty.split_once('[') {
        Some((element, len)) => (element.trim_end_matches('?'), true, len != "]"),
        None => (ty, false, false),
    };
    let kind = match ty {
        "Tensor" => Kind::Tensor,
        "int" | "SymInt" => Kind::Int,
        "float" => Kind::Float,
        "bool" => Kind::Bool,
        "Scalar" | "number" => Kind::Scalar,
        "str" => Kind::Str,
        "ScalarType" => Kind::DType,
        _ => Kind::Any,
    };
    Some(Param { name, kind, list, fixed, optional, default })
}

fn value(text: &str) -> Attr {
    match text {
        "None" => Attr::None,
        "True" => Attr::Bool(true),
        "False" => Attr::Bool(false),
        "[]" => Attr::List(Vec::new()),
        _ => {
            if let Some(list) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
                return Attr::List(list.split(',').map(|t| value(t.trim())).collect());
            }
            if let Ok(i) = text.parse::<i64>() {
                return Attr::Int(i);
            }
            if let Ok(f) = text.parse::<f64>() {
                return Attr::Float(f);
            }
            match text {
                "long" => Attr::DType(DType::I64),
                _ => Attr::Str(text.trim_matches('"').to_owned()),
            }
        }
    }
}

/// Arguments by parameter name.
pub(crate) type Bound = Vec<(&'static Param, Attr)>;

/// Binds a call's arguments to the overload that it names, or to the first one that they fit.
///
/// # Errors
/// `TO0103` when they fit none.
pub(crate) fn bind(
    name: &str,
    overload: Option<&str>,
    args: &[Attr],
    kwargs: &[(&str, &Attr)],
    operands: &[Operand],
) -> Result<Bound> {
    let all = overloads(name);
    let named = all.iter().filter(|s| Some(s.overload) == overload);
    let candidates: Vec<&'static Schema> = named.chain(all.iter().filter(|s| Some(s.overload) != overload)).collect();
    for strict in [true, false] {
        for schema in &candidates {
            if let Ok(bound) = fit(schema, args, kwargs, operands, strict) {
                return Ok(bound);
            }
        }
    }
    let why = candidates.first().and_then(|s| fit(s, args, kwargs, operands, false).err()).unwrap_or_default();
    Err(Diagnostic::error(Code::TORCH_ARGUMENT, format!("the arguments of `{name}` fit none of its overloads: {why}")))
}

fn fit(
    schema: &'static Schema,
    args: &[Attr],
    kwargs: &[(&str, &Attr)],
    operands: &[Operand],
    strict: bool,
) -> std::result::Result<Bound, String> {
    if args.len() > schema.params.len() {
        return Err(format!("{} positional arguments, but {} parameters", args.len(), schema.params.len()));
    }
    let mut used = args.len();
    let mut bound = Vec::with_capacity(schema.params.len());
    for (i, p) in schema.params.iter().enumerate() {
        let keyword = || {
            let hit = kwargs.iter().find(|(k, _)| *k == p.name || (p.name == "self" && *k == "input"));
            hit.map(|(_, a)| (*a).clone())
        };
        let given = args.get(i).cloned().or_else(|| keyword().inspect(|_| used += 1));
        match (given, &p.default) {
            (Some(a), _) if accepts(p, &a, operands, strict) => bound.push((p, a)),
            (Some(_), _) => return Err(format!("`{}` is of another kind", p.name)),
            (None, Some(default)) => bound.push((p, default.clone())),
            (None, None) if p.optional => bound.push((p, Attr::None)),
            (None, None) => return Err(format!("`{}` is missing", p.name)),
        }
    }
    let idle = kwargs.iter().filter(|(k, _)| matches!(*k, "out" | "generator")).count();
    if used + idle < args.len() + kwargs.len() {
        return Err("a keyword argument is not a parameter".to_owned());
    }
    Ok(bound)
}

fn accepts(p: &Param, arg: &Attr, operands: &[Operand], strict: bool) -> bool {
    if arg.is_none() {
        return p.optional || p.kind == Kind::Any || !strict;
    }
    match arg {
        Attr::List(items) if p.list => {
            items.iter().all(|a| a.is_none() && p.kind == Kind::Tensor || element(p.kind, a, operands, strict))
        }
        _ if p.list => p.fixed && element(p.kind, arg, operands, strict),
        _ => element(p.kind, arg, operands, strict),
    }
}

fn element(kind: Kind, arg: &Attr, operands: &[Operand], strict: bool) -> bool {
    if let Some(i) = super::call::operand_index(arg) {
        let Some(o) = operands.get(i) else { return false };
        return match kind {
            Kind::Tensor => !strict || !o.number,
            Kind::Int | Kind::Scalar | Kind::Float | Kind::Bool => !strict || o.number,
            Kind::Any => true,
            Kind::Str | Kind::DType => false,
        };
    }
    match (kind, arg) {
        (Kind::Any, _)
        | (Kind::Int | Kind::Scalar, Attr::Int(_))
        | (Kind::Float, Attr::Float(_) | Attr::Int(_))
        | (Kind::Scalar, Attr::Float(_) | Attr::Bool(_))
        | (Kind::Bool, Attr::Bool(_))
        | (Kind::Str, Attr::Str(_))
        | (Kind::DType, Attr::DType(_) | Attr::Int(_)) => true,
        (Kind::Tensor, Attr::Int(_) | Attr::Float(_) | Attr::Bool(_))
        | (Kind::Bool, Attr::Int(_))
        | (Kind::Int, Attr::Bool(_) | Attr::Float(_)) => !strict,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_line_parses() {
        for line in include_str!("schemas.txt").lines() {
            assert!(parse(line).is_some(), "{line}");
        }
    }

    #[test]
    fn parameters_are_read() {
        let (name, s) = parse(
            "aten::conv2d(input: Tensor, bias: Tensor? = None, stride: SymInt[2] = 1, pad: int[1] = [0,0], *, s: str = \"zeros\") -> Tensor",
        )
        .unwrap();
        assert_eq!((name, s.params.len()), ("aten::conv2d", 5));
        assert!(s.params[1].optional && s.params[2].fixed && s.params[2].list);
        assert_eq!(s.params[2].default, Some(Attr::Int(1)));
        assert_eq!(s.params[3].default, Some(Attr::List(vec![Attr::Int(0), Attr::Int(0)])));
        assert_eq!(s.params[4].default, Some(Attr::Str("zeros".to_owned())));
    }
}
