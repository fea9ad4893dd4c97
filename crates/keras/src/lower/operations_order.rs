//! Keras 3 operations that find places, members and counts (keras/src/ops/{numpy,math}.py and
//! keras/src/backend/tensorflow/{numpy,math}.py, 3.15.1).
//!
//! Owns: ranks, membership, counts, different elements. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args::{self as args, Arg};
use super::operations_core as core;
use super::operations_pointwise::{both, tensors};
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind, ScatterReduction, UnaryOp};
use modelport_ir::{DType, Dim, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("SearchSorted", search_sorted),
    row("Digitize", digitize),
    row("IsIn", |c| {
        let [x, others] = tensors(c, None)?;
        let found = c.b.is_in(x, others)?;
        if c.bool_or("invert", false)? { c.b.unary(UnaryOp::Not, found) } else { Ok(found) }
    }),
    row("InTopK", |c| {
        let (target, x, k) = (args::value(c, 0, "targets")?, args::value(c, 1, "predictions")?, c.int("k")?);
        let k = c.b.constant("", Tensor::int_scalar(k));
        c.b.in_top(x, target, k)
    }),
    row("Argpartition", argpartition),
    row("Bincount", bincount),
    row_many("Nonzero", nonzero),
    row_many("Unique", unique),
];

/// i32 where the vector has a known length.
fn search_sorted(c: &mut Call<'_>) -> Result<ValueId> {
    let given = [args::value(c, 0, "sorted_sequence")?, args::value(c, 1, "values")?].map(Arg::Value);
    let [sorted, x] = both(c, given, None)?;
    let right = match c.str_or("side", "left")? {
        "left" => false,
        "right" => true,
        other => return Err(c.bad_argument("side", "`left` or `right`", other)),
    };
    if c.b.rank(sorted) != 1 {
        return Err(c.bad_argument("sorted_sequence", "a vector", &c.b.ty(sorted).to_string()));
    }
    let known = c.b.shape(sorted).first().and_then(Dim::known).is_some();
    let count = c.b.ranks(x, sorted, right)?;
    c.b.cast(count, if known { DType::I32 } else { DType::I64 })
}

/// The number of bounds, 32-bit floats, that are not above the element.
fn digitize(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, bins) = (operand(c)?, args::value(c, 1, "bins")?);
    let (x, bins) = (c.b.cast(x, DType::F32)?, c.b.cast(bins, DType::F32)?);
    let count = c.b.ranks(x, bins, true)?;
    c.b.cast(count, DType::I32)
}

/// The places of the `kth + 1` smallest, in order, and behind them those of the rest as Keras finds them: it sets what it has
/// already to 0 and takes the largest. Elements are integers to it.
fn argpartition(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let x = c.b.cast(x, DType::I32)?;
    let x = if c.op.attrs.get("axis").is_some_and(modelport_ir::Attr::is_none) { core::ravel(c.b, x)? } else { x };
    if c.b.rank(x) != 1 {
        return Err(c
            .unsupported("only a vector is partitioned, as TensorFlow's backend does")
            .found(c.b.ty(x).to_string()));
    }
    let (kth, n) = (c.int("kth")?, c.b.dim(x, 0)?);
    let (kth, zero, one) = (c.b.ints(&[kth]), c.b.ints(&[0]), c.b.ints(&[1]));
    let last = c.b.binary(BinaryOp::Sub, n, one)?;
    let kth = c.b.binary(BinaryOp::Max, kth, zero)?;
    let kth = c.b.binary(BinaryOp::Min, kth, last)?;
    let (first, rest) = (c.b.binary(BinaryOp::Add, kth, one)?, c.b.binary(BinaryOp::Sub, last, kth)?);
    let negated = c.b.unary(UnaryOp::Neg, x)?;
    let [_, bottom] = core::top(c.b, negated, first, 0, true)?;
    let none = c.b.scalar(DType::I32, 0.0);
    let none = c.b.one(Op::Expand, &[none, first])?;
    let op = Op::ScatterElements { axis: 0, reduction: ScatterReduction::None };
    let left = c.b.one(op, &[x, bottom, none])?;
    let [_, top] = core::top(c.b, left, rest, 0, true)?;
    let all = c.b.concat(&[bottom, top], 0)?;
    c.b.cast(all, DType::I32)
}

/// As many counts as the largest number asks for, at least `minlength`, along the last axis.
fn bincount(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    if c.bool_or("sparse", false)? {
        return Err(c.unsupported("a sparse result has no lowering").at_attribute("sparse"));
    }
    let weights = match c.op.attr("weights").filter(|a| !a.is_none()).cloned() {
        Some(w) => {
            let w = args::read(c, &w)?;
            Some(args::own(c.b, w))
        }
        None => None,
    };
    let own = weights.map(|w| c.b.dtype(w));
    let to = own.map_or(DType::I32, |w| args::promoted(c.b.dtype(x), w));
    let least = c.int_or("minlength", 0)?;
    let at = c.b.cast(x, DType::I64)?;
    let most = core::reduce(c.b, ReduceKind::Max, at, None, false)?;
    let size = c.b.binary_scalar(BinaryOp::Add, most, 1.0)?;
    let least = c.b.constant("", Tensor::int_scalar(least));
    let size = c.b.binary(BinaryOp::Max, size, least)?;
    let counts = c.b.counts(at, size, weights, false, own.unwrap_or(DType::I32))?;
    c.b.cast(counts, to)
}

/// The places of what is not 0, one vector an axis.
fn nonzero(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = operand(c)?;
    let rank = c.b.rank(x);
    let places = c.b.one(Op::NonZero, &[x])?;
    let places = c.b.cast(places, DType::I32)?;
    let mut out = Vec::with_capacity(rank);
    for i in 0..rank {
        let i = c.b.constant("", Tensor::int_scalar(i as i64));
        out.push(c.b.one(Op::Gather { axis: 0 }, &[places, i])?);
    }
    Ok(out)
}

/// The different elements, and what else is asked for: first places, which one each element is, counts. `size` cuts them or
/// fills them up, places with 1 and counts with 0.
fn unique(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = operand(c)?;
    let (axis, sorted) = (c.opt_int("axis")?, c.bool_or("sorted", true)?);
    let (size, fill) = (c.opt_int("size")?, c.float_or("fill_value", 0.0)?);
    let axis = axis.map(|a| core::axis_in(a, c.b.rank(x)).map(|a| a as i64)).transpose()?;
    let [values, first, inverse, counts] = c.b.unique(x, axis, sorted)?;
    let mut out = vec![fitted(c, values, axis.unwrap_or(0), size, fill)?];
    let asked = |c: &Call<'_>, name: &str| c.bool_or(name, false);
    if asked(c, "return_index")? {
        let first = c.b.cast(first, DType::I32)?;
        out.push(fitted(c, first, 0, size, 1.0)?);
    }
    if asked(c, "return_inverse")? {
        let inverse = c.b.cast(inverse, DType::I32)?;
        out.push(if axis.is_some() {
            inverse
        } else {
            let shape = c.b.one(Op::Shape { start: 0, end: None }, &[x])?;
            c.b.one(Op::Reshape { allow_zero: false }, &[inverse, shape])?
        });
    }
    if asked(c, "return_counts")? {
        let counts = c.b.cast(counts, DType::I32)?;
        out.push(fitted(c, counts, 0, size, 0.0)?);
    }
    Ok(out)
}

/// Cut or filled up to `size` elements along an axis.
fn fitted(c: &mut Call<'_>, x: ValueId, axis: i64, size: Option<i64>, filler: f64) -> Result<ValueId> {
    let Some(size) = size else { return Ok(x) };
    let cut = c.b.slice_axis(x, axis, 0, size.max(0), 1)?;
    let (rank, at) = (c.b.rank(cut), axis as usize);
    let (all, there) = (c.b.ints(&[size.max(0)]), c.b.dim(cut, at)?);
    let lack = c.b.binary(BinaryOp::Sub, all, there)?;
    let (head, tail) = (c.b.ints(&vec![0; rank + at]), c.b.ints(&vec![0; rank.saturating_sub(at + 1)]));
    let widths = c.b.concat(&[head, lack, tail], 0)?;
    let filler = c.b.scalar_like(cut, filler);
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[cut, widths, filler])
}
