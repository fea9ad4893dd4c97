//! Shapes of which some dimensions are known only at run time.
//!
//! Owns: reshapes whose target mixes constants with dimensions of other values. Must never know: layers.

use modelport_diag::Result;
use modelport_ir::{Builder, DType, Dim, Op, ValueId};

/// Where one dimension of a target shape comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    /// A number; −1 is inferred.
    Size(i64),
    /// The dimension of a value at an axis.
    Dim(ValueId, usize),
}

/// An i64 vector of dimensions; those that are known fold to constants.
pub(super) fn vector(b: &mut Builder, dims: &[From]) -> Result<ValueId> {
    let mut parts = Vec::with_capacity(dims.len());
    for d in dims {
        parts.push(match *d {
            From::Size(n) => b.ints(&[n]),
            From::Dim(x, axis) => b.dim(x, axis)?,
        });
    }
    match parts.as_slice() {
        [] => Ok(b.ints(&[])),
        [one] => Ok(*one),
        _ => b.concat(&parts, 0),
    }
}

/// `x` reshaped to `dims`. One dimension that is not known is left to be inferred, so that no shape is computed at run
/// time, unless that would lose the symbol it goes by.
pub(super) fn reshape(b: &mut Builder, x: ValueId, dims: &[From]) -> Result<ValueId> {
    let open = |b: &Builder, d: &From| match *d {
        From::Dim(v, a) => b.shape(v).get(a).is_none_or(|d| d.known().is_none()),
        From::Size(_) => false,
    };
    // A dimension that stays where it is, is copied.
    let stays = |(i, d): (usize, &From)| match *d {
        From::Dim(v, a) if v == x && a == i && b.shape(v).get(a).is_some_and(|d| d.known().is_none()) => From::Size(0),
        d => d,
    };
    let dims: Vec<From> = dims.iter().enumerate().map(stays).collect();
    let unknown: Vec<usize> = dims.iter().enumerate().filter(|(_, d)| open(b, d)).map(|(i, _)| i).collect();
    let inferred = dims.iter().any(|d| matches!(d, From::Size(-1)));
    if let (&[only], false) = (unknown.as_slice(), inferred) {
        let dim = |(i, d): (usize, &From)| if i == only { From::Size(-1) } else { *d };
        let short: Vec<From> = dims.iter().enumerate().map(dim).collect();
        let shape = vector(b, &short)?;
        let y = b.one(Op::Reshape { allow_zero: false }, &[x, shape])?;
        let named = match dims.get(only) {
            Some(&From::Dim(v, a)) => matches!(b.shape(v).get(a), Some(Dim::Symbol(_))),
            _ => false,
        };
        if !named || b.shape(y).get(only) != Some(&Dim::Unknown) {
            return Ok(y);
        }
    }
    let shape = vector(b, &dims)?;
    b.one(Op::Reshape { allow_zero: false }, &[x, shape])
}

/// Zeros in the shape `dims`.
pub(super) fn zeros(b: &mut Builder, dtype: DType, dims: &[From]) -> Result<ValueId> {
    let zero = b.scalar(dtype, 0.0);
    let shape = vector(b, dims)?;
    b.one(Op::Expand, &[zero, shape])
}

/// `x`, of which it is known from elsewhere that the first dimension is `n`.
pub(super) fn with_first_dim(b: &mut Builder, x: ValueId, n: Option<usize>) -> Result<ValueId> {
    let Some(n) = n else { return Ok(x) };
    let mut shape = vec![n as i64];
    shape.resize(b.rank(x), 0);
    b.reshape(x, &shape)
}
