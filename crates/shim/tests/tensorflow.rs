//! Rules for TensorFlow graphs, each on the smallest op that it changes.
#![allow(clippy::unwrap_used, reason = "tests")]

use modelport_ir::{Attr, Dialect, SourceGraph, SourceOp};
use modelport_shim::{Applied, apply};

fn shim(producer: Option<&str>, name: &str, attrs: &[(&str, Attr)]) -> (SourceOp, Vec<Applied>) {
    let mut op = SourceOp::new(Dialect::TensorFlow, name);
    op.attrs = attrs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let mut g = SourceGraph::new("graph");
    g.provenance.framework = "tensorflow".into();
    if let Some(p) = producer {
        g.provenance.details.insert("producer".into(), p.into());
    }
    let x = g.add_input("x", None);
    let y = g.add_node(op, vec![Some(x)], "node", vec![("node".into(), None)]);
    g.add_output("node", y[0]);
    let (g, applied) = apply(g);
    (g.nodes()[0].op.clone(), applied)
}

#[test]
fn ops_have_their_names_of_today() {
    for (old, new, rule) in [
        ("BatchMatrixBandPart", "MatrixBandPart", "tf_batch_matrix_ops"),
        ("BatchMatrixDiag", "MatrixDiag", "tf_batch_matrix_ops"),
        ("BatchMatrixInverse", "MatrixInverse", "tf_batch_matrix_ops"),
        ("BatchFFT2D", "FFT2D", "tf_batch_fourier_ops"),
        ("BatchIFFT", "IFFT", "tf_batch_fourier_ops"),
        ("TopK", "TopKV2", "tf_top_k"),
    ] {
        let (op, said) = shim(Some("8"), old, &[]);
        assert_eq!(op.name, new);
        assert_eq!((said.len(), said[0].rule), (1, rule), "{old}");
        assert!(said[0].text.contains(&format!("`{old}` is called `{new}` today")), "{}", said[0].text);
    }
}

#[test]
fn an_argument_of_python_is_an_attribute_of_the_op() {
    let (op, said) = shim(Some("26"), "Squeeze", &[("axis", Attr::List(vec![Attr::Int(1)]))]);
    assert_eq!(op.attr("squeeze_dims"), Some(&Attr::List(vec![Attr::Int(1)])));
    assert_eq!(said[0].rule, "tf_squeeze_axis");
}

#[test]
fn the_number_of_top_k_stays() {
    let (op, _) = shim(Some("6"), "TopK", &[("k", Attr::Int(3))]);
    assert_eq!(op.attr("k"), Some(&Attr::Int(3)));
}

#[test]
fn attributes_that_did_not_exist() {
    let (op, said) = shim(Some("27"), "ResizeBilinear", &[("align_corners", Attr::Bool(false))]);
    assert_eq!(op.attr("half_pixel_centers"), Some(&Attr::Bool(false)));
    assert_eq!(said[0].rule, "tf_half_pixel_centers");
    let (op, said) = shim(Some("26"), "MaxPoolWithArgmax", &[]);
    assert_eq!(said[0].rule, "tf_argmax_of_pools");
    assert_eq!(op.attr("include_batch_in_index"), Some(&Attr::Bool(true)));
    let (op, said) = shim(Some("38"), "MaxPoolWithArgmax", &[]);
    assert_eq!((op.attr("include_batch_in_index"), said.len()), (None, 0), "a newer graph may leave defaults out");
    let (op, said) = shim(Some("24"), "GatherV2", &[]);
    assert_eq!(said[0].rule, "tf_gather_batches");
    assert_eq!(op.attr("batch_dims"), Some(&Attr::Int(0)));
}

#[test]
fn what_is_right_stays() {
    let (op, said) = shim(Some("1645"), "Conv2D", &[("padding", Attr::Str("SAME".into()))]);
    assert_eq!((op.name.as_str(), said.len()), ("Conv2D", 0));
    let (_, said) = shim(Some("20"), "ResizeBilinear", &[("half_pixel_centers", Attr::Bool(true))]);
    assert_eq!(said, []);
    let (op, said) = shim(None, "MaxPoolWithArgmax", &[]);
    assert_eq!((op.attrs.len(), said.len()), (0, 0), "a graph that does not say its producer is taken for a new one");
}

#[test]
fn names_of_other_frameworks_are_not_touched() {
    let mut op = SourceOp::new(Dialect::Keras, "TopK");
    op.attrs.insert("k".into(), Attr::Int(1));
    let mut g = SourceGraph::new("graph");
    let x = g.add_input("x", None);
    let y = g.add_node(op, vec![Some(x)], "node", vec![("node".into(), None)]);
    g.add_output("node", y[0]);
    let (g, said) = apply(g);
    assert_eq!((g.nodes()[0].op.name.as_str(), said.len()), ("TopK", 0));
}
