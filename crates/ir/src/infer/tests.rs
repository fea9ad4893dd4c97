//! What inference says of each family, through the builder.
#![allow(clippy::unwrap_used)]

use crate::core::{BinaryOp, DataLayout, Direction, KernelLayout, Padding, PoolKind, ReduceKind, UnaryOp};
use crate::{Builder, DType, Dim, Op, Tensor, TensorType, ValueId, verify};

fn dims(text: &str) -> Vec<Dim> {
    let dim = |t: &str| match t {
        "?" => Dim::Unknown,
        t => t.parse().map_or_else(|_| Dim::symbol(t), Dim::Known),
    };
    text.split(',').filter(|t| !t.is_empty()).map(dim).collect()
}

fn f32_input(b: &mut Builder, shape: &str) -> ValueId {
    b.input("x", TensorType::new(DType::F32, dims(shape)))
}

fn shapes(op: Op, operands: &[&str]) -> Result<Vec<String>, String> {
    let mut b = Builder::new("t");
    let ids: Vec<_> = operands.iter().map(|s| Some(f32_input(&mut b, s))).collect();
    let out = b.add(op, &ids).map_err(|d| d.to_string())?;
    let text = out.iter().map(|&id| b.ty(id).to_string()).collect();
    for id in out {
        b.output("y", id);
    }
    verify(b.graph()).map_err(|d| d.to_string())?;
    Ok(text)
}

fn reshaped(from: &str, to: &[i64]) -> Result<String, String> {
    let mut b = Builder::new("t");
    let x = f32_input(&mut b, from);
    b.reshape(x, to).map(|y| b.ty(y).to_string()).map_err(|d| d.to_string())
}

#[test]
fn elementwise_broadcasts_and_is_strict() {
    let add = || Op::Binary(BinaryOp::Add);
    assert_eq!(shapes(add(), &["N,1,3", "5,1"]).unwrap(), ["f32[N,5,3]"]);
    assert_eq!(shapes(add(), &["N,4", "N,4"]).unwrap(), ["f32[N,4]"]);
    assert_eq!(shapes(add(), &["N", "M"]).unwrap(), ["f32[?]"]);
    assert_eq!(shapes(add(), &["N", "7"]).unwrap(), ["f32[7]"]);
    assert!(shapes(add(), &["2,3", "2,4"]).is_err());
    assert_eq!(shapes(Op::Binary(BinaryOp::Less), &["N", "N"]).unwrap(), ["bool[N]"]);
    let mut b = Builder::new("t");
    let x = f32_input(&mut b, "N");
    let i = b.scalar(DType::I64, 1.0);
    assert!(b.binary(BinaryOp::Add, x, i).is_err());
    assert!(b.unary(UnaryOp::Not, x).is_err());
}

fn conv(stride: usize, padding: Padding, data: DataLayout, kernel: KernelLayout, groups: usize) -> Op {
    Op::Conv { strides: vec![stride; 2], dilations: vec![1; 2], padding, groups, data, kernel }
}

#[test]
fn convolution_in_both_layouts() {
    use DataLayout::*;
    use KernelLayout::*;
    let last = |s, p, g| conv(s, p, ChannelsLast, SpatialInOut, g);
    assert_eq!(shapes(last(2, Padding::SameUpper, 1), &["N,225,224,3", "3,3,3,32"]).unwrap(), ["f32[N,113,112,32]"]);
    assert_eq!(shapes(last(1, Padding::SameUpper, 1), &["N,h,w,3", "3,3,3,8"]).unwrap(), ["f32[N,h,w,8]"]);
    assert_eq!(shapes(last(1, Padding::valid(2), 4), &["N,8,9,4", "3,3,1,4"]).unwrap(), ["f32[N,6,7,4]"]);
    let first = conv(2, Padding::Explicit(vec![(0, 1), (0, 1)]), ChannelsFirst, OutInSpatial, 1);
    assert_eq!(shapes(first, &["1,3,224,224", "16,3,3,3", "16"]).unwrap(), ["f32[1,16,112,112]"]);
    assert!(shapes(last(1, Padding::valid(2), 1), &["N,8,8,4", "3,3,3,4"]).is_err());
    assert!(shapes(last(1, Padding::valid(2), 1), &["N,2,8,4", "3,3,4,4"]).is_err());
}

#[test]
fn pools_round_up_only_while_windows_start_inside() {
    let pool = |n: usize, pad: usize, ceil_mode| Op::Pool {
        kind: PoolKind::Max,
        window: vec![n],
        strides: vec![2],
        dilations: vec![1],
        padding: Padding::Explicit(vec![(pad, pad)]),
        ceil_mode,
        count_include_pad: false,
        data: DataLayout::ChannelsFirst,
    };
    assert_eq!(shapes(pool(2, 0, false), &["N,4,7"]).unwrap(), ["f32[N,4,3]"]);
    assert_eq!(shapes(pool(2, 0, true), &["N,4,7"]).unwrap(), ["f32[N,4,4]"]);
    // torch.nn.MaxPool1d(2, 2, padding=1, ceil_mode=True) of 5 elements gives 3, not 4.
    assert_eq!(shapes(pool(2, 1, true), &["N,4,5"]).unwrap(), ["f32[N,4,3]"]);
}

#[test]
fn reshape_keeps_symbols_that_cancel() {
    assert_eq!(reshaped("N,7,7,64", &[-1, 3136]).unwrap(), "f32[N,3136]");
    assert_eq!(reshaped("N,7,7,64", &[0, -1]).unwrap(), "f32[N,3136]");
    assert_eq!(reshaped("?,7,7,64", &[0, -1]).unwrap(), "f32[?,3136]");
    assert_eq!(reshaped("N,T,6", &[0, -1, 2, 3]).unwrap(), "f32[N,T,2,3]");
    assert_eq!(reshaped("N,T,6", &[-1, 6]).unwrap(), "f32[?,6]");
    assert!(reshaped("2,3", &[4, -1]).is_err());
    assert!(reshaped("2,3", &[7]).is_err());
}

#[test]
fn linear_algebra() {
    assert_eq!(shapes(Op::MatMul, &["N,T,4", "4,5"]).unwrap(), ["f32[N,T,5]"]);
    assert_eq!(shapes(Op::MatMul, &["4", "N,4,5"]).unwrap(), ["f32[N,5]"]);
    assert!(shapes(Op::MatMul, &["N,4", "5,6"]).is_err());
    let gemm = || Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true };
    assert_eq!(shapes(gemm(), &["N,4", "5,4", "5"]).unwrap(), ["f32[N,5]"]);
    let einsum = |e: &str| Op::Einsum { equation: e.into() };
    assert_eq!(shapes(einsum("abc,cde->abde"), &["N,T,8", "8,2,4"]).unwrap(), ["f32[N,T,2,4]"]);
    assert_eq!(shapes(einsum("...x,xy->...y"), &["N,T,8", "8,3"]).unwrap(), ["f32[N,T,3]"]);
    assert!(shapes(einsum("ab,bc->ad"), &["2,3", "3,4"]).is_err());
}

#[test]
fn recurrent_shapes() {
    let op = Op::Lstm {
        hidden: 5,
        direction: Direction::Bidirectional,
        activations: vec![],
        clip: None,
        input_forget: false,
    };
    let got = shapes(op, &["T,N,3", "2,20,3", "2,20,5", "2,40"]).unwrap();
    assert_eq!(got, ["f32[T,2,N,5]", "f32[2,N,5]", "f32[2,N,5]"]);
}

#[test]
fn shape_arithmetic_keeps_the_batch() {
    let mut b = Builder::new("t");
    let x = f32_input(&mut b, "N,3,4");
    let n = b.dim(x, 0).unwrap();
    let rest = b.ints(&[12]);
    let shape = b.concat(&[n, rest], 0).unwrap();
    let y = b.one(Op::Reshape { allow_zero: false }, &[x, shape]).unwrap();
    assert_eq!(b.ty(y).to_string(), "f32[N,12]");
    let width = b.dim(x, 2).unwrap();
    assert_eq!(b.as_constant(width), Some(&Tensor::ints(&[4])));
}

#[test]
fn slices_clamp() {
    let slice = |from: &str, start, end, step| {
        let mut b = Builder::new("t");
        let x = f32_input(&mut b, from);
        let y = b.slice_axis(x, 1, start, end, step).unwrap();
        b.ty(y).to_string()
    };
    assert_eq!(slice("N,10", 2, 100, 3), "f32[N,3]");
    assert_eq!(slice("N,10", -1, i64::MIN, -2), "f32[N,5]");
    assert_eq!(slice("N,10", 8, 3, 1), "f32[N,0]");
    assert_eq!(slice("N,T", 0, i64::MAX, 1), "f32[N,T]");
    assert_eq!(slice("N,T", -1, i64::MIN, -1), "f32[N,T]");
    assert_eq!(slice("N,T", 1, i64::MAX, 1), "f32[N,?]");
}

#[test]
fn reductions_and_joins() {
    let sum = |axes: Vec<i64>, keepdims| Op::Reduce { kind: ReduceKind::Sum, axes, keepdims };
    assert_eq!(shapes(sum(vec![1, -2], true), &["N,4,5,6"]).unwrap(), ["f32[N,1,1,6]"]);
    assert_eq!(shapes(sum(vec![], false), &["N,4"]).unwrap(), ["f32[]"]);
    assert!(shapes(sum(vec![2], false), &["N,4"]).is_err());
    assert_eq!(shapes(Op::Concat { axis: -1 }, &["N,4", "N,5"]).unwrap(), ["f32[N,9]"]);
    assert!(shapes(Op::Concat { axis: 1 }, &["2,4", "3,4"]).is_err());
}

#[test]
fn constants_move_unread_and_equal_numpy() {
    let mut b = Builder::new("t");
    let w = b.constant("w", Tensor::floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    let m = b.reshape(w, &[2, -1]).unwrap();
    let t = b.transpose(m, &[1, 0]).unwrap();
    let got = b.as_constant(t).unwrap().to_f64s().unwrap();
    assert_eq!(got, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn verifier_rejects_a_wrong_recorded_type() {
    let mut g = crate::CoreGraph::new("t");
    let x = g.add_input("x", TensorType::known(DType::F32, &[2, 3]));
    let wrong = vec![("y".to_owned(), TensorType::known(DType::F32, &[2, 3]))];
    let y = g.add_node(Op::Transpose { perm: vec![1, 0] }, vec![Some(x)], "t", wrong);
    g.add_output("y", y[0]);
    assert_eq!(verify(&g).unwrap_err().code, modelport_diag::Code::IR_INVALID);
}

#[test]
fn small_constants_are_computed() {
    let mut b = Builder::new("t");
    let x = b.constant("", Tensor::floats(&[1.5, -2.0, 0.1, 4.0, 5.0, 6.0]).reshape(vec![2, 3]).unwrap());
    let row = b.constant("", Tensor::floats(&[0.1, 0.2, 0.3]));
    let values = |b: &Builder, id| b.as_constant(id).unwrap().to_f64s().unwrap();
    let sum = b.binary(BinaryOp::Add, x, row).unwrap();
    let want = [1.5f32 + 0.1, -2.0 + 0.2, 0.1 + 0.3, 4.0 + 0.1, 5.0 + 0.2, 6.0 + 0.3].map(f64::from);
    assert_eq!(values(&b, sum), want);
    let max = b.reduce(ReduceKind::Max, x, &[0], false).unwrap();
    assert_eq!(values(&b, max), [4.0, 5.0, 6.0]);
    let mean = b.reduce(ReduceKind::Mean, x, &[-1], true).unwrap();
    assert_eq!(values(&b, mean)[1], 5.0);
    let at = b.ints(&[2, -3]);
    let picked = b.one(Op::Gather { axis: 1 }, &[x, at]).unwrap();
    assert_eq!(values(&b, picked), [f64::from(0.1f32), 1.5, 6.0, 4.0]);
    let twice = b.ints(&[1, 2]);
    let tiled = b.one(Op::Tile, &[picked, twice]).unwrap();
    assert_eq!(values(&b, tiled)[4..], [6.0, 4.0, 6.0, 4.0]);
    let cut = b.slice_axis(x, 1, -1, i64::MIN, -2).unwrap();
    assert_eq!(values(&b, cut), [f64::from(0.1f32), 1.5, 6.0, 4.0]);
    let zero = b.ints(&[0]);
    let n = b.ints(&[7]);
    let bad = b.binary(BinaryOp::Div, n, zero).unwrap();
    assert!(b.as_constant(bad).is_none());
}
