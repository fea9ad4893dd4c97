//! Ragged tensors in the parts that they are in a graph: row splits and values (`core/ops/ragged_*_ops.cc`,
//! `core/kernels/ragged_*.cc`).

use super::call::Call;
use super::formula as f;
use super::rows::{self, Level};
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ScatterReduction, UnaryOp};
use modelport_ir::{Attr, DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row_many("RaggedRange", range),
    row_many("RaggedGather", gather),
    row("RaggedTensorToTensor", to_tensor),
    row_many("RaggedTensorToSparse", to_sparse),
];

/// (starts, limits, deltas), each a number or a vector → splits, and the numbers of each row.
fn range(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let mut ends = Vec::with_capacity(3);
    let dtype = c.b.dtype(c.x()?);
    for v in c.three()? {
        let v = if dtype.is_int() { c.b.cast(v, DType::I64)? } else { v };
        ends.push(if c.b.rank(v) == 0 { c.b.reshape(v, &[1])? } else { v });
    }
    let &[start, limit, delta] = ends.as_slice() else { return Err(c.unsupported("it has three operands")) };
    let span = c.b.binary(BinaryOp::Sub, limit, start)?;
    let lengths = if dtype.is_int() {
        // Division truncates: one step less one is added to round up.
        let sign = c.b.unary(UnaryOp::Sign, delta)?;
        let more = c.b.binary(BinaryOp::Sub, delta, sign)?;
        let span = c.b.binary(BinaryOp::Add, span, more)?;
        c.b.binary(BinaryOp::Div, span, delta)?
    } else {
        let steps = c.b.binary(BinaryOp::Div, span, delta)?;
        let steps = c.b.unary(UnaryOp::Ceil, steps)?;
        c.b.cast(steps, DType::I64)?
    };
    let lengths = c.b.binary_scalar(BinaryOp::Max, lengths, 0.0)?;
    let splits = rows::splits(c, lengths)?;
    let level = rows::level(c, splits)?;
    let all = f::shape_of(c.b, lengths)?;
    let mut own = Vec::with_capacity(2);
    for v in [start, delta] {
        let v = c.b.one(Op::Expand, &[v, all])?;
        own.push(c.b.one(Op::Gather { axis: 0 }, &[v, level.row])?);
    }
    let [start, delta] = f::two(&own)?;
    let step = c.b.cast(level.column, c.b.dtype(delta))?;
    let moved = c.b.binary(BinaryOp::Mul, step, delta)?;
    let values = c.b.binary(BinaryOp::Add, start, moved)?;
    let to = c.dtype_or("Tsplits", DType::I64)?;
    Ok(vec![c.b.cast(splits, to)?, c.b.cast(values, dtype)?])
}

/// The number of splits that an attribute says, which the operands must be enough for.
fn ragged_rank(c: &Call<'_>, name: &str, most: usize) -> Result<usize> {
    let n = c.int_or(name, 1)?;
    usize::try_from(n)
        .ok()
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| c.bad_value(name, &format!("1 to {most}"), &n.to_string()))
}

/// (splits…, values, indices) → splits and values of the rows at the indices, which may have several dimensions.
fn gather(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let deep = ragged_rank(c, "PARAMS_RAGGED_RANK", c.inputs.len().saturating_sub(2))?;
    let (values, at) = (c.input(deep)?, c.input(deep + 1)?);
    let to = c.dtype_or("Tsplits", DType::I64)?;
    let at = c.b.cast(at, DType::I64)?;
    let mut out = Vec::new();
    // Dimensions of the indices before the last are rows of equal lengths.
    let mut count = c.b.ints(&[1]);
    for axis in 1..c.b.rank(at) {
        let (own, inner) = (c.b.dim(at, axis - 1)?, c.b.dim(at, axis)?);
        count = c.b.binary(BinaryOp::Mul, count, own)?;
        let ends = c.b.binary_scalar(BinaryOp::Add, count, 1.0)?;
        let ends = f::count_to(c.b, ends)?;
        let splits = c.b.binary(BinaryOp::Mul, ends, inner)?;
        out.push(c.b.cast(splits, to)?);
    }
    // Of a single row only what it holds is left.
    let single = c.b.rank(at) == 0;
    let mut places = f::ravel(c.b, at)?;
    for i in 0..deep {
        let splits = c.input(i)?;
        let splits = c.b.cast(splits, DType::I64)?;
        let next = c.b.binary_scalar(BinaryOp::Add, places, 1.0)?;
        let start = c.b.one(Op::Gather { axis: 0 }, &[splits, places])?;
        let end = c.b.one(Op::Gather { axis: 0 }, &[splits, next])?;
        let lengths = c.b.binary(BinaryOp::Sub, end, start)?;
        let own = rows::splits(c, lengths)?;
        let level = rows::level(c, own)?;
        let start = c.b.one(Op::Gather { axis: 0 }, &[start, level.row])?;
        places = c.b.binary(BinaryOp::Add, start, level.column)?;
        if !(single && i == 0) {
            out.push(c.b.cast(own, to)?);
        }
    }
    out.push(c.b.one(Op::Gather { axis: 0 }, &[values, places])?);
    Ok(out)
}

/// The number of rows, and the levels that row partitions describe.
fn partitions(c: &mut Call<'_>) -> Result<(ValueId, Vec<Level>)> {
    let kinds: Vec<String> = match c.op.attr("row_partition_types").and_then(Attr::as_list) {
        Some(list) => list.iter().filter_map(|a| a.as_str().map(str::to_owned)).collect(),
        None => Vec::new(),
    };
    let (mut count, mut levels) = (None, Vec::new());
    for (i, kind) in kinds.iter().enumerate() {
        let part = c.input(3 + i)?;
        let part = c.b.cast(part, DType::I64)?;
        let parents = levels.last().map(|l: &Level| l.row);
        match (kind.as_str(), i) {
            ("FIRST_DIM_SIZE", 0) => count = Some(f::long_vector(c.b, part)?),
            ("ROW_SPLITS", _) => {
                let level = rows::level(c, part)?;
                count = Some(count.unwrap_or(level.parents));
                levels.push(level);
            }
            ("VALUE_ROWIDS", 1..) => {
                let parents = match parents {
                    Some(above) => c.b.dim(above, 0)?,
                    None => count.ok_or_else(|| c.unsupported("the number of rows is missing"))?,
                };
                levels.push(rows::of_ids(c, part, parents)?);
            }
            _ => {
                return Err(c.bad_value("row_partition_types", "ROW_SPLITS, or FIRST_DIM_SIZE and VALUE_ROWIDS", kind));
            }
        }
    }
    match count {
        Some(count) if !levels.is_empty() => Ok((count, levels)),
        _ => Err(c.bad_value("row_partition_types", "a partition of rows", &format!("{kinds:?}"))),
    }
}

/// One outer dimension of the dense result.
struct Size {
    size: ValueId,
    /// Whether it is asked for, so that rows may be longer.
    cuts: bool,
}

/// The size of dimension `axis`: what `wanted` says, or where that is −1, what there is.
fn size(c: &mut Call<'_>, wanted: ValueId, known: Option<&[i64]>, axis: usize, there: ValueId) -> Result<Size> {
    if c.b.rank(wanted) == 0 {
        return Ok(Size { size: there, cuts: false });
    }
    match known.map(|k| k.get(axis).copied().unwrap_or(-1)) {
        Some(n) if n < 0 => Ok(Size { size: there, cuts: false }),
        Some(n) => Ok(Size { size: c.b.ints(&[n]), cuts: true }),
        None => {
            let own = f::element(c.b, wanted, axis)?;
            let open = f::below(c.b, own, 0.0)?;
            Ok(Size { size: c.b.choose(open, there, own)?, cuts: true })
        }
    }
}

/// (shape, values, default, partitions…): rows padded to equal lengths, or cut to the shape asked for.
fn to_tensor(c: &mut Call<'_>) -> Result<ValueId> {
    let [wanted, values, default] = c.three()?;
    let (count, levels) = partitions(c)?;
    let known = c.opt_ints(0)?;
    let wanted = c.b.cast(wanted, DType::I64)?;
    if let Some(known) = known.as_ref().filter(|_| c.b.rank(wanted) == 1)
        && known.len() != levels.len() + c.b.rank(values)
    {
        return Err(c.unsupported("the shape does not fit the values").found(format!("{known:?}")));
    }
    let mut sizes = vec![size(c, wanted, known.as_deref(), 0, count)?];
    for (i, level) in levels.iter().enumerate() {
        sizes.push(size(c, wanted, known.as_deref(), i + 1, level.longest)?);
    }
    let (cell, inside) = cells(c, &sizes, &levels)?;
    let mut total = c.b.ints(&[1]);
    for s in &sizes {
        total = c.b.binary(BinaryOp::Mul, total, s.size)?;
    }
    // What is cut off goes to a cell behind all others.
    let (cell, room) = match inside {
        None => (cell, total),
        Some(inside) => (c.b.choose(inside, cell, total)?, c.b.binary_scalar(BinaryOp::Add, total, 1.0)?),
    };
    let inner = if c.b.rank(values) > 1 { Some(c.b.one(Op::Shape { start: 1, end: None }, &[values])?) } else { None };
    let with_inner = |c: &mut Call<'_>, mut outer: Vec<ValueId>| {
        outer.extend(inner);
        if let &[one] = outer.as_slice() { Ok(one) } else { c.b.concat(&outer, 0) }
    };
    let shape = with_inner(c, vec![room])?;
    let blank = c.b.one(Op::Expand, &[default, shape])?;
    let tuples = c.b.unsqueeze(cell, &[1])?;
    let mut y = c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[blank, tuples, values])?;
    if inside.is_some() {
        let (zero, axis) = (c.b.ints(&[0]), c.b.ints(&[0]));
        y = c.b.one(Op::Slice, &[y, zero, total, axis])?;
    }
    let shape = with_inner(c, sizes.iter().map(|s| s.size).collect())?;
    // Rows may all be empty.
    c.b.one(Op::Reshape { allow_zero: true }, &[y, shape])
}

/// The cell of every value in the dense result, and whether it has one, where that is in question.
fn cells(c: &mut Call<'_>, sizes: &[Size], levels: &[Level]) -> Result<(ValueId, Option<ValueId>)> {
    let mut above: Option<(ValueId, Option<ValueId>)> = None;
    for (i, level) in levels.iter().enumerate() {
        let (Some(own), Some(outer)) = (sizes.get(i + 1), sizes.first()) else { continue };
        let (row, mut inside) = match above {
            None if outer.cuts => (level.row, Some(c.b.binary(BinaryOp::Less, level.row, outer.size)?)),
            None => (level.row, None),
            Some((cell, inside)) => {
                let inside = inside.map(|v| c.b.one(Op::Gather { axis: 0 }, &[v, level.row])).transpose()?;
                (c.b.one(Op::Gather { axis: 0 }, &[cell, level.row])?, inside)
            }
        };
        if own.cuts {
            let fits = c.b.binary(BinaryOp::Less, level.column, own.size)?;
            inside = Some(match inside {
                Some(v) => c.b.binary(BinaryOp::And, v, fits)?,
                None => fits,
            });
        }
        let start = c.b.binary(BinaryOp::Mul, row, own.size)?;
        above = Some((c.b.binary(BinaryOp::Add, start, level.column)?, inside));
    }
    above.ok_or_else(|| c.unsupported("there are no partitions"))
}

/// (splits…, values) → indices, values and shape of a sparse tensor.
fn to_sparse(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let deep = ragged_rank(c, "RAGGED_RANK", c.inputs.len().saturating_sub(1))?;
    let values = c.input(deep)?;
    let (mut columns, mut sizes) = (Vec::new(), Vec::new());
    for i in 0..deep {
        let splits = c.input(i)?;
        let splits = c.b.cast(splits, DType::I64)?;
        let level = rows::level(c, splits)?;
        if i == 0 {
            columns.push(level.row);
            sizes.push(level.parents);
        } else {
            for v in &mut columns {
                *v = c.b.one(Op::Gather { axis: 0 }, &[*v, level.row])?;
            }
        }
        columns.push(level.column);
        sizes.push(level.longest);
    }
    if c.b.rank(values) > 1 {
        // Every number in a value is an element.
        let mut all = Vec::new();
        for axis in 0..c.b.rank(values) {
            all.push(c.b.dim(values, axis)?);
        }
        let count = c.b.one(Op::Size, &[values])?;
        let k = f::count_to(c.b, count)?;
        let mut places = rows::coordinates(c, k, &all)?.into_iter();
        if let Some(own) = places.next() {
            for v in &mut columns {
                *v = c.b.one(Op::Gather { axis: 0 }, &[*v, own])?;
            }
        }
        columns.extend(places);
        sizes.extend(all.into_iter().skip(1));
    }
    let indices = f::stack(c.b, &columns, 1)?;
    let values = f::ravel(c.b, values)?;
    Ok(vec![indices, values, c.b.concat(&sizes, 0)?])
}
