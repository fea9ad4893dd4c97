//! Graphs from random steps: every step adds an op to one of the values so far, if it fits.

pub(crate) mod formulas;
mod idioms;
mod shapes;
mod windows;

use modelport_ir::core::{BinaryOp, DataLayout, ReduceKind, UnaryOp};
use modelport_ir::{Builder, CoreGraph, DType, Dim, Op, Tensor, TensorType, ValueId};

/// What decides one op: its kind, its operands, its attributes.
pub(crate) type Step = (u8, u8, u8, u32);

/// The size that the symbolic batch dimension has when the graphs run.
pub(crate) const fn batch() -> usize {
    2
}

pub(crate) struct Random {
    pub(crate) b: Builder,
    values: Vec<ValueId>,
    /// Numbers left in the step's seed.
    seed: u32,
    names: usize,
}

impl Random {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.seed = self.seed.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.seed >> 8) as usize % n.max(1)
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn known(&self, x: ValueId, axis: usize) -> Option<usize> {
        self.b.shape(x)[axis].known()
    }

    /// Whether nothing is known of an axis. Inference takes such sizes to fit; steps must not count on it.
    pub(crate) fn is_open(&self, x: ValueId, axis: usize) -> bool {
        self.b.shape(x)[axis] == Dim::Unknown
    }

    pub(crate) fn elements(&self, x: ValueId) -> usize {
        self.b.shape(x).iter().map(|d| d.known().unwrap_or(batch())).product()
    }

    /// A constant with numbers between −0.6 and 0.6 about `middle`.
    pub(crate) fn weights(&mut self, shape: &[usize], middle: f64) -> ValueId {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|_| middle + self.below(1000) as f64 / 830.0 - 0.6).collect();
        self.names += 1;
        let tensor = Tensor::from_f64s(DType::F32, shape, &values).unwrap();
        self.b.constant(format!("w{}", self.names), tensor)
    }

    pub(crate) fn layout(&mut self) -> DataLayout {
        if self.below(5) == 0 { DataLayout::ChannelsFirst } else { DataLayout::ChannelsLast }
    }
}

/// A graph of the steps that fit, with the last values as outputs.
pub(crate) fn random_graph(rank: usize, steps: &[Step]) -> CoreGraph {
    let mut r = Random { b: Builder::new("random"), values: Vec::new(), seed: 1, names: 0 };
    let sizes = [6, 5, 4];
    let mut shape = vec![Dim::symbol("N")];
    shape.extend(sizes.iter().take(rank - 2).map(|&n| Dim::Known(n)));
    shape.push(Dim::Known(3));
    let x = r.b.input("x", TensorType::new(DType::F32, shape.clone()));
    let y = r.b.input("y", TensorType::new(DType::F32, shape));
    r.values = vec![x, y];
    for (i, &(kind, a, b, seed)) in steps.iter().enumerate() {
        r.seed = seed;
        let operand = |at: u8, all: &[ValueId]| all[all.len() - 1 - usize::from(at) / 24 % all.len().min(6)];
        let (x, y) = (operand(a, &r.values), operand(b, &r.values));
        r.b.push_scope(format!("node{i}"));
        let new = r.step(kind, x, y);
        r.b.pop_scope();
        if let Some(new) = new.filter(|&v| r.b.dtype(v) == DType::F32 && r.b.rank(v) >= 2 && r.elements(v) < 20_000) {
            r.b.graph_mut().set_name(new, format!("value{i}"));
            r.values.push(new);
        }
    }
    let n = r.values.len();
    for (i, &v) in r.values.iter().enumerate().skip(n.saturating_sub(2).max(1)) {
        if r.b.as_constant(v).is_none() {
            r.b.output(format!("out{i}"), v);
        }
    }
    r.b.finish()
}

impl Random {
    fn step(&mut self, kind: u8, x: ValueId, y: ValueId) -> Option<ValueId> {
        match kind % 40 {
            0..=4 => self.convolution(x),
            5 => self.transposed_convolution(x),
            6 | 7 => self.pool(x),
            8 => self.norm(x),
            9 => self.channel_norm(x),
            10 => self.unary(x),
            11 => self.activation(x),
            12 | 13 => self.with_constant(x),
            14 | 15 => self.with_value(x, y),
            16 => self.concat(x, y),
            17 => self.pad(x),
            18 => self.slice(x),
            19 => self.softmax(x),
            20 => self.transpose(x),
            21 | 22 => self.reshape(x),
            23 => self.squeeze(x),
            24 => self.unsqueeze(x),
            25 => self.dense(x),
            26 | 27 => self.reduce(x),
            28 => self.resize(x),
            29 => self.pick(x),
            30 => self.spread(x),
            31 => self.dynamic(x),
            _ => self.idiom(x),
        }
    }

    fn unary(&mut self, x: ValueId) -> Option<ValueId> {
        use UnaryOp::*;
        let all = [Identity, Relu, Tanh, Sigmoid, Abs, Neg, HardSwish, Softplus, Erf, Sin];
        let op = all[self.below(all.len())];
        self.b.unary(op, x).ok()
    }

    fn activation(&mut self, x: ValueId) -> Option<ValueId> {
        let low = self.b.scalar_like(x, -0.25);
        let zero = self.b.scalar_like(x, 0.0);
        let high = self.b.scalar_like(x, 0.75);
        match self.below(5) {
            0 => self.b.one(Op::Clip, &[x, low, high]).ok(),
            1 => self.b.one(Op::Clip, &[x, zero, high]).ok(),
            2 => self.b.one(Op::LeakyRelu { alpha: 0.3 }, &[x]).ok(),
            3 => self.b.one(Op::Gelu { approximate: false }, &[x]).ok(),
            _ => {
                let wide = self.b.cast(x, DType::F64).ok()?;
                self.b.cast(wide, DType::F32).ok()
            }
        }
    }

    fn with_constant(&mut self, x: ValueId) -> Option<ValueId> {
        let shape: Vec<usize> = self.b.shape(x).iter().map(|d| d.known().unwrap_or(1)).collect();
        let from = self.below(shape.len() + 1);
        let mut part = shape.get(from..)?.to_vec();
        for n in &mut part {
            if self.below(3) == 0 {
                *n = 1;
            }
        }
        let (op, middle) = match self.below(6) {
            0 | 1 => (BinaryOp::Add, 0.0),
            2 => (BinaryOp::Mul, 0.0),
            3 => (BinaryOp::Sub, 0.0),
            4 => (BinaryOp::Div, 1.7),
            _ => (BinaryOp::PRelu, 0.0),
        };
        let c = self.weights(&part, middle);
        let turned = self.below(4) == 0 && matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::Sub);
        if turned { self.b.binary(op, c, x).ok() } else { self.b.binary(op, x, c).ok() }
    }

    fn with_value(&mut self, x: ValueId, y: ValueId) -> Option<ValueId> {
        // The symbolic batch must not meet another dimension, nor an open size any that differs.
        if self.b.rank(x) != self.b.rank(y) || self.b.shape(x).first() != self.b.shape(y).first() {
            return None;
        }
        let open = |v: ValueId| (0..self.b.rank(v)).any(|a| self.is_open(v, a));
        if x != y && (open(x) || open(y)) {
            return None;
        }
        if self.below(6) == 0 {
            let zero = self.b.scalar_like(x, 0.0);
            let above = self.b.binary(BinaryOp::Greater, x, zero).ok()?;
            return self.b.one(Op::Where, &[above, x, y]).ok();
        }
        let all = [BinaryOp::Add, BinaryOp::Add, BinaryOp::Mul, BinaryOp::Max, BinaryOp::Min, BinaryOp::Sub];
        let op = all[self.below(all.len())];
        self.b.binary(op, x, y).ok()
    }

    fn softmax(&mut self, x: ValueId) -> Option<ValueId> {
        let axis = self.below(self.b.rank(x)) as i64;
        let op = if self.flip() { Op::Softmax { axis } } else { Op::CumSum { axis, exclusive: false, reverse: true } };
        self.b.one(op, &[x]).ok()
    }

    fn dense(&mut self, x: ValueId) -> Option<ValueId> {
        let inner = self.b.shape(x).last()?.known().filter(|&n| n <= 600)?;
        let units = 2 + self.below(4);
        let w = self.weights(&[inner, units], 0.0);
        let y = self.b.one(Op::MatMul, &[x, w]).ok()?;
        if self.flip() {
            let c = self.weights(&[units], 0.0);
            return self.b.binary(BinaryOp::Add, y, c).ok();
        }
        Some(y)
    }

    fn reduce(&mut self, x: ValueId) -> Option<ValueId> {
        let rank = self.b.rank(x);
        let all = [ReduceKind::Mean, ReduceKind::Max, ReduceKind::Sum, ReduceKind::L2];
        let kind = all[self.below(all.len())];
        let axes: Vec<i64> = if self.flip() && rank >= 3 {
            (1..rank as i64 - 1).collect()
        } else {
            (1..rank as i64).filter(|_| self.flip()).collect()
        };
        let keep = self.flip();
        if axes.is_empty() || kind == ReduceKind::Sum && self.elements(x) > 200 {
            return None;
        }
        self.b.reduce(kind, x, &axes, keep).ok()
    }
}
