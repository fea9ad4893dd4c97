//! Shape inference against the interpreter: random ops on random operands, in chains. What inference says of a result,
//! with the sizes of the inputs known and with symbols in their place, must hold for the value that comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use modelport_ir::core::*;
use modelport_ir::{Builder, CoreGraph, DType, Dim, Op, Tensor, TensorType, ValueId, verify};
use modelport_runtime::{Array, run_observed};
use proptest::prelude::*;

/// Numbers that decide everything about one op; each op takes as many as it needs.
struct Dice<'a> {
    numbers: &'a [u32],
    at: usize,
}

impl Dice<'_> {
    /// Less than `n`.
    fn roll(&mut self, n: usize) -> usize {
        self.at += 1;
        self.numbers[(self.at - 1) % self.numbers.len()] as usize % n.max(1)
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 1
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())].clone()
    }

    /// Below zero half of the time, as axes may be.
    fn axis(&mut self, rank: usize) -> i64 {
        let axis = self.roll(rank) as i64;
        if self.coin() { axis - rank as i64 } else { axis }
    }
}

/// A graph under construction, whose sizes are known beside it because the builder may only know symbols.
struct Random<'a> {
    b: Builder,
    inputs: Vec<Array>,
    symbolic: bool,
    dice: Dice<'a>,
}

impl Random<'_> {
    /// A value of this shape: a graph input, whose first dimension may be a symbol.
    fn value(&mut self, dtype: DType, shape: &[usize]) -> ValueId {
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
    fn ints(&mut self, values: &[i64]) -> ValueId {
        if self.dice.roll(3) > 0 {
            return self.b.ints(values);
        }
        let id = self.b.input(format!("x{}", self.inputs.len()), TensorType::known(DType::I64, &[values.len()]));
        self.inputs.push(Array::from_vec(&[values.len()], values.to_vec()).unwrap());
        id
    }

    fn shape(&mut self, least: usize, most: usize) -> Vec<usize> {
        let rank = least + self.dice.roll(most - least + 1);
        (0..rank).map(|_| 1 + self.dice.roll(4)).collect()
    }

    fn float(&mut self) -> DType {
        self.dice.one_of(&[DType::F32, DType::F64, DType::F16, DType::BF16])
    }

    fn number(&mut self) -> DType {
        self.dice.one_of(&[DType::F32, DType::F64, DType::F16, DType::I8, DType::I32, DType::I64, DType::U8])
    }

    fn add(&mut self, op: Op, operands: &[ValueId]) -> Vec<ValueId> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        self.opt(op, &operands)
    }

    fn opt(&mut self, op: Op, operands: &[Option<ValueId>]) -> Vec<ValueId> {
        let text = format!("{op:?}");
        self.b.add(op, operands).unwrap_or_else(|d| panic!("{text}: {d}"))
    }
}

fn elementwise(r: &mut Random<'_>) -> Vec<ValueId> {
    let float = r.float();
    let shape = r.shape(0, 4);
    let x = r.value(float, &shape);
    let wide = [r.shape(0, 1), vec![1; shape.len()]].concat();
    let y = r.value(float, &wide[wide.len().saturating_sub(shape.len() + 1)..]);
    let alpha = 0.5;
    match r.dice.roll(8) {
        0 => {
            let floats = |u: &&UnaryOp| !matches!(u, UnaryOp::Not | UnaryOp::BitwiseNot);
            let all: Vec<_> = UnaryOp::ALL.iter().filter(floats).copied().collect();
            let op = r.dice.one_of(&all);
            r.add(Op::Unary(op), &[x])
        }
        1 | 2 => {
            use BinaryOp::*;
            let op = r.dice.one_of(&[Add, Sub, Mul, Div, Pow, Mod, Fmod, Max, Min, Equal, Less, Greater, LessOrEqual]);
            r.add(Op::Binary(op), &[x, y])
        }
        3 => {
            let op = r.dice.one_of(&[
                Op::Elu { alpha },
                Op::Selu { alpha, gamma: 2. },
                Op::Celu { alpha },
                Op::LeakyRelu { alpha },
                Op::HardSigmoid { alpha, beta: 0.1 },
                Op::ThresholdedRelu { alpha },
                Op::Shrink { bias: 0., lambd: alpha },
                Op::Gelu { approximate: true },
            ]);
            r.add(op, &[x])
        }
        4 => {
            let to = r.dice.one_of(&[DType::F32, DType::I8, DType::U64, DType::Bool, DType::F8E4M3, DType::Str]);
            r.add(Op::Cast { to }, &[x])
        }
        5 => {
            let cond = r.value(DType::Bool, &shape);
            r.add(Op::Where, &[cond, x, y])
        }
        6 => {
            let bound = r.value(float, &[]);
            r.opt(Op::Clip, &[Some(x), None, Some(bound)])
        }
        _ => {
            let scale = r.value(DType::F32, &[]);
            let q = r.add(Op::QuantizeLinear { axis: 0, to: DType::I8, saturate: true, block: 0 }, &[x, scale])[0];
            r.add(Op::DequantizeLinear { axis: 0, block: 0 }, &[q, scale])
        }
    }
}

fn along(r: &mut Random<'_>) -> Vec<ValueId> {
    let (dtype, float) = (r.number(), r.float());
    let shape = r.shape(1, 4);
    let axis = r.dice.axis(shape.len());
    let (keepdims, flag) = (r.dice.coin(), r.dice.coin());
    let x = r.value(dtype, &shape);
    match r.dice.roll(6) {
        0 => {
            let kind = r.dice.one_of(ReduceKind::ALL);
            let axes = if flag { vec![] } else { vec![axis] };
            r.add(Op::Reduce { kind, axes, keepdims }, &[x])
        }
        1 => {
            let kind = r.dice.one_of(ArgKind::ALL);
            r.add(Op::ArgReduce { kind, axis, keepdims, select_last: flag }, &[x])
        }
        2 => r.add(Op::CumSum { axis, exclusive: flag, reverse: keepdims }, &[x]),
        3 => r.add(Op::CumProd { axis, exclusive: flag, reverse: keepdims }, &[x]),
        4 => {
            let n = shape[axis.rem_euclid(shape.len() as i64) as usize];
            let k = r.dice.roll(n + 1) as i64;
            let k = r.ints(&[k]);
            r.add(Op::TopK { axis, largest: flag, sorted: true }, &[x, k])
        }
        _ => {
            let x = r.value(float, &shape);
            let op = r.dice.one_of(&[
                Op::Softmax { axis },
                Op::LogSoftmax { axis },
                Op::Hardmax { axis },
                Op::LpNorm { axis, p: 2 },
                Op::LayerNorm { axis, epsilon: 1e-3 },
                Op::RmsNorm { axis, epsilon: 1e-3 },
            ]);
            r.add(op, &[x])
        }
    }
}

fn padding(r: &mut Random<'_>, spatial: usize) -> Padding {
    match r.dice.roll(4) {
        0 => Padding::SameUpper,
        1 => Padding::SameLower,
        _ => Padding::Explicit((0..spatial).map(|_| (r.dice.roll(3), r.dice.roll(3))).collect()),
    }
}

/// Data of some spatial rank in either layout: shape and layout.
fn image(r: &mut Random<'_>, channels: usize) -> (Vec<usize>, DataLayout) {
    let spatial: Vec<usize> = (0..1 + r.dice.roll(3)).map(|_| 5 + r.dice.roll(4)).collect();
    let batch = 1 + r.dice.roll(2);
    match r.dice.coin() {
        true => ([&[batch, channels], spatial.as_slice()].concat(), DataLayout::ChannelsFirst),
        false => ([&[batch], spatial.as_slice(), &[channels]].concat(), DataLayout::ChannelsLast),
    }
}

fn windows(r: &mut Random<'_>) -> Vec<ValueId> {
    let groups = 1 + r.dice.roll(3);
    let (inner, each) = (1 + r.dice.roll(2), 1 + r.dice.roll(2));
    let (shape, data) = image(r, groups * inner);
    let n = shape.len() - 2;
    let dtype = r.dice.one_of(&[DType::F32, DType::F64, DType::F16, DType::I32]);
    let x = r.value(dtype, &shape);
    let window: Vec<usize> = (0..n).map(|_| 1 + r.dice.roll(3)).collect();
    let strides: Vec<usize> = (0..n).map(|_| 1 + r.dice.roll(3)).collect();
    let dilations: Vec<usize> = (0..n).map(|_| 1 + r.dice.roll(2)).collect();
    let padding = padding(r, n);
    let kernel = r.dice.one_of(KernelLayout::ALL);
    let axes = kernel.axes(n + 2);
    let mut w = vec![0; n + 2];
    w[axes.spatial..axes.spatial + n].copy_from_slice(&window);
    match r.dice.roll(4) {
        0 => {
            (w[axes.in_axis], w[axes.out_axis]) = (inner, groups * each);
            let w = r.value(dtype, &w);
            let bias = r.value(dtype, &[groups * each]);
            r.add(Op::Conv { strides, dilations, padding, groups, data, kernel }, &[x, w, bias])
        }
        1 => {
            (w[axes.in_axis], w[axes.out_axis]) = (groups * inner, each);
            let w = r.value(dtype, &w);
            let output_padding = if r.dice.coin() { vec![] } else { vec![1; n] };
            let output_shape = if r.dice.coin() { vec![] } else { vec![7; n] };
            let op =
                Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups, data, kernel };
            r.add(op, &[x, w])
        }
        2 => {
            let kind = r.dice.one_of(PoolKind::ALL);
            let (ceil_mode, count_include_pad) = (r.dice.coin(), r.dice.coin());
            r.add(Op::Pool { kind, window, strides, dilations, padding, ceil_mode, count_include_pad, data }, &[x])
        }
        _ => {
            // It has no layout: channels come second.
            let mut first = shape.clone();
            if data == DataLayout::ChannelsLast {
                first[1..].rotate_right(1);
            }
            let x = r.value(dtype, &first);
            r.add(Op::MaxPoolWithIndex { window, strides, dilations, padding, ceil_mode: true }, &[x])
        }
    }
}

fn norms(r: &mut Random<'_>) -> Vec<ValueId> {
    let float = r.float();
    let (shape, data) = image(r, 4);
    let x = r.value(float, &shape);
    let [a, b, c, d] = [0; 4].map(|_| r.value(float, &[4]));
    let epsilon = 2.0;
    match r.dice.roll(4) {
        0 => {
            let axis = data.channel_axis(shape.len()) as i64;
            r.add(Op::BatchNorm { axis, epsilon }, &[x, a, b, c, d])
        }
        1 => r.add(Op::InstanceNorm { epsilon, data }, &[x, a, b]),
        2 => {
            let groups = r.dice.one_of(&[1, 2, 4]);
            r.add(Op::GroupNorm { groups, epsilon, data }, &[x, a, b])
        }
        _ => r.add(Op::Lrn { size: 3, alpha: 0.1, beta: 0.5, bias: 1., data }, &[x]),
    }
}

fn products(r: &mut Random<'_>) -> Vec<ValueId> {
    let dtype = r.number();
    let (m, k, n) = (1 + r.dice.roll(3), 1 + r.dice.roll(3), 1 + r.dice.roll(3));
    let batch = r.shape(0, 2);
    match r.dice.roll(3) {
        0 => {
            let left = if r.dice.coin() { vec![k] } else { [batch.clone(), vec![m, k]].concat() };
            let right = if r.dice.coin() { vec![k] } else { [vec![1; batch.len()], vec![k, n]].concat() };
            let (a, b) = (r.value(dtype, &left), r.value(dtype, &right));
            r.add(Op::MatMul, &[a, b])
        }
        1 => {
            let (trans_a, trans_b) = (r.dice.coin(), r.dice.coin());
            let a = r.value(dtype, &if trans_a { [k, m] } else { [m, k] });
            let b = r.value(dtype, &if trans_b { [n, k] } else { [k, n] });
            // A symbol is not known to be as long as a row.
            let c = r.value(dtype, if r.symbolic { &[] } else { std::slice::from_ref(&n) });
            r.add(Op::Gemm { alpha: 1., beta: 2., trans_a, trans_b }, &[a, b, c])
        }
        _ => {
            let equation = r.dice.one_of(&["bij,bjk->bik", "bij,bjk", "bij,bjk->k", "...ij,bjk->...ki", "bij,bjk->"]);
            let (a, b) = (r.value(dtype, &[2, m, k]), r.value(dtype, &[2, k, n]));
            r.add(Op::Einsum { equation: equation.to_owned() }, &[a, b])
        }
    }
}

fn moves(r: &mut Random<'_>) -> Vec<ValueId> {
    let dtype = r.dice.one_of(DType::ALL).to_owned();
    let dtype = if matches!(dtype, DType::C64 | DType::C128) { DType::U16 } else { dtype };
    let shape = r.shape(1, 4);
    let rank = shape.len();
    let axis = r.dice.axis(rank);
    let at = axis.rem_euclid(rank as i64) as usize;
    let x = r.value(dtype, &shape);
    match r.dice.roll(11) {
        0 => {
            let target = r.ints(&[-1, shape[rank - 1] as i64]);
            r.add(Op::Reshape { allow_zero: false }, &[x, target])
        }
        1 => {
            let mut perm: Vec<usize> = (0..rank).collect();
            (0..rank).for_each(|i| perm.swap(i, r.dice.roll(rank)));
            r.add(Op::Transpose { perm }, &[x])
        }
        2 => {
            let axis = r.dice.roll(rank + 1) as i64;
            r.add(Op::Flatten { axis }, &[x])
        }
        3 => {
            let y = r.add(Op::Unsqueeze { axes: vec![axis] }, &[x])[0];
            let y = r.add(Op::Squeeze { axes: vec![axis] }, &[y])[0];
            r.add(Op::Unsqueeze { axes: vec![0, -1] }, &[y])
        }
        4 => {
            let target: Vec<i64> = std::iter::once(2).chain(shape.iter().map(|_| 1)).collect();
            let target = r.ints(&target);
            r.add(Op::Expand, &[x, target])
        }
        5 => {
            let repeats: Vec<i64> = (0..rank).map(|_| r.dice.roll(3) as i64).collect();
            let repeats = r.ints(&repeats);
            r.add(Op::Tile, &[x, repeats])
        }
        6 => r.add(Op::Concat { axis }, &[x, x, x]),
        7 => {
            let cut = r.dice.roll(shape[at] + 1);
            let fixed = !r.symbolic || at > 0;
            if fixed { r.add(Op::Split { axis, sizes: vec![cut, shape[at] - cut] }, &[x]) } else { vec![x] }
        }
        8 => {
            let bound = |r: &mut Random<'_>| r.dice.roll(12) as i64 - 6;
            let (start, end) = (bound(r), bound(r));
            let step = r.dice.one_of(&[1, -1, 2, -3]);
            let operands = [start, end, axis, step].map(|v| r.ints(&[v]));
            r.add(Op::Slice, &[x, operands[0], operands[1], operands[2], operands[3]])
        }
        9 => {
            let mode = r.dice.one_of(PadMode::ALL);
            let mut pads: Vec<i64> = (0..2 * rank).map(|_| r.dice.roll(4) as i64).collect();
            if mode == PadMode::Constant {
                pads[0] = -(r.dice.roll(shape[0] + 1) as i64);
            }
            let pads = r.ints(&pads);
            r.add(Op::Pad { mode }, &[x, pads])
        }
        _ => {
            let (start, end) = (r.dice.axis(rank), Some(r.dice.axis(rank)));
            let s = r.add(Op::Shape { start, end }, &[x])[0];
            let n = r.add(Op::Size, &[x])[0];
            vec![s, n]
        }
    }
}

fn indexing(r: &mut Random<'_>) -> Vec<ValueId> {
    let dtype = r.number();
    let shape = r.shape(2, 4);
    let axis = r.dice.axis(shape.len());
    let x = r.value(dtype, &shape);
    let zero = |r: &mut Random<'_>, shape: &[usize]| {
        let id = r.b.input(format!("x{}", r.inputs.len()), TensorType::known(DType::I64, shape));
        r.inputs.push(Array::from_vec(shape, vec![0i64; shape.iter().product()]).unwrap());
        id
    };
    let reduction = r.dice.one_of(ScatterReduction::ALL);
    match r.dice.roll(9) {
        0 => {
            let at = r.shape(0, 2);
            let at = zero(r, &at);
            r.add(Op::Gather { axis }, &[x, at])
        }
        1 => {
            let at = zero(r, &shape);
            r.add(Op::GatherElements { axis }, &[x, at])
        }
        2 => {
            let k = r.dice.roll(shape.len() + 1);
            let at = zero(r, &[3, k]);
            r.add(Op::GatherNd { batch_dims: 0 }, &[x, at])
        }
        3 => {
            let at = zero(r, &shape);
            let updates = r.value(dtype, &shape);
            r.add(Op::ScatterElements { axis, reduction }, &[x, at, updates])
        }
        4 => {
            let at = zero(r, &[2, 1]);
            let updates = r.value(dtype, &[&[2], &shape[1..]].concat());
            r.add(Op::ScatterNd { reduction }, &[x, at, updates])
        }
        5 => {
            let depth = 1 + r.dice.roll(4) as i64;
            let (depth, values) = (r.ints(&[depth]), r.value(dtype, &[2]));
            let at = zero(r, &shape);
            r.add(Op::OneHot { axis }, &[at, depth, values])
        }
        6 => r.add(Op::NonZero, &[x]),
        7 => {
            let axis = if r.dice.coin() { None } else { Some(axis) };
            r.add(Op::Unique { axis, sorted: true }, &[x])
        }
        _ => {
            let keep = r.value(DType::Bool, &[1]);
            r.add(Op::Compress { axis: Some(axis) }, &[x, keep])
        }
    }
}

fn matrices(r: &mut Random<'_>) -> Vec<ValueId> {
    let dtype = r.number();
    let x = r.value(dtype, &[3, 4]);
    match r.dice.roll(6) {
        0 => r.add(Op::Trilu { upper: true }, &[x]),
        1 => r.add(Op::EyeLike { dtype: Some(DType::I32), k: -1 }, &[x]),
        2 => {
            let lengths = r.ints(&[1, 3, 2]);
            r.add(Op::ReverseSequence { batch_axis: 0, time_axis: 1 }, &[x, lengths])
        }
        3 => {
            let mode = r.dice.one_of(DepthToSpaceMode::ALL);
            let x = r.value(dtype, &[2, 4, 2, 4]);
            let data = r.dice.one_of(DataLayout::ALL);
            r.add(Op::DepthToSpace { block: 2, mode, data }, &[x])
        }
        4 => {
            let x = r.value(dtype, &[2, 4, 4, 6]);
            let data = r.dice.one_of(DataLayout::ALL);
            let x = if data == DataLayout::ChannelsFirst { r.value(dtype, &[2, 3, 4, 6]) } else { x };
            r.add(Op::SpaceToDepth { block: 2, data }, &[x])
        }
        _ => {
            let ends = [0, 1 + r.dice.roll(9) as i64, 1 + r.dice.roll(3) as i64];
            let ends = ends.map(|v| r.b.constant("", Tensor::int_scalar(v)));
            r.add(Op::Range, &ends)
        }
    }
}

fn images(r: &mut Random<'_>) -> Vec<ValueId> {
    let float = r.dice.one_of(&[DType::F32, DType::F16]);
    let x = r.value(float, &[1, 2, 5, 6]);
    let align_corners = r.dice.coin();
    match r.dice.roll(4) {
        0 | 1 => {
            let op = Op::Resize {
                mode: r.dice.one_of(ResizeMode::ALL),
                coordinates: r.dice.one_of(CoordinateMode::ALL),
                nearest: r.dice.one_of(NearestMode::ALL),
                cubic_a: -0.75,
                antialias: r.dice.coin(),
                exclude_outside: r.dice.coin(),
                extrapolation: 0.,
                axes: vec![-1, 2],
            };
            if r.dice.coin() {
                let sizes = [1 + r.dice.roll(9) as i64, 1 + r.dice.roll(9) as i64];
                let sizes = r.ints(&sizes);
                return r.opt(op, &[Some(x), None, Some(sizes)]);
            }
            let scales = r.dice.one_of(&[[0.6f32, 2.], [1.7, 0.3], [3., 1.]]);
            let scales = r.b.constant("", Tensor::floats(&scales));
            r.add(op, &[x, scales])
        }
        2 => {
            let grid = r.value(DType::F32, &[1, 3, 4, 2]);
            let (mode, padding) = (r.dice.one_of(GridMode::ALL), r.dice.one_of(GridPadding::ALL));
            r.add(Op::GridSample { mode, padding, align_corners }, &[x, grid])
        }
        _ => {
            let rois = r.value(float, &[3, 4]);
            let images = r.ints(&[0, 0, 0]);
            let op = Op::RoiAlign {
                average: r.dice.coin(),
                output_height: 2,
                output_width: 3,
                sampling_ratio: 2,
                spatial_scale: 1.,
                half_pixel: align_corners,
            };
            r.add(op, &[x, rois, images])
        }
    }
}

fn recurrent(r: &mut Random<'_>) -> Vec<ValueId> {
    let float = r.dice.one_of(&[DType::F32, DType::F64]);
    let direction = r.dice.one_of(Direction::ALL);
    let (d, hidden, clip) = (direction.count(), 1 + r.dice.roll(3), Some(2.));
    let (gates, kind) = r.dice.one_of(&[(4, 0), (3, 1), (1, 2)]);
    let (activations, flag) = (Vec::new(), r.dice.coin());
    let x = r.value(float, &[4, 2, 3]);
    let w = r.value(float, &[d, gates * hidden, 3]);
    let again = r.value(float, &[d, gates * hidden, hidden]);
    let op = match kind {
        0 => Op::Lstm { hidden, direction, activations, clip, input_forget: flag },
        1 => Op::Gru { hidden, direction, activations, clip, linear_before_reset: flag },
        _ => Op::Rnn { hidden, direction, activations, clip },
    };
    let first = r.value(float, &[d, 2, hidden]);
    r.opt(op, &[Some(x), Some(w), Some(again), None, None, Some(first)])
}

const FAMILIES: &[fn(&mut Random<'_>) -> Vec<ValueId>] =
    &[elementwise, along, windows, windows, norms, products, moves, moves, indexing, matrices, images, recurrent];

/// A graph of one op of a family, followed by ops that take what came out whatever its shape.
fn graph(numbers: &[u32], symbolic: bool) -> (CoreGraph, Vec<Array>) {
    let dice = Dice { numbers, at: 0 };
    let mut r = Random { b: Builder::new("random"), inputs: Vec::new(), symbolic, dice };
    let family = r.dice.one_of(FAMILIES);
    let results = family(&mut r);
    for id in results {
        let shape = r.add(Op::Shape { start: 0, end: None }, &[id])[0];
        let flat = r.b.ints(&[-1]);
        let line = if r.b.ty(id).shape.contains(&Dim::Known(0)) {
            id
        } else {
            r.add(Op::Reshape { allow_zero: false }, &[id, flat])[0]
        };
        let back = r.add(Op::Reshape { allow_zero: true }, &[line, shape])[0];
        for v in [shape, line, back] {
            r.b.output("out", v);
        }
    }
    (r.b.finish(), r.inputs)
}

/// Whether an array is what a type says, equal symbols being equal sizes.
fn agrees(graph: &CoreGraph, id: ValueId, array: &Array) -> bool {
    let ty = graph.ty(id);
    let dim = |(d, &n): (&Dim, &usize)| match d {
        Dim::Known(k) => *k == n,
        Dim::Symbol(s) => s.strip_prefix('n') == Some(n.to_string().as_str()),
        Dim::Unknown => true,
    };
    ty.dtype == array.dtype() && ty.rank() == array.rank() && ty.shape.iter().zip(array.shape()).all(dim)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inference_holds_for_real_values(numbers in prop::collection::vec(any::<u32>(), 40), symbolic: bool) {
        let (graph, inputs) = graph(&numbers, symbolic);
        verify(&graph).unwrap();
        let mut wrong = Vec::new();
        let outputs = run_observed(&graph, inputs, &mut |node, values| {
            for (&id, value) in node.outputs.iter().zip(values) {
                if !agrees(&graph, id, value) {
                    wrong.push(format!("{:?}: {} is {}", node.op, graph.ty(id), value.ty()));
                }
            }
        });
        let outputs = outputs.map_err(|d| TestCaseError::fail(d.to_string()))?;
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for (output, value) in graph.outputs().iter().zip(&outputs) {
            prop_assert!(agrees(&graph, output.value, value), "{} is {}", graph.ty(output.value), value.ty());
        }
    }
}
