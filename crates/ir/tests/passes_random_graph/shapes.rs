//! Steps of ops that move, cut or view whole axes.

use super::Random;
use modelport_ir::core::{ArgKind, PadMode, ReduceKind};
use modelport_ir::{DType, Op, ValueId};

impl Random {
    pub(crate) fn concat(&mut self, x: ValueId, y: ValueId) -> Option<ValueId> {
        let axis = 1 + self.below(self.b.rank(x) - 1) as i64;
        let mut parts = if self.flip() { vec![x, y] } else { vec![x, x] };
        let open = |v: ValueId| (0..self.b.rank(v)).any(|a| a != axis as usize && self.is_open(v, a));
        if x != y && (open(x) || open(y)) {
            return None;
        }
        let open = open(x);
        if self.below(4) == 0 && !open {
            let shape: Vec<usize> = self.b.shape(x).iter().map(|d| d.known().unwrap_or(super::batch())).collect();
            parts.push(self.weights(&shape, 0.0));
        }
        self.b.concat(&parts, axis).ok()
    }

    pub(crate) fn pad(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        let spatial = self.below(4) > 0 && rank >= 3;
        let inside = |i: usize| if spatial { i > 0 && i + 1 < rank } else { i > 0 };
        let pads: Vec<i64> = (0..2 * rank).map(|i| if inside(i % rank) { self.below(3) as i64 } else { 0 }).collect();
        let mode = if self.below(4) == 0 { PadMode::Edge } else { PadMode::Constant };
        let pads = self.b.ints(&pads);
        self.b.one(Op::Pad { mode }, &[x, pads]).ok()
    }

    pub(crate) fn slice(&mut self, x: ValueId) -> Option<ValueId> {
        let axis = 1 + self.below(self.b.rank(x) - 1);
        let n = self.known(x, axis)? as i64;
        if self.below(4) == 0 && n >= 2 {
            let pieces =
                self.b.add(Op::Split { axis: axis as i64, sizes: vec![1, n as usize - 1] }, &[Some(x)]).ok()?;
            return pieces.last().copied();
        }
        match self.below(3) {
            0 => self.b.slice_axis(x, axis as i64 - self.b.rank(x) as i64, 0, i64::MAX, 1).ok(),
            1 => self.b.slice_axis(x, axis as i64, -1, i64::MIN, -1).ok(),
            _ => {
                let (starts, ends) = (self.b.ints(&[0, 0]), self.b.ints(&[2, n.max(2) - 1]));
                self.b.one(Op::Slice, &[x, starts, ends]).ok()
            }
        }
    }

    pub(crate) fn transpose(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        let mut perm: Vec<usize> = (0..rank).collect();
        match self.below(3) {
            0 if rank > 2 => perm = std::iter::once(0).chain([rank - 1]).chain(1..rank - 1).collect(),
            1 if rank > 2 => perm = std::iter::once(0).chain(2..rank).chain([1]).collect(),
            _ => (1..rank).for_each(|i| {
                let j = 1 + self.below(rank - 1);
                perm.swap(i, j);
            }),
        }
        self.b.transpose(x, &perm).ok()
    }

    pub(crate) fn reshape(&mut self, x: ValueId) -> Option<ValueId> {
        let rest: Vec<i64> = self.b.shape(x).iter().skip(1).map(|d| d.known().map_or(-1, |n| n as i64)).collect();
        let all: i64 = rest.iter().product();
        let last = *rest.last()?;
        if rest.contains(&-1) {
            return None;
        }
        let shape: Vec<i64> = match self.below(7) {
            0 => return self.b.one(Op::Flatten { axis: 1 }, &[x]).ok(),
            1 => vec![-1, all],
            2 => vec![0, all / last, last],
            3 => vec![-1, 1, 1, all],
            4 => vec![-1, 1, all / last, last],
            5 => vec![0, last, all / last],
            _ => vec![-1, all, 1, 1],
        };
        self.b.reshape(x, &shape).ok()
    }

    pub(crate) fn squeeze(&mut self, x: ValueId) -> Option<ValueId> {
        let axes: Vec<i64> = (1..self.b.rank(x)).filter(|&a| self.known(x, a) == Some(1)).map(|a| a as i64).collect();
        let axes: Vec<i64> = axes.into_iter().filter(|_| self.below(4) > 0).collect();
        self.b.squeeze(x, &axes).ok()
    }

    pub(crate) fn unsqueeze(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        if rank > 4 {
            return None;
        }
        match self.below(3) {
            0 if rank == 2 => self.b.unsqueeze(x, &[1, 2]).ok(),
            1 if rank == 2 => self.b.unsqueeze(x, &[2, 3]).ok(),
            _ => {
                let axis = 1 + self.below(rank) as i64;
                self.b.unsqueeze(x, &[axis]).ok()
            }
        }
    }

    pub(crate) fn pick(&mut self, x: ValueId) -> Option<ValueId> {
        let axis = 1 + self.below(self.b.rank(x) - 1);
        let n = self.known(x, axis)?;
        if self.below(4) == 0 {
            // Of an input, where no rounding can change which is largest.
            let input = self.b.graph().inputs()[1];
            let axis = 1 + self.below(self.b.rank(input) - 1) as i64;
            let keepdims = self.flip();
            let op = Op::ArgReduce { kind: ArgKind::Max, axis, keepdims, select_last: false };
            let at = self.b.one(op, &[input]).ok()?;
            return self.b.cast(at, DType::F32).ok();
        }
        let at: Vec<i64> = (0..1 + self.below(3)).map(|_| self.below(n) as i64).collect();
        let at = self.b.ints(&at);
        let at = if self.flip() {
            self.b.slice_axis(at, 0, 0, 1, 1).and_then(|v| self.b.squeeze(v, &[0])).ok()?
        } else {
            at
        };
        self.b.one(Op::Gather { axis: axis as i64 }, &[x, at]).ok()
    }

    pub(crate) fn spread(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        let mut repeats = vec![1; rank];
        let axis = 1 + self.below(rank - 1);
        repeats[axis] = 1 + self.below(2) as i64;
        let repeats = self.b.ints(&repeats);
        match self.below(3) {
            0 if self.is_open(x, axis) => None,
            0 => self.b.one(Op::Expand, &[x, repeats]).ok(),
            _ => self.b.one(Op::Tile, &[x, repeats]).ok(),
        }
    }

    /// What depends on shapes at run time.
    pub(crate) fn dynamic(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        match self.below(3) {
            0 => {
                let batch = self.b.dim(x, 0).ok()?;
                let rest = self.b.ints(&[-1]);
                let shape = self.b.concat(&[batch, rest], 0).ok()?;
                self.b.one(Op::Reshape { allow_zero: false }, &[x, shape]).ok()
            }
            1 => {
                let all = self.b.one(Op::Shape { start: 0, end: None }, &[x]).ok()?;
                let sum = self.b.reduce(ReduceKind::Max, all, &[0], false).ok()?;
                let scale = self.b.cast(sum, DType::F32).ok()?;
                let scale = self.b.unary(modelport_ir::core::UnaryOp::Reciprocal, scale).ok()?;
                self.b.binary(modelport_ir::core::BinaryOp::Mul, x, scale).ok()
            }
            _ => {
                // A vector over channels that is not constant.
                let channels = self.known(x, rank - 1)?;
                let axes: Vec<i64> = (0..rank as i64 - 1).collect();
                let mean = self.b.reduce(ReduceKind::Mean, x, &axes, false).ok()?;
                let c = self.weights(&[channels], 0.0);
                let mean = self.b.binary(modelport_ir::core::BinaryOp::Add, mean, c).ok()?;
                self.b.binary(modelport_ir::core::BinaryOp::Add, x, mean).ok()
            }
        }
    }
}
