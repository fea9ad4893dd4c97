//! Elements by the place where they stand: what all ops that only move elements are made of.
//!
//! Owns: the one loop that copies elements of any type. Which element goes where is told by numbers, so that ops need
//! no code for each element type. Must never know: ops.

use super::{Array, Element, each, failed};
use modelport_diag::Result;
use ndarray::ArrayD;
use std::borrow::Cow;

/// Where an element comes from: which source, and where in its row-major order; `None` is the zero of the type.
pub(crate) type Place = Option<(usize, usize)>;

/// In a list of offsets: no element, but the fill.
pub(crate) const FILL: usize = usize::MAX;

/// The elements in row-major order, borrowed where they lie so.
pub(crate) fn row_major<T: Clone>(a: &ArrayD<T>) -> Cow<'_, [T]> {
    match a.as_slice() {
        Some(elements) => Cow::Borrowed(elements),
        None => Cow::Owned(a.iter().cloned().collect()),
    }
}

impl Array {
    /// The array of the elements at these places of `sources`, which are of one element type.
    ///
    /// # Errors
    /// `RT0001` when the element types of the sources differ, or the number of places does not fit the shape.
    pub(crate) fn gathered(
        sources: &[&Self],
        shape: &[usize],
        places: &mut dyn Iterator<Item = Place>,
    ) -> Result<Self> {
        fn copy<T: Element>(
            _: &ArrayD<T>,
            sources: &[&Array],
            shape: &[usize],
            places: &mut dyn Iterator<Item = Place>,
        ) -> Result<Array> {
            let slices: Option<Vec<_>> = sources.iter().map(|a| a.view::<T>().map(row_major)).collect();
            let slices = slices.ok_or_else(|| failed("the element types of the operands differ"))?;
            let mut out = Vec::with_capacity(shape.iter().product());
            for place in places {
                out.push(place.map_or_else(T::default, |(source, at)| slices[source][at].clone()));
            }
            Array::from_vec(shape, out)
        }
        let first = sources.first().ok_or_else(|| failed("there are no operands"))?;
        each!(*first, a => copy(a, sources, shape, places))
    }
}

/// Elements between neighbours on each axis of a row-major value.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        out[axis - 1] = out[axis] * shape[axis];
    }
    out
}

/// Walks a result whose axes choose independently: the place of each element is the sum of one offset for each axis,
/// or `None` where one of them is [`FILL`].
pub(crate) struct Grid {
    offsets: Vec<Vec<usize>>,
    index: Vec<usize>,
    base: Option<usize>,
    left: usize,
}

impl Grid {
    /// Offsets for each index of each axis of the result.
    pub(crate) fn new(mut offsets: Vec<Vec<usize>>) -> Self {
        if offsets.is_empty() {
            offsets.push(vec![0]);
        }
        let left = offsets.iter().map(Vec::len).product();
        let mut grid = Self { index: vec![0; offsets.len()], offsets, base: None, left };
        if left > 0 {
            grid.base = grid.outer();
        }
        grid
    }

    /// The sum of the offsets of all axes but the last.
    fn outer(&self) -> Option<usize> {
        let last = self.offsets.len() - 1;
        let mut sum = 0;
        for (offsets, &i) in self.offsets[..last].iter().zip(&self.index) {
            sum += Some(offsets[i]).filter(|&o| o != FILL)?;
        }
        Some(sum)
    }

    /// To the next index of all axes but the last.
    fn advance(&mut self) {
        for axis in (0..self.index.len() - 1).rev() {
            self.index[axis] += 1;
            if self.index[axis] < self.offsets[axis].len() {
                break;
            }
            self.index[axis] = 0;
        }
        self.base = self.outer();
    }
}

impl Iterator for Grid {
    type Item = Option<usize>;

    fn next(&mut self) -> Option<Option<usize>> {
        self.left = self.left.checked_sub(1)?;
        let last = self.offsets.len() - 1;
        let offset = self.offsets[last][self.index[last]];
        let place = self.base.filter(|_| offset != FILL).map(|base| base + offset);
        self.index[last] += 1;
        if self.index[last] == self.offsets[last].len() && self.left > 0 {
            self.index[last] = 0;
            self.advance();
        }
        Some(place)
    }
}

/// Places of a value of shape `from` repeated along its axes of 1 and before its first axis, as NumPy broadcasts; `None`
/// when it does not fit `to`.
pub(crate) fn broadcast(from: &[usize], to: &[usize]) -> Option<Grid> {
    let missing = to.len().checked_sub(from.len())?;
    let mut offsets: Vec<Vec<usize>> = to[..missing].iter().map(|&n| vec![0; n]).collect();
    for ((&n, &step), &to) in from.iter().zip(&strides(from)).zip(&to[missing..]) {
        offsets.push(match n {
            n if n == to => (0..n).map(|i| i * step).collect(),
            1 => vec![0; to],
            _ => return None,
        });
    }
    Some(Grid::new(offsets))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn places(grid: Grid) -> Vec<Option<usize>> {
        grid.collect()
    }

    #[test]
    fn a_grid_is_the_sum_of_its_offsets() {
        let got = places(Grid::new(vec![vec![3, FILL], vec![1, 0]]));
        assert_eq!(got, [Some(4), Some(3), None, None]);
        assert_eq!(places(Grid::new(Vec::new())), [Some(0)]);
        assert_eq!(places(Grid::new(vec![Vec::new(), vec![1]])), []);
        assert_eq!(places(Grid::new(vec![vec![1], Vec::new()])), []);
    }

    #[test]
    fn broadcasting_is_numpys() {
        assert_eq!(places(broadcast(&[2, 1], &[2, 2, 2]).unwrap()), [0, 0, 1, 1, 0, 0, 1, 1].map(Some));
        assert_eq!(places(broadcast(&[], &[2]).unwrap()), [0, 0].map(Some));
        assert!(broadcast(&[2], &[3]).is_none());
        assert!(broadcast(&[1, 1], &[1]).is_none());
        assert_eq!(places(broadcast(&[1], &[0]).unwrap()), []);
    }

    #[test]
    fn elements_are_gathered_from_many_sources() {
        let a = Array::from_vec(&[2], vec![1i8, 2]).unwrap();
        let b = Array::from_vec(&[1], vec![7i8]).unwrap();
        let mut at = [Some((1, 0)), None, Some((0, 1))].into_iter();
        let got = Array::gathered(&[&a, &b], &[3], &mut at).unwrap();
        assert_eq!(got, Array::from_vec(&[3], vec![7i8, 0, 2]).unwrap());
        let other = Array::scalar(1.0f32);
        assert!(Array::gathered(&[&a, &other], &[0], &mut std::iter::empty()).is_err());
        assert!(Array::gathered(&[&a], &[3], &mut std::iter::once(None)).is_err());
    }
}
