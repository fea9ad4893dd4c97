//! Activation functions, by name, as Keras 3.15 defines them (`keras/src/activations/activations.py`).

use super::call::{Call, Operand};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Attr, Builder, Dialect, Dim, Op, SourceOp, Tensor, ValueId};

type Activation = fn(&mut Builder, ValueId) -> Result<ValueId>;

/// `selu`'s constants, as in Klambauer et al. 2017 and `keras.activations.selu`.
pub(crate) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
/// See [`SELU_ALPHA`].
pub(crate) const SELU_GAMMA: f64 = 1.050_700_987_355_480_5;

/// Name and meaning, with each function's default arguments. `hard_sigmoid_keras2` is what the shim writes for
/// `hard_sigmoid` in files of Keras 1 and 2.
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("linear", |_, x| Ok(x)),
    ("relu", |b, x| b.unary(UnaryOp::Relu, x)),
    ("relu6", |b, x| clip(b, x, Some(0.0), Some(6.0))),
    ("leaky_relu", |b, x| b.one(Op::LeakyRelu { alpha: 0.2 }, &[x])),
    ("elu", |b, x| b.one(Op::Elu { alpha: 1.0 }, &[x])),
    ("selu", |b, x| b.one(Op::Selu { alpha: SELU_ALPHA, gamma: SELU_GAMMA }, &[x])),
    ("celu", |b, x| b.one(Op::Celu { alpha: 1.0 }, &[x])),
    ("softplus", |b, x| b.unary(UnaryOp::Softplus, x)),
    ("softsign", |b, x| b.unary(UnaryOp::Softsign, x)),
    ("squareplus", |b, x| squareplus(b, x, 4.0)),
    ("soft_shrink", |b, x| b.one(Op::Shrink { bias: 0.5, lambd: 0.5 }, &[x])),
    ("hard_shrink", |b, x| b.one(Op::Shrink { bias: 0.0, lambd: 0.5 }, &[x])),
    ("sparse_plus", sparse_plus),
    ("silu", silu),
    ("swish", silu),
    ("gelu", |b, x| b.one(Op::Gelu { approximate: false }, &[x])),
    ("glu", |b, x| glu(b, x, -1)),
    ("tanh", |b, x| b.unary(UnaryOp::Tanh, x)),
    ("tanh_shrink", |b, x| {
        let t = b.unary(UnaryOp::Tanh, x)?;
        b.binary(BinaryOp::Sub, x, t)
    }),
    ("hard_tanh", |b, x| clip(b, x, Some(-1.0), Some(1.0))),
    ("sigmoid", |b, x| b.unary(UnaryOp::Sigmoid, x)),
    ("sparse_sigmoid", |b, x| b.one(Op::HardSigmoid { alpha: 0.5, beta: 0.5 }, &[x])),
    ("exponential", |b, x| b.unary(UnaryOp::Exp, x)),
    ("hard_sigmoid", |b, x| b.one(Op::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, &[x])),
    ("hard_sigmoid_keras2", |b, x| b.one(Op::HardSigmoid { alpha: 0.2, beta: 0.5 }, &[x])),
    ("hard_silu", |b, x| b.unary(UnaryOp::HardSwish, x)),
    ("hard_swish", |b, x| b.unary(UnaryOp::HardSwish, x)),
    ("mish", |b, x| b.unary(UnaryOp::Mish, x)),
    ("softmax", |b, x| b.one(Op::Softmax { axis: -1 }, &[x])),
    ("log_softmax", |b, x| b.one(Op::LogSoftmax { axis: -1 }, &[x])),
    ("log_sigmoid", log_sigmoid),
    ("sparsemax", |b, x| sparsemax(b, x, -1)),
];

/// The activation called `name`.
pub(crate) fn named(name: &str) -> Option<Activation> {
    ACTIVATIONS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

/// Applies what a config holds under `activation`: a name, a serialized function or layer, or a layer of its own.
pub(super) fn apply(call: &mut Call<'_>, x: ValueId, attr: &Attr) -> Result<ValueId> {
    match attr {
        Attr::None => Ok(x),
        Attr::Str(name) => by_name(call, x, name),
        Attr::Op(op) => layer(call, x, op),
        Attr::Map(map) => {
            let text = |key: &str| map.get(key).and_then(Attr::as_str);
            match (text("class_name"), map.get("config")) {
                (Some("function" | "builtin_function_or_method") | None, Some(Attr::Str(name))) => {
                    by_name(call, x, name)
                }
                (Some(class), config) => {
                    let mut op = SourceOp::new(Dialect::Keras, class);
                    if let Some(Attr::Map(config)) = config {
                        op.attrs.extend(config.clone());
                    }
                    for (key, own) in [("module", "@module"), ("registered_name", "@registered_name")] {
                        op.attrs.extend(map.get(key).map(|v| (own.to_owned(), v.clone())));
                    }
                    layer(call, x, &op)
                }
                _ => Err(call.bad_argument("activation", "an activation", &super::config::show(attr))),
            }
        }
        _ => Err(call.bad_argument("activation", "an activation", &super::config::show(attr))),
    }
}

fn layer(call: &mut Call<'_>, x: ValueId, op: &SourceOp) -> Result<ValueId> {
    let results = call.lower_op(op, &[Operand::from(x)])?;
    let none = || Diagnostic::error(Code::KERAS_GRAPH, format!("activation `{}` has no result", op.name));
    results.first().map(|o| o.value).ok_or_else(none)
}

/// A built-in function, or one that the user declared under its name; `package>name` is looked up as `name` too.
fn by_name(call: &mut Call<'_>, x: ValueId, name: &str) -> Result<ValueId> {
    if let Some(body) = call.custom.get(name) {
        let op = SourceOp::new(Dialect::Keras, name);
        let none = || Diagnostic::error(Code::CUSTOM_DECLARATION, format!("activation `{name}` has no result"));
        return body.lower(call.b, &op, &[x])?.first().copied().ok_or_else(none);
    }
    match named(name) {
        Some(f) => f(call.b, x),
        None => Err(call
            .unsupported(format!("activation `{name}` is neither built in nor declared"))
            .help(format!("declare `{name}` over one input in a text file, given with `--custom FILE`"))),
    }
}

/// `min(max(x, low), high)`.
pub(crate) fn clip(b: &mut Builder, x: ValueId, low: Option<f64>, high: Option<f64>) -> Result<ValueId> {
    let low = low.map(|v| b.scalar_like(x, v));
    let high = high.map(|v| b.scalar_like(x, v));
    b.one_opt(Op::Clip, &[Some(x), low, high])
}

/// `x` if above `threshold` (at most `max_value`), else `negative_slope·(x − threshold)`.
pub(crate) fn relu(b: &mut Builder, x: ValueId, slope: f64, max_value: Option<f64>, threshold: f64) -> Result<ValueId> {
    if threshold == 0.0 && slope == 0.0 {
        return match max_value {
            Some(_) => clip(b, x, Some(0.0), max_value),
            None => b.unary(UnaryOp::Relu, x),
        };
    }
    if threshold == 0.0 {
        let y = match max_value {
            Some(_) => clip(b, x, None, max_value)?,
            None => x,
        };
        return b.one(Op::LeakyRelu { alpha: slope }, &[y]);
    }
    let below = b.binary_scalar(BinaryOp::Sub, x, threshold)?;
    let below = b.binary_scalar(BinaryOp::Mul, below, slope)?;
    let above = match max_value {
        Some(_) => clip(b, x, Some(0.0), max_value)?,
        None => x,
    };
    let limit = b.scalar_like(x, threshold);
    let high = b.binary(BinaryOp::Greater, x, limit)?;
    b.one(Op::Where, &[high, above, below])
}

/// `(x + √(x² + c)) / 2`.
pub(crate) fn squareplus(b: &mut Builder, x: ValueId, c: f64) -> Result<ValueId> {
    let square = b.binary(BinaryOp::Mul, x, x)?;
    let sum = b.binary_scalar(BinaryOp::Add, square, c)?;
    let root = b.unary(UnaryOp::Sqrt, sum)?;
    let sum = b.binary(BinaryOp::Add, x, root)?;
    b.binary_scalar(BinaryOp::Mul, sum, 0.5)
}

/// 0 below −1, `(x+1)²/4` up to 1, then x.
fn sparse_plus(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let up = b.binary_scalar(BinaryOp::Add, x, 1.0)?;
    let up = clip(b, up, Some(0.0), None)?;
    let square = b.binary(BinaryOp::Mul, up, up)?;
    let curve = b.binary_scalar(BinaryOp::Mul, square, 0.25)?;
    let one = b.scalar_like(x, 1.0);
    let inside = b.binary(BinaryOp::Less, x, one)?;
    b.one(Op::Where, &[inside, curve, x])
}

/// `x·sigmoid(x)`.
pub(crate) fn silu(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let s = b.unary(UnaryOp::Sigmoid, x)?;
    b.binary(BinaryOp::Mul, x, s)
}

fn log_sigmoid(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let minus = b.unary(UnaryOp::Neg, x)?;
    let soft = b.unary(UnaryOp::Softplus, minus)?;
    b.unary(UnaryOp::Neg, soft)
}

/// The first half of `axis` times the sigmoid of the second.
pub(crate) fn glu(b: &mut Builder, x: ValueId, axis: i64) -> Result<ValueId> {
    let n = length(b, x, axis)?;
    if n % 2 != 0 {
        return Err(Diagnostic::error(Code::KERAS_UNSUPPORTED, format!("`glu` cannot halve an axis of {n} elements"))
            .at_node(b.scope()));
    }
    let halves = b.add(Op::Split { axis, sizes: vec![n / 2, n / 2] }, &[Some(x)])?;
    let [first, second] = halves.as_slice() else {
        return Err(Diagnostic::error(Code::INTERNAL, "a split in two gave no two results"));
    };
    let gate = b.unary(UnaryOp::Sigmoid, *second)?;
    b.binary(BinaryOp::Mul, *first, gate)
}

/// Keras's `sparsemax` along `axis` (`backend/tensorflow/nn.py`, 3.15): sorted descending, the first k that satisfy
/// `1 + k·z_k > Σ z_1..k` are the support. As Keras has it, `tau = (Σ of the running sums over the support − 1) / k`,
/// where the projection of Martins and Astudillo (2016) has the last running sum only.
pub(crate) fn sparsemax(b: &mut Builder, x: ValueId, axis: i64) -> Result<ValueId> {
    let n = length(b, x, axis)?;
    let rank = b.rank(x);
    let dtype = b.dtype(x);
    let k = b.ints(&[n as i64]);
    let sorted = b.add(Op::TopK { axis, largest: true, sorted: true }, &[Some(x), Some(k)])?;
    let z = sorted.first().copied().ok_or_else(|| Diagnostic::error(Code::INTERNAL, "TopK has no result"))?;
    let at = if axis < 0 { axis + rank as i64 } else { axis } as usize;
    let mut shape = vec![1; rank];
    if let Some(d) = shape.get_mut(at) {
        *d = n;
    }
    let counts: Vec<f64> = (1..=n).map(|i| i as f64).collect();
    let counts = b.constant("", Tensor::from_f64s(dtype, &shape, &counts)?);
    let sums = b.one(Op::CumSum { axis, exclusive: false, reverse: false }, &[z])?;
    let scaled = b.binary(BinaryOp::Mul, counts, z)?;
    let scaled = b.binary_scalar(BinaryOp::Add, scaled, 1.0)?;
    let support = b.binary(BinaryOp::Greater, scaled, sums)?;
    let support = b.cast(support, dtype)?;
    let size = b.reduce(ReduceKind::Sum, support, &[axis], true)?;
    let kept = b.binary(BinaryOp::Mul, support, sums)?;
    let total = b.reduce(ReduceKind::Sum, kept, &[axis], true)?;
    let total = b.binary_scalar(BinaryOp::Sub, total, 1.0)?;
    let tau = b.binary(BinaryOp::Div, total, size)?;
    let y = b.binary(BinaryOp::Sub, x, tau)?;
    b.unary(UnaryOp::Relu, y)
}

/// The length of an axis, which must be known.
fn length(b: &Builder, x: ValueId, axis: i64) -> Result<usize> {
    let at = if axis < 0 { axis + b.rank(x) as i64 } else { axis };
    let dim = usize::try_from(at).ok().and_then(|a| b.shape(x).get(a)).and_then(Dim::known);
    dim.ok_or_else(|| {
        Diagnostic::error(Code::KERAS_UNSUPPORTED, "the length of this axis must be known when the model is converted")
            .at_node(b.scope())
            .found(format!("axis {axis} of {}", b.ty(x)))
    })
}
