//! Types of inputs that the file leaves open: given by the user, else assumed from what first uses them.
//!
//! Owns: what a first use says about rank, channels and dtype. Must never know: lowerings, file formats.

use super::call::operand_index;
use super::names;
use modelport_diag::Result;
use modelport_ir::{Attr, DType, Dim, Node, Source, SourceGraph, TensorType, ValueId};

/// Gives every input of `graph` a type: from `given` (by name; an empty name is the only input), else from its first
/// uses; what was assumed is told in `notes`. An input that nothing tells about keeps none.
///
/// # Errors
/// `US0001` when a given name is no input.
pub fn assume_inputs(graph: &mut SourceGraph, given: &[(String, TensorType)], notes: &mut Vec<String>) -> Result<()> {
    let inputs = graph.inputs().to_vec();
    graph.set_input_types(given)?;
    for id in inputs {
        if graph.ty(id).is_some() {
            continue;
        }
        if let Some(ty) = from_uses(graph, id, 0) {
            let name = graph.value(id).name.clone();
            notes.push(format!("input `{name}` is taken to be {ty}; say otherwise with --input-type {name}=TYPE"));
            graph.set_type(id, Some(ty));
        }
    }
    Ok(())
}

/// How many uses one after the other are followed.
const MOST: usize = 64;

fn from_uses(graph: &SourceGraph, input: ValueId, depth: usize) -> Option<TensorType> {
    let mut at = vec![input];
    let mut seen = 0;
    while let Some(value) = at.pop() {
        for node in graph.nodes().iter().filter(|n| n.inputs.contains(&Some(value))) {
            seen += 1;
            if seen > MOST {
                return None;
            }
            if let Some(ty) = from_use(graph, node, value).or_else(|| from_branch(node, value, depth)) {
                return Some(ty);
            }
            if keeps_type(&names::parse(&node.op.name).base) {
                at.splice(0..0, node.outputs.iter().copied().take(1));
            }
        }
    }
    None
}

/// What the branches of a choice say about a value that they use.
fn from_branch(node: &Node<Source>, value: ValueId, depth: usize) -> Option<TensorType> {
    if node.op.name != "prim::If" || depth > 8 {
        return None;
    }
    let operand = node.inputs.iter().position(|i| *i == Some(value))? as i64;
    [("then_branch", "then_inputs"), ("else_branch", "else_inputs")].into_iter().find_map(|(body, inputs)| {
        let Some(Attr::Graph(body)) = node.op.attr(body) else { return None };
        let place = node.op.attr(inputs)?.as_ints()?.into_iter().position(|i| i == operand)?;
        from_uses(body, *body.inputs().get(place)?, depth + 1)
    })
}

/// Ops whose result has the type of their operand, so that the next use tells as much.
fn keeps_type(op: &str) -> bool {
    matches!(
        op.trim_start_matches("aten::"),
        "relu"
            | "sub"
            | "add"
            | "mul"
            | "div"
            | "dropout"
            | "contiguous"
            | "clone"
            | "detach"
            | "sigmoid"
            | "tanh"
            | "pad"
            | "constant_pad_nd"
            | "reflection_pad2d"
            | "replication_pad2d"
            | "clamp"
            | "alias"
            | "zero_pad2d"
            | "max_pool2d"
            | "avg_pool2d"
            | "batch_norm"
            | "gelu"
            | "silu"
            | "lift_fresh_copy"
    )
}

fn from_use(graph: &SourceGraph, node: &Node<Source>, value: ValueId) -> Option<TensorType> {
    let op = names::parse(&node.op.name).base;
    let args = node.op.attr("@args").and_then(Attr::as_list).unwrap_or_default();
    let kwargs = node.op.attr("@kwargs").and_then(Attr::as_map);
    let operand = |i: usize, name: &str| {
        let arg = args.get(i).or_else(|| kwargs?.get(name))?;
        let operands: Vec<_> = node.inputs.iter().flatten().copied().collect();
        operands.get(operand_index(arg)?).copied()
    };
    let shape = |i: usize, name: &str| Some(graph.ty(operand(i, name)?).as_ref()?.shape.clone());
    let dtype =
        |i: usize, name: &str| operand(i, name).and_then(|v| graph.ty(v).as_ref()).map_or(DType::F32, |ty| ty.dtype);
    let first = operand(0, "input").or_else(|| operand(0, "self")) == Some(value);
    let symbols = |names: &[&str]| names.iter().map(|n| Dim::symbol(n)).collect::<Vec<_>>();
    match op.trim_start_matches("aten::") {
        "conv1d" | "conv2d" | "conv3d" | "convolution" | "_convolution" | "conv_transpose1d" | "conv_transpose2d"
        | "conv_transpose3d"
            if first =>
        {
            let weight = shape(1, "weight")?;
            let groups = groups(&op, args, kwargs);
            let transposed = op.contains("transpose") || args.get(6).and_then(Attr::as_bool) == Some(true);
            let channels =
                if transposed { weight.first()?.known()? } else { weight.get(1)?.known()?.checked_mul(groups)? };
            let mut dims = vec![Dim::symbol("N"), Dim::Known(channels)];
            let spatial: &[&str] = match weight.len() {
                3 => &["L"],
                4 => &["H", "W"],
                _ => &["D", "H", "W"],
            };
            dims.extend(symbols(spatial));
            Some(TensorType::new(dtype(1, "weight"), dims))
        }
        "linear" if first => {
            let features = shape(1, "weight")?.get(1)?.clone();
            Some(TensorType::new(dtype(1, "weight"), vec![Dim::symbol("N"), features]))
        }
        "addmm" if operand(1, "mat1") == Some(value) => {
            let features = shape(2, "mat2")?.first()?.clone();
            Some(TensorType::new(dtype(2, "mat2"), vec![Dim::symbol("N"), features]))
        }
        "embedding" if operand(1, "indices") == Some(value) => Some(TensorType::new(DType::I64, symbols(&["N", "S"]))),
        "lstm" | "gru" | "rnn_tanh" | "rnn_relu" if first => {
            let weight = args.iter().find_map(|a| match a {
                Attr::List(l) => l.first().and_then(operand_index),
                _ => None,
            });
            let operands: Vec<_> = node.inputs.iter().flatten().copied().collect();
            let ty = weight.and_then(|i| operands.get(i)).and_then(|&v| graph.ty(v).clone());
            let weight = ty.filter(|t| t.rank() == 2)?;
            let batch_first = args.iter().filter_map(Attr::as_bool).next_back().unwrap_or(false);
            let mut dims = symbols(if batch_first { &["N", "S"] } else { &["S", "N"] });
            dims.push(weight.shape.get(1)?.clone());
            Some(TensorType::new(weight.dtype, dims))
        }
        "layer_norm" if first => {
            let weight = shape(2, "weight")?;
            let mut dims = symbols(&["N", "S"]);
            dims.extend(weight);
            Some(TensorType::new(dtype(2, "weight"), dims))
        }
        _ => None,
    }
}

fn groups(op: &str, args: &[Attr], kwargs: Option<&std::collections::BTreeMap<String, Attr>>) -> usize {
    let place = if op.ends_with("convolution") { 8 } else { 6 };
    let arg = args.get(place).or_else(|| kwargs?.get("groups"));
    arg.and_then(Attr::as_int).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0).unwrap_or(1)
}
