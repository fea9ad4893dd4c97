//! Keras 3 operations that turn, split and cut windows, and that fewer models use (keras/src/ops/{numpy,math}.py and
//! keras/src/backend/tensorflow/{numpy,math}.py, 3.15.1).
//!
//! Owns: turns, pieces, neighbours, windows. Must never know: how arguments stand in the file.

use super::call::Call;
use super::operations::x as operand;
use super::operations_args as args;
use super::operations_core::{self as core, Pieces};
use super::operations_shape::{list, split_along};
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::{Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("Diff", diff),
    row("Dstack", |c| {
        let mut parts = list(c)?;
        for p in &mut parts {
            *p = match c.b.rank(*p) {
                0 => c.b.reshape(*p, &[1, 1, 1])?,
                1 => c.b.unsqueeze(*p, &[0, 2])?,
                2 => c.b.unsqueeze(*p, &[2])?,
                _ => *p,
            };
        }
        c.b.concat(&parts, 2)
    }),
    row("Fliplr", |c| {
        let x = operand(c)?;
        c.b.flipped(x, &[1])
    }),
    row("Flipud", |c| {
        let x = operand(c)?;
        c.b.flipped(x, &[0])
    }),
    row("Rot90", |c| {
        let x = args::value(c, 0, "array")?;
        let (k, axes) = (c.int_or("k", 1)?, c.opt_ints("axes")?.unwrap_or_else(|| vec![0, 1]));
        match *c.axes_of("axes", &axes, c.b.rank(x))?.as_slice() {
            [a, b] if a != b && k.rem_euclid(4) == 2 && !same(c, x, [a, b]) => half_turn(c, x, [a, b]),
            [a, b] if a != b => c.b.turned(x, k, [a, b]),
            _ => Err(c.bad_argument("axes", "two different axes", &format!("{axes:?}"))),
        }
    }),
    row_many("ArraySplit", array_split),
    row_many("Vsplit", |c| split_along(c, 0)),
    row_many("Hsplit", |c| {
        let x = operand(c)?;
        split_along(c, i64::from(c.b.rank(x) > 1))
    }),
    row_many("Dsplit", |c| split_along(c, 2)),
    row("ExtractSequences", sequences),
];

fn diff(c: &mut Call<'_>) -> Result<ValueId> {
    let x = args::value(c, 0, "a")?;
    let (n, rank) = (c.int_or("n", 1)?, c.b.rank(x));
    if !(0..=64).contains(&n) {
        return Err(c.bad_argument("n", "a number from 0 to 64", &n.to_string()));
    }
    let axis = c.axis_of("axis", c.int_or("axis", -1)?, rank)?;
    c.b.differences(x, axis, n)
}

/// Whether two axes have one size.
fn same(c: &Call<'_>, x: ValueId, [a, b]: [usize; 2]) -> bool {
    matches!((c.b.shape(x).get(a), c.b.shape(x).get(b)), (Some(a), Some(b)) if a.same(b))
}

/// Two quarters of what is not square: Keras reads what the first one gives in the shape that it had before, and so what the
/// second one gives.
fn half_turn(c: &mut Call<'_>, x: ValueId, [a, b]: [usize; 2]) -> Result<ValueId> {
    let perm: Vec<usize> = (0..c.b.rank(x)).filter(|i| *i != a && *i != b).chain([a, b]).collect();
    let mut back = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        if let Some(slot) = back.get_mut(p) {
            *slot = i;
        }
    }
    let mut y = c.b.transpose(x, &perm)?;
    let shape = c.b.one(Op::Shape { start: 0, end: None }, &[y])?;
    let (row, column) = (perm.len().saturating_sub(2), perm.len().saturating_sub(1));
    for _ in 0..2 {
        let turned = c.b.turned(y, 1, [row, column])?;
        y = c.b.one(Op::Reshape { allow_zero: false }, &[turned, shape])?;
    }
    c.b.transpose(y, &back)
}

/// Pieces of nearly one size: the first ones have one element more.
fn array_split(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = operand(c)?;
    let (axis, k) = (c.int_or("axis", 0)?, c.size("indices_or_sections")?);
    let at = c.axis_of("axis", axis, c.b.rank(x))?;
    let n = c.known_dim(x, at)?;
    if k > 1 << 16 {
        return Err(c.bad_argument("indices_or_sections", "at most 65536 pieces", &k.to_string()));
    }
    let sizes = (0..k).map(|i| (n / k + usize::from(i < n % k)) as i64).collect();
    core::split(c.b, x, Pieces::Sizes(sizes), axis)
}

/// Windows along the last axis; those that do not fit are left out.
fn sequences(c: &mut Call<'_>) -> Result<ValueId> {
    let x = operand(c)?;
    let (size, step) = (c.size("sequence_length")?, c.size("sequence_stride")?);
    let axis = c.b.rank(x).saturating_sub(1);
    let n = c.known_dim(x, axis)?;
    let count = n.checked_sub(size).map_or(0, |rest| rest / step + 1);
    if count.saturating_mul(size) > 1 << 24 {
        return Err(c.unsupported("there are too many windows").found(count.to_string()));
    }
    c.b.windows(x, axis, [count, size, step])
}
