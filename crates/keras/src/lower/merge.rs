//! Merge layers (`keras/src/layers/merging`).

use super::call::Call;
use super::norm::l2_normalize;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Add", |c| merge(c, BinaryOp::Add)),
    row("Subtract", subtract),
    row("Multiply", |c| merge(c, BinaryOp::Mul)),
    row("Average", average),
    row("Maximum", |c| merge(c, BinaryOp::Max)),
    row("Minimum", |c| merge(c, BinaryOp::Min)),
    row("Concatenate", concatenate),
    row("Dot", dot),
];

/// The inputs in one dtype: floats stay as autocast made them, integers beside floats follow.
fn promoted(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    c.x()?;
    let values = c.values();
    let dtypes: Vec<DType> = values.iter().map(|&v| c.b.dtype(v)).collect();
    let float = dtypes.iter().copied().filter(|d| d.is_float()).max_by_key(|d| d.size());
    let to = float.or_else(|| dtypes.iter().copied().max_by_key(|d| d.size())).unwrap_or(DType::F32);
    values.into_iter().map(|v| c.b.cast(v, to)).collect()
}

/// Equal ranks: axes of 1 are put in after the batch axis.
fn ranked(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let values = promoted(c)?;
    let rank = values.iter().map(|&v| c.b.rank(v)).max().unwrap_or(0);
    let mut out = Vec::with_capacity(values.len());
    for v in values {
        let missing = rank - c.b.rank(v);
        let axes: Vec<i64> = (1..=missing as i64).collect();
        out.push(if missing == 0 { v } else { c.b.unsqueeze(v, &axes)? });
    }
    Ok(out)
}

/// The mask of an elementwise merge. Keras 3: a step counts if it does in any input, and an input without a mask makes
/// the result have none. The shim sets `@mask_merge` to `all` for files of Keras 1 and 2: a step counts if it does in
/// every input that has a mask.
fn merge_masks(c: &mut Call<'_>) -> Result<()> {
    let all = all_masks(c);
    let masks: Vec<ValueId> = c.inputs.iter().filter_map(|o| o.mask).collect();
    let Some((&first, rest)) = masks.split_first() else { return Ok(()) };
    if !all && masks.len() < c.inputs.len() {
        return Ok(());
    }
    let mut mask = first;
    for &m in rest {
        if m != mask {
            mask = c.b.binary(if all { BinaryOp::And } else { BinaryOp::Or }, mask, m)?;
        }
    }
    c.set_mask(0, Some(mask));
    Ok(())
}

fn all_masks(c: &Call<'_>) -> bool {
    c.op.attr("@mask_merge").and_then(modelport_ir::Attr::as_str) == Some("all")
}

fn merge(c: &mut Call<'_>, op: BinaryOp) -> Result<ValueId> {
    let values = ranked(c)?;
    merge_masks(c)?;
    let mut values = values.into_iter();
    let first = values.next().map_or_else(|| c.x(), Ok)?;
    values.try_fold(first, |y, v| c.b.binary(op, y, v))
}

fn subtract(c: &mut Call<'_>) -> Result<ValueId> {
    if c.inputs.len() != 2 {
        return Err(c.unsupported("takes exactly 2 inputs").found(c.inputs.len().to_string()));
    }
    merge(c, BinaryOp::Sub)
}

fn average(c: &mut Call<'_>) -> Result<ValueId> {
    let sum = merge(c, BinaryOp::Add)?;
    let to = c.compute_dtype();
    let sum = if c.b.dtype(sum).is_float() { sum } else { c.b.cast(sum, to)? };
    let n = c.inputs.len();
    if n == 1 { Ok(sum) } else { c.b.binary_scalar(BinaryOp::Div, sum, n as f64) }
}

fn concatenate(c: &mut Call<'_>) -> Result<ValueId> {
    let values = promoted(c)?;
    let rank = c.rank()?;
    let axis = c.axis_of("axis", c.int_or("axis", -1)?, rank)?;
    concatenated_mask(c, axis)?;
    match values.as_slice() {
        [one] => Ok(*one),
        _ => c.b.concat(&values, axis as i64),
    }
}

/// Joined along a masked axis, masks are joined too, an absent one being all true; along another axis they merge as
/// those of an elementwise merge do, but that an absent one counts as all true.
fn concatenated_mask(c: &mut Call<'_>, axis: usize) -> Result<()> {
    let Some(rank) = c.inputs.iter().find_map(|o| o.mask).map(|m| c.b.rank(m)) else { return Ok(()) };
    if axis >= rank {
        // Any mask joined with all true is all true: as good as none.
        let absent = c.inputs.iter().any(|o| o.mask.is_none());
        return if absent && !all_masks(c) { Ok(()) } else { merge_masks(c) };
    }
    let mut parts = Vec::new();
    for o in c.inputs.clone() {
        parts.push(match o.mask {
            Some(m) => m,
            None => {
                let shape = c.b.one(Op::Shape { start: 0, end: Some(rank as i64) }, &[o.value])?;
                let yes = c.b.constant("", Tensor::scalar(DType::Bool, 1.0));
                c.b.one(Op::Expand, &[yes, shape])?
            }
        });
    }
    let mask = c.b.concat(&parts, axis as i64)?;
    c.set_mask(0, Some(mask));
    Ok(())
}

/// A batched dot product over one axis of each: the result has the batch, the other axes of the first, those of the
/// second; never fewer than two axes.
fn dot(c: &mut Call<'_>) -> Result<ValueId> {
    let values = promoted(c)?;
    let [x, y] = values.as_slice() else {
        return Err(c.unsupported("takes exactly 2 inputs").found(values.len().to_string()));
    };
    let (mut x, mut y) = (*x, *y);
    let axes = c.ints("axes")?;
    let (&a, &b) = (axes.first().unwrap_or(&0), axes.last().unwrap_or(&0));
    let (a, b) = (c.axis_of("axes", a, c.b.rank(x))?, c.axis_of("axes", b, c.b.rank(y))?);
    if a == 0 || b == 0 {
        return Err(c.bad_argument("axes", "axes other than the batch axis", &format!("{axes:?}")));
    }
    if c.bool_or("normalize", false)? {
        x = l2_normalize(c.b, x, &[a as i64], 1e-12)?;
        y = l2_normalize(c.b, y, &[b as i64], 1e-12)?;
    }
    let (rank_x, rank_y) = (c.b.rank(x), c.b.rank(y));
    if rank_x + rank_y > 24 {
        return Err(c.unsupported("inputs have too many axes"));
    }
    // a = batch, z = the axis summed over, b… = the other axes of x, then those of y.
    let mut free = 'b'..'z';
    let mut label = |rank: usize, at: usize| -> (String, String) {
        let mut term = String::from("a");
        let mut kept = String::new();
        for axis in 1..rank {
            let l = if axis == at { 'z' } else { free.next().unwrap_or('?') };
            term.push(l);
            if axis != at {
                kept.push(l);
            }
        }
        (term, kept)
    };
    let (left, keep_left) = label(rank_x, a);
    let (right, keep_right) = label(rank_y, b);
    let y = c.b.one(Op::Einsum { equation: format!("{left},{right}->a{keep_left}{keep_right}") }, &[x, y])?;
    if rank_x == 2 && rank_y == 2 { c.b.unsqueeze(y, &[1]) } else { Ok(y) }
}
