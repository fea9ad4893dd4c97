//! Extreme integers in every operand that holds some: a result or a diagnostic, never a panic or a defect.

use super::support::{count, f, i, run_op};
use modelport_diag::Code;
use modelport_ir::core::{CoordinateMode, NearestMode, PadMode, ResizeMode, ScatterReduction};
use modelport_ir::{DType, Op};
use modelport_runtime::{Array, Options};

const EXTREMES: [i64; 9] = [i64::MIN, i64::MIN + 1, -3, -1, 0, 1, 2, 1 << 40, i64::MAX];

/// Operand lists of an op, with two extremes filled in.
fn uses(a: i64, b: i64) -> Vec<(Op, Vec<Array>)> {
    let x = || count(&[2, 3]);
    let pair = || i(&[2], &[a, b]);
    let scalar = |v| i(&[], &[v]);
    let resize = Op::Resize {
        mode: ResizeMode::Linear,
        coordinates: CoordinateMode::AlignCorners,
        nearest: NearestMode::Floor,
        cubic_a: -0.75,
        antialias: true,
        exclude_outside: true,
        extrapolation: 0.,
        axes: vec![],
    };
    let reduction = ScatterReduction::Add;
    let mut all = vec![
        (Op::Reshape { allow_zero: false }, vec![x(), pair()]),
        (Op::Reshape { allow_zero: true }, vec![x(), pair()]),
        (Op::Expand, vec![x(), pair()]),
        (Op::Tile, vec![x(), pair()]),
        (Op::Slice, vec![x(), i(&[1], &[a]), i(&[1], &[b])]),
        (Op::Slice, vec![x(), i(&[1], &[a]), i(&[1], &[1]), i(&[1], &[1]), i(&[1], &[b])]),
        (Op::Slice, vec![x(), i(&[1], &[0]), i(&[1], &[a]), i(&[1], &[b])]),
        (Op::Gather { axis: 0 }, vec![x(), pair()]),
        (Op::GatherElements { axis: 1 }, vec![x(), i(&[1, 2], &[a, b])]),
        (Op::GatherNd { batch_dims: 0 }, vec![x(), i(&[1, 2], &[a, b])]),
        (Op::ScatterElements { axis: 0, reduction }, vec![x(), i(&[1, 2], &[a, b]), count(&[1, 2])]),
        (Op::ScatterNd { reduction }, vec![x(), i(&[1, 2], &[a, b]), count(&[1])]),
        (Op::OneHot { axis: 0 }, vec![i(&[1], &[a]), scalar(b), f(&[2], &[0., 1.])]),
        (Op::TopK { axis: 0, largest: true, sorted: true }, vec![x(), i(&[1], &[a])]),
        (Op::Range, vec![scalar(a), scalar(b), scalar(1)]),
        (Op::Range, vec![scalar(0), scalar(a), scalar(b)]),
        (Op::ReverseSequence { batch_axis: 0, time_axis: 1 }, vec![x(), pair()]),
        (Op::Trilu { upper: true }, vec![x(), scalar(a)]),
        (Op::EyeLike { dtype: Some(DType::F64), k: a }, vec![x()]),
        (Op::Shape { start: a, end: Some(b) }, vec![x()]),
        (Op::NonMaxSuppression { center_point_box: true }, vec![count(&[1, 2, 4]), count(&[1, 1, 2]), i(&[1], &[a])]),
        (resize, vec![x(), f(&[2], &[a as f32, b as f32])]),
    ];
    let modes = PadMode::ALL.iter().map(|&mode| (Op::Pad { mode }, vec![x(), i(&[4], &[a, 0, b, 0])]));
    all.extend(modes);
    all
}

#[test]
fn extreme_integers_are_values_or_diagnostics() {
    let options = Options { value_bytes: 1 << 20, ..Options::default() };
    for a in EXTREMES {
        for b in EXTREMES {
            for (op, operands) in uses(a, b) {
                let operands: Vec<_> = operands.into_iter().map(Some).collect();
                if let Err(d) = run_op(&op, &operands, false, &options) {
                    assert!(d.code == Code::RUN_FAILED || d.code == Code::IR_TYPE, "{op:?} {a} {b}: {d}");
                }
            }
        }
    }
}
