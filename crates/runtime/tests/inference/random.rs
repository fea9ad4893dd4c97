//! What random graphs are made with.

use modelport_ir::{Builder, DType, Dim, Op, TensorType, ValueId};
use modelport_runtime::Array;

/// Numbers that decide everything about one op; each op takes as many as it needs.
pub(crate) struct Dice<'a> {
    pub(crate) numbers: &'a [u32],
    pub(crate) at: usize,
}

impl Dice<'_> {
    /// Less than `n`.
    pub(crate) fn roll(&mut self, n: usize) -> usize {
        self.at += 1;
        self.numbers[(self.at - 1) % self.numbers.len()] as usize % n.max(1)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.roll(2) == 1
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())].clone()
    }

    /// Below zero half of the time, as axes may be.
    pub(crate) fn axis(&mut self, rank: usize) -> i64 {
        let axis = self.roll(rank) as i64;
        if self.coin() { axis - rank as i64 } else { axis }
    }
}

/// A graph under construction, whose sizes are known beside it because the builder may only know symbols.
pub(crate) struct Random<'a> {
    pub(crate) b: Builder,
    pub(crate) inputs: Vec<Array>,
    pub(crate) symbolic: bool,
    pub(crate) dice: Dice<'a>,
}

impl Random<'_> {
    /// A value of this shape: a graph input, whose first dimension may be a symbol.
    pub(crate) fn value(&mut self, dtype: DType, shape: &[usize]) -> ValueId {
        let n: usize = shape.iter().product();
        let data = (0..n).map(|i| ((i * 7 + self.inputs.len() * 3) % 11) as f64 / 4.0 - 1.0).collect();
        let array = Array::from_vec(shape, data).unwrap().cast(dtype).unwrap();
        let dim = |(axis, &n): (usize, &usize)| match self.symbolic && axis == 0 {
            true => Dim::symbol(&format!("n{n}")),
            false => Dim::Known(n),
        };
        let ty = TensorType::new(dtype, shape.iter().enumerate().map(dim).collect::<Vec<_>>());
        let id = self.b.input(format!("x{}", self.inputs.len()), ty);
        self.inputs.push(array);
        id
    }

    /// An integer vector: constant, or an input whose values inference does not see.
    pub(crate) fn ints(&mut self, values: &[i64]) -> ValueId {
        if self.dice.roll(3) > 0 {
            return self.b.ints(values);
        }
        let id = self.b.input(format!("x{}", self.inputs.len()), TensorType::known(DType::I64, &[values.len()]));
        self.inputs.push(Array::from_vec(&[values.len()], values.to_vec()).unwrap());
        id
    }

    pub(crate) fn shape(&mut self, least: usize, most: usize) -> Vec<usize> {
        let rank = least + self.dice.roll(most - least + 1);
        (0..rank).map(|_| 1 + self.dice.roll(4)).collect()
    }

    pub(crate) fn float(&mut self) -> DType {
        self.dice.one_of(&[DType::F32, DType::F64, DType::F16, DType::BF16])
    }

    pub(crate) fn number(&mut self) -> DType {
        self.dice.one_of(&[DType::F32, DType::F64, DType::F16, DType::I8, DType::I32, DType::I64, DType::U8])
    }

    pub(crate) fn add(&mut self, op: Op, operands: &[ValueId]) -> Vec<ValueId> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        self.opt(op, &operands)
    }

    pub(crate) fn opt(&mut self, op: Op, operands: &[Option<ValueId>]) -> Vec<ValueId> {
        let text = format!("{op:?}");
        self.b.add(op, operands).unwrap_or_else(|d| panic!("{text}: {d}"))
    }
}
