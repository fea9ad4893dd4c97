//! Type and shape inference: the types of an op's results from those of its operands, and shape arithmetic.
//!
//! Owns: what every core op accepts. Must never know: kernels, frameworks. One file per family of ops; [`infer`] is
//! the only place that lists all.

mod known;

pub use known::{Known, KnownInt};

use crate::{Op, Tensor, TensorType};
use modelport_diag::{Code, Diagnostic, Result};

/// What is known of an operand.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// Its type.
    pub ty: &'a TensorType,
    /// Its tensor, when it is constant.
    pub constant: Option<&'a Tensor>,
    /// Its elements as far as they are known, when it is a small integer value.
    pub known: Option<&'a Known>,
}

/// The types of the results of `op` on `operands`.
///
/// # Errors
/// `IR0001` when the operands do not fit the op.
pub fn infer(op: &Op, operands: &[Option<Operand<'_>>]) -> Result<Vec<TensorType>> {
    let _ = operands;
    Err(Diagnostic::error(Code::IR_TYPE, format!("no inference for {}", op.name())))
}

/// The elements of the first result as far as they are known: shape arithmetic on small integer values.
pub fn known_results(op: &Op, operands: &[Option<Operand<'_>>], results: &[TensorType]) -> Option<Known> {
    let _ = (op, operands, results);
    None
}
