//! `Slice` and `StridedSlice` with all of its masks (`core/util/strided_slice_op.cc` of TensorFlow 2.21 says what they
//! mean).

use super::call::Call;
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::core::BinaryOp;
use modelport_ir::infer::KnownInt;
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[row("Slice", slice), row("StridedSlice", strided)];

/// (x, begin, size); a size of −1 is all that is left.
fn slice(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, begin, size] = c.three()?;
    let (begin, size) = (f::long_vector(c.b, begin)?, f::long_vector(c.b, size)?);
    let known = |c: &Call<'_>, v| c.b.known(v).map(|k| k.0.clone());
    let rank = c.b.rank(x);
    let (starts, sizes) = (known(c, begin), known(c, size));
    let number = |all: &Option<Vec<KnownInt>>, i: usize| all.as_ref()?.get(i)?.value();
    let mut ends = Vec::with_capacity(rank);
    let mut whole = Vec::with_capacity(rank);
    for i in 0..rank {
        let (start, n) = (number(&starts, i), number(&sizes, i));
        let all = start == Some(0) && (n == Some(-1) || whole_axis(c, x, i, &sizes));
        whole.push(all);
        ends.push(match (start, n) {
            _ if all => c.b.ints(&[i64::MAX]),
            (_, Some(-1)) => c.b.ints(&[i64::MAX]),
            (Some(s), Some(n)) => c.b.ints(&[s.saturating_add(n)]),
            _ => {
                let (s, n) = (f::element(c.b, begin, i)?, f::element(c.b, size, i)?);
                let end = c.b.binary(BinaryOp::Add, s, n)?;
                match number(&sizes, i) {
                    Some(_) => end,
                    // The size may turn out to be −1.
                    None if sizes.as_ref().and_then(|k| k.get(i)).is_some_and(|k| matches!(k, KnownInt::Dim(_))) => end,
                    None => {
                        let rest = f::below(c.b, n, 0.0)?;
                        let most = c.b.ints(&[i64::MAX]);
                        c.b.choose(rest, most, end)?
                    }
                }
            }
        });
    }
    let axes: Vec<usize> = (0..rank).filter(|&i| !whole.get(i).copied().unwrap_or(false)).collect();
    let mut starts = Vec::with_capacity(axes.len());
    for &i in &axes {
        starts.push(f::element(c.b, begin, i)?);
    }
    let ends: Vec<ValueId> = axes.iter().filter_map(|&i| ends.get(i).copied()).collect();
    cut(c, x, &axes, &starts, &ends, &vec![1; axes.len()])
}

/// Whether the size that is asked for is that of the axis.
fn whole_axis(c: &Call<'_>, x: ValueId, axis: usize, sizes: &Option<Vec<KnownInt>>) -> bool {
    let want = sizes.as_ref().and_then(|k| k.get(axis)).map(KnownInt::to_dim);
    want.is_some_and(|w| c.b.shape(x).get(axis).is_some_and(|d| d.same(&w)))
}

/// Slices `axes`; starts and ends are i64[1] each.
fn cut(
    c: &mut Call<'_>,
    x: ValueId,
    axes: &[usize],
    starts: &[ValueId],
    ends: &[ValueId],
    steps: &[i64],
) -> Result<ValueId> {
    if axes.is_empty() {
        return Ok(x);
    }
    let join = |c: &mut Call<'_>, parts: &[ValueId]| match parts {
        &[one] => Ok(one),
        _ => c.b.concat(parts, 0),
    };
    let (starts, ends) = (join(c, starts)?, join(c, ends)?);
    let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let axes = c.b.ints(&axes);
    if steps.iter().all(|&s| s == 1) {
        return c.b.one(Op::Slice, &[x, starts, ends, axes]);
    }
    let steps = c.b.ints(steps);
    c.b.one(Op::Slice, &[x, starts, ends, axes, steps])
}

/// What becomes of one axis of the operand, or of one new axis.
enum Entry {
    /// Stays as it is.
    All,
    /// A new axis of 1.
    New,
    /// Entry `i` of the operands selects one element, and the axis disappears.
    Pick(usize),
    /// Entry `i` of the operands selects a range; whether each bound is open.
    Range(usize, bool, bool),
}

/// The masks, each a bit for every entry of the operands.
struct Masks {
    begin: i64,
    end: i64,
    ellipsis: i64,
    new_axis: i64,
    shrink: i64,
}

fn bit(mask: i64, i: usize) -> bool {
    i < 63 && mask >> i & 1 == 1
}

/// Entries in order; the ellipsis stands for the axes that nothing else takes.
fn entries(m: &Masks, n: usize, rank: usize) -> Option<Vec<Entry>> {
    let dots = (0..n).find(|&i| bit(m.ellipsis, i));
    let taken = (0..n).filter(|&i| Some(i) != dots && !bit(m.new_axis, i)).count();
    let rest = rank.checked_sub(taken)?;
    let mut out = Vec::new();
    for i in 0..n {
        if Some(i) == dots {
            out.extend((0..rest).map(|_| Entry::All));
        } else if bit(m.new_axis, i) {
            out.push(Entry::New);
        } else if bit(m.shrink, i) {
            out.push(Entry::Pick(i));
        } else {
            out.push(Entry::Range(i, bit(m.begin, i), bit(m.end, i)));
        }
    }
    if dots.is_none() {
        out.extend((0..rest).map(|_| Entry::All));
    }
    Some(out)
}

fn strided(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, begin, end] = c.three()?;
    let (begin, end) = (f::long_vector(c.b, begin)?, f::long_vector(c.b, end)?);
    let steps = c.ints(3, "strides")?;
    let m = Masks {
        begin: c.int_or("begin_mask", 0)?,
        end: c.int_or("end_mask", 0)?,
        ellipsis: c.int_or("ellipsis_mask", 0)?,
        new_axis: c.int_or("new_axis_mask", 0)?,
        shrink: c.int_or("shrink_axis_mask", 0)?,
    };
    let rank = c.b.rank(x);
    let Some(entries) = entries(&m, steps.len(), rank) else {
        return Err(c.unsupported("there are more entries than dimensions").found(format!(
            "{} entries for {}",
            steps.len(),
            c.b.ty(x)
        )));
    };
    let (mut axes, mut starts, mut ends, mut strides) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    let (mut from, mut to) = (0, 0i64);
    for entry in &entries {
        match *entry {
            Entry::New => {
                new.push(to);
                to += 1;
                continue;
            }
            Entry::All => to += 1,
            Entry::Pick(i) => gone.push((from, i)),
            Entry::Range(i, open_begin, open_end) => {
                to += 1;
                let step = steps.get(i).copied().unwrap_or(1);
                if !(open_begin && open_end && step == 1) {
                    axes.push(from);
                    starts.push(bound(c, begin, i, open_begin, if step < 0 { i64::MAX } else { 0 })?);
                    ends.push(bound(c, end, i, open_end, if step < 0 { i64::MIN + 1 } else { i64::MAX })?);
                    strides.push(step);
                }
            }
        }
        from += 1;
    }
    let mut y = cut(c, x, &axes, &starts, &ends, &strides)?;
    y = picked(c, y, begin, &gone)?;
    if new.is_empty() { Ok(y) } else { c.b.unsqueeze(y, &new) }
}

/// One bound as i64[1]: a number where it is open.
fn bound(c: &mut Call<'_>, vector: ValueId, i: usize, open: bool, number: i64) -> Result<ValueId> {
    if open { Ok(c.b.ints(&[number])) } else { f::element(c.b, vector, i) }
}

/// Takes one element along each of these axes (with their entries), which disappear.
fn picked(c: &mut Call<'_>, x: ValueId, begin: ValueId, gone: &[(usize, usize)]) -> Result<ValueId> {
    let mut y = x;
    // From the last on, so that the numbers of those before stay right.
    for &(axis, i) in gone.iter().rev() {
        let at = f::element(c.b, begin, i)?;
        let known = c.b.known(at).and_then(|k| k.values()).and_then(|v| v.first().copied());
        // A dimension of 1 has only one element, whatever asks for it.
        if c.b.shape(y).get(axis) == Some(&modelport_ir::Dim::Known(1)) && matches!(known, Some(0 | -1)) {
            y = c.b.squeeze(y, &[axis as i64])?;
            continue;
        }
        let at = c.b.reshape(at, &[])?;
        let at = c.b.cast(at, DType::I64)?;
        y = c.b.one(Op::Gather { axis: axis as i64 }, &[y, at])?;
    }
    Ok(y)
}
