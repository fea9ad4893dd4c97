//! Functions of TensorFlow in the words of Keras 3: which operation computes the same, and with which arguments.
//!
//! Source: tensorflow 2.15 `python/ops`, keras 3.15.1 `ops/{numpy,nn,core,math,image}.py`. Owns: those tables. Must never know: how
//! connections are written.

use super::calls::{Call, is_tensor};
use serde_json::{Map, Value, json};

const NUMPY: &str = "keras.src.ops.numpy";
const NN: &str = "keras.src.ops.nn";

/// Functions of two tensors, which may be numbers too.
const BINARY: &[(&str, &str)] = &[
    ("math.multiply", "Multiply"),
    ("math.add", "Add"),
    ("__operators__.add", "Add"),
    ("math.subtract", "Subtract"),
    ("math.truediv", "TrueDivide"),
    ("math.divide", "TrueDivide"),
    ("math.pow", "Power"),
    ("math.maximum", "Maximum"),
    ("math.minimum", "Minimum"),
    ("linalg.matmul", "Matmul"),
    ("math.greater", "Greater"),
    ("math.greater_equal", "GreaterEqual"),
    ("math.less", "Less"),
    ("math.less_equal", "LessEqual"),
    ("math.equal", "Equal"),
    ("math.not_equal", "NotEqual"),
    ("math.floordiv", "FloorDivide"),
];

/// Functions of one tensor, in `keras.src.ops.numpy`.
const UNARY: &[(&str, &str)] = &[
    ("math.tanh", "Tanh"),
    ("math.exp", "Exp"),
    ("math.sqrt", "Sqrt"),
    ("math.square", "Square"),
    ("math.abs", "Absolute"),
    ("math.negative", "Negative"),
    ("math.log", "Log"),
    ("math.sin", "Sin"),
    ("math.cos", "Cos"),
    ("math.floor", "Floor"),
    ("math.ceil", "Ceil"),
];

/// Functions of one tensor, in `keras.src.ops.nn`.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("nn.relu6", "Relu6"),
    ("nn.relu", "Relu"),
    ("nn.sigmoid", "Sigmoid"),
    ("math.sigmoid", "Sigmoid"),
    ("nn.tanh", "Tanh"),
    ("nn.silu", "Silu"),
    ("nn.softplus", "Softplus"),
    ("math.softplus", "Softplus"),
];

/// Reductions, which take an axis.
const REDUCE: &[(&str, &str)] = &[
    ("math.reduce_mean", "Mean"),
    ("math.reduce_sum", "Sum"),
    ("math.reduce_max", "Max"),
    ("math.reduce_min", "Min"),
    ("math.reduce_prod", "Prod"),
    ("math.reduce_variance", "Var"),
    ("math.reduce_std", "Std"),
];

/// An argument: its name in TensorFlow, in Keras, and its value where none is given, as JSON; empty where one must be.
type Argument = (&'static str, &'static str, &'static str);

/// A function whose arguments an operation takes.
struct Row {
    function: &'static str,
    module: &'static str,
    class: &'static str,
    arguments: &'static [Argument],
}

const fn row(function: &'static str, module: &'static str, class: &'static str, arguments: &'static [Argument]) -> Row {
    Row { function, module, class, arguments }
}

const SPLIT: &[Argument] = &[("num_or_size_splits", "indices_or_sections", ""), ("axis", "axis", "0")];
const CLIP: &[Argument] = &[("clip_value_min", "x_min", ""), ("clip_value_max", "x_max", "")];
const TRANSPOSE: &[Argument] = &[("perm", "axes", "null")];
const SQUEEZE: &[Argument] = &[("axis", "axis", "null")];

const ROWS: &[Row] = &[
    row("concat", NUMPY, "Concatenate", &[("axis", "axis", "")]),
    row("stack", NUMPY, "Stack", &[("axis", "axis", "0")]),
    row("reshape", NUMPY, "Reshape", &[("shape", "newshape", "")]),
    row("expand_dims", NUMPY, "ExpandDims", &[("axis", "axis", "")]),
    row("squeeze", NUMPY, "Squeeze", SQUEEZE),
    row("compat.v1.squeeze", NUMPY, "Squeeze", SQUEEZE),
    row("transpose", NUMPY, "Transpose", TRANSPOSE),
    row("compat.v1.transpose", NUMPY, "Transpose", TRANSPOSE),
    row("tile", NUMPY, "Tile", &[("multiples", "repeats", "")]),
    row("clip_by_value", NUMPY, "Clip", CLIP),
    row("split", NUMPY, "Split", SPLIT),
    row("nn.softmax", NN, "Softmax", &[("axis", "axis", "-1")]),
    row("nn.log_softmax", NN, "LogSoftmax", &[("axis", "axis", "-1")]),
    row("nn.gelu", NN, "Gelu", &[("approximate", "approximate", "false")]),
    row("nn.leaky_relu", NN, "LeakyRelu", &[("alpha", "negative_slope", "0.2")]),
    row("nn.elu", NN, "Elu", &[]),
    row("nn.selu", NN, "Selu", &[]),
    row("math.rsqrt", "keras.src.ops.math", "Rsqrt", &[]),
    row("cast", "keras.src.ops.core", "Cast", &[("dtype", "dtype", "")]),
    row(
        "image.resize",
        "keras.src.ops.image",
        "Resize",
        &[("size", "size", ""), ("method", "interpolation", "\"bilinear\"")],
    ),
];

/// An operation of Keras 3 with one call of it.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) module: &'static str,
    pub(crate) class: &'static str,
    pub(crate) config: Map<String, Value>,
    pub(crate) args: Vec<Value>,
}

/// The operation for a call of a function; `None` where there is none that is known to compute the same.
pub(crate) fn translate(function: &str, call: Call) -> Option<Operation> {
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(f, _)| *f == function).map(|(_, class)| *class);
    let Call { positional: mut args, mut keywords } = call;
    keywords.remove("name");
    let made = |module, class, config, args| Some(Operation { module, class, config, args });
    if let Some(class) = find(BINARY) {
        args.extend(["y", "b"].iter().find_map(|k| keywords.remove(*k)));
        return if args.len() == 2 && plain(&keywords) { made(NUMPY, class, Map::new(), args) } else { None };
    }
    if function == "__operators__.getitem" {
        let spec = keywords.remove("slice_spec")?;
        args.push(Value::Array(spec.as_array()?.iter().map(index).collect::<Option<_>>()?));
        return made(NUMPY, "GetItem", Map::new(), args);
    }
    if let Some(class) = find(REDUCE) {
        let axis = keywords.remove("axis").unwrap_or(Value::Null);
        let keepdims = keywords.remove("keepdims").filter(|k| !k.is_null()).unwrap_or(json!(false));
        let config = Map::from_iter([("axis".to_owned(), axis), ("keepdims".to_owned(), keepdims)]);
        return if keywords.is_empty() { made(NUMPY, class, config, args) } else { None };
    }
    if let Some(row) = ROWS.iter().find(|r| r.function == function) {
        return with_arguments(row, args, keywords);
    }
    if !keywords.is_empty() || args.len() != 1 {
        return None;
    }
    match (find(UNARY), find(ACTIVATIONS)) {
        (Some(class), _) => made(NUMPY, class, Map::new(), args),
        (_, Some(class)) => made(NN, class, Map::new(), args),
        _ => None,
    }
}

fn with_arguments(row: &Row, args: Vec<Value>, mut keywords: Map<String, Value>) -> Option<Operation> {
    let mut config = Map::new();
    for (theirs, ours, default) in row.arguments {
        let value = match keywords.remove(*theirs) {
            Some(value) => value,
            None => serde_json::from_str(default).ok()?,
        };
        if is_tensor(&value) {
            return None;
        }
        config.insert((*ours).to_owned(), value);
    }
    // Where sizes are given, TensorFlow means parts and Keras where to cut.
    let sizes = row.class == "Split" && config.get("indices_or_sections").is_none_or(|s| !s.is_u64());
    let several = matches!(row.class, "Concatenate" | "Stack");
    if sizes || !plain(&keywords) || (!several && args.len() != 1) {
        return None;
    }
    let args = if several { vec![Value::Array(args)] } else { args };
    Some(Operation { module: row.module, class: row.class, config, args })
}

/// Whether arguments say nothing.
fn plain(keywords: &Map<String, Value>) -> bool {
    keywords.iter().all(|(k, v)| v.is_null() || v == &json!(false) || k == "name")
}

/// One part of a subscript: a slice, a number, an ellipsis or a new axis.
fn index(part: &Value) -> Option<Value> {
    match part {
        Value::Object(slice) if slice.contains_key("start") => {
            if slice.values().any(is_tensor) {
                return None;
            }
            Some(json!({"class_name": "__slice__", "config": slice}))
        }
        Value::Number(_) => Some(part.clone()),
        Value::Null => Some(Value::Null),
        // Keras 3 does not read the ellipsis that it writes.
        _ => None,
    }
}
