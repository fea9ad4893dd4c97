//! Resampling, sampling, regions, boxes.

use super::support::{Case, case, case_opt, count, f, i};
use modelport_ir::Op;
use modelport_ir::core::{CoordinateMode, GridMode, GridPadding, NearestMode, ResizeMode};

/// Two axes of an image resampled by scales.
fn resize(mode: ResizeMode, coordinates: CoordinateMode, nearest: NearestMode, flags: [bool; 2], axes: &[i64]) -> Op {
    Op::Resize {
        mode,
        coordinates,
        nearest,
        cubic_a: -0.75,
        antialias: flags[0],
        exclude_outside: flags[1],
        extrapolation: 0.,
        axes: axes.to_vec(),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = resizes();
    all.extend(grids());
    all.extend(regions());
    all
}

fn resizes() -> Vec<Case> {
    use CoordinateMode::*;
    let line = |mode, coordinates, nearest, flags, x: &[f32], scale: f32, y: &[f32]| {
        case(
            resize(mode, coordinates, nearest, flags, &[0]),
            &[f(&[x.len()], x), f(&[1], &[scale])],
            &[f(&[y.len()], y)],
        )
    };
    let sized = |mode, coordinates, nearest, x: &[f32], n: i64, y: &[f32]| {
        case_opt(
            resize(mode, coordinates, nearest, [false; 2], &[]),
            vec![Some(f(&[x.len()], x)), None, Some(i(&[1], &[n]))],
            &[f(&[y.len()], y)],
        )
    };
    let (near, linear, cubic) = (ResizeMode::Nearest, ResizeMode::Linear, ResizeMode::Cubic);
    let (floor, plain) = (NearestMode::Floor, [false; 2]);
    let four = [1., 2., 3., 4.];
    vec![
        line(near, Asymmetric, floor, plain, &[1., 2.], 2., &[1., 1., 2., 2.]),
        line(near, HalfPixel, NearestMode::RoundPreferFloor, plain, &four, 0.5, &[1., 3.]),
        line(near, HalfPixel, NearestMode::RoundPreferCeil, plain, &four, 0.5, &[2., 4.]),
        line(near, Asymmetric, NearestMode::Ceil, plain, &[1., 2.], 2., &[1., 2., 2., 2.]),
        line(near, TfHalfPixelForNn, floor, plain, &four, 0.5, &[2., 4.]),
        line(linear, HalfPixel, floor, plain, &[1., 2.], 2., &[1., 1.25, 1.75, 2.]),
        line(linear, AlignCorners, floor, plain, &[1., 3.], 1.5, &[1., 2., 3.]),
        line(linear, PytorchHalfPixel, floor, plain, &four, 0.25, &[1.]),
        line(linear, HalfPixelSymmetric, floor, plain, &four, 0.5, &[1.5, 3.5]),
        // At 0.5 the triangle is two elements wide to each side: weights 1, 3, 3, 1 of 8 on 1, 1, 2, 3.
        line(linear, HalfPixel, floor, [true, false], &four, 0.5, &[1.625, 3.375]),
        line(
            cubic,
            HalfPixel,
            floor,
            plain,
            &four,
            2.,
            &[0.89453125, 1.19140625, 1.66796875, 2.296875, 2.703125, 3.33203125, 3.80859375, 4.10546875],
        ),
        line(cubic, HalfPixel, floor, [false, true], &[1., 1.], 2., &[1., 1., 1., 1.]),
        sized(linear, HalfPixel, floor, &[0., 3.], 3, &[0., 1.5, 3.]),
        sized(near, Asymmetric, floor, &[1., 2., 3.], 2, &[1., 2.]),
        case(
            resize(linear, AlignCorners, floor, plain, &[1, 2]),
            &[f(&[1, 2, 2], &[1., 2., 3., 4.]), f(&[2], &[1.5, 1.])],
            &[f(&[1, 3, 2], &[1., 2., 2., 3., 3., 4.])],
        ),
    ]
}

fn grids() -> Vec<Case> {
    let sample = |mode, padding, align_corners, at: &[f32], y: f32| {
        case(
            Op::GridSample { mode, padding, align_corners },
            &[f(&[1, 1, 2, 2], &[1., 2., 3., 4.]), f(&[1, 1, 1, 2], at)],
            &[f(&[1, 1, 1, 1], &[y])],
        )
    };
    let (linear, near) = (GridMode::Linear, GridMode::Nearest);
    vec![
        sample(linear, GridPadding::Zeros, true, &[0., 0.], 2.5),
        // x comes first: the right column of the upper row.
        sample(linear, GridPadding::Zeros, true, &[1., -1.], 2.),
        // Half a pixel outside: half of it is zero.
        sample(linear, GridPadding::Zeros, false, &[-1., -0.5], 0.5),
        sample(linear, GridPadding::Border, false, &[-1., -0.5], 1.),
        sample(linear, GridPadding::Border, false, &[5., 5.], 4.),
        sample(linear, GridPadding::Reflection, true, &[3., -1.], 1.),
        sample(near, GridPadding::Zeros, false, &[0.4, 0.4], 4.),
        sample(near, GridPadding::Zeros, false, &[3., 0.], 0.),
        sample(near, GridPadding::Reflection, false, &[2., -0.5], 2.),
        sample(GridMode::Cubic, GridPadding::Border, true, &[-1., 1.], 3.),
        sample(GridMode::Cubic, GridPadding::Border, true, &[0., 0.], 2.5),
        case(
            Op::GridSample { mode: linear, padding: GridPadding::Zeros, align_corners: true },
            &[count(&[1, 1, 2, 2, 2]), f(&[1, 1, 1, 1, 3], &[1., 0., -1.])],
            &[f(&[1, 1, 1, 1, 1], &[2.])],
        ),
    ]
}

fn regions() -> Vec<Case> {
    let roi = |average| Op::RoiAlign {
        average,
        output_height: 1,
        output_width: 2,
        sampling_ratio: 1,
        spatial_scale: 0.5,
        half_pixel: true,
    };
    let boxes = || f(&[1, 4, 4], &[0., 0., 1., 1., 0., 0.1, 1., 1.1, 0., 10., 1., 11., 0., 100., 1., 101.]);
    let scores = || f(&[1, 1, 4], &[0.9, 0.75, 0.6, 0.1]);
    vec![
        // The region covers columns 0…2 and rows 0…2 of a 4×4 ramp, less half a pixel.
        case(
            roi(true),
            &[count(&[1, 1, 4, 4]), f(&[1, 4], &[1., 1., 5., 5.]), i(&[1], &[0])],
            &[f(&[1, 1, 1, 2], &[4. + 0.5, 4. + 1.5])],
        ),
        case(
            roi(false),
            &[count(&[1, 1, 4, 4]), f(&[1, 4], &[1., 1., 5., 5.]), i(&[1], &[0])],
            &[f(&[1, 1, 1, 2], &[2.5, 3.])],
        ),
        case(
            Op::NonMaxSuppression { center_point_box: false },
            &[boxes(), scores(), i(&[1], &[3]), f(&[1], &[0.5]), f(&[1], &[0.2])],
            &[i(&[2, 3], &[0, 0, 0, 0, 0, 2])],
        ),
        case(
            Op::NonMaxSuppression { center_point_box: true },
            &[
                f(&[1, 2, 4], &[0.5, 0.5, 1., 1., 0.5, 0.6, 1., 1.]),
                f(&[1, 1, 2], &[0.1, 0.2]),
                i(&[1], &[5]),
                f(&[1], &[0.9]),
            ],
            &[i(&[2, 3], &[0, 0, 1, 0, 0, 0])],
        ),
        case(Op::NonMaxSuppression { center_point_box: false }, &[boxes(), scores()], &[i(&[0, 3], &[])]),
    ]
}
