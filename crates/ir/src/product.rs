//! Products of tensors that several front ends have in common.
//!
//! Owns: sums over pairs of axes, Kronecker's and the cross product. Must never know: how axes are written.

use crate::builder::Builder;
use crate::core::BinaryOp;
use crate::{Dim, Op, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

/// Letters for the axes of an equation.
fn letter(i: usize) -> Result<char> {
    let place = u8::try_from(i).ok().filter(|i| *i < 52);
    let letter = place.map(|i| char::from(if i < 26 { b'a' + i } else { b'A' + i - 26 }));
    letter.ok_or_else(|| Diagnostic::error(Code::IR_TYPE, "more axes than an equation has letters"))
}

impl Builder {
    /// Sums of products over pairs of axes (of `x`, of `y`); the others stay, those of `x` first.
    ///
    /// # Errors
    /// `IR0001` when there are more than 52 axes, and as [`Builder::add`].
    pub fn tensordot(&mut self, x: ValueId, y: ValueId, pairs: &[(usize, usize)]) -> Result<ValueId> {
        let (p, q) = (self.rank(x), self.rank(y));
        let a: Vec<char> = (0..p).map(letter).collect::<Result<_>>()?;
        let mut b: Vec<char> = (p..p + q).map(letter).collect::<Result<_>>()?;
        let mut gone = Vec::with_capacity(pairs.len());
        for &(l, r) in pairs {
            if let (Some(&shared), Some(slot)) = (a.get(l), b.get_mut(r)) {
                *slot = shared;
                gone.push(shared);
            }
        }
        let kept: String = a.iter().chain(&b).filter(|l| !gone.contains(l)).collect();
        let (a, b): (String, String) = (a.iter().collect(), b.iter().collect());
        self.one(Op::Einsum { equation: format!("{a},{b}->{kept}") }, &[x, y])
    }

    /// Every element of one times the whole other: axes of both stand by turns, and are merged.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn kron(&mut self, mut x: ValueId, mut y: ValueId) -> Result<ValueId> {
        let rank = self.rank(x).max(self.rank(y));
        for t in [&mut x, &mut y] {
            let front: Vec<i64> = (0..(rank - self.rank(*t)) as i64).collect();
            *t = if front.is_empty() { *t } else { self.unsqueeze(*t, &front)? };
        }
        let known = |t: ValueId, axis: usize| self.shape(t).get(axis).and_then(Dim::known).map(|n| n as i64);
        let merged: Vec<i64> =
            (0..rank).map(|axis| known(x, axis).and_then(|a| a.checked_mul(known(y, axis)?)).unwrap_or(-1)).collect();
        let shape = if merged.iter().filter(|n| **n < 0).count() > 1 {
            let sizes = [x, y].map(|t| self.one(Op::Shape { start: 0, end: None }, &[t]));
            let [p, q] = sizes;
            self.binary(BinaryOp::Mul, p?, q?)?
        } else {
            self.ints(&merged)
        };
        let (odd, even): (Vec<i64>, Vec<i64>) =
            ((0..rank as i64).map(|i| 2 * i + 1).collect(), (0..rank as i64).map(|i| 2 * i).collect());
        let (x, y) = (self.unsqueeze(x, &odd)?, self.unsqueeze(y, &even)?);
        let product = self.binary(BinaryOp::Mul, x, y)?;
        self.one(Op::Reshape { allow_zero: false }, &[product, shape])
    }

    /// The cross product of vectors of 3 along an axis.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn cross(&mut self, x: ValueId, y: ValueId, axis: i64) -> Result<ValueId> {
        let mut rolled = |v: ValueId, order: &[i64]| {
            let at = self.ints(order);
            self.one(Op::Gather { axis }, &[v, at])
        };
        let (x1, x2) = (rolled(x, &[1, 2, 0])?, rolled(x, &[2, 0, 1])?);
        let (y1, y2) = (rolled(y, &[1, 2, 0])?, rolled(y, &[2, 0, 1])?);
        let (plus, minus) = (self.binary(BinaryOp::Mul, x1, y2)?, self.binary(BinaryOp::Mul, x2, y1)?);
        self.binary(BinaryOp::Sub, plus, minus)
    }
}
