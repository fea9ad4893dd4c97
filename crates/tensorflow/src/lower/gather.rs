//! Picking elements and rows by index (`core/ops/array_ops.cc`); the reader has made
//! gathering from variables the same.

use super::call::Call;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Gather", |c| {
        let [x, at] = c.pair()?;
        gather(c, x, at, 0, 0)
    }),
    row("GatherV2", |c| {
        let [x, at] = c.pair()?;
        let (axis, batch) = (c.int_operand(2, "axis")?, c.int_or("batch_dims", 0)?);
        gather(c, x, at, axis, batch)
    }),
    row("GatherNd", gather_nd),
];

/// Indices of a type that every runtime takes.
pub(super) fn indices(c: &mut Call<'_>, at: ValueId) -> Result<ValueId> {
    if matches!(c.b.dtype(at), DType::I32 | DType::I64) { Ok(at) } else { c.b.cast(at, DType::I64) }
}

fn gather(c: &mut Call<'_>, x: ValueId, at: ValueId, axis: i64, batch: i64) -> Result<ValueId> {
    let (rank, places) = (c.b.rank(x), c.b.rank(at));
    let axis = c.axis(axis, rank)?;
    let batch = if batch < 0 { batch.saturating_add(places as i64) } else { batch };
    let misfit = || c.bad_value("batch_dims", &format!("0 to {}", axis.min(places)), &batch.to_string());
    let batch = usize::try_from(batch).ok().filter(|&b| b <= axis && b <= places).ok_or_else(misfit)?;
    let at = indices(c, at)?;
    if batch == 0 {
        return c.b.one(Op::Gather { axis: axis as i64 }, &[x, at]);
    }
    let at = c.b.cast(at, DType::I64)?;
    // The axis comes right behind those that indices share: batch, axis, between, rest.
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.remove(axis);
    perm.insert(batch, axis);
    let moved = c.b.transpose(x, &perm)?;
    let tuples = c.b.unsqueeze(at, &[-1])?;
    let y = c.b.one(Op::GatherNd { batch_dims: batch }, &[moved, tuples])?;
    // batch, places, between, rest → batch, between, places, rest
    let (own, between) = (places - batch, axis - batch);
    let back = (0..batch)
        .chain(batch + own..batch + own + between)
        .chain(batch..batch + own)
        .chain(batch + own + between..c.b.rank(y));
    let back: Vec<usize> = back.collect();
    c.b.transpose(y, &back)
}

fn gather_nd(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, at] = c.pair()?;
    let at = c.b.cast(at, DType::I64)?;
    c.b.one(Op::GatherNd { batch_dims: 0 }, &[x, at])
}
