//! A declaration to be edited, for a layer that nobody knows.

use crate::text::lexer::{name, quote};
use crate::text::value::{is_plain_name, print_type};
use crate::{Attr, SourceOp, TensorType};

/// Keys that every layer has, or that the reader added.
const COMMON: &[&str] = &["name", "trainable", "training", "dtype", "batch_input_shape", "batch_shape", "input_dtype"];

/// Where a layer keeps the modules that it holds: pairs of name and op.
const MODULES: &str = "@modules";

/// The declaration of a layer with its inputs, weights and config filled in; what it computes is left to be written, and
/// the text does not parse until that is done. `inputs` are the types of the tensors that it is called with, where they
/// are known.
pub fn print_declaration_template(op: &SourceOp, inputs: &[Option<TensorType>]) -> String {
    let of_lambda = if op.name == "Lambda" { op.attr("name").and_then(Attr::as_str) } else { None };
    let input_names: Vec<String> = match inputs.len() {
        0 | 1 => vec!["x".to_owned()],
        n => (0..n).map(|i| format!("x{i}")).collect(),
    };
    // Of a Python class, the path is left out.
    let class = if op.attr(MODULES).is_some() { op.name.rsplit('.').next().unwrap_or(&op.name) } else { &op.name };
    let mut out = format!("layer {}({}) {{\n", name(of_lambda.unwrap_or(class)), input_names.join(", "));
    for (input, ty) in input_names.iter().zip(inputs) {
        let ty = ty.as_ref().map_or_else(|| "of unknown type".to_owned(), print_type);
        out.push_str(&format!("  # {input}: {ty}\n"));
    }
    let weights = weights(op, &input_names, &mut out);
    let modules = modules(op, &mut out);
    let taken: Vec<_> = input_names.iter().chain(&weights).chain(&modules).cloned().collect();
    config(op, &taken, &mut out);
    out.push_str("  # Write what the layer computes from these, in core ops, and return it instead of `_`");
    out.push_str(&match example(op, inputs, &weights) {
        Some(line) => format!(", for instance:\n  #   {line}\n"),
        None => ".\n".to_owned(),
    });
    out.push_str("  return _\n}\n");
    out
}

/// Appends `weights w, b`; returns the local names.
fn weights(op: &SourceOp, taken: &[String], out: &mut String) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut items = Vec::new();
    // What belongs to a module inside comes with that module.
    let own = op.weights.iter().filter(|(n, _)| op.attr(MODULES).is_none() || !n.contains('.'));
    for (i, (file_name, tensor)) in own.enumerate() {
        let unique = |n: &str, names: &[String]| is_plain_name(n) && !names.iter().chain(taken).any(|t| t == n);
        let numbered = !file_name.is_empty() && file_name.bytes().all(|b| b.is_ascii_digit());
        let (local, item) = if unique(file_name, &names) && !file_name.starts_with('@') {
            (file_name.clone(), file_name.clone())
        } else {
            let word: String = file_name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let local = if !numbered && unique(&word, &names) { word } else { format!("w{i}") };
            let local = if unique(&local, &names) { local } else { format!("weight_{i}") };
            let twice = op.weights.iter().filter(|(n, _)| n == file_name).count() > 1;
            let source = if numbered || twice { i.to_string() } else { quote(file_name) };
            (local.clone(), format!("{local} = {source}"))
        };
        out.push_str(&format!("  # {local}: {}\n", print_type(&tensor.ty())));
        names.push(local);
        items.push(item);
    }
    if !items.is_empty() {
        out.push_str(&format!("  weights {}\n", items.join(", ")));
    }
    names
}

/// Appends `modules fc, act`; returns the local names.
fn modules(op: &SourceOp, out: &mut String) -> Vec<String> {
    let mut names = Vec::new();
    let mut items = Vec::new();
    for pair in op.attr(MODULES).and_then(Attr::as_list).unwrap_or_default() {
        let Some([Attr::Str(there), Attr::Op(module)]) = pair.as_list() else { continue };
        let plain = is_plain_name(there) && !there.starts_with(|c: char| c.is_ascii_digit());
        let local = if plain { there.clone() } else { format!("m{}", names.len()) };
        items.push(if plain { local.clone() } else { format!("{local} = {}", quote(there)) });
        out.push_str(&format!("  # {local}: {}\n", module.name));
        names.push(local);
    }
    if !items.is_empty() {
        out.push_str(&format!("  modules {}\n", items.join(", ")));
    }
    names
}

/// Appends `config units: int`, one key a line, with the values that this layer has.
fn config(op: &SourceOp, taken: &[String], out: &mut String) {
    if op.name == "Lambda" {
        // All that its config holds is the code and how it was stored.
        return;
    }
    for (key, value) in &op.attrs {
        let own = !key.starts_with('@') && !COMMON.contains(&key.as_str());
        if !own || !is_plain_name(key) || taken.contains(key) {
            continue;
        }
        let kind = match value {
            Attr::Bool(_) => "bool",
            Attr::Int(_) => "int",
            Attr::Float(_) => "float",
            Attr::Str(_) => "str",
            Attr::List(items) if items.iter().all(|i| i.as_float().is_some()) => "list",
            _ => continue,
        };
        let mut shown = String::new();
        crate::text::value::print_attr(value, &mut shown, &mut Default::default(), 0);
        // A value such as Lambda's bytecode would bury the rest.
        if shown.len() <= 80 {
            out.push_str(&format!("  config {key}: {kind}  # {shown}\n"));
        }
    }
}

/// The one guess worth making: a matrix and a vector that fit the last dimension of the only input.
fn example(op: &SourceOp, inputs: &[Option<TensorType>], weights: &[String]) -> Option<String> {
    if let Some([first, ..]) = op.attr(MODULES).and_then(Attr::as_list) {
        let name = first.as_list()?.first()?.as_str()?;
        let plain = is_plain_name(name) && !name.starts_with(|c: char| c.is_ascii_digit());
        return Some(format!("return Relu({}(x))", if plain { name } else { "m0" }));
    }
    let [Some(input)] = inputs else { return None };
    let last = input.shape.last()?.known()?;
    match (op.weights.as_slice(), weights) {
        ([(_, m), (_, v)], [w, b])
            if m.rank() == 2 && m.shape().first() == Some(&last) && v.shape() == m.shape().get(1..)? =>
        {
            Some(format!("return Add(MatMul(x, {w}), {b})"))
        }
        ([(_, m)], [w]) if m.rank() == 2 && m.shape().first() == Some(&last) => Some(format!("return MatMul(x, {w})")),
        ([(_, v)], [w]) if v.shape() == [last] => Some(format!("return Mul(x, {w})")),
        _ => None,
    }
}
