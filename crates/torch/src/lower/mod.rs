//! Lowering: a graph of ATen calls becomes a core graph, call by call.
//!
//! Owns: what every ATen op means, in today's semantics. One family of ops a file, one row an op; one row serves every
//! overload, in-place form and `out=` variant. Must never know: file formats, older semantics (the shim has rewritten
//! those), writers.

mod activation;
mod alias;
mod args;
mod assume;
mod attention;
mod backward;
mod bag;
mod binary;
mod call;
mod complex;
mod composed;
mod control;
mod conv;
mod create;
mod driver;
mod fft;
mod index;
mod join;
mod linalg;
mod module;
pub(crate) mod names;
mod norm;
mod numbers;
mod one;
mod parts;
mod pieces;
mod pointwise;
mod pool;
mod promote;
mod random;
mod recurrent;
mod reduce;
mod resize;
mod scatter;
mod schema;
mod sizes;
mod sort;
mod stft;
mod through;
mod typing;
mod views;
mod vision;

pub use assume::assume_inputs;
pub(crate) use call::Operand;
pub use driver::lower;
pub(crate) use one::lower_row;
pub(crate) use schema::result_count;
pub(crate) use typing::Typing;

use call::Call;
use modelport_diag::Result;
use modelport_ir::complex::Pair;
use modelport_ir::{SourceOp, ValueId};

/// What a row's function returns.
#[derive(Clone, Copy)]
pub(crate) enum Lower {
    /// An op with one result.
    One(fn(&mut Call<'_>) -> Result<ValueId>),
    /// An op with one result that knows complex operands and gives a pair.
    Pair(fn(&mut Call<'_>) -> Result<Pair>),
    /// An op with any number of results.
    Many(fn(&mut Call<'_>) -> Result<Vec<ValueId>>),
}

/// An ATen op and its lowering.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// `aten::conv2d`.
    pub(crate) name: &'static str,
    /// Inserts the core ops of one call.
    pub(crate) lower: Lower,
    /// Whether the results share the memory of `self`, so that writing to either changes both.
    pub(crate) view: bool,
    /// Whether the results are Python numbers, which do not take part in type promotion as tensors do.
    pub(crate) number: bool,
    /// Whether the lowering is no more than a diagnostic that says why.
    refuses: bool,
}

impl Row {
    /// The results are views of `self`.
    pub(crate) const fn view(mut self) -> Self {
        self.view = true;
        self
    }

    /// The results are numbers, not tensors.
    pub(crate) const fn number(mut self) -> Self {
        self.number = true;
        self
    }

    /// The op is known, and cannot be converted.
    pub(crate) const fn refuses(mut self) -> Self {
        self.refuses = true;
        self
    }
}

const fn any_row(name: &'static str, lower: Lower) -> Row {
    Row { name, lower, view: false, number: false, refuses: false }
}

/// A row of an op with one result.
pub(crate) const fn row(name: &'static str, lower: fn(&mut Call<'_>) -> Result<ValueId>) -> Row {
    any_row(name, Lower::One(lower))
}

/// A row of an op with one result that knows complex operands and gives a pair.
pub(crate) const fn row_complex(name: &'static str, lower: fn(&mut Call<'_>) -> Result<Pair>) -> Row {
    any_row(name, Lower::Pair(lower))
}

/// A row of an op with any number of results.
pub(crate) const fn row_many(name: &'static str, lower: fn(&mut Call<'_>) -> Result<Vec<ValueId>>) -> Row {
    any_row(name, Lower::Many(lower))
}

/// The families; this list changes only when one is added.
const FAMILIES: &[&[Row]] = &[
    conv::ROWS,
    linalg::ROWS,
    composed::ROWS,
    activation::ROWS,
    pool::ROWS,
    norm::ROWS,
    pointwise::ROWS,
    binary::ROWS,
    reduce::ROWS,
    views::ROWS,
    pieces::ROWS,
    through::ROWS,
    join::ROWS,
    index::ROWS,
    bag::ROWS,
    scatter::ROWS,
    sort::ROWS,
    create::ROWS,
    random::ROWS,
    resize::ROWS,
    attention::ROWS,
    recurrent::ROWS,
    vision::ROWS,
    numbers::ROWS,
    complex::ROWS,
    fft::ROWS,
    stft::ROWS,
    backward::conv::ROWS,
    backward::pool::ROWS,
    backward::norm::ROWS,
    backward::embedding::ROWS,
    backward::pointwise::ROWS,
    backward::resample::ROWS,
    backward::attention::ROWS,
    backward::distance::ROWS,
];

/// The row of an op by its functional name without overload: `aten::add`.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    FAMILIES.iter().flat_map(|f| f.iter()).find(|r| r.name == name)
}

/// The names of all ops that are converted, in the order of the families.
pub fn supported() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|f| f.iter()).filter(|r| !r.refuses).map(|r| r.name).collect()
}

/// Whether there is a lowering for an op as it stands.
pub fn converts(op: &SourceOp) -> bool {
    let name = names::parse(&op.name);
    control::is_control(&op.name) || name.ignored || find(&name.base).is_some_and(|row| !row.refuses)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, names, schema};

    #[test]
    fn no_op_has_two_rows_and_each_has_a_schema() {
        let mut seen = std::collections::BTreeSet::new();
        for row in FAMILIES.iter().flat_map(|f| f.iter()) {
            assert!(seen.insert(row.name), "{} stands twice", row.name);
            assert!(!schema::overloads(row.name).is_empty(), "{} has no schema", row.name);
            assert_eq!(names::parse(row.name).base, row.name, "{} is an alias of another op", row.name);
        }
    }
}
