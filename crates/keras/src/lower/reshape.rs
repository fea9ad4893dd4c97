//! `Flatten`, `Reshape`, `Permute`, `RepeatVector` (`keras/src/layers/reshaping`).

use super::call::Call;
use super::config::show;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::{Attr, Op, ValueId};

pub(crate) const ROWS: &[Row] =
    &[row("Flatten", flatten), row("Reshape", reshape), row("Permute", permute), row("RepeatVector", repeat_vector)];

/// The batch axis stays. Channels-first data is flattened in channels-last order.
fn flatten(c: &mut Call<'_>) -> Result<ValueId> {
    let mut x = c.x()?;
    let rank = c.b.rank(x);
    if rank == 1 {
        return c.b.unsqueeze(x, &[1]);
    }
    if c.str_or("data_format", "channels_last")? == "channels_first" && rank > 2 {
        let perm: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
        x = c.b.transpose(x, &perm)?;
    }
    if rank == 2 { Ok(x) } else { c.b.one(Op::Flatten { axis: 1 }, &[x]) }
}

fn reshape(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let attr = c.op.attr("target_shape").ok_or_else(|| c.missing_argument("target_shape", "integers"))?;
    let dim = |a: &Attr| if a.is_none() { Some(-1) } else { a.as_int().filter(|&n| n >= -1) };
    let dims: Option<Vec<i64>> = match attr.as_list() {
        Some(list) => list.iter().map(dim).collect(),
        None => dim(attr).map(|d| vec![d]),
    };
    let dims = dims.ok_or_else(|| c.bad_argument("target_shape", "integers from −1 up", &show(attr)))?;
    let shape: Vec<i64> = std::iter::once(0).chain(dims).collect();
    c.b.reshape(x, &shape)
}

/// `dims` counts from 1: the batch axis stays first.
fn permute(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let dims = c.ints("dims")?;
    let perm: Vec<usize> = std::iter::once(0).chain(dims.iter().filter_map(|&d| usize::try_from(d).ok())).collect();
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    let rank = c.b.rank(x);
    if !sorted.into_iter().eq(0..rank) {
        let expected = format!("the numbers 1 to {} in some order", rank.saturating_sub(1));
        return Err(c.bad_argument("dims", &expected, &format!("{dims:?}")));
    }
    c.b.transpose(x, &perm)
}

fn repeat_vector(c: &mut Call<'_>) -> Result<ValueId> {
    let x = c.x()?;
    let n = c.size("n")?;
    let x = c.b.unsqueeze(x, &[1])?;
    let shape = c.b.ints(&[1, n as i64, 1]);
    c.b.one(Op::Expand, &[x, shape])
}
