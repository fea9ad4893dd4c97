//! Shapes and movement.

use super::support::{Case, b, case, case_opt, count, f, i, strs};
use modelport_ir::core::{DataLayout, DepthToSpaceMode, PadMode};
use modelport_ir::{DType, Op};
use modelport_runtime::Array;

pub(crate) fn cases() -> Vec<Case> {
    let mut all = shapes();
    all.extend(pads());
    all.extend(generated());
    all.extend(blocks());
    all
}

fn shapes() -> Vec<Case> {
    let x = || count(&[2, 3]);
    vec![
        case(Op::Reshape { allow_zero: false }, &[x(), i(&[2], &[3, -1])], &[count(&[3, 2])]),
        case(Op::Reshape { allow_zero: false }, &[x(), i(&[3], &[0, 1, 3])], &[count(&[2, 1, 3])]),
        case(Op::Reshape { allow_zero: true }, &[f(&[0, 2], &[]), i(&[2], &[3, 0])], &[f(&[3, 0], &[])]),
        case(Op::Transpose { perm: vec![1, 0] }, &[x()], &[f(&[3, 2], &[0., 3., 1., 4., 2., 5.])]),
        case(Op::Transpose { perm: vec![0] }, &[strs(&["a", "b"])], &[strs(&["a", "b"])]),
        case(Op::Flatten { axis: 1 }, &[count(&[2, 1, 3])], &[x()]),
        case(Op::Flatten { axis: 0 }, &[x()], &[count(&[1, 6])]),
        case(Op::Squeeze { axes: vec![-2] }, &[count(&[2, 1, 3])], &[x()]),
        case(Op::Unsqueeze { axes: vec![0, -1] }, &[count(&[3])], &[count(&[1, 3, 1])]),
        case(
            Op::Expand,
            &[f(&[2, 1], &[1., 2.]), i(&[3], &[2, 1, 2])],
            &[f(&[2, 2, 2], &[1., 1., 2., 2., 1., 1., 2., 2.])],
        ),
        case(Op::Tile, &[count(&[2, 1]), i(&[2], &[1, 2])], &[f(&[2, 2], &[0., 0., 1., 1.])]),
        case(Op::Concat { axis: 1 }, &[x(), f(&[2, 1], &[8., 9.])], &[f(&[2, 4], &[0., 1., 2., 8., 3., 4., 5., 9.])]),
        case(Op::Split { axis: 1, sizes: vec![1, 2] }, &[x()], &[f(&[2, 1], &[0., 3.]), f(&[2, 2], &[1., 2., 4., 5.])]),
        case(
            Op::Slice,
            &[x(), i(&[2], &[0, 5]), i(&[2], &[1, -100]), i(&[2], &[0, 1]), i(&[2], &[1, -2])],
            &[f(&[1, 2], &[2., 0.])],
        ),
        case(Op::Slice, &[x(), i(&[1], &[-1]), i(&[1], &[i64::MAX])], &[f(&[1, 3], &[3., 4., 5.])]),
        case_opt(
            Op::Slice,
            vec![Some(count(&[5])), Some(i(&[1], &[1])), Some(i(&[1], &[5])), None, Some(i(&[1], &[3]))],
            &[f(&[2], &[1., 4.])],
        ),
    ]
}

fn pads() -> Vec<Case> {
    let pad =
        |mode, y: &[f32]| case(Op::Pad { mode }, &[f(&[3], &[1., 2., 3.]), i(&[2], &[2, 1])], &[f(&[y.len()], y)]);
    vec![
        pad(PadMode::Constant, &[0., 0., 1., 2., 3., 0.]),
        pad(PadMode::Reflect, &[3., 2., 1., 2., 3., 2.]),
        pad(PadMode::Edge, &[1., 1., 1., 2., 3., 3.]),
        pad(PadMode::Wrap, &[2., 3., 1., 2., 3., 1.]),
        case(
            Op::Pad { mode: PadMode::Constant },
            &[count(&[2, 2]), i(&[4], &[-1, 1, 0, 0]), f(&[], &[9.])],
            &[f(&[1, 3], &[9., 2., 3.])],
        ),
    ]
}

fn generated() -> Vec<Case> {
    let square = || f(&[2, 3], &[1., 2., 3., 4., 5., 6.]);
    vec![
        case(Op::Shape { start: 0, end: None }, &[count(&[2, 3])], &[i(&[2], &[2, 3])]),
        case(Op::Shape { start: -1, end: Some(9) }, &[count(&[2, 3])], &[i(&[1], &[3])]),
        case(Op::Size, &[count(&[2, 3])], &[i(&[], &[6])]),
        case(Op::Range, &[f(&[], &[1.]), f(&[], &[2.]), f(&[], &[0.3])], &[f(&[4], &[1., 1.3, 1.6, 1.9])]),
        case(Op::Range, &[i(&[], &[5]), i(&[], &[0]), i(&[], &[-2])], &[i(&[3], &[5, 3, 1])]),
        case(
            Op::OneHot { axis: -1 },
            &[i(&[3], &[1, -1, 7]), i(&[], &[3]), f(&[2], &[0.5, 2.])],
            &[f(&[3, 3], &[0.5, 2., 0.5, 0.5, 0.5, 2., 0.5, 0.5, 0.5])],
        ),
        case(
            Op::OneHot { axis: 0 },
            &[i(&[2], &[0, 1]), i(&[1], &[2]), i(&[2], &[0, 1])],
            &[i(&[2, 2], &[1, 0, 0, 1])],
        ),
        case(Op::Trilu { upper: true }, &[square()], &[f(&[2, 3], &[1., 2., 3., 0., 5., 6.])]),
        case(Op::Trilu { upper: false }, &[square(), i(&[], &[1])], &[f(&[2, 3], &[1., 2., 0., 4., 5., 6.])]),
        case(Op::EyeLike { dtype: Some(DType::I64), k: 1 }, &[square()], &[i(&[2, 3], &[0, 1, 0, 0, 0, 1])]),
        case(Op::EyeLike { dtype: None, k: -1 }, &[square()], &[f(&[2, 3], &[0., 0., 0., 1., 0., 0.])]),
        case(
            Op::ReverseSequence { batch_axis: 0, time_axis: 1 },
            &[square(), i(&[2], &[2, 3])],
            &[f(&[2, 3], &[2., 1., 3., 6., 5., 4.])],
        ),
    ]
}

fn blocks() -> Vec<Case> {
    let (first, last) = (DataLayout::ChannelsFirst, DataLayout::ChannelsLast);
    let op = |mode, data| Op::DepthToSpace { block: 2, mode, data };
    let pixels = |c: &[usize]| count(c);
    vec![
        // Eight channels of one pixel: two channels of 2×2 pixels.
        case(
            op(DepthToSpaceMode::Dcr, first),
            &[pixels(&[1, 8, 1, 1])],
            &[f(&[1, 2, 2, 2], &[0., 2., 4., 6., 1., 3., 5., 7.])],
        ),
        case(op(DepthToSpaceMode::Crd, first), &[pixels(&[1, 8, 1, 1])], &[pixels(&[1, 2, 2, 2])]),
        case(op(DepthToSpaceMode::Dcr, last), &[pixels(&[1, 1, 1, 8])], &[pixels(&[1, 2, 2, 2])]),
        case(
            op(DepthToSpaceMode::Crd, last),
            &[pixels(&[1, 1, 1, 8])],
            &[f(&[1, 2, 2, 2], &[0., 4., 1., 5., 2., 6., 3., 7.])],
        ),
        case(
            Op::SpaceToDepth { block: 2, data: first },
            &[f(&[1, 2, 2, 2], &[0., 2., 4., 6., 1., 3., 5., 7.])],
            &[pixels(&[1, 8, 1, 1])],
        ),
        case(Op::SpaceToDepth { block: 2, data: last }, &[pixels(&[1, 2, 2, 2])], &[pixels(&[1, 1, 1, 8])]),
        case(Op::Compress { axis: Some(1) }, &[count(&[2, 3]), b(&[3], &[0, 1, 1])], &[f(&[2, 2], &[1., 2., 4., 5.])]),
        case(Op::Compress { axis: None }, &[count(&[2, 3]), b(&[2], &[0, 1])], &[f(&[1], &[1.])]),
        case(Op::NonZero, &[f(&[2, 2], &[1., 0., 2., 3.])], &[i(&[2, 3], &[0, 1, 1, 0, 0, 1])]),
        case(
            Op::Unique { axis: None, sorted: true },
            &[f(&[6], &[2., 1., 1., 3., 4., 3.])],
            &[f(&[4], &[1., 2., 3., 4.]), i(&[4], &[1, 0, 3, 4]), i(&[6], &[1, 0, 0, 2, 3, 2]), i(&[4], &[2, 1, 2, 1])],
        ),
        case(
            Op::Unique { axis: None, sorted: false },
            &[strs(&["b", "a", "b"])],
            &[strs(&["b", "a"]), i(&[2], &[0, 1]), i(&[3], &[0, 1, 0]), i(&[2], &[2, 1])],
        ),
        case(
            Op::Unique { axis: Some(0), sorted: true },
            &[f(&[3, 2], &[1., 0., 1., 0., 0., 5.])],
            &[
                f(&[2, 2], &[0., 5., 1., 0.]),
                i(&[2], &[2, 0]),
                i(&[3], &[1, 1, 0]),
                Array::from_vec(&[2], vec![1i64, 2]).unwrap(),
            ],
        ),
    ]
}
