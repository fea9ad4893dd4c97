//! Lowering: a TensorFlow source graph becomes a core graph, op by op.
//!
//! Owns: what every TensorFlow op means, in the spelling of TensorFlow 2.21. One family of ops a file, one row an op.
//! Must never know: file formats, older spellings (the shim has rewritten those), writers.

mod activation;
mod call;
mod compare;
mod complex;
mod control;
mod control_loop;
mod conv;
mod conv_transpose;
mod ctc;
mod cudnn;
mod driver;
mod elementwise;
mod fft;
mod formula;
mod gather;
mod generate;
mod identity;
mod image;
mod image_color;
mod image_crop;
mod image_kernels;
mod image_spans;
mod join;
mod linalg;
mod matrix;
mod norm;
mod origin;
mod pad;
mod philox;
mod pool;
mod quant;
mod ragged;
mod random;
mod random_crop;
mod recurrence;
mod recurrence_body;
mod reduce;
mod refused;
mod rnn;
mod rows;
mod scatter;
mod search;
mod segment;
mod shape;
mod slice;
mod space_batch;
mod sparse;
mod special;
mod stateless;
mod suppression;
mod tensor_list;
mod truncated;
mod unknown;

pub use driver::lower;

use call::Call;
use modelport_diag::Result;
use modelport_ir::{SourceOp, ValueId};

/// What a row's function returns.
#[derive(Clone, Copy)]
pub(crate) enum Lower {
    /// An op with one result.
    One(fn(&mut Call<'_>) -> Result<ValueId>),
    /// An op with any number of results.
    Many(fn(&mut Call<'_>) -> Result<Vec<ValueId>>),
}

/// A TensorFlow op and its lowering.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// The op's name in the GraphDef.
    pub(crate) name: &'static str,
    /// Inserts the core ops of one node.
    pub(crate) lower: Lower,
}

/// A row of an op with one result.
pub(crate) const fn row(name: &'static str, lower: fn(&mut Call<'_>) -> Result<ValueId>) -> Row {
    Row { name, lower: Lower::One(lower) }
}

/// A row of an op with any number of results.
pub(crate) const fn row_many(name: &'static str, lower: fn(&mut Call<'_>) -> Result<Vec<ValueId>>) -> Row {
    Row { name, lower: Lower::Many(lower) }
}

/// The families; this list changes only when one is added.
const FAMILIES: &[&[Row]] = &[
    identity::ROWS,
    elementwise::ROWS,
    special::ROWS,
    compare::ROWS,
    activation::ROWS,
    reduce::ROWS,
    linalg::ROWS,
    matrix::ROWS,
    conv::ROWS,
    conv_transpose::ROWS,
    pool::ROWS,
    norm::ROWS,
    space_batch::ROWS,
    shape::ROWS,
    generate::ROWS,
    random::ROWS,
    truncated::ROWS,
    random_crop::ROWS,
    stateless::ROWS,
    join::ROWS,
    pad::ROWS,
    slice::ROWS,
    gather::ROWS,
    scatter::ROWS,
    segment::ROWS,
    search::ROWS,
    image::ROWS,
    image_color::ROWS,
    image_crop::ROWS,
    suppression::ROWS,
    quant::ROWS,
    rnn::ROWS,
    cudnn::ROWS,
    complex::ROWS,
    fft::ROWS,
    control::ROWS,
    tensor_list::ROWS,
    ragged::ROWS,
    sparse::ROWS,
    ctc::ROWS,
];

/// The row of an op.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    FAMILIES.iter().flat_map(|f| f.iter()).find(|r| r.name == name)
}

/// The names of all ops that are converted, in the order of the families.
pub fn supported() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|f| f.iter()).map(|r| r.name).collect()
}

/// Whether there is a lowering for an op as it stands.
pub fn converts(op: &SourceOp) -> bool {
    find(&op.name).is_some()
}

#[cfg(test)]
mod tests {
    use super::FAMILIES;

    #[test]
    fn no_op_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for row in FAMILIES.iter().flat_map(|f| f.iter()) {
            assert!(seen.insert(row.name), "{} stands twice", row.name);
        }
    }
}
