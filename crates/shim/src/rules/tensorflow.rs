//! Ops of TensorFlow under their names of today, and attributes that did not exist when a graph was written. A version
//! here is the graph's `versions.producer`. Facts: `tf_ops_deprecated.tsv`, `tf_ops.tsv` (TensorFlow 1.4 to 2.21).

use crate::rule::{Edit, Rule};
use crate::version::{ANY, Range};
use modelport_ir::{Attr, Dialect};

pub(crate) const RULES: &[Rule] = &[
    tensorflow("tf_batch_matrix_ops", &["BatchMatrix*"], ANY, |e| successor(e, BATCH_MATRIX)),
    tensorflow("tf_batch_fourier_ops", &["BatchFFT*", "BatchIFFT*"], ANY, |e| {
        let today = e.op.name.strip_prefix("Batch").map(str::to_owned);
        today.iter().for_each(|name| e.rename_class(name));
    }),
    // `k` was an attribute, and stays one: the lowering takes it from either place.
    tensorflow("tf_top_k", &["TopK"], ANY, |e| e.rename_class("TopKV2")),
    tensorflow("tf_squeeze_axis", &["Squeeze"], ANY, |e| e.rename(&[("axis", "squeeze_dims")])),
    tensorflow("tf_half_pixel_centers", RESAMPLING, before(38), |e| {
        absent(e, "half_pixel_centers", Attr::Bool(false), "pixels were points before it existed");
    }),
    tensorflow("tf_argmax_of_pools", &["MaxPoolWithArgmax"], before(38), |e| {
        absent(e, "include_batch_in_index", Attr::Bool(true), "indices counted over the whole batch before it existed");
    }),
    tensorflow("tf_gather_batches", &["GatherV2", "ResourceGather"], before(38), |e| {
        absent(e, "batch_dims", Attr::Int(0), "no axis was shared before it existed");
    }),
];

/// Ops that got the attribute `half_pixel_centers`.
const RESAMPLING: &[&str] = &["ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor"];

/// A row for TensorFlow ops.
const fn tensorflow(name: &'static str, ops: &'static [&'static str], by: Range, rewrite: fn(&mut Edit<'_>)) -> Rule {
    Rule { name, dialect: Dialect::TensorFlow, ops, written_by: by, rewrite }
}

/// Graphs of producers before this one.
const fn before(producer: u32) -> Range {
    Range((0, 0, 0), (producer, 0, 0))
}

/// Ops on matrices take any number of leading axes since producer 14.
const BATCH_MATRIX: &[(&str, &str)] = &[
    ("BatchMatrixBandPart", "MatrixBandPart"),
    ("BatchMatrixDeterminant", "MatrixDeterminant"),
    ("BatchMatrixDiag", "MatrixDiag"),
    ("BatchMatrixDiagPart", "MatrixDiagPart"),
    ("BatchMatrixInverse", "MatrixInverse"),
    ("BatchMatrixSetDiag", "MatrixSetDiag"),
    ("BatchMatrixSolve", "MatrixSolve"),
    ("BatchMatrixSolveLs", "MatrixSolveLs"),
    ("BatchMatrixTriangularSolve", "MatrixTriangularSolve"),
];

fn successor(e: &mut Edit<'_>, names: &[(&str, &str)]) {
    let today = names.iter().find(|(old, _)| *old == e.op.name).map(|(_, new)| *new);
    today.into_iter().for_each(|name| e.rename_class(name));
}

/// Writes an attribute that is not there.
fn absent(e: &mut Edit<'_>, name: &str, value: Attr, why: &str) {
    if e.has(name) {
        return;
    }
    let shown = match &value {
        Attr::Bool(b) => b.to_string(),
        Attr::Int(i) => i.to_string(),
        _ => "its default".to_owned(),
    };
    e.set(name, value);
    e.say(format!("`{name}` is {shown}: {why}"));
}
