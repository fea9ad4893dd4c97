//! The normal form in which core graphs are compared after a round trip through ONNX.
//!
//! Allowed differences, all removed here: names of nodes and inner values; `Identity`; padding that a size decides;
//! parameters of norms that are all ones or zeros; axes counted from the end in reductions; attributes that are the
//! default or without effect; f64 attributes, which are f32 in ONNX; what a body captures and in which order; where a
//! constant is stored, and whether equal ones are one. Ops that the newest opset lacks stand written out.

use crate::{legal, opset};
use modelport_diag::{Code, Diagnostic, Diagnostics, Result};
use modelport_ir::{Attr, CoreGraph, Def, Op, Tensor, ValueId};
use std::collections::{BTreeMap, HashMap};

/// `graph` as the newest opset can say it.
///
/// # Errors
/// `OX0001` for what no opset can express.
pub fn normal_form(graph: &CoreGraph) -> std::result::Result<CoreGraph, Diagnostics> {
    legal::legalize(graph, opset::NEWEST)
}

/// Whether two graphs have equal normal forms: same inputs, ops, constants (by content) and outputs.
///
/// # Errors
/// `IR0002` with the first difference; or what [`normal_form`] says, or a constant that cannot be read.
pub fn equivalent(a: &CoreGraph, b: &CoreGraph) -> std::result::Result<(), Diagnostics> {
    Ok(compare(&normal_form(a)?, &normal_form(b)?)?)
}

fn differ(what: &str, a: impl std::fmt::Debug, b: impl std::fmt::Debug) -> Box<Diagnostic> {
    Diagnostic::error(Code::IR_INVALID, format!("the graphs differ in {what}"))
        .expected(format!("{a:?}"))
        .found(format!("{b:?}"))
}

struct Pair<'a> {
    a: &'a CoreGraph,
    b: &'a CoreGraph,
    map: HashMap<ValueId, ValueId>,
}

fn compare(a: &CoreGraph, b: &CoreGraph) -> Result<()> {
    let mut pair = Pair { a, b, map: HashMap::new() };
    if a.inputs().len() != b.inputs().len() {
        return Err(differ("the number of inputs", a.inputs().len(), b.inputs().len()));
    }
    for (&x, &y) in a.inputs().iter().zip(b.inputs()) {
        if a.ty(x) != b.ty(y) {
            return Err(differ("the type of an input", a.ty(x), b.ty(y)).at_node(a.value(x).name.clone()));
        }
        pair.map.insert(x, y);
    }
    if a.nodes().len() != b.nodes().len() {
        let ops = |g: &CoreGraph| g.nodes().iter().map(|n| n.op.name()).collect::<Vec<_>>();
        return Err(differ("the number of nodes", ops(a), ops(b)));
    }
    for (x, y) in a.nodes().iter().zip(b.nodes()) {
        let located = |d: Box<Diagnostic>| d.at_node(format!("{} ({})", x.name, x.op.name()));
        same_op(&x.op, &y.op).map_err(located)?;
        if x.inputs.len() != y.inputs.len() {
            return Err(located(differ("the number of operands", x.inputs.len(), y.inputs.len())));
        }
        for (i, j) in x.inputs.iter().zip(&y.inputs) {
            pair.operand(*i, *j).map_err(located)?;
        }
        pair.map.extend(x.outputs.iter().copied().zip(y.outputs.iter().copied()));
    }
    if a.outputs().len() != b.outputs().len() {
        return Err(differ("the number of outputs", a.outputs().len(), b.outputs().len()));
    }
    for (x, y) in a.outputs().iter().zip(b.outputs()) {
        pair.operand(Some(x.value), Some(y.value)).map_err(|d| d.at_node(x.name.clone()))?;
    }
    Ok(())
}

impl Pair<'_> {
    fn operand(&self, x: Option<ValueId>, y: Option<ValueId>) -> Result<()> {
        let (Some(x), Some(y)) = (x, y) else {
            return if x == y { Ok(()) } else { Err(differ("an optional operand", x, y)) };
        };
        match (&self.a.value(x).def, &self.b.value(y).def) {
            (Def::Const(s), Def::Const(t)) => same_tensor(s, t),
            _ if self.map.get(&x) == Some(&y) => Ok(()),
            _ => Err(differ("an operand", &self.a.value(x).name, &self.b.value(y).name)),
        }
    }
}

fn same_tensor(s: &Tensor, t: &Tensor) -> Result<()> {
    if s.ty() != t.ty() {
        return Err(differ("the type of a constant", s.ty(), t.ty()));
    }
    let equal = match (s.strings(), t.strings()) {
        (None, None) => s == t || s.bytes()? == t.bytes()?,
        (a, b) => a == b,
    };
    if equal { Ok(()) } else { Err(differ("a constant", s, t)) }
}

fn same_op(x: &Op, y: &Op) -> Result<()> {
    match (x, y) {
        (Op::If { then_branch: a, else_branch: b }, Op::If { then_branch: c, else_branch: d }) => {
            compare(a, c)?;
            compare(b, d)
        }
        (Op::Loop { carried: a, body: b }, Op::Loop { carried: c, body: d }) if a == c => compare(b, d),
        _ => {
            let attrs = |op: &Op| op.attrs().into_iter().map(|(n, v)| (n, rounded(v))).collect::<BTreeMap<_, _>>();
            let (a, b) = (attrs(x), attrs(y));
            if x.name() == y.name() && a == b { Ok(()) } else { Err(differ("an op", (x.name(), a), (y.name(), b))) }
        }
    }
}

/// Floats as an ONNX attribute keeps them.
fn rounded(attr: Attr) -> Attr {
    match attr {
        Attr::Float(f) => Attr::Float(f64::from(f as f32)),
        Attr::List(l) => Attr::List(l.into_iter().map(rounded).collect()),
        other => other,
    }
}
