//! What a model takes: the types of its inputs.
//!
//! Owns: `InputLayer`s, and Sequential models that have none. Must never know: calls.

use crate::json::{bool_of, keras_dtype, policy_dtype, policy_name, str_of};
use crate::model::{Body, Layer, LayerId, Model};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Dim, TensorType};
use serde_json::Value;

/// Name and type of the input that an `InputLayer` stands for.
pub(super) fn of_input_layer(layer: &Layer) -> Result<(String, TensorType)> {
    for kind in ["sparse", "ragged"] {
        if bool_of(&layer.config, kind, false) {
            let message = format!("the input is {kind}, which ONNX has no tensors for");
            return Err(Diagnostic::error(Code::KERAS_UNSUPPORTED, message)
                .at_node(layer.name.clone())
                .at_attribute(kind)
                .help("save the model with a dense input"));
        }
    }
    let shape = recorded_shape(layer).ok_or_else(|| {
        Diagnostic::error(Code::KERAS_CONFIG, "an input layer has no usable shape")
            .at_node(layer.name.clone())
            .at_attribute("batch_shape")
    })?;
    Ok((layer.name.clone(), TensorType::new(dtype(layer), dims(&layer.name, &shape))))
}

/// `batch_shape` (Keras 3), `batch_input_shape` (Keras 1 and 2).
fn recorded_shape(layer: &Layer) -> Option<Vec<Option<usize>>> {
    ["batch_shape", "batch_input_shape"].iter().find_map(|key| shape_of(layer.config.get(*key)?))
}

fn shape_of(value: &Value) -> Option<Vec<Option<usize>>> {
    // A tuple may be written as an object.
    let list = value.as_array().or_else(|| value.get("items")?.as_array()).or_else(|| {
        let config = value.get("config")?;
        config.get("items").unwrap_or(config).as_array()
    })?;
    let dim = |v: &Value| match v {
        Value::Null => Some(None),
        v => v.as_u64().and_then(|n| usize::try_from(n).ok()).map(Some),
    };
    list.iter().map(dim).collect()
}

/// An unknown first dimension is the batch `N`; others are named after the input and the axis.
fn dims(name: &str, shape: &[Option<usize>]) -> Vec<Dim> {
    let dim = |(axis, known): (usize, &Option<usize>)| match (known, axis) {
        (Some(n), _) => Dim::Known(*n),
        (None, 0) => Dim::symbol("N"),
        (None, _) => Dim::symbol(&format!("{name}_{axis}")),
    };
    shape.iter().enumerate().map(dim).collect()
}

fn dtype(layer: &Layer) -> DType {
    let named = ["dtype", "input_dtype"].iter().find_map(|key| policy_name(layer.config.get(*key)?));
    named.and_then(|n| keras_dtype(&n).or_else(|| policy_dtype(&n))).unwrap_or(DType::F32)
}

/// Name and type of the input of a Sequential whose layers do not start with an `InputLayer`: the first layer's
/// `batch_input_shape`, the shape that the model was built for, or what the first layer's weights tell.
pub(super) fn of_sequential(model: &Model, id: LayerId) -> Result<(String, TensorType)> {
    let first = first_layer(model, id);
    let layer = model.layer(first);
    if layer.class == "InputLayer" {
        return of_input_layer(layer);
    }
    let built = |key: &str| model.layer(id).config.get(key).and_then(shape_of);
    let build_config = || model.layer(id).build.as_ref().and_then(|b| shape_of(b.get("input_shape")?));
    let shape = recorded_shape(layer)
        .or_else(|| built("build_input_shape"))
        .or_else(|| built("batch_input_shape"))
        .or_else(build_config)
        .or_else(|| shape_from_arguments(layer))
        .or_else(|| shape_from_weights(layer));
    let shape = shape.ok_or_else(|| {
        Diagnostic::error(Code::KERAS_CONFIG, "the file does not say which input the model takes")
            .at_node(layer.name.clone())
            .help("build the model before it is saved: give its first layer an input shape, or call it once")
    })?;
    let name = format!("{}_input", layer.name);
    Ok((name.clone(), TensorType::new(dtype(layer), dims(&name, &shape))))
}

/// The first layer that is not a model itself.
fn first_layer(model: &Model, id: LayerId) -> LayerId {
    let mut at = id;
    while let Some(network) = model.network(at) {
        let inner = match network.inputs.first().filter(|_| !network.sequential) {
            Some(input) => network.layers.iter().find(|l| model.layer(**l).name == input.layer),
            None => network.layers.first(),
        };
        match inner {
            Some(inner) => at = *inner,
            None => break,
        }
    }
    // A wrapper repeats its first argument inside.
    match &model.layer(at).body {
        Body::Slots(slots) if recorded_shape(model.layer(at)).is_none() => {
            let inner = slots.first().map(|(_, id)| *id);
            inner.filter(|i| recorded_shape(model.layer(*i)).is_some()).unwrap_or(at)
        }
        _ => at,
    }
}

/// Keras 1: `input_dim`, `input_length` and `input_shape` as arguments of the first layer.
fn shape_from_arguments(layer: &Layer) -> Option<Vec<Option<usize>>> {
    if let Some(shape) = layer.config.get("input_shape").and_then(shape_of) {
        return Some(std::iter::once(None).chain(shape).collect());
    }
    let int = |key| layer.config.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let embedding = layer.class == "Embedding";
    match (int("input_dim").filter(|_| !embedding), layer.config.contains_key("input_length")) {
        (None, true) if embedding => Some(vec![None, int("input_length")]),
        (Some(dim), true) => Some(vec![None, int("input_length"), Some(dim)]),
        (Some(dim), false) => Some(vec![None, Some(dim)]),
        _ => None,
    }
}

fn shape_from_weights(layer: &Layer) -> Option<Vec<Option<usize>>> {
    let first = str_of(&layer.config, "data_format") == Some("channels_first");
    let kernel = layer.weights.iter().find(|(n, _)| n == "kernel" || n == "depthwise_kernel").map(|(_, t)| t.shape());
    let channels = |kernel: &[usize]| {
        let rank = kernel.len();
        let depth = kernel.get(rank.checked_sub(2)?).copied();
        let mut shape = vec![None; rank];
        *shape.get_mut(if first { 1 } else { rank.checked_sub(1)? })? = depth;
        Some(shape)
    };
    match layer.class.as_str() {
        "Dense" => Some(vec![None, Some(*kernel?.first()?)]),
        "Embedding" => Some(vec![None, None]),
        "LSTM" | "GRU" | "SimpleRNN" => Some(vec![None, None, Some(*kernel?.first()?)]),
        "Conv1D" | "Conv2D" | "Conv3D" | "DepthwiseConv1D" | "DepthwiseConv2D" | "SeparableConv1D"
        | "SeparableConv2D"
            if layer.config.get("groups").and_then(Value::as_u64).unwrap_or(1) == 1 =>
        {
            channels(kernel?)
        }
        _ => None,
    }
}
