//! Random ops that compute.

use crate::random::Random;
use modelport_ir::core::*;
use modelport_ir::{DType, Op, ValueId};

pub(crate) fn elementwise(r: &mut Random<'_>) -> Vec<ValueId> {
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
            let some: Vec<_> = (0..6).map(|_| r.dice.one_of(&all)).collect();
            some.into_iter().flat_map(|op| r.add(Op::Unary(op), &[x])).collect()
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

pub(crate) fn bits(r: &mut Random<'_>) -> Vec<ValueId> {
    use BinaryOp::*;
    let shape = r.shape(0, 3);
    let (dtype, ops): (DType, &[BinaryOp]) = match r.dice.roll(3) {
        0 => (DType::Bool, &[And, Or, Xor, Equal]),
        1 => (DType::U8, &[BitwiseAnd, BitwiseOr, BitwiseXor, ShiftLeft, ShiftRight]),
        _ => (DType::F32, &[PRelu, GreaterOrEqual]),
    };
    let (x, y) = (r.value(dtype, &shape), r.value(dtype, &shape));
    let op = r.dice.one_of(ops);
    let z = r.add(Op::Binary(op), &[x, y])[0];
    match r.b.dtype(z) {
        DType::Bool => r.add(Op::Unary(UnaryOp::Not), &[z]),
        DType::U8 => r.add(Op::Unary(UnaryOp::BitwiseNot), &[z]),
        _ => vec![z],
    }
}

pub(crate) fn along(r: &mut Random<'_>) -> Vec<ValueId> {
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

pub(crate) fn windows(r: &mut Random<'_>) -> Vec<ValueId> {
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

pub(crate) fn norms(r: &mut Random<'_>) -> Vec<ValueId> {
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

pub(crate) fn products(r: &mut Random<'_>) -> Vec<ValueId> {
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
