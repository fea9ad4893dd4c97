//! Keras 3 operations on vectors and matrices (keras/src/ops/{numpy,linalg,math}.py and
//! keras/src/backend/tensorflow/numpy.py, 3.15.1).
//!
//! Owns: products, diagonals, correlation. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core as core;
use super::operations_pointwise::tensors;
use super::operations_reduce::counted;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::arrange::diagonal_places;
use modelport_ir::core::{BinaryOp, DataLayout, KernelLayout, PadMode, Padding, ReduceKind, UnaryOp};
use modelport_ir::small_matrix::MOST_ROWS;
use modelport_ir::{Attr, Builder, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Tensordot", tensordot),
    row("Inner", inner),
    row("Vdot", |c| {
        as_float(c, |b, x, y| {
            let (x, y) = (core::ravel(b, x)?, core::ravel(b, y)?);
            core::matmul(b, x, y)
        })
    }),
    row("Kron", |c| {
        let [x, y] = tensors(c, None)?;
        c.b.kron(x, y)
    }),
    row("Cross", cross),
    row("CDist", distances),
    row("Diag", |c| {
        let x = operand(c)?;
        diag(c, x)
    }),
    row("Diagflat", |c| {
        let x = operand(c)?;
        let flat = core::ravel(c.b, x)?;
        diag(c, flat)
    }),
    row("Diagonal", |c| {
        let x = operand(c)?;
        diagonal(c, x)
    }),
    row("Trace", |c| {
        let x = operand(c)?;
        let x = counted(c, x)?;
        let on = diagonal(c, x)?;
        c.b.reduce(ReduceKind::Sum, on, &[-1], false)
    }),
    row("Corrcoef", coefficients),
    row("Correlate", correlate),
    row("Trapezoid", trapezoid),
    row("Det", |c| {
        let (x, n) = small(c)?;
        c.b.determinant(x, n)
    }),
    row("Inv", |c| {
        let (x, n) = small(c)?;
        c.b.inverse(x, n, false)
    }),
];

/// Of integers: computed with floats, and integers again.
fn as_float(c: &mut Call<'_>, f: impl Fn(&mut Builder, ValueId, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let [x, y] = tensors(c, None)?;
    let to = c.b.dtype(x);
    let (x, y) = (core::float(c.b, x)?, core::float(c.b, y)?);
    let z = f(c.b, x, y)?;
    c.b.cast(z, to)
}

fn inner(c: &mut Call<'_>) -> Result<ValueId> {
    as_float(c, |b, x, y| match (b.rank(x).checked_sub(1), b.rank(y).checked_sub(1)) {
        (Some(p), Some(q)) => b.tensordot(x, y, &[(p, q)]),
        _ => b.binary(BinaryOp::Mul, x, y),
    })
}

/// `axes`: so many last ones with as many first ones, or a list for each.
fn tensordot(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, None)?;
    let (p, q) = (c.b.rank(x), c.b.rank(y));
    let wrong = |c: &Call<'_>| c.bad_argument("axes", "a number, or two lists of as many axes", "something else");
    let pairs: Vec<(usize, usize)> = match c.op.attr("axes") {
        Some(Attr::List(both)) => {
            let ints = |a: &Attr| a.as_ints().or_else(|| a.as_int().map(|i| vec![i]));
            let [a, b] = both.as_slice() else { return Err(wrong(c)) };
            let (Some(a), Some(b)) = (ints(a), ints(b)) else { return Err(wrong(c)) };
            if a.len() != b.len() {
                return Err(wrong(c));
            }
            c.axes_of("axes", &a, p)?.into_iter().zip(c.axes_of("axes", &b, q)?).collect()
        }
        _ => {
            let n = usize::try_from(c.int_or("axes", 2)?).ok().filter(|&n| n <= p && n <= q);
            let n = n.ok_or_else(|| wrong(c))?;
            (p - n..p).zip(0..n).collect()
        }
    };
    let to = c.b.dtype(x);
    let exact = to.is_float() || matches!(to, DType::I32 | DType::I64);
    let (x, y) = if exact { (x, y) } else { (core::float(c.b, x)?, core::float(c.b, y)?) };
    let z = c.b.tensordot(x, y, &pairs)?;
    c.b.cast(z, to)
}

/// Axis `from` where axis `to` is.
pub(super) fn moved(b: &mut Builder, x: ValueId, from: i64, to: i64) -> Result<ValueId> {
    let rank = b.rank(x);
    let (from, to) = (core::axis_in(from, rank)?, core::axis_in(to, rank)?);
    let mut perm: Vec<usize> = (0..rank).filter(|&a| a != from).collect();
    perm.insert(to.min(perm.len()), from);
    b.transpose(x, &perm)
}

/// Vectors of 2 have a third element that is 0; of two such, the result is the third element alone.
fn cross(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, None)?;
    let axis = c.opt_int("axis")?;
    let axes = |c: &Call<'_>, name: &str| axis.map_or_else(|| c.int_or(name, -1), Ok);
    let (from_x, from_y, to) = (axes(c, "axisa")?, axes(c, "axisb")?, axes(c, "axisc")?);
    let mut flat = true;
    let mut vectors = Vec::new();
    for (v, axis) in [(x, from_x), (y, from_y)] {
        let v = moved(c.b, v, axis, -1)?;
        let rank = c.b.rank(v);
        vectors.push(match c.known_dim(v, rank.saturating_sub(1))? {
            2 => {
                let mut widths = vec![0; 2 * rank];
                widths.iter_mut().rev().take(1).for_each(|w| *w = 1);
                let widths = c.b.ints(&widths);
                c.b.one(Op::Pad { mode: PadMode::Constant }, &[v, widths])?
            }
            3 => {
                flat = false;
                v
            }
            n => return Err(c.bad_argument("axis", "an axis of 2 or 3 elements", &n.to_string())),
        });
    }
    let &[x, y] = vectors.as_slice() else { return Err(c.missing_argument("x2", "a tensor")) };
    let z = c.b.cross(x, y, -1)?;
    if flat {
        let third = c.b.constant("", modelport_ir::Tensor::int_scalar(2));
        return c.b.one(Op::Gather { axis: -1 }, &[z, third]);
    }
    moved(c.b, z, -1, to)
}

/// Euclid's distances of all rows of one from all rows of the other.
fn distances(c: &mut Call<'_>) -> Result<ValueId> {
    let given = [args::get(c, 0, "x")?, args::get(c, 1, "y")?];
    let [x, y] = super::operations_pointwise::both(c, given, Some(DType::F32))?;
    let (rows, columns) = (c.b.unsqueeze(x, &[-2])?, c.b.unsqueeze(y, &[-3])?);
    let gap = c.b.binary(BinaryOp::Sub, rows, columns)?;
    c.b.reduce(ReduceKind::L2, gap, &[-1], false)
}

/// A vector as a diagonal, or the diagonal of a matrix.
fn diag(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let k = c.int_or("k", 0)?;
    match c.b.rank(x) {
        1 => {
            let n = c.known_dim(x, 0)?;
            let made = c.b.diagonal_matrix(x, n, k)?;
            made.ok_or_else(|| c.unsupported("the matrix is too large"))
        }
        2 => {
            let places = diagonal_places(c.known_dim(x, 0)?, c.known_dim(x, 1)?, k);
            c.b.diagonal(x, [0, 1], &places)
        }
        _ => Err(c.bad_argument("x", "a vector or a matrix", &c.b.ty(x).to_string())),
    }
}

fn diagonal(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let rank = c.b.rank(x);
    let axis = |name: &str, default: i64| c.axis_of(name, c.int_or(name, default)?, rank);
    let (a, b, offset) = (axis("axis1", 0)?, axis("axis2", 1)?, c.int_or("offset", 0)?);
    if a == b {
        return Err(c.bad_argument("axis2", "another axis than axis1", &b.to_string()));
    }
    let places = diagonal_places(c.known_dim(x, a)?, c.known_dim(x, b)?, offset);
    c.b.diagonal(x, [a, b], &places)
}

/// Pearson's coefficients of the rows of a matrix.
fn coefficients(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let x = core::float(c.b, x)?;
    if c.b.rank(x) != 2 {
        return Err(c.unsupported("only the rows of a matrix are correlated").found(c.b.ty(x).to_string()));
    }
    let mean = c.b.reduce(ReduceKind::Mean, x, &[-1], true)?;
    let apart = c.b.binary(BinaryOp::Sub, x, mean)?;
    let turned = c.b.transpose(apart, &[1, 0])?;
    let products = core::matmul(c.b, apart, turned)?;
    let n = c.b.dim(x, 1)?;
    let n = c.b.cast(n, c.b.dtype(x))?;
    let n = c.b.binary_scalar(BinaryOp::Sub, n, 1.0)?;
    let covariance = c.b.binary(BinaryOp::Div, products, n)?;
    let own = c.b.reduce(ReduceKind::SumSquare, apart, &[-1], true)?;
    let own = c.b.binary(BinaryOp::Div, own, n)?;
    let rows = c.b.unary(UnaryOp::Sqrt, own)?;
    let columns = c.b.transpose(rows, &[1, 0])?;
    let scale = c.b.binary(BinaryOp::Mul, rows, columns)?;
    let y = c.b.binary(BinaryOp::Div, covariance, scale)?;
    core::clip(c.b, y, Some(-1.0), Some(1.0))
}

/// Products of one vector with the other at all places: a convolution.
fn correlate(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = tensors(c, Some(DType::F32))?;
    let (n, m) = (c.b.shape(x).first().and_then(modelport_ir::Dim::known), c.known_dim(y, 0)?);
    if c.b.rank(x) != 1 || c.b.rank(y) != 1 || m == 0 {
        return Err(c.bad_argument("x1", "two vectors", &c.b.ty(x).to_string()));
    }
    let mode = c.str_or("mode", "valid")?;
    let (same, pad) = match mode {
        "valid" => (false, 0),
        "full" => (false, m - 1),
        "same" => (true, m - 1),
        other => return Err(c.bad_argument("mode", "`valid`, `same` or `full`", other)),
    };
    let (x, y) = (c.b.unsqueeze(x, &[0, 1])?, c.b.unsqueeze(y, &[0, 1])?);
    let op = Op::Conv {
        strides: vec![1],
        dilations: vec![1],
        padding: Padding::Explicit(vec![(pad, pad)]),
        groups: 1,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::OutInSpatial,
    };
    let z = c.b.one(op, &[x, y])?;
    let z = c.b.squeeze(z, &[0, 1])?;
    if !same {
        return Ok(z);
    }
    let n = n.ok_or_else(|| c.unsupported("the size must be known when the model is converted"))?;
    let most = n.max(m);
    let start = ((n + m - 1 - most) / 2) as i64;
    c.b.slice_axis(z, 0, start, start + most as i64, 1)
}

/// Mean heights times widths, `dx` or the differences of `x`.
fn trapezoid(c: &mut Call<'_>) -> Result<ValueId> {
    let y = args::value(c, 0, "y")?;
    let y = core::float(c.b, y)?;
    let axis = c.int_or("axis", -1)?;
    let width = match c.op.attr("x").filter(|a| !a.is_none()).cloned() {
        Some(x) => {
            let x = args::read(c, &x)?;
            let x = args::own(c.b, x);
            let x = c.b.cast(x, c.b.dtype(y))?;
            let x = moved(c.b, x, axis, -1)?;
            let last = c.b.rank(x).saturating_sub(1);
            c.b.differences(x, last, 1)?
        }
        None => {
            let dx = c.float_or("dx", 1.0)?;
            c.b.scalar_like(y, dx)
        }
    };
    let y = moved(c.b, y, axis, -1)?;
    let (later, earlier) = (c.b.slice_axis(y, -1, 1, i64::MAX, 1)?, c.b.slice_axis(y, -1, 0, -1, 1)?);
    let sum = c.b.binary(BinaryOp::Add, later, earlier)?;
    let mean = c.b.binary_scalar(BinaryOp::Mul, sum, 0.5)?;
    let parts = c.b.binary(BinaryOp::Mul, mean, width)?;
    c.b.reduce(ReduceKind::Sum, parts, &[-1], false)
}

/// Square matrices of few rows.
fn small(c: &mut Call<'_>) -> Result<(ValueId, usize)> {
    let x = args::value(c, 0, "a")?;
    let rank = c.b.rank(x);
    let n = c.known_dim(x, rank.saturating_sub(1))?;
    if !(1..=MOST_ROWS).contains(&n) || rank < 2 {
        let expected = format!("square matrices of at most {MOST_ROWS} rows");
        return Err(c.unsupported("ONNX has no such operator").expected(expected).found(c.b.ty(x).to_string()));
    }
    Ok((x, n))
}
