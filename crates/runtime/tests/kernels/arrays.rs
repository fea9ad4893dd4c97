//! Arrays: bytes, conversions, access.

use super::support::{close, d, f, i, strs};
use modelport_ir::{DType, Tensor};
use modelport_runtime::Array;

const REAL: [DType; 15] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::BF16,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::Bool,
    DType::F8E4M3,
    DType::F8E5M2,
];

#[test]
fn tensors_come_back_as_they_were() {
    for dtype in REAL {
        let tensor = Tensor::from_f64s(dtype, &[2, 2], &[0., 1., 1., 0.]).unwrap();
        let array = Array::from_tensor(&tensor).unwrap();
        assert_eq!(array.ty(), tensor.ty());
        assert_eq!(array.to_f64s().unwrap(), [0., 1., 1., 0.]);
        assert_eq!(array.to_tensor().unwrap(), tensor);
    }
    let words = Tensor::from_strings(vec![2], vec![b"a".to_vec(), b"bc".to_vec()]).unwrap();
    assert_eq!(Array::from_tensor(&words).unwrap(), strs(&["a", "bc"]));
    assert_eq!(strs(&["a", "bc"]).to_tensor().unwrap(), words);
    let complex = Tensor::from_bytes(DType::C64, vec![1], vec![0u8; 8]).unwrap();
    assert!(Array::from_tensor(&complex).is_err());
}

#[test]
fn every_type_converts_to_every_other() {
    for from in REAL {
        for to in REAL.into_iter().chain([DType::Str]) {
            let x = d(&[2], &[0., 1.]).cast(from).unwrap();
            let back = x.cast(to).unwrap().cast(DType::F64);
            let words = to == DType::Str && from == DType::Bool;
            // `True` is a word, not a number.
            assert!(if words { back.is_err() } else { back.unwrap() == d(&[2], &[0., 1.]) }, "{from} to {to}");
        }
    }
    assert!(strs(&["x"]).cast(DType::F32).is_err());
}

#[test]
fn column_major_arrays_are_read_in_logical_order() {
    let columns = ndarray::ArrayD::from_shape_vec(ndarray::IxDyn(&[3, 2]), vec![1f32, 2., 3., 4., 5., 6.]).unwrap();
    let turned = Array::from(columns.reversed_axes());
    close(&turned.reshape(&[6]).unwrap(), &f(&[6], &[1., 3., 5., 2., 4., 6.])).unwrap();
    let op = modelport_ir::Op::Softmax { axis: 1 };
    let inputs = [Some(turned.clone())];
    let out = super::support::run_op(&op, &inputs, false, &modelport_runtime::Options::default()).unwrap();
    assert_eq!(out[0].shape(), [2, 3]);
    assert_eq!(Array::from_tensor(&turned.to_tensor().unwrap()).unwrap(), turned);
    assert!(i(&[2], &[1, 2]).reshape(&[3]).is_err());
}
