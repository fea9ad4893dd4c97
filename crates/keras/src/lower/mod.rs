//! Lowering: a Keras source graph becomes a core graph, layer call by layer call.
//!
//! Owns: what every Keras layer and operation means, in the spelling of Keras 3.15. One family of layers a file, one row
//! a class. Must never know: file formats, older spellings (the shim has rewritten those), writers.

mod activation;
mod activation_layers;
mod attention;
mod attention_multi_head;
mod call;
mod config;
mod conv;
mod conv_lstm;
mod conv_transpose;
mod dense;
mod driver;
mod inference;
mod local;
mod merge;
mod norm;
mod operations;
mod operations_args;
mod operations_conv;
mod operations_core;
mod operations_image;
mod operations_index;
mod operations_loss;
mod operations_make;
mod operations_matrix;
mod operations_move;
mod operations_nan;
mod operations_nn;
mod operations_order;
mod operations_pointwise;
mod operations_quantile;
mod operations_reduce;
mod operations_scatter;
mod operations_shape;
mod operations_signal;
mod pool;
mod preprocessing;
mod preprocessing_kernels;
mod preprocessing_resize;
mod recurrent;
mod recurrent_bidirectional;
mod recurrent_cell;
mod recurrent_fused;
mod recurrent_layer;
mod recurrent_mask;
mod recurrent_shapes;
mod recurrent_steps;
mod reshape;
mod spatial;
mod spectrogram;
mod tf_lambda;
mod tf_lambda_args;
mod tf_lambda_image;
mod tf_lambda_shape;
mod tf_lambda_window;
mod tf_node;
mod tf_op_layer;
mod unknown;
mod wrappers;

pub use driver::lower;

use call::Call;
use modelport_diag::Result;
use modelport_ir::{Attr, SourceOp, ValueId};

/// What a row's function returns.
#[derive(Clone, Copy)]
pub(crate) enum Lower {
    /// A layer with one result.
    One(fn(&mut Call<'_>) -> Result<ValueId>),
    /// A layer with any number of results.
    Many(fn(&mut Call<'_>) -> Result<Vec<ValueId>>),
}

/// What becomes of the mask of the first input, unless the function says otherwise with [`Call::set_mask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaskRule {
    /// The layer does not support masking: its result has no mask.
    Stop,
    /// The layer hands the mask on (`supports_masking = True` without a `compute_mask` of its own).
    Pass,
}

/// A layer class or operation and its lowering.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Class name without module and package.
    pub(crate) name: &'static str,
    /// Inserts the core ops of one call.
    pub(crate) lower: Lower,
    /// What becomes of the mask.
    pub(crate) mask: MaskRule,
    /// Whether the lowering is no more than a diagnostic that says why.
    refuses: bool,
}

impl Row {
    /// The layer is known, and cannot be converted.
    pub(crate) const fn refuses(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// The layer hands the mask of its first input on.
    pub(crate) const fn passes_mask(mut self) -> Self {
        self.mask = MaskRule::Pass;
        self
    }
}

/// A row of a layer with one result.
pub(crate) const fn row(name: &'static str, lower: fn(&mut Call<'_>) -> Result<ValueId>) -> Row {
    Row { name, lower: Lower::One(lower), mask: MaskRule::Stop, refuses: false }
}

/// A row of a layer with any number of results.
pub(crate) const fn row_many(name: &'static str, lower: fn(&mut Call<'_>) -> Result<Vec<ValueId>>) -> Row {
    Row { name, lower: Lower::Many(lower), mask: MaskRule::Stop, refuses: false }
}

/// The families; this list changes only when one is added.
const FAMILIES: &[&[Row]] = &[
    dense::ROWS,
    conv::ROWS,
    conv_transpose::ROWS,
    local::ROWS,
    pool::ROWS,
    norm::ROWS,
    reshape::ROWS,
    spatial::ROWS,
    merge::ROWS,
    activation_layers::ROWS,
    inference::ROWS,
    recurrent::ROWS,
    recurrent_bidirectional::ROWS,
    conv_lstm::ROWS,
    wrappers::ROWS,
    preprocessing::ROWS,
    spectrogram::ROWS,
    tf_lambda::ROWS,
    tf_op_layer::ROWS,
    attention::ROWS,
    attention_multi_head::ROWS,
];

/// Keras 3's operations (`keras.ops`), whose class names clash with those of layers.
const OPERATIONS: &[&[Row]] = &[
    operations::ROWS,
    operations_reduce::ROWS,
    operations_shape::ROWS,
    operations_nn::ROWS,
    operations_conv::ROWS,
    operations_loss::ROWS,
    operations_image::ROWS,
    operations_pointwise::ROWS,
    operations_make::ROWS,
    operations_matrix::ROWS,
    operations_move::ROWS,
    operations_order::ROWS,
    operations_quantile::ROWS,
    operations_nan::ROWS,
    operations_scatter::ROWS,
    operations_signal::ROWS,
    preprocessing::OPERATIONS,
];

/// The row of a layer class or of an operation. Their names clash; the module tells them apart, where the file says it.
pub(crate) fn find(op: &SourceOp) -> Option<&'static Row> {
    let row = |families: &[&'static [Row]]| families.iter().flat_map(|f| f.iter()).find(|r| r.name == op.name);
    match op.attr("@module").and_then(Attr::as_str) {
        Some(m) if m.starts_with("keras.src.ops") || m.starts_with("keras.ops") => row(OPERATIONS),
        // `Mish` and `ReLU` are operations that are defined beside the activation functions.
        Some(m) if m.starts_with("keras.src.activations") => row(OPERATIONS).or_else(|| row(FAMILIES)),
        Some(_) => row(FAMILIES),
        None if called_as_operation(op) => row(OPERATIONS).or_else(|| row(FAMILIES)),
        None => row(FAMILIES).or_else(|| row(OPERATIONS)),
    }
}

/// HDF5 files of Keras 3 say no module. An operation's config has no `trainable`, and unlike a merge layer (whose config
/// has none in Keras 1) it is not called with a list.
fn called_as_operation(op: &SourceOp) -> bool {
    let first = op.attr("@args").and_then(Attr::as_list).and_then(<[Attr]>::first);
    !op.attrs.contains_key("trainable") && first.is_some_and(|a| a.as_list().is_none())
}

/// The names of all layer classes and operations that are converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supported {
    /// Layer classes, in the order of the families.
    pub layers: Vec<&'static str>,
    /// Keras 3's operations (`keras.ops`) in functional models.
    pub operations: Vec<&'static str>,
}

/// What is converted, from the rows.
pub fn supported() -> Supported {
    let names = |families: &[&'static [Row]]| {
        families.iter().flat_map(|f| f.iter()).filter(|r| !r.refuses).map(|r| r.name).collect::<Vec<_>>()
    };
    Supported { layers: names(FAMILIES), operations: names(OPERATIONS) }
}

/// Whether there is a lowering for an op as it stands.
pub fn converts(op: &SourceOp) -> bool {
    !unknown::is_foreign(op) && find(op).is_some_and(|row| !row.refuses)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, OPERATIONS};

    #[test]
    fn no_class_has_two_rows() {
        for families in [FAMILIES, OPERATIONS] {
            let mut seen = std::collections::BTreeSet::new();
            for row in families.iter().flat_map(|f| f.iter()) {
                assert!(seen.insert(row.name), "{} stands twice", row.name);
            }
        }
    }
}
