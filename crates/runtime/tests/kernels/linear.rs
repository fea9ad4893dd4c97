//! Products, convolutions, pools, normalisations.

use super::support::{Case, case, case_opt, count, f, i};
use modelport_ir::Op;
use modelport_ir::core::{DataLayout, KernelLayout, Padding, PoolKind};

pub(crate) fn cases() -> Vec<Case> {
    let mut all = products();
    all.extend(convolutions());
    all.extend(transposed());
    all.extend(pools());
    all.extend(norms());
    all
}

fn products() -> Vec<Case> {
    let einsum = |e: &str| Op::Einsum { equation: e.to_owned() };
    let (a, b) = (|| count(&[2, 3]), || f(&[3, 2], &[1., 0., 0., 1., 1., 1.]));
    vec![
        case(Op::MatMul, &[a(), b()], &[f(&[2, 2], &[2., 3., 8., 9.])]),
        case(Op::MatMul, &[f(&[3], &[1., 2., 3.]), b()], &[f(&[2], &[4., 5.])]),
        case(Op::MatMul, &[a(), f(&[3], &[1., 0., 2.])], &[f(&[2], &[4., 13.])]),
        case(Op::MatMul, &[f(&[2], &[1., 2.]), f(&[2], &[3., 4.])], &[f(&[], &[11.])]),
        case(Op::MatMul, &[count(&[2, 1, 2]), f(&[2, 1], &[1., 10.])], &[f(&[2, 1, 1], &[10., 32.])]),
        case(Op::MatMul, &[i(&[1, 2], &[1 << 40, 3]), i(&[2, 1], &[2, 5])], &[i(&[1, 1], &[(1 << 41) + 15])]),
        case(
            Op::Gemm { alpha: 2., beta: 0.5, trans_a: true, trans_b: true },
            &[f(&[3, 1], &[1., 2., 3.]), f(&[2, 3], &[1., 0., 0., 0., 0., 1.]), f(&[2], &[2., 4.])],
            &[f(&[1, 2], &[3., 8.])],
        ),
        case(einsum("ij,jk->ik"), &[a(), b()], &[f(&[2, 2], &[2., 3., 8., 9.])]),
        case(einsum("ij->ji"), &[a()], &[f(&[3, 2], &[0., 3., 1., 4., 2., 5.])]),
        case(einsum("ij -> i"), &[a()], &[f(&[2], &[3., 12.])]),
        case(einsum("ii"), &[f(&[2, 2], &[1., 2., 3., 4.])], &[f(&[], &[5.])]),
        case(einsum("ii->i"), &[f(&[2, 2], &[1., 2., 3., 4.])], &[f(&[2], &[1., 4.])]),
        case(einsum("b...,b->..."), &[count(&[2, 2]), f(&[2], &[1., 10.])], &[f(&[2], &[20., 31.])]),
        case(einsum("...a,...a->..."), &[count(&[2, 2]), count(&[1, 2])], &[f(&[2], &[1., 3.])]),
        case(
            einsum("i,j,ij->"),
            &[f(&[2], &[1., 2.]), f(&[2], &[3., 5.]), f(&[2, 2], &[1., 1., 1., 2.])],
            &[f(&[], &[3. + 5. + 6. + 20.])],
        ),
    ]
}

fn conv(padding: Padding, strides: usize, groups: usize, data: DataLayout, kernel: KernelLayout) -> Op {
    Op::Conv { strides: vec![strides; 2], dilations: vec![1; 2], padding, groups, data, kernel }
}

fn convolutions() -> Vec<Case> {
    use DataLayout::{ChannelsFirst, ChannelsLast};
    use KernelLayout::{OutInSpatial, SpatialInOut};
    let valid = || Padding::valid(2);
    let ones = |shape: &[usize]| f(shape, &vec![1.; shape.iter().product()]);
    vec![
        case(
            conv(valid(), 1, 1, ChannelsFirst, OutInSpatial),
            &[count(&[1, 1, 3, 3]), ones(&[1, 1, 2, 2]), f(&[1], &[0.5])],
            &[f(&[1, 1, 2, 2], &[8.5, 12.5, 20.5, 24.5])],
        ),
        // Two input channels last; the kernel picks the second one.
        case(
            conv(valid(), 1, 1, ChannelsLast, SpatialInOut),
            &[count(&[1, 2, 2, 2]), f(&[1, 1, 2, 1], &[0., 1.])],
            &[f(&[1, 2, 2, 1], &[1., 3., 5., 7.])],
        ),
        case(
            conv(Padding::SameUpper, 2, 1, ChannelsLast, SpatialInOut),
            &[count(&[1, 4, 4, 1]), ones(&[3, 3, 1, 1])],
            &[f(&[1, 2, 2, 1], &[45., 39., 66., 50.])],
        ),
        case(
            conv(Padding::SameLower, 2, 1, ChannelsLast, SpatialInOut),
            &[count(&[1, 4, 4, 1]), ones(&[3, 3, 1, 1])],
            &[f(&[1, 2, 2, 1], &[10., 24., 51., 90.])],
        ),
        // Depthwise with multiplier 2: output channels 0, 1 come from input channel 0.
        case(
            conv(valid(), 1, 2, ChannelsLast, SpatialInOut),
            &[f(&[1, 1, 1, 2], &[3., 5.]), f(&[1, 1, 1, 4], &[1., 2., 10., 20.])],
            &[f(&[1, 1, 1, 4], &[3., 6., 50., 100.])],
        ),
        case(
            conv(Padding::Explicit(vec![(1, 0), (0, 1)]), 1, 2, ChannelsFirst, OutInSpatial),
            &[count(&[1, 2, 2, 2]), ones(&[2, 1, 2, 2])],
            &[f(&[1, 2, 2, 2], &[1., 1., 6., 4., 9., 5., 22., 12.])],
        ),
        // Two groups of two channels each.
        case(
            conv(valid(), 1, 2, ChannelsLast, SpatialInOut),
            &[f(&[1, 1, 1, 4], &[1., 2., 3., 4.]), f(&[1, 1, 2, 2], &[1., 1., 10., 10.])],
            &[f(&[1, 1, 1, 2], &[21., 43.])],
        ),
        case(
            Op::Conv {
                strides: vec![1],
                dilations: vec![2],
                padding: Padding::valid(1),
                groups: 1,
                data: ChannelsFirst,
                kernel: OutInSpatial,
            },
            &[count(&[1, 1, 5]), f(&[1, 1, 3], &[1., 10., 100.])],
            &[f(&[1, 1, 1], &[420.])],
        ),
        case(
            Op::Conv {
                strides: vec![1; 3],
                dilations: vec![1; 3],
                padding: Padding::valid(3),
                groups: 1,
                data: ChannelsFirst,
                kernel: OutInSpatial,
            },
            &[i(&[1, 1, 2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]), i(&[1, 1, 2, 2, 2], &[1; 8])],
            &[i(&[1, 1, 1, 1, 1], &[36])],
        ),
    ]
}

fn transposed() -> Vec<Case> {
    let op = |padding, strides: usize, more: &[usize], shape: &[usize], groups| Op::ConvTranspose {
        strides: vec![strides],
        dilations: vec![1],
        padding,
        output_padding: more.to_vec(),
        output_shape: shape.to_vec(),
        groups,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    let (x, w) = (|| f(&[1, 1, 2], &[1., 2.]), || f(&[1, 1, 3], &[1., 10., 100.]));
    vec![
        case(op(Padding::valid(1), 1, &[], &[], 1), &[x(), w()], &[f(&[1, 1, 4], &[1., 12., 120., 200.])]),
        case(
            op(Padding::valid(1), 2, &[1], &[], 1),
            &[x(), w(), f(&[1], &[0.5])],
            &[f(&[1, 1, 6], &[1.5, 10.5, 102.5, 20.5, 200.5, 0.5])],
        ),
        case(op(Padding::Explicit(vec![(1, 1)]), 2, &[], &[], 1), &[x(), w()], &[f(&[1, 1, 3], &[10., 102., 20.])]),
        case(op(Padding::SameUpper, 2, &[], &[], 1), &[x(), w()], &[f(&[1, 1, 4], &[1., 10., 102., 20.])]),
        case(op(Padding::valid(1), 2, &[], &[6], 1), &[x(), w()], &[f(&[1, 1, 6], &[1., 10., 102., 20., 200., 0.])]),
        // Two groups, one output channel each.
        case(
            op(Padding::valid(1), 1, &[], &[], 2),
            &[f(&[1, 2, 1], &[1., 2.]), f(&[2, 1, 2], &[1., 2., 3., 4.])],
            &[f(&[1, 2, 2], &[1., 2., 6., 8.])],
        ),
        // Keras: spatial, out, in; channels last; two output channels.
        case(
            Op::ConvTranspose {
                strides: vec![1],
                dilations: vec![1],
                padding: Padding::valid(1),
                output_padding: vec![],
                output_shape: vec![],
                groups: 1,
                data: DataLayout::ChannelsLast,
                kernel: KernelLayout::SpatialOutIn,
            },
            &[f(&[1, 1, 2], &[1., 2.]), f(&[1, 2, 2], &[1., 10., 100., 1000.])],
            &[f(&[1, 1, 2], &[21., 2100.])],
        ),
    ]
}

fn pool(kind: PoolKind, padding: Padding, ceil_mode: bool, count_include_pad: bool) -> Op {
    Op::Pool {
        kind,
        window: vec![2],
        strides: vec![2],
        dilations: vec![1],
        padding,
        ceil_mode,
        count_include_pad,
        data: DataLayout::ChannelsFirst,
    }
}

fn pools() -> Vec<Case> {
    let x = || f(&[1, 1, 5], &[1., 2., 3., 4., 6.]);
    let (valid, padded) = (|| Padding::valid(1), || Padding::Explicit(vec![(1, 1)]));
    vec![
        case(pool(PoolKind::Max, valid(), false, false), &[x()], &[f(&[1, 1, 2], &[2., 4.])]),
        case(pool(PoolKind::Max, valid(), true, false), &[x()], &[f(&[1, 1, 3], &[2., 4., 6.])]),
        case(pool(PoolKind::Average, valid(), true, true), &[x()], &[f(&[1, 1, 3], &[1.5, 3.5, 6.])]),
        case(pool(PoolKind::Average, padded(), false, false), &[x()], &[f(&[1, 1, 3], &[1., 2.5, 5.])]),
        case(pool(PoolKind::Average, padded(), false, true), &[x()], &[f(&[1, 1, 3], &[0.5, 2.5, 5.])]),
        case(pool(PoolKind::L2, valid(), false, false), &[x()], &[f(&[1, 1, 2], &[5f32.sqrt(), 5.])]),
        case(pool(PoolKind::Max, Padding::SameUpper, false, false), &[x()], &[f(&[1, 1, 3], &[2., 4., 6.])]),
        case(
            Op::Pool {
                kind: PoolKind::Max,
                window: vec![2, 2],
                strides: vec![1, 1],
                dilations: vec![1, 2],
                padding: Padding::valid(2),
                ceil_mode: false,
                count_include_pad: false,
                data: DataLayout::ChannelsLast,
            },
            &[count(&[1, 2, 3, 2])],
            &[f(&[1, 1, 1, 2], &[10., 11.])],
        ),
        case(
            Op::MaxPoolWithIndex {
                window: vec![2, 2],
                strides: vec![2, 2],
                dilations: vec![1, 1],
                padding: Padding::valid(2),
                ceil_mode: false,
            },
            &[f(&[1, 2, 2, 2], &[1., 9., 3., 4., 5., 6., 8., 7.])],
            &[f(&[1, 2, 1, 1], &[9., 8.]), i(&[1, 2, 1, 1], &[1, 6])],
        ),
    ]
}

fn norms() -> Vec<Case> {
    let line = |v: &[f32]| f(&[v.len()], v);
    let last = DataLayout::ChannelsLast;
    vec![
        case(
            Op::BatchNorm { axis: 1, epsilon: 0. },
            &[f(&[1, 2, 1], &[3., 5.]), line(&[2., 1.]), line(&[1., 0.]), line(&[1., 1.]), line(&[4., 16.])],
            &[f(&[1, 2, 1], &[3., 1.])],
        ),
        case(
            Op::LayerNorm { axis: -1, epsilon: 0. },
            &[f(&[2, 2], &[1., 3., 10., 20.]), line(&[1., 2.]), line(&[0., 1.])],
            &[f(&[2, 2], &[-1., 3., -1., 3.])],
        ),
        case_opt(
            Op::LayerNorm { axis: 0, epsilon: 1. },
            vec![Some(f(&[2], &[1., 3.])), None, Some(line(&[1., 1.]))],
            &[f(&[2], &[1. - 0.5f32.sqrt(), 1. + 0.5f32.sqrt()])],
        ),
        case(
            Op::RmsNorm { axis: -1, epsilon: 0. },
            &[f(&[1, 2], &[1., 7.]), line(&[5., 10.])],
            &[f(&[1, 2], &[1., 14.])],
        ),
        case(
            Op::InstanceNorm { epsilon: 0., data: last },
            &[f(&[1, 2, 2], &[1., 10., 3., 20.]), line(&[1., 2.]), line(&[0., 1.])],
            &[f(&[1, 2, 2], &[-1., -1., 1., 3.])],
        ),
        case(
            Op::GroupNorm { groups: 1, epsilon: 0., data: DataLayout::ChannelsFirst },
            &[f(&[1, 2, 2], &[1., 1., 3., 3.]), line(&[1., 2.]), line(&[0., 1.])],
            &[f(&[1, 2, 2], &[-1., -1., 3., 3.])],
        ),
        case(
            Op::GroupNorm { groups: 2, epsilon: 0., data: last },
            &[f(&[1, 1, 4], &[1., 3., 10., 30.])],
            &[f(&[1, 1, 4], &[-1., 1., -1., 1.])],
        ),
        // Three channels around each one: (1+4), (1+4+9), (4+9).
        case(
            Op::Lrn { size: 3, alpha: 3., beta: 1., bias: 1., data: last },
            &[f(&[1, 3], &[1., 2., 3.])],
            &[f(&[1, 3], &[1. / 6., 2. / 15., 3. / 14.])],
        ),
    ]
}
