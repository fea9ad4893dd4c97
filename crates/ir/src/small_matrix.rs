//! Determinants and inverses of matrices of few rows, by cofactors.
//!
//! Owns: how many rows are few. Must never know: whose op asks.

use crate::builder::Builder;
use crate::core::{BinaryOp, UnaryOp};
use crate::{Op, Tensor, ValueId};
use modelport_diag::{Code, Diagnostic, Result};

/// Rows beyond which cofactors are no way to a determinant.
pub const MOST_ROWS: usize = 3;

/// The elements of square matrices, each with the leading axes only.
type Cells = Vec<Vec<ValueId>>;

fn cell(m: &Cells, i: usize, j: usize) -> Result<ValueId> {
    let cell = m.get(i).and_then(|r| r.get(j)).copied();
    cell.ok_or_else(|| Diagnostic::error(Code::IR_TYPE, "the matrix has too few rows"))
}

impl Builder {
    fn cells(&mut self, x: ValueId, n: usize) -> Result<Cells> {
        let element = |b: &mut Self, x: ValueId, axis: i64, i: usize| {
            let at = b.constant("", Tensor::int_scalar(i as i64));
            b.one(Op::Gather { axis }, &[x, at])
        };
        let mut cells = Vec::new();
        for i in 0..n {
            let row = element(self, x, -2, i)?;
            cells.push((0..n).map(|j| element(self, row, -1, j)).collect::<Result<_>>()?);
        }
        Ok(cells)
    }

    /// The determinant of what is left without row `i` and column `j`, with its sign.
    fn cofactor(&mut self, m: &Cells, i: usize, j: usize) -> Result<ValueId> {
        let rest: Cells = m
            .iter()
            .enumerate()
            .filter(|(r, _)| *r != i)
            .map(|(_, line)| line.iter().enumerate().filter(|(s, _)| *s != j).map(|(_, &v)| v).collect())
            .collect();
        let d = if rest.is_empty() {
            let like = cell(m, 0, 0)?;
            let (one, shape) = (self.scalar_like(like, 1.0), self.one(Op::Shape { start: 0, end: None }, &[like])?);
            self.one(Op::Expand, &[one, shape])?
        } else {
            self.determinant_of(&rest)?
        };
        if (i + j) % 2 == 1 { self.unary(UnaryOp::Neg, d) } else { Ok(d) }
    }

    fn determinant_of(&mut self, m: &Cells) -> Result<ValueId> {
        if m.len() == 1 {
            return cell(m, 0, 0);
        }
        let mut sum = None;
        for j in 0..m.len() {
            let (a, d) = (cell(m, 0, j)?, self.cofactor(m, 0, j)?);
            let term = self.binary(BinaryOp::Mul, a, d)?;
            sum = Some(match sum {
                None => term,
                Some(s) => self.binary(BinaryOp::Add, s, term)?,
            });
        }
        sum.ok_or_else(|| Diagnostic::error(Code::IR_TYPE, "the matrix is empty"))
    }

    /// The determinants of matrices of `n` rows, at most [`MOST_ROWS`].
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn determinant(&mut self, x: ValueId, n: usize) -> Result<ValueId> {
        let m = self.cells(x, n)?;
        self.determinant_of(&m)
    }

    /// The inverses of matrices of `n` rows, at most [`MOST_ROWS`]; transposed where `adjoint`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn inverse(&mut self, x: ValueId, n: usize, adjoint: bool) -> Result<ValueId> {
        let m = self.cells(x, n)?;
        let whole = self.determinant_of(&m)?;
        let mut rows = Vec::new();
        for i in 0..n {
            let mut row = Vec::new();
            for j in 0..n {
                let (r, s) = if adjoint { (i, j) } else { (j, i) };
                let d = self.cofactor(&m, r, s)?;
                let quotient = self.binary(BinaryOp::Div, d, whole)?;
                row.push(self.unsqueeze(quotient, &[-1])?);
            }
            let row = self.concat(&row, -1)?;
            rows.push(self.unsqueeze(row, &[-2])?);
        }
        self.concat(&rows, -2)
    }
}
