//! Keras 3 operations that work element by element and that fewer models use (keras/src/ops/numpy.py and
//! keras/src/backend/tensorflow/numpy.py, 3.15.1): angles, closeness, shifts, divisors.
//!
//! Owns: their formulas. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::{operands, x as operand};
use super::operations_args::{self as args, Arg, Rules};
use super::operations_core as core;
use super::operations_reduce::{axes, keepdims};
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::complex::Pair;
use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Op, TensorType, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Arctan2", |c| {
        let [y, x] = tensors(c, Some(DType::F32))?;
        c.b.atan2(y, x)
    }),
    row("Fabs", |c| {
        let x = float(c)?;
        c.b.unary(UnaryOp::Abs, x)
    }),
    row("Angle", |c| {
        let x = float(c)?;
        c.b.angle(x.into())
    }),
    row("Imag", |c| {
        let x = operand(c)?;
        c.b.imaginary(x.into())
    }),
    row("Isreal", |c| {
        let (x, yes) = (operand(c)?, c.b.scalar(DType::Bool, 1.0));
        core::filled_like(c.b, x, yes)
    }),
    row("ViewAsReal", |c| {
        let x = operand(c)?;
        c.b.joined(Pair::from(x))
    }),
    row("Sinc", |c| {
        let x = float(c)?;
        c.b.sinc(x)
    }),
    row("Erfc", |c| {
        let x = float(c)?;
        c.b.erf_complement(x)
    }),
    row("Erfinv", |c| {
        let x = float(c)?;
        c.b.erf_inverse(x)
    }),
    row("I0", |c| {
        let x = float(c)?;
        bessel(c.b, x)
    }),
    row("Heaviside", heaviside),
    row("Logaddexp2", |c| {
        let [x, y] = tensors(c, Some(DType::F32))?;
        c.b.log_add_exp(x, y, std::f64::consts::LN_2)
    }),
    row("Ldexp", ldexp),
    row("Nextafter", next_after),
    row("Fmax", |c| ignoring_nan(c, BinaryOp::Max)),
    row("Fmin", |c| ignoring_nan(c, BinaryOp::Min)),
    row("Signbit", |c| {
        let x = operand(c)?;
        if c.b.dtype(x) == DType::Bool { nowhere(c.b, x) } else { c.b.sign_bit(x) }
    }),
    row("Isposinf", |c| infinite(c, f64::INFINITY)),
    row("Isneginf", |c| infinite(c, f64::NEG_INFINITY)),
    row("Isclose", is_close),
    row("AllClose", all_close),
    row("Ptp", |c| {
        let (x, axes, keep) = (operand(c)?, axes(c)?, keepdims(c)?);
        let high = core::reduce(c.b, ReduceKind::Max, x, axes.as_deref(), keep)?;
        let low = core::reduce(c.b, ReduceKind::Min, x, axes.as_deref(), keep)?;
        c.b.binary(BinaryOp::Sub, high, low)
    }),
    row("BitwiseLeftShift", |c| shift(c, Builder::shift_left)),
    row("LeftShift", |c| shift(c, Builder::shift_left)),
    row("BitwiseRightShift", |c| shift(c, Builder::shift_right)),
    row("RightShift", |c| shift(c, Builder::shift_right)),
    row("Gcd", |c| {
        let [x, y] = magnitudes(c)?;
        divisor(c.b, x, y)
    }),
    row("Lcm", multiple),
    row_many("UnravelIndex", unravel),
    row("View", view),
];

/// The argument `x`; integers become f32.
fn float(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    core::float(c.b, x)
}

/// Both arguments in one type, where numbers are tensors before they are promoted (`convert_to_tensor`).
pub(super) fn tensors(c: &mut Call<'_>, at_least: Option<DType>) -> Result<[ValueId; 2]> {
    let (x, y) = (args::value(c, 0, "x1")?, args::value(c, 1, "x2")?);
    both(c, [x, y].map(Arg::Value), at_least)
}

/// Two arguments in one type.
pub(super) fn both(c: &mut Call<'_>, given: [Arg; 2], at_least: Option<DType>) -> Result<[ValueId; 2]> {
    match args::promote(c.b, &given, Rules::Keras, at_least)?.as_slice() {
        &[x, y] => Ok([x, y]),
        _ => Err(c.unsupported("two arguments")),
    }
}

/// False, in the shape of `x`.
fn nowhere(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let no = b.scalar(DType::Bool, 0.0);
    core::filled_like(b, x, no)
}

/// The modified Bessel function of order 0 by polynomials (Abramowitz and Stegun, 9.8.1 and 9.8.2; exact to 2e-7).
fn bessel(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    const NEAR: [f64; 7] = [1.0, 3.515_622_9, 3.089_942_4, 1.206_749_2, 0.265_973_2, 0.036_076_8, 0.004_581_3];
    const FAR: [f64; 9] = [
        0.398_942_28,
        0.013_285_92,
        0.002_253_19,
        -0.001_575_65,
        0.009_162_81,
        -0.020_577_06,
        0.026_355_37,
        -0.016_476_33,
        0.003_923_77,
    ];
    let size = b.unary(UnaryOp::Abs, x)?;
    let limit = b.scalar_like(x, 3.75);
    let small = b.binary(BinaryOp::Less, size, limit)?;
    let part = b.binary(BinaryOp::Div, size, limit)?;
    let square = core::square(b, part)?;
    let near = b.polynomial(square, &NEAR)?;
    // At the limit where it is not asked for, so that nothing is divided by 0.
    let large = b.binary(BinaryOp::Max, size, limit)?;
    let inverse = b.binary(BinaryOp::Div, limit, large)?;
    let far = b.polynomial(inverse, &FAR)?;
    let (growth, root) = (b.unary(UnaryOp::Exp, large)?, core::rsqrt(b, large)?);
    let far = b.binary(BinaryOp::Mul, far, root)?;
    let far = b.binary(BinaryOp::Mul, far, growth)?;
    b.choose(small, near, far)
}

fn heaviside(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, Some(DType::F32))?;
    let (zero, one) = (c.b.scalar_like(x, 0.0), c.b.scalar_like(x, 1.0));
    let (below, above) = (c.b.binary(BinaryOp::Less, x, zero)?, c.b.binary(BinaryOp::Greater, x, zero)?);
    let rest = c.b.choose(above, one, y)?;
    c.b.choose(below, zero, rest)
}

/// x·2^y; what is infinite or 0 stays so.
fn ldexp(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, Some(DType::F32))?;
    let two = c.b.scalar_like(x, 2.0);
    let factor = c.b.binary(BinaryOp::Pow, two, y)?;
    let product = c.b.binary(BinaryOp::Mul, x, factor)?;
    let (none, inf) = (c.b.binary_scalar(BinaryOp::Equal, x, 0.0)?, c.b.unary(UnaryOp::IsInf, x)?);
    let kept = c.b.binary(BinaryOp::Or, none, inf)?;
    c.b.choose(kept, x, product)
}

/// Keras steps in 64 bits and rounds to the type again, so that in a smaller one nothing moves.
fn next_after(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, Some(DType::F32))?;
    if c.b.dtype(x) == DType::F64 {
        return Err(c.unsupported("no ONNX operator steps to the next number of 64 bits"));
    }
    let none = c.b.unary(UnaryOp::IsNaN, y)?;
    c.b.choose(none, y, x)
}

fn ignoring_nan(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let [x, y] = operands(c, None)?;
    let both = c.b.binary(op, x, y)?;
    c.b.ignoring_nan(both, x, y)
}

fn infinite(c: &mut Call<'_>, which: f64) -> Result<ValueId> {
    let x = operand(c)?;
    if c.b.dtype(x).is_float() { c.b.binary_scalar(BinaryOp::Equal, x, which) } else { nowhere(c.b, x) }
}

/// `rtol` and `atol`: arguments of the call or of the config.
fn tolerances(c: &Call<'_>) -> [f64; 2] {
    let number = |position, name, default| args::plain(c, position, name).and_then(|a| a.as_float()).unwrap_or(default);
    [number(2, "rtol", 1e-5), number(3, "atol", 1e-8)]
}

/// Whether the distance is small, infinite numbers and all; integers are close when they are equal.
fn is_close(c: &mut Call<'_>) -> Result<ValueId> {
    let ([x, y], limits) = (tensors(c, None)?, tolerances(c));
    if !c.b.dtype(x).is_float() {
        return c.b.binary(BinaryOp::Equal, x, y);
    }
    let [_, near] = c.b.near(x, y, limits)?;
    if c.bool_or("equal_nan", false)? { c.b.or_both_nan(near, x, y) } else { Ok(near) }
}

fn all_close(c: &mut Call<'_>) -> Result<ValueId> {
    let ([x, y], limits) = (tensors(c, None)?, tolerances(c));
    let float = c.b.dtype(x).is_float();
    let mut close = if float { c.b.close(x, y, limits)? } else { c.b.binary(BinaryOp::Equal, x, y)? };
    if float && c.bool_or("equal_nan", false)? {
        close = c.b.or_both_nan(close, x, y)?;
    }
    core::truth(c.b, ReduceKind::Min, close, None, false)
}

fn shift(c: &mut Call<'_>, f: fn(&mut Builder, ValueId, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let given = [args::get(c, 0, "x")?, args::get(c, 1, "y")?];
    let [x, y] = both(c, given, None)?;
    f(c.b, x, y)
}

/// Both arguments, integers, without their signs.
fn magnitudes(c: &mut Call<'_>) -> Result<[ValueId; 2]> {
    let [x, y] = tensors(c, None)?;
    if !c.b.dtype(x).is_int() {
        return Err(c.unsupported("only integers have divisors"));
    }
    if !c.b.dtype(x).is_signed_int() {
        return Ok([x, y]);
    }
    Ok([c.b.unary(UnaryOp::Abs, x)?, c.b.unary(UnaryOp::Abs, y)?])
}

/// Euclid's algorithm, for all elements until none is left.
fn divisor(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    // Both in the shape of their sum.
    let sum = b.binary(BinaryOp::Add, x, y)?;
    let shape = b.one(Op::Shape { start: 0, end: None }, &[sum])?;
    let (x, y) = (b.one(Op::Expand, &[x, shape])?, b.one(Op::Expand, &[y, shape])?);
    let mut body = Builder::new("divisor");
    body.push_scope(b.scope());
    let _ = body.input("step", TensorType::known(DType::I64, &[]));
    let _ = body.input("go", TensorType::known(DType::Bool, &[]));
    let (m, n) = (body.input("m", b.ty(sum).clone()), body.input("n", b.ty(sum).clone()));
    let done = body.binary_scalar(BinaryOp::Equal, n, 0.0)?;
    let one = body.scalar_like(n, 1.0);
    let safe = body.choose(done, one, n)?;
    let rest = body.binary(BinaryOp::Mod, m, safe)?;
    let m = body.choose(done, m, n)?;
    let go = core::truth(&mut body, ReduceKind::Max, rest, None, false)?;
    body.output("go", go);
    body.output("m", m);
    body.output("n", rest);
    let go = core::truth(b, ReduceKind::Max, y, None, false)?;
    let results = b.add(Op::Loop { carried: 2, body: Box::new(body.finish()) }, &[None, Some(go), Some(x), Some(y)])?;
    Ok(results.first().copied().unwrap_or(x))
}

/// |x|·(|y| // gcd), 0 where both are 0.
fn multiple(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = magnitudes(c)?;
    let common = divisor(c.b, x, y)?;
    let (none, one) = (c.b.binary_scalar(BinaryOp::Equal, common, 0.0)?, c.b.scalar_like(common, 1.0));
    let safe = c.b.choose(none, one, common)?;
    let rest = c.b.binary(BinaryOp::Div, y, safe)?;
    // Where both are 0 the product is too.
    c.b.binary(BinaryOp::Mul, x, rest)
}

/// The coordinates of places in a tensor of `shape`. Of places that are no vector, Keras takes the axes in the other order.
fn unravel(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let mut at = args::value(c, 0, "indices")?;
    let mut sizes = c.ints("shape")?;
    if sizes.iter().any(|&n| n < 1) {
        return Err(c.bad_argument("shape", "positive sizes", &format!("{sizes:?}")));
    }
    if c.b.rank(at) == 1 {
        sizes.reverse();
    }
    let mut out = Vec::with_capacity(sizes.len());
    for n in sizes {
        out.push(c.b.binary_scalar(BinaryOp::Mod, at, n as f64)?);
        let n = c.b.scalar_like(at, n as f64);
        at = core::floor_divide(c.b, at, n)?;
    }
    out.reverse();
    Ok(out)
}

/// The same bytes as another type.
fn view(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let from = c.b.dtype(x);
    let to = args::plain(c, 1, "dtype").and_then(args::dtype_of).unwrap_or(from);
    if from == to || from.is_int() && to.is_int() && from.size() == to.size() {
        return c.b.cast(x, to);
    }
    Err(c
        .unsupported("ONNX has no operator that takes the same bytes for another type")
        .expected("integers of one size")
        .found(format!("{from} as {to}")))
}
