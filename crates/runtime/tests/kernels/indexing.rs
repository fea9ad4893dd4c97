//! Gathering and scattering.

use super::support::{Case, b, case, count, f, i};
use modelport_ir::Op;
use modelport_ir::core::ScatterReduction;

pub(crate) fn cases() -> Vec<Case> {
    let mut all = vec![
        case(Op::Gather { axis: 1 }, &[count(&[2, 3]), i(&[1, 2], &[-1, 0])], &[f(&[2, 1, 2], &[2., 0., 5., 3.])]),
        case(Op::Gather { axis: 0 }, &[count(&[3]), i(&[], &[1])], &[f(&[], &[1.])]),
        case(
            Op::GatherElements { axis: 1 },
            &[count(&[2, 3]), i(&[2, 2], &[0, 2, -1, 0])],
            &[f(&[2, 2], &[0., 2., 5., 3.])],
        ),
        case(Op::GatherNd { batch_dims: 0 }, &[count(&[2, 2]), i(&[2, 2], &[0, 0, 1, -1])], &[f(&[2], &[0., 3.])]),
        case(
            Op::GatherNd { batch_dims: 1 },
            &[count(&[2, 2, 2]), i(&[2, 1], &[1, 0])],
            &[f(&[2, 2], &[2., 3., 4., 5.])],
        ),
    ];
    all.extend(scatters());
    all
}

fn scatters() -> Vec<Case> {
    let elements = |reduction, y: &[f32]| {
        case(
            Op::ScatterElements { axis: 1, reduction },
            &[f(&[1, 3], &[1., 2., 3.]), i(&[1, 2], &[1, 1]), f(&[1, 2], &[5., 0.5])],
            &[f(&[1, 3], y)],
        )
    };
    vec![
        elements(ScatterReduction::None, &[1., 0.5, 3.]),
        elements(ScatterReduction::Add, &[1., 7.5, 3.]),
        elements(ScatterReduction::Mul, &[1., 5., 3.]),
        elements(ScatterReduction::Max, &[1., 5., 3.]),
        elements(ScatterReduction::Min, &[1., 0.5, 3.]),
        case(
            Op::ScatterNd { reduction: ScatterReduction::None },
            &[count(&[3, 2]), i(&[1, 1], &[-1]), f(&[1, 2], &[7., 8.])],
            &[f(&[3, 2], &[0., 1., 2., 3., 7., 8.])],
        ),
        case(
            Op::ScatterNd { reduction: ScatterReduction::Add },
            &[i(&[2, 2], &[1, 2, 3, 4]), i(&[2, 2], &[0, 1, 0, 1]), i(&[2], &[10, 20])],
            &[i(&[2, 2], &[1, 32, 3, 4])],
        ),
        case(
            Op::ScatterNd { reduction: ScatterReduction::Add },
            &[b(&[2], &[0, 1]), i(&[1, 1], &[0]), b(&[1], &[1])],
            &[b(&[2], &[1, 1])],
        ),
    ]
}
