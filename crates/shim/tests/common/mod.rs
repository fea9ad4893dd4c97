//! Makes small source graphs as the Keras reader does.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use modelport_ir::{Attr, DType, Dialect, SourceGraph, SourceOp, Tensor};
use modelport_shim::{Applied, apply};
use std::collections::BTreeMap;

pub(crate) fn op(class: &str, attrs: &[(&str, Attr)]) -> SourceOp {
    let mut op = SourceOp::new(Dialect::Keras, class);
    op.attrs = attrs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    op
}

pub(crate) fn with_weights(mut op: SourceOp, weights: &[(&str, &[usize])]) -> SourceOp {
    // Every element of every weight differs, so that a wrong order shows.
    let mut next = 1.0;
    for (name, shape) in weights {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| next + i as f64).collect();
        next += n as f64;
        op.weights.push(((*name).to_owned(), Tensor::from_f64s(DType::F32, shape, &values).unwrap()));
    }
    op
}

pub(crate) fn s(text: &str) -> Attr {
    Attr::Str(text.into())
}

pub(crate) fn i(n: i64) -> Attr {
    Attr::Int(n)
}

pub(crate) fn ints(values: &[i64]) -> Attr {
    Attr::List(values.iter().map(|&n| Attr::Int(n)).collect())
}

pub(crate) fn map(entries: &[(&str, Attr)]) -> Attr {
    Attr::Map(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<BTreeMap<_, _>>())
}

pub(crate) fn graph(version: Option<&str>, op: SourceOp) -> SourceGraph {
    let mut g = SourceGraph::new("model");
    g.provenance.framework = "keras".into();
    g.provenance.version = version.map(str::to_owned);
    let x = g.add_input("x", None);
    let y = g.add_node(op, vec![Some(x)], "layer", vec![("layer".into(), None)]);
    g.add_output("layer", y[0]);
    g
}

/// The op after the shim, and what it said.
pub(crate) fn shim(version: &str, op: SourceOp) -> (SourceOp, Vec<Applied>) {
    run(graph(Some(version), op))
}

pub(crate) fn run(graph: SourceGraph) -> (SourceOp, Vec<Applied>) {
    let (graph, applied) = apply(graph);
    (graph.nodes()[0].op.clone(), applied)
}

pub(crate) fn names(applied: &[Applied]) -> Vec<&'static str> {
    applied.iter().map(|a| a.rule).collect()
}

/// The attributes without those that are not asked about.
pub(crate) fn expect(op: &SourceOp, class: &str, attrs: &[(&str, Attr)]) {
    assert_eq!(op.name, class);
    let want: BTreeMap<_, _> = attrs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    assert_eq!(op.attrs, want);
}

pub(crate) fn values(op: &SourceOp, weight: &str) -> (Vec<usize>, Vec<f64>) {
    let t = op.weight(weight).unwrap_or_else(|| panic!("no weight {weight}"));
    (t.shape().to_vec(), t.to_f64s().unwrap())
}
