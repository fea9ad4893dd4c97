//! Elementwise ops, activations, running products: what older opsets lack.

use super::{Legal, Operands};
use crate::types;
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

impl Legal {
    /// The replacement of an elementwise op, when it needs one.
    pub(super) fn elementwise(&mut self, op: &Op, x: Operands<'_>) -> Result<Option<Vec<ValueId>>> {
        let (Some(a), b) = (x.first().copied().flatten(), x.get(1).copied().flatten()) else { return Ok(None) };
        let one = match (op, b) {
            (Op::Unary(u), _) => self.replaced_unary(*u, a)?,
            (Op::Binary(o), Some(b)) => self.replaced_binary(*o, a, b)?,
            (Op::Celu { alpha }, _) if !types::accepts("Celu", self.opset, self.b.dtype(a)) => {
                let scaled = self.scalar(BinaryOp::Div, a, *alpha)?;
                let y = self.one(Op::Elu { alpha: 1.0 }, &[scaled])?;
                Some(self.scalar(BinaryOp::Mul, y, *alpha)?)
            }
            (Op::Gelu { approximate }, _) if self.opset < 20 => Some(self.gelu(a, *approximate)?),
            (Op::Clip, _) if !types::accepts("Clip", self.opset, self.b.dtype(a)) => {
                let low = b.map_or(Ok(a), |low| self.binary(BinaryOp::Max, a, low))?;
                let high = x.get(2).copied().flatten();
                Some(high.map_or(Ok(low), |high| self.binary(BinaryOp::Min, low, high))?)
            }
            (Op::Softmax { axis } | Op::LogSoftmax { axis } | Op::Hardmax { axis }, _) if self.opset < 13 => {
                return self.flattening_softmax(op, a, *axis);
            }
            (Op::CumProd { axis, exclusive, reverse }, _) if self.opset < 26 => {
                Some(self.running_product(a, *axis, *exclusive, *reverse)?)
            }
            (Op::ArgReduce { select_last: true, .. }, _) => {
                self.since(12, "ArgMax or ArgMin that selects the last of equals")?;
                None
            }
            _ => None,
        };
        Ok(one.map(|id| vec![id]))
    }

    fn replaced_unary(&mut self, op: UnaryOp, x: ValueId) -> Result<Option<ValueId>> {
        let dtype = self.b.dtype(x);
        let int = dtype.is_int();
        Ok(match op {
            // The writer adds one again where an output needs it.
            UnaryOp::Identity => Some(x),
            UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round if int => Some(x),
            UnaryOp::Relu if int && !dtype.is_signed_int() => Some(x),
            UnaryOp::Relu if int && self.opset < 14 => {
                let zero = self.b.scalar_like(x, 0.0);
                let positive = self.binary(BinaryOp::Greater, x, zero)?;
                Some(self.one(Op::Where, &[positive, x, zero])?)
            }
            UnaryOp::Neg if int && !dtype.is_signed_int() => {
                let zero = self.b.scalar_like(x, 0.0);
                Some(self.binary(BinaryOp::Sub, zero, x)?)
            }
            UnaryOp::BitwiseNot if self.opset < 18 => {
                let ones = self.all_ones(dtype)?;
                Some(self.binary(BinaryOp::Sub, ones, x)?)
            }
            UnaryOp::HardSwish if self.opset < 14 => {
                let gate = self.one(Op::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, &[x])?;
                Some(self.binary(BinaryOp::Mul, x, gate)?)
            }
            UnaryOp::Mish if self.opset < 18 => {
                let soft = self.unary(UnaryOp::Softplus, x)?;
                let gate = self.unary(UnaryOp::Tanh, soft)?;
                Some(self.binary(BinaryOp::Mul, x, gate)?)
            }
            _ => None,
        })
    }

    /// The integer whose bits are all 1.
    fn all_ones(&mut self, dtype: DType) -> Result<ValueId> {
        let tensor = Tensor::from_bytes(dtype, vec![], vec![0xff; dtype.size()])?;
        Ok(self.b.constant("", tensor))
    }

    fn replaced_binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> Result<Option<ValueId>> {
        let dtype = self.b.dtype(x);
        Ok(match op {
            BinaryOp::Mod if dtype.is_float() => Some(self.float_mod(x, y)?),
            BinaryOp::Max | BinaryOp::Min if dtype.is_int() && self.opset < 12 => {
                let order = if op == BinaryOp::Max { BinaryOp::Greater } else { BinaryOp::Less };
                let first = self.binary(order, x, y)?;
                Some(self.one(Op::Where, &[first, x, y])?)
            }
            // `Not(Less)` would be true of NaN.
            BinaryOp::GreaterOrEqual | BinaryOp::LessOrEqual if self.opset < 12 => {
                let strict = if op == BinaryOp::GreaterOrEqual { BinaryOp::Greater } else { BinaryOp::Less };
                let strict = self.binary(strict, x, y)?;
                let equal = self.binary(BinaryOp::Equal, x, y)?;
                Some(self.binary(BinaryOp::Or, strict, equal)?)
            }
            _ => None,
        })
    }

    /// Python's `%` of floats: `fmod`, plus the divisor where the signs differ.
    fn float_mod(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        let rest = self.binary(BinaryOp::Fmod, x, y)?;
        let zero = self.b.scalar_like(x, 0.0);
        let below = self.binary(BinaryOp::Less, rest, zero)?;
        let divisor_below = self.binary(BinaryOp::Less, y, zero)?;
        let differ = self.binary(BinaryOp::Xor, below, divisor_below)?;
        let none = self.binary(BinaryOp::Equal, rest, zero)?;
        let some = self.unary(UnaryOp::Not, none)?;
        let fix = self.binary(BinaryOp::And, some, differ)?;
        let fixed = self.binary(BinaryOp::Add, rest, y)?;
        self.one(Op::Where, &[fix, fixed, rest])
    }

    fn gelu(&mut self, x: ValueId, approximate: bool) -> Result<ValueId> {
        let half = self.scalar(BinaryOp::Mul, x, 0.5)?;
        let inner = if approximate {
            let square = self.binary(BinaryOp::Mul, x, x)?;
            let cube = self.binary(BinaryOp::Mul, square, x)?;
            let small = self.scalar(BinaryOp::Mul, cube, 0.044_715)?;
            let sum = self.binary(BinaryOp::Add, x, small)?;
            let scaled = self.scalar(BinaryOp::Mul, sum, (2.0 / std::f64::consts::PI).sqrt())?;
            self.unary(UnaryOp::Tanh, scaled)?
        } else {
            let scaled = self.scalar(BinaryOp::Mul, x, std::f64::consts::FRAC_1_SQRT_2)?;
            self.unary(UnaryOp::Erf, scaled)?
        };
        let gate = self.scalar(BinaryOp::Add, inner, 1.0)?;
        self.binary(BinaryOp::Mul, half, gate)
    }

    /// Before opset 13 these flatten all axes from `axis` on: only the last axis means the same.
    fn flattening_softmax(&mut self, op: &Op, x: ValueId, axis: i64) -> Result<Option<Vec<ValueId>>> {
        let axis = self.axis(axis, x);
        if axis + 1 == self.b.rank(x) {
            return Ok(None);
        }
        let moved = match op {
            Op::Softmax { .. } => Op::Softmax { axis: -1 },
            Op::LogSoftmax { .. } => Op::LogSoftmax { axis: -1 },
            _ => Op::Hardmax { axis: -1 },
        };
        self.swapped_to_end(moved, x, axis).map(Some)
    }

    /// A running product by doubling: log2(n) multiplications with shifted copies.
    fn running_product(&mut self, x: ValueId, axis: i64, exclusive: bool, reverse: bool) -> Result<ValueId> {
        let axis = self.axis(axis, x);
        let Some(n) = self.b.shape(x).get(axis).and_then(modelport_ir::Dim::known) else {
            return Err(self.not_at("CumProd along an axis of unknown length", Some(26)));
        };
        let mut y = if exclusive { self.shifted(x, axis, 1, reverse)? } else { x };
        let mut step = 1;
        while step < n {
            let earlier = self.shifted(y, axis, step as i64, reverse)?;
            y = self.binary(BinaryOp::Mul, y, earlier)?;
            step *= 2;
        }
        Ok(y)
    }

    /// `x` moved along an axis, ones entering.
    fn shifted(&mut self, x: ValueId, axis: usize, by: i64, reverse: bool) -> Result<ValueId> {
        let rank = self.b.rank(x);
        let mut pads = vec![0; 2 * rank];
        let (enter, leave) = if reverse { (rank + axis, axis) } else { (axis, rank + axis) };
        (pads[enter], pads[leave]) = (by, -by);
        let pads = self.b.ints(&pads);
        let fill = self.b.scalar_like(x, 1.0);
        self.one(Op::Pad { mode: PadMode::Constant }, &[x, pads, fill])
    }
}
