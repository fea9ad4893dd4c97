//! Reductions, running reductions, extrema, norms over lines.

use super::support::{Case, b, case, count, f, i};
use modelport_ir::Op;
use modelport_ir::core::{ArgKind, ReduceKind};

fn reduce(kind: ReduceKind, axes: &[i64], keepdims: bool) -> Op {
    Op::Reduce { kind, axes: axes.to_vec(), keepdims }
}

pub(crate) fn cases() -> Vec<Case> {
    let x = || f(&[2, 3], &[1., 2., 3., 4., 5., 6.]);
    let over = |kind, y: &[f32]| case(reduce(kind, &[1], false), &[x()], &[f(&[2], y)]);
    let empty = |kind, y: f32| case(reduce(kind, &[1], false), &[f(&[1, 0], &[])], &[f(&[1], &[y])]);
    let mut all = vec![
        over(ReduceKind::Sum, &[6., 15.]),
        over(ReduceKind::Mean, &[2., 5.]),
        over(ReduceKind::Max, &[3., 6.]),
        over(ReduceKind::Min, &[1., 4.]),
        over(ReduceKind::Prod, &[6., 120.]),
        over(ReduceKind::L1, &[6., 15.]),
        over(ReduceKind::L2, &[3.741657387, 8.774964387]),
        over(ReduceKind::LogSum, &[1.791759469, 2.708050201]),
        over(ReduceKind::LogSumExp, &[3.407605964, 6.407605964]),
        over(ReduceKind::SumSquare, &[14., 77.]),
        empty(ReduceKind::Sum, 0.),
        empty(ReduceKind::Prod, 1.),
        empty(ReduceKind::Max, f32::NEG_INFINITY),
        empty(ReduceKind::LogSumExp, f32::NEG_INFINITY),
        case(reduce(ReduceKind::Sum, &[], false), &[x()], &[f(&[], &[21.])]),
        case(reduce(ReduceKind::Sum, &[0, 2], true), &[count(&[2, 2, 2])], &[f(&[1, 2, 1], &[10., 18.])]),
        case(reduce(ReduceKind::Mean, &[-1], true), &[i(&[1, 2], &[3, 4])], &[i(&[1, 1], &[3])]),
        case(reduce(ReduceKind::Max, &[0], false), &[b(&[2, 2], &[0, 1, 0, 0])], &[b(&[2], &[0, 1])]),
    ];
    all.extend(lines());
    all
}

fn lines() -> Vec<Case> {
    let x = || f(&[2, 3], &[3., 1., 3., 4., 6., 5.]);
    let arg = |kind, select_last, y: &[i64]| {
        case(Op::ArgReduce { kind, axis: 1, keepdims: false, select_last }, &[x()], &[i(&[2], y)])
    };
    let run = |exclusive, reverse, y: &[f32]| {
        case(Op::CumSum { axis: 0, exclusive, reverse }, &[f(&[3], &[1., 2., 3.])], &[f(&[3], y)])
    };
    vec![
        arg(ArgKind::Max, false, &[0, 1]),
        arg(ArgKind::Max, true, &[2, 1]),
        arg(ArgKind::Min, false, &[1, 0]),
        run(false, false, &[1., 3., 6.]),
        run(true, false, &[0., 1., 3.]),
        run(false, true, &[6., 5., 3.]),
        run(true, true, &[5., 3., 0.]),
        case(
            Op::CumProd { axis: 1, exclusive: false, reverse: false },
            &[f(&[1, 3], &[2., 3., 4.])],
            &[f(&[1, 3], &[2., 6., 24.])],
        ),
        case(
            Op::TopK { axis: 1, largest: true, sorted: true },
            &[x(), i(&[1], &[2])],
            &[f(&[2, 2], &[3., 3., 6., 5.]), i(&[2, 2], &[0, 2, 1, 2])],
        ),
        case(
            Op::TopK { axis: 0, largest: false, sorted: true },
            &[x(), i(&[1], &[1])],
            &[f(&[1, 3], &[3., 1., 3.]), i(&[1, 3], &[0, 0, 0])],
        ),
        case(Op::LpNorm { axis: 0, p: 2 }, &[f(&[2, 2], &[3., 0., 4., 0.])], &[f(&[2, 2], &[0.6, 0., 0.8, 0.])]),
        case(Op::LpNorm { axis: 1, p: 1 }, &[f(&[1, 2], &[-1., 3.])], &[f(&[1, 2], &[-0.25, 0.75])]),
    ]
}
