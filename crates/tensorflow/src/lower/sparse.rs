//! Sparse tensors in the parts that they are in a graph: indices, values, shape (`core/ops/sparse_ops.cc`,
//! `set_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::rows;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind, ScatterReduction, UnaryOp};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("SparseFillEmptyRows", fill_empty_rows),
    row_many("SparseReshape", reshape),
    row_many("SparseReorder", reorder),
    row("SparseTensorDenseMatMul", dense_product),
    row_many("DenseToDenseSetOperation", set_operation),
];

/// One column of indices.
fn column(c: &mut Call<'_>, indices: ValueId, axis: usize) -> Result<ValueId> {
    let own = c.b.slice_axis(indices, 1, axis as i64, axis as i64 + 1, 1)?;
    c.b.squeeze(own, &[1])
}

/// (indices, values, shape, default) → indices and values with one more element in every row that has none, which rows
/// those are, and where each element went.
fn fill_empty_rows(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [indices, values, shape] = c.three()?;
    let default = c.input(3)?;
    let count = f::element(c.b, shape, 0)?;
    let row = column(c, indices, 0)?;
    let sizes = rows::tally(c, row, count)?;
    let empty = f::is_zero(c.b, sizes)?;
    let lonely = c.b.one(Op::NonZero, &[empty])?;
    let lonely = c.b.squeeze(lonely, &[0])?;
    // The new elements stand in the first column, behind all others until they are sorted by row.
    let first = c.b.unsqueeze(lonely, &[1])?;
    let (zeros, width) = (c.b.ints(&[0, 0, 0]), c.b.dim(indices, 1)?);
    let width = c.b.binary_scalar(BinaryOp::Sub, width, 1.0)?;
    let pads = c.b.concat(&[zeros, width], 0)?;
    let more = c.b.one(Op::Pad { mode: PadMode::Constant }, &[first, pads])?;
    let (lack, n) = (c.b.dim(lonely, 0)?, c.b.dim(row, 0)?);
    let fill = c.b.one(Op::Expand, &[default, lack])?;
    let all = c.b.concat(&[indices, more], 0)?;
    let contents = c.b.concat(&[values, fill], 0)?;
    // Elements of a row stay in order: row · all + place.
    let lines = c.b.concat(&[row, lonely], 0)?;
    let total = c.b.binary(BinaryOp::Add, n, lack)?;
    let place = f::count_to(c.b, total)?;
    let key = c.b.binary(BinaryOp::Mul, lines, total)?;
    let key = c.b.binary(BinaryOp::Add, key, place)?;
    let order = rows::order(c, key)?;
    let all = c.b.one(Op::Gather { axis: 0 }, &[all, order])?;
    let contents = c.b.one(Op::Gather { axis: 0 }, &[contents, order])?;
    let went = rows::order(c, order)?;
    let zero = c.b.ints(&[0]);
    let axis = c.b.ints(&[0]);
    let went = c.b.one(Op::Slice, &[went, zero, n, axis])?;
    Ok(vec![all, contents, empty, went])
}

/// The sizes that a shape operand says, [1] each.
fn sizes(c: &mut Call<'_>, shape: ValueId) -> Result<Vec<ValueId>> {
    (0..c.known_dim(shape, 0)?).map(|i| f::element(c.b, shape, i)).collect()
}

/// The number of every element of a tensor of these sizes.
fn numbers(c: &mut Call<'_>, indices: ValueId, sizes: &[ValueId]) -> Result<ValueId> {
    let steps = rows::strides(c, sizes)?;
    let steps = match steps.as_slice() {
        [] => return Err(c.unsupported("a sparse tensor has dimensions")),
        &[one] => one,
        _ => c.b.concat(&steps, 0)?,
    };
    let parts = c.b.binary(BinaryOp::Mul, indices, steps)?;
    c.b.reduce(ReduceKind::Sum, parts, &[1], false)
}

/// (indices, shape, new shape) → indices and the shape in numbers.
fn reshape(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [indices, from, to] = c.three()?;
    let (from, to) = (c.b.cast(from, DType::I64)?, c.b.cast(to, DType::I64)?);
    let own = sizes(c, from)?;
    let place = numbers(c, indices, &own)?;
    let shape = match c.opt_ints(2)? {
        Some(known) if known.iter().all(|n| *n >= 0) => to,
        _ => {
            // One size may be −1: what is left of all elements. No product of the others is 0 then.
            let whole = c.b.reduce(ReduceKind::Prod, from, &[0], true)?;
            let open = f::below(c.b, to, 0.0)?;
            let one = c.b.scalar_like(to, 1.0);
            let given = c.b.choose(open, one, to)?;
            let part = c.b.reduce(ReduceKind::Prod, given, &[0], true)?;
            let part = c.b.binary_scalar(BinaryOp::Max, part, 1.0)?;
            let rest = c.b.binary(BinaryOp::Div, whole, part)?;
            c.b.choose(open, rest, to)?
        }
    };
    let new = sizes(c, shape)?;
    let columns = rows::coordinates(c, place, &new)?;
    Ok(vec![f::stack(c.b, &columns, 1)?, shape])
}

/// (indices, values, shape) → indices and values in the order of the elements.
fn reorder(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [indices, values, shape] = c.three()?;
    let own = sizes(c, shape)?;
    let place = numbers(c, indices, &own)?;
    let order = rows::order(c, place)?;
    let indices = c.b.one(Op::Gather { axis: 0 }, &[indices, order])?;
    Ok(vec![indices, c.b.one(Op::Gather { axis: 0 }, &[values, order])?])
}

/// (indices, values, shape, b): the rows of `b` that the columns of the sparse matrix name, times its elements, added up
/// by its rows.
fn dense_product(c: &mut Call<'_>) -> Result<ValueId> {
    let [indices, values, shape] = c.three()?;
    let mut b = c.input(3)?;
    let turned = c.bool_or("adjoint_a", false)?;
    if c.bool_or("adjoint_b", false)? {
        b = f::transposed(c.b, b)?;
    }
    let indices = c.b.cast(indices, DType::I64)?;
    let (row, inner) = (column(c, indices, usize::from(turned))?, column(c, indices, usize::from(!turned))?);
    let lines = c.b.one(Op::Gather { axis: 0 }, &[b, inner])?;
    let factors = c.b.unsqueeze(values, &[1])?;
    let parts = c.b.binary(BinaryOp::Mul, lines, factors)?;
    let shape = c.b.cast(shape, DType::I64)?;
    let (n, width) = (f::element(c.b, shape, usize::from(turned))?, c.b.dim(b, 1)?);
    let size = c.b.concat(&[n, width], 0)?;
    let zero = c.b.scalar_like(parts, 0.0);
    let blank = c.b.one(Op::Expand, &[zero, size])?;
    let at = c.b.unsqueeze(row, &[1])?;
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::Add }, &[blank, at, parts])
}

/// (a, b), whose last axes are sets → the sparse tensor of the sets that come of each pair, sorted.
fn set_operation(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [a, b] = c.pair()?;
    let dtype = c.b.dtype(a);
    if super::driver::is_text(c.b, a) {
        return Err(c.unsupported("strings are not computed with"));
    }
    let kind = c.str_or("set_operation", "")?.to_owned();
    let mut lead = Vec::new();
    for axis in 0..c.b.rank(a).saturating_sub(1) {
        lead.push(c.b.dim(a, axis)?);
    }
    let mut flat = Vec::with_capacity(2);
    for v in [a, b] {
        let v = c.b.cast(v, DType::I64)?;
        let last = c.b.rank(v).saturating_sub(1);
        flat.push(f::reshape(c.b, v, &[f::From::Size(-1), f::From::Dim(v, last)])?);
    }
    let [a, b] = f::two(&flat)?;
    let (all, others) = match kind.as_str() {
        "a-b" => (a, Some((b, false))),
        "b-a" => (b, Some((a, false))),
        "intersection" => (a, Some((b, true))),
        "union" => (c.b.concat(&[a, b], 1)?, None),
        other => return Err(c.bad_value("set_operation", "a-b, b-a, intersection or union", other)),
    };
    let n = c.b.dim(all, 1)?;
    let [sorted, _] = f::top(c.b, all, n, false)?;
    let mut kept = first_of_equals(c, sorted)?;
    if let Some((others, wanted)) = others {
        let (own, other) = (c.b.unsqueeze(sorted, &[2])?, c.b.unsqueeze(others, &[1])?);
        let same = c.b.binary(BinaryOp::Equal, own, other)?;
        let same = c.b.cast(same, DType::I32)?;
        let hits = c.b.reduce(ReduceKind::Sum, same, &[2], false)?;
        let missing = f::is_zero(c.b, hits)?;
        let fits = if wanted { c.b.unary(UnaryOp::Not, missing)? } else { missing };
        kept = c.b.binary(BinaryOp::And, kept, fits)?;
    }
    let [group, place, values, longest] = chosen(c, sorted, kept)?;
    let mut columns = rows::coordinates(c, group, &lead)?;
    columns.push(place);
    lead.push(longest);
    Ok(vec![f::stack(c.b, &columns, 1)?, c.b.cast(values, dtype)?, c.b.concat(&lead, 0)?])
}

/// Whether an element of a sorted row differs from the one before it.
fn first_of_equals(c: &mut Call<'_>, sorted: ValueId) -> Result<ValueId> {
    let n = c.b.dim(sorted, 1)?;
    let at = f::count_to(c.b, n)?;
    let start = f::is_zero(c.b, at)?;
    let before = c.b.binary_scalar(BinaryOp::Sub, at, 1.0)?;
    let before = c.b.binary_scalar(BinaryOp::Max, before, 0.0)?;
    let before = c.b.one(Op::Gather { axis: 1 }, &[sorted, before])?;
    let new = f::differs(c.b, sorted, before)?;
    c.b.binary(BinaryOp::Or, new, start)
}

/// Elements of a matrix that are kept: their rows, their places among those of the row, the elements, and how many the
/// row with the most has ([1]).
pub(super) fn chosen(c: &mut Call<'_>, x: ValueId, kept: ValueId) -> Result<[ValueId; 4]> {
    let places = c.b.one(Op::NonZero, &[kept])?;
    let places = c.b.transpose(places, &[1, 0])?;
    let one_each = c.b.cast(kept, DType::I64)?;
    let before = c.b.one(Op::CumSum { axis: 1, exclusive: true, reverse: false }, &[one_each])?;
    let place = c.b.one(Op::GatherNd { batch_dims: 0 }, &[before, places])?;
    let values = c.b.one(Op::GatherNd { batch_dims: 0 }, &[x, places])?;
    let counts = c.b.reduce(ReduceKind::Sum, one_each, &[1], false)?;
    Ok([column(c, places, 0)?, place, values, rows::longest(c, counts)?])
}
