//! Tensors in pickles: the functions that `torch.save` names to put a tensor together again, of all versions
//! (`torch/_utils.py`, `torch/_tensor.py`, `torch/nn/parameter.py` of torch 1.0 to 2.15; `facts/torch_formats.tsv`), and
//! the classes with a state that stood there before 0.4.
//!
//! Owns: their arguments. Must never know: containers.

use super::dtype::ScalarType;
use super::pickled::{Pickled, class_of, damaged};
use super::view::strided;
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::Tensor;
use modelport_pickle::{GlobalRef, Node};

/// How many wrappers a tensor may be in.
const WRAPPERS: usize = 16;

/// The tensor that an object is; `None` when it is none.
pub(super) fn tensor(pickled: &Pickled, node: Node<'_>, depth: usize) -> Option<Result<Tensor>> {
    let (class, args) = (class_of(node)?, node.args()?);
    // Before 0.4 a tensor was an object of its own class: storage, offset, shape, strides.
    if is_tensor_class(class) {
        return legacy_state(pickled, node, depth);
    }
    by_function(pickled, class, args, depth)
}

fn is_tensor_class(class: &GlobalRef) -> bool {
    let module = matches!(&*class.module, "torch" | "torch.cuda" | "torch._tensor" | "torch.tensor" | "torch.sparse");
    module && (&*class.name == "Tensor" || ScalarType::of_tensor(&class.name).is_some())
}

fn legacy_state(pickled: &Pickled, node: Node<'_>, depth: usize) -> Option<Result<Tensor>> {
    let state = node.state()?;
    match state.items()?.len() {
        4 => Some(view(pickled, state, None)),
        // The state of a variable: its data, and what training needs.
        5 => inner(pickled, state.item(0)?, depth),
        _ => Some(Err(damaged(format!("the state of a tensor is {state}")))),
    }
}

/// What a function gives with these arguments.
fn by_function(pickled: &Pickled, function: &GlobalRef, args: Node<'_>, depth: usize) -> Option<Result<Tensor>> {
    let refused = |what: &str, help: &str| {
        Some(Err(Diagnostic::error(Code::TORCH_UNSUPPORTED_TENSOR, format!("the tensor {what}")).help(help)))
    };
    let unsupported = |what: &str| refused(what, "make it a plain tensor in PyTorch and save again");
    match (&*function.module, &*function.name) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(rebuilt(pickled, args, None, 6)),
        ("torch._utils", "_rebuild_tensor_v3") => Some(match args.item(6).map(scalar_of) {
            Some(Ok(scalar)) => rebuilt(pickled, args, Some(scalar), 7),
            Some(Err(d)) => Err(d),
            None => Err(damaged("a tensor without its dtype")),
        }),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
        | ("torch.nn.parameter", "Parameter" | "Buffer" | "UninitializedParameter")
        | ("torch.autograd.variable", "Variable") => inner(pickled, args.first()?, depth),
        (
            "torch._utils",
            "_rebuild_xla_tensor"
            | "_rebuild_mlc_tensor"
            | "_rebuild_device_tensor_from_numpy"
            | "_rebuild_device_tensor_from_cpu_tensor",
        ) => inner(pickled, args.first()?, depth),
        ("torch._tensor" | "torch.tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
            wrapped(pickled, args, depth)
        }
        ("torch._utils", "_rebuild_qtensor") => refused(
            "is quantised: its elements are integers with a scale",
            "save the model as it was before its quantisation, or this tensor after `.dequantize()`",
        ),
        ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor") => {
            refused("is sparse", "call `.to_dense()` in PyTorch and save again")
        }
        ("torch._utils", "_rebuild_nested_tensor") => unsupported("is nested: its rows differ in length"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage") => refused(
            "was saved on the device `meta`: it has a shape, and no data",
            "save the model after its weights were loaded",
        ),
        ("torch._utils", "_rebuild_wrapper_subclass") => {
            unsupported("is of a class that wraps others and keeps no data of its own")
        }
        _ => None,
    }
}

fn inner(pickled: &Pickled, node: Node<'_>, depth: usize) -> Option<Result<Tensor>> {
    match depth < WRAPPERS {
        true => tensor(pickled, node, depth + 1).or_else(|| super::numpy::tensor(node, pickled.file())),
        false => Some(Err(damaged("a tensor is wrapped in itself"))),
    }
}

/// `_rebuild_from_type_v2(function, class, arguments, state)`: what the function gives, as a subclass.
fn wrapped(pickled: &Pickled, args: Node<'_>, depth: usize) -> Option<Result<Tensor>> {
    if depth >= WRAPPERS {
        return Some(Err(damaged("a tensor is wrapped in itself")));
    }
    by_function(pickled, args.first()?.global()?, args.item(2)?, depth + 1)
}

/// `(storage, offset, shape, strides, …)`, and at `metadata` what the tensor is besides.
fn rebuilt(pickled: &Pickled, args: Node<'_>, scalar: Option<ScalarType>, metadata: usize) -> Result<Tensor> {
    let tensor = view(pickled, args, scalar)?;
    for bit in ["neg", "conj"] {
        let set = args.item(metadata).and_then(|m| m.get(bit)).and_then(Node::bool);
        if set == Some(true) {
            return Err(Diagnostic::error(
                Code::TORCH_UNSUPPORTED_TENSOR,
                format!("the tensor is a view that changes its elements ({bit})"),
            )
            .help("make it plain with `.resolve_neg()` or `.resolve_conj()` and save again"));
        }
    }
    Ok(tensor)
}

/// `(storage, offset, shape, strides)`.
fn view(pickled: &Pickled, args: Node<'_>, scalar: Option<ScalarType>) -> Result<Tensor> {
    let (Some(storage), Some(offset), Some(shape), Some(strides)) = (
        args.item(0),
        args.item(1).and_then(Node::int),
        args.item(2).and_then(Node::ints),
        args.item(3).and_then(Node::ints),
    ) else {
        return Err(damaged(format!("a tensor is put together from {args}")));
    };
    let storage = pickled.storage(storage)?;
    // A tensor with an untyped storage and no type of its own is bytes.
    let scalar = scalar.or(storage.scalar).or_else(|| ScalarType::named("uint8"));
    let scalar = scalar.ok_or_else(|| damaged("a storage without a type"))?;
    strided(&storage, scalar, offset, &shape, &strides)
}

/// A `torch.dtype`: the name `torch.float32`.
fn scalar_of(node: Node<'_>) -> Result<ScalarType> {
    let global = node.global().filter(|g| &*g.module == "torch");
    global.and_then(|g| ScalarType::named(&g.name)).ok_or_else(|| damaged(format!("the dtype of a tensor is {node}")))
}
