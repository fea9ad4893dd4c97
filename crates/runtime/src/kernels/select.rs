//! Results whose size depends on data.

use super::Call;
use super::lines::ascending;
use super::movement::{each_index, identity, picked};
use crate::Array;
use crate::array::{Num, number};
use modelport_diag::Result;
use modelport_ir::DType;
use std::cmp::Ordering;

pub(super) fn non_zero(c: &Call<'_>) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let found: Vec<bool> = number!(x.dtype(), T => T::read(x)?.iter().map(|v| *v != T::ZERO).collect());
    let n = found.iter().filter(|&&f| f).count();
    c.check_size(DType::I64, &[x.rank(), n])?;
    let mut out = vec![0i64; x.rank() * n];
    let (mut element, mut column) = (0, 0);
    each_index(x.shape(), &mut |index| {
        if found[element] {
            index.iter().enumerate().for_each(|(axis, &i)| out[axis * n + column] = i as i64);
            column += 1;
        }
        element += 1;
    });
    Ok(vec![Array::from_vec(&[x.rank(), n], out)?])
}

pub(super) fn compress(c: &Call<'_>, axis: Option<i64>) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let flat;
    let (x, axis) = match axis {
        Some(axis) => (x, c.axis(axis, x.rank())?),
        None => {
            flat = x.reshape(&[x.len()])?;
            (&flat, 0)
        }
    };
    let kept = c.of::<bool>(1)?.iter().enumerate().filter(|(_, keep)| **keep).map(|(i, _)| i);
    let mut maps = identity(x.shape());
    maps[axis] = kept.map(|i| c.index(i as i64, x.shape()[axis])).collect::<Result<_>>()?;
    Ok(vec![picked(x, maps)?])
}

/// Positions along `axis` in the order of the slices there, and whether each equals the one before it.
fn sorted(x: &Array, axis: usize) -> Result<Vec<(usize, bool)>> {
    fn order<T: Clone>(rows: &[Vec<T>], compare: impl Fn(&T, &T) -> Ordering) -> Vec<(usize, bool)> {
        let compare = |a: usize, b: usize| {
            let mut pairs = rows[a].iter().zip(&rows[b]).map(|(x, y)| compare(x, y));
            pairs.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut at: Vec<usize> = (0..rows.len()).collect();
        at.sort_by(|&a, &b| compare(a, b));
        let same = |k: usize| k > 0 && compare(at[k - 1], at[k]).is_eq();
        (0..at.len()).map(|k| (at[k], same(k))).collect()
    }
    let axis = ndarray::Axis(axis);
    if let Array::Str(a) = x {
        let rows: Vec<Vec<_>> = a.axis_iter(axis).map(|s| s.iter().cloned().collect()).collect();
        return Ok(order(&rows, Ord::cmp));
    }
    number!(x.dtype(), T => {
        let a = T::read(x)?;
        let rows: Vec<Vec<T>> = a.axis_iter(axis).map(|s| s.iter().copied().collect()).collect();
        Ok(order(&rows, |x, y| ascending(*x, *y)))
    })
}

pub(super) fn unique(c: &Call<'_>, axis: Option<i64>, keep_sorted: bool) -> Result<Vec<Array>> {
    let x = c.x(0)?;
    let flat;
    let (x, axis) = match axis {
        Some(axis) => (x, c.axis(axis, x.rank())?),
        None => {
            flat = x.reshape(&[x.len()])?;
            (&flat, 0)
        }
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, same) in sorted(x, axis)? {
        match groups.last_mut().filter(|_| same) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    if !keep_sorted {
        groups.sort_by_key(|g| g.first().copied());
    }
    let mut inverse = vec![0i64; x.shape()[axis]];
    for (k, group) in groups.iter().enumerate() {
        group.iter().for_each(|&at| inverse[at] = k as i64);
    }
    let first: Vec<usize> = groups.iter().filter_map(|g| g.first().copied()).collect();
    let ints = |v: Vec<i64>| Array::from_vec(&[v.len()], v);
    let mut maps = identity(x.shape());
    maps[axis].clone_from(&first);
    Ok(vec![
        picked(x, maps)?,
        ints(first.into_iter().map(|i| i as i64).collect())?,
        ints(inverse)?,
        ints(groups.iter().map(|g| g.len() as i64).collect())?,
    ])
}
