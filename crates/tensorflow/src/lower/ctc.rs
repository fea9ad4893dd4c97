//! Decoding of sequences of classes (`core/ops/ctc_ops.cc`, `core/kernels/ctc_decoder_ops.cc`).

use super::call::Call;
use super::formula as f;
use super::sparse;
use super::{Row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{ArgKind, BinaryOp, PadMode, ReduceKind, UnaryOp};
use modelport_ir::{DType, Op, Tensor, ValueId};

pub(crate) const ROWS: &[Row] = &[row_many("CTCGreedyDecoder", greedy)];

/// (scores [time, batch, classes], lengths) → indices, values and shape of the sparse matrix of the best classes without
/// blanks (and without repetitions, where that is asked for), and the negated sum of the best scores.
fn greedy(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [x, lengths] = c.pair()?;
    c.need_rank(x, 3)?;
    let merged = c.bool_or("merge_repeated", false)?;
    let best = c.b.one(Op::ArgReduce { kind: ArgKind::Max, axis: 2, keepdims: false, select_last: false }, &[x])?;
    let best = c.b.transpose(best, &[1, 0])?;
    let steps = c.b.dim(x, 0)?;
    let steps = f::count_to(c.b, steps)?;
    let lengths = c.b.cast(lengths, DType::I64)?;
    let lengths = c.b.unsqueeze(lengths, &[1])?;
    let inside = c.b.binary(BinaryOp::Less, steps, lengths)?;
    let blank = blank(c, x)?;
    let spoken = f::differs(c.b, best, blank)?;
    let mut kept = c.b.binary(BinaryOp::And, spoken, inside)?;
    if merged {
        let (pads, none) = (c.b.ints(&[0, 1, 0, 0]), c.b.scalar_like(best, -1.0));
        let before = c.b.slice_axis(best, 1, 0, -1, 1)?;
        let before = c.b.one(Op::Pad { mode: PadMode::Constant }, &[before, pads, none])?;
        let new = f::differs(c.b, best, before)?;
        kept = c.b.binary(BinaryOp::And, kept, new)?;
    }
    let [line, place, values, longest] = sparse::chosen(c, best, kept)?;
    let indices = f::stack(c.b, &[line, place], 1)?;
    let batch = c.b.dim(x, 1)?;
    let shape = c.b.concat(&[batch, longest], 0)?;
    Ok(vec![indices, values, shape, negated_score(c, x, inside)?])
}

/// The class that stands for nothing; negative numbers count from the end.
fn blank(c: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let index = c.int_or("blank_index", -1)?;
    if index >= 0 {
        return Ok(c.b.constant("", Tensor::int_scalar(index)));
    }
    let classes = c.b.dim(x, 2)?;
    let classes = f::scalar(c.b, classes)?;
    c.b.binary_scalar(BinaryOp::Add, classes, index as f64)
}

/// [batch, 1]
fn negated_score(c: &mut Call<'_>, x: ValueId, inside: ValueId) -> Result<ValueId> {
    let top = c.b.reduce(ReduceKind::Max, x, &[2], false)?;
    let top = c.b.transpose(top, &[1, 0])?;
    let zero = c.b.scalar_like(top, 0.0);
    let top = c.b.choose(inside, top, zero)?;
    let sum = c.b.reduce(ReduceKind::Sum, top, &[1], true)?;
    c.b.unary(UnaryOp::Neg, sum)
}
