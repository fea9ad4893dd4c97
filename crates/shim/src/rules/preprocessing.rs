//! Preprocessing layers, which were experimental until TensorFlow 2.6 and changed their arguments. Facts:
//! `facts/keras_layers.tsv`, `tensorflow/python/keras/layers/preprocessing` of TensorFlow 2.2 to 2.5.

use crate::rule::{Edit, Rule, rule};
use crate::version::{BEFORE_3, Range};
use modelport_ir::Attr;

pub(crate) const RULES: &[Rule] = &[
    rule("category_encoding", &["CategoryEncoding"], BEFORE_3, |e| {
        e.rename(&[("max_tokens", "num_tokens")]);
        output_mode(e);
    }),
    rule("discretization_bins", &["Discretization"], BEFORE_3, bins),
    rule("integer_lookup", &["IntegerLookup"], BEFORE_3, |e| {
        e.rename(&[("max_values", "max_tokens"), ("mask_value", "mask_token"), ("oov_value", "oov_token")]);
        output_mode(e);
        e.drop(&["has_static_table"]);
    }),
    rule("string_lookup", &["StringLookup"], BEFORE_3, |e| {
        output_mode(e);
        e.drop(&["has_static_table"]);
    }),
    rule("random_rotation_range", &["RandomRotation"], Range((3, 0, 0), (3, 6, 0)), |e| e.drop(&["value_range"])),
];

/// `binary` was renamed in TensorFlow 2.6.
fn output_mode(e: &mut Edit<'_>) {
    e.convert("output_mode", "output_mode", |a| match a.as_str()? {
        "binary" => Some(Attr::Str("multi_hot".into())),
        "tf-idf" => Some(Attr::Str("tf_idf".into())),
        _ => None,
    });
}

/// `bins` was the list of boundaries until TensorFlow 2.4, a number as well later.
fn bins(e: &mut Edit<'_>) {
    match e.op.attrs.get("bins") {
        Some(Attr::List(_)) => e.rename(&[("bins", "bin_boundaries")]),
        Some(Attr::Int(_)) => e.rename(&[("bins", "num_bins")]),
        _ => {}
    }
}
