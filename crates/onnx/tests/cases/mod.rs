//! One graph for each core op and for each of its forms that an opset writes in its own way. Shared by the tests and by
//! the example that writes them for onnxruntime.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod loops;

use modelport_ir::core::*;
use modelport_ir::{Builder, CoreGraph, DType, Dim, Op, Tensor, TensorType, ValueId};

fn ty(dtype: DType, dims: &str) -> TensorType {
    let dim = |t: &str| t.parse().map_or_else(|_| Dim::symbol(t), Dim::Known);
    TensorType::new(dtype, dims.split(',').filter(|t| !t.is_empty()).map(dim).collect::<Vec<_>>())
}

fn weight(dtype: DType, shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n).map(|i| ((i * 37 + 11) % 101) as f64 / 101.0 - 0.45).collect();
    Tensor::from_f64s(dtype, shape, &values).unwrap()
}

/// A graph of `op` over inputs of these types and, behind them, constants.
fn with(op: Op, inputs: &[(DType, &str)], constants: Vec<Option<Tensor>>) -> CoreGraph {
    let mut b = Builder::new("case");
    let mut operands: Vec<Option<ValueId>> = Vec::new();
    for (i, (d, dims)) in inputs.iter().enumerate() {
        operands.push(Some(b.input(format!("x{i}"), ty(*d, dims))));
    }
    for (i, c) in constants.into_iter().enumerate() {
        operands.push(c.map(|c| b.constant(format!("w{i}"), c)));
    }
    b.push_scope("layer");
    let out = b.add(op, &operands).unwrap();
    b.pop_scope();
    for (i, id) in out.into_iter().enumerate() {
        b.output(format!("y{i}"), id);
    }
    b.finish()
}

fn f(op: Op, dims: &[&str], constants: Vec<Option<Tensor>>) -> CoreGraph {
    let inputs: Vec<_> = dims.iter().map(|d| (DType::F32, *d)).collect();
    with(op, &inputs, constants)
}

fn ints(v: &[i64]) -> Option<Tensor> {
    Some(Tensor::ints(v))
}

fn w(shape: &[usize]) -> Option<Tensor> {
    Some(weight(DType::F32, shape))
}

type Cases = Vec<(String, CoreGraph)>;

pub fn all() -> Cases {
    let mut c = Vec::new();
    elementwise(&mut c);
    activations(&mut c);
    reductions(&mut c);
    linear(&mut c);
    windows(&mut c);
    norms(&mut c);
    movement(&mut c);
    indexing(&mut c);
    images(&mut c);
    loops::recurrent(&mut c);
    quantised(&mut c);
    loops::control(&mut c);
    c
}

fn elementwise(c: &mut Cases) {
    use BinaryOp::*;
    for &u in UnaryOp::ALL {
        let op = || Op::Unary(u);
        match u {
            UnaryOp::Not => c.push(("Not".into(), with(op(), &[(DType::Bool, "N,3")], vec![]))),
            UnaryOp::BitwiseNot => {
                for d in [DType::I32, DType::U8, DType::I64] {
                    c.push((format!("BitwiseNot-{d}"), with(op(), &[(d, "N,3")], vec![])));
                }
            }
            _ => c.push((u.name().into(), f(op(), &["N,3"], vec![]))),
        }
    }
    for d in [DType::I32, DType::U8, DType::I8] {
        c.push((format!("Relu-{d}"), with(Op::Unary(UnaryOp::Relu), &[(d, "N,3")], vec![])));
        c.push((format!("Neg-{d}"), with(Op::Unary(UnaryOp::Neg), &[(d, "N,3")], vec![])));
        c.push((format!("Floor-{d}"), with(Op::Unary(UnaryOp::Floor), &[(d, "N,3")], vec![])));
    }
    for &b in BinaryOp::ALL {
        let types: &[DType] = match b {
            And | Or | Xor => &[DType::Bool],
            BitwiseAnd | BitwiseOr | BitwiseXor => &[DType::I32, DType::U8],
            ShiftLeft | ShiftRight => &[DType::U32, DType::U8],
            Pow | PRelu => &[DType::F32],
            _ => &[DType::F32, DType::I32, DType::I64, DType::I8],
        };
        for &d in types {
            c.push((format!("{}-{d}", b.name()), with(Op::Binary(b), &[(d, "N,4,3"), (d, "4,1")], vec![])));
        }
    }
    for (from, to) in
        [(DType::F32, DType::I32), (DType::I64, DType::F32), (DType::F32, DType::F16), (DType::F32, DType::Bool)]
    {
        c.push((format!("Cast-{from}-{to}"), with(Op::Cast { to }, &[(from, "N,3")], vec![])));
    }
    c.push(("Where".into(), with(Op::Where, &[(DType::Bool, "N,1"), (DType::F32, "3"), (DType::F32, "N,3")], vec![])));
}

fn activations(c: &mut Cases) {
    let mut add = |name: &str, op: Op| c.push((name.into(), f(op, &["N,4,5"], vec![])));
    add("Elu", Op::Elu { alpha: 0.7 });
    add("Selu", Op::Selu { alpha: 1.6, gamma: 1.05 });
    add("Celu", Op::Celu { alpha: 0.6 });
    add("LeakyRelu", Op::LeakyRelu { alpha: 0.3 });
    add("HardSigmoid", Op::HardSigmoid { alpha: 0.2, beta: 0.5 });
    add("ThresholdedRelu", Op::ThresholdedRelu { alpha: 0.1 });
    add("Shrink", Op::Shrink { bias: 0.1, lambd: 0.2 });
    add("Gelu", Op::Gelu { approximate: false });
    add("Gelu-tanh", Op::Gelu { approximate: true });
    add("Softmax-last", Op::Softmax { axis: -1 });
    add("Softmax-1", Op::Softmax { axis: 1 });
    add("LogSoftmax-1", Op::LogSoftmax { axis: 1 });
    add("Hardmax-1", Op::Hardmax { axis: 1 });
    let scalar = |d, v| Some(Tensor::scalar(d, v));
    c.push(("Clip".into(), f(Op::Clip, &["N,3"], vec![scalar(DType::F32, -0.2), scalar(DType::F32, 0.3)])));
    c.push(("Clip-max".into(), f(Op::Clip, &["N,3"], vec![None, scalar(DType::F32, 0.3)])));
    let int = with(Op::Clip, &[(DType::I32, "N,3")], vec![scalar(DType::I32, -1.0), scalar(DType::I32, 2.0)]);
    c.push(("Clip-i32".into(), int));
}

fn reductions(c: &mut Cases) {
    for &kind in ReduceKind::ALL {
        for (name, axes, keepdims) in
            [("some", vec![1, -1], true), ("all", vec![], false), ("spatial", vec![2, 3], true)]
        {
            // Logarithms want positive numbers.
            let mut b = Builder::new("case");
            let x = b.input("x0", ty(DType::F32, "N,3,4,5"));
            b.push_scope("layer");
            let x = b.unary(UnaryOp::Abs, x).unwrap();
            let y = b.reduce(kind, x, &axes, keepdims).unwrap();
            b.output("y0", y);
            c.push((format!("Reduce-{}-{name}", kind.name()), b.finish()));
        }
    }
    let i32s = |kind| with(Op::Reduce { kind, axes: vec![1], keepdims: false }, &[(DType::I32, "N,3")], vec![]);
    c.push(("Reduce-max-i32".into(), i32s(ReduceKind::Max)));
    for kind in [ArgKind::Max, ArgKind::Min] {
        for select_last in [false, true] {
            let op = Op::ArgReduce { kind, axis: 1, keepdims: !select_last, select_last };
            c.push((format!("Arg{}-{select_last}", kind.name()), f(op, &["N,4,3"], vec![])));
        }
    }
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
        let name = format!("{exclusive}-{reverse}");
        c.push((format!("CumSum-{name}"), f(Op::CumSum { axis: 1, exclusive, reverse }, &["N,5,2"], vec![])));
        c.push((format!("CumProd-{name}"), f(Op::CumProd { axis: 1, exclusive, reverse }, &["N,5,2"], vec![])));
    }
    c.push(("TopK".into(), f(Op::TopK { axis: -1, largest: true, sorted: true }, &["N,6"], vec![ints(&[3])])));
}

fn linear(c: &mut Cases) {
    c.push(("MatMul".into(), f(Op::MatMul, &["N,3,4"], vec![w(&[4, 5])])));
    let gemm = Op::Gemm { alpha: 0.5, beta: 2.0, trans_a: false, trans_b: true };
    c.push(("Gemm".into(), f(gemm.clone(), &["N,4"], vec![w(&[5, 4]), w(&[5])])));
    c.push(("Gemm-no-c".into(), f(gemm, &["N,4"], vec![w(&[5, 4])])));
    let einsum = Op::Einsum { equation: "abc,cd->abd".into() };
    c.push(("Einsum".into(), f(einsum, &["N,3,4"], vec![w(&[4, 2])])));
}

fn windows(c: &mut Cases) {
    let conv = |stride: usize, padding, groups| Op::Conv {
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        padding,
        groups,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::OutInSpatial,
    };
    let explicit = || Padding::Explicit(vec![(0, 1), (1, 2)]);
    c.push(("Conv".into(), f(conv(1, Padding::valid(2), 1), &["N,3,8,8"], vec![w(&[4, 3, 3, 3]), w(&[4])])));
    c.push(("Conv-same".into(), f(conv(2, Padding::SameUpper, 1), &["N,3,8,9"], vec![w(&[4, 3, 3, 2])])));
    c.push(("Conv-same-dynamic".into(), f(conv(2, Padding::SameUpper, 1), &["N,3,h,w"], vec![w(&[4, 3, 3, 2])])));
    c.push(("Conv-pads".into(), f(conv(2, explicit(), 3), &["N,3,8,9"], vec![w(&[6, 1, 3, 3])])));
    let transposed = |stride: usize, padding, output_padding, output_shape| Op::ConvTranspose {
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        padding,
        output_padding,
        output_shape,
        groups: 1,
        data: DataLayout::ChannelsFirst,
        kernel: KernelLayout::InOutSpatial,
    };
    let k = || vec![w(&[3, 4, 3, 3]), w(&[4])];
    c.push(("ConvT".into(), f(transposed(2, Padding::valid(2), vec![], vec![]), &["N,3,4,5"], k())));
    c.push(("ConvT-same".into(), f(transposed(2, Padding::SameUpper, vec![], vec![]), &["N,3,4,5"], k())));
    c.push(("ConvT-same-4".into(), f(transposed(4, Padding::SameUpper, vec![], vec![]), &["N,3,h,w"], k())));
    c.push(("ConvT-outpad".into(), f(transposed(2, explicit(), vec![1, 0], vec![]), &["N,3,4,5"], k())));
    c.push(("ConvT-shape".into(), f(transposed(2, Padding::SameUpper, vec![], vec![8, 9]), &["N,3,4,5"], k())));
    for &kind in PoolKind::ALL {
        for (name, padding, ceil_mode, count_include_pad) in [
            ("valid", Padding::valid(2), false, false),
            ("same", Padding::SameUpper, false, false),
            ("count", Padding::Explicit(vec![(1, 1), (1, 1)]), false, true),
            ("ceil", Padding::valid(2), true, false),
        ] {
            let op = Op::Pool {
                kind,
                window: vec![3, 3],
                strides: vec![2, 2],
                dilations: vec![1, 1],
                padding,
                ceil_mode,
                count_include_pad,
                data: DataLayout::ChannelsFirst,
            };
            c.push((format!("Pool-{}-{name}", kind.name()), f(op, &["N,2,8,10"], vec![])));
        }
    }
    let indexed = Op::MaxPoolWithIndex {
        window: vec![2],
        strides: vec![2],
        dilations: vec![1],
        padding: Padding::valid(1),
        ceil_mode: false,
    };
    c.push(("MaxPoolWithIndex".into(), f(indexed, &["N,2,8"], vec![])));
}

fn norms(c: &mut Cases) {
    let positive = |n: usize| Some(Tensor::from_f64s(DType::F32, &[n], &vec![0.7; n]).unwrap());
    let four = |n: usize| vec![w(&[n]), w(&[n]), w(&[n]), positive(n)];
    c.push(("BatchNorm".into(), f(Op::BatchNorm { axis: 1, epsilon: 1e-3 }, &["N,3,4"], four(3))));
    c.push(("BatchNorm-last".into(), f(Op::BatchNorm { axis: -1, epsilon: 1e-3 }, &["N,3,4"], four(4))));
    let layer = || Op::LayerNorm { axis: -2, epsilon: 1e-3 };
    c.push(("LayerNorm".into(), f(layer(), &["N,3,4"], vec![w(&[3, 4]), w(&[3, 4])])));
    c.push(("LayerNorm-bare".into(), f(layer(), &["N,3,4"], vec![])));
    c.push(("LayerNorm-bias".into(), f(layer(), &["N,3,4"], vec![None, w(&[3, 4])])));
    c.push(("RmsNorm".into(), f(Op::RmsNorm { axis: -1, epsilon: 1e-3 }, &["N,3,4"], vec![w(&[4])])));
    c.push(("RmsNorm-bare".into(), f(Op::RmsNorm { axis: -1, epsilon: 1e-3 }, &["N,3,4"], vec![])));
    let data = DataLayout::ChannelsFirst;
    c.push(("InstanceNorm".into(), f(Op::InstanceNorm { epsilon: 1e-3, data }, &["N,3,4,5"], vec![w(&[3]), w(&[3])])));
    let group = || Op::GroupNorm { groups: 2, epsilon: 1e-3, data };
    c.push(("GroupNorm".into(), f(group(), &["N,4,4,5"], vec![w(&[4]), w(&[4])])));
    c.push(("GroupNorm-bare".into(), f(group(), &["N,4,h,w"], vec![])));
    c.push(("LpNorm".into(), f(Op::LpNorm { axis: -1, p: 2 }, &["N,5"], vec![])));
    c.push(("Lrn".into(), f(Op::Lrn { size: 3, alpha: 1e-3, beta: 0.7, bias: 1.0, data }, &["N,5,4,4"], vec![])));
}

fn movement(c: &mut Cases) {
    c.push(("Reshape".into(), f(Op::Reshape { allow_zero: false }, &["N,3,4"], vec![ints(&[0, -1])])));
    c.push(("Reshape-allowzero".into(), f(Op::Reshape { allow_zero: true }, &["N,3,4"], vec![ints(&[-1, 12])])));
    c.push(("Transpose".into(), f(Op::Transpose { perm: vec![0, 2, 1] }, &["N,3,4"], vec![])));
    c.push(("Flatten".into(), f(Op::Flatten { axis: 1 }, &["N,3,4"], vec![])));
    c.push(("Squeeze".into(), f(Op::Squeeze { axes: vec![-2] }, &["N,1,4"], vec![])));
    c.push(("Unsqueeze".into(), f(Op::Unsqueeze { axes: vec![1, -1] }, &["N,4"], vec![])));
    c.push(("Expand".into(), f(Op::Expand, &["N,1,4"], vec![ints(&[3, 1])])));
    c.push(("Tile".into(), f(Op::Tile, &["N,2"], vec![ints(&[1, 3])])));
    c.push(("Concat".into(), f(Op::Concat { axis: 1 }, &["N,2", "N,3"], vec![])));
    c.push(("Split".into(), f(Op::Split { axis: 1, sizes: vec![2, 3] }, &["N,5"], vec![])));
    c.push(("Slice".into(), f(Op::Slice, &["N,6"], vec![ints(&[4]), ints(&[-7]), ints(&[1]), ints(&[-2])])));
    for &mode in PadMode::ALL {
        c.push((format!("Pad-{}", mode.name()), f(Op::Pad { mode }, &["N,4,5"], vec![ints(&[0, 1, 2, 0, 1, 0])])));
    }
    let value = vec![ints(&[0, -1, 2, 0]), Some(Tensor::scalar(DType::F32, 1.5))];
    c.push(("Pad-value".into(), f(Op::Pad { mode: PadMode::Constant }, &["N,4"], value)));
    c.push(("Shape".into(), f(Op::Shape { start: 0, end: None }, &["N,h,w"], vec![])));
    c.push(("Shape-part".into(), f(Op::Shape { start: -2, end: Some(-1) }, &["N,h,w"], vec![])));
    c.push(("Size".into(), f(Op::Size, &["N,h"], vec![])));
    c.push(("Range".into(), with(Op::Range, &[(DType::I64, ""), (DType::I64, ""), (DType::I64, "")], vec![])));
    for upper in [true, false] {
        c.push((format!("Trilu-{upper}"), f(Op::Trilu { upper }, &["N,4,5"], vec![])));
        let k = vec![Some(Tensor::int_scalar(1))];
        c.push((format!("Trilu-{upper}-k"), f(Op::Trilu { upper }, &["N,4,5"], k)));
    }
    c.push(("EyeLike".into(), f(Op::EyeLike { dtype: Some(DType::I32), k: 1 }, &["N,5"], vec![])));
    let uniform = |dtype, seed| Op::RandomUniform { dtype, low: -0.5, high: 2.0, seed };
    let normal = |dtype| Op::RandomNormal { dtype, mean: 0.0, scale: 1.0, seed: None };
    c.push(("RandomUniform".into(), with(uniform(DType::F32, None), &[], vec![ints(&[2, 3])])));
    c.push(("RandomNormal".into(), with(normal(DType::F64), &[], vec![ints(&[2, 3])])));
    for (name, op) in [("Uniform", uniform(DType::F32, Some(3.5))), ("Normal", normal(DType::F64))] {
        let mut b = Builder::new("case");
        let x = b.input("x0", ty(DType::I32, "N,3"));
        b.push_scope("layer");
        let y = b.add(op, &[None, Some(x)]).unwrap()[0];
        b.output("y0", y);
        c.push((format!("Random{name}-like"), b.finish()));
    }
    let data = DataLayout::ChannelsFirst;
    for &mode in DepthToSpaceMode::ALL {
        c.push((
            format!("DepthToSpace-{}", mode.name()),
            f(Op::DepthToSpace { block: 2, mode, data }, &["N,8,3,4"], vec![]),
        ));
    }
    c.push(("SpaceToDepth".into(), f(Op::SpaceToDepth { block: 2, data }, &["N,2,4,6"], vec![])));
}

fn indexing(c: &mut Cases) {
    let at = |shape: &[usize], v: &[i64]| Some(Tensor::ints(v).reshape(shape.to_vec()).unwrap());
    c.push(("Gather".into(), f(Op::Gather { axis: 1 }, &["N,4,3"], vec![at(&[2, 2], &[0, -1, 2, 1])])));
    c.push(("GatherElements".into(), f(Op::GatherElements { axis: 1 }, &["2,3"], vec![at(&[2, 2], &[0, -1, 2, 1])])));
    c.push(("GatherNd".into(), f(Op::GatherNd { batch_dims: 0 }, &["2,3"], vec![at(&[2, 2], &[0, 1, 1, 2])])));
    c.push(("GatherNd-batch".into(), f(Op::GatherNd { batch_dims: 1 }, &["2,3"], vec![at(&[2, 1], &[0, 2])])));
    for &reduction in ScatterReduction::ALL {
        let op = Op::ScatterElements { axis: 1, reduction };
        c.push((
            format!("ScatterElements-{}", reduction.name()),
            f(op, &["2,3"], vec![at(&[2, 1], &[0, 2]), w(&[2, 1])]),
        ));
        let op = Op::ScatterNd { reduction };
        c.push((format!("ScatterNd-{}", reduction.name()), f(op, &["2,3"], vec![at(&[2, 1], &[0, 1]), w(&[2, 3])])));
    }
    let one_hot = vec![Some(Tensor::int_scalar(4)), w(&[2])];
    c.push(("OneHot".into(), with(Op::OneHot { axis: -1 }, &[(DType::I64, "N")], one_hot)));
    c.push(("NonZero".into(), f(Op::NonZero, &["N,3"], vec![])));
    let keep = Tensor::from_bytes(DType::Bool, vec![3], vec![1u8, 0, 1]).unwrap();
    c.push(("Compress".into(), f(Op::Compress { axis: Some(1) }, &["N,3"], vec![Some(keep)])));
    c.push(("Unique".into(), f(Op::Unique { axis: None, sorted: true }, &["N,3"], vec![])));
    let lengths = || vec![ints(&[2, 1])];
    let reverse = |batch_axis, time_axis| Op::ReverseSequence { batch_axis, time_axis };
    c.push(("ReverseSequence".into(), f(reverse(0, 1), &["2,3,4"], lengths())));
    c.push(("ReverseSequence-far".into(), f(reverse(0, 2), &["2,3,4"], lengths())));
}

fn images(c: &mut Cases) {
    for &mode in ResizeMode::ALL {
        for &coordinates in CoordinateMode::ALL {
            let resize = |nearest, antialias| Op::Resize {
                mode,
                coordinates,
                nearest,
                cubic_a: -0.5,
                antialias,
                exclude_outside: false,
                extrapolation: 0.0,
                axes: vec![2, 3],
            };
            if coordinates == CoordinateMode::TfHalfPixelForNn && mode != ResizeMode::Nearest {
                continue;
            }
            let name = format!("Resize-{}-{}", mode.name(), coordinates.name());
            let scales = Some(Tensor::floats(&[2.0, 1.5]));
            c.push((format!("{name}-scales"), f(resize(NearestMode::Floor, false), &["N,2,4,6"], vec![scales])));
            let sizes = || vec![None, ints(&[7, 9])];
            c.push((format!("{name}-sizes"), f(resize(NearestMode::Floor, false), &["N,2,4,6"], sizes())));
            let twice = vec![None, ints(&[8, 12])];
            c.push((format!("{name}-twice"), f(resize(NearestMode::Floor, false), &["N,2,4,6"], twice)));
        }
    }
    for &mode in GridMode::ALL {
        let op = Op::GridSample { mode, padding: GridPadding::Border, align_corners: false };
        c.push((format!("GridSample-{}", mode.name()), f(op, &["N,2,4,4", "N,3,3,2"], vec![])));
    }
    for half_pixel in [false, true] {
        let op = Op::RoiAlign {
            average: true,
            output_height: 2,
            output_width: 2,
            sampling_ratio: 2,
            spatial_scale: 1.0,
            half_pixel,
        };
        let rois = Tensor::from_f64s(DType::F32, &[1, 4], &[0.0, 0.0, 3.0, 3.0]).unwrap();
        c.push((format!("RoiAlign-{half_pixel}"), f(op, &["N,2,4,4"], vec![Some(rois), ints(&[0])])));
    }
    let nms = vec![ints(&[3]), Some(Tensor::floats(&[0.5]).reshape(vec![]).unwrap())];
    c.push((
        "NonMaxSuppression".into(),
        f(Op::NonMaxSuppression { center_point_box: false }, &["1,5,4", "1,2,5"], nms),
    ));
}

fn quantised(c: &mut Cases) {
    for to in [DType::U8, DType::I8] {
        let scale = || Some(Tensor::scalar(DType::F32, 0.05));
        let op = || Op::QuantizeLinear { axis: 1, to, saturate: true, block: 0 };
        c.push((format!("QuantizeLinear-{to}"), f(op(), &["N,3"], vec![scale(), Some(Tensor::scalar(to, 3.0))])));
        c.push((format!("QuantizeLinear-{to}-bare"), f(op(), &["N,3"], vec![scale()])));
        let per_axis = Tensor::from_f64s(DType::F32, &[3], &[0.1, 0.2, 0.3]).unwrap();
        c.push((format!("QuantizeLinear-{to}-axis"), f(op(), &["N,3"], vec![Some(per_axis)])));
        let back = Op::DequantizeLinear { axis: 1, block: 0 };
        c.push((
            format!("DequantizeLinear-{to}"),
            with(back, &[(to, "N,3")], vec![scale(), Some(Tensor::scalar(to, 3.0))]),
        ));
    }
}
