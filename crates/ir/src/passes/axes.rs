//! Axes and orders of axes.

use crate::Dim;

/// Channels-last axes in channels-first order: batch, channels, spatial…; as they are below rank 3.
pub(super) fn first(rank: usize) -> Vec<usize> {
    if rank < 3 {
        return (0..rank).collect();
    }
    [0, rank - 1].into_iter().chain(1..rank - 1).collect()
}

/// The inverse order.
pub(super) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut out = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        if let Some(at) = out.get_mut(p) {
            *at = i;
        }
    }
    out
}

/// Where a channels-last axis is in channels-first order.
pub(super) fn moved(axis: usize, rank: usize) -> usize {
    match axis {
        _ if rank < 3 => axis,
        0 => 0,
        _ if axis + 1 == rank => 1,
        _ => axis + 1,
    }
}

/// An axis, counted from the end when negative.
pub(super) fn normal(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(i64::try_from(rank).ok()?)? } else { axis };
    usize::try_from(axis).ok().filter(|&a| a < rank)
}

/// Several axes; all when none are given.
pub(super) fn normal_or_all(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    if axes.is_empty() { Some((0..rank).collect()) } else { axes.iter().map(|&a| normal(a, rank)).collect() }
}

/// Items in the order of `perm`.
pub(super) fn ordered<T: Clone>(items: &[T], perm: &[usize]) -> Vec<T> {
    perm.iter().filter_map(|&p| items.get(p).cloned()).collect()
}

/// Whether an order of axes leaves the elements of this shape where they are.
pub(super) fn moves_nothing(shape: &[Dim], perm: &[usize]) -> bool {
    let moved: Vec<_> = perm.iter().filter(|&&p| shape.get(p) != Some(&Dim::Known(1))).collect();
    moved.windows(2).all(|w| w.first() < w.last())
}

/// What an order of result axes means: as they were (`false`), channels first (`true`), or neither.
pub(super) fn landing(order: &[usize]) -> Option<bool> {
    if order.iter().enumerate().all(|(i, &p)| i == p) {
        Some(false)
    } else {
        (order == first(order.len())).then_some(true)
    }
}

/// A reshape target of `want` for an operand of shape `have`: −1 for one dimension that is not known, 0 where a
/// further one is copied. `None` when that is not enough.
pub(super) fn target(have: &[Dim], want: &[Dim]) -> Option<Vec<i64>> {
    if have.iter().chain(want).any(|d| *d == Dim::Known(0)) {
        return None;
    }
    let mut out: Vec<i64> =
        want.iter().map(|d| d.known().map_or(Some(-1), |n| i64::try_from(n).ok())).collect::<Option<_>>()?;
    for (i, dim) in want.iter().enumerate() {
        let open = out.iter().filter(|&&n| n == -1).count();
        let copied = dim.known().is_none() && have.get(i).is_some_and(|h| h.same(dim));
        if open > 1
            && copied
            && let Some(at) = out.get_mut(i)
        {
            *at = 0;
        }
    }
    (out.iter().filter(|&&n| n == -1).count() <= 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_second() {
        assert_eq!(first(4), [0, 3, 1, 2]);
        assert_eq!(inverse(&first(4)), [0, 2, 3, 1]);
        assert_eq!((0..4).map(|a| moved(a, 4)).collect::<Vec<_>>(), [0, 2, 3, 1]);
        assert_eq!(landing(&[0, 3, 1, 2]), Some(true));
        assert_eq!(landing(&[0, 1]), Some(false));
        assert_eq!(landing(&[0, 2, 3, 1]), None);
    }

    #[test]
    fn ones_move_for_free() {
        let n = Dim::symbol("N");
        let one = Dim::Known(1);
        assert!(moves_nothing(&[n.clone(), one.clone(), one.clone(), Dim::Known(8)], &first(4)));
        assert!(!moves_nothing(&[n, one, Dim::Known(2), Dim::Known(8)], &first(4)));
    }

    #[test]
    fn targets_copy_all_but_one_unknown() {
        let (n, t) = (Dim::symbol("N"), Dim::symbol("T"));
        let c = Dim::Known(8);
        assert_eq!(target(&[n.clone(), c.clone()], &[n.clone(), c.clone(), 1.into()]), Some(vec![-1, 8, 1]));
        assert_eq!(target(&[n.clone(), t.clone(), c.clone()], &[n.clone(), t.clone(), 8.into()]), Some(vec![0, -1, 8]));
        assert_eq!(target(&[n.clone(), t.clone()], &[t, n]), None);
    }
}
