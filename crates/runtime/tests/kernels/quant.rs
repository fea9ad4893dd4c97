//! Quantisation.

use super::support::{Case, case, f, u8s};
use modelport_ir::{DType, Op};
use modelport_runtime::Array;
use modelport_runtime::array::{F8E4M3, F8E5M2};

pub(crate) fn cases() -> Vec<Case> {
    let q = |axis, block| Op::QuantizeLinear { axis, to: DType::U8, saturate: true, block };
    let i8s = |v: &[i8]| Array::from_vec(&[v.len()], v.to_vec()).unwrap();
    vec![
        case(
            q(1, 0),
            &[f(&[6], &[0., 2., 3., 1000., -254., -1000.]), f(&[], &[2.]), u8s(&[], &[128])],
            &[u8s(&[6], &[128, 129, 130, 255, 1, 0])],
        ),
        case(
            q(1, 0),
            &[f(&[1, 2, 1], &[10., 10.]), f(&[2], &[2., 5.]), u8s(&[2], &[1, 2])],
            &[u8s(&[1, 2, 1], &[6, 4])],
        ),
        case(q(1, 2), &[f(&[1, 4], &[2., 4., 6., 8.]), f(&[1, 2], &[1., 2.])], &[u8s(&[1, 4], &[2, 4, 3, 4])]),
        case(
            Op::QuantizeLinear { axis: 0, to: DType::I8, saturate: true, block: 0 },
            &[f(&[3], &[-1000., 0.5, 1.5]), f(&[], &[1.])],
            &[i8s(&[-128, 0, 2])],
        ),
        case(
            Op::QuantizeLinear { axis: 0, to: DType::F8E4M3, saturate: false, block: 0 },
            &[f(&[3], &[0.5, 448., 1000.]), f(&[], &[1.])],
            &[Array::from_vec(&[3], vec![F8E4M3(0x30), F8E4M3(0x7e), F8E4M3(0x7f)]).unwrap()],
        ),
        case(
            Op::QuantizeLinear { axis: 0, to: DType::F8E5M2, saturate: true, block: 0 },
            &[f(&[1], &[1e6]), f(&[], &[1.])],
            &[Array::from_vec(&[1], vec![F8E5M2(0x7b)]).unwrap()],
        ),
        case(
            Op::DequantizeLinear { axis: 1, block: 0 },
            &[u8s(&[4], &[0, 3, 128, 255]), f(&[], &[2.]), u8s(&[], &[128])],
            &[f(&[4], &[-256., -250., 0., 254.])],
        ),
        case(
            Op::DequantizeLinear { axis: 0, block: 0 },
            &[i8s(&[-1, 5]), f(&[2], &[0.5, 2.]), i8s(&[1, 1])],
            &[f(&[2], &[-1., 8.])],
        ),
    ]
}
