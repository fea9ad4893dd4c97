//! Padding (`core/ops/array_ops.cc`). Paddings are an operand: (before, after) for every axis.

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::PadMode;
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[row("Pad", pad), row("PadV2", pad), row("MirrorPad", mirror)];

/// Begins, then ends, as i64 vector.
fn widths(c: &mut Call<'_>) -> Result<ValueId> {
    let paddings = c.input(1)?;
    let rank = c.rank()?;
    if let Some(all) = c.opt_ints(1)? {
        let starts = all.iter().step_by(2);
        let widths: Vec<i64> = starts.chain(all.iter().skip(1).step_by(2)).copied().collect();
        return Ok(c.b.ints(&widths));
    }
    let long = c.b.cast(paddings, modelport_ir::DType::I64)?;
    let turned = c.b.transpose(long, &[1, 0])?;
    c.b.reshape(turned, &[2 * rank as i64])
}

fn pad(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let widths = widths(c)?;
    let value = match c.inputs.get(2) {
        Some(&v) => Some(f::scalar(c.b, v)?),
        None => None,
    };
    c.b.one_opt(Op::Pad { mode: PadMode::Constant }, &[Some(x), Some(widths), value])
}

fn mirror(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let symmetric = match c.str_or("mode", "REFLECT")? {
        "REFLECT" => false,
        "SYMMETRIC" => true,
        other => return Err(c.bad_value("mode", "REFLECT or SYMMETRIC", other)),
    };
    if !symmetric {
        let widths = widths(c)?;
        return c.b.one(Op::Pad { mode: PadMode::Reflect }, &[x, widths]);
    }
    let all = c.ints(1, "paddings")?;
    if all.iter().all(|&n| n <= 1) {
        let widths = widths(c)?;
        return c.b.one(Op::Pad { mode: PadMode::Edge }, &[x, widths]);
    }
    let mut y = x;
    for (axis, pair) in all.chunks_exact(2).enumerate() {
        let &[before, after] = pair else { continue };
        y = mirrored(c, y, axis as i64, before, after)?;
    }
    Ok(y)
}

/// The edge is repeated: the reversed start and the reversed end are joined to the value.
fn mirrored(c: &mut Call<'_>, x: ValueId, axis: i64, before: i64, after: i64) -> Result<ValueId> {
    let mut parts = Vec::with_capacity(3);
    if before > 0 {
        let head = c.b.slice_axis(x, axis, 0, before, 1)?;
        parts.push(c.b.flipped(head, &[axis])?);
    }
    parts.push(x);
    if after > 0 {
        let tail = c.b.slice_axis(x, axis, -after, i64::MAX, 1)?;
        parts.push(c.b.flipped(tail, &[axis])?);
    }
    if let [one] = parts.as_slice() { Ok(*one) } else { c.b.concat(&parts, axis) }
}
