//! Elements in another order, that several front ends have in common.
//!
//! Owns: diagonals, quarter turns, windows, grids, neighbours. Must never know: how axes are written.

use crate::builder::Builder;
use crate::core::{BinaryOp, PadMode};
use crate::{DType, Op, Tensor, ValueId};
use modelport_diag::Result;

/// Diagonal matrices beyond this many elements are not made.
pub const MOST_ELEMENTS: i64 = 1 << 24;

/// Rows and columns of a diagonal of a matrix.
pub fn diagonal_places(rows: usize, columns: usize, offset: i64) -> (Vec<i64>, Vec<i64>) {
    let (row, column) = (offset.saturating_neg().max(0), offset.max(0));
    let n = (rows as i64).saturating_sub(row).min((columns as i64).saturating_sub(column)).max(0);
    ((0..n).map(|i| row + i).collect(), (0..n).map(|i| column + i).collect())
}

impl Builder {
    /// Reverses the order along `axes`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn flipped(&mut self, x: ValueId, axes: &[i64]) -> Result<ValueId> {
        let n = axes.len();
        if n == 0 {
            return Ok(x);
        }
        let parts =
            [self.ints(&vec![-1; n]), self.ints(&vec![i64::MIN + 1; n]), self.ints(axes), self.ints(&vec![-1; n])];
        let [starts, ends, axes, steps] = parts;
        self.one(Op::Slice, &[x, starts, ends, axes, steps])
    }

    /// The last two axes exchanged; what has fewer stays as it is.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn transposed(&mut self, x: ValueId) -> Result<ValueId> {
        let mut perm: Vec<usize> = (0..self.rank(x)).collect();
        if let [.., a, b] = perm.as_mut_slice() {
            std::mem::swap(a, b);
        }
        self.transpose(x, &perm)
    }

    /// Turns by `k` quarters from axis `a` towards axis `b`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn turned(&mut self, x: ValueId, k: i64, [a, b]: [usize; 2]) -> Result<ValueId> {
        let mut perm: Vec<usize> = (0..self.rank(x)).collect();
        if a < perm.len() && b < perm.len() {
            perm.swap(a, b);
        }
        match k.rem_euclid(4) {
            0 => Ok(x),
            1 => {
                let x = self.flipped(x, &[b as i64])?;
                self.transpose(x, &perm)
            }
            2 => self.flipped(x, &[a as i64, b as i64]),
            _ => {
                let x = self.flipped(x, &[a as i64])?;
                self.transpose(x, &perm)
            }
        }
    }

    /// The elements of axes `a` and `b` at these rows and columns, as a last axis.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn diagonal(&mut self, x: ValueId, [a, b]: [usize; 2], places: &(Vec<i64>, Vec<i64>)) -> Result<ValueId> {
        let (rows, columns) = places;
        let flat: Vec<i64> = rows.iter().zip(columns).flat_map(|(r, k)| [*r, *k]).collect();
        let rest = (0..self.rank(x)).filter(|&i| i != a && i != b);
        let perm: Vec<usize> = [a, b].into_iter().chain(rest).collect();
        let x = self.transpose(x, &perm)?;
        let at = self.ints(&flat);
        let at = self.reshape(at, &[rows.len() as i64, 2])?;
        let out = self.one(Op::GatherNd { batch_dims: 0 }, &[x, at])?;
        let rank = self.rank(out);
        let perm: Vec<usize> = (1..rank).chain([0]).collect();
        self.transpose(out, &perm)
    }

    /// Vectors of `n` elements along the last axis as a diagonal of square matrices; `None` of very large ones.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn diagonal_matrix(&mut self, x: ValueId, n: usize, offset: i64) -> Result<Option<ValueId>> {
        let n = n as i64;
        let size = n.saturating_add(offset.saturating_abs());
        if size.saturating_mul(size) > MOST_ELEMENTS {
            return Ok(None);
        }
        let mut mask = vec![0.0; (size * size) as usize];
        for i in 0..n {
            let (row, column) = (i + (-offset).max(0), i + offset.max(0));
            if let Some(m) = mask.get_mut((row * size + column) as usize) {
                *m = 1.0;
            }
        }
        let mask = Tensor::from_f64s(DType::Bool, &[size as usize, size as usize], &mask)?;
        let mask = self.constant("", mask);
        // Columns of the padded vector, kept where the diagonal is.
        let mut pads = vec![0i64; self.rank(x) * 2];
        let (last, end) = (self.rank(x).saturating_sub(1), pads.len().saturating_sub(1));
        for (at, v) in [(last, offset.max(0)), (end, (-offset).max(0))] {
            if let Some(p) = pads.get_mut(at) {
                *p = v;
            }
        }
        let pads = self.ints(&pads);
        let padded = self.one(Op::Pad { mode: PadMode::Constant }, &[x, pads])?;
        let wide = self.unsqueeze(padded, &[-2])?;
        let zero = self.scalar_like(x, 0.0);
        self.one(Op::Where, &[mask, wide, zero]).map(Some)
    }

    /// `count` windows of `size` at every `step` along an axis: of two axes instead of one.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn windows(&mut self, x: ValueId, axis: usize, [count, size, step]: [usize; 3]) -> Result<ValueId> {
        let places: Vec<i64> = (0..count).flat_map(|i| (0..size).map(move |k| (i * step + k) as i64)).collect();
        let at = self.ints(&places);
        let at = self.reshape(at, &[count as i64, size as i64])?;
        self.one(Op::Gather { axis: axis as i64 }, &[x, at])
    }

    /// Vectors as coordinates of a grid, one axis each; the first two axes are exchanged where `swap`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn grid(&mut self, vectors: &[ValueId], swap: bool) -> Result<Vec<ValueId>> {
        let rank = vectors.len();
        let place = |i: usize| if swap && rank > 1 && i < 2 { 1 - i } else { i };
        let mut sizes = vec![None; rank];
        for (i, &v) in vectors.iter().enumerate() {
            let size = if self.rank(v) == 0 { self.ints(&[1]) } else { self.dim(v, 0)? };
            if let Some(slot) = sizes.get_mut(place(i)) {
                *slot = Some(size);
            }
        }
        let sizes: Vec<ValueId> = sizes.into_iter().flatten().collect();
        let shape = match sizes.as_slice() {
            [] => return Ok(Vec::new()),
            &[one] => one,
            _ => self.concat(&sizes, 0)?,
        };
        let mut out = Vec::with_capacity(rank);
        for (i, &v) in vectors.iter().enumerate() {
            let mut dims = vec![1i64; rank];
            if let Some(slot) = dims.get_mut(place(i)) {
                *slot = -1;
            }
            let v = self.reshape(v, &dims)?;
            out.push(self.one(Op::Expand, &[v, shape])?);
        }
        Ok(out)
    }

    /// The differences of neighbours along an axis, `n` times; of truth values, whether they differ.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn differences(&mut self, x: ValueId, axis: usize, n: i64) -> Result<ValueId> {
        let op = if self.dtype(x) == DType::Bool { BinaryOp::Xor } else { BinaryOp::Sub };
        let mut out = x;
        for _ in 0..n {
            let later = self.slice_axis(out, axis as i64, 1, i64::MAX, 1)?;
            let earlier = self.slice_axis(out, axis as i64, 0, -1, 1)?;
            out = self.binary(op, later, earlier)?;
        }
        Ok(out)
    }
}
