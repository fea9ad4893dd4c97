//! Random ops that move, index and resample.

use crate::random::Random;
use modelport_ir::core::*;
use modelport_ir::{DType, Op, Tensor, TensorType, ValueId};
use modelport_runtime::Array;

pub(crate) fn moves(r: &mut Random<'_>) -> Vec<ValueId> {
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

pub(crate) fn indexing(r: &mut Random<'_>) -> Vec<ValueId> {
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

pub(crate) fn matrices(r: &mut Random<'_>) -> Vec<ValueId> {
    let dtype = r.number();
    let x = r.value(dtype, &[3, 4]);
    match r.dice.roll(8) {
        6 => {
            let shape = r.ints(&[2, 3]);
            r.add(Op::RandomUniform { dtype: DType::F32, low: 0.0, high: 1.0, seed: None }, &[shape])
        }
        7 => r.opt(Op::RandomNormal { dtype: DType::F16, mean: 0.0, scale: 1.0, seed: Some(3.0) }, &[None, Some(x)]),
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
            let ends = [0, 1 + r.dice.roll(9), 1 + r.dice.roll(3)];
            let ends = ends.map(|v| r.b.constant("", Tensor::scalar(DType::F32, v as f64)));
            r.add(Op::Range, &ends)
        }
    }
}

pub(crate) fn images(r: &mut Random<'_>) -> Vec<ValueId> {
    let float = r.dice.one_of(&[DType::F32, DType::F16]);
    let x = r.value(float, &[1, 2, 5, 6]);
    let align_corners = r.dice.coin();
    match r.dice.roll(5) {
        4 => {
            let (boxes, scores) = (r.value(DType::F32, &[1, 5, 4]), r.value(DType::F32, &[1, 2, 5]));
            let most = r.ints(&[3]);
            r.add(Op::NonMaxSuppression { center_point_box: align_corners }, &[boxes, scores, most])
        }
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

pub(crate) fn recurrent(r: &mut Random<'_>) -> Vec<ValueId> {
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
