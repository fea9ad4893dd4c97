//! Boxes that do not overlap (`core/ops/image_ops.cc`, `core/kernels/image/non_max_suppression_op.cc`).

use super::call::Call;
use super::formula as f;
use super::{Row, row, row_many};
use modelport_diag::Result;
use modelport_ir::core::{BinaryOp, PadMode, ReduceKind, ScatterReduction};
use modelport_ir::{DType, Op, ValueId};

pub(crate) const ROWS: &[Row] = &[
    row("NonMaxSuppression", |c| {
        let overlap = c.float_or("iou_threshold", 0.5)?;
        let overlap = c.b.scalar(DType::F32, overlap);
        selected(c, Some(overlap), None)
    }),
    row("NonMaxSuppressionV2", |c| {
        let overlap = c.input(3)?;
        selected(c, Some(overlap), None)
    }),
    row("NonMaxSuppressionV3", |c| {
        let (overlap, least) = (c.input(3)?, c.input(4)?);
        selected(c, Some(overlap), Some(least))
    }),
    row_many("NonMaxSuppressionV4", |c| {
        let (overlap, least) = (c.input(3)?, c.input(4)?);
        let at = selected(c, Some(overlap), Some(least))?;
        counted(c, at)
    }),
    row_many("NonMaxSuppressionV5", with_scores),
    row_many("CombinedNonMaxSuppression", combined),
];

/// (boxes [n, 4], scores [n], most, overlap?, least score?) → the numbers of the boxes, best first.
fn selected(c: &mut Call<'_>, overlap: Option<ValueId>, least: Option<ValueId>) -> Result<ValueId> {
    let [boxes, scores, most] = c.three()?;
    c.need_rank(boxes, 2)?;
    let boxes = c.b.cast(boxes, DType::F32)?;
    let scores = c.b.cast(scores, DType::F32)?;
    let (boxes, scores) = (c.b.unsqueeze(boxes, &[0])?, c.b.unsqueeze(scores, &[0, 1])?);
    let triples = suppressed(c, boxes, scores, most, overlap, least)?;
    let own = c.b.slice_axis(triples, 1, 2, 3, 1)?;
    let own = c.b.squeeze(own, &[1])?;
    c.b.cast(own, DType::I32)
}

/// ONNX's operator on [images, boxes, 4] and [images, classes, boxes].
fn suppressed(
    c: &mut Call<'_>,
    boxes: ValueId,
    scores: ValueId,
    most: ValueId,
    overlap: Option<ValueId>,
    least: Option<ValueId>,
) -> Result<ValueId> {
    let most = f::long_vector(c.b, most)?;
    let single = |c: &mut Call<'_>, v: Option<ValueId>| match v {
        None => Ok(None),
        Some(v) => {
            let v = c.b.cast(v, DType::F32)?;
            if c.b.rank(v) == 0 { c.b.reshape(v, &[1]) } else { Ok(v) }.map(Some)
        }
    };
    let (overlap, least) = (single(c, overlap)?, single(c, least)?);
    let op = Op::NonMaxSuppression { center_point_box: false };
    c.b.one_opt(op, &[Some(boxes), Some(scores), Some(most), overlap, least])
}

/// The numbers, padded with 0 where that is asked for, and how many there are.
fn counted(c: &mut Call<'_>, at: ValueId) -> Result<Vec<ValueId>> {
    let n = c.b.dim(at, 0)?;
    let count = f::scalar(c.b, n)?;
    let count = c.b.cast(count, DType::I32)?;
    Ok(vec![padded(c, at, n)?, count])
}

/// `x`, of `n` elements, padded with zeros to the largest number of boxes, where that is asked for.
fn padded(c: &mut Call<'_>, x: ValueId, n: ValueId) -> Result<ValueId> {
    if !c.bool_or("pad_to_max_output_size", false)? {
        return Ok(x);
    }
    let most = c.input(2)?;
    let most = f::long_vector(c.b, most)?;
    let lack = c.b.binary(BinaryOp::Sub, most, n)?;
    let zero = c.b.ints(&[0]);
    let widths = c.b.concat(&[zero, lack], 0)?;
    let y = c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, widths])?;
    // Its length is what was asked for.
    f::reshape_to(c.b, y, most)
}

/// → (numbers, scores, count); scores stay as they are unless overlap lowers them softly.
fn with_scores(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (overlap, least) = (c.input(3)?, c.input(4)?);
    if c.number_operand(5, "soft_nms_sigma")? != 0.0 {
        return Err(c.unsupported("scores that overlap lowers softly (`soft_nms_sigma` above 0) have no lowering"));
    }
    let at = selected(c, Some(overlap), Some(least))?;
    let n = c.b.dim(at, 0)?;
    let scores = c.input(1)?;
    let kept = c.b.one(Op::Gather { axis: 0 }, &[scores, at])?;
    let kept = padded(c, kept, n)?;
    let both = counted(c, at)?;
    let [at, count] = f::two(&both)?;
    Ok(vec![at, kept, count])
}

/// (boxes [images, n, 1 or classes, 4], scores [images, n, classes], most of a class, most of all, overlap, least score)
/// → boxes, scores, classes, counts, padded with zeros.
fn combined(c: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let [boxes, scores, per_class] = c.three()?;
    let (total, overlap, least) = (c.input(3)?, c.input(4)?, c.input(5)?);
    let classes = c.known_dim(scores, 2)?;
    let n = c.b.dim(scores, 1)?;
    let shared = c.known_dim(boxes, 2)? == 1;
    let by_class = c.b.transpose(scores, &[0, 2, 1])?;
    // Boxes of each class are images of their own.
    let (lines, marks) = if shared {
        (c.b.squeeze(boxes, &[2])?, by_class)
    } else {
        let own = c.b.transpose(boxes, &[0, 2, 1, 3])?;
        let own = f::reshape(c.b, own, &[f::From::Size(-1), f::From::Dim(boxes, 1), f::From::Size(4)])?;
        let flat = [f::From::Size(-1), f::From::Size(1), f::From::Dim(scores, 1)];
        (own, f::reshape(c.b, by_class, &flat)?)
    };
    let triples = suppressed(c, lines, marks, per_class, Some(overlap), Some(least))?;
    // Scores of the boxes that were chosen, all others below any score: [images, classes · n].
    let chosen = c.b.one(Op::GatherNd { batch_dims: 0 }, &[marks, triples])?;
    let shape = f::shape_of(c.b, marks)?;
    let never = c.b.scalar_like(chosen, f64::NEG_INFINITY);
    let blank = c.b.one(Op::Expand, &[never, shape])?;
    let kept = c.b.one(Op::ScatterNd { reduction: ScatterReduction::None }, &[blank, triples, chosen])?;
    let line = [f::From::Dim(scores, 0), f::From::Size(-1)];
    let kept = f::reshape(c.b, kept, &line)?;
    // As many as there are, then as many as are asked for.
    let total = size_of_result(c, total, per_class, classes)?;
    let available = c.b.dim(kept, 1)?;
    let some = c.b.binary(BinaryOp::Min, total, available)?;
    let [best, at] = f::top(c.b, kept, some, true)?;
    let valid = c.b.binary(BinaryOp::Greater, best, never)?;
    let class = c.b.binary(BinaryOp::Div, at, n)?;
    let place = c.b.binary(BinaryOp::Mod, at, n)?;
    let own = if shared { place } else { at };
    let picked = boxes_at(c, boxes, own, shared)?;
    let (count, class) = (c.b.cast(valid, DType::I32)?, c.b.cast(class, DType::F32)?);
    let count = c.b.reduce(ReduceKind::Sum, count, &[1], false)?;
    let visible = c.b.unsqueeze(valid, &[2])?;
    let zero = c.b.scalar(DType::F32, 0.0);
    let picked = c.b.choose(visible, picked, zero)?;
    let best = c.b.choose(valid, best, zero)?;
    let class = c.b.choose(valid, class, zero)?;
    let lack = c.b.binary(BinaryOp::Sub, total, some)?;
    Ok(vec![lengthened(c, picked, lack)?, lengthened(c, best, lack)?, lengthened(c, class, lack)?, count])
}

/// The number of rows of the results, i64[1].
fn size_of_result(c: &mut Call<'_>, total: ValueId, per_class: ValueId, classes: usize) -> Result<ValueId> {
    let total = f::long_vector(c.b, total)?;
    if !c.bool_or("pad_per_class", false)? {
        return Ok(total);
    }
    let per_class = f::long_vector(c.b, per_class)?;
    let all = c.b.binary_scalar(BinaryOp::Mul, per_class, classes as f64)?;
    c.b.binary(BinaryOp::Min, total, all)
}

/// The boxes at [images, m], from 0 to 1 where they are clipped.
fn boxes_at(c: &mut Call<'_>, boxes: ValueId, at: ValueId, shared: bool) -> Result<ValueId> {
    let lines = if shared {
        c.b.squeeze(boxes, &[2])?
    } else {
        let own = c.b.transpose(boxes, &[0, 2, 1, 3])?;
        f::reshape(c.b, own, &[f::From::Dim(boxes, 0), f::From::Size(-1), f::From::Size(4)])?
    };
    let tuples = c.b.unsqueeze(at, &[2])?;
    let picked = c.b.one(Op::GatherNd { batch_dims: 1 }, &[lines, tuples])?;
    if c.bool_or("clip_boxes", true)? { f::clip(c.b, picked, Some(0.0), Some(1.0)) } else { Ok(picked) }
}

/// `x` with `lack` rows of zeros more along axis 1.
fn lengthened(c: &mut Call<'_>, x: ValueId, lack: ValueId) -> Result<ValueId> {
    if c.b.known(lack).and_then(modelport_ir::infer::Known::values).is_some_and(|v| v == [0]) {
        return Ok(x);
    }
    let rank = c.b.rank(x);
    let (head, tail) = (c.b.ints(&vec![0; rank + 1]), c.b.ints(&vec![0; rank - 2]));
    let widths = if rank > 2 { c.b.concat(&[head, lack, tail], 0)? } else { c.b.concat(&[head, lack], 0)? };
    c.b.one(Op::Pad { mode: PadMode::Constant }, &[x, widths])
}
