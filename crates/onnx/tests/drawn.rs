//! Operators that draw from distributions that the core lacks, and shapes of random numbers that only the running model knows.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use modelport_diag::Limits;
use modelport_ir::core::CustomResult;
use modelport_ir::{Attr, Builder, CoreGraph, DType, Dim, Op, TensorType, verify};
use modelport_onnx::{WriteOptions, equivalent, read_bytes, to_bytes};
use modelport_storage::MappedFile;
use std::collections::BTreeMap;

fn there_and_back(graph: &CoreGraph) -> CoreGraph {
    let bytes = to_bytes(graph, &WriteOptions::default()).unwrap_or_else(|d| panic!("{d}"));
    let read = read_bytes(MappedFile::from_bytes("case.onnx", bytes), &Limits::default());
    let read = read.unwrap_or_else(|d| panic!("{d}"));
    verify(&read).unwrap();
    read
}

/// A model of the one operator, which the writer takes as it is.
fn of(op_type: &str, attributes: &[(&str, Attr)], result: DType) -> CoreGraph {
    let mut b = Builder::new("case");
    let shape = vec![Dim::symbol("N"), Dim::Known(3)];
    let x = b.input("x", TensorType::new(DType::F32, shape.clone()));
    let attributes: BTreeMap<String, Attr> = attributes.iter().map(|(n, a)| ((*n).to_owned(), a.clone())).collect();
    let results = vec![CustomResult { dtype: result, shape }];
    let op = Op::Custom { domain: String::new(), op_type: op_type.to_owned(), attributes, results };
    let y = b.one(op, &[x]).unwrap();
    b.output("y", y);
    there_and_back(&b.finish())
}

#[test]
fn distributions_are_said_by_uniform_numbers() {
    let draws = |g: &CoreGraph| g.nodes().iter().filter(|n| n.op.name() == "RandomUniform").count();
    let bernoulli = of("Bernoulli", &[("dtype", Attr::Int(9)), ("seed", Attr::Float(3.0))], DType::Bool);
    assert_eq!((draws(&bernoulli), bernoulli.ty(bernoulli.outputs()[0].value).to_string()), (1, "bool[N,3]".into()));
    let multinomial = of("Multinomial", &[("sample_size", Attr::Int(5))], DType::I32);
    let ty = multinomial.ty(multinomial.outputs()[0].value).to_string();
    assert_eq!((draws(&multinomial), ty), (1, "i32[N,5]".into()));
}

#[test]
fn a_shape_known_when_the_model_runs() {
    let mut b = Builder::new("case");
    let shape = b.input("shape", TensorType::known(DType::I64, &[2]));
    for dtype in [DType::F32, DType::F16] {
        let y = b.one(Op::RandomNormal { dtype, mean: 1.0, scale: 0.5, seed: None }, &[shape]).unwrap();
        b.output("y", y);
    }
    let graph = b.finish();
    equivalent(&graph, &there_and_back(&graph)).unwrap_or_else(|d| panic!("{d}"));
}
