//! Writing elements at indices along an axis.

use super::call::Call;
use super::pieces::range_of;
use super::sizes::Size;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::ScatterReduction;
use modelport_ir::{Op, ValueId};

pub(super) const ROWS: &[Row] = &[
    row("aten::index_copy", |c| index_rows(c, ScatterReduction::None, "source")),
    row("aten::index_add", |c| index_rows(c, ScatterReduction::Add, "source")),
    row("aten::index_fill", index_fill),
    row("aten::scatter", scatter),
    row("aten::scatter_add", |c| scattered(c, ScatterReduction::Add)),
    row("aten::scatter_reduce", scatter_reduce),
];

/// An index vector along an axis, spread over all others.
pub(super) fn spread_index(c: &mut Call<'_>, x: ValueId, at: ValueId, axis: usize) -> Result<ValueId> {
    let mut dims = vec![1i64; c.rank(x)];
    if let Some(slot) = dims.get_mut(axis) {
        *slot = -1;
    }
    let at = c.b.reshape(at, &dims)?;
    let mut sizes = c.dims(x)?;
    if let Some(slot) = sizes.get_mut(axis) {
        *slot = Size::Known(1);
    }
    let shape = c.vector(&sizes)?;
    c.b.one(Op::Expand, &[at, shape])
}

fn index_rows(c: &mut Call<'_>, reduction: ScatterReduction, source: &str) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    let source = c.tensor(source)?;
    let source = c.b.cast(source, c.b.dtype(x))?;
    let source = if reduction == ScatterReduction::Add { super::binary::scaled(c, source, "alpha")? } else { source };
    let axis = c.axis("dim", c.rank(x))?;
    let at = spread_index(c, x, at, axis)?;
    c.b.one(Op::ScatterElements { axis: axis as i64, reduction }, &[x, at, source])
}

fn index_fill(c: &mut Call<'_>) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    let value = c.tensor("value")?;
    let value = c.b.cast(value, c.b.dtype(x))?;
    let axis = c.axis("dim", c.rank(x))?;
    let at = spread_index(c, x, at, axis)?;
    let shape = c.shape(at)?;
    let value = c.b.one(Op::Expand, &[value, shape])?;
    c.b.one(Op::ScatterElements { axis: axis as i64, reduction: ScatterReduction::None }, &[x, at, value])
}

/// PyTorch reads as much of the source as there are indices.
fn scattered(c: &mut Call<'_>, reduction: ScatterReduction) -> Result<ValueId> {
    let (x, at) = (c.tensor("self")?, c.tensor("index")?);
    let axis = c.axis("dim", c.rank(x))?;
    let value = if c.arg("src").is_some() { c.tensor("src")? } else { c.tensor("value")? };
    let value = c.b.cast(value, c.b.dtype(x))?;
    if c.rank(x) == 0 {
        return Ok(value);
    }
    let updates = if c.rank(value) == 0 {
        let shape = c.shape(at)?;
        c.b.one(Op::Expand, &[value, shape])?
    } else {
        let mut updates = value;
        for i in 0..c.rank(at) {
            let n = c.dim(at, i)?;
            if c.dim(updates, i)? != n {
                updates = range_of(c, updates, i, Size::Known(0), n, 1)?;
            }
        }
        updates
    };
    c.b.one(Op::ScatterElements { axis: axis as i64, reduction }, &[x, at, updates])
}

fn scatter(c: &mut Call<'_>) -> Result<ValueId> {
    let reduction = match c.opt_str("reduce")? {
        None => ScatterReduction::None,
        Some("add") => ScatterReduction::Add,
        Some("multiply") => ScatterReduction::Mul,
        Some(_) => return Err(c.bad("reduce", "'add' or 'multiply'")),
    };
    scattered(c, reduction)
}

fn scatter_reduce(c: &mut Call<'_>) -> Result<ValueId> {
    let reduction = match c.opt_str("reduce")? {
        Some("sum") => ScatterReduction::Add,
        Some("prod") => ScatterReduction::Mul,
        Some("amax") => ScatterReduction::Max,
        Some("amin") => ScatterReduction::Min,
        _ => return Err(c.unsupported("only 'sum', 'prod', 'amax' and 'amin' are converted")),
    };
    if !c.flag("include_self")? {
        return Err(c.unsupported("include_self=False is not converted"));
    }
    scattered(c, reduction)
}
