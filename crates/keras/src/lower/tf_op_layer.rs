//! `TensorFlowOpLayer`: a raw TensorFlow op in a functional model, which TensorFlow 2.0 to 2.3 saved where later versions save
//! a `TFOpLambda` (keras/src/engine/base_layer.py, 2.15, still reads it).
//!
//! Owns: which function a raw op is, and under which names that takes the op's inputs and attributes. Must never know: what
//! the functions compute.

use super::call::Call;
use super::{Row, row_many, tf_lambda, tf_node};
use modelport_diag::Result;
use modelport_ir::{Attr, Dialect, SourceOp, ValueId};
use std::collections::BTreeMap;

pub(crate) const ROWS: &[Row] = &[row_many("TensorFlowOpLayer", op_layer)];

/// How a raw op is spelled as a function.
struct Spelling {
    /// The ops that are spelled so.
    ops: &'static [&'static str],
    function: &'static str,
    /// Names for its inputs; `*` is for all that the others leave.
    inputs: &'static [&'static str],
    /// Its attributes, and their names as arguments.
    attrs: &'static [(&'static str, &'static str)],
}

const fn spelled(
    ops: &'static [&'static str],
    function: &'static str,
    inputs: &'static [&'static str],
    attrs: &'static [(&'static str, &'static str)],
) -> Spelling {
    Spelling { ops, function, inputs, attrs }
}

const fn reduction(op: &'static [&'static str], function: &'static str) -> Spelling {
    spelled(op, function, &["x", "axis"], &[("keep_dims", "keepdims")])
}

/// Ops whose function is their own name in lower case, below `math.`, of one tensor.
const OF_ONE: &[&str] = &[
    "Abs",
    "Exp",
    "Expm1",
    "Log",
    "Log1p",
    "Sqrt",
    "Rsqrt",
    "Square",
    "Reciprocal",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Erf",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "Softsign",
];

/// The same of two tensors.
const OF_TWO: &[&str] = &["Maximum", "Minimum", "Pow", "FloorDiv", "FloorMod", "Equal", "Greater", "Less"];

const SPELLINGS: &[Spelling] = &[
    spelled(&["Add", "AddV2"], "math.add", &["x", "y"], &[]),
    spelled(&["Sub"], "math.subtract", &["x", "y"], &[]),
    spelled(&["Mul"], "math.multiply", &["x", "y"], &[]),
    spelled(&["RealDiv"], "realdiv", &["x", "y"], &[]),
    spelled(&["DivNoNan"], "math.divide_no_nan", &["x", "y"], &[]),
    spelled(&["SquaredDifference"], "math.squared_difference", &["x", "y"], &[]),
    spelled(&["NotEqual"], "math.not_equal", &["x", "y"], &[]),
    spelled(&["GreaterEqual"], "math.greater_equal", &["x", "y"], &[]),
    spelled(&["LessEqual"], "math.less_equal", &["x", "y"], &[]),
    spelled(&["LogicalAnd"], "math.logical_and", &["x", "y"], &[]),
    spelled(&["LogicalOr"], "math.logical_or", &["x", "y"], &[]),
    spelled(&["LogicalNot"], "math.logical_not", &["x"], &[]),
    spelled(&["Neg"], "math.negative", &["x"], &[]),
    spelled(&["Inv"], "math.reciprocal", &["x"], &[]),
    spelled(&["Rint"], "math.round", &["x"], &[]),
    spelled(&["IsNan"], "math.is_nan", &["x"], &[]),
    spelled(&["IsInf"], "math.is_inf", &["x"], &[]),
    spelled(&["AddN"], "math.add_n", &["*inputs"], &[]),
    spelled(&["Relu"], "nn.relu", &["x"], &[]),
    spelled(&["Relu6"], "nn.relu6", &["x"], &[]),
    spelled(&["Elu"], "nn.elu", &["x"], &[]),
    spelled(&["Selu"], "nn.selu", &["x"], &[]),
    spelled(&["LeakyRelu"], "nn.leaky_relu", &["x"], &[("alpha", "alpha")]),
    spelled(&["Softmax"], "nn.softmax", &["x"], &[]),
    spelled(&["LogSoftmax"], "nn.log_softmax", &["x"], &[]),
    spelled(&["BiasAdd"], "nn.bias_add", &["value", "bias"], &[("data_format", "data_format")]),
    spelled(&["Select", "SelectV2"], "where", &["condition", "x", "y"], &[]),
    spelled(&["ClipByValue"], "clip_by_value", &["t", "clip_value_min", "clip_value_max"], &[]),
    spelled(&["Cast"], "cast", &["x"], &[("DstT", "dtype")]),
    spelled(&["Identity", "StopGradient", "EnsureShape", "CheckNumerics"], "identity", &["x"], &[]),
    spelled(&["ZerosLike"], "zeros_like", &["x"], &[]),
    spelled(&["OnesLike"], "ones_like", &["x"], &[]),
    reduction(&["Sum"], "math.reduce_sum"),
    reduction(&["Mean"], "math.reduce_mean"),
    reduction(&["Max"], "math.reduce_max"),
    reduction(&["Min"], "math.reduce_min"),
    reduction(&["Prod"], "math.reduce_prod"),
    reduction(&["EuclideanNorm"], "math.reduce_euclidean_norm"),
    reduction(&["All"], "math.reduce_all"),
    reduction(&["Any"], "math.reduce_any"),
    spelled(&["ArgMax"], "math.argmax", &["x", "axis"], &[("output_type", "output_type")]),
    spelled(&["ArgMin"], "math.argmin", &["x", "axis"], &[("output_type", "output_type")]),
    spelled(&["Cumsum"], "math.cumsum", &["x", "axis"], &[("exclusive", "exclusive"), ("reverse", "reverse")]),
    spelled(&["Cumprod"], "math.cumprod", &["x", "axis"], &[("exclusive", "exclusive"), ("reverse", "reverse")]),
    spelled(&["Shape"], "shape", &["x"], &[("out_type", "out_type")]),
    spelled(&["Reshape"], "reshape", &["tensor", "shape"], &[]),
    spelled(&["Transpose"], "transpose", &["x", "perm"], &[]),
    spelled(&["ExpandDims"], "expand_dims", &["x", "axis"], &[]),
    spelled(&["Squeeze"], "squeeze", &["x"], &[("squeeze_dims", "axis")]),
    spelled(&["BroadcastTo"], "broadcast_to", &["x", "shape"], &[]),
    spelled(&["Tile"], "tile", &["x", "multiples"], &[]),
    spelled(&["ReverseV2"], "reverse", &["tensor", "axis"], &[]),
    spelled(&["ConcatV2"], "concat", &["*values", "axis"], &[]),
    spelled(&["Pack"], "stack", &["*values"], &[("axis", "axis")]),
    spelled(&["Unpack"], "unstack", &["x"], &[("axis", "axis"), ("num", "num")]),
    spelled(&["Split"], "split", &["axis", "x"], &[("num_split", "num_or_size_splits")]),
    spelled(&["SplitV"], "split", &["x", "num_or_size_splits", "axis"], &[]),
    spelled(&["Pad"], "pad", &["tensor", "paddings"], &[]),
    spelled(&["PadV2"], "pad", &["tensor", "paddings", "constant_values"], &[]),
    spelled(&["MirrorPad"], "pad", &["tensor", "paddings"], &[("mode", "mode")]),
    spelled(&["Slice"], "slice", &["input", "begin", "size"], &[]),
    spelled(
        &["StridedSlice"],
        "strided_slice",
        &["input_", "begin", "end", "strides"],
        &[
            ("begin_mask", "begin_mask"),
            ("end_mask", "end_mask"),
            ("ellipsis_mask", "ellipsis_mask"),
            ("new_axis_mask", "new_axis_mask"),
            ("shrink_axis_mask", "shrink_axis_mask"),
        ],
    ),
    spelled(&["Gather"], "gather", &["params", "indices"], &[]),
    spelled(&["GatherV2"], "gather", &["params", "indices", "axis"], &[("batch_dims", "batch_dims")]),
    spelled(&["GatherNd"], "gather_nd", &["params", "indices"], &[]),
    spelled(&["OneHot"], "one_hot", &["indices", "depth", "on_value", "off_value"], &[("axis", "axis")]),
    spelled(&["TopKV2"], "math.top_k", &["x", "k"], &[]),
    spelled(
        &["MatMul"],
        "linalg.matmul",
        &["x", "y"],
        &[("transpose_a", "transpose_a"), ("transpose_b", "transpose_b")],
    ),
    spelled(
        &["BatchMatMul", "BatchMatMulV2"],
        "linalg.matmul",
        &["x", "y"],
        &[("adj_x", "adjoint_a"), ("adj_y", "adjoint_b")],
    ),
    spelled(&["Einsum"], "einsum", &["*inputs"], &[("equation", "equation")]),
    spelled(
        &["ResizeBilinear"],
        "image.resize_bilinear",
        &["x", "size"],
        &[("align_corners", "align_corners"), ("half_pixel_centers", "half_pixel_centers")],
    ),
    spelled(
        &["ResizeNearestNeighbor"],
        "image.resize_nearest_neighbor",
        &["x", "size"],
        &[("align_corners", "align_corners"), ("half_pixel_centers", "half_pixel_centers")],
    ),
    spelled(
        &["DepthToSpace"],
        "nn.depth_to_space",
        &["x"],
        &[("block_size", "block_size"), ("data_format", "data_format")],
    ),
    spelled(
        &["SpaceToDepth"],
        "nn.space_to_depth",
        &["x"],
        &[("block_size", "block_size"), ("data_format", "data_format")],
    ),
];

/// The function, and the call's arguments by name.
fn spelling(op: &str, inputs: Vec<Attr>, attrs: &BTreeMap<String, Attr>) -> Option<(String, BTreeMap<String, Attr>)> {
    let plain = |names: &[&'static str], of: usize| names.contains(&op).then_some(of);
    if let Some(n) = plain(OF_ONE, 1).or_else(|| plain(OF_TWO, 2)) {
        let function = match op {
            "FloorDiv" => "math.floordiv".to_owned(),
            op => format!("math.{}", op.to_ascii_lowercase()),
        };
        let names = ["x", "y"].into_iter().take(n).map(str::to_owned);
        return Some((function, names.zip(inputs).collect()));
    }
    let s = SPELLINGS.iter().find(|s| s.ops.contains(&op))?;
    let mut left = inputs.len();
    let mut inputs = inputs.into_iter();
    let mut args = BTreeMap::new();
    for (i, name) in s.inputs.iter().enumerate() {
        let value = match name.strip_prefix('*') {
            Some(_) => Attr::List(inputs.by_ref().take(left.saturating_sub(s.inputs.len() - 1 - i)).collect()),
            None => match inputs.next() {
                Some(input) => input,
                None => break,
            },
        };
        left = inputs.len();
        args.insert(name.trim_start_matches('*').to_owned(), value);
    }
    for (attr, name) in s.attrs {
        if let Some(value) = attrs.get(*attr) {
            args.insert((*name).to_owned(), value.clone());
        }
    }
    Some((s.function.to_owned(), args))
}

fn op_layer(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let written = c.op.attr("node_def").ok_or_else(|| c.missing_argument("node_def", "the op"))?;
    let node = tf_node::read(written)
        .ok_or_else(|| c.bad_argument("node_def", "a NodeDef, as a message or as JSON", "something else"))?;
    // The tensors of the call in their order, with the constants put in their places.
    let reference = |i: usize| Attr::Map([("@input".to_owned(), Attr::Int(i as i64))].into_iter().collect());
    let mut inputs: Vec<Attr> = (0..c.operands.len()).map(reference).collect();
    let constants = c.op.attr("constants").and_then(Attr::as_map);
    let constants = constants.into_iter().flatten().filter_map(|(i, value)| Some((i.parse::<usize>().ok()?, value)));
    for (i, value) in constants.collect::<BTreeMap<_, _>>() {
        inputs.insert(i.min(inputs.len()), value.clone());
    }
    let Some((function, args)) = spelling(&node.op, inputs, &node.attrs) else {
        return Err(c
            .unsupported("this TensorFlow op inside a Keras model has no lowering")
            .at_attribute("node_def")
            .found(format!("op `{}`", node.op))
            .help("replace it by a layer of its own class and declare that with `--custom`; or save the model as a SavedModel"));
    };
    let mut op = SourceOp::new(Dialect::Keras, c.op.name.clone());
    op.attrs.insert("function".to_owned(), Attr::Str(function));
    op.attrs.insert("@kwargs".to_owned(), Attr::Map(args));
    c.spelled(&op, tf_lambda::function)
}
