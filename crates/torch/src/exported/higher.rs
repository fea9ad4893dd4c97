//! Ops that take graphs: `cond` and `while_loop` as control flow, wrappers inlined.

use super::arguments::Names;
use super::json::{field, list, union};
use super::program::{Reader, bind};
use crate::emit::{Arg, Emit};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Tensor, ValueId};
use serde_json::Value;

/// An argument of such an op.
enum Given<'a> {
    Graph(&'a Value),
    Plain(Arg),
}

/// Lists of operands are taken apart.
fn arguments<'a>(names: &Names, node: &'a Value) -> Result<Vec<Given<'a>>> {
    let mut out = Vec::new();
    for input in list(node, "inputs") {
        let arg = field(input, "arg")?;
        match union(arg) {
            Some(("as_graph", g)) => out.push(Given::Graph(field(g, "graph")?)),
            _ => out.push(Given::Plain(names.argument(arg)?)),
        }
    }
    Ok(out)
}

/// The arguments after the graphs, lists taken apart.
fn operands(given: &[Given<'_>]) -> Vec<Arg> {
    let last = given.iter().rposition(|g| matches!(g, Given::Graph(_))).map_or(0, |i| i + 1);
    let rest = given.iter().skip(last).filter_map(|g| if let Given::Plain(a) = g { Some(a.clone()) } else { None });
    rest.flat_map(|a| if let Arg::List(items) = a { items } else { vec![a] }).collect()
}

fn unsupported(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_UNSUPPORTED, what.to_owned())
}

pub(super) fn call(
    reader: &mut Reader,
    emit: &mut Emit,
    names: &mut Names,
    node: &Value,
    op: &str,
    depth: usize,
) -> Result<()> {
    let given = arguments(names, node)?;
    let graphs: Vec<&Value> =
        given.iter().filter_map(|g| if let Given::Graph(v) = g { Some(*v) } else { None }).collect();
    let results = match (op, graphs.as_slice()) {
        ("cond", &[yes, no]) => cond(reader, emit, &given, yes, no, depth)?,
        ("while_loop", &[test, body]) => while_loop(reader, emit, &given, test, body, depth)?,
        ("wrap_with_autocast", &[body]) => {
            let enabled =
                given.iter().filter_map(|g| if let Given::Plain(Arg::Bool(b)) = g { Some(*b) } else { None }).next();
            if enabled != Some(false) {
                return Err(unsupported("a region under autocast computes in other types than its calls say")
                    .help("export the program with run_decompositions(), which writes the conversions down"));
            }
            inline(reader, emit, body, &operands(&given), depth)?
        }
        (_, &[body]) if op.starts_with("wrap") || op == "invoke_subgraph" || op == "hints_wrapper" => {
            inline(reader, emit, body, &operands(&given), depth)?
        }
        _ => {
            // Named with all other ops that have no lowering.
            let count = list(node, "outputs").iter().flat_map(super::arguments::output_names).count();
            let plain = operands(&given);
            emit.call(&format!("higher_order::{op}"), plain, Vec::new(), count)
        }
    };
    bind(names, node, &results);
    Ok(())
}

/// A graph's nodes in `emit`, with its inputs standing for `args`.
fn inline(reader: &mut Reader, emit: &mut Emit, graph: &Value, args: &[Arg], depth: usize) -> Result<Vec<ValueId>> {
    let mut names = Names::default();
    for (input, arg) in list(graph, "inputs").iter().zip(args) {
        for name in super::arguments::output_names(input).into_iter().flatten() {
            names.0.insert(name, arg.clone());
        }
    }
    reader.nodes(emit, &mut names, graph, depth + 1)?;
    let mut out = Vec::new();
    for output in list(graph, "outputs") {
        let arg = names.argument(output)?;
        let items = if let Arg::List(items) = arg { items } else { vec![arg] };
        for item in items {
            out.push(value(emit, item)?);
        }
    }
    Ok(out)
}

/// A literal as a value.
fn value(emit: &mut Emit, arg: Arg) -> Result<ValueId> {
    Ok(match arg {
        Arg::Value(v) => v,
        Arg::Int(i) => emit.constant("", Tensor::int_scalar(i)),
        Arg::Bool(b) => emit.constant("", Tensor::scalar(modelport_ir::DType::Bool, f64::from(u8::from(b)))),
        Arg::Float(f) => emit.constant("", Tensor::scalar(modelport_ir::DType::F32, f)),
        _ => return Err(unsupported("a graph inside the program gives something that is no tensor")),
    })
}

/// A body whose operands come from outside.
fn closed(reader: &mut Reader, emit: &mut Emit, graph: &Value, args: &[Arg], name: &str, depth: usize) -> Result<Emit> {
    let mut body = emit.body(name);
    let args = captured(emit, &mut body, args);
    let results = inline(reader, &mut body, graph, &args, depth)?;
    for (i, v) in results.into_iter().enumerate() {
        body.output(format!("out{i}"), v);
    }
    Ok(body)
}

fn captured(emit: &mut Emit, body: &mut Emit, args: &[Arg]) -> Vec<Arg> {
    args.iter()
        .map(|a| match a {
            Arg::Value(v) => Arg::Value(body.capture(emit, *v)),
            other => other.clone(),
        })
        .collect()
}

fn cond(
    reader: &mut Reader,
    emit: &mut Emit,
    given: &[Given<'_>],
    yes: &Value,
    no: &Value,
    depth: usize,
) -> Result<Vec<ValueId>> {
    let Some(Given::Plain(test)) = given.first() else { return Err(unsupported("a branch without a condition")) };
    let test = value(emit, test.clone())?;
    let args = operands(given);
    let yes = closed(reader, emit, yes, &args, "then", depth)?;
    let no = closed(reader, emit, no, &args, "else", depth)?;
    Ok(emit.branch(test, yes, no))
}

fn while_loop(
    reader: &mut Reader,
    emit: &mut Emit,
    given: &[Given<'_>],
    test: &Value,
    body: &Value,
    depth: usize,
) -> Result<Vec<ValueId>> {
    let mut lists =
        given.iter().filter_map(|g| if let Given::Plain(Arg::List(l)) = g { Some(l.clone()) } else { None });
    let (start, rest) = (lists.next().unwrap_or_default(), lists.next().unwrap_or_default());
    let mut carried = Vec::new();
    for arg in start {
        carried.push(value(emit, arg)?);
    }
    let all = |carried: &[ValueId], rest: &[Arg]| -> Vec<Arg> {
        carried.iter().map(|&v| Arg::Value(v)).chain(rest.iter().cloned()).collect()
    };
    let first = inline(reader, emit, test, &all(&carried, &rest), depth)?;
    let mut inner = emit.body("body");
    let number = modelport_ir::TensorType::known(modelport_ir::DType::I64, &[]);
    inner.input("iteration", Some(number));
    let mut inside = Vec::new();
    for (i, &v) in carried.iter().enumerate() {
        let ty = emit.ty(v);
        inside.push(inner.input(format!("carried{i}"), ty));
    }
    let rest = captured(emit, &mut inner, &rest);
    let next = inline(reader, &mut inner, body, &all(&inside, &rest), depth)?;
    let again = inline(reader, &mut inner, test, &all(&next, &rest), depth)?;
    for (i, v) in again.into_iter().chain(next).enumerate() {
        inner.output(format!("out{i}"), v);
    }
    Ok(emit.repeat(None, first.first().copied(), &carried, inner))
}
