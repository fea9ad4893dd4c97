//! TensorFlow functions in Keras 2 graphs: `TFOpLambda` and `SlicingOpLambda` (keras/src/layers/core/tf_op_layer.py, 2.15).
//!
//! Owns: the table of functions and the simple ones. Must never know: how arguments are bound.

use super::activation;
use super::call::Call;
use super::operations_core as core;
use super::tf_lambda_args as args;
use super::{Row, row_many, tf_lambda_image as image, tf_lambda_shape as shape, tf_lambda_window as window};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, PoolKind, ReduceKind, ResizeMode, UnaryOp};
use modelport_ir::{Attr, Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[row_many("TFOpLambda", function), row_many("SlicingOpLambda", function)];

type One = fn(&mut Call<'_>) -> Result<ValueId>;

/// Functions of one result, by the names that TensorFlow exports them under, without `compat.v1.` and `raw_ops.`.
const FUNCTIONS: &[(&[&str], One)] = &[
    (&["math.add", "__operators__.add", "add", "math.add_v2"], |c| binary(c, BinaryOp::Add)),
    (&["math.subtract", "subtract", "__operators__.sub"], |c| binary(c, BinaryOp::Sub)),
    (&["math.multiply", "multiply", "__operators__.mul"], |c| binary(c, BinaryOp::Mul)),
    (&["math.truediv", "math.divide", "divide", "truediv", "div", "realdiv", "__operators__.truediv"], divide),
    (&["math.divide_no_nan", "math.div_no_nan"], |c| two(c, Builder::divide_no_nan)),
    (&["math.floordiv", "floordiv", "floor_div", "__operators__.floordiv"], |c| two(c, core::floor_divide)),
    (&["math.floormod", "math.mod", "__operators__.mod"], |c| binary(c, BinaryOp::Mod)),
    (&["math.pow", "pow", "__operators__.pow"], |c| binary(c, BinaryOp::Pow)),
    (&["math.maximum", "maximum"], |c| binary(c, BinaryOp::Max)),
    (&["math.minimum", "minimum"], |c| binary(c, BinaryOp::Min)),
    (&["math.squared_difference"], |c| {
        two(c, |b, x, y| {
            let d = b.binary(BinaryOp::Sub, x, y)?;
            core::square(b, d)
        })
    }),
    (&["math.add_n", "add_n", "math.accumulate_n"], add_n),
    (&["math.equal", "equal", "__operators__.eq"], |c| binary(c, BinaryOp::Equal)),
    (&["math.not_equal", "not_equal", "__operators__.ne"], |c| two(c, core::differs)),
    (&["math.greater", "greater", "__operators__.gt"], |c| binary(c, BinaryOp::Greater)),
    (&["math.greater_equal", "greater_equal", "__operators__.ge"], |c| binary(c, BinaryOp::GreaterOrEqual)),
    (&["math.less", "less", "__operators__.lt"], |c| binary(c, BinaryOp::Less)),
    (&["math.less_equal", "less_equal", "__operators__.le"], |c| binary(c, BinaryOp::LessOrEqual)),
    (&["math.logical_and", "logical_and", "__operators__.and"], |c| binary(c, BinaryOp::And)),
    (&["math.logical_or", "logical_or", "__operators__.or"], |c| binary(c, BinaryOp::Or)),
    (&["math.logical_xor", "__operators__.xor"], |c| binary(c, BinaryOp::Xor)),
    (&["math.logical_not", "logical_not", "__operators__.invert"], |c| unary(c, UnaryOp::Not)),
    (&["where", "where_v2"], shape::choose),
    (&["math.abs", "abs"], |c| unary(c, UnaryOp::Abs)),
    (&["math.negative", "negative", "__operators__.neg"], |c| unary(c, UnaryOp::Neg)),
    (&["math.sign", "sign"], |c| unary(c, UnaryOp::Sign)),
    (&["math.exp", "exp"], |c| unary(c, UnaryOp::Exp)),
    (&["math.expm1"], |c| single(c, core::expm1)),
    (&["math.log", "log"], |c| unary(c, UnaryOp::Log)),
    (&["math.log1p"], |c| single(c, core::log1p)),
    (&["math.sqrt", "sqrt"], |c| unary(c, UnaryOp::Sqrt)),
    (&["math.rsqrt", "rsqrt"], |c| single(c, core::rsqrt)),
    (&["math.square", "square"], |c| single(c, core::square)),
    (&["math.reciprocal"], |c| unary(c, UnaryOp::Reciprocal)),
    (&["math.floor", "floor"], |c| unary(c, UnaryOp::Floor)),
    (&["math.ceil", "ceil"], |c| unary(c, UnaryOp::Ceil)),
    (&["math.round", "round", "math.rint"], |c| unary(c, UnaryOp::Round)),
    (&["math.sin", "sin"], |c| unary(c, UnaryOp::Sin)),
    (&["math.cos", "cos"], |c| unary(c, UnaryOp::Cos)),
    (&["math.tan", "tan"], |c| unary(c, UnaryOp::Tan)),
    (&["math.asin", "asin"], |c| unary(c, UnaryOp::Asin)),
    (&["math.acos", "acos"], |c| unary(c, UnaryOp::Acos)),
    (&["math.atan", "atan"], |c| unary(c, UnaryOp::Atan)),
    (&["math.sinh", "sinh"], |c| unary(c, UnaryOp::Sinh)),
    (&["math.cosh", "cosh"], |c| unary(c, UnaryOp::Cosh)),
    (&["math.asinh", "asinh"], |c| unary(c, UnaryOp::Asinh)),
    (&["math.acosh", "acosh"], |c| unary(c, UnaryOp::Acosh)),
    (&["math.atanh", "atanh"], |c| unary(c, UnaryOp::Atanh)),
    (&["math.erf"], |c| unary(c, UnaryOp::Erf)),
    (&["math.is_nan"], |c| unary(c, UnaryOp::IsNaN)),
    (&["math.is_inf"], |c| unary(c, UnaryOp::IsInf)),
    (&["math.tanh", "tanh", "nn.tanh"], |c| unary(c, UnaryOp::Tanh)),
    (&["math.sigmoid", "sigmoid", "nn.sigmoid"], |c| unary(c, UnaryOp::Sigmoid)),
    (&["math.softplus", "nn.softplus"], |c| unary(c, UnaryOp::Softplus)),
    (&["nn.softsign", "math.softsign"], |c| unary(c, UnaryOp::Softsign)),
    (&["nn.relu"], |c| unary(c, UnaryOp::Relu)),
    (&["nn.relu6"], |c| named(c, "relu6")),
    (&["nn.elu"], |c| named(c, "elu")),
    (&["nn.selu"], |c| named(c, "selu")),
    (&["nn.silu", "nn.swish"], silu),
    (&["math.log_sigmoid"], |c| named(c, "log_sigmoid")),
    (&["nn.leaky_relu"], |c| {
        let alpha = args::float(c, 1, &["alpha"], 0.2)?;
        let x = args::x(c)?;
        c.b.one(Op::LeakyRelu { alpha }, &[x])
    }),
    (&["nn.gelu"], |c| {
        let approximate = args::flag(c, 1, &["approximate"]);
        let x = args::x(c)?;
        c.b.one(Op::Gelu { approximate }, &[x])
    }),
    (&["nn.softmax", "math.softmax"], |c| softmax(c, false)),
    (&["nn.log_softmax", "math.log_softmax"], |c| softmax(c, true)),
    (&["math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize"], |c| {
        let axes = args::ints(c, 1, &["axis", "dim"])?;
        let epsilon = args::float(c, 2, &["epsilon"], 1e-12)?;
        let x = args::x(c)?;
        core::l2_normalize(c.b, x, axes.as_deref(), epsilon)
    }),
    (&["nn.bias_add"], |c| {
        let [x, y] = [args::value(c, 0, &["value"])?, args::value(c, 1, &["bias"])?];
        if args::text(c, 2, &["data_format"], "NHWC").starts_with("NC") {
            let axes: Vec<i64> = (1..c.b.rank(x) as i64 - 1).collect();
            let y = c.b.unsqueeze(y, &axes)?;
            return c.b.binary(BinaryOp::Add, x, y);
        }
        c.b.binary(BinaryOp::Add, x, y)
    }),
    (&["clip_by_value"], shape::clip),
    (&["math.reduce_sum", "reduce_sum"], |c| reduce(c, ReduceKind::Sum)),
    (&["math.reduce_mean", "reduce_mean"], |c| reduce(c, ReduceKind::Mean)),
    (&["math.reduce_max", "reduce_max"], |c| reduce(c, ReduceKind::Max)),
    (&["math.reduce_min", "reduce_min"], |c| reduce(c, ReduceKind::Min)),
    (&["math.reduce_prod", "reduce_prod"], |c| reduce(c, ReduceKind::Prod)),
    (&["math.reduce_logsumexp", "reduce_logsumexp"], |c| reduce(c, ReduceKind::LogSumExp)),
    (&["math.reduce_euclidean_norm"], |c| reduce(c, ReduceKind::L2)),
    (&["math.reduce_all", "reduce_all"], |c| truth(c, ReduceKind::Min)),
    (&["math.reduce_any", "reduce_any"], |c| truth(c, ReduceKind::Max)),
    (&["math.reduce_variance"], |c| spread(c, false)),
    (&["math.reduce_std"], |c| spread(c, true)),
    (&["norm", "linalg.norm"], norm),
    (&["math.argmax", "argmax"], |c| arg(c, ArgKind::Max)),
    (&["math.argmin", "argmin"], |c| arg(c, ArgKind::Min)),
    (&["math.cumsum", "cumsum"], |c| running(c, false)),
    (&["math.cumprod"], |c| running(c, true)),
    (&["cast"], shape::cast),
    (&["identity", "stop_gradient", "ensure_shape", "debugging.check_numerics", "convert_to_tensor"], args::x),
    (&["zeros_like", "zeros_like_v2"], |c| shape::like(c, 0.0)),
    (&["ones_like", "ones_like_v2"], |c| shape::like(c, 1.0)),
    (&["shape", "shape_v2"], shape::shape),
    (&["rank"], shape::rank),
    (&["size"], shape::size),
    (&["fill"], shape::fill),
    (&["range"], shape::range),
    (&["reshape"], shape::reshape),
    (&["transpose"], shape::transpose),
    (&["expand_dims", "expand_dims_v2"], shape::expand_dims),
    (&["squeeze", "squeeze_v2"], shape::squeeze),
    (&["broadcast_to"], shape::broadcast_to),
    (&["tile"], shape::tile),
    (&["repeat"], shape::repeat),
    (&["reverse"], shape::reverse),
    (&["roll"], shape::roll),
    (&["concat"], shape::concat),
    (&["stack"], shape::stack),
    (&["pad"], shape::pad),
    (&["slice"], shape::slice),
    (&["strided_slice"], shape::strided_slice),
    (&["__operators__.getitem"], shape::get_item),
    (&["gather", "gather_v2"], shape::gather),
    (&["gather_nd"], shape::gather_nd),
    (&["one_hot"], shape::one_hot),
    (&["linalg.matmul", "matmul", "__operators__.matmul"], shape::matmul),
    (&["tensordot"], shape::tensordot),
    (&["einsum", "linalg.einsum"], shape::einsum),
    (&["image.resize"], image::resize),
    (&["image.resize_nearest_neighbor"], |c| image::resize_v1(c, ResizeMode::Nearest)),
    (&["image.resize_bilinear"], |c| image::resize_v1(c, ResizeMode::Linear)),
    (&["nn.max_pool", "nn.max_pool1d", "nn.max_pool2d", "nn.max_pool3d"], |c| window::pooled(c, PoolKind::Max)),
    (&["nn.avg_pool", "nn.avg_pool1d", "nn.avg_pool2d", "nn.avg_pool3d"], |c| window::pooled(c, PoolKind::Average)),
    (&["nn.conv1d", "nn.conv2d", "nn.conv3d", "nn.convolution"], |c| window::convolved(c, false)),
    (&["nn.depthwise_conv2d"], |c| window::convolved(c, true)),
    (&["nn.batch_normalization"], window::batch_normalization),
    (&["nn.depth_to_space", "depth_to_space"], image::depth_to_space),
    (&["nn.space_to_depth", "space_to_depth"], image::space_to_depth),
];

/// The function's name without the prefixes of other exports of the same function.
fn plain_name(name: &str) -> &str {
    let name = name.strip_prefix("tf.").unwrap_or(name);
    let name = name.strip_prefix("compat.v1.").unwrap_or(name);
    name.strip_prefix("compat.v2.").unwrap_or(name)
}

/// The function that the attribute `function` names, of the call's arguments.
pub(super) fn function(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let written = c.opt_str("function")?.unwrap_or("__operators__.getitem").to_owned();
    let name = plain_name(&written);
    match name {
        "split" => return shape::split(c),
        "unstack" => return shape::unstack(c),
        "math.top_k" | "nn.top_k" => return shape::top_k(c),
        "nn.moments" => return moments(c),
        _ => {}
    }
    match FUNCTIONS.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, f)) => Ok(vec![f(c)?]),
        None => Err(c
            .unsupported(format!("the TensorFlow function `tf.{written}` has no lowering"))
            .at_attribute("function")
            .help("replace it by a layer of its own class and declare that with `--custom`")),
    }
}

fn binary(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let [x, y] = args::pair(c)?;
    c.b.binary(op, x, y)
}

fn two(c: &mut Call<'_>, f: fn(&mut Builder, ValueId, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let [x, y] = args::pair(c)?;
    f(c.b, x, y)
}

fn unary(c: &mut Call<'_>, op: UnaryOp) -> Result<ValueId> {
    let x = args::x(c)?;
    c.b.unary(op, x)
}

fn single(c: &mut Call<'_>, f: fn(&mut Builder, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let x = args::x(c)?;
    f(c.b, x)
}

fn named(c: &mut Call<'_>, name: &str) -> Result<ValueId> {
    let x = args::x(c)?;
    match activation::named(name) {
        Some(f) => f(c.b, x),
        None => Err(c.unsupported(format!("the activation `{name}` has no lowering"))),
    }
}

/// True division makes floats of integers: f32 of those up to 16 bits, else f64 (`tf.math.truediv`).
fn divide(c: &mut Call<'_>) -> Result<ValueId> {
    let [mut x, mut y] = args::pair(c)?;
    let from = c.b.dtype(x);
    if !from.is_float() {
        let to = if from.size() <= 2 { DType::F32 } else { DType::F64 };
        (x, y) = (c.b.cast(x, to)?, c.b.cast(y, to)?);
    }
    c.b.binary(BinaryOp::Div, x, y)
}

fn add_n(c: &mut Call<'_>) -> Result<ValueId> {
    let parts = args::list(c, 0, &["inputs"])?;
    let mut rest = parts.into_iter();
    let mut sum = rest.next().ok_or_else(|| c.missing_argument("inputs", "tensors"))?;
    for p in rest {
        sum = c.b.binary(BinaryOp::Add, sum, p)?;
    }
    Ok(sum)
}

/// x·sigmoid(beta·x)
fn silu(c: &mut Call<'_>) -> Result<ValueId> {
    let beta = args::float(c, 1, &["beta"], 1.0)?;
    let x = args::x(c)?;
    if beta == 1.0 {
        return activation::silu(c.b, x);
    }
    let scaled = c.b.binary_scalar(BinaryOp::Mul, x, beta)?;
    let gate = c.b.unary(UnaryOp::Sigmoid, scaled)?;
    c.b.binary(BinaryOp::Mul, x, gate)
}

fn softmax(c: &mut Call<'_>, log: bool) -> Result<ValueId> {
    let axis = args::int(c, 1, &["axis", "dim"], -1)?;
    let x = args::x(c)?;
    core::softmax(c.b, x, &[axis], log)
}

/// `axis` and `keepdims` in the spellings of both TensorFlow versions.
fn reduction(c: &Call<'_>) -> Result<(Option<Vec<i64>>, bool)> {
    let axes = args::ints(c, 1, &["axis", "reduction_indices"])?;
    Ok((axes, args::flag(c, 2, &["keepdims", "keep_dims"])))
}

fn reduce(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let (axes, keep) = reduction(c)?;
    let x = args::x(c)?;
    core::reduce(c.b, kind, x, axes.as_deref(), keep)
}

fn truth(c: &mut Call<'_>, kind: ReduceKind) -> Result<ValueId> {
    let (axes, keep) = reduction(c)?;
    let x = args::x(c)?;
    core::truth(c.b, kind, x, axes.as_deref(), keep)
}

fn spread(c: &mut Call<'_>, root: bool) -> Result<ValueId> {
    let (axes, keep) = reduction(c)?;
    let x = args::x(c)?;
    let v = core::variance(c.b, x, axes.as_deref(), keep)?;
    if root { c.b.unary(UnaryOp::Sqrt, v) } else { Ok(v) }
}

fn norm(c: &mut Call<'_>) -> Result<ValueId> {
    let axes = args::ints(c, 2, &["axis"])?;
    let keep = args::flag(c, 3, &["keepdims", "keep_dims"]);
    let kind = match args::attr(c, 1, &["ord"]) {
        None => ReduceKind::L2,
        Some(Attr::Str(s)) if s == "euclidean" || s == "fro" => ReduceKind::L2,
        Some(a) if a.as_float() == Some(2.0) => ReduceKind::L2,
        Some(a) if a.as_float() == Some(1.0) => ReduceKind::L1,
        Some(a) => return Err(c.bad_argument("ord", "1, 2 or `euclidean`", &super::config::show(a))),
    };
    let x = args::x(c)?;
    core::reduce(c.b, kind, x, axes.as_deref(), keep)
}

fn moments(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axes = args::ints(c, 1, &["axes"])?;
    let keep = args::flag(c, 3, &["keepdims", "keep_dims"]);
    let x = args::x(c)?;
    let mean = core::reduce(c.b, ReduceKind::Mean, x, axes.as_deref(), keep)?;
    Ok(vec![mean, core::variance(c.b, x, axes.as_deref(), keep)?])
}

/// `axis` defaults to 0, the result's type to i64.
fn arg(c: &mut Call<'_>, kind: ArgKind) -> Result<ValueId> {
    let axis = args::int(c, 1, &["axis", "dimension"], 0)?;
    let to = args::dtype(c, 2, &["output_type"]).unwrap_or(DType::I64);
    let x = args::x(c)?;
    core::arg_reduce(c.b, kind, x, Some(axis), false, to)
}

fn running(c: &mut Call<'_>, product: bool) -> Result<ValueId> {
    let axis = args::int(c, 1, &["axis"], 0)?;
    let (exclusive, reverse) = (args::flag(c, 2, &["exclusive"]), args::flag(c, 3, &["reverse"]));
    let x = args::x(c)?;
    let op = if product { Op::CumProd { axis, exclusive, reverse } } else { Op::CumSum { axis, exclusive, reverse } };
    c.b.one(op, &[x])
}
