//! Formulas that are one op, spelled in the ways that exporters have.

use modelport_ir::core::{BinaryOp, ReduceKind, UnaryOp};
use modelport_ir::{Builder, DType, Dim, Op, Tensor, ValueId};

/// Chooses a number below another.
pub(crate) type Choose<'a> = &'a mut dyn FnMut(usize) -> usize;

fn times(b: &mut Builder, x: ValueId, factor: f64, choose: Choose<'_>) -> Option<ValueId> {
    let c = b.scalar_like(x, factor);
    match choose(4) {
        0 => b.binary(BinaryOp::Mul, x, c).ok(),
        1 => b.binary(BinaryOp::Mul, c, x).ok(),
        2 => b.binary_scalar(BinaryOp::Div, x, 1.0 / factor).ok(),
        _ => {
            let y = b.binary_scalar(BinaryOp::Mul, x, -factor).ok()?;
            b.unary(UnaryOp::Neg, y).ok()
        }
    }
}

fn either(b: &mut Builder, op: BinaryOp, x: ValueId, y: ValueId, choose: Choose<'_>) -> Option<ValueId> {
    if choose(2) == 0 { b.binary(op, x, y).ok() } else { b.binary(op, y, x).ok() }
}

/// GELU by `erf` or `tanh`.
pub(crate) fn gelu(b: &mut Builder, x: ValueId, approximate: bool, choose: Choose<'_>) -> Option<ValueId> {
    let gate = if approximate {
        let inner = cubic(b, x, choose)?;
        let curve = b.unary(UnaryOp::Tanh, inner).ok()?;
        b.binary_scalar(BinaryOp::Add, curve, 1.0).ok()?
    } else if choose(2) == 0 {
        let inner = times(b, x, std::f64::consts::FRAC_1_SQRT_2, choose)?;
        let curve = b.unary(UnaryOp::Erf, inner).ok()?;
        b.binary_scalar(BinaryOp::Add, curve, 1.0).ok()?
    } else {
        let inner = times(b, x, -std::f64::consts::FRAC_1_SQRT_2, choose)?;
        let curve = b.unary(UnaryOp::Erf, inner).ok()?;
        let one = b.scalar_like(curve, 1.0);
        b.binary(BinaryOp::Sub, one, curve).ok()?
    };
    match choose(3) {
        0 => {
            let half = times(b, x, 0.5, choose)?;
            either(b, BinaryOp::Mul, half, gate, choose)
        }
        1 => {
            let half = times(b, gate, 0.5, choose)?;
            either(b, BinaryOp::Mul, x, half, choose)
        }
        _ => {
            let product = either(b, BinaryOp::Mul, x, gate, choose)?;
            times(b, product, 0.5, choose)
        }
    }
}

fn cubic(b: &mut Builder, x: ValueId, choose: Choose<'_>) -> Option<ValueId> {
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let square = b.binary(BinaryOp::Mul, x, x).ok()?;
    if choose(3) == 0 {
        let small = times(b, square, 0.044715, choose)?;
        let sum = b.binary_scalar(BinaryOp::Add, small, 1.0).ok()?;
        let scaled = times(b, x, root, choose)?;
        return either(b, BinaryOp::Mul, scaled, sum, choose);
    }
    let cube = if choose(2) == 0 {
        either(b, BinaryOp::Mul, square, x, choose)?
    } else {
        b.binary_scalar(BinaryOp::Pow, x, 3.0).ok()?
    };
    let small = times(b, cube, 0.044715, choose)?;
    let sum = either(b, BinaryOp::Add, x, small, choose)?;
    times(b, sum, root, choose)
}

/// `clip(x + 3, 0, 6)/6`, or the same with another slope.
pub(crate) fn hard_sigmoid(b: &mut Builder, x: ValueId, choose: Choose<'_>) -> Option<ValueId> {
    let six = choose(2) == 0;
    let line = if six {
        b.binary_scalar(BinaryOp::Add, x, 3.0).ok()?
    } else {
        let y = times(b, x, 0.2, choose)?;
        b.binary_scalar(BinaryOp::Add, y, 0.5).ok()?
    };
    let (low, high) = (b.scalar_like(x, 0.0), b.scalar_like(x, if six { 6.0 } else { 1.0 }));
    let clipped = b.one(Op::Clip, &[line, low, high]).ok()?;
    if six { times(b, clipped, 1.0 / 6.0, choose) } else { Some(clipped) }
}

/// `x·clip(x + 3, 0, 6)/6`.
pub(crate) fn hard_swish(b: &mut Builder, x: ValueId, choose: Choose<'_>) -> Option<ValueId> {
    let line = b.binary_scalar(BinaryOp::Add, x, 3.0).ok()?;
    let (low, high) = (b.scalar_like(x, 0.0), b.scalar_like(x, 6.0));
    let clipped = b.one(Op::Clip, &[line, low, high]).ok()?;
    if choose(2) == 0 {
        let gate = times(b, clipped, 1.0 / 6.0, choose)?;
        return either(b, BinaryOp::Mul, x, gate, choose);
    }
    let product = either(b, BinaryOp::Mul, x, clipped, choose)?;
    times(b, product, 1.0 / 6.0, choose)
}

fn parameter(b: &mut Builder, n: usize, middle: f64, wide: bool) -> Option<ValueId> {
    let values: Vec<f64> = (0..n).map(|i| middle + ((i * 37 + 11) % 19) as f64 / 38.0 - 0.25).collect();
    let shape = if wide { vec![1, 1, n] } else { vec![n] };
    Some(b.constant("", Tensor::from_f64s(DType::F32, &shape, &values).ok()?))
}

/// Layer normalisation over the last `axes` axes; with factors and terms where it is one.
pub(crate) fn layer_norm(b: &mut Builder, x: ValueId, axes: usize, choose: Choose<'_>) -> Option<ValueId> {
    let rank = b.rank(x);
    let n = b.shape(x).last().and_then(Dim::known)?;
    let over: Vec<i64> = (rank - axes..rank).map(|a| a as i64).collect();
    let mean = b.reduce(ReduceKind::Mean, x, &over, true).ok()?;
    let apart = b.binary(BinaryOp::Sub, x, mean).ok()?;
    let squares = if choose(2) == 0 {
        b.binary(BinaryOp::Mul, apart, apart).ok()?
    } else {
        b.binary_scalar(BinaryOp::Pow, apart, 2.0).ok()?
    };
    let variance = b.reduce(ReduceKind::Mean, squares, &over, true).ok()?;
    let sum = b.binary_scalar(BinaryOp::Add, variance, 1e-3).ok()?;
    let affine = axes == 1;
    let gamma = parameter(b, n, 1.0, choose(2) == 0)?;
    let beta = parameter(b, n, 0.0, choose(2) == 0)?;
    if choose(2) == 0 {
        let root = b.unary(UnaryOp::Sqrt, sum).ok()?;
        let y = b.binary(BinaryOp::Div, apart, root).ok()?;
        if !affine {
            return Some(y);
        }
        let y = either(b, BinaryOp::Mul, y, gamma, choose)?;
        return either(b, BinaryOp::Add, y, beta, choose);
    }
    let inverse = if choose(2) == 0 {
        b.binary_scalar(BinaryOp::Pow, sum, -0.5).ok()?
    } else {
        let root = b.unary(UnaryOp::Sqrt, sum).ok()?;
        b.unary(UnaryOp::Reciprocal, root).ok()?
    };
    let scale = if affine { either(b, BinaryOp::Mul, inverse, gamma, choose)? } else { inverse };
    if choose(3) == 0 {
        let y = either(b, BinaryOp::Mul, apart, scale, choose)?;
        return if affine { either(b, BinaryOp::Add, y, beta, choose) } else { Some(y) };
    }
    let first = either(b, BinaryOp::Mul, x, scale, choose)?;
    let second = either(b, BinaryOp::Mul, mean, scale, choose)?;
    if !affine {
        return b.binary(BinaryOp::Sub, first, second).ok();
    }
    if choose(2) == 0 {
        let rest = b.binary(BinaryOp::Sub, beta, second).ok()?;
        return either(b, BinaryOp::Add, first, rest, choose);
    }
    let less = b.unary(UnaryOp::Neg, mean).ok()?;
    let second = either(b, BinaryOp::Mul, less, scale, choose)?;
    let rest = either(b, BinaryOp::Add, second, beta, choose)?;
    either(b, BinaryOp::Add, first, rest, choose)
}

/// A product over the last axis by way of a matrix.
pub(crate) fn tensordot(b: &mut Builder, x: ValueId, w: ValueId) -> Option<ValueId> {
    let [rows, columns] = [0, 1].map(|i| b.shape(w)[i].known());
    let flat = b.reshape(x, &[-1, rows? as i64]).ok()?;
    let y = b.one(Op::MatMul, &[flat, w]).ok()?;
    let mut shape: Vec<i64> = b.shape(x).iter().map(|d| d.known().map_or(-1, |n| n as i64)).collect();
    *shape.last_mut()? = columns? as i64;
    b.reshape(y, &shape).ok()
}
