//! An exported program as a source graph: its signature, its nodes, its outputs.

use super::arguments::{Names, output_names};
use super::higher;
use super::json::{field, list, text, union};
use super::symbols::tensor_type;
use super::weights::Found;
use crate::emit::{Arg, Emit};
use crate::open::OpenOptions;
use modelport_diag::{Code, Diagnostic, Limits, Result};
use modelport_ir::{DType, SourceGraph, TensorType, ValueId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the graph of a program.
pub(super) fn read(
    program: &Value,
    found: &BTreeMap<String, Found>,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<SourceGraph> {
    let module = field(program, "graph_module")?;
    let graph = field(module, "graph")?;
    let signature = field(module, "signature")?;
    let mut emit = Emit::new("main");
    let mut names = Names::default();
    let mut reader = Reader { limits: options.limits, budget: options.limits.objects };
    inputs(&mut emit, &mut names, graph, signature, found)?;
    reader.nodes(&mut emit, &mut names, graph, 0)?;
    outputs(&mut emit, &names, graph, signature, notes)?;
    let mut source = emit.finish();
    crate::lower::assume_inputs(&mut source, &options.input_types, notes)?;
    Ok(source)
}

/// What an input of the graph stands for.
enum Stands<'a> {
    User,
    Tensor(&'a str),
    Constant(&'a Value),
    Nothing,
}

/// Names and meanings of the graph's inputs. Schema 1 has maps instead of a list.
fn meanings<'a>(graph: &'a Value, signature: &'a Value) -> Result<Vec<(String, Stands<'a>)>> {
    let named = |v: &Value| text(v, "name").unwrap_or_default().to_owned();
    let specs = list(signature, "input_specs");
    let mut out = Vec::new();
    if specs.is_empty() {
        for input in list(graph, "inputs") {
            let name = union(input).map(|(_, v)| named(v)).unwrap_or_default();
            let target = ["inputs_to_parameters", "inputs_to_buffers"]
                .iter()
                .find_map(|map| signature.get(map).and_then(|m| m.get(&name)).and_then(Value::as_str));
            out.push((name, target.map_or(Stands::User, Stands::Tensor)));
        }
        return Ok(out);
    }
    for spec in specs {
        let (tag, v) = union(spec).ok_or_else(|| bad("an input without a kind"))?;
        let arg = v.get("arg").map(named).unwrap_or_default();
        let target = |name: &str| text(v, name).ok_or_else(|| bad("an input without its tensor's name"));
        out.push(match tag {
            "user_input" => match v.get("arg").and_then(union) {
                Some(("as_tensor", t)) => (named(t), Stands::User),
                Some(("as_sym_int" | "as_sym_float", s)) => {
                    (text(s, "as_name").unwrap_or_default().to_owned(), Stands::User)
                }
                _ => (String::new(), Stands::Nothing),
            },
            "parameter" => (arg, Stands::Tensor(target("parameter_name")?)),
            "buffer" => (arg, Stands::Tensor(target("buffer_name")?)),
            "tensor_constant" => (arg, Stands::Tensor(target("tensor_constant_name")?)),
            "constant_input" => (named(v), Stands::Constant(v.get("value").unwrap_or(&Value::Null))),
            // A custom object or a token: an op that uses it is named when it is lowered.
            _ => (arg, Stands::Nothing),
        });
    }
    Ok(out)
}

fn bad(what: &str) -> Box<Diagnostic> {
    Diagnostic::error(Code::TORCH_PROGRAM, format!("the signature of the exported program has {what}"))
}

fn inputs(
    emit: &mut Emit,
    names: &mut Names,
    graph: &Value,
    signature: &Value,
    found: &BTreeMap<String, Found>,
) -> Result<()> {
    let metas = graph.get("tensor_values");
    for (name, stands) in meanings(graph, signature)? {
        match stands {
            Stands::User => {
                let ty = metas.and_then(|m| m.get(&name)).and_then(tensor_type);
                let number = ty.is_none() && graph.get("sym_int_values").is_some_and(|m| m.get(&name).is_some());
                let ty = if number { Some(TensorType::known(DType::I64, &[])) } else { ty };
                let mut value = emit.input(name.clone(), ty);
                if number {
                    value = emit.one("aten::Int", vec![value.into()]);
                }
                names.set(&name, value);
            }
            Stands::Tensor(target) => {
                let tensor = found.get(target).ok_or_else(|| {
                    Diagnostic::error(Code::TORCH_PROGRAM, format!("the archive lacks the tensor `{target}`"))
                        .help("the program was saved without its weights, or the archive is damaged")
                })?;
                let value = emit.constant(target, tensor.tensor.clone());
                names.set(&name, value);
            }
            Stands::Constant(value) => {
                let arg = names.argument(value).unwrap_or(Arg::None);
                names.0.insert(name, arg);
            }
            Stands::Nothing => {}
        }
    }
    Ok(())
}

/// Names the outputs that the user gets; what else the program gives is left out, and said so.
fn outputs(emit: &mut Emit, names: &Names, graph: &Value, signature: &Value, notes: &mut Vec<String>) -> Result<()> {
    let specs = list(signature, "output_specs");
    let mut args: Vec<&Value> = Vec::new();
    let mut dropped = BTreeSet::new();
    if specs.is_empty() {
        let kept: Vec<&str> = list(signature, "user_outputs").iter().filter_map(Value::as_str).collect();
        let user = |v: &&Value| {
            let name = output_names(v).first().cloned().flatten().unwrap_or_default();
            kept.is_empty() || kept.contains(&name.as_str())
        };
        args.extend(list(graph, "outputs").iter().filter(user));
    }
    for spec in specs {
        match union(spec) {
            Some(("user_output", v)) => args.extend(v.get("arg")),
            Some(("buffer_mutation", v)) => {
                dropped.insert(format!("the new value of buffer `{}`", text(v, "buffer_name").unwrap_or_default()));
            }
            Some(("user_input_mutation", v)) => {
                dropped.insert(format!("the new value of input `{}`", text(v, "user_input_name").unwrap_or_default()));
            }
            Some((other, _)) => {
                dropped.insert(format!("an output of the kind `{other}`"));
            }
            None => {}
        }
    }
    let mut taken: BTreeSet<String> =
        emit.graph().inputs().iter().map(|&id| emit.graph().value(id).name.clone()).collect();
    for arg in args {
        let Some(Some(name)) = output_names(arg).into_iter().next() else {
            dropped.insert("an output that is a constant".to_owned());
            continue;
        };
        let Arg::Value(value) = names.get(&name)? else {
            dropped.insert(format!("output `{name}`, which is a constant"));
            continue;
        };
        let mut unique = name.clone();
        let mut n = 0;
        while !taken.insert(unique.clone()) {
            n += 1;
            unique = format!("{name}_out{n}");
        }
        emit.output(unique, value);
    }
    for what in dropped {
        notes.push(format!("left out: {what}"));
    }
    Ok(())
}

/// The walk over a program's nodes.
pub(super) struct Reader {
    limits: Limits,
    /// Nodes that may still be read; graphs inside are inlined, so that there may be more than the file has.
    budget: usize,
}

impl Reader {
    pub(super) fn nodes(&mut self, emit: &mut Emit, names: &mut Names, graph: &Value, depth: usize) -> Result<()> {
        self.limits.check_depth(depth, "a graph inside an exported program")?;
        for node in list(graph, "nodes") {
            self.budget = self
                .budget
                .checked_sub(1)
                .ok_or_else(|| Diagnostic::error(Code::IO_LIMIT, "the exported program has too many nodes"))?;
            let target = text(node, "target").ok_or_else(|| bad("a node without a target"))?;
            let called = text(node, "name")
                .map(str::to_owned)
                .or_else(|| list(node, "outputs").first().and_then(|o| output_names(o).into_iter().flatten().next()));
            let at = called.clone().unwrap_or_else(|| target.to_owned());
            if let Some(op) = target.strip_prefix("torch.ops.higher_order.") {
                higher::call(self, emit, names, node, op, depth).map_err(|d| d.at_node(at))?;
            } else {
                call(emit, names, node, target, &at).map_err(|d| d.at_node(at))?;
            }
        }
        Ok(())
    }
}

/// The results of a node by name.
pub(super) fn bind(names: &mut Names, node: &Value, results: &[ValueId]) {
    let outputs = list(node, "outputs").iter().flat_map(output_names);
    for (name, &value) in outputs.zip(results) {
        if let Some(name) = name {
            names.set(&name, value);
        }
    }
}

/// A call of an op: positional arguments stay so, all where the file does not say.
fn call(emit: &mut Emit, names: &mut Names, node: &Value, target: &str, at: &str) -> Result<()> {
    let op = operator(target);
    let python = !target.starts_with("torch.ops.");
    let (mut args, mut kwargs) = (Vec::new(), Vec::new());
    for input in list(node, "inputs") {
        let arg = names.argument(field(input, "arg")?)?;
        let name = text(input, "name").unwrap_or_default();
        let positional = input.get("kind").and_then(Value::as_i64).is_some_and(|k| k == 1);
        if python || positional || name.is_empty() {
            args.push(arg);
        } else {
            kwargs.push((name, arg));
        }
    }
    let count = list(node, "outputs").iter().flat_map(output_names).count();
    // The module's path, as the last frame of its stack says it: `L__self___features_0,features.0,Conv2d`.
    let stack = node.get("metadata").and_then(|m| text(m, "nn_module_stack")).unwrap_or_default();
    let path = stack.rsplit(';').next().and_then(|f| f.split(',').nth(1)).unwrap_or_default().replace('.', "/");
    let name = if path.is_empty() || path.starts_with('_') { at.to_owned() } else { format!("{path}/{at}") };
    let results = emit.call_named(&name, &op, args, kwargs, count);
    bind(names, node, &results);
    Ok(())
}

/// `torch.ops.aten.add.Tensor` is `aten::add.Tensor`; functions of Python on numbers are ops on numbers.
fn operator(target: &str) -> String {
    if let Some(op) = target.strip_prefix("torch.ops.") {
        return op.replacen('.', "::", 1).trim_end_matches(".default").to_owned();
    }
    let name = target.rsplit('.').next().unwrap_or(target);
    let op = match name {
        "add" => "add",
        "sub" => "sub",
        "mul" => "mul",
        "truediv" => "div",
        "floordiv" => "floordiv",
        "mod" => "remainder",
        "pow" | "_sym_pow" => "pow",
        "neg" => "neg",
        "pos" => "positive",
        "abs" => "abs",
        "eq" => "eq",
        "ne" => "ne",
        "lt" => "lt",
        "le" => "le",
        "gt" => "gt",
        "ge" => "ge",
        "and_" => "logical_and",
        "or_" => "logical_or",
        "not_" | "sym_not" => "sym_not",
        "floor" => "floor",
        "ceil" => "ceil",
        "round" => "round",
        "trunc" | "sym_int" | "int" => "sym_int",
        "sym_float" | "float" => "sym_float",
        "sym_max" | "max" => "sym_max",
        "sym_min" | "min" => "sym_min",
        "sym_ite" => "sym_ite",
        "_sym_sqrt" | "sqrt" => "sqrt",
        _ => return target.replace('.', "::"),
    };
    format!("aten::{op}")
}
