//! Writing elements and rows by index (`core/ops/array_ops.cc`, `data_flow_ops.cc`, `sparse_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, ReduceKind, ScatterReduction, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("ScatterNd", scatter_nd),
    row("TensorScatterUpdate", |c| scatter(c, ScatterReduction::None)),
    row("TensorScatterAdd", |c| scatter(c, ScatterReduction::Add)),
    row("ScatterNdNonAliasingAdd", |c| scatter(c, ScatterReduction::Add)),
    row("TensorScatterSub", subtract),
    row("TensorScatterMax", |c| scatter(c, ScatterReduction::Max)),
    row("TensorScatterMin", |c| scatter(c, ScatterReduction::Min)),
    row("SparseToDense", sparse_to_dense),
    row("DynamicStitch", stitch),
    row("ParallelDynamicStitch", stitch),
    row_many("DynamicPartition", partition),
];

/// Bool has no kernels that scatter: through i32.
fn through_numbers(c: &mut Call<'_>, op: Op, x: ValueId, at: ValueId, updates: ValueId) -> Result<ValueId> {
    let at = c.b.cast(at, DType::I64)?;
    c.b.one(op, &[x, at, updates])
}

/// (indices, updates, shape): zeros, with updates of the same element summed.
fn scatter_nd(c: &mut Call<'_>) -> Result<ValueId> {
    let [at, updates, shape] = c.three()?;
    let shape = f::long_vector(c.b, shape)?;
    let at = c.b.cast(at, DType::I64)?;
    c.b.scattered(at, updates, shape)
}

/// (x, indices, updates)
fn scatter(c: &mut Call<'_>, reduction: ScatterReduction) -> Result<ValueId> {
    let [x, at, updates] = c.three()?;
    through_numbers(c, Op::ScatterNd { reduction }, x, at, updates)
}

fn subtract(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, at, updates] = c.three()?;
    let negated = c.b.unary(UnaryOp::Neg, updates)?;
    through_numbers(c, Op::ScatterNd { reduction: ScatterReduction::Add }, x, at, negated)
}

/// (indices, shape, values, default): indices are one number, a list for a vector, or a list of tuples.
fn sparse_to_dense(c: &mut Call<'_>) -> Result<ValueId> {
    let [at, shape, mut values] = c.three()?;
    let default = c.input(3)?;
    let shape = f::long_vector(c.b, shape)?;
    let default = f::scalar(c.b, default)?;
    let blank = c.b.one(Op::Expand, &[default, shape])?;
    let at = c.b.cast(at, DType::I64)?;
    let tuples = match c.b.rank(at) {
        0 => c.b.reshape(at, &[1, 1])?,
        1 => c.b.unsqueeze(at, &[1])?,
        _ => at,
    };
    if c.b.rank(values) == 0 {
        let n = c.b.dim(tuples, 0)?;
        values = c.b.one(Op::Expand, &[values, n])?;
    }
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[blank, tuples, values])
}

/// (indices…, data…): row i of the result is the row that the last i among the indices stands beside.
fn stitch(c: &mut Call<'_>) -> Result<ValueId> {
    let n = c.inputs.len() / 2;
    let (places, data) =
        c.inputs.clone().split_at_checked(n).map(|(a, b)| (a.to_vec(), b.to_vec())).unwrap_or_default();
    let (mut flat_places, mut flat_data) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for (&at, &x) in places.iter().zip(&data) {
        let lead = c.b.rank(at);
        let long = c.b.cast(at, DType::I64)?;
        flat_places.push(f::ravel(c.b, long)?);
        flat_data.push(rows(c, x, lead)?);
    }
    let join = |c: &mut Call<'_>, parts: &[ValueId]| match parts {
        &[one] => Ok(one),
        [] => Err(c.unsupported("there is nothing to stitch")),
        _ => c.b.concat(parts, 0),
    };
    let (at, x) = (join(c, &flat_places)?, join(c, &flat_data)?);
    if let Some(order) = c.b.as_constant(at).map(Tensor::to_i64s).transpose()?
        && let Some(rows) = last_places(&order)
    {
        let rows = c.b.ints(&rows);
        return c.b.one(Op::Gather { axis: 0 }, &[x, rows]);
    }
    let most = c.b.reduce(ReduceKind::Max, at, &[0], true)?;
    let count = c.b.binary_scalar(BinaryOp::Add, most, 1.0)?;
    let tail = c.b.one(Op::Shape { start: 1, end: None }, &[x])?;
    let shape = c.b.concat(&[count, tail], 0)?;
    let zero = c.b.scalar_like(x, 0.0);
    let blank = c.b.one(Op::Expand, &[zero, shape])?;
    let tuples = c.b.unsqueeze(at, &[1])?;
    c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[blank, tuples, x])
}

/// Which element of the list says i last, for every i up to the largest; `None` when one is missing.
fn last_places(order: &[i64]) -> Option<Vec<i64>> {
    let n = usize::try_from(order.iter().max()?.checked_add(1)?).ok().filter(|&n| n <= order.len())?;
    let mut rows = vec![-1; n];
    for (row, &i) in order.iter().enumerate() {
        *rows.get_mut(usize::try_from(i).ok()?)? = row as i64;
    }
    rows.iter().all(|&r| r >= 0).then_some(rows)
}

/// The first `lead` dimensions as one.
pub(super) fn rows(c: &mut Call<'_>, x: ValueId, lead: usize) -> Result<ValueId> {
    match lead {
        0 => c.b.unsqueeze(x, &[0]),
        1 => Ok(x),
        _ => {
            let mut dims = vec![f::From::Size(-1)];
            dims.extend((lead..c.b.rank(x)).map(|a| f::From::Dim(x, a)));
            f::reshape(c.b, x, &dims)
        }
    }
}

/// (data, partitions): the rows of each partition, in order.
fn partition(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, parts] = c.pair()?;
    let n = c.int_or("num_partitions", 0)?;
    if !(1..=1 << 16).contains(&n) {
        return Err(c.bad_value("num_partitions", "1 to 65536", &n.to_string()));
    }
    let lead = c.b.rank(parts);
    let parts = f::ravel(c.b, parts)?;
    let x = rows(c, x, lead)?;
    let mut out = Vec::new();
    for i in 0..n {
        let chosen = c.b.binary_scalar(BinaryOp::Equal, parts, i as f64)?;
        out.push(c.b.one(Op::Compress { axis: Some(0) }, &[x, chosen])?);
    }
    Ok(out)
}
