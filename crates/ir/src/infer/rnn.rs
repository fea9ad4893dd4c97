//! Recurrent ops, in ONNX's layout 0.

use super::context::{Ctx, Out};
use crate::core::Direction;
use crate::{DType, Dim, TensorType};
use modelport_diag::Result;

/// A recurrent op of `gates` gates and `states` states (2 for LSTM).
pub(super) fn recurrent(c: Ctx<'_>, hidden: usize, direction: Direction, gates: usize, states: usize) -> Out {
    c.arity(3, if states == 2 { 8 } else { 6 })?;
    c.float(0)?;
    let x = c.rank(0, 3)?;
    let d = direction.count();
    let rows = hidden.checked_mul(gates * 2).ok_or_else(|| c.error("hidden size is too large"))? / 2;
    let (hidden, n) = (Dim::Known(hidden), Dim::Known(d));
    let batch = x.shape[1].clone();
    shape(c, 1, &[n.clone(), Dim::Known(rows), x.shape[2].clone()])?;
    shape(c, 2, &[n.clone(), Dim::Known(rows), hidden.clone()])?;
    shape(c, 3, &[n.clone(), Dim::Known(rows * 2)])?;
    if let Some(lengths) = c.opt(4) {
        c.require(lengths.dtype == DType::I32, || "sequence_lengths (operand 4) must be i32".to_owned())?;
        c.vector_of(4, &batch)?;
    }
    let state = [n.clone(), batch.clone(), hidden.clone()];
    shape(c, 5, &state)?;
    shape(c, 6, &state)?;
    shape(c, 7, &[n.clone(), hidden.checked_triple()])?;
    for i in [1, 2, 3, 5, 6, 7] {
        let fits = c.opt(i).is_none_or(|t| t.dtype == x.dtype);
        c.require(fits, || format!("operand {i} must have element type {} like the others", x.dtype))?;
    }
    let mut out = vec![TensorType::new(x.dtype, vec![x.shape[0].clone(), n, batch, hidden])];
    out.extend((0..states).map(|_| TensorType::new(x.dtype, state.to_vec())));
    Ok(out)
}

trait Triple {
    fn checked_triple(&self) -> Dim;
}

impl Triple for Dim {
    /// Peepholes have three gates.
    fn checked_triple(&self) -> Dim {
        self.known().and_then(|n| n.checked_mul(3)).map_or(Dim::Unknown, Dim::Known)
    }
}

/// Operand `i`, where it is there, has this shape.
fn shape(c: Ctx<'_>, i: usize, want: &[Dim]) -> Result<()> {
    if i < 3 || c.opt(i).is_some() {
        let ty = c.rank(i, want.len())?;
        for (axis, (a, b)) in ty.shape.iter().zip(want).enumerate() {
            c.equal(a, b, &format!("axis {axis} of operand {i} and the size it belongs to"))?;
        }
    }
    Ok(())
}
