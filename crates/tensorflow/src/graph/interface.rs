//! What goes into a graph and what comes out of it: as a signature or the user says, or guessed.
//!
//! Owns: types of inputs, names of inputs and outputs. Must never know: what ops compute.

use super::attrs::{list_attr, type_attr};
use super::body::Ref;
use super::order::plan;
use super::{Parts, feeds, guess};
use crate::dtype;
use crate::wire::decode;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{Attr, Dim, TensorType};
use modelport_proto::tensorflow::attr_value::Value;
use modelport_proto::tensorflow::{NodeDef, TensorShapeProto};
use std::collections::HashSet;

/// An input of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Its name in the converted model.
    pub(crate) name: String,
    /// The tensor that it stands for: `x:0`.
    pub(crate) tensor: String,
    /// Its type.
    pub(crate) ty: TensorType,
}

/// An output of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Its name in the converted model.
    pub(crate) name: String,
    /// The tensor: `Softmax:0`.
    pub(crate) tensor: String,
}

/// Inputs and outputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interface {
    /// What goes in.
    pub(crate) inputs: Vec<Input>,
    /// What comes out.
    pub(crate) outputs: Vec<Output>,
}

/// What the user asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes<'a> {
    /// Tensors that are inputs.
    pub(crate) inputs: &'a [String],
    /// Tensors that are outputs.
    pub(crate) outputs: &'a [String],
    /// Types by input; an empty name means the only one.
    pub(crate) types: &'a [(String, TensorType)],
}

pub(super) fn interface_error(message: impl Into<String>) -> Box<Diagnostic> {
    Diagnostic::error(Code::TF_INTERFACE, message)
}

/// `x:0` and `x` are the same tensor, and make the name `x`.
pub(crate) fn name_of(tensor: &str) -> String {
    tensor.strip_suffix(":0").unwrap_or(tensor).to_owned()
}

/// The last part of a path.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// The dimensions of an input: an unknown first one is the batch `N`, others are named after the input and the axis.
pub(crate) fn dims(name: &str, sizes: &[i64]) -> Vec<Dim> {
    let dim = |(axis, size): (usize, &i64)| match (usize::try_from(*size), axis) {
        (Ok(n), _) => Dim::Known(n),
        (Err(_), 0) => Dim::symbol("N"),
        (Err(_), _) => Dim::symbol(&format!("{name}_{axis}")),
    };
    sizes.iter().enumerate().map(dim).collect()
}

/// The type of an input from what the user says, or else from its element type and shape.
///
/// # Errors
/// `TF0005` when the rank is not known or the elements are none that the IR has.
pub(crate) fn input_type(
    name: &str,
    number: i32,
    shape: Option<Vec<i64>>,
    wishes: Wishes<'_>,
    only: bool,
) -> Result<TensorType> {
    let given = wishes.types.iter().find(|(n, _)| n == name || (n.is_empty() && only));
    if let Some((_, ty)) = given {
        return Ok(ty.clone());
    }
    let Some(dtype) = dtype::dtype(number) else {
        return Err(interface_error(format!("the input `{name}` holds elements of type {}", dtype::name(number)))
            .expected("numbers, booleans or strings"));
    };
    let Some(sizes) = shape else {
        return Err(interface_error(format!("the file does not say how many dimensions the input `{name}` has"))
            .help(format!("give its type, for example --input-type {name}={dtype}[N,224,224,3]")));
    };
    Ok(TensorType::new(dtype, dims(name, &sizes)))
}

/// Sizes of a shape, -1 for unknown ones; nothing when the rank is unknown.
pub(crate) fn sizes(shape: Option<&TensorShapeProto>) -> Option<Vec<i64>> {
    let shape = shape.filter(|s| !s.unknown_rank)?;
    Some(shape.dim.iter().map(|d| d.size).collect())
}

/// Inputs and outputs of a graph that has no signature.
///
/// # Errors
/// `TF0005` when there is no output, or what the user asks for is not there.
pub(crate) fn interface_of_graph(parts: &Parts, wishes: Wishes<'_>, notes: &mut Vec<String>) -> Result<Interface> {
    let body = &parts.main;
    let outputs = if wishes.outputs.is_empty() { guess::outputs(parts, notes)? } else { wishes.outputs.to_vec() };
    let outputs: Vec<_> = outputs.into_iter().map(|tensor| Output { name: name_of(&tensor), tensor }).collect();
    let mut wanted = Vec::new();
    for output in &outputs {
        wanted.push(asked(parts, &output.tensor)?);
    }
    let mut more = 0;
    let tensors = match wishes.inputs {
        [] => {
            let handed = feeds::components(parts, &wanted, &HashSet::new())?;
            more = handed.len();
            let fed = handed.into_iter().map(|(at, i)| Ref::Node(at, i)).collect();
            let plan = plan(body, &parts.library, &wanted, &fed)?;
            let mut needed: Vec<_> = plan.order;
            needed.sort_unstable();
            needed
                .into_iter()
                .filter_map(|i| body.nodes.get(i))
                .filter(|n| parts.switches.is_input(n))
                .map(|n| n.name.clone())
                .collect()
        }
        given => given.to_vec(),
    };
    let mut inputs = Vec::new();
    for tensor in &tensors {
        let at = asked(parts, tensor)?;
        let name = name_of(tensor);
        let (number, shape) = declared(parts, at)?;
        let mut ty = input_type(&name, number, shape, wishes, tensors.len() + more == 1)?;
        // Without a signature nothing says that the inputs are of one batch: boxes are not as many as images.
        if let Some(first) = ty.shape.first_mut().filter(|d| !inputs.is_empty() && **d == Dim::symbol("N")) {
            *first = Dim::symbol(&format!("{name}_0"));
        }
        inputs.push(Input { name, tensor: tensor.clone(), ty });
    }
    Ok(Interface { inputs, outputs })
}

/// A tensor that the user named.
fn asked(parts: &Parts, tensor: &str) -> Result<Ref> {
    let name = tensor.split(':').next().unwrap_or_default();
    if parts.main.find(name).is_some() {
        return parts.main.resolve(&parts.library, tensor, name);
    }
    let last = last_part(name);
    let near = parts.main.nodes.iter().map(|n| n.name.as_str()).filter(|n| last_part(n) == last);
    let near: Vec<_> = near.take(5).collect();
    let d = interface_error(format!("the graph has no tensor `{tensor}`"));
    Err(if near.is_empty() { d } else { d.help(format!("similar names: {}", near.join(", "))) })
}

pub(super) fn number_of(node: &NodeDef) -> i32 {
    let keys = ["dtype", "T", "DstT", "Tparams", "out_type", "output_type", "SrcT"];
    keys.iter()
        .find_map(|k| if let Value::Type(t) = node.attr.get(*k)?.value.as_ref()? { Some(*t) } else { None })
        .unwrap_or(0)
}

/// Element type and shape that a node declares for one of its outputs.
fn declared(parts: &Parts, at: Ref) -> Result<(i32, Option<Vec<i64>>)> {
    let Ref::Node(at, output) = at else { return Ok((0, None)) };
    let node = parts.main.node(at)?;
    let recorded = || sizes(list_attr(node, "_output_shapes")?.shape.get(output));
    let shape = match node.attr.get("shape").and_then(|v| v.value.as_ref()) {
        Some(Value::Shape(bytes)) => sizes(Some(&decode(bytes, "a shape")?)),
        _ => None,
    };
    // Before this revision an empty shape meant an unknown one (core/ops/array_ops.cc, `Placeholder`).
    let unknown = parts.producer < 24 && shape.as_ref().is_some_and(Vec::is_empty);
    let shape = shape.filter(|_| !unknown && node.op.starts_with("Placeholder")).or_else(recorded);
    let shape = shape.or_else(|| parts.switches.is_predicate(&node.name).then(Vec::new));
    Ok((number_of(node), shape))
}

/// A type for people: `f32`, `resource`.
pub(crate) fn type_name(number: i32) -> String {
    match type_attr(number) {
        Attr::DType(d) => d.to_string(),
        _ => dtype::name(number),
    }
}
