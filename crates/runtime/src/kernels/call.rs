//! [`Call`]: one op with its operands, and what every kernel needs of them.

use crate::array::Element;
use crate::run::check_size;
use crate::{Array, Options};
use modelport_diag::{Code, Diagnostic, Result};
use modelport_ir::{DType, Op, TensorType};
use std::cell::Cell;

/// One use of an op.
pub(crate) struct Call<'a> {
    pub(crate) op: &'a Op,
    pub(crate) operands: &'a [Option<&'a Array>],
    /// Types of the results; dimensions that depend on data are not known.
    pub(crate) results: &'a [TensorType],
    pub(crate) options: &'a Options,
    /// Nesting of control flow.
    pub(crate) depth: usize,
    /// How many times random numbers were drawn in this run.
    pub(crate) draws: &'a Cell<u64>,
}

impl<'a> Call<'a> {
    pub(super) fn error(&self, message: impl AsRef<str>) -> Box<Diagnostic> {
        let found: Vec<_> =
            self.operands.iter().map(|o| o.map_or_else(|| "none".to_owned(), |a| a.ty().to_string())).collect();
        Diagnostic::error(Code::RUN_FAILED, format!("`{}`: {}", self.op.name(), message.as_ref()))
            .found(format!("operands ({})", found.join(", ")))
    }

    pub(super) fn require(&self, holds: bool, message: impl FnOnce() -> String) -> Result<()> {
        if holds { Ok(()) } else { Err(self.error(message())) }
    }

    pub(super) fn opt(&self, i: usize) -> Option<&'a Array> {
        self.operands.get(i).copied().flatten()
    }

    pub(super) fn x(&self, i: usize) -> Result<&'a Array> {
        self.opt(i).ok_or_else(|| self.error(format!("operand {i} is missing")))
    }

    /// Operand `i`, which must have elements of type `T`.
    pub(super) fn of<T: Element>(&self, i: usize) -> Result<&'a ndarray::ArrayD<T>> {
        self.x(i)?.view::<T>().ok_or_else(|| self.error(format!("operand {i} must be {}", T::DTYPE)))
    }

    /// An axis, counted from the end when negative; inference has checked the range.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let at = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        usize::try_from(at)
            .ok()
            .filter(|&a| a < rank)
            .ok_or_else(|| self.error(format!("axis {axis} is outside of rank {rank}")))
    }

    /// The elements of an integer operand.
    pub(super) fn ints(&self, i: usize) -> Result<Vec<i64>> {
        self.x(i)?.to_i64s()
    }

    /// The one integer in an operand.
    pub(super) fn int(&self, i: usize) -> Result<i64> {
        match self.ints(i)?.as_slice() {
            &[v] => Ok(v),
            _ => Err(self.error(format!("operand {i} must be one number"))),
        }
    }

    /// The one number in an operand; `None` when it is absent.
    pub(super) fn opt_float(&self, i: usize) -> Result<Option<f64>> {
        let Some(a) = self.opt(i) else { return Ok(None) };
        match a.to_f64s()?.as_slice() {
            &[v] => Ok(Some(v)),
            [] => Ok(None),
            _ => Err(self.error(format!("operand {i} must be one number"))),
        }
    }

    /// The shape of result `i`, which inference knows.
    pub(super) fn shape(&self, i: usize) -> Result<Vec<usize>> {
        self.results
            .get(i)
            .and_then(TensorType::static_shape)
            .ok_or_else(|| self.error("the shape of the result depends on more than is known"))
    }

    /// The element type of the first result.
    pub(super) fn dtype(&self) -> DType {
        self.results.first().map_or(DType::F32, |t| t.dtype)
    }

    /// Refuses a value that would take too much memory.
    pub(super) fn check_size(&self, dtype: DType, shape: &[usize]) -> Result<()> {
        check_size(dtype, shape, self.options)
    }

    /// An index into an axis of `n`, counted from the end when negative.
    pub(super) fn index(&self, i: i64, n: usize) -> Result<usize> {
        let at = if i < 0 { i.saturating_add(n as i64) } else { i };
        usize::try_from(at)
            .ok()
            .filter(|&a| a < n)
            .ok_or_else(|| self.error(format!("index {i} is outside of an axis of {n}")))
    }
}
