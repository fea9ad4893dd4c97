//! One spelling for what can be spelt in several ways, so that graphs compare equal after a round trip.

use super::{Legal, Operands};
use modelport_ir::{DType, Op, ValueId};

impl Legal {
    /// `op` with axes counted from the start where ONNX's form depends on it, and unused attributes at their defaults.
    pub(super) fn canonical(&self, mut op: Op, p: Operands<'_>) -> Op {
        let Some(x) = p.first().copied().flatten() else { return op };
        let scalar = |i: usize| p.get(i).copied().flatten().is_some_and(|s: ValueId| self.b.rank(s) == 0);
        match &mut op {
            Op::Reduce { axes, .. } => {
                for axis in axes.iter_mut() {
                    *axis = self.axis(*axis, x) as i64;
                }
                axes.sort_unstable();
            }
            Op::BatchNorm { axis, .. } => *axis = self.axis(*axis, x) as i64,
            Op::QuantizeLinear { axis, to, saturate, .. } => {
                *saturate |= !matches!(to, DType::F8E4M3 | DType::F8E5M2);
                if scalar(1) {
                    *axis = 1;
                }
            }
            Op::DequantizeLinear { axis, .. } if scalar(1) => *axis = 1,
            _ => {}
        }
        op
    }
}
