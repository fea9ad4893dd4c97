//! Elementwise ops, activations, casts.

use super::support::{Case, b, case, case_opt, d, f, i, strs, u8s};
use half::f16;
use modelport_ir::core::{BinaryOp, UnaryOp};
use modelport_ir::{DType, Op};
use modelport_runtime::Array;

fn un(op: UnaryOp, x: &[f32], y: &[f32]) -> Case {
    case(Op::Unary(op), &[f(&[x.len()], x)], &[f(&[y.len()], y)])
}

fn bin(op: BinaryOp, x: &[f32], y: &[f32], z: &[f32]) -> Case {
    case(Op::Binary(op), &[f(&[x.len()], x), f(&[y.len()], y)], &[f(&[z.len()], z)])
}

fn ints(op: BinaryOp, x: &[i64], y: &[i64], z: &[i64]) -> Case {
    case(Op::Binary(op), &[i(&[x.len()], x), i(&[y.len()], y)], &[i(&[z.len()], z)])
}

fn compare(op: BinaryOp, z: &[u8]) -> Case {
    case(Op::Binary(op), &[f(&[4], &[1., 2., 3., f32::NAN]), f(&[1], &[2.])], &[b(&[4], z)])
}

fn act(op: Op, x: &[f32], y: &[f32]) -> Case {
    case(op, &[f(&[x.len()], x)], &[f(&[y.len()], y)])
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = unary();
    all.extend(binary());
    all.extend(activations());
    all.extend(conversions());
    all
}

fn unary() -> Vec<Case> {
    use UnaryOp::*;
    vec![
        un(Identity, &[1., -2.], &[1., -2.]),
        un(Abs, &[1., -2.], &[1., 2.]),
        case(Op::Unary(Abs), &[i(&[2], &[3, -4])], &[i(&[2], &[3, 4])]),
        un(Neg, &[1., -2.], &[-1., 2.]),
        un(Exp, &[0., 1.], &[1., std::f32::consts::E]),
        un(Log, &[1., 0.], &[0., f32::NEG_INFINITY]),
        un(Sqrt, &[9., 2.], &[3., 1.41421356]),
        un(Reciprocal, &[4., -0.5], &[0.25, -2.]),
        un(Floor, &[1.5, -1.5], &[1., -2.]),
        un(Ceil, &[1.5, -1.5], &[2., -1.]),
        un(Round, &[0.5, 1.5, 2.5, -1.5, 2.3], &[0., 2., 2., -2., 2.]),
        un(Sign, &[3., 0., -0.1], &[1., 0., -1.]),
        un(Sin, &[0.5], &[0.479425539]),
        un(Cos, &[0.5], &[0.877582562]),
        un(Tan, &[0.5], &[0.54630249]),
        un(Asin, &[0.5], &[0.523598776]),
        un(Acos, &[0.5], &[1.047197551]),
        un(Atan, &[0.5], &[0.463647609]),
        un(Sinh, &[0.5], &[0.521095305]),
        un(Cosh, &[0.5], &[1.127625965]),
        un(Asinh, &[0.5], &[0.481211825]),
        un(Acosh, &[1.5], &[0.962423650]),
        un(Atanh, &[0.5], &[0.549306144]),
        un(Erf, &[0.5, -1.], &[0.520499878, -0.842700793]),
        case(Op::Unary(Not), &[b(&[2], &[0, 1])], &[b(&[2], &[1, 0])]),
        case(Op::Unary(BitwiseNot), &[u8s(&[2], &[0, 0x0f])], &[u8s(&[2], &[0xff, 0xf0])]),
        case(Op::Unary(IsNaN), &[f(&[3], &[1., f32::NAN, f32::INFINITY])], &[b(&[3], &[0, 1, 0])]),
        case(Op::Unary(IsInf), &[f(&[3], &[f32::NEG_INFINITY, f32::NAN, 1.])], &[b(&[3], &[1, 0, 0])]),
        un(Relu, &[-1., 2., f32::NAN], &[0., 2., f32::NAN]),
        un(Sigmoid, &[0., 2.], &[0.5, 0.880797078]),
        un(Tanh, &[0.5], &[0.462117157]),
        un(Softplus, &[0., 100., -100.], &[0.693147181, 100., 0.]),
        un(Softsign, &[1., -3.], &[0.5, -0.75]),
        un(HardSwish, &[-4., 0., 1., 4.], &[0., 0., 0.666666667, 4.]),
        un(Mish, &[1., -1.], &[0.865098388, -0.303401461]),
    ]
}

fn binary() -> Vec<Case> {
    use BinaryOp::*;
    vec![
        case(
            Op::Binary(Add),
            &[f(&[2, 1], &[1., 2.]), f(&[3], &[10., 20., 30.])],
            &[f(&[2, 3], &[11., 21., 31., 12., 22., 32.])],
        ),
        case(Op::Binary(Add), &[u8s(&[1], &[250]), u8s(&[1], &[10])], &[u8s(&[1], &[4])]),
        bin(Sub, &[5., 1.], &[2.], &[3., -1.]),
        bin(Mul, &[5., 1.], &[2.], &[10., 2.]),
        bin(Div, &[5., -1.], &[2.], &[2.5, -0.5]),
        ints(Div, &[7, -7], &[2], &[3, -3]),
        bin(Pow, &[2., 9.], &[3., 0.5], &[8., 3.]),
        ints(Pow, &[2, -3, 1, 2], &[10, 3, -5, -1], &[1024, -27, 1, 0]),
        bin(Mod, &[-7., 7.], &[3., -3.], &[2., -2.]),
        ints(Mod, &[-7, 7, 6], &[3, -3, 3], &[2, -2, 0]),
        bin(Fmod, &[-7., 7.], &[3., -3.], &[-1., 1.]),
        ints(Fmod, &[-7, 7], &[3, -3], &[-1, 1]),
        bin(Max, &[1., f32::NAN, 3.], &[2., 2., f32::NAN], &[2., f32::NAN, f32::NAN]),
        bin(Min, &[1., f32::NAN, 3.], &[2., 2., 1.], &[1., f32::NAN, 1.]),
        bin(PRelu, &[-2., 4.], &[0.5], &[-1., 4.]),
        case(Op::Binary(And), &[b(&[4], &[0, 0, 1, 1]), b(&[4], &[0, 1, 0, 1])], &[b(&[4], &[0, 0, 0, 1])]),
        case(Op::Binary(Or), &[b(&[4], &[0, 0, 1, 1]), b(&[4], &[0, 1, 0, 1])], &[b(&[4], &[0, 1, 1, 1])]),
        case(Op::Binary(Xor), &[b(&[4], &[0, 0, 1, 1]), b(&[4], &[0, 1, 0, 1])], &[b(&[4], &[0, 1, 1, 0])]),
        ints(BitwiseAnd, &[12], &[10], &[8]),
        ints(BitwiseOr, &[12], &[10], &[14]),
        ints(BitwiseXor, &[12], &[10], &[6]),
        case(Op::Binary(ShiftLeft), &[u8s(&[3], &[1, 0x81, 1]), u8s(&[3], &[3, 1, 9])], &[u8s(&[3], &[8, 2, 0])]),
        case(Op::Binary(ShiftRight), &[u8s(&[3], &[8, 0x81, 1]), u8s(&[3], &[3, 1, 200])], &[u8s(&[3], &[1, 0x40, 0])]),
        compare(Equal, &[0, 1, 0, 0]),
        compare(Greater, &[0, 0, 1, 0]),
        compare(GreaterOrEqual, &[0, 1, 1, 0]),
        compare(Less, &[1, 0, 0, 0]),
        compare(LessOrEqual, &[1, 1, 0, 0]),
        case(Op::Binary(Equal), &[strs(&["a", "b"]), strs(&["a", "c"])], &[b(&[2], &[1, 0])]),
        case(
            Op::Binary(Greater),
            &[Array::from_vec(&[1], vec![u64::MAX]).unwrap(), Array::from_vec(&[1], vec![1u64]).unwrap()],
            &[b(&[1], &[1])],
        ),
    ]
}

fn activations() -> Vec<Case> {
    let x = [-1., 0., 2.];
    vec![
        act(Op::Elu { alpha: 2. }, &x, &[-1.264241118, 0., 2.]),
        act(Op::Selu { alpha: 2., gamma: 3. }, &x, &[-3.792723353, 0., 6.]),
        act(Op::Celu { alpha: 2. }, &x, &[-0.786938681, 0., 2.]),
        act(Op::LeakyRelu { alpha: 0.1 }, &x, &[-0.1, 0., 2.]),
        act(Op::HardSigmoid { alpha: 0.25, beta: 0.5 }, &[-1., 0., 3.], &[0.25, 0.5, 1.]),
        act(Op::ThresholdedRelu { alpha: 1. }, &[0.5, 1., 2.], &[0., 0., 2.]),
        act(Op::Shrink { bias: 0.5, lambd: 1. }, &[-2., 0.9, 2.], &[-1.5, 0., 1.5]),
        act(Op::Gelu { approximate: false }, &x, &[-0.158655254, 0., 1.954499736]),
        act(Op::Gelu { approximate: true }, &x, &[-0.158808009, 0., 1.954597694]),
        case(Op::Clip, &[f(&[3], &[-1., 3., 9.]), f(&[], &[0.]), f(&[], &[6.])], &[f(&[3], &[0., 3., 6.])]),
        case_opt(Op::Clip, vec![Some(i(&[2], &[-5, 5])), None, Some(i(&[], &[1]))], &[i(&[2], &[-5, 1])]),
        act(Op::Softmax { axis: 0 }, &[1., 2., 3.], &[0.0900305732, 0.244728471, 0.665240956]),
        act(Op::LogSoftmax { axis: -1 }, &[1., 2., 3.], &[-2.407605964, -1.407605964, -0.407605964]),
        act(Op::Hardmax { axis: 0 }, &[1., 3., 3.], &[0., 1., 0.]),
        case(Op::Softmax { axis: 0 }, &[f(&[2, 2], &[0., 1000., 0., 1000.])], &[f(&[2, 2], &[0.5, 0.5, 0.5, 0.5])]),
    ]
}

fn conversions() -> Vec<Case> {
    let halves = Array::from_vec(&[2], vec![f16::from_f32(1.5), f16::from_f32(-2.)]).unwrap();
    vec![
        case(Op::Cast { to: DType::I64 }, &[f(&[3], &[1.9, -1.9, 3.])], &[i(&[3], &[1, -1, 3])]),
        case(Op::Cast { to: DType::Bool }, &[f(&[3], &[0., 0.1, -2.])], &[b(&[3], &[0, 1, 1])]),
        case(Op::Cast { to: DType::F16 }, &[f(&[2], &[1.5, -2.])], std::slice::from_ref(&halves)),
        case(Op::Cast { to: DType::F32 }, std::slice::from_ref(&halves), &[f(&[2], &[1.5, -2.])]),
        case(Op::Cast { to: DType::F64 }, &[strs(&["1.5", " -2e3"])], &[d(&[2], &[1.5, -2000.])]),
        case(Op::Cast { to: DType::Str }, &[f(&[2], &[0.1, 1e-7])], &[strs(&["0.1", "1e-07"])]),
        case(Op::Cast { to: DType::U8 }, &[i(&[2], &[257, -1])], &[u8s(&[2], &[1, 255])]),
        case(
            Op::Unary(UnaryOp::Exp),
            std::slice::from_ref(&halves),
            &[Array::from_vec(&[2], vec![f16::from_f32(4.4816891), f16::from_f32(0.1353353)]).unwrap()],
        ),
        case(Op::Where, &[b(&[2, 1], &[1, 0]), f(&[2], &[1., 2.]), f(&[], &[9.])], &[f(&[2, 2], &[1., 2., 9., 9.])]),
    ]
}
