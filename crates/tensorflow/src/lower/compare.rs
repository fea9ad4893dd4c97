//! Comparisons, logic, selection (`core/ops/math_ops.cc`).

use super::call::Call;
use super::elementwise::{binary, two, unary};
use super::formula as f;
use super::{Row, row};
use modelport_diag::Result;
use modelport_ir::ValueId;
use modelport_ir::core::{BinaryOp, UnaryOp};

pub(crate) const ROWS: &[Row] = &[
    row("Equal", |c| binary(c, BinaryOp::Equal)),
    row("NotEqual", |c| two(c, f::differs)),
    row("Greater", |c| binary(c, BinaryOp::Greater)),
    row("GreaterEqual", |c| binary(c, BinaryOp::GreaterOrEqual)),
    row("Less", |c| binary(c, BinaryOp::Less)),
    row("LessEqual", |c| binary(c, BinaryOp::LessOrEqual)),
    row("ApproximateEqual", approximate),
    row("LogicalAnd", |c| binary(c, BinaryOp::And)),
    row("LogicalOr", |c| binary(c, BinaryOp::Or)),
    row("LogicalNot", |c| unary(c, UnaryOp::Not)),
    row("Select", select),
    row("SelectV2", |c| {
        let [condition, x, y] = c.three()?;
        c.b.choose(condition, x, y)
    }),
];

fn approximate(c: &mut Call<'_>) -> Result<ValueId> {
    let [x, y] = c.pair()?;
    let tolerance = c.float_or("tolerance", 1e-5)?;
    let apart = c.b.binary(BinaryOp::Sub, x, y)?;
    let size = c.b.unary(UnaryOp::Abs, apart)?;
    c.b.binary_scalar(BinaryOp::Less, size, tolerance)
}

/// A condition of one dimension chooses whole rows of values of more.
fn select(c: &mut Call<'_>) -> Result<ValueId> {
    let [mut condition, x, y] = c.three()?;
    let rank = c.b.rank(x);
    if c.b.rank(condition) == 1 && rank > 1 {
        let axes: Vec<i64> = (1..rank as i64).collect();
        condition = c.b.unsqueeze(condition, &axes)?;
    }
    c.b.choose(condition, x, y)
}
